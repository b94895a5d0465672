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
  [[gnu::always_inline]] void end(Row const& row, Call& call, std::optional<Code> code) const {
    row.counters.by_code[code ? static_cast<std::size_t>(*code) : 0].add();
    if (row.info.audited) audit(row, call, code);
  }
  void audit(Row const& row, Call& call, std::optional<Code> code) const;
  Error caught(Row const& row, Call& call) const;  // inside a catch block

  // The duration of one call in 64: two readings of the clock would cost more than the rest.
  class Sample {
   public:
    Sample() {
      thread_local unsigned turn = 0;
      if ((++turn & 63U) == 0) begun_ = std::chrono::steady_clock::now();
    }
    [[gnu::always_inline]] void end(Row const& row) const {
      if (begun_ != SteadyTime{})
        row.counters.duration.observe_ns((std::chrono::steady_clock::now() - begun_).count(), 64);
    }
    // For a call that has suspended and is measured anyhow.
    SteadyTime begun_or_now() const { return begun_ != SteadyTime{} ? begun_ : std::chrono::steady_clock::now(); }

   private:
    SteadyTime begun_{};
  };
  Error ended_early(Row const& row, Call& call, Error error, bool own_deadline) const;

  // Counts a call that has suspended, from start() on, and ends it at its deadline.
  class Watch {
   public:
    Watch(Row const& row, Call& call) : row_(row), call_(call), timer_([this] { expired(); }) {}
    [[gnu::always_inline]] ~Watch() {
      if (started_) row_.counters.in_flight.add(-1);
    }
    Watch(Watch const&) = delete;
    Watch& operator=(Watch const&) = delete;
    void start();
    bool started() const { return started_; }
    bool ended() const { return ended_; }  // the deadline has ended the call

   private:
    void expired();

    Row const& row_;
    Call& call_;
    bool started_ = false;
    bool ended_ = false;
    Timer timer_;
  };

  // The row of a typed call that may go ahead, or nothing: refusal() says why. In two halves, so that the good way
  // carries no Error.
  template <class A, class R>
  [[gnu::always_inline]] Row const* admitted(Operation<A, R> const& operation, Call const& call) const {
    auto const* row = table().find(&operation, operation.name);
    if (row == nullptr || !has_types<A, R>(*row)) return nullptr;
    auto const& principal = call.principal();
    return principal.unrestricted || principal.may(row->info.scope) ? row : nullptr;
  }
  template <class A, class R>
  Error refusal(Operation<A, R> const& operation, Call& call) const;
  template <class A, class R>
  static bool has_types(Row const& row) {
    return row.type == &typeid(TypedHandler<A, R>) || (row.type != nullptr && *row.type == typeid(TypedHandler<A, R>));
  }
  template <class A, class R>
  static std::chrono::milliseconds budget_of(Operation<A, R> const& operation, A const& args);
  // What a call that has suspended comes to: the reason of an early end is the call's, not what its handler made of it.
  template <class T>
  [[gnu::always_inline]] void settle(Row const& row, Call& call, Watch const& watch, Result<T>& result) const {
    if (result.has_error() && call.stopped() != Stopped::no)
      result = ended_early(row, call, result.error(), watch.ended());
    if (watch.ended()) call.clear_stopped();
  }
  template <class T>
  static std::optional<Code> code_of(Result<T> const& result) {
    return result.has_error() ? std::optional{result.error().code} : std::nullopt;
  }
  template <class T>
  void finish(Row const& row, Call& call, Result<T> const& result, std::chrono::nanoseconds took) const {
    row.counters.duration.observe_ns(took.count());
    auto const code = code_of(result);
    end(row, call, code);
    if (timed_ && !row.info.streaming) timed_(TimedCall{call, row, took, code});
    if constexpr (std::is_same_v<T, Answer>)
      if (reply_) reply_(row, result);
  }
  template <class T>
  Task<Result<T>> supervise(Row const& row, Call& call, Task<Result<T>> task, SteadyTime started);
  // Runs `start`; the call is limited to its budget when it has suspended.
  template <class T, class Start>
  Reply<T> dispatch(Row const& row, Call& call, std::chrono::milliseconds budget, Start const& start);

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
// Results are moved as seldom as can be (none waits in a variable for the end of the try block), which counts here.
template <class T>
Task<Result<T>> Caller::supervise(Row const& row, Call& call, Task<Result<T>> task, SteadyTime started) {
  Watch watch{row, call};
  watch.start();
  std::optional<Error> thrown;
  try {
    Result<T> result = co_await std::move(task);
    if (watch.ended()) co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
    settle(row, call, watch, result);
    finish(row, call, result, std::chrono::steady_clock::now() - started);
    co_return std::move(result);
  } catch (...) {
    thrown = caught(row, call);
  }
  if (watch.ended()) co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
  Result<T> failed{std::move(*thrown)};
  settle(row, call, watch, failed);
  finish(row, call, failed, std::chrono::steady_clock::now() - started);
  co_return failed;
}

template <class A, class R>
Task<Result<R>> Caller::call(Operation<A, R> const& operation, Call& parent, A args) {
  Call child{parent};
  auto const* const row = admitted(operation, child);
  if (row == nullptr) co_return refusal(operation, child);
  auto* const handler = static_cast<TypedHandler<A, R>*>(row->handler.get());
  auto const budget = budget_of(operation, args);
  Sample const sample;
  Watch watch{*row, child};
  std::optional<Error> thrown;
  try {
    auto reply = handler->start(child, std::move(args));
    if (reply.ready()) {
      sample.end(*row);
      end(*row, child, code_of(reply.result()));
      co_return reply.take();
    }
    if (!operation.streaming) child.limit(Deadline::in_about(budget));
    watch.start();
    auto task = reply.task();
    Result<R> result = co_await std::move(task);
    if (watch.ended()) co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
    settle(*row, child, watch, result);
    sample.end(*row);
    end(*row, child, code_of(result));
    co_return std::move(result);
  } catch (...) {
    thrown = caught(*row, child);
  }
  if (watch.ended()) co_await asio::this_coro::reset_cancellation_state(asio::enable_total_cancellation());
  Result<R> failed{std::move(*thrown)};
  if (watch.started()) settle(*row, child, watch, failed);
  sample.end(*row);
  end(*row, child, failed.error().code);
  co_return failed;
}

template <class T, class Start>
Reply<T> Caller::dispatch(Row const& row, Call& call, std::chrono::milliseconds budget, Start const& start) {
  Sample const sample;
  auto reply = [&]() -> Reply<T> {
    try {
      return start();
    } catch (...) {
      return caught(row, call);
    }
  }();
  if (!reply.ready()) {
    if (!row.info.streaming) call.limit(Deadline::in(budget));
    reply = supervise<T>(row, call, reply.task(), sample.begun_or_now());
    return reply;  // the one variable that is returned, so that it is made in its place
  }
  sample.end(row);
  auto& result = reply.result();
  end(row, call, code_of(result));
  if constexpr (std::is_same_v<T, Answer>)
    if (reply_) reply_(row, result);
  return reply;
}

template <class A, class R>
Error Caller::refusal(Operation<A, R> const& operation, Call& call) const {
  auto const* row = table().find(&operation, operation.name);
  if (row == nullptr) return Error{Code::unsupported, "no module offers " + std::string{operation.name}};
  if (auto refused = admit(*row, call)) {
    end(*row, call, refused->code);
    return *refused;
  }
  return Error{Code::internal, row->info.name + " is declared with other types than it is called with"};
}

template <class A, class R>
std::chrono::milliseconds Caller::budget_of(Operation<A, R> const& operation, A const& args) {
  if constexpr (requires { args.timeout_ms; })
    if (operation.timeout_from_args) return std::chrono::milliseconds{args.timeout_ms} + std::chrono::seconds{1};
  return operation.timeout;
}

template <class A, class R>
Reply<R> Caller::start(Operation<A, R> const& operation, Call& call, A args) {
  auto const* const row = admitted(operation, call);
  if (row == nullptr) return refusal(operation, call);
  auto* const handler = static_cast<TypedHandler<A, R>*>(row->handler.get());
  return dispatch<R>(*row, call, budget_of(operation, args), [&] { return handler->start(call, std::move(args)); });
}

}  // namespace patchbay
