// Inbox: what other threads hand to a plugin's own thread, and Gate: where a coroutine there waits for one thing.
//
// Work is pushed onto a lock-free stack. One turn of the loop does all that has gathered, and what arrives meanwhile;
// only a push that finds the stack empty and nobody at it wakes the thread. So a burst of calls costs one wake-up.
// Order is kept.
#pragma once

#include <algorithm>
#include <atomic>
#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>

#include "core/base/task.hpp"

namespace patchbay::sdk {
namespace asio = boost::asio;
using patchbay::Executor;
using patchbay::SteadyTimer;
using patchbay::Task;
using patchbay::use_task;
using patchbay::use_task_tuple;

namespace detail {

class Work {
 public:
  virtual ~Work() = default;
  virtual void run(std::unique_ptr<Work> self) noexcept = 0;  // on the plugin's thread

 private:
  friend class Inbox;
  Work* next_ = nullptr;
};

class Inbox {
 public:
  explicit Inbox(asio::io_context& context) : context_(context) {}
  Inbox(Inbox const&) = delete;
  Inbox& operator=(Inbox const&) = delete;
  ~Inbox() {
    for (auto* work = head_.exchange(nullptr); work != nullptr;) delete std::exchange(work, work->next_);
  }

  // [any-thread]
  void push(std::unique_ptr<Work> owned) {
    auto* work = owned.release();
    auto* head = head_.load(std::memory_order_relaxed);
    do {
      if (head == nullptr) since_.store(now(), std::memory_order_relaxed);
      work->next_ = head;
    } while (!head_.compare_exchange_weak(head, work));
    if (head == nullptr && !awake_.exchange(true)) asio::post(context_, [this] { drain(); });
  }
  // [any-thread] How long the oldest work has been here, in nanoseconds; 0: there is none.
  std::int64_t waiting_ns() const {
    auto const busy = busy_since_.load(std::memory_order_relaxed);
    auto const since = busy != 0 ? busy : since_.load(std::memory_order_relaxed);
    return since == 0 ? 0 : std::max<std::int64_t>(0, now() - since);
  }

 private:
  static std::int64_t now() { return std::chrono::steady_clock::now().time_since_epoch().count(); }
  void drain() {
    for (unsigned round = 0; round < most_rounds; ++round) {
      if (auto* newest = head_.exchange(nullptr)) {
        run_all(newest);
        continue;
      }
      // Whoever pushes after this wakes the thread; whoever pushed before is seen here. Both look at the other's word
      // after writing their own, in one total order.
      awake_.store(false);
      if (head_.load() == nullptr || awake_.exchange(true)) return;
    }
    asio::post(context_, [this] { drain(); });  // timers and sockets have their turn in between
  }
  void run_all(Work* newest) {
    busy_since_.store(since_.exchange(0, std::memory_order_relaxed), std::memory_order_relaxed);
    Work* oldest = nullptr;
    while (newest != nullptr) {
      auto* next = newest->next_;
      newest->next_ = oldest;
      oldest = newest;
      newest = next;
    }
    while (oldest != nullptr) {
      std::unique_ptr<Work> work{oldest};
      oldest = oldest->next_;
      auto* raw = work.get();
      raw->run(std::move(work));
    }
    busy_since_.store(0, std::memory_order_relaxed);
  }

  static constexpr unsigned most_rounds = 16;

  asio::io_context& context_;
  std::atomic<Work*> head_{nullptr};
  std::atomic<bool> awake_{false};           // drain() runs or is on its way
  std::atomic<std::int64_t> since_{0};       // when the stack was last found empty by a push
  std::atomic<std::int64_t> busy_since_{0};  // the same of the batch that is being done
};

// One coroutine waits, all on one thread. What cancels the coroutine calls the given function; whether that ends the
// wait is its business.
class Gate {
 public:
  explicit Gate(Executor executor) : executor_(executor) {}
  Gate(Gate const&) = delete;
  Gate& operator=(Gate const&) = delete;

  // Comes back after open(), at once if it is open already; closes the gate again.
  template <class OnCancel>
  auto wait(OnCancel on_cancel) {
    return asio::async_initiate<asio::use_awaitable_t<Executor> const, void()>(
        [this, on_cancel = std::move(on_cancel)](auto handler) mutable {
          auto slot = asio::get_associated_cancellation_slot(handler);
          handler_.emplace(std::move(handler));
          if (std::exchange(is_open_, false)) return release();
          if (slot.is_connected())
            slot.assign([this, on_cancel = std::move(on_cancel)](asio::cancellation_type) mutable {
              if (handler_) on_cancel();
            });
        },
        use_task);
  }
  void open() {
    if (handler_)
      release();
    else
      is_open_ = true;
  }

 private:
  using Handler = asio::async_result<asio::use_awaitable_t<Executor>, void()>::handler_type;
  // Posted: the coroutine never goes on inside the function that opened the gate.
  void release() {
    auto handler = std::move(*handler_);
    handler_.reset();
    asio::post(executor_, std::move(handler));
  }

  Executor executor_;
  bool is_open_ = false;
  std::optional<Handler> handler_;
};

}  // namespace detail
}  // namespace patchbay::sdk
