// What must hold of any broker, as a suite over a factory: a broker that a plugin provides is tested by
//
//   INSTANTIATE_TEST_SUITE_P(Redis, BrokerConformance, testing::Values(BrokerUnderTest{"redis", make_redis,
//   run_loop}));
//
// `settle` lets callbacks that come later come. `tells_newest`: it knows which channels it has; one that does not
// answers no newest messages below a prefix, and says so here.
#pragma once

#include <gtest/gtest.h>

#include "core/hub/broker.hpp"

namespace patchbay::hub::test {

struct BrokerUnderTest {
  std::string name;
  BrokerFactory make;
  std::function<void()> settle = [] {};
  bool tells_newest = true;
};
inline void PrintTo(BrokerUnderTest const& one, std::ostream* out) { *out << one.name; }

class BrokerConformance : public testing::TestWithParam<BrokerUnderTest> {
 protected:
  struct Sink final : BrokerSink {
    void published(std::shared_ptr<Message> message) override { got.push_back(std::move(message)); }
    std::vector<std::shared_ptr<Message>> got;
    std::vector<std::string> data() const {
      std::vector<std::string> out;
      for (auto const& one : got) out.push_back(one->data);
      return out;
    }
  };
  using Texts = std::vector<std::string>;

  void SetUp() override { broker = GetParam().make(sink, clock, 1 << 20); }
  void settle() { GetParam().settle(); }

  Position publish(std::string const& channel, std::string const& data, HistoryRule keep = {}) {
    auto message = std::make_shared<Message>();
    message->channel = channel;
    message->event = "note";
    message->data = data;
    std::optional<Result<Position>> at;
    broker->publish(std::move(message), keep, [&](Result<Position> result) {
      EXPECT_FALSE(at) << "answered twice";
      at = std::move(result);
    });
    settle();
    EXPECT_TRUE(at && *at) << "publish was not answered, or failed";
    return at && *at ? **at : Position{};
  }
  void subscribe(std::string const& channel) {
    bool done = false;
    broker->subscribe(channel, [&](Result<void> result) { done = result.has_value(); });
    settle();
    EXPECT_TRUE(done);
  }
  HistoryPage history(std::string const& channel, std::optional<Position> since, std::size_t limit, HistoryRule keep) {
    std::optional<HistoryPage> out;
    broker->history(channel, std::move(since), limit, keep, [&](Result<HistoryPage> page) {
      EXPECT_TRUE(page);
      if (page) out = std::move(*page);
    });
    settle();
    EXPECT_TRUE(out);
    return out.value_or(HistoryPage{});
  }
  // Of the channels that are named the newest is kept.
  Texts newest(std::string const& prefix, Texts const& keeping) {
    auto const keep = [keeping](std::string_view channel) {
      auto rule = keep3;
      rule.keep_newest = std::find(keeping.begin(), keeping.end(), channel) != keeping.end();
      return rule;
    };
    std::optional<Texts> out;
    broker->newest(prefix, keep, [&](Result<std::vector<std::shared_ptr<Message>>> messages) {
      EXPECT_FALSE(out) << "answered twice";
      ASSERT_TRUE(messages);
      out.emplace();
      for (auto const& one : *messages) out->push_back(one->channel + "=" + one->data);
    });
    settle();
    EXPECT_TRUE(out) << "was not answered";
    auto texts = out.value_or(Texts{});
    std::sort(texts.begin(), texts.end());
    return texts;
  }
  std::vector<Member> presence(std::string const& channel) {
    std::optional<std::vector<Member>> out;
    broker->presence(channel, [&](Result<std::vector<Member>> members) {
      EXPECT_TRUE(members);
      if (members) out = std::move(*members);
    });
    settle();
    EXPECT_TRUE(out);
    auto members = out.value_or(std::vector<Member>{});
    std::sort(members.begin(), members.end(), [](auto const& a, auto const& b) { return a.id < b.id; });
    return members;
  }
  static Texts data_of(HistoryPage const& page) {
    Texts out;
    for (auto const& one : page.messages) out.push_back(one->data);
    return out;
  }

  ManualClock clock;
  Sink sink;
  std::unique_ptr<Broker> broker;
  static constexpr HistoryRule keep3{.size = 3, .ttl = std::chrono::seconds{60}};
};

TEST_P(BrokerConformance, DeliversToWhoIsInterestedInOrder) {
  publish("a", "0");
  subscribe("a");
  for (int i = 1; i <= 5; ++i) publish("a", std::to_string(i));
  publish("b", "other");
  EXPECT_EQ(sink.data(), (Texts{"1", "2", "3", "4", "5"}));
  EXPECT_EQ(sink.got[0]->channel, "a");
  EXPECT_EQ(sink.got[0]->event, "note");
}

TEST_P(BrokerConformance, DeliversNothingAfterTheInterestEnded) {
  subscribe("a");
  publish("a", "1");
  broker->unsubscribe("a");
  settle();
  publish("a", "2");
  EXPECT_EQ(sink.data(), (Texts{"1"}));
}

TEST_P(BrokerConformance, DeliversOnceToAPrefixAndTheFullChannel) {
  subscribe("rooms.*");
  subscribe("rooms.one");
  publish("rooms.one", "1");
  publish("rooms.two.deep", "2");
  publish("rooms", "3");
  publish("roomsx", "4");
  EXPECT_EQ(sink.data(), (Texts{"1", "2"}));
  broker->unsubscribe("rooms.*");
  settle();
  publish("rooms.two", "5");
  EXPECT_EQ(sink.got.size(), 2U);
}

TEST_P(BrokerConformance, GivesNoOffsetWithoutHistory) {
  EXPECT_EQ(publish("a", "1").offset, 0U);
  EXPECT_EQ(publish("a", "2").offset, 0U);
}

TEST_P(BrokerConformance, CountsOffsetsUpwardsWithinAnEpoch) {
  subscribe("a");
  auto const first = publish("a", "1", keep3), second = publish("a", "2", keep3);
  EXPECT_FALSE(first.epoch.empty());
  EXPECT_EQ(first.epoch, second.epoch);
  EXPECT_EQ(second.offset, first.offset + 1);
  ASSERT_EQ(sink.got.size(), 2U);
  EXPECT_EQ(sink.got[1]->at, second);
  EXPECT_NE(publish("b", "1", keep3).epoch, first.epoch);
}

TEST_P(BrokerConformance, KeepsTheNewestBySize) {
  for (int i = 1; i <= 5; ++i) publish("a", std::to_string(i), keep3);
  auto const page = history("a", std::nullopt, 10, keep3);
  EXPECT_EQ(data_of(page), (Texts{"3", "4", "5"}));
  EXPECT_EQ(page.newest.offset, 5U);
  EXPECT_EQ(data_of(history("a", std::nullopt, 2, keep3)), (Texts{"4", "5"}));
}

TEST_P(BrokerConformance, GivesWhatCameAfterAPosition) {
  auto const first = publish("a", "1", keep3);
  publish("a", "2", keep3);
  publish("a", "3", keep3);
  auto const page = history("a", first, 10, keep3);
  EXPECT_TRUE(page.complete);
  EXPECT_EQ(data_of(page), (Texts{"2", "3"}));
  auto const nothing = history("a", page.newest, 10, keep3);
  EXPECT_TRUE(nothing.complete);
  EXPECT_TRUE(nothing.messages.empty());
}

TEST_P(BrokerConformance, SaysWhenSomethingIsGone) {
  auto const first = publish("a", "1", keep3);
  for (int i = 2; i <= 5; ++i) publish("a", std::to_string(i), keep3);
  EXPECT_FALSE(history("a", first, 10, keep3).complete);
  EXPECT_TRUE(history("a", Position{first.epoch, 2}, 10, keep3).complete);
  EXPECT_FALSE(history("a", Position{"another", 5}, 10, keep3).complete);
  EXPECT_FALSE(history("a", Position{first.epoch, 99}, 10, keep3).complete);
  EXPECT_FALSE(history("a", Position{first.epoch, 2}, 1, keep3).complete);
}

TEST_P(BrokerConformance, ForgetsWhatIsTooOld) {
  auto const first = publish("a", "1", keep3);
  clock.advance(std::chrono::seconds{40});
  publish("a", "2", keep3);
  clock.advance(std::chrono::seconds{30});
  broker->sweep();
  EXPECT_EQ(data_of(history("a", std::nullopt, 10, keep3)), (Texts{"2"}));
  EXPECT_TRUE(history("a", first, 10, keep3).complete);
  EXPECT_FALSE(history("a", Position{first.epoch, 0}, 10, keep3).complete);
}

TEST_P(BrokerConformance, KeepsTheNewestThoughItIsTooOldWhereThatIsAskedFor) {
  HistoryRule const keep{.size = 3, .ttl = std::chrono::seconds{60}, .keep_newest = true};
  publish("a", "1", keep);
  publish("a", "2", keep);
  clock.advance(std::chrono::seconds{90});
  broker->sweep();
  EXPECT_EQ(data_of(history("a", std::nullopt, 10, keep)), (Texts{"2"}));
  publish("a", "3", keep);
  EXPECT_EQ(data_of(history("a", std::nullopt, 10, keep)), (Texts{"3"}));
}

TEST_P(BrokerConformance, KnowsAnUnusedChannelsPosition) {
  auto const page = history("new", std::nullopt, 10, keep3);
  EXPECT_EQ(page.newest.offset, 0U);
  EXPECT_FALSE(page.newest.epoch.empty());
  publish("new", "1", keep3);
  EXPECT_TRUE(history("new", page.newest, 10, keep3).complete);
}

TEST_P(BrokerConformance, TellsTheNewestOfEachChannelBelowAPrefix) {
  HistoryRule const keep{.size = 3, .ttl = std::chrono::seconds{60}, .keep_newest = true};
  for (auto const* data : {"1", "2"})
    for (auto const* channel : {"rooms.a", "rooms.b.deep", "rooms", "roomsx.a", "rooms.plain"})
      publish(channel, data, keep);
  publish("rooms.c", "1");
  clock.advance(std::chrono::seconds{90});
  Texts const all{"rooms", "rooms.a", "rooms.b.deep", "roomsx.a", "rooms.c"};
  auto const expected = [](Texts texts) { return GetParam().tells_newest ? texts : Texts{}; };
  EXPECT_EQ(newest("rooms.*", all), expected({"rooms.a=2", "rooms.b.deep=2"}));
  EXPECT_EQ(newest("rooms.b.*", all), expected({"rooms.b.deep=2"}));
  EXPECT_EQ(newest("rooms.a.*", all), Texts{});
  EXPECT_EQ(newest("rooms.*", {}), Texts{});
}

TEST_P(BrokerConformance, ToldTheNewestToItsSinkBefore) {
  HistoryRule const keep{.size = 3, .ttl = std::chrono::seconds{60}, .keep_newest = true};
  subscribe("rooms.*");
  publish("rooms.a", "1", keep);
  std::optional<std::size_t> heard;
  broker->newest(
      "rooms.*", [&](std::string_view) { return keep; }, [&](auto) { heard = sink.got.size(); });
  settle();
  EXPECT_EQ(heard, 1U);
  publish("rooms.a", "2", keep);
  EXPECT_EQ(sink.data(), (Texts{"1", "2"}));
}

TEST_P(BrokerConformance, KnowsWhoIsPresent) {
  EXPECT_TRUE(presence("a").empty());
  broker->join("a", {"c1", "anna"});
  broker->join("a", {"c2", "anna"});
  broker->join("a", {"c2", "anna"});
  broker->join("a", {"c3", ""});
  broker->join("b", {"c1", "anna"});
  EXPECT_EQ(presence("a"), (std::vector<Member>{{"c1", "anna"}, {"c2", "anna"}, {"c3", ""}}));
  broker->leave("a", {"c1", "anna"});
  broker->leave("a", {"unknown", ""});
  EXPECT_EQ(presence("a"), (std::vector<Member>{{"c2", "anna"}, {"c3", ""}}));
  EXPECT_EQ(presence("b"), (std::vector<Member>{{"c1", "anna"}}));
}

}  // namespace patchbay::hub::test
