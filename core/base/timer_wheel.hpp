// TimerWheel: many coarse timers for one thread. Arming and disarming are O(1) and allocate nothing; resolution 10 ms,
// a timer fires up to one tick late and never early. A shard drives its wheel from one Asio timer; tests drive it by
// hand.
//
//   struct Session { Timer idle{[this] { close(); }}; };
//   TimerWheel::current()->arm(session.idle, 10s);   // again: moves it;  ~Timer or disarm(): off
//
// One thread only. A callback may arm, disarm and destroy timers, its own too.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <concepts>
#include <functional>
#include <optional>

#include "core/base/clock.hpp"

namespace patchbay {

class TimerWheel;

class Timer {
 public:
  Timer() = default;
  template <std::invocable Function>
  explicit Timer(Function callback) : callback_(std::move(callback)) {}
  Timer(Timer const&) = delete;
  Timer& operator=(Timer const&) = delete;
  ~Timer() { disarm(); }

  void on_expiry(std::function<void()> callback) { callback_ = std::move(callback); }
  bool armed() const { return wheel_ != nullptr; }
  void disarm();

 private:
  friend class TimerWheel;
  TimerWheel* wheel_ = nullptr;
  Timer* next_ = nullptr;
  Timer** link_ = nullptr;  // what points at this one
  std::uint64_t tick_ = 0;
  std::function<void()> callback_;
};

class TimerWheel {
 public:
  static constexpr std::chrono::milliseconds tick{10};

  explicit TimerWheel(Clock const& clock) : clock_(clock), start_(clock.now()) {}
  ~TimerWheel();
  TimerWheel(TimerWheel const&) = delete;
  TimerWheel& operator=(TimerWheel const&) = delete;

  void arm(Timer& timer, std::chrono::nanoseconds after);
  void arm_at(Timer& timer, SteadyTime at);  // reads no clock
  // Fires what is due.
  void advance();
  // When advance() should be called next; nothing when no timer is armed.
  std::optional<SteadyTime> next_due() const;
  // Called when arming makes next_due() earlier than it was.
  void on_earlier(std::function<void()> callback) { earlier_ = std::move(callback); }
  std::size_t size() const { return size_; }
  Clock const& clock() const { return clock_; }

  // The wheel of the running thread's shard; null on other threads.
  static TimerWheel* current() { return current_; }
  static void set_current(TimerWheel* wheel) { current_ = wheel; }

 private:
  friend class Timer;
  static constexpr std::size_t slots = 512;
  void unlink(Timer& timer);
  void link(Timer& timer, Timer*& head);
  std::uint64_t tick_at(SteadyTime time) const { return static_cast<std::uint64_t>((time - start_) / tick); }

  Clock const& clock_;
  SteadyTime start_;
  std::uint64_t now_tick_ = 0;  // all ticks up to this one have been handled
  std::uint64_t next_tick_ = 0;
  std::size_t size_ = 0;
  std::array<Timer*, slots> slot_{};
  std::function<void()> earlier_;
  static thread_local TimerWheel* current_;
};

}  // namespace patchbay
