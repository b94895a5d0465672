// The chat dialect and its rooms: answers to everybody in order, replays, whose chat it is, what goes when.
#include "tests/core/hub/fake_connection.hpp"

namespace patchbay::hub::test {
namespace {

using namespace std::chrono_literals;

class HubChat : public DialectTest {
 protected:
  explicit HubChat(unsigned shards = 1) : DialectTest(shards) {}
  static std::string token(std::string_view word, int sequence, std::string_view id = {}) {
    return timed(R"({"type":"token")" + (id.empty() ? std::string{} : ",\"id\":" + std::string{id}) +
                 R"(,"data":{"content":")" + std::string{word} + R"("},"sequence":)" + std::to_string(sequence) +
                 R"(,"timestamp":"#"})");
  }
  static std::string last(std::string_view text, int sequence, std::string_view user = "anna",
                          std::string_view id = {}) {
    return timed(R"({"type":"chat_message")" + (id.empty() ? std::string{} : ",\"id\":" + std::string{id}) +
                 R"(,"data":{"content":")" + std::string{text} + R"(","agent":"test","user":")" + std::string{user} +
                 R"("},"sequence":)" + std::to_string(sequence) + R"(,"timestamp":"#"})");
  }
  static std::string ask(std::string_view text) {
    return R"({"type":"chat_message","data":{"content":")" + std::string{text} + R"("}})";
  }
};

TEST_F(HubChat, AnAnswerFromWordsToTheLastMessage) {
  auto* client = connect("/ws/assistant/app/1/anna", who("anna"));
  EXPECT_EQ(client->next(),
            timed(R"({"type":"connection_ack","data":{"user_id":"anna","connection_id":"c1"},"timestamp":"#"})"));
  client->say(ask("Hello world"));
  EXPECT_EQ(client->next(), token("Hello", 1));
  EXPECT_EQ(client->next(), token("world", 2));
  EXPECT_EQ(client->next(), last("Hello world", 3));
  client->say(ask("more"));
  EXPECT_EQ(client->next(), token("more", 4));
  EXPECT_EQ(client->next(), last("more", 5));
}

TEST_F(HubChat, EveryConnectionOfTheChatAndNoOther) {
  auto* one = welcomed("/ws/assistant/app/1/anna");
  auto* two = welcomed("/ws/assistant/app/1/anna");
  auto* other = welcomed("/ws/assistant/app/2/anna");
  auto* user = welcomed("/ws/notifications/anna");
  one->say(R"({"type":"chat_message","id":8,"data":{"content":"Hi"}})");
  EXPECT_EQ(one->next(), token("Hi", 1, "8"));
  EXPECT_EQ(one->next(), last("Hi", 2, "anna", "8"));
  EXPECT_EQ(two->next(), token("Hi", 1));
  EXPECT_EQ(two->next(), last("Hi", 2));
  settle();
  EXPECT_EQ(other->waiting(), 0U);
  EXPECT_EQ(user->waiting(), 0U);
}

TEST_F(HubChat, WhoComesBackGetsTheRunningAnswerFromItsStart) {
  auto* one = welcomed("/ws/assistant/app/1/anna");
  one->say(ask("a b pause c"));
  one->next(2);
  one->disconnect();
  auto* again = connect("/ws/assistant/app/1/anna", who("anna"));
  EXPECT_NE(again->next().find("connection_ack"), std::string::npos);
  EXPECT_EQ(again->next(), token("a", 1));
  EXPECT_EQ(again->next(), token("b", 2));
  resume();
  EXPECT_EQ(again->next(), token("c", 3));
  EXPECT_EQ(again->next(), last("a b pause c", 4));
  auto* late = welcomed("/ws/assistant/app/1/anna");
  settle();
  EXPECT_EQ(late->waiting(), 0U);  // it has ended, and somebody saw it
}

TEST_F(HubChat, AnAnswerThatEndedWithNobodyThereIsKeptForTheNext) {
  auto* one = welcomed("/ws/assistant/app/1/anna");
  one->say(ask("a pause b"));
  one->next();
  one->disconnect();
  resume();
  settle();
  auto* again = welcomed("/ws/assistant/app/1/anna");
  EXPECT_EQ(again->next(), token("a", 1));
  EXPECT_EQ(again->next(), token("b", 2));
  EXPECT_EQ(again->next(), last("a pause b", 3));
  auto* third = welcomed("/ws/assistant/app/1/anna");
  settle();
  EXPECT_EQ(third->waiting(), 0U);
}

TEST_F(HubChat, CancelStopsIt) {
  auto* one = welcomed("/ws/assistant/app/1/anna");
  auto* two = welcomed("/ws/assistant/app/1/anna");
  one->say(ask("a pause b"));
  one->next();
  two->next();
  two->say(R"({"type":"cancel","id":3})");
  EXPECT_EQ(one->next(), timed(R"({"type":"cancelled","data":{},"sequence":2,"timestamp":"#"})"));
  EXPECT_EQ(two->next(), timed(R"({"type":"cancelled","id":3,"data":{},"sequence":2,"timestamp":"#"})"));
  two->say(R"({"type":"cancel","id":4})");
  EXPECT_NE(two->next().find(R"("id":4,"code":"not_found")"), std::string::npos);
  one->say(ask("c"));
  EXPECT_EQ(one->next(), token("c", 3));
}

TEST_F(HubChat, OneAnswerAtATime) {
  auto* client = welcomed("/ws/assistant/app/1/anna");
  client->say(ask("pause a"));
  client->say(R"({"type":"chat_message","id":2,"data":{"content":"b"}})");
  EXPECT_NE(client->next().find(R"("id":2,"code":"conflict")"), std::string::npos);
  resume();
  EXPECT_EQ(client->next(), token("a", 1));
}

TEST_F(HubChat, FailuresEndTheAnswerForEverybody) {
  auto* one = welcomed("/ws/assistant/app/1/anna");
  auto* two = welcomed("/ws/assistant/app/1/anna");
  one->say(ask("a fail"));
  for (auto* client : {one, two}) {
    EXPECT_EQ(client->next(), token("a", 1));
    EXPECT_EQ(client->next(), timed(R"({"type":"error","code":"upstream_failed","message":"no more words",)"
                                    R"("request":"chat_message","sequence":2,"timestamp":"#"})"));
  }
  one->say(R"({"type":"chat_message","id":5,"data":{"content":"fail"}})");
  EXPECT_NE(one->next().find(R"("id":5,"code":"upstream_failed")"), std::string::npos);
  settle();
  EXPECT_EQ(two->waiting(), 0U);  // nothing had been said
}

TEST_F(HubChat, WithoutTheOperationsScope) {
  auto* client = welcomed("/ws/assistant/app/1/anna", who("anna", {"hub.subscribe"}));
  client->say(ask("a"));
  EXPECT_NE(client->next().find(R"("code":"forbidden")"), std::string::npos);
}

TEST_F(HubChat, AnUnknownOperationIsSaid) {
  settings.workflows["broken"].operation = "test_none";
  auto* client = welcomed("/ws/broken/app/1/anna");
  client->say(ask("a"));
  EXPECT_NE(client->next().find(R"("code":"not_found")"), std::string::npos);
}

TEST_F(HubChat, WhatItRefuses) {
  auto* client = welcomed("/ws/assistant/app/1/anna");
  for (auto const& [text, has] : std::vector<std::pair<std::string, std::string>>{
           {R"({"type":"chat_message","id":1})", R"("id":1,"code":"invalid_argument")"},
           {R"({"type":"chat_message","data":"x"})", R"("pointer":"/data/content")"},
           {R"({"type":"chat_message","data":{"content":5}})", R"("pointer":"/data/content")"},
           {R"({"type":"publish","channel":"c","data":1})", "chat_message, cancel"}}) {
    client->say(text);
    auto const error = client->next();
    EXPECT_NE(error.find(has), std::string::npos) << error;
  }
  EXPECT_TRUE(client->is_open());
}

TEST_F(HubChat, ServersMayPush) {
  auto* client = welcomed("/ws/assistant/app/1/anna");
  auto const done = call(send_to_chat, {.workflow = "assistant",
                                        .app_id = "app",
                                        .chat_id = "1",
                                        .message = {R"({"type":"tool_output","data":{"rows":3}})"}});
  ASSERT_TRUE(done);
  EXPECT_EQ(done->connections, 1U);
  EXPECT_EQ(client->next(), timed(R"({"type":"tool_output","data":{"rows":3},"timestamp":"#"})"));
}

// --- whose it is

TEST_F(HubChat, AChatIsItsFirstUsersUnlessItIsShared) {
  welcomed("/ws/assistant/app/1/anna");
  auto const theirs = *endpoint_of("/ws/assistant/app/1/berta", settings);
  EXPECT_EQ(hub->chats().claim(theirs, settings)->code, Code::forbidden);
  auto* berta = connect("/ws/assistant/app/1/berta", who("berta"));
  EXPECT_NE(berta->next().find(R"("code":"forbidden")"), std::string::npos);
  EXPECT_EQ(berta->closed_with(), 3003);
  settle();
  EXPECT_EQ(berta->waiting(), 0U);

  auto* first = welcomed("/ws/team/app/1/anna");
  auto* second = welcomed("/ws/team/app/1/berta", who("berta"));
  second->say(ask("Hi"));
  EXPECT_EQ(first->next(), token("Hi", 1));
  EXPECT_EQ(first->next(), last("Hi", 2, "berta"));
}

TEST_F(HubChat, ARoomGoesFiveMinutesAfterItsLastConnection) {
  auto* client = welcomed("/ws/assistant/app/1/anna");
  client->say(ask("a pause b"));
  client->next();
  client->disconnect();
  advance(290s);
  EXPECT_EQ(hub->chats().size(), 1U);
  auto const theirs = *endpoint_of("/ws/assistant/app/1/berta", settings);
  EXPECT_TRUE(hub->chats().claim(theirs, settings));
  advance(11s);
  EXPECT_EQ(hub->chats().size(), 0U);
  settle();
  on(0, [&] { EXPECT_TRUE(waiters.empty()); });  // the answer was ended
  auto* berta = welcomed("/ws/assistant/app/1/berta", who("berta"));
  settle();
  EXPECT_EQ(berta->waiting(), 0U);
}

TEST_F(HubChat, ComingBackKeepsTheRoom) {
  auto* client = welcomed("/ws/assistant/app/1/anna");
  client->disconnect();
  advance(290s);
  auto* again = welcomed("/ws/assistant/app/1/anna");
  advance(600s);
  EXPECT_EQ(hub->chats().size(), 1U);
  again->disconnect();
  advance(301s);
  EXPECT_EQ(hub->chats().size(), 0U);
}

TEST_F(HubChat, AClaimThatNobodyFollowsGoesToo) {
  begin();
  EXPECT_FALSE(hub->chats().claim(*endpoint_of("/ws/assistant/app/1/anna", settings), settings));
  EXPECT_EQ(hub->chats().size(), 1U);
  settle();
  advance(301s);
  EXPECT_EQ(hub->chats().size(), 0U);
}

TEST_F(HubChat, RoomsOfAUserAreLimited) {
  begin();
  Endpoint endpoint = *endpoint_of("/ws/assistant/app/1/anna", settings);
  for (std::size_t i = 0; i < ChatRooms::rooms_of_user; ++i) {
    endpoint.chat_id = std::to_string(i);
    ASSERT_FALSE(hub->chats().claim(endpoint, settings));
  }
  endpoint.chat_id = "one more";
  EXPECT_EQ(hub->chats().claim(endpoint, settings)->code, Code::rate_limited);
  endpoint.user_id = "berta";
  EXPECT_FALSE(hub->chats().claim(endpoint, settings));
}

TEST_F(HubChat, ALongAnswerIsNotKeptWithoutSayingSo) {
  settings.workflows["flood"].operation = "test_words";
  auto* client = welcomed("/ws/flood/app/1/anna");
  std::string text;
  for (int i = 0; i < 300; ++i) text += std::string(1000, 'x') + " ";
  client->say(ask(text + "pause end"));
  client->next(300);
  auto* late = welcomed("/ws/flood/app/1/anna");
  EXPECT_NE(late->next().find(R"("code":"too_large")"), std::string::npos);
  resume();
  EXPECT_EQ(late->next(), token("end", 301));
}

TEST_F(HubChat, ACongestedConnectionHoldsTheAnswerUp) {
  auto* client = welcomed("/ws/assistant/app/1/anna");
  client->congested_after(3);
  std::string text;
  for (int i = 0; i < 30; ++i) text += "w ";
  client->say(ask(text));
  settle();
  EXPECT_LE(client->waiting(), 5U);
  for (int i = 1; i <= 30; ++i) {
    EXPECT_EQ(client->next(), token("w", i));
    client->congest(false);
    settle();
    EXPECT_LE(client->waiting(), 5U);
  }
  EXPECT_NE(client->next().find("chat_message"), std::string::npos);
}

TEST_F(HubChat, AStopEndsAnswers) {
  auto* client = welcomed("/ws/assistant/app/1/anna");
  client->say(ask("a pause"));
  client->next();
  hub->chats().stop();
  EXPECT_NE(client->next().find(R"("code":"unavailable")"), std::string::npos);
}

// --- more than one shard

class HubChatOnShards : public HubChat {
 protected:
  HubChatOnShards() : HubChat(3) {}
};

TEST_F(HubChatOnShards, AnswersReachAllOfThemInOrder) {
  std::vector<FakeConnection*> all;
  for (unsigned shard = 0; shard < 3; ++shard) all.push_back(welcomed("/ws/assistant/app/1/anna", who("anna"), shard));
  std::string text;
  for (int i = 0; i < 500; ++i) text += "w ";
  all[1]->say(ask(text));
  for (auto* client : all) {
    for (int i = 1; i <= 500; ++i) ASSERT_EQ(client->next(), token("w", i));
    EXPECT_NE(client->next().find(R"("sequence":501)"), std::string::npos);
  }
}

TEST_F(HubChatOnShards, ComingAndGoingWhileItIsGiven) {
  auto* steady = welcomed("/ws/assistant/app/1/anna", who("anna"), 0);
  std::string text;
  for (int i = 0; i < 300; ++i) text += "w ";
  for (int round = 0; round < 10; ++round) {
    steady->say(ask(text));
    for (unsigned i = 0; i < 6; ++i) welcomed("/ws/assistant/app/1/anna", who("anna"), i % 3)->disconnect();
    for (int i = 1; i <= 300; ++i) ASSERT_EQ(steady->next(), token("w", round * 301 + i));
    EXPECT_NE(steady->next().find("chat_message"), std::string::npos);
  }
}

}  // namespace
}  // namespace patchbay::hub::test
