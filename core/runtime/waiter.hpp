// Waiter: one coroutine waits until another piece of code on the same shard wakes it, with a time limit.
//
//   Waiter answered;
//   auto why = co_await answered.wait(deadline, use_task);   // notified, expired or cancelled
//   answered.notify();                                       // elsewhere on the shard; remembered when nobody waits
//   yet
//
// One wait at a time, one thread only. The waiting coroutine goes on in a later turn of the loop, never inside
// notify(). Time limits come from the shard's timer wheel; without a wheel (a plain io_context) there are none. A
// Waiter must outlive its wait: keep it in the waiting coroutine or in something that the coroutine holds. Costs one
// small allocation a wait.
#pragma once

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <memory>

#include "core/base/task.hpp"
#include "core/base/timer_wheel.hpp"

namespace patchbay {

class Waiter {
 public:
  enum class Why : std::uint8_t { notified, expired, cancelled };

  Waiter() = default;
  Waiter(Waiter const&) = delete;
  Waiter& operator=(Waiter const&) = delete;

  template <class Token>
  auto wait(Deadline deadline, Token&& token) {
    return asio::async_initiate<Token, void(Why)>(
        [this, deadline](auto handler) {
          using Completion = std::decay_t<decltype(handler)>;
          auto pending = std::make_shared<PendingFor<Completion>>(std::move(handler));
          auto slot = asio::get_associated_cancellation_slot(pending->handler);
          if (slot.is_connected())
            slot.assign([pending](asio::cancellation_type type) {
              if (type != asio::cancellation_type::none) pending->end(Why::cancelled);
            });
          pending_ = pending;
          if (notified_)
            notify();
          else if (auto* wheel = TimerWheel::current(); wheel != nullptr && deadline.exists())
            wheel->arm_at(timer_, deadline.at());
        },
        token);
  }

  void notify() {
    notified_ = true;
    end(Why::notified);
  }

 private:
  struct Pending {
    virtual ~Pending() = default;
    virtual void end(Why why) = 0;
    bool ended = false;
  };
  template <class Completion>
  struct PendingFor final : Pending, std::enable_shared_from_this<PendingFor<Completion>> {
    explicit PendingFor(Completion h) : handler(std::move(h)) {}
    void end(Why why) override {
      if (this->ended) return;
      this->ended = true;
      auto executor = asio::get_associated_executor(handler);
      asio::post(executor, [self = this->shared_from_this(), why] {
        // The slot still holds a reference to this object: let go of it before the coroutine uses the slot again.
        auto slot = asio::get_associated_cancellation_slot(self->handler);
        auto completion = std::move(self->handler);
        if (slot.is_connected()) slot.clear();
        std::move(completion)(why);
      });
    }
    Completion handler;
  };
  void end(Why why) {
    timer_.disarm();
    if (auto pending = std::move(pending_)) {
      // Cancelled, and not resumed yet: what is notified meanwhile is for its next wait.
      if (pending->ended) return;
      if (why == Why::notified) notified_ = false;
      pending->end(why);
    }
  }

  std::shared_ptr<Pending> pending_;
  bool notified_ = false;
  Timer timer_{[this] { end(Why::expired); }};
};

}  // namespace patchbay
