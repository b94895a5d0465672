// The HTTP client on one real shard, with stand-ins for the address policy and the breaker that note what they are
// asked.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <future>

#include "core/circuit_breaker/operations.hpp"
#include "core/http_client/http_client.hpp"
#include "core/security/operations.hpp"
#include "tests/core/http_client/server.hpp"

namespace patchbay::http_client {

class ClientTest : public testing::Test {
 protected:
  explicit ClientTest(Settings settings = quick()) : client(runtime, caller, counters, log, std::move(settings)) {
    OperationTable table;
    table.add(security::check_url, [this](Call& call, security::CheckUrlArgs args) -> Result<security::CheckUrlResult> {
      std::lock_guard lock{mutex};
      checked.push_back(call.principal().name + " " + args.purpose + " " + args.url);
      if (args.url.find("forbidden.test") != std::string::npos)
        return Error{Code::forbidden, "this address is not allowed", "/url"};
      return security::CheckUrlResult{args.url, {"127.0.0.1"}};
    });
    table.add(circuit_breaker::acquire,
              [this](Call& call, circuit_breaker::AcquireArgs args) -> Result<circuit_breaker::AcquireResult> {
                std::lock_guard lock{mutex};
                acquired.push_back(call.principal().name + " " + args.name);
                if (open) return Error{Code::circuit_open, "open", "", 700};
                return circuit_breaker::AcquireResult{"p" + std::to_string(acquired.size())};
              });
    table.add(circuit_breaker::record, [this](Call&, circuit_breaker::RecordArgs args) {
      std::lock_guard lock{mutex};
      recorded.push_back(args.permit + (args.success ? " ok" : " " + args.code));
      return circuit_breaker::RecordResult{};
    });
    // As the router binds them.
    table.add(request, [this](Call& call, RequestArgs args) { return client.request(call, std::move(args)); });
    table.add(get, [this](Call& call, CallArgs args) { return client.send(call, "GET", std::move(args)); });
    table.add(post, [this](Call& call, CallArgs args) { return client.send(call, "POST", std::move(args)); });
    table.add(put, [this](Call& call, CallArgs args) { return client.send(call, "PUT", std::move(args)); });
    table.add(delete_, [this](Call& call, CallArgs args) { return client.send(call, "DELETE", std::move(args)); });
    table.add(http_client::stats, [this](Call&, Nothing) { return client.stats(); });
    caller.publish(std::move(table));
    runtime.start();
  }
  ~ClientTest() override { runtime.stop(); }

  // Nobody waits a quarter of a second for a test.
  static Settings quick() {
    Settings settings;
    settings.backoff_base = std::chrono::milliseconds{1};
    settings.backoff_most = std::chrono::milliseconds{2};
    return settings;
  }

  template <class A, class R>
  std::future<Result<R>> start(Operation<A, R> const& operation, Call& call, A args) {
    auto promise = std::make_shared<std::promise<Result<R>>>();
    auto future = promise->get_future();
    runtime.home().post([this, &operation, &call, promise, args = std::move(args)]() mutable {
      auto task = caller.call(operation, call, std::move(args));
      asio::co_spawn(
          runtime.home().executor(), std::move(task),
          asio::bind_cancellation_slot(call.signal().slot(), [promise](std::exception_ptr error, Result<R> r) {
            if (error)
              promise->set_exception(error);
            else
              promise->set_value(std::move(r));
          }));
    });
    return future;
  }
  template <class A, class R>
  Result<R> run(Operation<A, R> const& operation, A args) {
    Call call{host_principal()};
    return start(operation, call, std::move(args)).get();
  }
  Result<RequestResult> fetch(std::string url) { return run(get, to(std::move(url))); }
  static CallArgs to(std::string url) {
    CallArgs args;
    args.url = std::move(url);
    args.timeout_ms = 20'000;
    return args;
  }
  Result<Answer> json(std::string_view tool, std::string args) {
    Call call{host_principal()};
    auto promise = std::make_shared<std::promise<Result<Answer>>>();
    auto future = promise->get_future();
    auto task = caller.call_json(tool, call, std::move(args));
    asio::co_spawn(runtime.home().executor(), std::move(task),
                   [promise](std::exception_ptr, Result<Answer> result) { promise->set_value(std::move(result)); });
    return future.get();
  }
  std::vector<std::string> noted(std::vector<std::string> const& list) {
    std::lock_guard lock{mutex};
    return list;
  }

  SystemClock clock;
  NullLog log;
  Counters counters;
  Caller caller{counters};
  Runtime runtime{{}, clock, log};
  std::mutex mutex;  // of what the stand-ins note
  std::vector<std::string> checked, acquired, recorded;
  bool open = false;
  HttpClient client;
};

}  // namespace patchbay::http_client
