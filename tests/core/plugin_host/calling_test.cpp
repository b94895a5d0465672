#include <gmock/gmock.h>

#include "tests/core/plugin_host/support.hpp"

namespace patchbay::plugin_host {
namespace {

using testing::HasSubstr;

class PluginCalls : public PluginHostTest {
 protected:
  PluginCalls() {
    drop_echo();
    drop("cplugin");
    drop("caller");
    settings.grants["caller"] = {"echo.*", "cplugin.add", "c_plugin.fail", "c_plugin.count"};
    settings.grants["cplugin"] = {"echo.say"};
    settings.configurations["caller"] = R"({"greeting":"good day"})";
  }
};

TEST_F(PluginCalls, AnotherOperationUntypedAndTyped) {
  start(2);
  EXPECT_EQ(shown(call("caller_relay", R"({"operation":"echo_say","arguments":{"text":"x"}})")), R"({"text":"x"})");
  EXPECT_EQ(shown(call("caller_relay", R"({"tool":"echo_say_later","arguments":{"text":"y"}})")), R"({"text":"y"})");
  auto const sum = call("caller_sum", R"({"a":20,"b":22})");
  EXPECT_EQ(shown(sum), R"({"sum":42})");
  EXPECT_EQ(sum->message, "Added in C");
  auto const relayed = call("cplugin_relay", R"({"text":"from C"})");
  EXPECT_EQ(shown(relayed), R"({"text":"from C"})");
  EXPECT_EQ(relayed->message, "relayed by C");
  EXPECT_EQ(counts().calls_made, 4);
}

TEST_F(PluginCalls, OnlyWhatItIsGrantedByScopeOrByName) {
  start();
  auto const denied = call("caller_relay", R"({"operation":"plugins_list"})");
  EXPECT_EQ(denied.error().code, Code::forbidden);
  EXPECT_THAT(denied.error().message, HasSubstr("plugin:caller may not call plugins_list"));
  EXPECT_THAT(denied.error().message, HasSubstr("plugins.*"));
  EXPECT_EQ(call("caller_relay", R"({"operation":"cplugin_fail"})").error().code, Code::not_found) << "granted by name";
  auto const unknown = call("caller_relay", R"({"operation":"echo_sai"})");
  EXPECT_EQ(unknown.error().code, Code::not_found);
  EXPECT_THAT(unknown.error().message, HasSubstr("echo_say"));
  EXPECT_EQ(call("caller_relay", R"({"operation":"echo_say","arguments":{"text":1}})").error().pointer, "/text");
}

TEST_F(PluginCalls, GrantsChangeLive) {
  start();
  EXPECT_EQ(call("caller_relay", R"({"operation":"plugins_stats"})").error().code, Code::forbidden);
  settings.grants["caller"].push_back("metrics.read");
  host->apply(settings);
  EXPECT_TRUE(until([&] { return call("caller_relay", R"({"operation":"plugins_stats"})").has_value(); }));
  EXPECT_EQ(counts().replacements, 0) << "grants need no new instance";
}

TEST_F(PluginCalls, ANewConfigurationStartsThePluginAnew) {
  start();
  EXPECT_THAT(shown(call("caller_about")), HasSubstr(R"("greeting":"good day")"));
  settings.configurations["caller"] = R"({"greeting":"good evening"})";
  host->apply(settings);
  EXPECT_TRUE(until([&] { return shown(call("caller_about")).find("good evening") != std::string::npos; }));
  settings.configurations["caller"] = R"({"refuse":true})";
  host->apply(settings);
  EXPECT_TRUE(until([&] { return refusal("libpatchbay_caller.so").find("told to refuse") != std::string::npos; }));
  EXPECT_THAT(shown(call("caller_about")), HasSubstr("good evening")) << "the old one runs on";
}

TEST_F(PluginCalls, SayHowTheyAre) {
  start();
  auto const part = [&] {
    for (auto const& one : host->health())
      if (one.name == "CALLER") return one;
    return PartHealth{"none"};
  };
  EXPECT_EQ(part().status, "ok") << "it has said nothing yet";
  EXPECT_EQ(summary_of("caller").message, "");
  ASSERT_TRUE(call("caller_say_health", R"({"ok":false,"message":"the server is away"})"));
  EXPECT_EQ(part().status, "degraded");
  EXPECT_EQ(part().message, "the server is away");
  EXPECT_TRUE(part().ready) << "the gateway itself serves";
  EXPECT_EQ(summary_of("caller").status, "degraded");
  EXPECT_EQ(summary_of("caller").message, "the server is away");
  EXPECT_THAT(shown(call("plugins_info", R"({"name":"caller"})")), HasSubstr(R"("message":"the server is away")"));
  ASSERT_TRUE(call("caller_say_health", R"({"ok":false,"message":""})"));
  EXPECT_THAT(part().message, HasSubstr("not why"));
  std::string far_too_long;
  for (int i = 0; i < 400; ++i) far_too_long += "\u00e4";
  ASSERT_TRUE(call("caller_say_health", R"({"ok":false,"message":"x)" + far_too_long + R"("})"));
  EXPECT_EQ(part().message.size(), 511U) << "cut between two letters";
  ASSERT_TRUE(call("caller_say_health", R"({"ok":true,"message":"connected"})"));
  EXPECT_EQ(part().status, "ok");
  EXPECT_EQ(part().message, "connected");
  ASSERT_TRUE(call("caller_say_health", R"({"ok":false,"message":"lost"})"));
  ASSERT_TRUE(call("plugins_reload_all"));
  EXPECT_EQ(part().status, "ok") << "a new instance begins anew";
}

TEST_F(PluginCalls, AreGrantedTheirOwnChannelsOrAll) {
  using testing::Contains;
  using testing::Not;
  EXPECT_THAT(default_grants("echo"), Contains("hub.publish:own"));
  EXPECT_THAT(default_grants("home_assistant"), Not(Contains("hub.publish")));
  auto const own = Grants::make("echo", "echo", {"hub.publish:own"});
  EXPECT_TRUE(own->limited->may("hub.publish"));
  EXPECT_THAT(own->limited->scopes, Contains("hub.publish:own"));
  EXPECT_THAT(own->limited->scopes, Contains("hub.prefix:echo"));
  for (auto const* wide : {"hub.publish", "hub.*", "admin"})
    EXPECT_THAT(Grants::make("echo", "echo", {"hub.publish:own", wide})->limited->scopes,
                Not(Contains("hub.publish:own")));
  EXPECT_FALSE(Grants::make("echo", "echo", {})->limited->may("hub.publish"));
}

struct BadConfiguration {
  char const *name, *text, *reason;
};
void PrintTo(BadConfiguration const& row, std::ostream* out) { *out << row.name; }
class PluginConfiguration : public PluginCalls, public testing::WithParamInterface<BadConfiguration> {};
TEST_P(PluginConfiguration, IsRefusedWithTheReason) {
  settings.configurations["caller"] = GetParam().text;
  start();
  EXPECT_THAT(refusal("libpatchbay_caller.so"), HasSubstr(GetParam().reason));
  EXPECT_FALSE(host->health().front().ready);
}
INSTANTIATE_TEST_SUITE_P(Table, PluginConfiguration,
                         testing::Values(BadConfiguration{"unknown", R"({"greetings":"x"})",
                                                          "unknown key greetings; there are: greeting, refuse"},
                                         BadConfiguration{"kind", R"({"greeting":5})",
                                                          "greeting must be a string, is a number"},
                                         BadConfiguration{"array", "[]", "must be an object"}),
                         [](auto const& row) { return std::string{row.param.name}; });

TEST_F(PluginCalls, KnowWhoCallsAndForWhom) {
  start();
  Asked asked;
  asked.who = std::make_shared<Principal const>(Principal{.name = "token:kitchen",
                                                          .scopes = {"caller.use"},
                                                          .user_id = "anna",
                                                          .entities = RawJson{R"({"allow":["light.*"]})"}});
  auto const about = shown(call("caller_about", "{}", asked));
  EXPECT_THAT(about, HasSubstr(R"("principal":"token:kitchen")"));
  EXPECT_THAT(about, HasSubstr(R"("user_id":"anna")"));
  EXPECT_THAT(about, HasSubstr(R"("entities":"{\"allow\":[\"light.*\"]}")"));
  EXPECT_THAT(about, HasSubstr(R"("background":"running")"));
  EXPECT_THAT(about, HasSubstr(settings.state_directory.string() + "/caller"));
  EXPECT_EQ(std::filesystem::status(settings.state_directory / "caller").permissions(), std::filesystem::perms{0700});
  // What the plugin calls for them bears the plugin's name and their user.
  asked.user_id = "bert";
  auto const relayed = shown(call("caller_relay", R"({"operation":"caller_about"})", asked));
  EXPECT_EQ(relayed.substr(0, 9), "forbidden") << "it was not granted its own scope";
  settings.grants["caller"].push_back("caller.use");
  host->apply(settings);
  ASSERT_TRUE(until([&] {
    auto const again = shown(call("caller_relay", R"({"operation":"caller_about"})", asked));
    return again.find(R"("principal":"plugin:caller","user_id":"bert")") != std::string::npos;
  }));
}

TEST_F(PluginCalls, FailureOfAHandlerKeepsItsMeaning) {
  start();
  auto const limited = call("caller_fail", R"({"how":"error"})").error();
  EXPECT_EQ(limited.code, Code::rate_limited);
  EXPECT_EQ(limited.message, "slow down");
  EXPECT_EQ(limited.pointer, "/how");
  EXPECT_EQ(limited.retry_after_ms, 1500U);
  EXPECT_EQ(call("caller_fail", R"({"how":"error_exception"})").error().code, Code::conflict);
  for (auto const* how : {R"({"how":"exception"})", R"({"how":"coroutine"})"}) {
    auto const error = call("caller_fail", how).error();
    EXPECT_EQ(error.code, Code::internal);
    EXPECT_THAT(error.message, testing::Not(HasSubstr("secret")));
  }
  EXPECT_THAT(log.text(),
              HasSubstr("plugin.caller: an operation ended by an exception operation=fail reason=a secret"));
}

TEST_F(PluginCalls, TheCallersTimeEndsTheCallsBelowToo) {
  drop("versioned_1");
  settings.grants["caller"].push_back("versioned.*");
  start();
  Asked asked;
  asked.budget = std::chrono::milliseconds{50};
  auto const late = call("caller_relay", R"({"operation":"versioned_later","arguments":{"ms":60000}})", asked);
  EXPECT_EQ(late.error().code, Code::deadline_exceeded);
  EXPECT_TRUE(until([&] { return counts().calls_in_flight == 0; })) << "the inner call was cancelled with it";
  auto const own = call("caller_relay", R"({"operation":"versioned_later","arguments":{"ms":60000},"timeout_ms":30})");
  EXPECT_EQ(own.error().code, Code::deadline_exceeded) << "a budget of the plugin's own";
}

TEST_F(PluginCalls, ListenToStreams) {
  start();
  auto const all = shown(call("caller_listen", R"({"operation":"cplugin_count","arguments":{"count":200}})"));
  EXPECT_EQ(all, R"({"events":200,"last":"number {\"number\":200}","ended":"{}"})");
  auto const own = shown(call("caller_listen", R"({"operation":"echo_count","arguments":{"count":5000}})"));
  EXPECT_EQ(own, R"({"events":5000,"last":"number {\"number\":5000}","ended":"{\"counted\":5000}"})");
  auto const stopped = shown(
      call("caller_listen", R"({"operation":"echo_count","arguments":{"count":5000,"interval_ms":1},"stop_after":3})"));
  EXPECT_THAT(stopped, HasSubstr(R"("ended":"cancelled")"));
  EXPECT_TRUE(until([&] { return counts().calls_in_flight == 0; }));
}

// ---- streams to a surface ----

class Listener final : public EventSink {
 public:
  Taken emit(std::string_view event, std::string_view json) override {
    std::lock_guard lock{mutex_};
    seen_.push_back(std::string{event} + " " + std::string{json});
    if (leave_after != 0 && seen_.size() >= leave_after) return Taken::gone;
    return slow ? Taken::wait : Taken::ok;
  }
  Task<bool> ready() override {
    SteadyTimer timer{co_await asio::this_coro::executor};
    timer.expires_after(std::chrono::microseconds{1});
    auto waiting = timer.async_wait(use_task_tuple);
    co_await std::move(waiting);
    co_return true;
  }
  std::vector<std::string> seen() const {
    std::lock_guard lock{mutex_};
    return seen_;
  }
  std::size_t leave_after = 0;
  bool slow = false;

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> seen_;
};

TEST_F(PluginCalls, StreamsArriveWholeAndInOrderAlsoAtASlowListener) {
  start();
  for (bool slow : {false, true}) {
    Listener listener;
    listener.slow = slow;
    Asked asked;
    asked.events = &listener;
    EXPECT_EQ(shown(call("echo_count", R"({"count":2000})", asked)), R"({"counted":2000})");
    auto const seen = listener.seen();
    ASSERT_EQ(seen.size(), 2000U);
    for (std::size_t i = 0; i < seen.size(); ++i)
      ASSERT_EQ(seen[i], "number {\"number\":" + std::to_string(i + 1) + "}");
  }
}

TEST_F(PluginCalls, AStreamEndsWhenItsListenerHasGone) {
  start();
  Listener listener;
  listener.leave_after = 3;
  Asked asked;
  asked.events = &listener;
  EXPECT_EQ(call("echo_count", R"({"count":1000000,"interval_ms":1})", asked).error().code, Code::cancelled);
  EXPECT_EQ(listener.seen().size(), 3U);
  EXPECT_TRUE(until([&] { return counts().calls_in_flight == 0; })) << "the plugin was told";
}

TEST_F(PluginCalls, APluginThatFloodsASlowListenerIsCutOff) {
  start();
  Listener listener;
  listener.slow = true;
  Asked asked;
  asked.events = &listener;
  // The C plugin sends all from within invoke and does not heed PB_WAIT.
  auto const flooded = call("cplugin_count", R"({"count":100000})", asked);
  EXPECT_EQ(flooded.error().code, Code::backpressure);
}

TEST_F(PluginCalls, AStreamNeedsSomebodyWhoListens) {
  start();
  EXPECT_EQ(call("echo_count").error().code, Code::unsupported);
}

}  // namespace
}  // namespace patchbay::plugin_host
