// Every limit of a client from both sides, and clients that are slow or many.
#include "tests/gateway/http_fixture.hpp"

namespace patchbay::http_test {
namespace {

using testing::HasSubstr;

class HttpLimits : public HttpFixture {};

std::string field(std::size_t size) { return "X-Long: " + std::string(size - 8, 'x') + "\r\n"; }

TEST_F(HttpLimits, RequestLine) {
  start({.request_line_bytes = 300});
  auto const line = [](std::size_t size) {  // "GET /health?" and " HTTP/1.1" are 21 bytes
    return "GET /health?" + std::string(size - 21, 'q') + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
  };
  EXPECT_EQ(ask(line(300)).status, 400);  // read: an unknown argument
  auto const over = ask(line(301));
  EXPECT_EQ(over.status, 414);
  EXPECT_THAT(over.body, HasSubstr("300 bytes"));
  EXPECT_EQ(over.field("connection"), "close");
  EXPECT_EQ(ask(std::string(5000, 'x')).status, 414);  // no end in sight
}

TEST_F(HttpLimits, HeaderFields) {
  start({.header_bytes = 500, .headers_bytes = 1000, .header_fields = 10});
  EXPECT_EQ(get("/health", field(500)).status, 200);
  EXPECT_EQ(get("/health", field(501)).status, 431);
  // "Host: localhost" and its line end are 17 bytes.
  EXPECT_EQ(get("/health", field(490) + field(485)).status, 200);
  EXPECT_EQ(get("/health", field(490) + field(490)).status, 431);
  std::string nine;
  for (int i = 0; i < 9; ++i) nine += "A: b\r\n";
  EXPECT_EQ(get("/health", nine).status, 200);
  EXPECT_EQ(get("/health", nine + "A: b\r\n").status, 431);
  EXPECT_EQ(ask("GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(2000, 'x')).status, 431);  // endless
}

TEST_F(HttpLimits, BodyOfAnOperation) {
  start({.tool_body_bytes = 2000});
  auto const body = [](std::size_t size) { return R"({"text":")" + std::string(size - 11, 'x') + R"("})"; };
  EXPECT_EQ(post("/demo_say", body(2000)).status, 200);
  auto const over = post("/demo_say", body(2001));
  EXPECT_EQ(over.status, 413);
  EXPECT_THAT(over.body, HasSubstr("too_large"));
  // Refused before a byte of it was sent, also where the client asks first.
  EXPECT_EQ(ask(request("POST", "/demo_say",
                        "Content-Type: application/json\r\nContent-Length: 2001\r\nExpect: 100-continue\r\n"))
                .status,
            413);
  auto const chunked = request("POST", "/demo_say", "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n");
  EXPECT_EQ(ask(chunked + "7d0\r\n" + body(2000) + "\r\n0\r\n\r\n").status, 200);
  EXPECT_EQ(ask(chunked + "7d1\r\n").status, 413);
  EXPECT_EQ(ask(chunked + "3e8\r\n" + std::string(1000, ' ') + "\r\n3e9\r\n").status, 413);
}

TEST_F(HttpLimits, BodyWhereNoOperationTakesIt) {
  start({.body_bytes = 100});
  auto const to_page = [&](std::size_t size) {
    return ask(request("GET", "/docs", fmt::format("Content-Type: application/json\r\nContent-Length: {}\r\n", size)));
  };
  EXPECT_EQ(to_page(100).status, 400);
  EXPECT_EQ(to_page(101).status, 413);
}

TEST_F(HttpLimits, JsonDepthAndValues) {
  start({.json_depth = 8, .json_values = 200});
  EXPECT_THAT(post("/demo_say", std::string(9, '[') + std::string(9, ']')).body, HasSubstr("deeper than 8"));
  EXPECT_THAT(post(
                  "/demo_say", "[" + std::string(400, ' ') + "1" +
                                   [] {
                                     std::string more;
                                     for (int i = 0; i < 300; ++i) more += ",1";
                                     return more;
                                   }() +
                                   "]")
                  .body,
              HasSubstr("more than 200 values"));
}

TEST_F(HttpLimits, SlowHeader) {
  start({.header_timeout_ms = 150});
  Connection connection{port()};
  connection.send("GET /health HTTP/1.1\r\n");
  auto const begun = std::chrono::steady_clock::now();
  // A byte now and then does not buy time.
  std::jthread drip{[&](std::stop_token stop) {
    while (!stop.stop_requested() && connection.send("a")) std::this_thread::sleep_for(std::chrono::milliseconds{20});
  }};
  auto const answer = connection.read_answer();
  EXPECT_EQ(answer.status, 408);
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds{2});
  EXPECT_EQ(counted("patchbay_http_cut_total", "slow_header"), 1);
}

TEST_F(HttpLimits, SlowBody) {
  start({.body_timeout_ms = 150});
  Connection connection{port()};
  connection.send(request("POST", "/demo_say", "Content-Type: application/json\r\nContent-Length: 100\r\n") + "{");
  EXPECT_EQ(connection.read_answer().status, 408);
  EXPECT_TRUE(connection.is_closed_by_peer());
  EXPECT_EQ(counted("patchbay_http_cut_total", "slow_body"), 1);
}

TEST_F(HttpLimits, IdleConnectionsEnd) {
  start({.idle_timeout_ms = 150});
  Connection silent{port()};
  Connection served{port()};
  served.send(request("GET", "/health"));
  EXPECT_EQ(served.read_answer().status, 200);
  EXPECT_EQ(silent.read_to_end(), "");
  EXPECT_EQ(served.read_to_end(), "");
}

TEST_F(HttpLimits, AConnectionInUseIsNotIdle) {
  start({.idle_timeout_ms = 200});
  Connection connection{port()};
  auto const until = std::chrono::steady_clock::now() + std::chrono::milliseconds{600};
  while (std::chrono::steady_clock::now() < until) {
    connection.send(request("GET", "/health"));
    ASSERT_EQ(connection.read_answer().status, 200);
  }
}

TEST_F(HttpLimits, AReaderThatStandsStill) {
  start({.write_timeout_ms = 200});
  Connection connection{port(), 4096};
  connection.send(post_request("/demo_say", R"({"text":"0123456789","times":1000000})"));  // 10 MB
  connection.read_some();                                                                  // it has begun
  auto const until = std::chrono::steady_clock::now() + std::chrono::seconds{5};
  while (server->connections() > 0 && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  EXPECT_EQ(server->connections(), 0U);
  EXPECT_EQ(server->held_bytes(), 0U);
  EXPECT_EQ(counted("patchbay_http_cut_total", "slow_reader"), 1);
}

TEST_F(HttpLimits, Connections) {
  start({.max_connections = 3});
  std::vector<std::unique_ptr<Connection>> open;
  for (int i = 0; i < 3; ++i) {
    open.push_back(std::make_unique<Connection>(port()));
    open.back()->send(request("GET", "/health"));
    EXPECT_EQ(open.back()->read_answer().status, 200);
  }
  Connection one_more{port()};
  auto const refused = one_more.read_answer();
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.field("retry-after"), "1");
  EXPECT_EQ(refused.field("connection"), "close");
  Connection that_spoke{port()};
  that_spoke.send(request("GET", "/health"));
  EXPECT_EQ(that_spoke.read_answer().status, 503);
  EXPECT_EQ(counted("patchbay_http_cut_total", "connections"), 2);
  open.pop_back();
  auto status = 503;
  for (int i = 0; status == 503 && i < 1000; ++i) status = get("/health").status;  // its place is free once it is seen
  EXPECT_EQ(status, 200);
}

TEST_F(HttpLimits, UnfinishedBodiesOfOneAddress) {
  start({.address_bytes = 1 << 20});
  // Each of these holds some 300 kB; the fourth is one too many.
  std::vector<std::unique_ptr<Connection>> open;
  auto const begun = request("POST", "/demo_say", "Content-Type: application/json\r\nContent-Length: 900000\r\n") +
                     std::string(200'000, ' ');
  int refused = 0;
  for (int i = 0; i < 8; ++i) {
    open.push_back(std::make_unique<Connection>(port()));
    auto const until = std::chrono::steady_clock::now() + std::chrono::seconds{5};
    auto const before = server->held_bytes();
    open.back()->send(begun);
    while (server->held_bytes() < before + 200'000 && counted("patchbay_http_cut_total", "address_bytes") <= refused &&
           std::chrono::steady_clock::now() < until)
      std::this_thread::yield();
    if (counted("patchbay_http_cut_total", "address_bytes") > refused) {
      ++refused;
      EXPECT_EQ(open.back()->read_answer().status, 503);
    }
    EXPECT_LE(server->held_bytes(), 1U << 20);
  }
  EXPECT_GE(refused, 4);
  open.clear();
  auto const until = std::chrono::steady_clock::now() + std::chrono::seconds{5};
  while (server->held_bytes() > 0 && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  EXPECT_EQ(server->held_bytes(), 0U);
  EXPECT_EQ(post("/demo_say", R"({"text":")" + std::string(400'000, 'x') + R"("})").status, 200);
}

TEST_F(HttpLimits, CanBeChangedWhileItRuns) {
  start({});
  EXPECT_EQ(get("/health", "Host: new.example\r\n").status, 400);
  EXPECT_EQ(ask("GET /health HTTP/1.1\r\nHost: new.example\r\n\r\n").status, 421);
  Connection connection{port()};
  connection.send("GET /health HTTP/1.1\r\nHost: new.example\r\n\r\n");
  EXPECT_EQ(connection.read_answer().status, 421);
  ASSERT_TRUE(server->apply({.hosts = {"new.example"}, .tool_body_bytes = 1024}).has_value());
  connection.send("GET /health HTTP/1.1\r\nHost: new.example\r\n\r\n");
  EXPECT_EQ(connection.read_answer().status, 200);
  EXPECT_EQ(post("/demo_say", R"({"text":")" + std::string(1100, 'x') + R"("})").status, 413);
  EXPECT_EQ(counted("patchbay_limit", "tool_body_bytes"), 1024);
  EXPECT_EQ(server->apply({.hosts = {"not a host"}}).error().code, Code::invalid_argument);
  EXPECT_THAT(server->apply({.max_connections = 0}).error().message, HasSubstr("http_connections must be from 1 to"));
}

}  // namespace
}  // namespace patchbay::http_test
