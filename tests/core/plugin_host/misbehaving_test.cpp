#include <gmock/gmock.h>

#include "tests/core/plugin_host/support.hpp"

namespace patchbay::plugin_host {
namespace {

using testing::HasSubstr;

TEST_F(PluginHostTest, ASecondAnswerIsGoneAndTouchesNothing) {
  drop("double_completion");
  start();
  EXPECT_EQ(shown(call("doublecompletion_work")), R"({"second":"none"})");
  EXPECT_EQ(shown(call("doublecompletion_work")), R"({"second":"gone"})");
  EXPECT_EQ(counts().late_answers, 2);
  EXPECT_EQ(counts().calls_in_flight, 0);
}

TEST_F(PluginHostTest, ACallThatIsNeverAnsweredEndsByItsDeadline) {
  drop("never_completing");
  start();
  auto const result = call("never_work");
  EXPECT_EQ(result.error().code, Code::deadline_exceeded);
  EXPECT_EQ(counts().abandoned, 1);
  EXPECT_EQ(counts().calls_in_flight, 1) << "the plugin still owes the answer";
  EXPECT_EQ(summary_of("never").calls_in_flight, 1);
}

TEST_F(PluginHostTest, APluginThatOwesAnswersIsLeftBehindNotDestroyed) {
  drop("never_completing");
  settings.drain_limit = std::chrono::milliseconds{50};
  start();
  EXPECT_EQ(call("never_work").error().code, Code::deadline_exceeded);
  EXPECT_EQ(shown(call("plugins_unload", R"({"name":"never"})")), R"({"name":"never","drained":false})");
  EXPECT_THAT(log.text(), HasSubstr("a plugin owes answers and is left behind plugin=never"));
}

TEST_F(PluginHostTest, ACallerThatWaitsIsToldWhenItsPluginGoes) {
  drop("never_completing");
  settings.drain_limit = std::chrono::milliseconds{20};
  start();
  auto waiting = ask("never_work");
  ASSERT_TRUE(until([&] { return counts().calls_in_flight == 1; }));
  EXPECT_TRUE(call("plugins_unload", R"({"name":"never"})").has_value());
  auto const code = waiting.get().error().code;
  EXPECT_TRUE(code == Code::unavailable || code == Code::deadline_exceeded) << name_of(code);
}

TEST_F(PluginHostTest, ABlockingPluginStallsOnlyItselfAndIsSeen) {
  drop("blocking");
  drop_echo();
  settings.stall_limit = std::chrono::milliseconds{100};
  start();
  auto const before = std::chrono::steady_clock::now();
  auto blocked = ask("blocking_block", R"({"ms":1000})");
  auto behind = ask("blocking_quick");
  EXPECT_EQ(shown(call("echo_say_later", R"({"text":"x"})")), R"({"text":"x"})");
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::milliseconds{900}) << "echo was not held up";
  EXPECT_EQ(blocked.get().error().code, Code::deadline_exceeded);
  auto degraded = [&] {
    for (auto const& part : host->health())
      if (part.name == "BLOCKING" && part.status == "degraded") return true;
    return false;
  };
  EXPECT_TRUE(degraded());
  EXPECT_EQ(summary_of("blocking").status, "degraded");
  double queue = 0;
  for (auto const& family : counters.sample())
    if (family.name == "patchbay_plugin_queue_seconds")
      for (auto const& series : family.series)
        if (series.labels.front().second == "blocking") queue = series.value;
  EXPECT_GE(queue, 0.1);
  EXPECT_TRUE(behind.get().has_value()) << "it was only late";
  EXPECT_TRUE(until([&] { return !degraded(); }));
}

TEST_F(PluginHostTest, AnAnswerThatIsNotJsonIsInternal) {
  drop("bad_result");
  start();
  for (auto const* tool : {"badresult_work", "badresult_work_inline"}) {
    auto const result = call(tool);
    EXPECT_EQ(result.error().code, Code::internal) << tool;
    EXPECT_THAT(result.error().message, HasSubstr("not JSON")) << tool;
  }
}

TEST_F(PluginHostTest, AnExceptionOutOfInvokeIsInternalOfThatCallOnly) {
  drop("throwing_invoke");
  drop_echo();
  start();
  auto const result = call("throwinginvoke_work");
  EXPECT_EQ(result.error().code, Code::internal);
  EXPECT_THAT(result.error().message, testing::Not(HasSubstr("not this time")));
  EXPECT_THAT(log.text(), HasSubstr("not this time"));
  EXPECT_EQ(shown(call("echo_say", R"({"text":"on"})")), R"({"text":"on"})");
  EXPECT_EQ(shown(call("plugins_unload", R"({"name":"throwinginvoke"})")),
            R"({"name":"throwinginvoke","drained":true})");
}

TEST_F(PluginHostTest, AnInlineOperationThatDoesNotAnswerAtOnceIsInternal) {
  drop("silent_inline");
  start();
  auto const result = call("silentinline_work");
  EXPECT_EQ(result.error().code, Code::internal);
  EXPECT_THAT(result.error().message, HasSubstr("did not answer before it returned"));
}

TEST_F(PluginHostTest, AnAnswerAfterDestroyTouchesNothing) {
  drop("answers_after_destroy");
  auto const go = root / "go";
  settings.configurations["lateanswer"] = R"({"go":")" + go.string() + R"("})";
  start();
  EXPECT_TRUE(call("lateanswer_work").has_value());
  EXPECT_TRUE(call("plugins_unload", R"({"name":"lateanswer"})").has_value());
  auto const before = counts().late_answers;
  std::ofstream{go} << "go";
  EXPECT_TRUE(until([&] { return counts().late_answers == before + 1; }));
  EXPECT_TRUE(until([&] { return !std::filesystem::exists(go); }));
}

TEST_F(PluginHostTest, TooManyUnansweredCallsAreRefused) {
  drop("never_completing");
  start();
  struct Counted {
    std::promise<void> all;
    std::size_t started = 0, refused = 0;
  } counted;
  // More than there are slots, from one function on the shard: none ends in between.
  runtime->home().post([&] {
    auto const* row = caller->table().find("never_work");
    Call one{host_principal()};
    auto parsed = json::parse("{}");
    for (std::uint32_t i = 0; i < Slots::most + 5; ++i) {
      auto reply = row->handler->start_json(one, *parsed);
      if (!reply.ready())
        ++counted.started;  // the task is dropped unstarted: the call is abandoned
      else if (reply.result().error().code == Code::backpressure)
        ++counted.refused;
    }
    counted.all.set_value();
  });
  counted.all.get_future().get();
  EXPECT_EQ(counted.started, Slots::most);
  EXPECT_EQ(counted.refused, 5U);
  EXPECT_EQ(counts().abandoned, Slots::most);
}

}  // namespace
}  // namespace patchbay::plugin_host
