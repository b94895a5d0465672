// Host: the gateway as a plugin sees it, and the plugin's own thread.
//
//   Result<RawJson> reply = co_await host.call("websocket_request", R"({"connection_id":"c1","message":{}})");
//   auto stats = co_await host.call<StatsResult>("hub_stats", sdk::Nothing{});        // typed both ways
//   host.spawn("session", keep_connected());                                          // a task that ends with the
//   plugin host.log(sdk::LogLevel::info, "connected", {{"version", version}});               // any thread
//   host.set_health(false, "the connection was lost");                                // seen in GET /health
//
// All of a plugin's code runs on its one thread (but for inline operations), so it needs no locks: handlers, the
// callbacks of streams, timers and sockets on host.executor(). Only post(), log() and set_health() may be called from
// elsewhere.
#pragma once

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <cassert>
#include <functional>
#include <initializer_list>
#include <list>
#include <thread>

#include "plugins/abi/draft/patchbay_health.h"
#include "plugins/abi/patchbay_call.h"
#include "plugins/abi/patchbay_log.h"
#include "plugins/abi/patchbay_stream.h"
#include "plugins/sdk/inbox.hpp"
#include "plugins/sdk/operation.hpp"

namespace patchbay::sdk {

enum class LogLevel : std::int32_t { debug = 0, info = 1, warning = 2, error = 3, critical = 4 };
using LogField = std::pair<std::string_view, std::string_view>;

// What a stream's callback is given; both are borrowed.
using OnEvent = std::function<void(std::string_view event, std::string_view json)>;

inline constexpr std::chrono::milliseconds own_budget{-1};  // the operation's own time budget

class Host;

namespace detail {

// One call to the gateway that has not ended. Belongs to the waiting coroutine; when that was destroyed first, to the
// `done` that still comes.
class Outgoing {
 public:
  Outgoing(Host& host, OnEvent on_event);
  // What the gateway calls, on its threads.
  static std::int32_t event(void* user, pb_str name, pb_str json);
  static void done(void* user, pb_error const* error, pb_str data);

  static constexpr unsigned most_events = 256;
  Host& host;
  OnEvent on_event;
  Gate gate;
  pb_call made = 0;
  bool ended = false, abandoned = false;
  std::atomic<unsigned> queued{0};
  std::atomic<bool> held{false};
  Result<RawJson> result{Error{}};
};
struct LetGo {
  void operator()(Outgoing* outgoing) const;
};

}  // namespace detail

// A task started by Host::spawn.
class Background {
 public:
  void cancel() { signal_.emit(asio::cancellation_type::all); }

 private:
  friend class Host;
  std::string name_;
  asio::cancellation_signal signal_;
};

class Host {
 public:
  explicit Host(pb_host const* host);
  ~Host();
  Host(Host const&) = delete;
  Host& operator=(Host const&) = delete;

  Executor executor() { return context_.get_executor(); }
  asio::io_context& context() { return context_; }
  bool on_own_thread() const { return std::this_thread::get_id() == thread_.get_id(); }

  // [any-thread] Runs the function on the plugin's thread. What it throws is logged.
  template <class Function>
  void post(Function function);

  // Calls an operation by its tool name as plugin:<name>. Cancelling the coroutine cancels the call. A `parent` lends
  // its user, trace and deadline (Call::call does that for you). Errors: those of the operation, forbidden without the
  // grant, not_found for no such tool, unavailable while the plugin ends.
  Task<Result<RawJson>> call(std::string operation, std::string args = "{}",
                             std::chrono::milliseconds timeout = own_budget, pb_call parent = 0) {
    return start(std::move(operation), std::move(args), timeout, parent, {});
  }
  template <class R, class A>
  Task<Result<R>> call(std::string operation, A args, std::chrono::milliseconds timeout = own_budget,
                       pb_call parent = 0) {
    return typed<R>(std::move(operation), describe::to_text(args), timeout, parent);
  }
  // The same for a streaming operation: the callback gets each event, the task ends with the stream. To end it early,
  // cancel the coroutine: spawn() it and call cancel() on what that returned.
  Task<Result<RawJson>> stream(std::string operation, std::string args, OnEvent on_event,
                               std::chrono::milliseconds timeout = own_budget, pb_call parent = 0) {
    return start(std::move(operation), std::move(args), timeout, parent, std::move(on_event));
  }

  // Starts a task that lives beside the calls: a session, a poll. At the plugin's end it is cancelled and awaited; what
  // it throws is logged.
  std::shared_ptr<Background> spawn(std::string name, Task<void> task);

  // [any-thread]
  bool log_enabled(LogLevel level) const {
    return log_ != nullptr && log_->enabled(host_, static_cast<std::int32_t>(level)) != 0;
  }
  void log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {}) const;

  // [any-thread] How the plugin is, in one sentence without secrets, until it says something else: shown by GET /health
  // and plugins_list, where a plugin that is not ok makes the gateway "degraded". Cheap.
  void set_health(bool ok, std::string_view message) const {
    if (health_ != nullptr) health_->set(host_, ok ? PB_HEALTH_OK : PB_HEALTH_DEGRADED, detail::borrow(message));
  }

  // For the rest of the SDK.
  pb_host const* raw() const { return host_; }
  pb_stream_host const* stream_extension() const { return stream_; }
  detail::Inbox& inbox() { return inbox_; }
  detail::Inbox const& inbox() const { return inbox_; }
  void start_thread();
  void join_thread();
  bool has_thread() const { return thread_.joinable(); }
  bool is_running(std::shared_ptr<Background> const& task) const {
    return std::find(background_.begin(), background_.end(), task) != background_.end();
  }
  auto background_ended() {
    return idle_.wait([] {});
  }
  // Cancels background tasks and calls and waits for their ends.
  Task<void> wind_down();

 private:
  friend class detail::Outgoing;
  friend struct detail::LetGo;
  Task<Result<RawJson>> start(std::string operation, std::string args, std::chrono::milliseconds timeout,
                              pb_call parent, OnEvent on_event);
  template <class R>
  Task<Result<R>> typed(std::string operation, std::string args, std::chrono::milliseconds timeout, pb_call parent);
  void ended(std::shared_ptr<Background> const& task, std::exception_ptr error);
  void outgoing_ended();
  void run();

  pb_host const* host_;
  pb_call_host const* call_;
  pb_stream_host const* stream_;
  pb_log_host const* log_;
  pb_health_host const* health_;
  asio::io_context context_{1};
  asio::executor_work_guard<Executor> work_{context_.get_executor()};
  detail::Inbox inbox_{context_};
  detail::Gate idle_{context_.get_executor()};
  std::list<std::shared_ptr<Background>> background_;
  std::list<detail::Outgoing*> outgoing_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace patchbay::sdk

#include "plugins/sdk/host_impl.hpp"
