// HttpClient: HTTP/1.1 over kept connections, with retries that cannot multiply an outage.
//
//   HttpClient client{runtime, caller, counters, log, {}};
//   auto answer = co_await client.send(call, "GET", std::move(args));      // any shard; from elsewhere it goes home
//
// Every attempt passes the address policy (security::check_url, as the caller) and a breaker `http:<host>:<port>` (as
// the gateway), both through the Caller. Idempotent methods are repeated on connection faults and on 408, 429, 502,
// 503, 504, after what Retry-After says or a random wait, never beyond the deadline, and only as far as the retry
// budget allows; what was last seen is the answer then. A kept connection that the server had closed is replaced once,
// without counting as an attempt, if nothing came back and either nothing was sent or the method is idempotent.
// Owned by the Gateway; destroyed after Runtime::stop(), before the Runtime. A kept connection costs some 10 KiB with
// TLS, 1 KiB without; a request one buffer of 36 KiB while it is under way.
#pragma once

#include <memory>
#include <vector>

#include "core/base/caller.hpp"
#include "core/base/counters.hpp"
#include "core/base/sinks.hpp"
#include "core/http_client/exchange.hpp"
#include "core/http_client/operations.hpp"
#include "core/http_client/pool.hpp"
#include "core/http_client/request.hpp"
#include "core/http_client/retry.hpp"
#include "core/runtime/runtime.hpp"

namespace patchbay::http_client {

struct Settings {
  Pool::Limits pool{};
  std::uint32_t max_response_header = 32'768;
  std::size_t max_request_body = std::size_t{16} << 20;
  std::chrono::milliseconds backoff_base{250};
  std::chrono::milliseconds backoff_most{10'000};
  std::string user_agent = "patchbay";
};

class HttpClient {
 public:
  HttpClient(Runtime& runtime, Caller& caller, Counters& counters, LogSink& log, Settings settings);
  HttpClient(HttpClient const&) = delete;
  HttpClient& operator=(HttpClient const&) = delete;

  // Errors: invalid_argument, forbidden, connect_failed, connection_lost, tls_failed, upstream_failed, too_large,
  // circuit_open, backpressure, deadline_exceeded, cancelled. Any thread.
  Task<Result<RequestResult>> send(Call& call, std::string method, CallArgs args);
  Task<Result<RequestResult>> request(Call& call, RequestArgs args);
  StatsResult stats() const;

 private:
  class Permit;
  struct Job;
  struct Metrics {
    std::array<Counter, 6> by_status{};  // 1xx is never an answer; index 0 unused
    std::array<Counter, code_count> by_error{};
    Histogram duration;
    Counter opened, reused, redirects, sent_bytes, received_bytes;
    Counter retry_status, retry_connection, retry_stale, retry_refused;
  };

  Task<Result<RequestResult>> run(Call& call, std::string method, CallArgs args);
  Task<Result<Response>> follow(Job& job);
  Task<Result<Response>> repeat(Job& job);
  Task<Result<Response>> attempt(Job& job);
  Task<Result<Response>> exchange(Job& job, std::vector<asio::ip::address> allowed);
  Task<Result<Response>> exchange_on(Job& job, PoolKey const& key, std::unique_ptr<Stream> stream, bool fresh,
                                     bool& stale);
  void count(Result<Response> const& result, SteadyTime begun);

  Runtime& runtime_;
  Caller& caller_;
  Counters& counters_;
  LogSink& log_;
  Settings const settings_;
  RetryBudget budget_;
  PoolCounts pool_counts_;
  std::vector<std::unique_ptr<Pool>> pools_;  // one a shard
  Metrics metrics_;
};

}  // namespace patchbay::http_client
