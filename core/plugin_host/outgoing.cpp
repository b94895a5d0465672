#include "core/plugin_host/outgoing.hpp"

#include <spdlog/fmt/fmt.h>

#include <boost/asio/bind_cancellation_slot.hpp>

#include "core/plugin_host/text.hpp"

namespace patchbay::plugin_host {

void Outgoing::begin() {
  keep_ = shared_from_this();
  home_.push(*this);
}

void Outgoing::cancel() {
  cancelled_ = true;
  home_.shard().post([self = shared_from_this()] {
    if (self->call_ && !self->ended_) self->call_->stop(Stopped::cancelled);
  });
}

void Outgoing::resume() {
  home_.shard().post([self = shared_from_this()] {
    self->held_ = false;
    if (self->resumed_) self->resumed_->cancel();
  });
}

void Outgoing::run() {
  auto const keep = std::move(keep_);
  start();
}

void Outgoing::start() {
  auto& caller = instance_.services_.caller;
  if (cancelled_) return end(Error{Code::cancelled, request_.operation + " was cancelled by its caller"});
  auto const* row = caller.table().find(request_.operation);
  if (row == nullptr) return end(caller.no_such_tool(request_.operation));
  auto const grants = instance_.grants();
  auto const* principal = grants->principal_for(row->info);
  if (principal == nullptr)
    return end(Error{Code::forbidden,
                     fmt::format("plugin:{0} may not call {1}: it needs the scope {2}, or the grant {3}, under "
                                 "plugins.grants.{0}",
                                 instance_.library().name(), row->info.tool, row->info.scope, grant_of(row->info))});
  call_.emplace(*principal);
  call_->set_user_id(std::move(request_.user_id));
  call_->set_trace(request_.trace);
  call_->limit(request_.deadline);
  if (request_.timeout_ms >= 0) call_->limit(Deadline::in(std::chrono::milliseconds{request_.timeout_ms}));
  if (row->info.streaming && request_.event != nullptr) call_->set_events(this);
  auto reply = caller.start_json(*row, *call_, std::string_view{request_.args}, json::upstream_limits);
  if (reply.ready()) return end(reply.take());
  auto done = [self = shared_from_this()](std::exception_ptr error, Result<Answer> result) {
    if (error) result = Error{Code::cancelled, self->request_.operation + " was cancelled"};
    self->end(std::move(result));
  };
  asio::co_spawn(home_.shard().executor(), reply.task(),
                 asio::bind_cancellation_slot(call_->signal().slot(), std::move(done)));
}

void Outgoing::end(Result<Answer> result) {
  ended_ = true;
  {
    std::lock_guard lock{instance_.mutex_};
    instance_.outgoing_.erase(id_);
    if (instance_.dead_) return;  // a plugin that did not wait for its calls
  }
  try {
    if (result) {
      request_.done(request_.user, nullptr, borrow(result->data));
    } else {
      auto const error = result.error();
      auto const raw = to_c(error);
      request_.done(request_.user, &raw, pb_str{nullptr, 0});
    }
  } catch (...) {
    instance_.misbehaved("a call's done");
  }
}

EventSink::Taken Outgoing::emit(std::string_view event, std::string_view json) {
  try {
    switch (request_.event(request_.user, borrow(event), borrow(json))) {
      case PB_OK: return Taken::ok;
      case PB_WAIT: held_ = true; return Taken::wait;
      default: return Taken::gone;
    }
  } catch (...) {
    instance_.misbehaved("a call's event");
    return Taken::gone;
  }
}

Task<bool> Outgoing::ready() {
  while (held_) {
    if (!resumed_) resumed_.emplace(home_.shard().executor());
    resumed_->expires_at(SteadyTime::max());
    auto waiting = resumed_->async_wait(use_task_tuple);
    co_await std::move(waiting);
    auto const state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) co_return false;
  }
  co_return true;
}

}  // namespace patchbay::plugin_host
