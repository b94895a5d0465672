// What a well-behaved client gets.
#include <zlib.h>

#include "core/base/json.hpp"
#include "tests/gateway/http_fixture.hpp"

namespace patchbay::http_test {
namespace {

using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

class HttpRequests : public HttpFixture {
 protected:
  HttpRequests() { start(); }
};

std::string unzipped(std::string const& bytes) {
  z_stream stream{};
  inflateInit2(&stream, 15 + 16);
  std::string out(4 << 20, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  auto const done = inflate(&stream, Z_FINISH);
  out.resize(done == Z_STREAM_END ? stream.total_out : 0);
  inflateEnd(&stream);
  return out;
}

TEST_F(HttpRequests, AnOperationAnswersInTheEnvelope) {
  auto const answer = post("/demo_say", R"({"text":"hello","times":2})");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, R"({"status":"success","data":{"text":"hellohello"}})");
  EXPECT_EQ(answer.field("content-type"), "application/json");
  EXPECT_EQ(answer.field("x-content-type-options"), "nosniff");
  EXPECT_EQ(answer.field("cache-control"), "no-store");
  EXPECT_THAT(answer.field("date"), MatchesRegex("[A-Z][a-z][a-z], [0-9][0-9] [A-Z][a-z][a-z] 20[0-9][0-9] .* GMT"));
  EXPECT_FALSE(answer.has("connection"));
}

TEST_F(HttpRequests, APostWithoutBodyIsAnEmptyObject) {
  EXPECT_EQ(ask(request("POST", "/demo_health")).body, R"({"status":"success","data":{"status":"ok"}})");
  auto const missing = ask(request("POST", "/demo_say"));
  EXPECT_EQ(missing.status, 400);
  EXPECT_THAT(missing.body, HasSubstr(R"("pointer":"/text")"));
}

TEST_F(HttpRequests, ARouteOfItsOwnIsBareOrRaw) {
  EXPECT_EQ(get("/health").body, R"({"status":"ok"})");
  auto const raw = get("/metrics");
  EXPECT_EQ(raw.body, "up 1\n");
  EXPECT_EQ(raw.field("content-type"), "text/plain; version=0.0.4");
  EXPECT_THAT(post("/demo_metrics", "{}").body, HasSubstr(R"("content_type":"text/plain; version=0.0.4")"));
}

struct QueryRow {
  char const* name;
  char const* target;
  int status;
  char const* part;
};
void PrintTo(QueryRow const& row, std::ostream* out) { *out << row.name; }
class HttpQuery : public HttpRequests, public testing::WithParamInterface<QueryRow> {};
TEST_P(HttpQuery, BecomesArguments) {
  auto const answer = get(GetParam().target);
  EXPECT_EQ(answer.status, GetParam().status);
  EXPECT_THAT(answer.body, HasSubstr(GetParam().part));
}
INSTANTIATE_TEST_SUITE_P(
    Table, HttpQuery,
    testing::Values(QueryRow{"path", "/rooms/kitchen", 200, R"("room":"kitchen")"},
                    QueryRow{"escaped", "/rooms/living%20room%2F1", 200, R"("room":"living room/1")"},
                    QueryRow{"number", "/rooms/a?limit=7", 200, R"("limit":7)"},
                    QueryRow{"boolean", "/rooms/a?all=true", 200, R"("all":true)"},
                    QueryRow{"one_of_a_list", "/rooms/a?kinds=x", 200, R"("kinds":["x"])"},
                    QueryRow{"a_list", "/rooms/a?kinds=x&kinds=y+z", 200, R"("kinds":["x","y z"])"},
                    QueryRow{"a_list_as_json", "/rooms/a?kinds=%5B%22x%22%5D", 200, R"("kinds":["x"])"},
                    QueryRow{"text_that_looks_like_a_number", "/rooms/12", 200, R"("room":"12")"},
                    QueryRow{"wrong_type", "/rooms/a?limit=many", 400, R"("pointer":"/limit")"},
                    QueryRow{"out_of_range", "/rooms/a?limit=51", 400, "at most 50"},
                    QueryRow{"unknown", "/rooms/a?colour=red", 400, R"("pointer":"/colour")"},
                    QueryRow{"twice", "/rooms/a?limit=1&limit=2", 400, "twice"},
                    QueryRow{"bad_escape", "/rooms/a?kinds=%zz", 400, "hexadecimal"},
                    QueryRow{"path_argument_in_the_query_too", "/rooms/a?room=b", 400, "twice"},
                    QueryRow{"no_such_path", "/rooms/a/b", 404, "not_found"}, QueryRow{"no_room", "/rooms/", 404, ""}),
    [](auto const& row) { return std::string{row.param.name}; });

TEST_F(HttpRequests, PathAndBodyArgumentsAddUp) {
  EXPECT_THAT(post("/rooms/hall", R"( {"limit": 3} )").body, HasSubstr(R"("room":"hall","kinds":[],"limit":3)"));
  EXPECT_EQ(post("/rooms/hall", "{}").status, 200);
  EXPECT_EQ(post("/rooms/hall", R"({"room":"other"})").status, 400);
  EXPECT_EQ(post("/rooms/hall", "[]").status, 400);
}

TEST_F(HttpRequests, OneConnectionServesManyRequests) {
  Connection connection{port()};
  for (int i = 0; i < 100; ++i) {
    connection.send(post_request("/demo_say", R"({"text":")" + std::to_string(i) + R"("})"));
    EXPECT_EQ(connection.read_answer().body, R"({"status":"success","data":{"text":")" + std::to_string(i) + R"("}})");
  }
  EXPECT_EQ(server->connections(), 1U);
}

TEST_F(HttpRequests, PipelinedRequestsAreAnsweredInOrder) {
  Connection connection{port()};
  std::string all;
  for (int i = 0; i < 500; ++i) all += post_request("/demo_say", R"({"text":")" + std::to_string(i) + R"("})");
  connection.send(all);
  for (int i = 0; i < 500; ++i)
    ASSERT_THAT(connection.read_answer().body, HasSubstr("\"text\":\"" + std::to_string(i) + "\""));
}

TEST_F(HttpRequests, PipelinedRequestsWaitForOneThatSuspends) {
  Connection connection{port()};
  connection.send(
      post_request("/demo_wait", R"({"text":"first"})") + post_request("/demo_say", R"({"text":"second"})") +
      post_request("/demo_wait", R"({"text":"third"})") + post_request("/demo_say", R"({"text":"fourth"})"));
  wait_for_calls(1);
  EXPECT_EQ(say_calls, 0);
  release();
  for (auto const* text : {"first", "second", "third", "fourth"})
    EXPECT_THAT(connection.read_answer().body, HasSubstr(text));
}

TEST_F(HttpRequests, MuchPipelinedOutputIsBounded) {
  // 40 answers of 100 kB to a client that reads late: they are made as they are taken.
  Connection connection{port(), 4096};
  std::string all;
  for (int i = 0; i < 40; ++i) all += post_request("/demo_say", R"({"text":"0123456789","times":10000})");
  connection.send(all);
  for (int i = 0; i < 40; ++i) ASSERT_EQ(connection.read_answer().body.size(), 100000U + 39);
  EXPECT_EQ(server->held_bytes(), 0U);
}

TEST_F(HttpRequests, ABodyInPiecesIsOneBody) {
  Connection connection{port()};
  auto const whole = post_request("/demo_say", R"({"text":"pieces"})");
  for (char c : whole) connection.send(std::string_view{&c, 1});
  EXPECT_THAT(connection.read_answer().body, HasSubstr("pieces"));
  auto const large = R"({"text":")" + std::string(700'000, 'x') + R"("})";
  connection.send(post_request("/demo_say", large));
  auto const answer = connection.read_answer();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body.size(), 700'000U + 39);
}

TEST_F(HttpRequests, ChunkedBodies) {
  Connection connection{port()};
  auto const head = request("POST", "/demo_say", "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n");
  connection.send(head + "6\r\n{\"text\r\nA\r\n\":\"chunks\"\r\n1\r\n}\r\n0\r\n\r\n");
  EXPECT_THAT(connection.read_answer().body, HasSubstr("chunks"));
  connection.send(head);
  for (char c : std::string{"6\r\n{\"text\r\nA\r\n\":\"letter\"\r\n1\r\n}\r\n0\r\nTrailer: read over\r\n\r\n"})
    connection.send(std::string_view{&c, 1});
  EXPECT_THAT(connection.read_answer().body, HasSubstr("letter"));
  connection.send(request("GET", "/health"));
  EXPECT_EQ(connection.read_answer().status, 200);
}

TEST_F(HttpRequests, HeadIsGetWithoutTheBody) {
  Connection connection{port()};
  connection.send(request("HEAD", "/health") + request("GET", "/health"));
  auto const head = connection.read_answer(true);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.field("content-length"), "15");
  EXPECT_EQ(connection.read_answer().body, R"({"status":"ok"})");
}

TEST_F(HttpRequests, AWrongMethodNamesTheRightOnes) {
  auto const tool = get("/demo_say");
  EXPECT_EQ(tool.status, 405);
  EXPECT_EQ(tool.field("allow"), "POST, OPTIONS");
  auto const route = post("/health", "{}");
  EXPECT_EQ(route.status, 405);
  EXPECT_EQ(route.field("allow"), "GET, HEAD, OPTIONS");
  EXPECT_EQ(ask(request("DELETE", "/demo_ticks")).field("allow"), "GET, HEAD, POST, OPTIONS");
  EXPECT_EQ(ask(request("BREW", "/health")).status, 405);
  EXPECT_EQ(ask(request("OPTIONS", "/rooms/x")).field("allow"), "GET, HEAD, POST, OPTIONS");
  EXPECT_EQ(ask(request("OPTIONS", "*")).status, 204);
}

TEST_F(HttpRequests, AnUnknownToolNamesTheNearest) {
  auto const answer = post("/demo_sey", "{}");
  EXPECT_EQ(answer.status, 404);
  EXPECT_THAT(answer.body, HasSubstr("the nearest are demo_say, "));
  EXPECT_EQ(get("/").status, 307);
  EXPECT_EQ(get("/").field("location"), "/docs");
}

TEST_F(HttpRequests, ErrorsHaveTheirStatusAndATrace) {
  auto const conflict = post("/demo_say", R"({"text":"conflict"})");
  EXPECT_EQ(conflict.status, 409);
  auto const parsed = json::parse(conflict.body);
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(json::find_text(parsed->document, "status"), "error");
  auto const& error = *json::find(parsed->document, "error");
  EXPECT_EQ(json::find_text(error, "code"), "conflict");
  EXPECT_EQ(json::find_text(error, "message"), "already said");
  EXPECT_EQ(json::find_text(error, "pointer"), "/text");
  EXPECT_FALSE(json::find(error, "retryable")->GetBool());
  EXPECT_EQ(json::find(error, "retry_after_ms"), nullptr);
  EXPECT_EQ(json::find_text(error, "trace").size(), 32U);

  auto const busy = post("/demo_say", R"({"text":"busy"})");
  EXPECT_EQ(busy.status, 429);
  EXPECT_EQ(busy.field("retry-after"), "3");
  EXPECT_THAT(busy.body, HasSubstr(R"("retryable":true,"retry_after_ms":2500)"));
  EXPECT_EQ(post("/demo_say", "{not json").status, 400);
  EXPECT_EQ(post("/demo_say", R"({"text":"a","text":"b"})").status, 400);
}

TEST_F(HttpRequests, TheCallersTraceIsKept) {
  auto const answer = post("/demo_say", R"({"text":"conflict"})",
                           "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n");
  EXPECT_THAT(answer.body, HasSubstr(R"("trace":"0af7651916cd43dd8448eb211c80319c")"));
  EXPECT_THAT(answer.field("traceparent"), HasSubstr("00-0af7651916cd43dd8448eb211c80319c-"));
  EXPECT_THAT(answer.field("traceparent"), Not(HasSubstr("b7ad6b7169203331")));
  EXPECT_EQ(post("/demo_say", R"({"text":"x"})", "traceparent: nonsense\r\n").status, 200);
}

TEST_F(HttpRequests, ACallerMayShortenTheTime) {
  auto const answer = post("/demo_wait", R"({"text":"x"})", "Patchbay-Timeout-Ms: 30\r\n");
  EXPECT_EQ(answer.status, 504);
  EXPECT_THAT(answer.body, HasSubstr("deadline_exceeded"));
  EXPECT_EQ(cancelled, 1);
  for (auto const* wrong : {"0", "-1", "soon", "1.5", "99999999999", ""})
    EXPECT_EQ(post("/demo_say", R"({"text":"x"})", fmt::format("Patchbay-Timeout-Ms: {}\r\n", wrong)).status, 400);
}

TEST_F(HttpRequests, ScopesDecide) {
  EXPECT_EQ(post("/demo_change", R"({"text":"x"})").status, 401);
  EXPECT_EQ(post("/demo_change", R"({"text":"x"})").field("www-authenticate"), "Bearer");
  EXPECT_EQ(post("/demo_change", R"({"text":"x"})", "Authorization: Bearer good\r\n").status, 403);
  EXPECT_EQ(post("/demo_say", R"({"text":"x"})", "Authorization: Bearer bad\r\n").status, 401);
  EXPECT_EQ(post("/demo_say", R"({"text":"x"})", "Authorization: Bearer good\r\n").status, 200);
}

TEST_F(HttpRequests, LivenessAnswersWithoutCredentialsEverywhere) {
  EXPECT_EQ(get("/health/live", "X-Forwarded-For: 10.0.0.1\r\n").status, 200);
  EXPECT_EQ(get("/health", "X-Forwarded-For: 10.0.0.1\r\n").status, 401);
}

TEST_F(HttpRequests, CredentialsAreAskedOncePerConnectionUntilForgotten) {
  Connection connection{port()};
  auto const again = [&](std::string_view token) {
    connection.send(post_request("/demo_say", R"({"text":"x"})", fmt::format("Authorization: Bearer {}\r\n", token)));
    return connection.read_answer().status;
  };
  EXPECT_EQ(again("good"), 200);
  EXPECT_EQ(again("good"), 200);
  EXPECT_EQ(asked_who, 1);
  EXPECT_EQ(again("bad"), 401);
  EXPECT_EQ(asked_who, 2);
  EXPECT_EQ(again("bad"), 401);
  EXPECT_EQ(asked_who, 3);  // a refusal is not kept: failed logins count
  EXPECT_EQ(again("good"), 200);
  server->forget_credentials();
  auto const before = asked_who.load();
  EXPECT_EQ(again("good"), 200);
  EXPECT_EQ(asked_who, before + 1);
}

TEST_F(HttpRequests, Http10AndConnectionClose) {
  Connection old{port()};
  old.send("GET /health HTTP/1.0\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(old.read_answer().field("connection"), "close");
  EXPECT_TRUE(old.is_closed_by_peer());
  Connection kept{port()};
  kept.send("GET /health HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(kept.read_answer().field("connection"), "keep-alive");
  kept.send(request("GET", "/health", "Connection: close\r\n"));
  EXPECT_EQ(kept.read_answer().field("connection"), "close");
  EXPECT_TRUE(kept.is_closed_by_peer());
}

TEST_F(HttpRequests, AnEmptyLineBeforeARequestIsReadOver) {
  EXPECT_EQ(ask("\r\n\r\n" + request("GET", "/health")).status, 200);
}

TEST_F(HttpRequests, TheAbsoluteFormIsUnderstood) {
  EXPECT_EQ(ask("GET http://localhost/health HTTP/1.1\r\nHost: localhost\r\n\r\n").status, 200);
  EXPECT_EQ(ask("GET http://localhost HTTP/1.1\r\nHost: localhost\r\n\r\n").status, 307);
  EXPECT_EQ(ask("GET http://other/health HTTP/1.1\r\nHost: localhost\r\n\r\n").status, 400);
}

TEST_F(HttpRequests, ExpectContinue) {
  Connection connection{port()};
  auto const head =
      request("POST", "/demo_say", "Content-Type: application/json\r\nContent-Length: 12\r\nExpect: 100-continue\r\n");
  connection.send(head);
  EXPECT_EQ(connection.read_answer().status, 100);
  connection.send(R"({"text":"x"})");
  EXPECT_EQ(connection.read_answer().status, 200);
  connection.send(head + R"({"text":"y"})");  // did not wait
  EXPECT_EQ(connection.read_answer().status, 200);
  EXPECT_EQ(ask(request("GET", "/health", "Expect: miracles\r\n")).status, 417);
}

TEST_F(HttpRequests, LargeAnswersAreCompressedOnRequest) {
  auto const body = R"({"text":"0123456789","times":5000})";
  auto const small = post("/demo_say", body, "Accept-Encoding: br, gzip;q=0.5\r\n");
  EXPECT_EQ(small.field("content-encoding"), "gzip");
  EXPECT_LT(small.body.size(), 2000U);
  auto const plain = post("/demo_say", body);
  EXPECT_FALSE(plain.has("content-encoding"));
  EXPECT_EQ(unzipped(small.body), plain.body);
  EXPECT_FALSE(post("/demo_say", body, "Accept-Encoding: gzip;q=0\r\n").has("content-encoding"));
  EXPECT_FALSE(post("/demo_say", R"({"text":"x"})", "Accept-Encoding: gzip\r\n").has("content-encoding"));
}

TEST_F(HttpRequests, PagesCarryTheirPolicyAndCanBeCached) {
  auto const page = get("/docs");
  EXPECT_EQ(page.status, 200);
  EXPECT_EQ(page.field("content-type"), "text/html; charset=utf-8");
  EXPECT_EQ(page.field("content-security-policy"), "default-src 'self'; frame-ancestors 'none'");
  EXPECT_EQ(page.field("x-content-type-options"), "nosniff");
  auto const again = get("/docs", fmt::format("If-None-Match: {}\r\n", page.field("etag")));
  EXPECT_EQ(again.status, 304);
  EXPECT_EQ(again.body, "");
  EXPECT_EQ(get("/docs", "Accept-Encoding: gzip\r\n").status, 200);
}

TEST_F(HttpRequests, AreCountedByMethodAndStatus) {
  get("/health");
  get("/nothing");
  ask(request("BREW", "/health"));
  EXPECT_EQ(counted("patchbay_http_requests_total", "200"), 1);
  EXPECT_EQ(counted("patchbay_http_requests_total", "404"), 1);
  EXPECT_EQ(counted("patchbay_http_requests_total", "other"), 1);
  EXPECT_GT(counted("patchbay_http_bytes_total", "out"), 100);
  EXPECT_EQ(counted("patchbay_limit", "http_connections"), 256);
}

TEST(HttpAddress, InUseIsSaid) {
  SystemClock clock;
  NullLog log;
  Counters counters;
  Caller caller{counters};
  Runtime runtime{{.shards = 2, .blocking_threads = 1}, clock, log};
  runtime.start();
  {
    HttpServer first{runtime, caller, counters, log, {.listen = {"127.0.0.1:0"}}};
    auto const port = first.listen();
    ASSERT_TRUE(port.has_value());
    auto const same = fmt::format("127.0.0.1:{}", *port);
    EXPECT_EQ(first.urls().front(), "http://" + same);
    HttpServer second{runtime, caller, counters, log, {.listen = {same}}};
    auto const refused = second.listen();
    ASSERT_TRUE(refused.has_error());
    EXPECT_EQ(refused.error().code, Code::conflict);
    EXPECT_EQ(refused.error().message, same + ": address in use");
    for (auto const* wrong : {"", "here", "127.0.0.1", "127.0.0.1:99999", "1.2.3.4.5:80", "[::1:80"}) {
      HttpServer bad{runtime, caller, counters, log, {.listen = {wrong}}};
      EXPECT_EQ(bad.listen().error().code, Code::invalid_argument) << wrong;
    }
  }
  runtime.stop();
}

TEST(HttpAddress, ServesOnEveryShard) {
  struct Two : HttpFixture {
    void TestBody() override {
      start({}, 2);
      for (int i = 0; i < 50; ++i) EXPECT_EQ(get("/health").status, 200);
    }
  } two;
  two.TestBody();
}

}  // namespace
}  // namespace patchbay::http_test
