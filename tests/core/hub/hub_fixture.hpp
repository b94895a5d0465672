// What the tests of the hub's own parts stand on: the real hub on some shards with all of its operations behind a
// table, connections without sockets (fake_connection.hpp), a clock that stands still, and streams that are collected.
#pragma once

#include "tests/core/hub/fake_connection.hpp"

namespace patchbay::hub::test {

class Events final : public EventSink {
 public:
  struct Event {
    std::string id, name, text;
  };
  Taken emit(std::string_view event, std::string_view json) override { return emit_as({}, event, json); }
  Taken emit_as(std::string_view id, std::string_view event, std::string_view json) override {
    std::lock_guard lock{mutex_};
    events_.push_back({std::string{id}, std::string{event}, std::string{json}});
    changed_.notify_all();
    return Taken::ok;
  }
  Task<bool> ready() override { co_return true; }
  std::vector<Event> wait_for(std::size_t count) {
    std::unique_lock lock{mutex_};
    EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds{20}, [&] { return events_.size() >= count; }))
        << "only " << events_.size() << " events came";
    return events_;
  }
  std::size_t size() {
    std::lock_guard lock{mutex_};
    return events_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Event> events_;
};

class HubTest : public DialectTest {
 protected:
  explicit HubTest(unsigned shards = 2);
  ~HubTest() override;

  template <class A, class R>
  std::future<Result<R>> start(Operation<A, R> const& operation, std::type_identity_t<A> args,
                               PrincipalPtr as = host_principal(), std::size_t shard = 0) {
    begin();
    auto done = std::make_shared<std::promise<Result<R>>>();
    auto place = std::make_shared<Call>(std::move(as));
    runtime.shard(shard).post([this, done, place, shard, &operation, args = std::move(args)]() mutable {
      auto reply = caller.start(operation, *place, std::move(args));
      if (reply.ready()) return done->set_value(reply.take());
      asio::co_spawn(runtime.shard(shard).executor(), reply.task(),
                     [done, place](std::exception_ptr error, Result<R> result) {
                       if (error) return done->set_exception(error);
                       done->set_value(std::move(result));
                     });
    });
    return done->get_future();
  }
  template <class A, class R>
  Result<R> run(Operation<A, R> const& operation, std::type_identity_t<A> args, PrincipalPtr as = host_principal(),
                std::size_t shard = 0) {
    return start(operation, std::move(args), std::move(as), shard).get();
  }
  // Publishes as host code and expects it to work.
  PublishResult published(std::string channel, std::string data, std::string event = "message", std::size_t shard = 0);

  // A running hub_subscribe; its events, from `subscribed` on.
  Events& listen(SubscribeArgs args, PrincipalPtr as = host_principal(), std::size_t shard = 0);
  Events& listening(std::string channel, std::size_t shard = 0);

  struct Stream {
    std::shared_ptr<Call> call;
    std::size_t shard;
  };
  void end_stream(Stream& stream) {
    on(stream.shard, [&] { stream.call->stop(Stopped::cancelled); });
  }

  std::vector<std::unique_ptr<Events>> sinks;
  std::vector<std::shared_ptr<Stream>> streams;
  std::vector<std::shared_future<Result<SubscribeResult>>> stream_ends;
};

}  // namespace patchbay::hub::test
