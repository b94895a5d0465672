// What goes over the connection: answers in every framing, limits, servers that break the protocol.
#include "tests/core/http_client/client_fixture.hpp"

namespace patchbay::http_client {
namespace {

class HttpExchange : public ClientTest {};

// One answer, byte for byte, then the end of the connection.
Server::Script says(std::string bytes) {
  return [bytes = std::move(bytes)](Peer& peer) {
    if (peer.read_request()) peer.send(bytes);
  };
}

TEST_F(HttpExchange, AnAnswerHasStatusHeadersBodyAndTime) {
  Server server{[](Peer& peer) {
    peer.read_request();
    peer.send(answer(201, "hällo", "X-One: 1\r\nSet-Cookie: a\r\nx-one: 2\r\nset-cookie: b\r\nX-Latin: \xE4\r\n"));
  }};
  auto const result = fetch(server.url("/"));
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->status, 201);
  EXPECT_EQ(result->headers.at("x-one"), "1, 2");
  EXPECT_EQ(result->headers.at("set-cookie"), "a\nb");
  EXPECT_EQ(result->headers.at("x-latin"), "ä");
  EXPECT_EQ(result->body, "hällo");
  EXPECT_FALSE(result->json || result->body_base64);
  EXPECT_LT(result->duration_ms, 20'000U);
}

TEST_F(HttpExchange, JsonIsHandedOnAsItCame) {
  Server server{[](Peer& peer) {
    for (auto const* body : {"{ \"a\" : 1.0 }", "{\"a\":", "[\"\\ud800\"]"}) {
      peer.read_request();
      peer.send(answer(200, body, "Content-Type: application/json\r\n"));
    }
  }};
  auto const url = server.url("/");
  auto const good = json("http_client_get", fmt::format(R"({{"url":"{}"}})", url));
  ASSERT_TRUE(good) << good.error().message;
  EXPECT_NE(good->data.find("\"json\":{ \"a\" : 1.0 }"), std::string::npos) << good->data;
  for (int i = 0; i < 2; ++i) {
    auto const bad = fetch(url);
    ASSERT_TRUE(bad);
    EXPECT_TRUE(bad->body.has_value());
    EXPECT_FALSE(bad->json.has_value());
  }
}

TEST_F(HttpExchange, ABodyThatIsNoTextComesAsBase64) {
  Server server{says(answer(200, std::string{"\xFF\x00\x01\x02", 4}))};
  auto const result = fetch(server.url("/"));
  ASSERT_TRUE(result);
  EXPECT_FALSE(result->body.has_value());
  EXPECT_EQ(result->body_base64, "/wABAg==");
}

TEST_F(HttpExchange, SendsTheRequestAsAsked) {
  std::promise<std::string> seen;
  Server server{[&](Peer& peer) {
    seen.set_value(*peer.read_request());
    peer.send(answer(204, ""));
  }};
  auto const result = json("http_client_request",
                           fmt::format(R"({{"method":"PATCH","url":"{}","headers":{{"X-A":"b"}},"body":{{"c": 1}}}})",
                                       server.url("/p?q=1")));
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(seen.get_future().get(),
            fmt::format(
                "PATCH /p?q=1 HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nX-A: b\r\nUser-Agent: patchbay\r\nAccept: */*\r\n"
                "Accept-Encoding: identity\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n{{\"c\": 1}}",
                server.port()));
}

TEST_F(HttpExchange, PassesTheTraceOn) {
  std::promise<std::string> seen;
  Server server{[&](Peer& peer) {
    seen.set_value(*peer.read_request());
    peer.send(ok(""));
  }};
  Call call{host_principal()};
  auto const trace = call.ensure_trace().hex();
  ASSERT_TRUE(start(get, call, to(server.url("/"))).get());
  EXPECT_NE(seen.get_future().get().find("traceparent: 00-" + trace), std::string::npos);
}

TEST_F(HttpExchange, ReadsEveryFraming) {
  struct Row {
    char const *name, *bytes, *body;
  };
  for (auto const& row :
       {Row{"chunked",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: 1\r\n\r\n",
            "abcde"},
        Row{"until the end", "HTTP/1.1 200 OK\r\n\r\nabc", "abc"}, Row{"old", "HTTP/1.0 200 OK\r\n\r\nabc", "abc"},
        Row{"no content", "HTTP/1.1 204 No\r\n\r\n", ""},
        Row{"not modified", "HTTP/1.1 304 No\r\nContent-Length: 9\r\n\r\n", ""},
        Row{"interim",
            "HTTP/1.1 100 Go\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: "
            "3\r\n\r\nabc",
            "abc"}}) {
    Server server{says(row.bytes)};
    auto const result = fetch(server.url("/"));
    ASSERT_TRUE(result) << row.name << ": " << result.error().message;
    EXPECT_EQ(result->body, row.body) << row.name;
  }
}

TEST_F(HttpExchange, AnAnswerMayComeInSmallPieces) {
  Server server{[](Peer& peer) {
    peer.read_request();
    for (char c : std::string{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"})
      peer.send({&c, 1});
  }};
  auto const result = fetch(server.url("/"));
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->body, "abc");
}

TEST_F(HttpExchange, HeadHasNoBody) {
  Server server{[](Peer& peer) {
    peer.read_request();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    peer.read_request();
    peer.send(ok("again"));
  }};
  RequestArgs args;
  args.method = "HEAD";
  args.url = server.url("/");
  auto const result = run(request, args);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->body, "");
  EXPECT_EQ(result->headers.at("content-length"), "5");
  EXPECT_EQ(fetch(server.url("/"))->body, "again");
  EXPECT_EQ(server.accepted(), 1);
}

TEST_F(HttpExchange, BodiesBeyondTheLimitAreTooLarge) {
  for (auto const& bytes :
       {std::string{"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n"},
        std::string{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nabcdef\r\n5\r\nabcde\r\n0\r\n\r\n"},
        std::string{"HTTP/1.1 200 OK\r\n\r\nabcdefghijk"},
        std::string{"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n"}}) {
    Server server{says(bytes)};
    auto args = to(server.url("/"));
    args.max_body = 10;
    auto const result = run(get, args);
    ASSERT_TRUE(result.has_error()) << bytes;
    EXPECT_EQ(result.error().code, Code::too_large) << bytes << result.error().message;
  }
  Server server{says(answer(200, "abcdefghij"))};
  auto args = to(server.url("/"));
  args.max_body = 10;
  EXPECT_EQ(run(get, args)->body, "abcdefghij");
}

TEST_F(HttpExchange, RefusesWhatBreaksTheProtocol) {
  struct Row {
    char const* name;
    std::string bytes;
    Code code;
  };
  std::string const head = "HTTP/1.1 200 OK\r\n";
  for (auto const& row :
       {Row{"garbage", "\x16\x03\x01 hello\r\n\r\n", Code::upstream_failed},
        Row{"no version", "HTTP/9.9 200 OK\r\n\r\n", Code::upstream_failed},
        Row{"bad status", "HTTP/1.1 2x0 OK\r\n\r\n", Code::upstream_failed},
        Row{"bad header", head + "a b: c\r\n\r\n", Code::upstream_failed},
        Row{"two lengths", head + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", Code::upstream_failed},
        Row{"negative length", head + "Content-Length: -1\r\n\r\n", Code::upstream_failed},
        Row{"length and chunks", head + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            Code::upstream_failed},
        Row{"other coding", head + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", Code::upstream_failed},
        Row{"unknown coding", head + "Transfer-Encoding: x\r\n\r\n", Code::upstream_failed},
        Row{"bad chunk", head + "Transfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n", Code::upstream_failed},
        Row{"chunk too long", head + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", Code::upstream_failed},
        Row{"gzip unasked", head + "Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx", Code::upstream_failed},
        Row{"switch", "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", Code::upstream_failed},
        Row{"huge header", head + "X: " + std::string(40'000, 'x') + "\r\n\r\n", Code::too_large},
        Row{"endless extension", head + "Transfer-Encoding: chunked\r\n\r\n1;" + std::string(100'000, 'x'),
            Code::upstream_failed},
        Row{"short body", head + "Content-Length: 9\r\n\r\nabc", Code::connection_lost},
        Row{"half a header", "HTTP/1.1 200 OK\r\nX: y", Code::connection_lost},
        Row{"nothing", "", Code::connection_lost}}) {
    Server server{says(row.bytes)};
    auto args = to(server.url("/"));
    args.attempts = 1;
    auto const result = run(get, args);
    ASSERT_TRUE(result.has_error()) << row.name;
    EXPECT_EQ(result.error().code, row.code) << row.name << ": " << result.error().message;
  }
}

TEST_F(HttpExchange, InterimAnswersEnd) {
  Server server{[](Peer& peer) {
    peer.read_request();
    while (peer.send("HTTP/1.1 102 Processing\r\n\r\n")) {
    }
  }};
  auto const result = fetch(server.url("/"));
  ASSERT_TRUE(result.has_error());
  EXPECT_EQ(result.error().code, Code::upstream_failed);
}

TEST_F(HttpExchange, ACallerMayAskForACodingAndGetsTheBytes) {
  Server server{says(answer(200, "\x1F\x8B", "Content-Encoding: gzip\r\n"))};
  auto args = to(server.url("/"));
  args.headers["Accept-Encoding"] = "gzip";
  auto const result = run(get, args);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->body_base64, "H4s=");
}

TEST_F(HttpExchange, AnEarlyRefusalIsTheAnswer) {
  Server server{[](Peer& peer) {
    peer.send("HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno");
    peer.wait_for_close();
  }};
  auto args = to(server.url("/"));
  args.body = RawJson{'"' + std::string(64 << 10, 'x') + '"'};
  auto const result = run(post, args);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->status, 413);
}

TEST_F(HttpExchange, ASilentServerEndsByTheTimeLimit) {
  Server server{[](Peer& peer) { peer.wait_for_close(); }};
  auto args = to(server.url("/"));
  args.timeout_ms = 60;
  auto const begun = clock.now();
  auto const result = run(get, args);
  ASSERT_TRUE(result.has_error());
  EXPECT_EQ(result.error().code, Code::deadline_exceeded);
  EXPECT_LT(clock.now() - begun, std::chrono::seconds{5});
}

TEST_F(HttpExchange, AServerThatDripsEndsByTheTimeLimit) {
  Server server{[](Peer& peer) {
    peer.read_request();
    peer.send("HTTP/1.1 200 OK\r\n\r\n");
    while (peer.send("x")) std::this_thread::yield();
  }};
  auto args = to(server.url("/"));
  args.timeout_ms = 60;
  args.max_body = 67'108'864;
  auto const result = run(get, args);
  ASSERT_TRUE(result.has_error());
  EXPECT_EQ(result.error().code, Code::deadline_exceeded) << result.error().message;
}

TEST_F(HttpExchange, CancellingEndsItAtOnce) {
  std::promise<void> arrived;
  Server server{[&](Peer& peer) {
    peer.read_request();
    arrived.set_value();
    peer.wait_for_close();
  }};
  Call call{host_principal()};
  auto future = start(get, call, to(server.url("/")));
  arrived.get_future().wait();
  runtime.home().post([&] { call.stop(Stopped::cancelled); });
  auto const result = future.get();
  ASSERT_TRUE(result.has_error());
  EXPECT_EQ(result.error().code, Code::cancelled);
  EXPECT_EQ(noted(recorded), (std::vector<std::string>{"p1 cancelled"}));
}

}  // namespace
}  // namespace patchbay::http_client
