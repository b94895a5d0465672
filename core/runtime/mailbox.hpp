// Mailbox<T>: a bounded queue from any thread to one waiting coroutine on its shard.
//
//   auto box = std::make_shared<Mailbox<std::string>>(shard.executor(), 256);
//   box->push("line");                                  // any thread; false: full or closed, the item was dropped
//   while (auto item = co_await box->pop()) ...         // the shard's thread, one coroutine; nothing: closed
//
// Held by shared_ptr on both sides. One wake-up for many pushes. Cost: a short lock, and a post when the reader sleeps.
#pragma once

#include <boost/asio/post.hpp>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>

#include "core/base/task.hpp"

namespace patchbay {

template <class T>
class Mailbox : public std::enable_shared_from_this<Mailbox<T>> {
 public:
  Mailbox(Executor executor, std::size_t capacity) : executor_(executor), capacity_(capacity), wake_(executor) {}

  bool push(T item) {
    std::lock_guard lock{mutex_};
    if (closed_) return false;
    if (items_.size() >= capacity_) {
      ++dropped_;
      return false;
    }
    items_.push_back(std::move(item));
    wake();
    return true;
  }
  // The reader gets what is there, then nothing.
  void close() {
    std::lock_guard lock{mutex_};
    closed_ = true;
    wake();
  }
  // Items that found the box full since the last time this was asked.
  std::uint64_t take_dropped() {
    std::lock_guard lock{mutex_};
    return std::exchange(dropped_, 0);
  }
  std::size_t size() const {
    std::lock_guard lock{mutex_};
    return items_.size();
  }

  // Nothing when closed and empty, or when the waiting coroutine was cancelled.
  Task<std::optional<T>> pop() {
    for (;;) {
      {
        std::lock_guard lock{mutex_};
        if (!items_.empty()) {
          std::optional<T> item{std::move(items_.front())};
          items_.pop_front();
          co_return item;
        }
        if (closed_) co_return std::nullopt;
        asleep_ = true;
        wake_.expires_at(SteadyTime::max());
      }
      static_cast<void>(co_await wake_.async_wait(use_task_tuple));
      auto const state = co_await asio::this_coro::cancellation_state;
      if (state.cancelled() != asio::cancellation_type::none) {
        std::lock_guard lock{mutex_};
        asleep_ = false;
        co_return std::nullopt;
      }
    }
  }

 private:
  using SteadyTime = std::chrono::steady_clock::time_point;
  void wake() {
    if (!asleep_) return;
    asleep_ = false;
    asio::post(executor_, [self = this->shared_from_this()] { self->wake_.cancel(); });
  }

  Executor executor_;
  std::size_t const capacity_;
  SteadyTimer wake_;
  mutable std::mutex mutex_;
  std::deque<T> items_;
  std::uint64_t dropped_ = 0;
  bool asleep_ = false, closed_ = false;
};

}  // namespace patchbay
