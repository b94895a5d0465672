// Clock: what the code asks for the time, so that tests move it by hand. Durations and deadlines use the steady clock;
// the wall clock serves timestamps only. Implementations are safe from any thread.
#pragma once

#include <time.h>

#include <atomic>
#include <chrono>

namespace patchbay {

using SteadyTime = std::chrono::steady_clock::time_point;
using WallTime = std::chrono::system_clock::time_point;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual SteadyTime now() const = 0;
  virtual WallTime wall() const = 0;
};

class SystemClock final : public Clock {
 public:
  SteadyTime now() const override { return std::chrono::steady_clock::now(); }
  WallTime wall() const override { return std::chrono::system_clock::now(); }
};

// Stands still until advance() is called.
class ManualClock final : public Clock {
 public:
  SteadyTime now() const override { return SteadyTime{} + std::chrono::hours{1} + offset(); }
  WallTime wall() const override { return WallTime{} + std::chrono::hours{24 * 365 * 50} + offset(); }
  void advance(std::chrono::nanoseconds by) { offset_ += by.count(); }

 private:
  std::chrono::nanoseconds offset() const { return std::chrono::nanoseconds{offset_.load()}; }
  std::atomic<std::int64_t> offset_{0};
};

// The end of a call's budget. Default: none.
class Deadline {
 public:
  Deadline() = default;
  explicit Deadline(SteadyTime at) : at_(at) {}
  static Deadline in(std::chrono::milliseconds budget) { return Deadline{std::chrono::steady_clock::now() + budget}; }

  // The same by the kernel's coarse clock: 4 ms less exact, a fifth of the cost.
  static Deadline in_about(std::chrono::milliseconds budget) {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return Deadline{SteadyTime{} + std::chrono::seconds{now.tv_sec} + std::chrono::nanoseconds{now.tv_nsec} + budget};
  }

  bool exists() const { return at_ != SteadyTime::max(); }
  SteadyTime at() const { return at_; }
  // Never negative; a very long time when there is none.
  std::chrono::milliseconds left(SteadyTime now = std::chrono::steady_clock::now()) const {
    if (!exists()) return std::chrono::hours{24 * 365};
    if (now >= at_) return std::chrono::milliseconds{0};
    return std::chrono::ceil<std::chrono::milliseconds>(at_ - now);
  }
  Deadline earlier(Deadline other) const { return at_ < other.at_ ? *this : other; }

 private:
  SteadyTime at_ = SteadyTime::max();
};

}  // namespace patchbay
