// A broker that a plugin provides, over the real plugin host: the conformance suite, and what becomes of subscribers
// when its server goes away and comes back, or the plugin is replaced.
#include "gateway/plugin_broker.hpp"

#include <gmock/gmock.h>

#include <condition_variable>
#include <deque>

#include "tests/core/hub/broker_conformance.hpp"
#include "tests/core/plugin_host/support.hpp"

namespace patchbay {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// What is posted to the home's thread waits here for the test's.
class Queue {
 public:
  void push(std::function<void()> work) {
    std::lock_guard lock{mutex_};
    work_.push_back(std::move(work));
    changed_.notify_all();
  }
  // Runs what comes until `holds`; false after ten seconds.
  template <class Function>
  bool run_until(Function holds) {
    auto const limit = std::chrono::steady_clock::now() + std::chrono::seconds{10};
    while (!holds()) {
      std::function<void()> next;
      {
        std::unique_lock lock{mutex_};
        if (!changed_.wait_until(lock, limit, [&] { return !work_.empty(); })) return false;
        next = std::move(work_.front());
        work_.pop_front();
      }
      next();
    }
    return true;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> work_;
};

// A plugin host with the fixture in its folder, and the home's thread being the test's.
class World : public plugin_host::PluginHostTest {
 public:
  explicit World(std::string const& plugin = "broker")
      : brokers(
            plugin, [this](std::size_t, std::function<void()> work) { queue.push(std::move(work)); }, log) {
    followed = plugin;
    follower = &brokers;
    drop("broker");
  }
  ~World() override { stop(); }
  void TestBody() override {}
  using PluginHostTest::ask;
  using PluginHostTest::call;
  using PluginHostTest::counts;
  using PluginHostTest::drop_echo;
  using PluginHostTest::shown;

  std::unique_ptr<hub::Broker> make(hub::BrokerSink& sink, Clock const& its_clock, std::size_t bytes) {
    auto out = brokers.factory()(sink, its_clock, bytes);
    start();
    return out;
  }
  bool is_there() {
    return queue.run_until([&] { return brokers.health().status == "ok"; });
  }
  bool settle() {
    return queue.run_until([&] { return brokers.waiting() == 0; });
  }
  void ask_plugin(std::string tool, std::string args) {
    auto const answer = call(std::move(tool), std::move(args));
    EXPECT_TRUE(answer.has_value()) << shown(answer);
  }
  std::string log_text() { return log.text(); }

  Queue queue;
  PluginBrokers brokers;
};

std::unique_ptr<World> world;  // of the suite's test that runs

// It is a test itself, and must end before what GoogleTest keeps in statics.
class WorldEnds final : public testing::Environment {
  void TearDown() override { world.reset(); }
};
auto* const world_ends = testing::AddGlobalTestEnvironment(new WorldEnds);

std::unique_ptr<hub::Broker> make_of_plugin(hub::BrokerSink& sink, Clock const& clock, std::size_t bytes) {
  world = std::make_unique<World>();
  auto out = world->make(sink, clock, bytes);
  EXPECT_TRUE(world->is_there()) << world->log_text();
  return out;
}

}  // namespace

namespace hub::test {
INSTANTIATE_TEST_SUITE_P(Plugin, BrokerConformance,
                         testing::Values(BrokerUnderTest{"plugin", make_of_plugin, [] { EXPECT_TRUE(world->settle()); },
                                                         false}),
                         [](auto const& one) { return one.param.name; });
}  // namespace hub::test

namespace {

class PluginBrokerTest : public testing::Test {
 protected:
  struct Sink final : hub::BrokerSink {
    void published(std::shared_ptr<hub::Message> message) override {
      got.push_back(message->data + "@" + std::to_string(message->at.offset));
    }
    std::vector<std::string> got;
  };
  static constexpr hub::HistoryRule keep{.size = 10, .ttl = std::chrono::seconds{60}};

  std::string publish(std::string const& channel, std::string data) {
    auto message = std::make_shared<hub::Message>();
    message->channel = channel;
    message->event = "note";
    message->data = std::move(data);
    message->message_id = "0-receipt";
    message->ack = true;
    std::string out = "none";
    broker->publish(std::move(message), keep, [&out](Result<hub::Position> at) {
      out = at ? std::to_string(at->offset) : std::string{name_of(at.error().code)};
    });
    EXPECT_TRUE(there.settle());
    return out;
  }
  std::string history(std::string const& channel) {
    std::string out = "none";
    broker->history(channel, std::nullopt, 10, keep, [&out](Result<hub::HistoryPage> page) {
      out = page ? std::to_string(page->newest.offset) : std::string{name_of(page.error().code)};
    });
    EXPECT_TRUE(there.settle());
    return out;
  }
  Code history_code(std::string const& channel) {
    auto out = Code::internal;
    broker->history(channel, std::nullopt, 10, keep, [&out](Result<hub::HistoryPage> page) {
      if (!page) out = page.error().code;
    });
    return out;
  }
  std::string present(std::string const& channel) {
    std::string out;
    broker->presence(channel, [&out](Result<std::vector<hub::Member>> members) {
      if (!members) out = name_of(members.error().code);
      if (members)
        for (auto const& one : *members) out += one.id + "=" + one.user_id + " ";
    });
    EXPECT_TRUE(there.settle());
    return out;
  }
  void subscribe(std::string const& channel) {
    broker->subscribe(channel, [](Result<void>) {});
    EXPECT_TRUE(there.settle());
  }
  bool turns(std::string const& status) {
    return there.queue.run_until([&] { return there.brokers.health().status == status; });
  }

  SystemClock clock;
  World there;
  Sink sink;
  std::unique_ptr<hub::Broker> broker;
};

TEST_F(PluginBrokerTest, GoesOnLocallyWhileTheServerIsAwayAndMissesNothing) {
  broker = there.make(sink, clock, 1 << 20);
  EXPECT_FALSE(there.brokers.health().ready);
  ASSERT_TRUE(turns("ok"));
  subscribe("a");
  EXPECT_EQ(history("a"), "0");
  EXPECT_EQ(publish("a", "1"), "1");
  there.ask_plugin("broker_away", R"({"away":true})");
  ASSERT_TRUE(turns("degraded"));
  EXPECT_THAT(there.brokers.health().message, HasSubstr("the server of the test is away"));
  EXPECT_TRUE(there.brokers.health().ready);
  EXPECT_EQ(publish("a", "2"), "0") << "delivered here, kept nowhere";
  EXPECT_EQ(history("a"), "unavailable");
  EXPECT_EQ(present("a"), "unavailable");
  subscribe("b");
  EXPECT_EQ(publish("b", "3"), "0");
  there.ask_plugin("broker_elsewhere", R"({"channel":"a","data":"x","keep":10})");
  there.ask_plugin("broker_elsewhere", R"({"channel":"a","data":"y","keep":10})");
  EXPECT_THAT(sink.got, ElementsAre("1@1", "2@0", "3@0"));
  there.ask_plugin("broker_away", R"({"away":false})");
  ASSERT_TRUE(turns("ok"));
  EXPECT_TRUE(there.settle());
  EXPECT_THAT(sink.got, ElementsAre("1@1", "2@0", "3@0", "\"x\"@2", "\"y\"@3"));
  EXPECT_EQ(publish("a", "4"), "4");
  EXPECT_EQ(publish("b", "5"), "1");
  EXPECT_EQ(sink.got.size(), 7U) << "each once";
  EXPECT_EQ(sink.got.back(), "5@1");
}

TEST_F(PluginBrokerTest, TheServersRefusalBeforeItSaysSoIsNoLoss) {
  broker = there.make(sink, clock, 1 << 20);
  ASSERT_TRUE(turns("ok"));
  subscribe("a");
  there.ask_plugin("broker_away", R"({"away":true})");  // said, but not heard here yet
  EXPECT_EQ(publish("a", "1"), "0");
  EXPECT_THAT(sink.got, ElementsAre("1@0"));
}

// Neither by requests that wait for an answer nor by messages that wait for what was missed.
TEST_F(PluginBrokerTest, AServerThatAnswersNothingFillsNoMemory) {
  ManualClock time;
  broker = there.make(sink, time, 1 << 20);
  ASSERT_TRUE(turns("ok"));
  there.ask_plugin("broker_away", R"({"away":false,"silent":true})");
  std::map<Code, int> ended;
  auto const publish_some = [&](int count) {
    for (int i = 0; i < count; ++i) {
      auto message = std::make_shared<hub::Message>();
      message->channel = "a";
      message->data = '"' + std::string(60'000, 'x') + '"';
      broker->publish(std::move(message), keep, [&](Result<hub::Position> at) { ++ended[at.error().code]; });
    }
  };
  publish_some(400);
  EXPECT_THAT(ended, ElementsAre(std::pair{Code::backpressure, 400 - 279}));
  EXPECT_EQ(there.brokers.waiting(), 279U);
  EXPECT_EQ(history_code("a"), Code::backpressure);
  ended.clear();
  time.advance(std::chrono::seconds{31});
  publish_some(1);
  EXPECT_THAT(ended, ElementsAre(std::pair{Code::deadline_exceeded, 279}));
  ended.clear();
  time.advance(std::chrono::seconds{31});
  broker->sweep();
  EXPECT_THAT(ended, ElementsAre(std::pair{Code::deadline_exceeded, 1}));
  EXPECT_EQ(there.brokers.waiting(), 0U);
}

TEST_F(PluginBrokerTest, WhatComesWhileTheMissedIsAskedForIsNotHeldForEver) {
  broker = there.make(sink, clock, 1 << 20);
  ASSERT_TRUE(turns("ok"));
  subscribe("a");
  EXPECT_EQ(history("a"), "0");
  there.ask_plugin("broker_away", R"({"away":true})");
  ASSERT_TRUE(turns("degraded"));
  there.ask_plugin("broker_away", R"({"away":false,"silent":true})");
  ASSERT_TRUE(turns("ok"));
  constexpr std::size_t many = 10'001;
  for (std::size_t i = 0; i < many; ++i)
    there.ask_plugin("broker_elsewhere", R"({"channel":"a","data":"x","keep":10})");
  EXPECT_TRUE(there.queue.run_until([&] { return sink.got.size() == many; }));
  EXPECT_EQ(sink.got.front(), "\"x\"@1");
  EXPECT_EQ(sink.got.back(), "\"x\"@10001");
  EXPECT_THAT(there.log_text(), HasSubstr("is not all there"));
}

TEST_F(PluginBrokerTest, AnotherInstanceTakesInterestsAndMembersOver) {
  broker = there.make(sink, clock, 1 << 20);
  ASSERT_TRUE(turns("ok"));
  subscribe("a.*");
  broker->join("a.b", {"c1", "anna"});
  broker->join("a.b", {"c2", "berta"});
  broker->leave("a.b", {"c2", "berta"});
  EXPECT_EQ(publish("a.b", "1"), "1");
  auto replacing = there.ask("plugins_reload_all");
  ASSERT_TRUE(there.queue.run_until([&] {
    return there.counts().replacements == 1 && there.brokers.health().status == "ok" && there.brokers.waiting() == 0;
  }));
  EXPECT_TRUE(replacing.get());
  EXPECT_TRUE(there.queue.run_until([&] { return present("a.b") == "c1=anna "; }));
  publish("a.b", "2");
  EXPECT_THAT(sink.got.back(), HasSubstr("2@"));
  EXPECT_THAT(there.log_text(), testing::Not(HasSubstr("left behind"))) << "the old one was let go";
  auto unloading = there.ask("plugins_unload", R"({"name":"broker"})");
  ASSERT_TRUE(turns("degraded"));
  EXPECT_EQ(there.shown(unloading.get()), R"({"name":"broker","drained":true})");
  EXPECT_EQ(publish("a.b", "3"), "0") << "goes on without it";
}

TEST_F(PluginBrokerTest, WithoutThePluginMessagesStayHere) {
  broker = there.brokers.factory()(sink, clock, 1 << 20);
  subscribe("a");
  EXPECT_EQ(publish("a", "1"), "0");
  EXPECT_THAT(sink.got, ElementsAre("1@0"));
  EXPECT_EQ(there.brokers.health().status, "degraded");
  EXPECT_FALSE(there.brokers.health().ready);
  EXPECT_THAT(there.brokers.health().message, HasSubstr("the broker plugin broker is away (not loaded)"));
}

TEST(PluginBrokerOf, APluginThatProvidesNone) {
  SystemClock clock;
  struct Sink final : hub::BrokerSink {
    void published(std::shared_ptr<hub::Message>) override {}
  } sink;
  World there{"echo"};
  there.drop_echo();
  auto const broker = there.make(sink, clock, 1 << 20);
  ASSERT_TRUE(there.queue.run_until(
      [&] { return there.brokers.health().message.find("the plugin echo provides no broker") != std::string::npos; }));
  EXPECT_FALSE(there.brokers.health().ready);
}

}  // namespace
}  // namespace patchbay
