// The channel dialect, message by message.
#include "tests/core/hub/fake_connection.hpp"

namespace patchbay::hub::test {
namespace {

using namespace std::chrono_literals;

class HubChannel : public DialectTest {
 protected:
  void publish_one(std::string channel, std::string data, std::string event = "note") {
    auto const done =
        call(publish, {.channel = std::move(channel), .data = {std::move(data)}, .event = std::move(event)});
    ASSERT_TRUE(done) << done.error().message;
  }
};

TEST_F(HubChannel, Welcome) {
  auto* client = connect("/ws/connect", who("anna"));
  EXPECT_EQ(client->next(), timed(R"({"type":"connected","connection_id":"c1","timestamp":@})"));
  settle();
  EXPECT_EQ(client->waiting(), 0U);
}

TEST_F(HubChannel, TheChannelOfThePathIsSubscribedAfterTheWelcome) {
  auto* client = connect("/ws/channel/missions", who("anna"));
  EXPECT_EQ(client->next(), timed(R"({"type":"connected","connection_id":"c1","timestamp":@})"));
  EXPECT_EQ(client->next(), timed(R"({"type":"subscribed","channel":"missions","timestamp":@})"));
  publish_one("missions", "1");
  EXPECT_EQ(client->next(), timed(R"({"type":"note","channel":"missions","data":1,"timestamp":@})"));
}

TEST_F(HubChannel, ThePathsChannelMayBeForbidden) {
  auto* client = connect("/ws/channel/audit", who("anna"));
  client->next();
  auto const error = client->next();
  EXPECT_NE(error.find(R"("type":"error","code":"forbidden")"), std::string::npos) << error;
  EXPECT_NE(error.find(R"("request":"subscribe","channel":"audit")"), std::string::npos) << error;
  EXPECT_TRUE(client->is_open());
}

TEST_F(HubChannel, SubscribeEventUnsubscribe) {
  auto* client = welcomed();
  client->say(R"({"type":"subscribe","channel":"c","id":"one"})");
  EXPECT_EQ(client->next(), timed(R"({"type":"subscribed","id":"one","channel":"c","timestamp":@})"));
  publish_one("c", R"({"a": 1})", "hello");
  EXPECT_EQ(client->next(), timed(R"({"type":"hello","channel":"c","data":{"a": 1},"timestamp":@})"));
  client->say(R"({"type":"unsubscribe","channel":"c","id":2})");
  EXPECT_EQ(client->next(), timed(R"({"type":"unsubscribed","id":2,"channel":"c","timestamp":@})"));
  publish_one("c", "2");
  settle();
  EXPECT_EQ(client->waiting(), 0U);
}

TEST_F(HubChannel, SubscribingTwiceIsAnsweredTwiceAndDeliversOnce) {
  auto* client = welcomed();
  client->say(R"({"type":"subscribe","channel":"c","id":1})");
  client->say(R"({"type":"subscribe","channel":"c","id":2})");
  EXPECT_EQ(client->next(), timed(R"({"type":"subscribed","id":1,"channel":"c","timestamp":@})"));
  EXPECT_EQ(client->next(), timed(R"({"type":"subscribed","id":2,"channel":"c","timestamp":@})"));
  publish_one("c", "1");
  client->next();
  settle();
  EXPECT_EQ(client->waiting(), 0U);
}

TEST_F(HubChannel, UnsubscribingWhatIsNotSubscribedIsAnswered) {
  auto* client = welcomed();
  client->say(R"({"type":"unsubscribe","channel":"c"})");
  EXPECT_EQ(client->next(), timed(R"({"type":"unsubscribed","channel":"c","timestamp":@})"));
}

TEST_F(HubChannel, PrefixSubscriptionsGetTheFullChannel) {
  auto* client = welcomed();
  client->say(R"({"type":"subscribe","channel":"ha.state.light.*"})");
  EXPECT_EQ(client->next(), timed(R"({"type":"subscribed","channel":"ha.state.light.*","timestamp":@})"));
  publish_one("ha.state.light.kitchen", "1");
  publish_one("ha.state.switch.kitchen", "2");
  publish_one("ha.state.light.hall", "3");
  EXPECT_EQ(client->next(), timed(R"({"type":"note","channel":"ha.state.light.kitchen","data":1,"timestamp":@})"));
  EXPECT_EQ(client->next(), timed(R"({"type":"note","channel":"ha.state.light.hall","data":3,"timestamp":@})"));
}

TEST_F(HubChannel, HistoryIsToldAndRecovered) {
  publish_one("kept.a", "1");
  auto* client = welcomed();
  client->say(R"({"type":"subscribe","channel":"kept.a"})");
  auto const subscribed = client->next();
  auto const at = subscribed.find(R"("epoch":")");
  ASSERT_NE(at, std::string::npos) << subscribed;
  auto const epoch = subscribed.substr(at + 9, subscribed.find('"', at + 9) - at - 9);
  EXPECT_EQ(subscribed,
            timed(R"({"type":"subscribed","channel":"kept.a","epoch":")" + epoch + R"(","offset":1,"timestamp":@})"));
  publish_one("kept.a", "2");
  EXPECT_EQ(client->next(), timed(R"({"type":"note","channel":"kept.a","data":2,"timestamp":@,"offset":2})"));
  // Asked again it tells how far this client is.
  client->say(R"({"type":"subscribe","channel":"kept.a","id":5})");
  EXPECT_EQ(client->next(), timed(R"({"type":"subscribed","id":5,"channel":"kept.a","epoch":")" + epoch +
                                  R"(","offset":2,"timestamp":@})"));
  client->disconnect();
  publish_one("kept.a", "3");
  publish_one("kept.a", "4");

  auto* again = welcomed();
  again->say(R"({"type":"subscribe","channel":"kept.a","recover":{"epoch":")" + epoch + R"(","offset":2}})");
  EXPECT_EQ(again->next(), timed(R"({"type":"subscribed","channel":"kept.a","epoch":")" + epoch +
                                 R"(","offset":4,"recovered":true,"timestamp":@})"));
  EXPECT_EQ(again->next(), timed(R"({"type":"note","channel":"kept.a","data":3,"timestamp":@,"offset":3})"));
  EXPECT_EQ(again->next(), timed(R"({"type":"note","channel":"kept.a","data":4,"timestamp":@,"offset":4})"));
  // A subscriber that asks for recovery gets it once more.
  again->say(R"({"type":"subscribe","channel":"kept.a","recover":{"epoch":")" + epoch + R"(","offset":3}})");
  EXPECT_NE(again->next().find(R"("recovered":true)"), std::string::npos);
  EXPECT_EQ(again->next(), timed(R"({"type":"note","channel":"kept.a","data":4,"timestamp":@,"offset":4})"));
  publish_one("kept.a", "5");
  EXPECT_EQ(again->next(), timed(R"({"type":"note","channel":"kept.a","data":5,"timestamp":@,"offset":5})"));
  settle();
  EXPECT_EQ(again->waiting(), 0U);
}

TEST_F(HubChannel, TheLastValueComesToWhoSubscribes) {
  auto* early = welcomed();
  early->say(R"({"type":"subscribe","channel":"last.a"})");
  EXPECT_NE(early->next().find(R"("offset":0)"), std::string::npos);
  for (int i = 1; i <= 3; ++i) {
    publish_one("last.a", std::to_string(i));
    EXPECT_NE(early->next().find(R"("type":"note")"), std::string::npos);
  }
  auto* client = welcomed();
  client->say(R"({"type":"subscribe","channel":"last.a"})");
  EXPECT_NE(client->next().find(R"("offset":3)"), std::string::npos);
  EXPECT_EQ(client->next(), timed(R"({"type":"note","channel":"last.a","data":3,"timestamp":@,"offset":3})"));
  // What cannot be recovered is made good by it; what can be has it already.
  auto* again = welcomed();
  again->say(R"({"type":"subscribe","channel":"last.a","recover":{"epoch":"other","offset":2}})");
  EXPECT_NE(again->next().find(R"("recovered":false)"), std::string::npos);
  EXPECT_EQ(again->next(), timed(R"({"type":"note","channel":"last.a","data":3,"timestamp":@,"offset":3})"));
  settle();
  EXPECT_EQ(client->waiting() + again->waiting(), 0U);
}

TEST_F(HubChannel, WhatIsGoneIsNotRecovered) {
  for (int i = 1; i <= 8; ++i) publish_one("kept.a", std::to_string(i));
  auto* client = welcomed();
  client->say(R"({"type":"subscribe","channel":"kept.a","recover":{"epoch":"other","offset":7}})");
  auto const other = client->next();
  EXPECT_NE(other.find(R"("offset":8,"recovered":false)"), std::string::npos) << other;
  auto const at = other.find(R"("epoch":")");
  auto const epoch = other.substr(at + 9, other.find('"', at + 9) - at - 9);
  client->say(R"({"type":"subscribe","channel":"kept.a","recover":{"epoch":")" + epoch + R"(","offset":1}})");
  EXPECT_NE(client->next().find(R"("offset":8,"recovered":false)"), std::string::npos);
  settle();
  EXPECT_EQ(client->waiting(), 0U);
}

TEST_F(HubChannel, MissedMessagesGoOutAsTheQueueTakesThem) {
  for (int i = 1; i <= 4; ++i) publish_one("kept.a", std::to_string(i));
  auto* probe = welcomed();
  probe->say(R"({"type":"subscribe","channel":"kept.a"})");
  auto const told = probe->next();
  auto const at = told.find(R"("epoch":")");
  auto const epoch = told.substr(at + 9, told.find('"', at + 9) - at - 9);

  auto* client = welcomed();
  client->congest(true);
  client->say(R"({"type":"subscribe","channel":"kept.a","recover":{"epoch":")" + epoch + R"(","offset":0}})");
  EXPECT_NE(client->next().find(R"("recovered":true)"), std::string::npos);
  publish_one("kept.a", "5");
  settle();
  EXPECT_EQ(client->waiting(), 0U);
  client->congest(false);
  for (int i = 1; i <= 5; ++i)
    EXPECT_EQ(client->next(), timed(R"({"type":"note","channel":"kept.a","data":)" + std::to_string(i) +
                                    R"(,"timestamp":@,"offset":)" + std::to_string(i) + "}"));
}

TEST_F(HubChannel, Publish) {
  auto* client = welcomed();
  client->say(R"({"type":"subscribe","channel":"c"})");
  client->next();
  client->say(R"({"type":"publish","channel":"c","event":"note","data":{"x":[1, 2]},"id":3})");
  auto frames = client->next(2);
  std::sort(frames.begin(), frames.end());
  EXPECT_EQ(frames[0], timed(R"({"type":"note","channel":"c","data":{"x":[1, 2]},"timestamp":@})"));
  EXPECT_EQ(frames[1], R"({"type":"published","id":3,"channel":"c","subscribers":1})");
  client->say(R"({"type":"publish","channel":"nobody","data":null})");
  EXPECT_EQ(client->next(), R"({"type":"published","channel":"nobody","subscribers":0})");
}

TEST_F(HubChannel, PublishTellsPositionAndReceipt) {
  auto* client = welcomed();
  client->say(R"({"type":"publish","channel":"kept.p","data":1})");
  EXPECT_NE(client->next().find(R"("channel":"kept.p","subscribers":0,"offset":1,"epoch":")"), std::string::npos);
  client->say(R"({"type":"subscribe","channel":"c"})");
  client->next();
  client->say(R"({"type":"publish","channel":"c","data":1,"receipt":true})");
  auto frames = client->next(2);
  std::sort(frames.begin(), frames.end());
  EXPECT_NE(frames[0].find(R"("ack":true)"), std::string::npos) << frames[0];
  auto const at = frames[1].find(R"("message_id":")");
  ASSERT_NE(at, std::string::npos) << frames[1];
  auto const id = frames[1].substr(at + 14, frames[1].find('"', at + 14) - at - 14);
  EXPECT_NE(frames[0].find(R"("message_id":")" + id), std::string::npos);
  client->say(R"({"type":"ack","message_id":")" + id + "\"}");
  settle();
  auto const receipt = call(get_receipt, {id});
  ASSERT_TRUE(receipt) << receipt.error().message;
  ASSERT_EQ(receipt->targets.size(), 1U);
  EXPECT_EQ(receipt->targets[0].state, ReceiptState::acknowledged);
  EXPECT_EQ(client->waiting(), 0U);
}

TEST_F(HubChannel, RepeatedKeysPublishOnce) {
  auto* client = welcomed();
  client->say(R"({"type":"subscribe","channel":"c"})");
  client->next();
  for (int i = 0; i < 2; ++i)
    client->say(R"({"type":"publish","channel":"c","data":1,"idempotency_key":"k","id":"p"})");
  settle();
  EXPECT_EQ(client->waiting(), 3U);  // one event, two answers
}

TEST_F(HubChannel, PresenceAndHistory) {
  auto* client = welcomed();
  client->say(R"({"type":"subscribe","channel":"kept.h"})");
  client->next();
  client->say(R"({"type":"presence","channel":"kept.h","id":1})");
  EXPECT_EQ(client->next(), R"({"type":"presence","id":1,"channel":"kept.h","data":{"users":[{"user_id":"anna",)"
                            R"("connections":1}],"connections":1}})");
  publish_one("kept.h", R"({"n":1})");
  publish_one("kept.h", R"({"n":2})");
  client->next(2);
  client->say(R"({"type":"history","channel":"kept.h","limit":1,"id":2})");
  auto const history = client->next();
  EXPECT_EQ(history.rfind(R"({"type":"history","id":2,"channel":"kept.h","data":{"messages":[{)", 0), 0U) << history;
  EXPECT_NE(history.find(R"("data":{"n":2})"), std::string::npos) << history;
  EXPECT_EQ(history.find(R"("data":{"n":1})"), std::string::npos) << history;
  client->say(R"({"type":"history","channel":"kept.h","since":{"epoch":"x","offset":-1}})");
  EXPECT_NE(client->next().find(R"("code":"invalid_argument")"), std::string::npos);
}

struct Refusal {
  char const* name;
  std::string text;
  char const* code;
  char const* has;
};
void PrintTo(Refusal const& row, std::ostream* out) { *out << row.name; }
class HubChannelRefuses : public HubChannel, public testing::WithParamInterface<Refusal> {};
TEST_P(HubChannelRefuses, AndKeepsTheConnection) {
  auto* client = welcomed("/ws/connect", who("anna", {"hub.subscribe", "hub.publish"}));
  client->say(GetParam().text);
  auto const error = client->next();
  auto const parsed = json::parse(error);
  ASSERT_TRUE(parsed) << error;
  EXPECT_EQ(json::find_text(parsed->document, "type"), "error");
  EXPECT_EQ(json::find_text(parsed->document, "code"), GetParam().code) << error;
  EXPECT_NE(error.find(GetParam().has), std::string::npos) << error;
  EXPECT_NE(error.find(timed(R"("timestamp":@)")), std::string::npos) << error;
  client->say(R"({"type":"ping"})");
  EXPECT_EQ(client->next(), timed(R"({"type":"pong","timestamp":@})"));
  EXPECT_TRUE(client->is_open());
}
std::string const long_name(256, 'c');
INSTANTIATE_TEST_SUITE_P(
    Table, HubChannelRefuses,
    testing::Values(
        Refusal{"no_json", "hello", "invalid_argument", "not JSON"},
        Refusal{"no_object", "[1]", "invalid_argument", "a JSON object"},
        Refusal{"no_type", R"({"id":7})", "invalid_argument", R"("id":7)"},
        Refusal{"unknown_type", R"({"type":"dance","id":"a"})", "invalid_argument", R"("id":"a")"},
        Refusal{"unknown_type_names_what_there_is", R"({"type":"dance"})", "invalid_argument", "subscribe"},
        Refusal{"auth_again", R"({"type":"auth","token":"x"})", "invalid_argument", R"("request":"auth")"},
        Refusal{"subscribe_without_channel", R"({"type":"subscribe"})", "invalid_argument", R"("pointer":"/channel")"},
        Refusal{"subscribe_to_a_number", R"({"type":"subscribe","channel":1})", "invalid_argument",
                R"("request":"subscribe")"},
        Refusal{"subscribe_bad_name", R"({"type":"subscribe","channel":"a b"})", "invalid_argument",
                R"("channel":"a b")"},
        Refusal{"subscribe_long_name", R"({"type":"subscribe","channel":")" + long_name + "\"}", "invalid_argument",
                "255"},
        Refusal{"subscribe_forbidden", R"({"type":"subscribe","channel":"audit","id":1})", "forbidden",
                R"("request":"subscribe","channel":"audit")"},
        Refusal{"recover_no_object", R"({"type":"subscribe","channel":"c","recover":5})", "invalid_argument",
                R"("/recover")"},
        Refusal{"recover_no_epoch", R"({"type":"subscribe","channel":"c","recover":{"offset":1}})", "invalid_argument",
                "/recover/epoch"},
        Refusal{"recover_bad_offset", R"({"type":"subscribe","channel":"c","recover":{"epoch":"e","offset":-1}})",
                "invalid_argument", "/recover/offset"},
        Refusal{"unsubscribe_without_channel", R"({"type":"unsubscribe"})", "invalid_argument", "/channel"},
        Refusal{"publish_without_channel", R"({"type":"publish","data":1})", "invalid_argument", "/channel"},
        Refusal{"publish_to_prefix", R"({"type":"publish","channel":"a.*","data":1})", "invalid_argument", "/channel"},
        Refusal{"publish_without_data", R"({"type":"publish","channel":"c"})", "invalid_argument",
                R"("pointer":"/data")"},
        Refusal{"publish_empty_event", R"({"type":"publish","channel":"c","event":"","data":1})", "invalid_argument",
                "/event"},
        Refusal{"publish_long_event", R"({"type":"publish","channel":"c","event":")" + long_name + R"(","data":1})",
                "invalid_argument", "/event"},
        Refusal{"publish_bad_receipt", R"({"type":"publish","channel":"c","data":1,"receipt":"yes"})",
                "invalid_argument", "/receipt"},
        Refusal{"publish_forbidden", R"({"type":"publish","channel":"audit","data":1})", "forbidden",
                R"("request":"publish")"},
        Refusal{"publish_standard_type_elsewhere",
                R"({"type":"publish","channel":"tasks","event":"mission_started","data":{"mission_id":"1"}})",
                "invalid_argument", R"("pointer":"/event")"},
        Refusal{"publish_incomplete",
                R"({"type":"publish","channel":"missions","event":"mission_failed","data":{"mission_id":"1"}})",
                "invalid_argument", "/data/error"},
        Refusal{"presence_needs_hub_read", R"({"type":"presence","channel":"c","id":4})", "forbidden",
                R"("request":"presence")"},
        Refusal{"presence_of_prefix", R"({"type":"presence","channel":"c.*"})", "invalid_argument", "/channel"},
        Refusal{"history_without_channel", R"({"type":"history"})", "invalid_argument", "/channel"},
        Refusal{"ack_without_id", R"({"type":"ack"})", "invalid_argument", "/message_id"},
        Refusal{"cancel_without_id", R"({"type":"cancel"})", "invalid_argument", "/id"},
        Refusal{"cancel_of_nothing", R"({"type":"cancel","id":9})", "not_found", R"("id":9)"},
        Refusal{"refresh_without_token", R"({"type":"refresh"})", "invalid_argument", "/token"},
        Refusal{"refresh_with_bad_token", R"({"type":"refresh","token":"bad"})", "unauthenticated",
                R"("request":"refresh")"}),
    [](auto const& row) { return std::string{row.param.name}; });

TEST_F(HubChannel, BinaryFramesCloseIt) {
  auto* client = welcomed();
  client->say_binary("{}");
  EXPECT_EQ(client->closed_with(), 1003);
}

TEST_F(HubChannel, SubscriptionsAreLimited) {
  settings.subscriptions = 2;
  auto* client = welcomed();
  client->say(R"({"type":"subscribe","channel":"a"})");
  client->say(R"({"type":"subscribe","channel":"b"})");
  client->next(2);
  client->say(R"({"type":"subscribe","channel":"c","id":1})");
  auto const error = client->next();
  EXPECT_NE(error.find(R"("code":"rate_limited")"), std::string::npos) << error;
  client->say(R"({"type":"subscribe","channel":"b"})");  // has it already
  EXPECT_EQ(client->next(), timed(R"({"type":"subscribed","channel":"b","timestamp":@})"));
  client->say(R"({"type":"unsubscribe","channel":"a"})");
  client->say(R"({"type":"subscribe","channel":"c"})");
  client->next();
  EXPECT_EQ(client->next(), timed(R"({"type":"subscribed","channel":"c","timestamp":@})"));
}

TEST_F(HubChannel, DirectMessagesHaveTheChannelsTime) {
  auto* client = welcomed();
  ASSERT_TRUE(call(send_to_user, {.user_id = "anna", .message = {R"({"type":"notification","data":{"id":1}})"}}));
  EXPECT_EQ(client->next(), timed(R"({"type":"notification","data":{"id":1},"timestamp":@})"));
}

TEST_F(HubChannel, RefreshRenewsTheToken) {
  auto* client = welcomed();
  client->say(R"({"type":"refresh","token":"anna:hub.*","id":1})");
  EXPECT_EQ(client->next(), R"({"type":"refreshed","id":1,"expires_at":1700003600.250})");
  client->say(R"({"type":"refresh","token":"berta:hub.*","id":2})");
  EXPECT_NE(client->next().find(R"("code":"forbidden")"), std::string::npos);
  EXPECT_EQ(client->who()->user_id, "anna");
  EXPECT_TRUE(client->is_open());
}

TEST_F(HubChannel, ALesserTokenEndsSubscriptions) {
  auto* client = welcomed("/ws/connect", who("anna", {"admin"}));
  client->say(R"({"type":"subscribe","channel":"audit"})");
  client->next();
  client->say(R"({"type":"refresh","token":"anna:hub.*"})");
  auto const frames = client->next(2);
  EXPECT_NE(frames[0].find("refreshed"), std::string::npos) << frames[0];
  EXPECT_NE(frames[1].find(R"("code":"forbidden")"), std::string::npos) << frames[1];
  EXPECT_NE(frames[1].find(R"("request":"subscribe","channel":"audit")"), std::string::npos) << frames[1];
}

TEST_F(HubChannel, Draining) {
  auto* client = welcomed();
  client->on_shard([&] { client->conversation().draining(1234ms); });
  EXPECT_EQ(client->next(), R"({"type":"reconnect","after_ms":1234})");
}

// --- heartbeat

TEST_F(HubChannel, PingEveryIntervalAndAnyFrameIsAnAnswer) {
  auto* client = welcomed();
  for (int round = 0; round < 5; ++round) {
    advance(30200ms);
    auto const ping = client->next();
    EXPECT_EQ(ping.rfind(R"({"type":"ping","timestamp":1700000)", 0), 0U) << ping;
    if (round % 2 == 0)
      client->say(R"({"type":"pong"})");
    else
      client->say(R"({"type":"unsubscribe","channel":"x"})"), client->next();
  }
  EXPECT_TRUE(client->is_open());
  EXPECT_EQ(client->waiting(), 0U);
}

TEST_F(HubChannel, TwoUnansweredPingsCloseIt) {
  auto* client = welcomed();
  advance(61s);
  EXPECT_EQ(client->waiting(), 2U);
  advance(3500ms);
  EXPECT_TRUE(client->is_open());
  advance(1s);
  EXPECT_EQ(client->closed_with(), 3008);
}

TEST_F(HubChannel, ALateAnswerKeepsItAndTheRhythm) {
  auto* client = welcomed();
  advance(62s);
  client->next(2);
  client->say(R"({"type":"pong"})");
  advance(27s);
  EXPECT_EQ(client->waiting(), 0U);
  advance(2s);
  EXPECT_EQ(client->waiting(), 1U);
  EXPECT_TRUE(client->is_open());
}

TEST_F(HubChannel, ShortIntervalsCloseOneIntervalAfterTheSecond) {
  settings.heartbeat = 1s;
  auto* client = welcomed();
  advance(2500ms);
  EXPECT_TRUE(client->is_open());
  advance(1s);
  EXPECT_EQ(client->closed_with(), 3008);
}

TEST_F(HubChannel, RoundTripsAreMeasured) {
  auto* client = welcomed();
  advance(30s);
  client->next();
  clock.advance(40ms);
  client->say(R"({"type":"pong"})");
  EXPECT_GE(client->measured(), 40ms);
  EXPECT_LT(client->measured(), 600ms);
}

// --- more than one shard

class HubChannelOnShards : public DialectTest {
 protected:
  HubChannelOnShards() : DialectTest(3) {}
};

TEST_F(HubChannelOnShards, EventsAndAnswersCrossThem) {
  std::vector<FakeConnection*> all;
  for (unsigned shard = 0; shard < 3; ++shard) all.push_back(welcomed("/ws/connect", who("anna"), shard));
  for (auto* client : all) client->say(R"({"type":"subscribe","channel":"c"})");
  for (auto* client : all) EXPECT_EQ(client->next(), timed(R"({"type":"subscribed","channel":"c","timestamp":@})"));
  for (int i = 0; i < 20; ++i) all[i % 3]->say(R"({"type":"publish","channel":"c","data":)" + std::to_string(i) + "}");
  for (auto* client : all) {
    int events = 0, answers = 0;
    while (events < 20) {
      auto const text = client->next();
      if (text.find("published") == std::string::npos) {
        ++events;
        continue;
      }
      ++answers;
      EXPECT_EQ(text, R"({"type":"published","channel":"c","subscribers":3})");
    }
    EXPECT_LE(answers, 7);
  }
}

TEST_F(HubChannelOnShards, WhoLeavesWhileItAsksIsForgotten) {
  for (int i = 0; i < 50; ++i) {
    auto* client = welcomed("/ws/connect", who("anna"), static_cast<unsigned>(i % 3));
    client->on_shard([&] {
      for (auto const* channel : {"a", "b", "c", "d"}) {
        auto const text = std::string{R"({"type":"subscribe","channel":")"} + channel + R"("})";
        client->conversation().received(text, false);
        auto const note = std::string{R"({"type":"publish","channel":")"} + channel + R"(","data":1})";
        client->conversation().received(note, false);
      }
    });
    client->disconnect();
  }
  settle();
  for (auto const* channel : {"a", "b", "c", "d"}) {
    auto const done = call(publish, {.channel = channel, .data = {"1"}});
    ASSERT_TRUE(done);
    EXPECT_EQ(done->subscribers, 0U);
  }
}

}  // namespace
}  // namespace patchbay::hub::test
