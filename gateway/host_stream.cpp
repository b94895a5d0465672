#include "gateway/host_stream.hpp"

#include <boost/asio/post.hpp>

namespace patchbay {

EventSink::Taken HostStream::emit(std::string_view event, std::string_view json) {
  std::lock_guard lock{mutex_};
  if (gone_) return Taken::gone;
  events_.emplace_back(event, json);
  changed_.notify_one();
  return events_.size() < capacity ? Taken::ok : Taken::wait;
}

Task<bool> HostStream::ready() {
  for (;;) {
    {
      std::lock_guard lock{mutex_};
      if (gone_) co_return false;
      if (events_.size() < capacity) co_return true;
      waiting_ = true;
      room_.expires_at(SteadyTime::max());
    }
    static_cast<void>(co_await room_.async_wait(use_task_tuple));
    auto const state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) co_return false;
  }
}

void HostStream::end(Result<Answer> result) {
  std::lock_guard lock{mutex_};
  result_ = std::move(result);
  changed_.notify_one();
}

Result<Answer> HostStream::run(std::function<bool(std::string_view, std::string_view)> const& on_event,
                               std::function<void()> const& cancel) {
  std::unique_lock lock{mutex_};
  for (;;) {
    changed_.wait(lock, [&] { return !events_.empty() || result_.has_value(); });
    if (events_.empty()) return *result_;
    auto const [event, json] = std::move(events_.front());
    events_.pop_front();
    bool const wake = std::exchange(waiting_, false);
    bool const drop = gone_;
    lock.unlock();
    if (wake) asio::post(executor_, [self = shared_from_this()] { self->room_.cancel(); });
    bool const more = drop || on_event(event, json);
    lock.lock();
    if (more) continue;
    gone_ = true;  // what is still queued is not given out any more
    lock.unlock();
    cancel();
    lock.lock();
    changed_.wait(lock, [&] { return result_.has_value(); });
    return Answer{"{}"};
  }
}

}  // namespace patchbay
