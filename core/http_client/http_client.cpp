#include "core/http_client/http_client.hpp"

#include <spdlog/fmt/fmt.h>

#include "core/circuit_breaker/operations.hpp"
#include "core/http_client/text.hpp"
#include "core/runtime/run_on.hpp"
#include "core/security/operations.hpp"

namespace patchbay::http_client {
namespace {

constexpr std::string_view logger = "http_client";

bool is_connection_fault(Code code) { return code == Code::connect_failed || code == Code::connection_lost; }
// What speaks against the other side's health: it is away, or says of itself that it is.
bool is_gateway_failure(unsigned status) { return status == 502 || status == 503 || status == 504; }
bool is_redirect(unsigned status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

}  // namespace

// One request on its way: what is asked, where it now goes, and until when.
struct HttpClient::Job {
  Call& call;
  Request request;
  Target target;
  CallArgs args;
  Deadline deadline;
  ResponseLimits limits;
};

// The breaker's leave for one attempt. It is given back in any case: without a report, as cancelled.
class HttpClient::Permit {
 public:
  Permit(HttpClient& client, std::string permit)
      : client_(client), permit_(std::move(permit)), begun_(client.runtime_.clock().now()) {}
  Permit(Permit const&) = delete;
  Permit& operator=(Permit const&) = delete;
  ~Permit() {
    if (!reported_) report(false, "cancelled");
  }
  void report(Result<Response> const& result) {
    if (!result)
      report(false, name_of(result.error().code));
    else if (is_gateway_failure(result->status))
      report(false, name_of(Code::upstream_failed));
    else
      report(true, "");
  }

 private:
  void report(bool success, std::string_view code) {
    reported_ = true;
    circuit_breaker::RecordArgs args;
    args.permit = std::move(permit_);
    args.success = success;
    args.code = code;
    args.duration_ms = std::chrono::duration<double, std::milli>(client_.runtime_.clock().now() - begun_).count();
    // Mostly done at once. If not, it must not hang on our call, which may be cancelled already.
    auto call = std::make_shared<Call>(gateway_principal());
    auto reply = client_.caller_.start(circuit_breaker::record, *call, std::move(args));
    if (!reply.ready()) {
      auto work = finish(std::move(call), reply.task());
      client_.runtime_.spawn("http_client.record", client_.runtime_.here(), std::move(work));
    }
  }
  static Task<void> finish(std::shared_ptr<Call> call, Task<Result<circuit_breaker::RecordResult>> task) {
    static_cast<void>(co_await std::move(task));
    call.reset();
  }

  HttpClient& client_;
  std::string permit_;
  SteadyTime const begun_;
  bool reported_ = false;
};

HttpClient::HttpClient(Runtime& runtime, Caller& caller, Counters& counters, LogSink& log, Settings settings)
    : runtime_(runtime), caller_(caller), counters_(counters), log_(log), settings_(std::move(settings)) {
  auto const prefixed = [](std::string_view name) { return fmt::format("patchbay_http_client_{}", name); };
  static constexpr std::array<char const*, 6> classes{"", "", "2xx", "3xx", "4xx", "5xx"};
  for (std::size_t i = 2; i < classes.size(); ++i)
    metrics_.by_status[i] =
        counters.counter(prefixed("requests_total"), "Requests by status class or error code", {{"code", classes[i]}});
  for (auto const& row : code_table)
    metrics_.by_error[static_cast<std::size_t>(row.code)] = counters.counter(
        prefixed("requests_total"), "Requests by status class or error code", {{"code", std::string{row.name}}});
  metrics_.duration = counters.histogram(prefixed("request_duration_seconds"), "Time from request to answer");
  auto const connections = [&](char const* source) {
    return counters.counter(prefixed("connections_total"), "Connections that carried an exchange, by where from",
                            {{"source", source}});
  };
  metrics_.opened = connections("new");
  metrics_.reused = connections("kept");
  auto const retries = [&](char const* reason) {
    return counters.counter(prefixed("retries_total"), "Attempts after the first", {{"reason", reason}});
  };
  metrics_.retry_status = retries("status");
  metrics_.retry_connection = retries("connection");
  metrics_.retry_stale = retries("stale");
  metrics_.retry_refused =
      counters.counter(prefixed("retries_refused_total"), "Attempts that the retry budget did not allow");
  metrics_.redirects = counters.counter(prefixed("redirects_total"), "Redirects followed");
  auto const bytes = [&](char const* direction) {
    return counters.counter(prefixed("bytes_total"), "Bytes on the connections", {{"direction", direction}});
  };
  metrics_.sent_bytes = bytes("out");
  metrics_.received_bytes = bytes("in");
  auto const pooled = [&](char const* state) {
    return counters.gauge(prefixed("connections"), "Connections in the pools", {{"state", state}});
  };
  pool_counts_.active_gauge = pooled("active");
  pool_counts_.idle_gauge = pooled("idle");
  for (std::size_t i = 0; i < runtime.size(); ++i)
    pools_.push_back(std::make_unique<Pool>(pool_counts_, settings_.pool));
}

StatsResult HttpClient::stats() const {
  StatsResult out;
  for (auto const& counter : metrics_.by_status) out.requests += counters_.value(counter);
  for (auto const& counter : metrics_.by_error) out.requests += counters_.value(counter);
  out.in_flight = budget_.calls();
  for (auto const* counter : {&metrics_.retry_status, &metrics_.retry_connection, &metrics_.retry_stale})
    out.retries += counters_.value(*counter);
  out.retries_refused = counters_.value(metrics_.retry_refused);
  auto const shown = [](std::atomic<std::int64_t> const& count) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(0, count.load(std::memory_order_relaxed)));
  };
  out.connections_active = shown(pool_counts_.active);
  out.connections_idle = shown(pool_counts_.idle);
  out.connections_opened = counters_.value(metrics_.opened);
  out.connections_reused = counters_.value(metrics_.reused);
  return out;
}

Task<Result<RequestResult>> HttpClient::request(Call& call, RequestArgs args) {
  auto method = std::move(args.method);
  CallArgs rest = std::move(static_cast<CallArgs&>(args));
  return send(call, std::move(method), std::move(rest));
}

Task<Result<RequestResult>> HttpClient::send(Call& call, std::string method, CallArgs args) {
  // The pools belong to shards. A caller on a loop of its own goes through the home shard.
  auto work = run(call, std::move(method), std::move(args));
  if (Shard::current() != nullptr) return work;
  return run_on(runtime_.home(), std::move(work));
}

Task<Result<RequestResult>> HttpClient::run(Call& call, std::string method, CallArgs args) {
  auto const begun = runtime_.clock().now();
  auto const in_flight = budget_.call();
  auto target = Target::parse(args.url);
  if (!target) co_return target.error();
  auto request = Request::make(std::move(method), args, settings_.max_request_body);
  if (!request) co_return request.error();

  // Cancellation and deadline arrive as the error of whatever is pending; nothing here is left by an exception.
  auto const throwing = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  Call inner{call};
  auto const deadline = inner.deadline().earlier(Deadline{begun + std::chrono::milliseconds{args.timeout_ms}});
  inner.limit(deadline);
  ResponseLimits const limits{settings_.max_response_header, static_cast<std::uint64_t>(args.max_body),
                              request->has("accept-encoding")};
  Job job{inner, std::move(*request), std::move(*target), std::move(args), deadline, limits};
  auto answer = co_await follow(job);
  co_await asio::this_coro::throw_if_cancelled(throwing);
  count(answer, begun);
  if (!answer) co_return answer.error();

  RequestResult out;
  out.status = static_cast<std::uint16_t>(answer->status);
  out.headers = std::move(answer->headers);
  auto const type = out.headers.find("content-type");
  if (type != out.headers.end() && is_json_type(type->second) && json::check(answer->body))
    out.json = RawJson{answer->body};
  if (is_text(answer->body))
    out.body = std::move(answer->body);
  else
    out.body_base64 = base64(answer->body);
  out.duration_ms = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(runtime_.clock().now() - begun).count());
  co_return out;
}

void HttpClient::count(Result<Response> const& result, SteadyTime begun) {
  metrics_.duration.observe_ns((runtime_.clock().now() - begun).count());
  if (result)
    metrics_.by_status[std::min<std::size_t>(result->status / 100, 5)].add();
  else
    metrics_.by_error[static_cast<std::size_t>(result.error().code)].add();
}

Task<Result<Response>> HttpClient::follow(Job& job) {
  for (int hop = 0;; ++hop) {
    auto answer = co_await repeat(job);
    if (!answer || hop >= job.args.follow_redirects || !is_redirect(answer->status)) co_return answer;
    auto const location = answer->header("location");
    if (location.empty()) co_return answer;
    auto next = job.target.follow(location);
    if (!next) co_return next.error();
    job.request.redirect(answer->status, job.target.same_origin(*next));
    job.target = std::move(*next);
    metrics_.redirects.add();
  }
}

Task<Result<Response>> HttpClient::repeat(Job& job) {
  auto const most = is_idempotent(job.request.method) ? job.args.attempts : 1;
  RetryBudget::Share repeating;
  for (int n = 1;; ++n) {
    auto answer = co_await attempt(job);
    bool const by_status = answer && is_retryable(answer->status);
    if (n >= most || job.call.stopped() != Stopped::no) co_return answer;
    if (!by_status && (answer || !is_connection_fault(answer.error().code))) co_return answer;

    auto wait = backoff(static_cast<unsigned>(n), settings_.backoff_base, settings_.backoff_most, cheap_random());
    if (by_status)
      if (auto const said = retry_after(answer->header("retry-after"), runtime_.clock().wall())) wait = *said;
    if (wait >= job.deadline.left(runtime_.clock().now())) co_return answer;
    if (n == 1) {
      auto share = budget_.take();
      if (!share) {
        metrics_.retry_refused.add();
        co_return answer;
      }
      repeating = std::move(*share);
    }
    if (log_.enabled(LogLevel::debug, logger)) {
      auto const reason = by_status ? fmt::format("status {}", answer->status) : answer.error().message;
      auto const host = job.target.name();
      auto const shown = std::to_string(wait.count());
      std::vector<LogField> const fields{{"host", host}, {"reason", reason}, {"wait_ms", shown}};
      log_.write(LogLevel::debug, logger, "the request is repeated", fields);
    }
    Waiter pause;
    auto const until = Deadline{runtime_.clock().now() + wait};
    auto const why = co_await pause.wait(until, use_task);
    if (why == Waiter::Why::cancelled) co_return Error{Code::cancelled, "the request was cancelled"};
    (by_status ? metrics_.retry_status : metrics_.retry_connection).add();
  }
}

Task<Result<Response>> HttpClient::attempt(Job& job) {
  security::CheckUrlArgs asked;
  asked.url = job.target.url;
  asked.purpose = "http";
  auto checked = co_await caller_.call(security::check_url, job.call, std::move(asked));
  if (!checked) co_return checked.error();
  auto target = Target::parse(checked->normalized);
  if (!target) co_return target.error();
  job.target = std::move(*target);
  std::vector<asio::ip::address> allowed;
  for (auto const& text : checked->addresses) {
    boost::system::error_code error;
    auto const address = asio::ip::make_address(text, error);
    if (!error) allowed.push_back(address);
  }

  circuit_breaker::AcquireArgs wanted;
  wanted.name = "http:" + job.target.name();
  Call own{job.call, gateway_principal()};
  if (job.call.stopped() != Stopped::no) co_return Error{Code::cancelled, "the request was cancelled"};
  auto leave = co_await caller_.call(circuit_breaker::acquire, own, std::move(wanted));
  if (!leave) co_return leave.error();
  Permit permit{*this, std::move(leave->permit)};
  auto answer = co_await exchange(job, std::move(allowed));
  permit.report(answer);
  co_return answer;
}

Task<Result<Response>> HttpClient::exchange(Job& job, std::vector<asio::ip::address> allowed) {
  auto& pool = *pools_[Shard::current()->index()];
  PoolKey const key{job.target.tls, job.args.tls.verify, job.target.port, job.target.host, job.args.tls.ca};
  auto place = co_await pool.enter(key, job.deadline);
  if (!place) co_return place.error();

  if (auto kept = pool.take(key, allowed)) {
    bool stale = false;
    auto answer = co_await exchange_on(job, key, std::move(kept), false, stale);
    if (!stale) co_return answer;
    metrics_.retry_stale.add();
  }

  if (job.call.stopped() != Stopped::no) co_return Error{Code::cancelled, "the request was cancelled"};
  auto const now = runtime_.clock().now();
  ConnectOptions options;
  options.host = job.target.host;
  options.port = job.target.port;
  options.tls = job.target.tls;
  options.tls_options.ca = job.args.tls.ca;
  options.tls_options.verify = job.args.tls.verify;
  options.addresses = std::move(allowed);
  options.deadline = job.deadline.earlier(Deadline{now + std::chrono::milliseconds{job.args.connect_timeout_ms}});
  auto stream = co_await connect(runtime_, std::move(options));
  if (!stream) {
    auto error = stream.error();
    // Only this attempt is over: the request itself has time left.
    if (error.code == Code::deadline_exceeded && job.deadline.left(runtime_.clock().now()).count() > 0)
      error.code = Code::connect_failed;
    co_return error;
  }
  bool stale = false;
  auto answer = co_await exchange_on(job, key, std::move(*stream), true, stale);
  co_return answer;
}

Task<Result<Response>> HttpClient::exchange_on(Job& job, PoolKey const& key, std::unique_ptr<Stream> stream, bool fresh,
                                               bool& stale) {
  (fresh ? metrics_.opened : metrics_.reused).add();
  auto const trace = job.call.trace().exists() ? job.call.trace().traceparent() : std::string{};
  auto const head = job.request.head(job.target, settings_.user_agent, trace);
  Exchange one{*stream, job.limits, job.deadline};
  auto answer = co_await one.run(head, job.request.body, job.request.method == "HEAD");
  metrics_.sent_bytes.add(one.sent());
  metrics_.received_bytes.add(one.received());
  if (answer && answer->keep) pools_[Shard::current()->index()]->keep(key, std::move(stream));
  stale = !fresh && !answer && answer.error().code == Code::connection_lost && one.received() == 0 &&
          (one.sent() == 0 || is_idempotent(job.request.method));
  co_return answer;
}

}  // namespace patchbay::http_client
