// Who is on a channel, and the events that tell who comes and goes.
#include "tests/core/hub/hub_fixture.hpp"

namespace patchbay::hub::test {
namespace {

class HubPresence : public HubTest {
 protected:
  HubPresence() : HubTest(3) {
    settings.rules.insert(settings.rules.begin(), {.pattern = "told.*",
                                                   .subscribe = "hub.subscribe",
                                                   .publish = "hub.publish",
                                                   .presence = "hub.subscribe",
                                                   .join_leave = true});
  }
  FakeConnection* on_channel(std::string user, std::string const& channel, unsigned shard = 0) {
    auto* client = welcomed("/ws/connect", who(std::move(user)), shard);
    client->say(R"({"type":"subscribe","channel":")" + channel + "\"}");
    client->next();
    return client;
  }
  std::vector<std::string> told(Events& sink, std::size_t count) {
    std::vector<std::string> out;
    for (auto const& one : sink.wait_for(count + 1))
      if (one.name == "join" || one.name == "leave") {
        auto const parsed = json::parse(one.text);
        out.push_back(one.name + json::to_text(*json::find(parsed->document, "data")));
      }
    return out;
  }
};

TEST_F(HubPresence, CountsConnectionsByUser) {
  on_channel("anna", "room", 0);
  auto* second = on_channel("anna", "room", 1);
  on_channel("berta", "room", 2);
  on_channel("", "room", 2);
  auto here = run(get_presence, {"room"});
  ASSERT_TRUE(here);
  ASSERT_EQ(here->users.size(), 2U);
  EXPECT_EQ(here->users[0].user_id, "anna");
  EXPECT_EQ(here->users[0].connections, 2U);
  EXPECT_EQ(here->users[1].connections, 1U);
  EXPECT_EQ(here->connections, 4U);
  second->disconnect();
  settle();
  here = run(get_presence, {"room"});
  EXPECT_EQ(here->users[0].connections, 1U);
  EXPECT_EQ(here->connections, 3U);
  EXPECT_EQ(run(get_presence, {"empty"})->connections, 0U);
}

TEST_F(HubPresence, ComingAndGoingIsToldASecondLater) {
  auto& sink = listening("told.a", 2);
  auto* anna = on_channel("anna", "told.a", 0);
  settle();
  EXPECT_EQ(sink.size(), 1U);
  advance(std::chrono::milliseconds{1100});
  EXPECT_EQ(told(sink, 1), std::vector<std::string>{R"(join{"user_id":"anna","connections":1})"});
  auto* second = on_channel("anna", "told.a", 1);
  advance(std::chrono::milliseconds{1500});
  second->disconnect();
  advance(std::chrono::milliseconds{1500});
  EXPECT_EQ(sink.size(), 2U);  // the user was there all the time
  anna->disconnect();
  settle();
  advance(std::chrono::milliseconds{1100});
  EXPECT_EQ(told(sink, 2), (std::vector<std::string>{R"(join{"user_id":"anna","connections":1})",
                                                     R"(leave{"user_id":"anna","connections":0})"}));
}

TEST_F(HubPresence, WhoIsBackWithinASecondHasNotBeenAway) {
  auto& sink = listening("told.a", 2);
  auto* anna = on_channel("anna", "told.a", 0);
  advance(std::chrono::milliseconds{1500});
  told(sink, 1);
  anna->disconnect();
  settle();
  on_channel("anna", "told.a", 1);
  advance(std::chrono::milliseconds{3000});
  settle();
  EXPECT_EQ(sink.size(), 2U);
  // And who only looks in has not come.
  on_channel("berta", "told.a", 1)->disconnect();
  settle();
  advance(std::chrono::milliseconds{3000});
  settle();
  EXPECT_EQ(sink.size(), 2U);
}

TEST_F(HubPresence, ChannelsThatDoNotAskForItAreToldNothing) {
  auto& sink = listening("room", 2);
  on_channel("anna", "room", 0);
  advance(std::chrono::milliseconds{3000});
  settle();
  EXPECT_EQ(sink.size(), 1U);
}

}  // namespace
}  // namespace patchbay::hub::test
