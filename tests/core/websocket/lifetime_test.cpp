#include "tests/core/websocket/client_fixture.hpp"

namespace patchbay::websocket::test {
namespace {

using namespace std::chrono_literals;

class WebSocketLifetime : public ClientTest {};

void answer_all(Peer& peer) {
  for (;;) {
    auto const scan = scan_frame(peer.read(), "id");
    peer.write(R"({"id":)" + std::to_string(scan.id.value_or(0)) + "}");
  }
}

TEST_F(WebSocketLifetime, SendsAndReceivesEveryKind) {
  Server server{[](Peer& peer) {
    for (;;) {
      beast::flat_buffer buffer;
      peer.ws.read(buffer);
      peer.ws.text(peer.ws.got_text());
      peer.ws.write(buffer.data());
    }
  }};
  auto const id = connected({.url = server.url()});
  EXPECT_TRUE(run(send, {.connection_id = id, .message = RawJson{R"([{"a":1}])"}}).has_value());
  EXPECT_EQ(run(receive, {id})->message->text, R"({"a":1})");  // an array is taken apart
  run(send, {.connection_id = id, .text = "not JSON \xE2\x82\xAC"});
  EXPECT_EQ(run(receive, {id})->text, "not JSON \xE2\x82\xAC");
  run(send, {.connection_id = id, .text = ""});
  EXPECT_EQ(run(receive, {id})->text, "");
  run(send, {.connection_id = id, .binary = "AP+A"});
  EXPECT_EQ(run(receive, {id})->binary, "AP+A");
  EXPECT_EQ(run(send, {.connection_id = id, .binary = "A"}).error().pointer, "/binary");
  EXPECT_EQ(run(send, {.connection_id = id, .text = "\xff"}).error().pointer, "/text");
  EXPECT_EQ(run(send, {.connection_id = id, .message = RawJson{"{"}}).error().pointer, "/message");
  EXPECT_EQ(run(send, {.connection_id = id}).error().code, Code::invalid_argument);
  EXPECT_EQ(run(send, {.connection_id = id, .message = RawJson{"1"}, .text = "x"}).error().code,
            Code::invalid_argument);
}

TEST_F(WebSocketLifetime, ReceiversAreServedInTurn) {
  std::promise<void> go;
  auto wait = go.get_future().share();
  Server server{[wait](Peer& peer) {
    wait.wait();
    for (int i = 0; i < 3; ++i) peer.write(std::to_string(i));
    peer.read();
  }};
  auto const id = connected({.url = server.url()});
  EXPECT_EQ(run(receive, {id, 20}).error().code, Code::deadline_exceeded);
  std::vector<std::future<Result<ReceiveResult>>> waiting;
  for (int i = 0; i < 3; ++i) waiting.push_back(start(receive, {id}));
  go.set_value();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(waiting[static_cast<std::size_t>(i)].get()->message->text, std::to_string(i));
}

TEST_F(WebSocketLifetime, ClosesWithCodeAndReason) {
  std::promise<std::string> seen;
  Server server{[&seen](Peer& peer) {
    try {
      peer.read();
    } catch (boost::system::system_error const& error) {
      seen.set_value(error.code().message() + std::to_string(peer.ws.reason().code) + peer.ws.reason().reason.c_str());
    }
  }};
  auto const id = connected({.url = server.url()});
  auto waiting = start(receive, {id});
  EXPECT_TRUE(run(close, {id, 4001, "enough"}).has_value());
  EXPECT_NE(seen.get_future().get().find("4001enough"), std::string::npos);
  EXPECT_EQ(waiting.get().error().code, Code::connection_lost);
  EXPECT_EQ(run(receive, {id}).error().code, Code::not_found);
  EXPECT_EQ(run(close, {id, 1005}).error().pointer, "/code");
  EXPECT_EQ(run(close, {id, 1000, std::string(124, 'x')}).error().pointer, "/reason");
}

TEST_F(WebSocketLifetime, CloseDoesNotWaitForEverForAMutePeer) {
  RawServer server{[](tcp::socket& socket) {
    Peer peer{socket};
    peer.ws.accept();
    std::string all;  // reads and answers nothing
    boost::system::error_code end;
    net::read(socket, net::dynamic_buffer(all), end);
  }};
  auto const id = connected({.url = server.url()});
  auto const begun = std::chrono::steady_clock::now();
  EXPECT_TRUE(run(close, {id}).has_value());
  EXPECT_LT(std::chrono::steady_clock::now() - begun, 4s);
}

TEST_F(WebSocketLifetime, ReconnectsAndFailsWhatWasInFlight) {
  std::atomic<int> asked{0};
  Server server{[&asked](Peer& peer) {
    if (asked == 0) {
      peer.read();
      ++asked;
      return;  // lost without an answer
    }
    answer_all(peer);
  }};
  auto const id = connected({.url = server.url()});
  auto waiting = start(receive, {id});
  auto const answer = run(request, {id, {R"({"n":1})"}});
  ASSERT_TRUE(answer.has_error());
  EXPECT_EQ(answer.error().code, Code::connection_lost);
  EXPECT_EQ(waiting.get().error().code, Code::connection_lost);
  auto const back = status_when(id, [](auto const& now) { return now.reconnects == 1; });
  EXPECT_EQ(back.state, State::open);
  auto const again = run(request, {id, {R"({"n":2})"}});
  ASSERT_TRUE(again.has_value()) << again.error().message;
  EXPECT_EQ(again->message.text, R"({"id":2})");  // the first was not repeated
  EXPECT_EQ(asked, 1);
  EXPECT_EQ(acquired.size(), 2);
  EXPECT_EQ(checked.size(), 2);
  EXPECT_EQ(client.stats().reconnects, 1);
}

TEST_F(WebSocketLifetime, SaysThatItIsBeingOpenedAgain) {
  std::promise<void> more;
  auto wait = more.get_future().share();
  std::atomic<int> turn{0};
  Server server{[&turn, wait](Peer& peer) {
    if (turn++ == 0) return;
    answer_all(peer);
  }};
  refuse_breaker = false;
  auto const id = connected({.url = server.url()});
  {
    std::lock_guard lock{mutex_};
    refuse_breaker = true;
  }
  status_when(id, [](auto const& now) { return now.last_error && now.last_error->find("circuit_open") == 0; });
  auto const refused = run(request, {id, {"{}"}});
  EXPECT_EQ(refused.error().code, Code::circuit_open);
  EXPECT_GT(refused.error().retry_after_ms, 0);
  EXPECT_LE(refused.error().retry_after_ms, 60);
  EXPECT_EQ(run(send, {.connection_id = id, .text = "x"}).error().code, Code::circuit_open);
  {
    std::lock_guard lock{mutex_};
    refuse_breaker = false;
  }
  status_when(id, [](auto const& now) { return now.state == State::open; });
  EXPECT_TRUE(run(request, {id, {"{}"}}).has_value());
}

TEST_F(WebSocketLifetime, WithoutReconnectTheEndCanBeAskedFor) {
  Server server{[](Peer& peer) {
    peer.write(R"("last words")");
    peer.ws.close(beast::websocket::close_reason{beast::websocket::close_code::going_away, "moving"});
  }};
  auto const id = connected({.url = server.url(), .reconnect = false});
  auto const now = status_when(id, [](auto const& one) { return one.state == State::closed; });
  EXPECT_NE(now.last_error->find("1001: moving"), std::string::npos) << *now.last_error;
  EXPECT_EQ(run(receive, {id})->message->text, R"("last words")");
  EXPECT_EQ(run(receive, {id}).error().code, Code::connection_lost);
  EXPECT_EQ(run(send, {.connection_id = id, .text = "x"}).error().code, Code::connection_lost);
  EXPECT_TRUE(run(close, {id}).has_value());
  EXPECT_EQ(run(status, StatusArgs{id}).error().code, Code::not_found);
}

TEST_F(WebSocketLifetime, ATokenRefusedLaterEndsIt) {
  std::atomic<int> turn{0};
  Server server{[&turn](Peer& peer) {
    if (turn++ == 0) {
      peer.write(R"({"type":"ok"})");
      peer.read();
      return;
    }
    peer.write(R"({"type":"no"})");
    peer.read();
  }};
  OpeningStep step;
  step.expect.emplace(RawJson{R"({"type":"ok"})"});
  step.refuse.emplace(RawJson{R"({"type":"no"})"});
  auto const id = connected({.url = server.url(), .opening = {step}});
  run(send, {.connection_id = id, .text = "go away"});
  status_when(id, [](auto const& one) { return one.state == State::closed; });
  EXPECT_EQ(run(request, {id, {"{}"}}).error().code, Code::auth_failed);
  EXPECT_EQ(run(receive, {id}).error().code, Code::auth_failed);
  EXPECT_EQ(server.accepted(), 2);
}

TEST_F(WebSocketLifetime, PingsAndMeasuresLatency) {
  Server server{answer_all};
  auto const id = connected({.url = server.url(), .ping_interval_ms = 20});
  auto const now = status_when(id, [](auto const& one) { return one.latency_ms.has_value(); });
  EXPECT_GT(*now.latency_ms, 0);
  EXPECT_EQ(now.reconnects, 0);
}

TEST_F(WebSocketLifetime, ADeadPeerIsNoticed) {
  std::promise<void> done;
  auto wait = done.get_future().share();
  RawServer server{[wait](tcp::socket& socket) {
    Peer peer{socket};
    peer.ws.accept();
    wait.wait();  // neither reads nor answers
  }};
  auto const id = connected({.url = server.url(), .reconnect = false, .ping_interval_ms = 30});
  auto const now = status_when(id, [](auto const& one) { return one.state == State::closed; });
  EXPECT_NE(now.last_error->find("did not answer a ping"), std::string::npos) << *now.last_error;
  done.set_value();
}

TEST_F(WebSocketLifetime, ReadingStopsWhenNobodyReceives) {
  std::atomic<std::size_t> written{0};
  Server server{[&written](Peer& peer) {
    std::string const message(100'000, 'x');
    for (;;) {
      peer.write(message);
      ++written;
    }
  }};
  auto const id = connected({.url = server.url(), .ping_interval_ms = 20, .max_queue = 500'000});
  status_when(id, [](auto const& one) { return one.received_queued == 6; });  // the first that is beyond the limit
  std::size_t before = 0;
  do {  // what the kernel takes ends at some time
    before = written;
    std::this_thread::sleep_for(100ms);
  } while (before != written);
  auto const now = run(status, StatusArgs{id})->connections[0];
  EXPECT_EQ(now.received_queued, 6);
  EXPECT_EQ(now.state, State::open);  // not taken for dead
  for (int i = 0; i < 20; ++i) EXPECT_EQ(run(receive, {id})->text->size(), 100'000);
  EXPECT_EQ(run(status, StatusArgs{id})->connections[0].dropped, 0);
}

TEST_F(WebSocketLifetime, UnclaimedMessagesDoNotHoldUpRequests) {
  Server server{[](Peer& peer) {
    std::string const message(100'000, 'x');
    for (int i = 0; i < 20; ++i) peer.write(message);
    answer_all(peer);
  }};
  auto const id = connected({.url = server.url(), .max_queue = 500'000});
  status_when(id, [](auto const& one) { return one.received_queued == 6; });
  EXPECT_TRUE(run(request, {id, {"{}"}}).has_value());
  EXPECT_GT(run(status, StatusArgs{id})->connections[0].dropped, 0);
}

TEST_F(WebSocketLifetime, HostilePeersAreDropped) {
  struct Row {
    char const* name;
    std::function<void(Peer&, tcp::socket&)> script;
    char const* error;
  };
  auto raw = [](std::string bytes) {
    return [bytes](Peer&, tcp::socket& socket) {
      net::write(socket, net::buffer(bytes));
      std::string all;
      boost::system::error_code end;
      net::read(socket, net::dynamic_buffer(all), end);
    };
  };
  for (auto const &row : {
           Row{"masked", raw(std::string("\x81\x82\x01\x02\x03\x04xx", 8)), "protocol"},
           Row{"reserved_bit", raw("\xA1\x01x"), "protocol"},
           Row{"unknown_opcode", raw(std::string("\x83\x00", 2)), "protocol"},
           Row{"invalid_utf8", raw("\x81\x01\xff"), "protocol"},
           Row{"huge_length", raw("\x82\x7F\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF"), "more than 1000000 bytes"},
           Row{"long_control", raw("\x89\x7E\x01\x02" + std::string(258, 'x')), "protocol"},
           Row{"stray_continuation", raw(std::string("\x80\x00", 2)), "protocol"},
           Row{"bad_close_code", raw(std::string("\x88\x02\x03\xED", 4)), "protocol"},
           Row{"cut_in_the_middle",
               [](Peer&, tcp::socket& socket) { net::write(socket, net::buffer(std::string("\x81\x05xx"))); }, "broke"},
           Row{"bomb",
               [](Peer& peer, tcp::socket&) {
                 peer.write(std::string(50'000'000, ' '));
                 peer.read();
               },
               "more than 1000000 bytes"},
           Row{"ping_flood",
               [](Peer& peer, tcp::socket&) {
                 for (;;) peer.ws.ping("x");
               },
               "pings"},
           Row{"tiny_fragments",
               [](Peer& peer, tcp::socket&) {
                 peer.ws.auto_fragment(false);
                 for (;;) peer.ws.write_some(false, net::buffer("x", 1));
               },
               "fragments"},
       }) {
    SCOPED_TRACE(row.name);
    RawServer server{[&row](tcp::socket& socket) {
      Peer peer{socket};
      beast::websocket::permessage_deflate deflate;
      deflate.server_enable = true;
      peer.ws.set_option(deflate);
      peer.ws.accept();
      row.script(peer, socket);
    }};
    auto const id = connected({.url = server.url(),
                               .reconnect = false,
                               .max_message = 1'000'000,
                               .compression = std::string{row.name} == "bomb"});
    auto const now = status_when(id, [](auto const& one) { return one.state == State::closed; });
    EXPECT_NE(now.last_error->find(row.error), std::string::npos) << *now.last_error;
  }
}

TEST_F(WebSocketLifetime, StopSaysGoodbye) {
  std::promise<std::string> seen;
  Server server{[&seen](Peer& peer) {
    try {
      for (;;) peer.read();
    } catch (boost::system::system_error const&) {
      seen.set_value(std::to_string(peer.ws.reason().code));
    }
  }};
  auto const id = connected({.url = server.url()}, host_principal(), 1);
  auto waiting = start(request, {id, {"{}"}});
  runtime.stop();
  EXPECT_EQ(seen.get_future().get(), "1001");
  EXPECT_EQ(waiting.get().error().code, Code::connection_lost);
}

}  // namespace
}  // namespace patchbay::websocket::test
