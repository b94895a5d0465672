// Call: what a handler knows of the one call that it serves.
//
//   Task<Result<WatchResult>> watch(sdk::Call& call, WatchArgs args) {
//     while (auto one = co_await next(args))
//       if (!co_await call.emit("changed", *one)) break;         // the listener has gone
//     ...
//
// Lives as long as the handler; used on the plugin's thread (an inline operation's on its caller's).
#pragma once

#include "core/base/clock.hpp"
#include "plugins/sdk/host.hpp"

namespace patchbay::sdk {

enum class Taken { ok, wait, gone };

class Call {
 public:
  Call(Host& host, pb_invocation const& in)
      : host_(host),
        id_(in.call),
        args_(detail::view(in.args)),
        principal_(detail::view(in.principal)),
        user_id_(detail::view(in.user_id)),
        traceparent_(detail::view(in.traceparent)),
        entities_(detail::view(detail::entities_of(in))),
        scopes_(detail::view(detail::scopes_of(in))),
        has_deadline_(in.timeout_ms >= 0),
        gate_(host.executor()) {
    if (has_deadline_) deadline_ = Deadline::in_about(std::chrono::milliseconds{in.timeout_ms}).at();
  }
  Call(Call const&) = delete;
  Call& operator=(Call const&) = delete;

  std::string_view args() const { return args_; }            // as they came: a JSON object
  std::string_view principal() const { return principal_; }  // "token:kitchen"
  std::string_view user_id() const { return user_id_; }      // for whom, or empty
  std::string_view traceparent() const { return traceparent_; }
  std::string_view entities() const { return entities_; }  // the token's allow and deny lists as JSON, or empty
  // Whether the caller holds a scope, for what an operation's own scope cannot say.
  bool may(std::string_view scope) const {
    for (auto rest = scopes_; !rest.empty();) {
      auto const held = rest.substr(0, rest.find(' '));
      rest.remove_prefix(std::min(rest.size(), held.size() + 1));
      if (held == scope || held == "admin" || held == "*") return true;
      if (held.size() > 2 && held.ends_with(".*") && scope.starts_with(held.substr(0, held.size() - 1))) return true;
    }
    return false;
  }
  bool cancelled() const { return cancelled_; }
  // Time until the gateway gives up; a very long one when it does not.
  std::chrono::milliseconds time_left() const {
    if (!has_deadline_) return std::chrono::hours{24 * 365};
    auto const left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - std::chrono::steady_clock::now());
    return std::max(left, std::chrono::milliseconds{0});
  }
  Host& host() { return host_; }

  // Host::call on behalf of this one: its user, trace and deadline.
  Task<Result<RawJson>> call(std::string operation, std::string args = "{}",
                             std::chrono::milliseconds timeout = own_budget) {
    return host_.call(std::move(operation), std::move(args), timeout, id_);
  }
  template <class R, class A>
  Task<Result<R>> call(std::string operation, A args, std::chrono::milliseconds timeout = own_budget) {
    return host_.call<R>(std::move(operation), std::move(args), timeout, id_);
  }

  // For streaming operations. emit() sends at once, and its task comes back when the next event is welcome: true, or
  // false when the listener has gone or the call was cancelled, after which the handler should end.
  Task<bool> emit(std::string_view event, RawJson const& json) { return when_welcome(try_emit(event, json.text)); }
  template <class T>
  Task<bool> emit(std::string_view event, T const& value) {
    return when_welcome(try_emit(event, describe::to_text(value)));
  }
  // The same without waiting: after `wait` (the event was taken) nothing more before ready() has come back.
  Taken try_emit(std::string_view event, std::string_view json) {
    auto const* stream = host_.stream_extension();
    if (stream == nullptr || cancelled_) return Taken::gone;
    waiting_ = true;  // before the call: resume may come at once
    switch (stream->event(host_.raw(), id_, detail::borrow(event), detail::borrow(json))) {
      case PB_OK: waiting_ = false; return Taken::ok;
      case PB_WAIT: return Taken::wait;
      default: waiting_ = false; return Taken::gone;
    }
  }
  Task<bool> ready() {
    while (waiting_ && !cancelled_) {
      auto wait = gate_.wait([this] { cancel(); });
      co_await std::move(wait);
    }
    co_return !cancelled_;
  }

  // For the rest of the SDK, on the plugin's thread.
  pb_call id() const { return id_; }
  void resume() {
    waiting_ = false;
    gate_.open();
  }
  void cancel() {
    cancelled_ = true;
    gate_.open();
  }

 private:
  Task<bool> when_welcome(Taken taken) {
    if (taken != Taken::wait) co_return taken == Taken::ok;
    auto waiting = ready();
    bool const more = co_await std::move(waiting);
    co_return more;
  }

  Host& host_;
  pb_call id_;
  std::string_view args_, principal_, user_id_, traceparent_, entities_, scopes_;
  bool has_deadline_;
  bool cancelled_ = false;
  bool waiting_ = false;  // an event was answered with PB_WAIT and resume has not come
  std::chrono::steady_clock::time_point deadline_{};
  detail::Gate gate_;
};

}  // namespace patchbay::sdk
