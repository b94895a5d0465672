// Operation calls over a connection: results, errors, streams, backpressure, cancelling, limits.
#include "tests/core/hub/fake_connection.hpp"

namespace patchbay::hub::test {
namespace {

using HubCalls = DialectTest;

TEST_F(HubCalls, ResultWithItsId) {
  auto* client = welcomed();
  client->say(R"({"type":"call","id":7,"operation":"test_say","arguments":{"text":"hello"}})");
  EXPECT_EQ(client->next(), R"({"type":"result","id":7,"status":"success","data":{"text":"hello","user":"anna"}})");
  client->say(R"({"type":"call","operation":"test_say","arguments":{"text":"x"}})");
  EXPECT_EQ(client->next(), R"({"type":"result","status":"success","data":{"text":"x","user":"anna"}})");
}

TEST_F(HubCalls, FailuresAreResults) {
  auto* client = welcomed("/ws/connect", who("anna", {"hub.subscribe", "test.words"}));
  auto const code_of = [&](std::string text) {
    client->say(std::move(text));
    auto const result = client->next();
    auto const parsed = json::parse(result);
    EXPECT_TRUE(parsed) << result;
    EXPECT_EQ(json::find_text(parsed->document, "type"), "result") << result;
    EXPECT_EQ(json::find_text(parsed->document, "status"), "error") << result;
    auto const* error = json::find(parsed->document, "error");
    if (error == nullptr) return std::string{};
    EXPECT_EQ(json::find_text(*error, "trace").size(), 32U) << result;
    EXPECT_NE(json::find(*error, "retryable"), nullptr) << result;
    return std::string{json::find_text(*error, "code")} + std::string{json::find_text(*error, "pointer")};
  };
  EXPECT_EQ(code_of(R"({"type":"call","id":1,"operation":"test_say","arguments":{"text":"x"}})"), "forbidden");
  EXPECT_EQ(code_of(R"({"type":"call","id":2,"operation":"test_sai","arguments":{}})"), "not_found");
  EXPECT_EQ(code_of(R"({"type":"call","id":3})"), "invalid_argument/operation");
  EXPECT_EQ(code_of(R"({"type":"call","id":4,"operation":"test_words","arguments":{}})"), "invalid_argument/message");
  EXPECT_EQ(code_of(R"({"type":"call","id":5,"operation":"test_words"})"), "invalid_argument/message");
  EXPECT_EQ(code_of(R"({"type":"call","id":6,"operation":"test_words","arguments":[]})"), "invalid_argument");
  EXPECT_EQ(code_of(R"({"type":"call","id":7,"operation":"test_words","arguments":{"message":"a","more":1}})"),
            "invalid_argument/more");
}

TEST_F(HubCalls, UnknownOperationsNameTheNearest) {
  auto* client = welcomed();
  client->say(R"({"type":"call","id":2,"operation":"test_sai"})");
  EXPECT_NE(client->next().find("test_say"), std::string::npos);
}

TEST_F(HubCalls, StreamsThenTheResult) {
  auto* client = welcomed();
  client->say(R"({"type":"call","id":"s","operation":"test_words","arguments":{"message":"one two"}})");
  EXPECT_EQ(client->next(), R"({"type":"stream","id":"s","event":"token","data":{"content":"one"}})");
  EXPECT_EQ(client->next(), R"({"type":"stream","id":"s","event":"token","data":{"content":"two"}})");
  EXPECT_EQ(
      client->next(),
      R"({"type":"result","id":"s","status":"success","data":{"content":"one two","agent":"test","user":"anna"}})");
}

TEST_F(HubCalls, OthersGoOnWhileOneRuns) {
  auto* client = welcomed();
  client->say(R"({"type":"call","id":1,"operation":"test_words","arguments":{"message":"a pause b"}})");
  client->next();
  client->say(R"({"type":"call","id":2,"operation":"test_say","arguments":{"text":"now"}})");
  EXPECT_NE(client->next().find(R"("id":2,"status":"success")"), std::string::npos);
  resume();
  EXPECT_EQ(client->next(), R"({"type":"stream","id":1,"event":"token","data":{"content":"b"}})");
  EXPECT_NE(client->next().find(R"({"type":"result","id":1,"status":"success")"), std::string::npos);
}

TEST_F(HubCalls, CancelEndsIt) {
  auto* client = welcomed();
  client->say(R"({"type":"call","id":1,"operation":"test_words","arguments":{"message":"pause"}})");
  client->say(R"({"type":"cancel","id":2})");
  EXPECT_NE(client->next().find(R"("code":"not_found")"), std::string::npos);
  client->say(R"({"type":"cancel","id":1})");
  auto const result = client->next();
  EXPECT_EQ(result.rfind(R"({"type":"result","id":1,"status":"error","error":{"code":"cancelled")", 0), 0U) << result;
  settle();
  EXPECT_TRUE(waiters.empty());
  client->say(R"({"type":"cancel","id":1})");
  EXPECT_NE(client->next().find(R"("type":"error","id":1,"code":"not_found")"), std::string::npos);
}

TEST_F(HubCalls, AnIdInUseIsAConflictAndTheCallGoesOn) {
  auto* client = welcomed();
  client->say(R"({"type":"call","id":1,"operation":"test_words","arguments":{"message":"pause"}})");
  client->say(R"({"type":"call","id":1,"operation":"test_say","arguments":{"text":"x"}})");
  auto const error = client->next();
  EXPECT_EQ(error.rfind(R"({"type":"error","id":1,"code":"conflict")", 0), 0U) << error;
  resume();
  EXPECT_NE(client->next().find(R"({"type":"result","id":1,"status":"success")"), std::string::npos);
  client->say(R"({"type":"call","id":1,"operation":"test_say","arguments":{"text":"x"}})");
  EXPECT_NE(client->next().find(R"("id":1,"status":"success")"), std::string::npos);
}

TEST_F(HubCalls, ADrainEndsStreamsAsUnavailableBehindTheHint) {
  auto* client = welcomed();
  for (int i = 0; i < 3; ++i)
    client->say(R"({"type":"call","id":)" + std::to_string(i) +
                R"(,"operation":"test_words","arguments":{"message":"pause"}})");
  client->on_shard([&] { client->conversation().draining(std::chrono::milliseconds{1234}); });
  EXPECT_EQ(client->next(), R"({"type":"reconnect","after_ms":1234})");
  for (int i = 0; i < 3; ++i) {
    auto const result = client->next();
    EXPECT_EQ(
        result.rfind(
            R"({"type":"result","id":)" + std::to_string(i) + R"(,"status":"error","error":{"code":"unavailable")", 0),
        0U)
        << result;
    EXPECT_NE(result.find(R"("retryable":true,"retry_after_ms":1000)"), std::string::npos) << result;
  }
  on(0, [&] { EXPECT_TRUE(waiters.empty()); });
}

// The connections that have none are closed meanwhile.
TEST_F(HubCalls, ADrainWaitsForCallsThatEndByThemselves) {
  auto* idle = welcomed();
  auto* busy = welcomed();
  busy->say(R"({"type":"call","id":1,"operation":"test_hold","arguments":{"text":"done"}})");
  hub->drain(std::chrono::seconds{2});
  settle();
  EXPECT_EQ(busy->next().rfind(R"({"type":"reconnect","after_ms":)", 0), 0U);
  advance(std::chrono::milliseconds{200});
  EXPECT_EQ(idle->closed_with(), 1012);
  EXPECT_TRUE(busy->is_open());
  resume();
  EXPECT_EQ(busy->next().rfind(R"({"type":"result","id":1,"status":"success")", 0), 0U);
  advance(std::chrono::milliseconds{200});
  EXPECT_EQ(busy->closed_with(), 1012);
}

TEST_F(HubCalls, WhatADrainWaitedForInVainEndsAsUnavailable) {
  auto* busy = welcomed();
  busy->say(R"({"type":"call","id":1,"operation":"test_hold","arguments":{"text":"done"}})");
  hub->drain(std::chrono::seconds{2});
  settle();
  busy->next();  // the hint
  advance(std::chrono::milliseconds{1800});
  EXPECT_TRUE(busy->is_open());
  advance(std::chrono::milliseconds{400});
  EXPECT_EQ(busy->next().rfind(R"({"type":"result","id":1,"status":"error","error":{"code":"unavailable")", 0), 0U);
  EXPECT_EQ(busy->closed_with(), 1012);
}

TEST_F(HubCalls, AllEndWithTheConnection) {
  auto* client = welcomed();
  for (int i = 0; i < 3; ++i)
    client->say(R"({"type":"call","id":)" + std::to_string(i) +
                R"(,"operation":"test_words","arguments":{"message":"pause"}})");
  on(0, [&] { EXPECT_EQ(waiters.size(), 3U); });
  client->disconnect();
  settle();
  on(0, [&] { EXPECT_TRUE(waiters.empty()); });
}

TEST_F(HubCalls, RunningCallsAreLimited) {
  settings.running_calls = 2;
  auto* client = welcomed();
  for (int i = 0; i < 3; ++i)
    client->say(R"({"type":"call","id":)" + std::to_string(i) +
                R"(,"operation":"test_words","arguments":{"message":"pause"}})");
  auto const result = client->next();
  EXPECT_EQ(result.rfind(R"({"type":"result","id":2,"status":"error","error":{"code":"rate_limited")", 0), 0U)
      << result;
  resume();
  client->next(2);
  client->say(R"({"type":"call","id":2,"operation":"test_words","arguments":{"message":"again"}})");
  EXPECT_NE(client->next().find(R"("type":"stream","id":2)"), std::string::npos);
}

TEST_F(HubCalls, StreamsWaitWhileTheConnectionIsCongested) {
  auto* client = welcomed();
  client->congested_after(10);
  client->say(R"({"type":"call","id":1,"operation":"test_flood","arguments":{"count":100}})");
  settle();
  EXPECT_EQ(client->waiting(), 10U);
  // Each time half is read the session says so.
  std::size_t seen = 0;
  while (seen < 100) {
    EXPECT_LE(client->waiting(), 10U);
    for (auto const& frame : client->next(5)) EXPECT_EQ(frame, R"({"type":"stream","id":1,"event":"drop","data":"x"})");
    seen += 5;
    client->congest(false);
  }
  EXPECT_NE(client->next().find(R"({"type":"result","id":1,"status":"success")"), std::string::npos);
}

TEST_F(HubCalls, ACongestedStreamIsCancelled) {
  auto* client = welcomed();
  client->congest(true);
  client->say(R"({"type":"call","id":1,"operation":"test_flood","arguments":{"count":100}})");
  client->say(R"({"type":"cancel","id":1})");
  EXPECT_NE(client->next().find("stream"), std::string::npos);
  EXPECT_NE(client->next().find(R"("code":"cancelled")"), std::string::npos);
}

TEST_F(HubCalls, WhatNoQueueTakesIsTooLarge) {
  settings.queue_bytes = 4096;
  auto* client = welcomed();
  client->say(R"({"type":"call","id":1,"operation":"test_fill","arguments":{"bytes":5000}})");
  EXPECT_NE(client->next().find(R"("id":1,"status":"error","error":{"code":"too_large")"), std::string::npos);
  client->say(R"({"type":"call","id":2,"operation":"test_flood","arguments":{"bytes":5000,"count":3}})");
  EXPECT_NE(client->next().find(R"("id":2,"status":"error","error":{"code":"too_large")"), std::string::npos);
  client->say(R"({"type":"call","id":3,"operation":"test_fill","arguments":{"bytes":3000}})");
  EXPECT_NE(client->next().find(R"("id":3,"status":"success")"), std::string::npos);
  EXPECT_TRUE(client->is_open());
}

TEST_F(HubCalls, HubOperationsToo) {
  auto* client = welcomed();
  client->say(R"({"type":"call","id":1,"operation":"hub_publish","arguments":{"channel":"c","data":1}})");
  EXPECT_EQ(client->next(), R"({"type":"result","id":1,"status":"success","data":{"subscribers":0}})");
}

}  // namespace
}  // namespace patchbay::hub::test
