#include <gmock/gmock.h>

#include "tests/core/plugin_host/support.hpp"

namespace patchbay::plugin_host {
namespace {

using testing::HasSubstr;

TEST_F(PluginHostTest, IsReplacedTwiceUnderLoadWithoutAFailedCall) {
  auto const file = std::string{"libpatchbay_versioned.so"};
  drop("versioned_1", file);
  start(2);
  std::atomic<bool> stop{false};
  std::map<std::string, int> answers;  // of the loading thread
  std::vector<std::string> failures;
  std::thread load{[&] {
    // Two hundred calls a second, some of which are under way when the file changes.
    auto next = std::chrono::steady_clock::now();
    std::vector<std::future<Result<Answer>>> running;
    for (std::size_t i = 0; !stop; ++i) {
      Asked asked;
      asked.shard = i % 2;
      running.push_back(i % 2 == 0 ? ask("versioned_later", R"({"ms":20})", asked) : ask("versioned_now", "{}", asked));
      next += std::chrono::milliseconds{5};
      std::this_thread::sleep_until(next);  // the rate is the test's input
    }
    for (auto& one : running) {
      auto const result = one.get();
      if (result)
        ++answers[result->data];
      else
        failures.push_back(shown(result));
    }
  }};
  ASSERT_TRUE(until([&] { return counts().calls > 20; }));
  drop("versioned_2", file);
  ASSERT_TRUE(until([&] { return summary_of("versioned").version == "2.0"; })) << log.text();
  auto const between = counts().calls;
  ASSERT_TRUE(until([&] { return counts().calls > between + 20; }));
  drop("versioned_3", file);
  ASSERT_TRUE(until([&] { return summary_of("versioned").version == "3.0"; })) << log.text();
  auto const after = counts().calls;
  ASSERT_TRUE(until([&] { return counts().calls > after + 20; }));
  stop = true;
  load.join();
  EXPECT_THAT(failures, testing::IsEmpty());
  EXPECT_EQ(counts().replacements, 2);
  for (auto const* version : {R"({"version":1})", R"({"version":2})", R"({"version":3})"})
    EXPECT_GT(answers[version], 10) << version;
  EXPECT_EQ(caller->table().find("versioned_added"), nullptr) << "only version 2 has it";
}

TEST_F(PluginHostTest, AnOldRowLeadsToTheNewInstance) {
  drop("versioned_1");
  start();
  auto const* old_row = caller->table().find("versioned_now");
  drop("versioned_2");  // its operations stand in another order
  ASSERT_TRUE(until([&] { return summary_of("versioned").version == "2.0"; }));
  ASSERT_TRUE(until([&] { return counts().calls_in_flight == 0; }));
  auto through = [&](Row const* row) {
    std::promise<Result<Answer>> promise;
    runtime->home().post([&] {
      auto call = std::make_shared<Call>(host_principal());
      auto reply = caller->start_json(*row, *call, "{}");
      if (reply.ready()) return promise.set_value(reply.take());
      asio::co_spawn(
          runtime->home().executor(), reply.task(),
          [call, &promise](std::exception_ptr, Result<Answer> result) { promise.set_value(std::move(result)); });
    });
    return promise.get_future().get();
  };
  EXPECT_EQ(shown(through(old_row)), R"({"version":2})");
  auto const* added = caller->table().find("versioned_added");
  ASSERT_NE(added, nullptr);
  drop("versioned_3");
  ASSERT_TRUE(until([&] { return summary_of("versioned").version == "3.0"; }));
  auto const gone = through(added);
  EXPECT_EQ(gone.error().code, Code::unavailable);
  EXPECT_THAT(gone.error().message, HasSubstr("version 3.0 of the plugin versioned does not have it"));
  EXPECT_TRUE(call("plugins_unload", R"({"name":"versioned"})").has_value());
  EXPECT_EQ(through(old_row).error().code, Code::unavailable);
}

TEST_F(PluginHostTest, AStreamOfAReplacedPluginEndsUnavailable) {
  drop("versioned_1");
  start();
  struct Sink final : EventSink {
    Taken emit(std::string_view, std::string_view) override {
      ++seen;
      return Taken::ok;
    }
    Task<bool> ready() override { co_return true; }
    std::atomic<int> seen{0};
  } sink;
  Asked asked;
  asked.events = &sink;
  auto ticking = ask("versioned_ticks", "{}", asked);
  ASSERT_TRUE(until([&] { return sink.seen > 3; }));
  drop("versioned_2");
  auto const ended = ticking.get();
  EXPECT_EQ(ended.error().code, Code::unavailable);
  EXPECT_TRUE(ended.error().retryable());
  EXPECT_TRUE(until([&] { return counts().calls_in_flight == 0; }));
}

TEST_F(PluginHostTest, ABrokenReplacementLeavesTheRunningOneAlone) {
  auto const file = std::string{"libpatchbay_versioned.so"};
  drop("versioned_1", file);
  start();
  for (auto const* broken : {"missing_symbol", "wrong_abi"}) {
    drop(broken, file);
    ASSERT_TRUE(until([&] { return refusal(file) != "not refused"; })) << broken;
    EXPECT_EQ(shown(call("versioned_now")), R"({"version":1})");
    drop("versioned_1", file);
    ASSERT_TRUE(until([&] { return refusal(file) == "not refused"; })) << broken;
  }
}

TEST_F(PluginHostTest, StopEndsPluginsWithCallsUnderWay) {
  drop("versioned_1");
  drop_echo();
  drop("caller");
  settings.grants["caller"] = {"echo.*"};
  start();
  auto waiting = ask("versioned_later", R"({"ms":60000})");
  ASSERT_TRUE(until([&] { return counts().calls_in_flight == 1; }));
  auto const before = std::chrono::steady_clock::now();
  runtime->stop();
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds{5});
  auto const result = waiting.get();
  EXPECT_EQ(result.error().code, Code::unavailable) << shown(result);
}

}  // namespace
}  // namespace patchbay::plugin_host
