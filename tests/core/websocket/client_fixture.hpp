// What the tests of the WebSocket client stand on: the real module on two shards, behind a table in which address
// policy and circuit breaker are small fakes that remember what they were asked.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <future>

#include "core/circuit_breaker/operations.hpp"
#include "core/security/operations.hpp"
#include "core/websocket/websocket.hpp"
#include "tests/core/websocket/server.hpp"

namespace patchbay::websocket::test {

class Events final : public EventSink {
 public:
  Taken emit(std::string_view event, std::string_view json) override {
    std::lock_guard lock{mutex_};
    events_.emplace_back(std::string{event}, std::string{json});
    changed_.notify_all();
    return Taken::ok;
  }
  Task<bool> ready() override { co_return true; }
  // Waits until there are so many; fails the test when they do not come.
  std::vector<std::pair<std::string, std::string>> wait_for(std::size_t count) {
    std::unique_lock lock{mutex_};
    EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds{20}, [&] { return events_.size() >= count; }));
    return events_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::pair<std::string, std::string>> events_;
};

class ClientTest : public testing::Test {
 protected:
  ClientTest() {
    OperationTable table;
    table.add(security::check_url, [this](Call& call, security::CheckUrlArgs args) -> Result<security::CheckUrlResult> {
      std::lock_guard lock{mutex_};
      checked.push_back(args.url);
      if (call.principal().is_remote && args.url.find("127.0.0.1") != std::string::npos && !allow_remote)
        return Error{Code::forbidden, "loopback is not allowed"};
      return security::CheckUrlResult{args.url, {}};
    });
    table.add(circuit_breaker::acquire,
              [this](Call&, circuit_breaker::AcquireArgs args) -> Result<circuit_breaker::AcquireResult> {
                std::lock_guard lock{mutex_};
                acquired.push_back(args.name);
                if (refuse_breaker) return Error{Code::circuit_open, "open", {}, 60};
                return circuit_breaker::AcquireResult{"permit-" + std::to_string(acquired.size())};
              });
    table.add(circuit_breaker::record, [this](Call&, circuit_breaker::RecordArgs args) {
      std::lock_guard lock{mutex_};
      recorded.push_back(args);
      return circuit_breaker::RecordResult{};
    });
    table.add(connect, [this](Call& call, ConnectArgs args) { return client.connect(call, std::move(args)); });
    table.add(send, [this](Call& call, SendArgs args) { return client.send(call, std::move(args)); });
    table.add(receive, [this](Call& call, ReceiveArgs args) { return client.receive(call, std::move(args)); });
    table.add(request, [this](Call& call, RequestArgs args) { return client.request(call, std::move(args)); });
    table.add(subscribe, [this](Call& call, SubscribeArgs args) { return client.subscribe(call, std::move(args)); });
    table.add(close, [this](Call& call, CloseArgs args) { return client.close(call, std::move(args)); });
    table.add(list, [this](Call& call, Nothing) { return client.list(call); });
    table.add(status, [this](Call& call, StatusArgs args) { return client.status(call, std::move(args)); });
    caller.publish(std::move(table));
    runtime.start();
  }
  ~ClientTest() override { runtime.stop(); }

  // Starts an operation on a shard; the future has its result.
  template <class A, class R>
  std::future<Result<R>> start(Operation<A, R> const& operation, std::type_identity_t<A> args,
                               PrincipalPtr who = host_principal(), std::size_t shard = 0, EventSink* events = nullptr,
                               std::function<void(std::shared_ptr<Call>)> started = {}) {
    auto promise = std::make_shared<std::promise<Result<R>>>();
    auto future = promise->get_future();
    auto call = std::make_shared<Call>(std::move(who));
    call->set_events(events);
    runtime.shard(shard).post([this, &operation, promise, call, shard, started, args = std::move(args)]() mutable {
      auto reply = caller.start(operation, *call, std::move(args));
      if (reply.ready()) return promise->set_value(reply.take());
      auto ended = [promise, call](std::exception_ptr error, Result<R> result) {
        if (error)
          promise->set_exception(error);
        else
          promise->set_value(std::move(result));
      };
      asio::co_spawn(runtime.shard(shard).executor(), reply.task(),
                     asio::bind_cancellation_slot(call->signal().slot(), std::move(ended)));
      if (started) started(call);
    });
    return future;
  }
  template <class A, class R>
  Result<R> run(Operation<A, R> const& operation, std::type_identity_t<A> args, PrincipalPtr who = host_principal(),
                std::size_t shard = 0) {
    return start(operation, std::move(args), std::move(who), shard).get();
  }
  // Connects and expects it to work.
  std::string connected(ConnectArgs args, PrincipalPtr who = host_principal(), std::size_t shard = 0) {
    auto made = run(connect, std::move(args), std::move(who), shard);
    EXPECT_TRUE(made.has_value()) << (made ? "" : made.error().message);
    return made ? made->connection_id : std::string{};
  }
  // Asks for the status until it is so; the test's own time limit ends a wait in vain.
  template <class Predicate>
  ConnectionInfo status_when(std::string const& id, Predicate predicate) {
    for (;;) {
      auto const now = run(status, StatusArgs{id});
      EXPECT_TRUE(now.has_value());
      if (!now || predicate(now->connections.at(0))) return now ? now->connections.at(0) : ConnectionInfo{};
      std::this_thread::sleep_for(std::chrono::milliseconds{2});
    }
  }

  std::mutex mutex_;
  std::vector<std::string> checked, acquired;
  std::vector<circuit_breaker::RecordArgs> recorded;
  bool refuse_breaker = false, allow_remote = false;

  SystemClock clock;
  NullLog log;
  Counters counters;
  Caller caller{counters};
  Runtime runtime{{.shards = 2}, clock, log};
  WebSocket client{runtime, caller, counters, log, Settings{.reconnect_first = std::chrono::milliseconds{20}}};
};

}  // namespace patchbay::websocket::test
