#include "core/base/timer_wheel.hpp"

namespace patchbay {

thread_local TimerWheel* TimerWheel::current_ = nullptr;

void Timer::disarm() {
  if (wheel_ != nullptr) wheel_->unlink(*this);
}

TimerWheel::~TimerWheel() {
  for (auto*& head : slot_)
    while (head != nullptr) unlink(*head);
}

void TimerWheel::link(Timer& timer, Timer*& head) {
  timer.next_ = head;
  timer.link_ = &head;
  if (head != nullptr) head->link_ = &timer.next_;
  head = &timer;
}

void TimerWheel::unlink(Timer& timer) {
  *timer.link_ = timer.next_;
  if (timer.next_ != nullptr) timer.next_->link_ = timer.link_;
  timer.next_ = nullptr;
  timer.link_ = nullptr;
  timer.wheel_ = nullptr;
  --size_;
}

void TimerWheel::arm(Timer& timer, std::chrono::nanoseconds after) {
  arm_at(timer, clock_.now() + std::max(after, std::chrono::nanoseconds{0}));
}

void TimerWheel::arm_at(Timer& timer, SteadyTime at) {
  timer.disarm();
  // One tick more than the division gives: never early.
  timer.tick_ = std::max(at > start_ ? tick_at(at) : 0, now_tick_) + 1;
  timer.wheel_ = this;
  link(timer, slot_[timer.tick_ % slots]);
  ++size_;
  if (size_ == 1 || timer.tick_ < next_tick_) {
    next_tick_ = timer.tick_;
    if (earlier_) earlier_();
  }
}

void TimerWheel::advance() {
  auto const target = tick_at(clock_.now());
  if (target <= now_tick_) return;
  // After a long pause each slot is looked at once, whatever the number of ticks that went by.
  auto const first = std::max(now_tick_ + 1, target >= slots ? target - slots + 1 : 0);
  now_tick_ = target;
  Timer* due = nullptr;  // a list of its own, so that callbacks may arm and disarm freely
  for (auto at = first; at <= target; ++at) {
    for (auto* timer = slot_[at % slots]; timer != nullptr;) {
      auto* const next = timer->next_;
      if (timer->tick_ <= target) {
        unlink(*timer);
        timer->wheel_ = this;
        ++size_;
        link(*timer, due);
      }
      timer = next;
    }
  }
  while (due != nullptr) {
    auto* const timer = due;
    unlink(*timer);
    auto const callback = timer->callback_;  // the callback may destroy its timer
    if (callback) callback();
  }
  // The next occupied slot, at most one turn away: a timer further off only costs a look each turn.
  next_tick_ = now_tick_ + slots;
  if (size_ > 0)
    for (auto at = now_tick_ + 1; at < now_tick_ + slots; ++at)
      if (slot_[at % slots] != nullptr) {
        next_tick_ = at;
        break;
      }
}

std::optional<SteadyTime> TimerWheel::next_due() const {
  if (size_ == 0) return std::nullopt;
  return start_ + tick * static_cast<std::int64_t>(next_tick_);
}

}  // namespace patchbay
