// Caller: starts operations. The only way one module reaches another, and what the surfaces and wrappers stand on.
//
//   auto done = co_await caller.call(circuit_breaker::acquire, parent_call, args);     // typed: no JSON is built
//   Reply<Answer> reply = caller.start_json(*row, call, parsed);                       // from a surface, validated
//
// start() runs the handler on the calling thread; if it suspends, the returned task must be awaited or spawned on a
// shard (bind call.signal() to it). The task ends by the call's deadline: an entry in the shard's timer wheel, made
// only when the handler has suspended, emits the call's own cancellation signal. Any thread; the table is read by a
// plain pointer (old tables are kept until the gateway ends). Cost of a plain handler: some 20 ns over a virtual call.
#pragma once

#include <functional>

#include "core/base/operation_table.hpp"
#include "core/base/timer_wheel.hpp"

namespace patchbay {

// What a surface or module gets told when an audited call has ended.
struct AuditRecord {
  Call const& call;
  Row const& row;
  std::optional<Code> code;  // nothing: success
};

// A call whose duration was taken: every one that suspended, and a sample of the others.
struct TimedCall {
  Call& call;
  Row const& row;
  std::chrono::nanoseconds duration;
  std::optional<Code> code;
};

class Caller {
 public:
  explicit Caller(Counters& counters) : counters_(counters) {}
  Caller(Caller const&) = delete;
  Caller& operator=(Caller const&) = delete;

  // --- the table ---
  OperationTable const& table() const { return *table_.load(std::memory_order_acquire); }
  // Takes over a new table; calls that have started keep the old one. Not from two threads at once.
  void publish(OperationTable table);
  OperationCounters& operation_counters() { return counters_; }

  // --- hooks, set before the first call ---
  void on_audit(std::function<void(AuditRecord const&)> hook) { audit_ = std::move(hook); }
  void on_reply(std::function<void(Row const&, Result<Answer> const&)> hook) {
    reply_ = std::move(hook);
  }  // tests check replies here
  void on_timed(std::function<void(TimedCall const&)> hook) { timed_ = std::move(hook); }
  void on_publish(std::function<void(OperationTable const&)> hook) { published_ = std::move(hook); }
  void on_exception(std::function<void(Row const&, Call const&, std::string_view)> hook) {
    exception_ = std::move(hook);
  }

  // --- typed ---
  // Errors: unsupported when there is no such row, forbidden by scope, and the handler's own.
  template <class A, class R>
  Reply<R> start(Operation<A, R> const& operation, Call& call, A args);
  // One task over it, for modules and plugins that await: one coroutine frame besides the handler's own.
  template <class A, class R>
  Task<Result<R>> call(Operation<A, R> const& operation, Call& parent, A args);

  // --- JSON ---
  // Validates, authorises, starts. Errors: invalid_argument with the pointer, forbidden, unauthenticated, the handler's
  // own.
  Reply<Answer> start_json(Row const& row, Call& call, json::Parsed const& args);
  // From text; `limits` guard it. An empty text reads as {}.
  Reply<Answer> start_json(Row const& row, Call& call, std::string_view args,
                           json::Limits const& limits = json::client_limits);
  // By tool name; not_found names the three nearest.
  Task<Result<Answer>> call_json(std::string_view tool, Call& parent, std::string args);
  Error no_such_tool(std::string_view tool) const;

 private:
  std::optional<Error> admit(Row const& row, Call& call) const;
  void end(Row const& row, Call& call, std::optional<Code> code) const {
    row.counters.by_code[code ? static_cast<std::size_t>(*code) : 0].add();
    if (row.info.audited && audit_) audit_(AuditRecord{call, row, code});
  }
  Error caught(Row const& row, Call& call) const;  // inside a catch block
  static bool sampled() {
    thread_local unsigned turn = 0;
    return (++turn & 63U) == 0;
  }
  Error ended_early(Row const& row, Call& call, Error error, bool own_deadline) const;

  // Counts a suspended call and ends it at its deadline.
  class Watch {
   public:
    Watch(Caller& caller, Row const& row, Call& call);
    ~Watch();
    Watch(Watch const&) = delete;
    Watch& operator=(Watch const&) = delete;
    bool ended() const { return ended_; }

   private:
    Row const& row_;
    Call& call_;
    bool ended_ = false;
    Timer timer_;
  };

  template <class A, class R>
  Result<Row const*> prepare(Operation<A, R> const& operation, Call& call, A const& args);
  template <class A, class R>
  static std::chrono::milliseconds budget_of(Operation<A, R> const& operation, A const& args);
  template <class T>
  void finish(Row const& row, Call& call, Result<T>& result, std::chrono::nanoseconds took, bool own_deadline) {
    if (own_deadline) call.clear_stopped();
    row.counters.duration.observe_ns(took.count());
    auto const code = result.has_error() ? std::optional{result.error().code} : std::nullopt;
    end(row, call, code);
    if (timed_ && !row.info.streaming) timed_(TimedCall{call, row, took, code});
    if constexpr (std::is_same_v<T, Answer>)
      if (reply_) reply_(row, result);
  }
  template <class T>
  Task<Result<T>> supervise(Row const& row, Call& call, Task<Result<T>> task, SteadyTime started);
  template <class T, class Start>
  Reply<T> dispatch(Row const& row, Call& call, Start start);

  OperationCounters counters_;
  std::vector<std::unique_ptr<OperationTable const>> tables_;
  std::atomic<OperationTable const*> table_{empty_table()};
  static OperationTable const* empty_table();
  std::function<void(AuditRecord const&)> audit_;
  std::function<void(Row const&, Result<Answer> const&)> reply_;
  std::function<void(OperationTable const&)> published_;
  std::function<void(TimedCall const&)> timed_;
  std::function<void(Row const&, Call const&, std::string_view)> exception_;
};

// Runs a handler's task to its end. Cancellation makes the handler's next suspension throw; the call knows why.
template <class T>
Task<Result<T>> Caller::supervise(Row const& row, Call& call, Task<Result<T>> task, SteadyTime started) {
  Watch watch{*this, row, call};
  std::optional<Result<T>> result;
  try {
    result.emplace(co_await std::move(task));
  } catch (...) {
    result.emplace(caught(row, call));
  }
  if (watch.ended()) co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
  if (result->has_error() && call.stopped() != Stopped::no)
    *result = ended_early(row, call, result->error(), watch.ended());
  finish(row, call, *result, std::chrono::steady_clock::now() - started, watch.ended());
  co_return std::move(*result);
}

template <class A, class R>
Task<Result<R>> Caller::call(Operation<A, R> const& operation, Call& parent, A args) {
  Call child{parent};
  auto started = prepare(operation, child, args);
  if (!started) co_return started.error();
  auto const& row = **started;
  auto* const handler = static_cast<TypedHandler<A, R>*>(row.handler.get());
  bool const timed = sampled();
  auto const begun = timed ? std::chrono::steady_clock::now() : SteadyTime{};
  std::optional<Result<R>> result;
  bool suspended = false, out_of_time = false;
  try {
    auto reply = handler->start(child, std::move(args));
    suspended = !reply.ready();
    if (!suspended) {
      result.emplace(reply.take());
    } else {
      if (!operation.streaming) child.limit(Deadline::in_about(budget_of(operation, args)));
      Watch watch{*this, row, child};
      auto task = reply.task();
      try {
        result.emplace(co_await std::move(task));
      } catch (...) {
        result.emplace(caught(row, child));
      }
      out_of_time = watch.ended();
    }
  } catch (...) {
    result.emplace(caught(row, child));
  }
  if (out_of_time) co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
  if (suspended && result->has_error() && child.stopped() != Stopped::no)
    *result = ended_early(row, child, result->error(), out_of_time);
  if (out_of_time) child.clear_stopped();
  if (timed) row.counters.duration.observe_ns((std::chrono::steady_clock::now() - begun).count(), 64);
  end(row, child, result->has_error() ? std::optional{result->error().code} : std::nullopt);
  co_return std::move(*result);
}

template <class T, class Start>
Reply<T> Caller::dispatch(Row const& row, Call& call, Start start) {
  bool const timed = sampled();
  auto const begun = timed ? std::chrono::steady_clock::now() : SteadyTime{};
  auto reply = [&]() -> Reply<T> {
    try {
      return start();
    } catch (...) {
      return caught(row, call);
    }
  }();
  if (!reply.ready()) {
    auto const now = std::chrono::steady_clock::now();
    return supervise<T>(row, call, reply.task(), timed ? begun : now);
  }
  if (timed) row.counters.duration.observe_ns((std::chrono::steady_clock::now() - begun).count(), 64);
  auto& result = reply.result();
  if (result.has_error())
    end(row, call, result.error().code);
  else
    end(row, call, std::nullopt);
  if constexpr (std::is_same_v<T, Answer>)
    if (reply_) reply_(row, result);
  return reply;
}

// Finds the row, checks scope and types.
template <class A, class R>
Result<Row const*> Caller::prepare(Operation<A, R> const& operation, Call& call, A const&) {
  auto const* row = table().find(&operation, operation.name);
  if (row == nullptr) return Error{Code::unsupported, "no module offers " + std::string{operation.name}};
  if (!call.principal().unrestricted)
    if (auto refused = admit(*row, call)) {
      end(*row, call, refused->code);
      return *refused;
    }
  auto const* type = row->handler->type();
  if (type == nullptr || *type != typeid(TypedHandler<A, R>))
    return Error{Code::internal, row->info.name + " is declared with other types than it is called with"};
  return row;
}

template <class A, class R>
std::chrono::milliseconds Caller::budget_of(Operation<A, R> const& operation, A const& args) {
  if constexpr (requires { args.timeout_ms; })
    if (operation.timeout_from_args) return std::chrono::milliseconds{args.timeout_ms} + std::chrono::seconds{1};
  return operation.timeout;
}

template <class A, class R>
Reply<R> Caller::start(Operation<A, R> const& operation, Call& call, A args) {
  auto row = prepare(operation, call, args);
  if (!row) return row.error();
  auto* const handler = static_cast<TypedHandler<A, R>*>((*row)->handler.get());
  auto const budget = budget_of(operation, args);
  return dispatch<R>(**row, call, [&]() -> Reply<R> {
    auto reply = handler->start(call, std::move(args));
    if (!reply.ready() && !operation.streaming) call.limit(Deadline::in(budget));
    return reply;
  });
}

}  // namespace patchbay
