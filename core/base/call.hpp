// Call: what a handler knows about the one call it serves, and Principal: who made it.
//
// A Call lives on the shard that runs it (or on the host's thread for a plain handler) and outlives the handler's task.
// Copies of the Principal are shared and immutable.
#pragma once

#include <boost/asio/cancellation_signal.hpp>
#include <memory>
#include <string>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/json.hpp"
#include "core/base/task.hpp"
#include "core/base/trace.hpp"

namespace patchbay {

struct Row;

struct Principal {
  std::string name;                 // "host", "anonymous", "token:<id>", "plugin:<name>", "gateway"
  std::vector<std::string> scopes;  // "admin" implies all; "x.*" all below x
  std::string user_id{};
  std::string token_id{};
  RawJson entities{};         // a token's allow and deny lists, handed to plugins; null: unrestricted
  bool unrestricted = false;  // host code and the gateway itself: no scope is asked for
  bool may_public = true;     // false: a caller without a token on a listener that is not loopback
  bool is_remote = true;      // came over a surface: its outgoing addresses pass the allow list

  bool may(std::string_view scope) const {
    if (unrestricted || scope == "none") return true;  // "none": for everyone, without any check
    if (scope == "public") return may_public;
    for (auto const& held : scopes) {
      if (held == scope || held == "admin" || held == "*") return true;
      if (held.size() > 2 && held.ends_with(".*") &&
          scope.starts_with(std::string_view{held}.substr(0, held.size() - 1)))
        return true;
    }
    return false;
  }
  bool is_admin() const { return may("admin"); }
};
using PrincipalPtr = std::shared_ptr<Principal const>;

// Host code in the same process: everything is allowed.
PrincipalPtr const& host_principal();
// The gateway's own calls.
PrincipalPtr const& gateway_principal();

// What a streaming operation writes to. Used on the call's own thread. Bounded: after `wait` nothing more may be
// emitted until ready() has come back.
class EventSink {
 public:
  enum class Taken { ok, wait, gone };
  virtual ~EventSink() = default;
  virtual Taken emit(std::string_view event, std::string_view json) = 0;
  // The same under an id of the operation's own, which a client may come back with; surfaces without ids leave it out.
  virtual Taken emit_as(std::string_view, std::string_view event, std::string_view json) { return emit(event, json); }
  // True when more may be emitted, false when the listener is gone.
  virtual Task<bool> ready() = 0;
};

enum class Stopped : std::uint8_t { no, cancelled, deadline, shutdown };

class Call {
 public:
  explicit Call(PrincipalPtr principal) : owned_(std::move(principal)), principal_(owned_.get()) {}
  // A call made by a handler: same principal, deadline, trace and cancellation.
  // The parent must outlive it.
  explicit Call(Call& parent)
      : parent_(&parent),
        principal_(parent.principal_),
        deadline_(parent.deadline_),
        trace_(parent.trace_),
        root_(&parent.root()) {}
  // The same for another principal (a module that acts for itself on behalf of the caller).
  Call(Call& parent, PrincipalPtr principal) : Call(parent) {
    owned_ = std::move(principal);
    principal_ = owned_.get();
  }
  Call(Call const&) = delete;
  Call& operator=(Call const&) = delete;

  Principal const& principal() const { return *principal_; }
  PrincipalPtr const& principal_ptr() const {
    return owned_ != nullptr || parent_ == nullptr ? owned_ : parent_->principal_ptr();
  }
  // The user the call is for: the principal's own unless it may act for others.
  std::string const& user_id() const {
    for (auto const* call = this; call != nullptr; call = call->parent_)
      if (!call->user_id_.empty()) return call->user_id_;
    return principal_->user_id;
  }
  void set_user_id(std::string user_id) { user_id_ = std::move(user_id); }

  Deadline deadline() const { return deadline_; }
  void limit(Deadline deadline) { deadline_ = deadline_.earlier(deadline); }
  TraceId const& trace() const { return trace_; }
  TraceId const& ensure_trace() {
    if (!trace_.exists()) trace_ = TraceId::make();
    return trace_;
  }
  void set_trace(TraceId trace) { trace_ = trace; }

  EventSink* events() const { return events_; }  // null unless the operation streams
  void set_events(EventSink* events) { events_ = events; }

  // The signal of the coroutine that runs this call; bind its slot when the task is spawned.
  asio::cancellation_signal& signal() { return root().signal_; }
  // Ends the call early, on its own thread. The first reason stays.
  void stop(Stopped why) {
    auto& top = root();
    if (top.stopped_ == Stopped::no) top.stopped_ = why;
    top.signal_.emit(asio::cancellation_type::all);
  }
  Stopped stopped() const { return root_ != nullptr ? root_->stopped_ : stopped_; }
  void clear_stopped() { root().stopped_ = Stopped::no; }

 private:
  Call& root() { return root_ != nullptr ? *root_ : *this; }

  PrincipalPtr owned_;
  Call const* parent_ = nullptr;
  Principal const* principal_;
  std::string user_id_;
  Deadline deadline_;
  TraceId trace_;
  EventSink* events_ = nullptr;
  Call* root_ = nullptr;
  asio::cancellation_signal signal_;
  Stopped stopped_ = Stopped::no;
};

}  // namespace patchbay
