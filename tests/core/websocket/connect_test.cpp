#include "tests/core/websocket/client_fixture.hpp"

namespace patchbay::websocket::test {
namespace {

using namespace std::chrono_literals;

OpeningStep expecting(std::string expect, std::optional<std::string> refuse = {}) {
  OpeningStep step;
  step.expect.emplace(RawJson{std::move(expect)});
  if (refuse) step.refuse.emplace(RawJson{std::move(*refuse)});
  return step;
}
OpeningStep sending(std::string text) {
  OpeningStep step;
  step.send.emplace(RawJson{std::move(text)});
  return step;
}
// As Home Assistant greets.
std::vector<OpeningStep> login(std::string const& token) {
  return {expecting(R"({"type":"auth_required"})"), sending(R"({"type":"auth","access_token":")" + token + "\"}"),
          expecting(R"({"type":"auth_ok"})", R"({"type":"auth_invalid"})")};
}
void greet(Peer& peer) {
  peer.write(R"({"type":"auth_required","ha_version":"2026.11.0"})");
  auto const auth = peer.read();
  if (auth.find("\"good\"") == std::string::npos) {
    peer.write(R"({"type":"auth_invalid","message":"Invalid access token or password"})");
    peer.ws.close(beast::websocket::close_code::normal);
    return;
  }
  peer.write(R"({"type":"auth_ok","ha_version":"2026.11.0"})");
}

class WebSocketConnect : public ClientTest {};

TEST_F(WebSocketConnect, AsksPolicyAndBreakerFirst) {
  Server server{[](Peer& peer) { peer.read(); }};
  auto const id = connected({.url = server.url("/feed?token=secret")});
  auto const host = "127.0.0.1:" + std::to_string(server.port());
  EXPECT_EQ(checked, std::vector<std::string>{"ws://" + host + "/feed"});
  EXPECT_EQ(acquired, std::vector<std::string>{"ws:" + host});
  ASSERT_EQ(recorded.size(), 1);
  EXPECT_EQ(recorded[0].permit, "permit-1");
  EXPECT_TRUE(recorded[0].success);

  auto const remote = std::make_shared<Principal const>(Principal{.name = "token:x", .scopes = {"admin"}});
  EXPECT_EQ(run(connect, {.url = server.url()}, remote).error().code, Code::forbidden);
  EXPECT_EQ(acquired.size(), 1);
  refuse_breaker = true;
  auto const refused = run(connect, {.url = server.url()});
  EXPECT_EQ(refused.error().code, Code::circuit_open);
  EXPECT_EQ(refused.error().retry_after_ms, 60);
  EXPECT_EQ(recorded.size(), 1);
  EXPECT_EQ(server.accepted(), 1);
  refuse_breaker = false;
  connected({.url = server.url(), .breaker = "mine"});
  std::lock_guard lock{mutex_};
  EXPECT_EQ(acquired.back(), "mine");
}

TEST_F(WebSocketConnect, PlaysTheOpeningAndKeepsItsFrames) {
  Server server{[](Peer& peer) {
    greet(peer);
    peer.write(R"({"type":"news"})");
    peer.read();
  }};
  auto const made = run(connect, {.url = server.url(), .opening = login("good")});
  ASSERT_TRUE(made.has_value()) << made.error().message;
  ASSERT_EQ(made->opening.size(), 2);
  EXPECT_EQ(made->opening[0].text, R"({"type":"auth_required","ha_version":"2026.11.0"})");
  EXPECT_EQ(run(receive, {made->connection_id})->message->text, R"({"type":"news"})");
  EXPECT_EQ(run(status, StatusArgs{made->connection_id})->connections[0].opening.size(), 2);
}

TEST_F(WebSocketConnect, ReportsARefusedTokenAndDoesNotTryAgain) {
  Server server{greet};
  auto const made = run(connect, {.url = server.url(), .opening = login("bad")});
  ASSERT_TRUE(made.has_error());
  EXPECT_EQ(made.error().code, Code::auth_failed);
  EXPECT_NE(made.error().message.find("Invalid access token"), std::string::npos);
  EXPECT_EQ(recorded.at(0).code, "auth_failed");
  EXPECT_EQ(server.accepted(), 1);
  EXPECT_TRUE(run(list, {})->connections.empty());
}

TEST_F(WebSocketConnect, TheOpeningMayComeInOneFrame) {
  Server server{[](Peer& peer) {
    peer.write(R"([{"type":"hello"},{"type":"ready"},{"type":"news"}])");
    peer.read();
  }};
  auto const id =
      connected({.url = server.url(), .opening = {expecting(R"({"type":"hello"})"), expecting(R"({"type":"ready"})")}});
  EXPECT_EQ(run(receive, {id})->message->text, R"({"type":"news"})");
}

TEST_F(WebSocketConnect, AttemptsThatFailSayWhy) {
  struct Row {
    char const* name;
    std::function<void(tcp::socket&)> script;
    Code code;
    char const* part;
  };
  auto respond = [](std::string text) {
    return [text](tcp::socket& socket) {
      std::string request;
      net::read_until(socket, net::dynamic_buffer(request), "\r\n\r\n");
      net::write(socket, net::buffer(text));
      char c;
      socket.read_some(net::buffer(&c, 1));
    };
  };
  std::string const accept = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
  for (auto const& row : {
           Row{"ok", respond("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"), Code::upstream_failed, "200 OK"},
           Row{"unauthorised", respond("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"), Code::auth_failed,
               "401"},
           Row{"bad_gateway", respond("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"), Code::connect_failed,
               "502"},
           Row{"garbage", respond("\x16\x03\x01 this is not HTTP\r\n\r\n"), Code::upstream_failed, "no WebSocket"},
           Row{"no_accept", respond(accept + "\r\n"), Code::upstream_failed, "no WebSocket"},
           Row{"wrong_accept", respond(accept + "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n"),
               Code::upstream_failed, "no WebSocket"},
           Row{"endless_header", respond("HTTP/1.1 101 X\r\nA: " + std::string(100'000, 'a')), Code::upstream_failed,
               "no WebSocket"},
           Row{"closes", [](tcp::socket&) {}, Code::connect_failed, "handshake"},
           Row{"silence",
               [](tcp::socket& socket) {
                 std::string all;
                 boost::system::error_code end;
                 net::read(socket, net::dynamic_buffer(all), end);
               },
               Code::deadline_exceeded, "within the time"},
       }) {
    SCOPED_TRACE(row.name);
    RawServer server{row.script};
    auto const made = run(connect, {.url = server.url(), .timeout_ms = 300});
    ASSERT_TRUE(made.has_error());
    EXPECT_EQ(made.error().code, row.code) << made.error().message;
    EXPECT_NE(made.error().message.find(row.part), std::string::npos) << made.error().message;
    EXPECT_EQ(recorded.back().code, name_of(row.code));
  }
  std::uint16_t closed_port = 0;
  {
    RawServer gone{[](tcp::socket&) {}};
    closed_port = gone.port();
  }
  EXPECT_EQ(run(connect, {.url = "ws://127.0.0.1:" + std::to_string(closed_port)}).error().code, Code::connect_failed);
  EXPECT_EQ(run(connect, {.url = "ws://no-such-name.invalid/"}).error().code, Code::connect_failed);
  EXPECT_TRUE(run(list, {})->connections.empty());
}

TEST_F(WebSocketConnect, AnOpeningThatDoesNotComeEndsByItsTime) {
  Server silent{[](Peer& peer) { peer.read(); }};
  auto const made = run(connect, {.url = silent.url(), .timeout_ms = 60, .opening = login("good")});
  EXPECT_EQ(made.error().code, Code::deadline_exceeded) << made.error().message;
  Server closing{[](Peer& peer) { peer.ws.close(beast::websocket::close_code::try_again_later); }};
  auto const closed = run(connect, {.url = closing.url(), .opening = login("good")});
  EXPECT_EQ(closed.error().code, Code::connect_failed) << closed.error().message;
  EXPECT_NE(closed.error().message.find("1013"), std::string::npos) << closed.error().message;
}

TEST_F(WebSocketConnect, CanBeCancelledAndGivesThePermitBack) {
  Server silent{[](Peer& peer) { peer.read(); }};
  auto cancel = [](std::shared_ptr<Call> call) { call->stop(Stopped::cancelled); };
  RawServer mute{[](tcp::socket& socket) {
    std::string all;
    boost::system::error_code end;
    net::read(socket, net::dynamic_buffer(all), end);
  }};
  for (auto const& url : {silent.url(), mute.url()}) {
    auto future = start(connect, {.url = url, .opening = login("good")}, host_principal(), 0, nullptr, cancel);
    auto const made = future.get();
    ASSERT_TRUE(made.has_error());
    EXPECT_EQ(made.error().code, Code::cancelled) << made.error().message;
  }
  EXPECT_EQ(recorded.size(), acquired.size());
}

TEST_F(WebSocketConnect, OffersSubprotocolsAndHeaders) {
  std::promise<std::string> seen;
  RawServer server{[&seen](tcp::socket& socket) {
    beast::flat_buffer buffer;
    beast::http::request<beast::http::string_body> request;
    beast::http::read(socket, buffer, request);
    seen.set_value(std::string{request["x-one"]} + "|" + std::string{request[beast::http::field::host]} + "|" +
                   std::string{request["Sec-WebSocket-Protocol"]} + "|" + std::string{request.target()} + "|" +
                   std::string{request[beast::http::field::authorization]});
    Peer peer{socket};
    peer.ws.set_option(beast::websocket::stream_base::decorator(
        [](beast::websocket::response_type& response) { response.set("Sec-WebSocket-Protocol", "b"); }));
    peer.ws.accept(request);
    peer.read();
  }};
  auto const host = "127.0.0.1:" + std::to_string(server.port());
  auto const made = run(
      connect, {.url = "ws://user:pass@" + host + "/p?q=1", .headers = {{"X-One", "1"}}, .subprotocols = {"a", "b"}});
  ASSERT_TRUE(made.has_value()) << made.error().message;
  EXPECT_EQ(made->subprotocol, "b");
  EXPECT_EQ(seen.get_future().get(), "1|" + host + "|a, b|/p?q=1|Basic dXNlcjpwYXNz");
  auto const shown = run(status, StatusArgs{made->connection_id})->connections[0];
  EXPECT_EQ(shown.url, "ws://" + host + "/p");
}

TEST_F(WebSocketConnect, BelongsToItsPrincipal) {
  Server server{[](Peer& peer) { peer.read(); }};
  auto const plugin = std::make_shared<Principal const>(
      Principal{.name = "plugin:a", .scopes = {"websocket.*"}, .unrestricted = true, .is_remote = false});
  auto const stranger = std::make_shared<Principal const>(
      Principal{.name = "token:b", .scopes = {"websocket.*", "metrics.read"}, .is_remote = false});
  auto const id = connected({.url = server.url()}, plugin);
  // Asked without the table, which would refuse the stranger by scope alone.
  auto asked = [&](PrincipalPtr who) {
    std::promise<Result<SendResult>> promise;
    Call call{who};
    SendArgs args{.connection_id = id, .text = "x"};
    asio::co_spawn(runtime.shard(0).executor(), client.send(call, std::move(args)),
                   [&](std::exception_ptr, Result<SendResult> result) { promise.set_value(std::move(result)); });
    return promise.get_future().get();
  };
  EXPECT_EQ(asked(stranger).error().code, Code::not_found);
  EXPECT_EQ(asked(host_principal()).error().code, Code::not_found);
  EXPECT_TRUE(asked(plugin).has_value());
  EXPECT_EQ(run(list, {}, host_principal())->connections.size(), 1);  // an admin sees all
  EXPECT_TRUE(run(close, {id}, host_principal()).has_value());
  EXPECT_EQ(run(close, {id}, host_principal()).error().code, Code::not_found);
  for (auto const* wrong : {"w0-00", "x", "w9-0123", "w0", "wx-1"})
    EXPECT_EQ(run(receive, {wrong}).error().code, Code::not_found) << wrong;
}

TEST_F(WebSocketConnect, ThereIsALimit) {
  Server server{[](Peer& peer) { peer.read(); }};
  WebSocket small{runtime, caller, counters, log, Settings{.max_connections = 1}};
  auto made = [&] {
    std::promise<Result<ConnectResult>> promise;
    Call call{host_principal()};
    ConnectArgs args{.url = server.url()};
    asio::co_spawn(runtime.shard(0).executor(), small.connect(call, std::move(args)),
                   [&](std::exception_ptr, Result<ConnectResult> result) { promise.set_value(std::move(result)); });
    return promise.get_future().get();
  };
  EXPECT_TRUE(made().has_value());
  EXPECT_EQ(made().error().code, Code::backpressure);
  runtime.stop();
}

}  // namespace
}  // namespace patchbay::websocket::test
