// Streaming operations over HTTP: server-sent events, lines of JSON, their ends.
#include "core/base/json.hpp"
#include "tests/gateway/http_fixture.hpp"

namespace patchbay::http_test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class HttpStreams : public HttpFixture {};
constexpr auto as_events = "Accept: text/event-stream\r\n";

TEST_F(HttpStreams, ServerSentEvents) {
  start();
  auto const answer = post("/demo_ticks", R"({"text":"a","times":2})", as_events);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.field("content-type"), "text/event-stream");
  EXPECT_EQ(answer.field("connection"), "close");
  EXPECT_EQ(answer.body,
            "id: 1\nevent: tick\ndata: {\"n\": 0, \"text\":\"a\"}\n\n"
            "id: 2\nevent: tick\ndata: {\"n\": 1, \"text\":\"a\"}\n\n"
            "id: 3-end\nevent: end\ndata: {\"status\":\"success\",\"data\":{\"text\":\"a\"}}\n\n");
}

TEST_F(HttpStreams, LinesOfJsonLeaveTheConnectionUsable) {
  start();
  Connection connection{port()};
  connection.send(post_request("/demo_ticks", R"({"text":"a","times":2})") + request("GET", "/health"));
  auto const answer = connection.read_answer();
  EXPECT_EQ(answer.field("content-type"), "application/x-ndjson");
  EXPECT_EQ(answer.field("transfer-encoding"), "chunked");
  EXPECT_EQ(answer.body,
            "{\"id\":1,\"event\":\"tick\",\"data\":{\"n\": 0, \"text\":\"a\"}}\n"
            "{\"id\":2,\"event\":\"tick\",\"data\":{\"n\": 1, \"text\":\"a\"}}\n"
            "{\"id\":3,\"event\":\"end\",\"data\":{\"status\":\"success\",\"data\":{\"text\":\"a\"}}}\n");
  EXPECT_EQ(connection.read_answer().status, 200);
}

TEST_F(HttpStreams, AReadingOneCanBeGot) {
  start();
  EXPECT_THAT(get("/demo_ticks?text=a%20b&times=1", as_events).body, HasSubstr("\"text\":\"a b\""));
  EXPECT_EQ(get("/demo_ticks?times=1", as_events).status, 400);
  auto const head = [&] {
    Connection connection{port()};
    connection.send(request("HEAD", "/demo_ticks?text=a", as_events));
    return connection.read_answer(true);
  }();
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.field("content-type"), "text/event-stream");
}

TEST_F(HttpStreams, AnErrorBeforeTheFirstEventIsAPlainOne) {
  start();
  auto const answer = post("/demo_ticks", R"({"text":"fail"})", as_events);
  EXPECT_EQ(answer.status, 502);
  EXPECT_EQ(answer.field("content-type"), "application/json");
  EXPECT_THAT(answer.body, HasSubstr("connect_failed"));
  EXPECT_EQ(post("/demo_ticks", "{}", as_events).status, 400);
  EXPECT_EQ(post("/demo_ticks", R"({"text":"a"})", "Accept: text/event-stream\r\nAuthorization: Bearer bad\r\n").status,
            401);
}

TEST_F(HttpStreams, ALaterErrorIsTheEnd) {
  start();
  auto const answer = post("/demo_ticks", R"({"text":"break","times":1})", as_events);
  EXPECT_EQ(answer.status, 200);
  EXPECT_THAT(answer.body,
              HasSubstr("id: 2-end\nevent: end\ndata: {\"status\":\"error\",\"error\":{\"code\":\"upstream_failed\""));
}

TEST_F(HttpStreams, WhoComesBackAfterTheEndIsSentAway) {
  start();
  EXPECT_EQ(get("/demo_ticks?text=a", "Accept: text/event-stream\r\nLast-Event-ID: 3-end\r\n").status, 204);
  EXPECT_EQ(get("/demo_ticks?text=a", "Accept: text/event-stream\r\nLast-Event-ID: 3\r\n").status, 200);
  EXPECT_EQ(get("/demo_ticks?text=a", "Accept: text/event-stream\r\nLast-Event-ID: x-end\r\n").status, 200);
}

TEST_F(HttpStreams, ASilentOneOpensAndBeats) {
  start({.stream_opening_ms = 50, .stream_heartbeat_ms = 100});
  Connection connection{port()};
  connection.send(post_request("/demo_ticks", R"({"text":"hold","times":1})", as_events));
  EXPECT_THAT(connection.read_until("still here\n\n"), HasSubstr("event: tick"));
  EXPECT_EQ(connection.read_until("still here\n\n"), ": still here\n\n");
  release();
  EXPECT_THAT(connection.read_to_end(), HasSubstr("event: end"));
  // One that has not said anything yet: its header comes all the same.
  released = false;
  Connection quiet{port()};
  quiet.send(post_request("/demo_wait_for_nothing", "{}", as_events));
  EXPECT_EQ(quiet.read_answer().status, 404);
}

TEST_F(HttpStreams, TheClientsGoingAwayCancels) {
  start();
  for (int i = 0; i < 3; ++i) {
    {
      Connection connection{port()};
      connection.send(post_request("/demo_ticks", R"({"text":"hold","times":1})", as_events));
      connection.read_until("\n\n");
      wait_for_calls(1);
      if (i == 1) connection.reset();
    }
    wait_for_calls(0);
    EXPECT_EQ(cancelled, i + 1);
  }
}

TEST_F(HttpStreams, TheClientsGoingAwayCancelsPlainCallsToo) {
  start();
  {
    Connection connection{port()};
    connection.send(post_request("/demo_wait", R"({"text":"x"})"));
    wait_for_calls(1);
  }
  wait_for_calls(0);
  EXPECT_EQ(cancelled, 1);
  auto const until = std::chrono::steady_clock::now() + std::chrono::seconds{5};
  while (counted("patchbay_http_requests_total", "499") == 0 && std::chrono::steady_clock::now() < until)
    std::this_thread::yield();
  EXPECT_EQ(counted("patchbay_http_requests_total", "499"), 1);
}

TEST_F(HttpStreams, AFastOneWaitsForItsReader) {
  start({.stream_buffer_bytes = 16 << 10});
  Connection connection{port(), 4096};
  auto const text = std::string(1000, 'x');
  connection.send(post_request("/demo_ticks", R"({"text":")" + text + R"(","times":20000})", as_events));  // 20 MB
  std::size_t most = 0, events = 0;
  std::string tail;
  for (;;) {
    auto const piece = connection.read_some();
    if (piece.empty()) break;
    tail += piece;
    for (auto at = tail.find("event: tick"); at != std::string::npos; at = tail.find("event: tick", at + 1)) ++events;
    // Only what may be the beginning of another mark is kept.
    tail = tail.substr(tail.size() - std::min<std::size_t>(tail.size(), 10));
    most = std::max(most, server->held_bytes());
  }
  EXPECT_EQ(events, 20000U);
  EXPECT_LT(most, 100'000U);
}

TEST_F(HttpStreams, ManyAtOnce) {
  start();
  std::vector<std::unique_ptr<Connection>> open;
  for (int i = 0; i < 50; ++i) {
    open.push_back(std::make_unique<Connection>(port()));
    open.back()->send(post_request("/demo_ticks", R"({"text":"hold","times":3})", as_events));
  }
  wait_for_calls(50);
  release();
  for (auto& one : open) EXPECT_THAT(one->read_to_end(), HasSubstr("id: 4-end"));
}

TEST_F(HttpStreams, TheCallersTimeEndsOne) {
  start();
  auto const answer =
      post("/demo_ticks", R"({"text":"hold","times":1})", "Accept: text/event-stream\r\nPatchbay-Timeout-Ms: 50\r\n");
  EXPECT_THAT(answer.body, HasSubstr("deadline_exceeded"));
}

}  // namespace
}  // namespace patchbay::http_test
