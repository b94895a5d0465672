#include "tests/core/websocket/client_fixture.hpp"

namespace patchbay::websocket::test {
namespace {

using namespace std::chrono_literals;

class WebSocketSubscribe : public ClientTest {
 protected:
  struct Subscribed {
    std::future<Result<SubscribeResult>> result;
    std::shared_ptr<Call> call;
  };
  Subscribed subscribed(SubscribeArgs args, Events& events, std::size_t shard = 0) {
    std::promise<std::shared_ptr<Call>> started;
    Subscribed out;
    out.result = start(subscribe, std::move(args), host_principal(), shard, &events,
                       [&](std::shared_ptr<Call> call) { started.set_value(call); });
    out.call = started.get_future().get();
    return out;
  }
  void cancel(Subscribed& one, std::size_t shard = 0) {
    runtime.shard(shard).post([call = one.call] { call->stop(Stopped::cancelled); });
  }
};

TEST_F(WebSocketSubscribe, PassesOnTheFramesOfItsId) {
  std::promise<std::string> farewell;
  Server server{[&farewell](Peer& peer) {
    peer.read();
    peer.write(R"({"id":1,"type":"result"})");
    peer.write(R"({"type":"other"})");
    peer.write(R"([{"id":1,"event":1},{"id":1,"event":2}])");
    farewell.set_value(peer.read());
    peer.write(R"({"id":1,"event":"late"})");
    peer.write(R"({"id":2,"type":"result"})");
    peer.write(R"({"type":"more"})");
    peer.read();
  }};
  auto const id = connected({.url = server.url()});
  for (std::size_t shard : {1U}) {
    Events events;
    auto one = subscribed({.connection_id = id,
                           .message = {R"({"type":"subscribe_events"})"},
                           .unsubscribe = RawJson{R"({"type":"unsubscribe_events","subscription":"$id"})"}},
                          events, shard);
    auto const seen = events.wait_for(3);
    using Pair = std::pair<std::string, std::string>;
    std::vector<Pair> const expected{{"answer", R"({"id":1,"type":"result"})"},
                                     {"message", R"({"id":1,"event":1})"},
                                     {"message", R"({"id":1,"event":2})"}};
    EXPECT_EQ(seen, expected);
    EXPECT_EQ(run(status, StatusArgs{id})->connections[0].subscriptions, 1);
    cancel(one, shard);
    EXPECT_EQ(one.result.get().error().code, Code::cancelled);
  }
  EXPECT_EQ(farewell.get_future().get(), R"({"id":2,"type":"unsubscribe_events","subscription":1})");
  EXPECT_EQ(run(receive, {id})->message->text, R"({"type":"other"})");
  EXPECT_EQ(run(receive, {id})->message->text, R"({"type":"more"})");  // what came too late reached nobody
  EXPECT_EQ(run(status, StatusArgs{id})->connections[0].subscriptions, 0);
}

TEST_F(WebSocketSubscribe, IsRestoredAfterAReconnect) {
  std::atomic<int> turn{0};
  Server server{[&turn](Peer& peer) {
    auto const mine = turn++;
    for (int i = 0; i < (mine == 0 ? 2 : 1); ++i) {
      auto const scan = scan_frame(peer.read(), "id");
      auto const id = std::to_string(*scan.id);
      peer.write(R"({"id":)" + id + R"(,"ok":true})");
      peer.write(R"({"id":)" + id + R"(,"event":1})");
    }
    if (mine == 0) {
      peer.read();
      return;  // lost
    }
    peer.read();
  }};
  auto const id = connected({.url = server.url()});
  Events events, other;
  auto kept = subscribed({.connection_id = id, .message = {R"({"type":"a"})"}}, events);
  events.wait_for(2);
  auto lost = subscribed({.connection_id = id, .message = {R"({"type":"b"})"}, .restore = false}, other);
  other.wait_for(2);
  run(send, {.connection_id = id, .text = "end it"});
  EXPECT_EQ(lost.result.get().error().code, Code::connection_lost);
  auto const seen = events.wait_for(5);
  EXPECT_EQ(seen[2].first, "lost");
  EXPECT_TRUE(json::check(seen[2].second).has_value());
  EXPECT_EQ(seen[3], (std::pair<std::string, std::string>{"restored", R"({"id":3,"ok":true})"}));
  EXPECT_EQ(seen[4], (std::pair<std::string, std::string>{"message", R"({"id":3,"event":1})"}));
  run(close, {id});
  EXPECT_EQ(kept.result.get().error().code, Code::connection_lost);
}

TEST_F(WebSocketSubscribe, WithoutAnAnswerItEndsByItsTime) {
  Server server{[](Peer& peer) {
    for (;;) peer.read();
  }};
  auto const id = connected({.url = server.url()});
  Events events;
  auto one = subscribed({.connection_id = id, .message = {R"({"type":"a"})"}, .timeout_ms = 30}, events);
  EXPECT_EQ(one.result.get().error().code, Code::deadline_exceeded);
}

TEST_F(WebSocketSubscribe, RefusesWhatCannotBe) {
  Server server{[](Peer& peer) { peer.read(); }};
  auto const id = connected({.url = server.url()});
  Events events;
  EXPECT_EQ(start(subscribe, {.connection_id = id, .message = {R"({"id":1})"}}, host_principal(), 0, &events)
                .get()
                .error()
                .pointer,
            "/message/id");
  EXPECT_EQ(run(subscribe, {.connection_id = id, .message = {"{}"}}).error().code, Code::unsupported);
  EXPECT_EQ(start(subscribe, {.connection_id = id, .message = {"{}"}, .unsubscribe = RawJson{R"({"id":1})"}},
                  host_principal(), 0, &events)
                .get()
                .error()
                .pointer,
            "/unsubscribe");
}

TEST_F(WebSocketSubscribe, ASlowSubscriberEndsAndHoldsNobodyUp) {
  class Stuck final : public EventSink {
   public:
    Taken emit(std::string_view, std::string_view) override { return Taken::wait; }
    Task<bool> ready() override {
      Deadline const none;
      auto const why = co_await never.wait(none, use_task);
      co_return why == Waiter::Why::notified;
    }
    Waiter never;
  } stuck;
  Server server{[](Peer& peer) {
    auto const id = std::to_string(*scan_frame(peer.read(), "id").id);
    std::string const frame = R"({"id":)" + id + R"(,"x":")" + std::string(100'000, 'x') + "\"}";
    for (int i = 0; i < 100; ++i) peer.write(frame);
    peer.write(R"({"type":"still here"})");
    peer.read();
  }};
  auto const id = connected({.url = server.url()});
  auto future = start(subscribe, {.connection_id = id, .message = {"{}"}}, host_principal(), 0, &stuck);
  EXPECT_EQ(run(receive, {id})->message->text, R"({"type":"still here"})");
  EXPECT_EQ(run(status, StatusArgs{id})->connections[0].subscriptions, 0);
  runtime.shard(0).post([&] { stuck.never.notify(); });
  // It gets what was kept for it, then the reason.
  while (future.wait_for(1ms) != std::future_status::ready) runtime.shard(0).post([&] { stuck.never.notify(); });
  EXPECT_EQ(future.get().error().code, Code::backpressure);
}

}  // namespace
}  // namespace patchbay::websocket::test
