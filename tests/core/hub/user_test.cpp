// The user dialect, message by message, and the gate in front of all dialects.
#include "tests/core/hub/fake_connection.hpp"

namespace patchbay::hub::test {
namespace {

using namespace std::chrono_literals;

using HubUser = DialectTest;

TEST_F(HubUser, Welcome) {
  auto* client = connect("/ws/notifications/anna", who("anna"));
  EXPECT_EQ(client->next(),
            timed(R"({"type":"connection_ack","data":{"user_id":"anna","connection_id":"c1"},"timestamp":"#"})"));
}

TEST_F(HubUser, PingPong) {
  auto* client = welcomed("/ws/notifications/anna");
  client->say(R"({"type":"ping"})");
  EXPECT_EQ(client->next(), timed(R"({"type":"pong","timestamp":"#"})"));
  client->say(R"({"type":"ping","id":"p"})");
  EXPECT_EQ(client->next(), timed(R"({"type":"pong","id":"p","timestamp":"#"})"));
  client->say(R"({"type":"pong"})");
  settle();
  EXPECT_EQ(client->waiting(), 0U);
}

TEST_F(HubUser, EveryConnectionOfTheUserGetsItAndNobodyElse) {
  std::vector<FakeConnection*> annas;
  for (int i = 0; i < 5; ++i) annas.push_back(welcomed("/ws/notifications/anna"));
  auto* berta = welcomed("/ws/notifications/berta", who("berta"));
  auto const done =
      call(send_to_user,
           {.user_id = "anna", .message = {R"({"type":"task_update","action":"created","data":{"task_id":"t"}})"}});
  ASSERT_TRUE(done);
  EXPECT_EQ(done->connections, 5U);
  for (auto* anna : annas)
    EXPECT_EQ(anna->next(),
              timed(R"({"type":"task_update","action":"created","data":{"task_id":"t"},"timestamp":"#"})"));
  settle();
  EXPECT_EQ(berta->waiting(), 0U);
}

TEST_F(HubUser, AnnouncementsHaveTheirMessageOnTop) {
  auto* client = welcomed("/ws/notifications/anna");
  ASSERT_TRUE(call(broadcast, {{R"({"type":"system_announcement","data":{"message":"Noon"}})"}}));
  EXPECT_EQ(client->next(),
            timed(R"({"type":"system_announcement","data":{"message":"Noon"},"message":"Noon","timestamp":"#"})"));
}

TEST_F(HubUser, Acknowledgement) {
  auto* client = welcomed("/ws/notifications/anna");
  auto const sent = call(send_to_user, {.user_id = "anna", .message = {R"({"type":"x"})"}, .receipt = true});
  ASSERT_TRUE(sent && sent->message_id);
  EXPECT_EQ(client->next(),
            timed(R"({"type":"x","timestamp":"#","message_id":")" + *sent->message_id + R"(","ack":true})"));
  client->say(R"({"type":"ack","message_id":")" + *sent->message_id + R"("})");
  settle();
  auto const receipt = call(get_receipt, {*sent->message_id});
  ASSERT_TRUE(receipt);
  EXPECT_EQ(receipt->targets.at(0).state, ReceiptState::acknowledged);
  EXPECT_EQ(receipt->targets.at(0).user_id, "anna");
}

TEST_F(HubUser, Refresh) {
  auto* client = welcomed("/ws/notifications/anna");
  client->say(R"({"type":"refresh","token":"anna:hub.*","id":4})");
  EXPECT_EQ(client->next(), R"({"type":"refreshed","id":4,"expires_at":"2023-11-14T23:13:20.250Z"})");
  client->say(R"({"type":"refresh","token":"berta:hub.*"})");
  EXPECT_NE(client->next().find(R"("code":"forbidden")"), std::string::npos);
}

TEST_F(HubUser, WhatItRefuses) {
  auto* client = welcomed("/ws/notifications/anna");
  for (auto const& [text, has] : std::vector<std::pair<std::string, std::string>>{
           {"nonsense", R"("code":"invalid_argument")"},
           {R"({"type":"subscribe","channel":"c","id":1})", R"("id":1,"code":"invalid_argument")"},
           {R"({"type":"chat_message","data":{"content":"x"}})", R"("request":"chat_message")"},
           {R"({"type":"ack"})", R"("pointer":"/message_id")"},
           {R"({"type":"refresh","token":5})", R"("pointer":"/token")"}}) {
    client->say(text);
    auto const error = client->next();
    EXPECT_NE(error.find(has), std::string::npos) << error;
    EXPECT_NE(error.find(timed(R"("timestamp":"#")")), std::string::npos) << error;
  }
  EXPECT_TRUE(client->is_open());
  client->say_binary("x");
  EXPECT_EQ(client->closed_with(), 1003);
}

TEST_F(HubUser, Draining) {
  auto* client = welcomed("/ws/notifications/anna");
  client->on_shard([&] { client->conversation().draining(50ms); });
  EXPECT_EQ(client->next(), R"({"type":"reconnect","after_ms":50})");
}

// --- the gate

using HubAuthGate = DialectTest;

TEST_F(HubAuthGate, TheFirstMessageSaysWhoItIs) {
  auto* client = connect("/ws/connect", nullptr);
  client->say(R"({"type":"auth","token":"anna:hub.*","id":1})");
  EXPECT_EQ(client->next(), R"({"type":"authenticated","id":1,"expires_at":1700003600.250})");
  EXPECT_EQ(client->next(), timed(R"({"type":"connected","connection_id":"c1","timestamp":@})"));
  client->say(R"({"type":"subscribe","channel":"c"})");
  EXPECT_EQ(client->next(), timed(R"({"type":"subscribed","channel":"c","timestamp":@})"));
}

TEST_F(HubAuthGate, OnEveryDialect) {
  auto* user = connect("/ws/notifications/anna", nullptr);
  user->say(R"({"type":"auth","token":"anna:hub.*"})");
  EXPECT_EQ(user->next(), R"({"type":"authenticated","expires_at":"2023-11-14T23:13:20.250Z"})");
  EXPECT_NE(user->next().find("connection_ack"), std::string::npos);
  auto* chat = connect("/ws/assistant/a/b/anna", nullptr);
  chat->say(R"({"type":"auth","token":"anna:hub.*"})");
  EXPECT_EQ(chat->next(), R"({"type":"authenticated","expires_at":"2023-11-14T23:13:20.250Z"})");
  EXPECT_NE(chat->next().find("connection_ack"), std::string::npos);
  auto* channel = connect("/ws/channel/c", nullptr);
  channel->say(R"({"type":"auth","token":"anna:hub.*"})");
  auto const frames = channel->next(3);
  EXPECT_EQ(frames[2], timed(R"({"type":"subscribed","channel":"c","timestamp":@})"));
}

TEST_F(HubAuthGate, NothingElseIsAcceptedBefore) {
  auto* client = connect("/ws/connect", nullptr);
  for (auto const* text : {R"({"type":"subscribe","channel":"c","id":7})", R"({"type":"ping","id":7})",
                           R"({"type":"call","operation":"test_say","id":7})"}) {
    client->say(text);
    auto const error = client->next();
    EXPECT_EQ(error.rfind(R"({"type":"error","id":7,"code":"unauthenticated")", 0), 0U) << error;
  }
  client->say("what?");
  EXPECT_NE(client->next().find(R"("code":"invalid_argument")"), std::string::npos);
  client->say(R"({"type":"auth"})");
  EXPECT_NE(client->next().find(R"("pointer":"/token")"), std::string::npos);
  EXPECT_TRUE(client->is_open());
  ASSERT_TRUE(call(broadcast, {{R"({"type":"x"})"}}));
  settle();
  EXPECT_EQ(client->waiting(), 0U);
  client->say_binary("x");
  EXPECT_EQ(client->closed_with(), 1003);
}

TEST_F(HubAuthGate, ABadTokenEndsIt) {
  auto* client = connect("/ws/connect", nullptr);
  client->say(R"({"type":"auth","token":"bad","id":1})");
  auto const error = client->next();
  EXPECT_EQ(error.rfind(R"({"type":"error","id":1,"code":"unauthenticated")", 0), 0U) << error;
  EXPECT_EQ(client->closed_with(), 3000);
}

TEST_F(HubAuthGate, AnothersUserIdEndsIt) {
  for (auto const* target : {"/ws/notifications/anna", "/ws/assistant/a/b/anna"}) {
    auto* client = connect(target, nullptr);
    client->say(R"({"type":"auth","token":"berta:hub.subscribe"})");
    EXPECT_NE(client->next().find(R"("code":"forbidden")"), std::string::npos);
    EXPECT_EQ(client->closed_with(), 3003);
  }
  auto* client = connect("/ws/notifications/anna", nullptr);
  client->say(R"({"type":"auth","token":"berta:hub.*"})");  // may impersonate
  EXPECT_NE(client->next().find("authenticated"), std::string::npos);
}

TEST_F(HubAuthGate, ATokenWithoutTheRightEndsIt) {
  auto* client = connect("/ws/connect", nullptr);
  client->say(R"({"type":"auth","token":"anna:metrics.read"})");
  EXPECT_NE(client->next().find(R"("code":"forbidden")"), std::string::npos);
  EXPECT_EQ(client->closed_with(), 3003);
}

TEST_F(HubAuthGate, Draining) {
  auto* client = connect("/ws/connect", nullptr);
  client->on_shard([&] { client->conversation().draining(50ms); });
  EXPECT_EQ(client->next(), R"({"type":"reconnect","after_ms":50})");
}

}  // namespace
}  // namespace patchbay::hub::test
