// Window: what the last calls were like, as a ring with running totals.
//
//   Window window{WindowKind::time, 60};
//   window.add(now, failed, slow);
//   if (window.totals(now).failures > 3) ...
//
// A count window has one slot a call; a time window has thirty slots, each a thirtieth of its seconds, so that it
// forgets in steps of that. Not safe from several threads; its Breaker holds it. Adding costs a few nanoseconds, memory
// 12 bytes a slot.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "core/base/clock.hpp"
#include "core/circuit_breaker/config.hpp"

namespace patchbay::circuit_breaker {

class Window {
 public:
  struct Totals {
    std::uint32_t calls = 0, failures = 0, slow = 0;
    double failure_rate() const { return calls == 0 ? 0 : static_cast<double>(failures) / calls; }
    double slow_rate() const { return calls == 0 ? 0 : static_cast<double>(slow) / calls; }
  };

  Window(WindowKind kind, std::uint32_t size) : kind_(kind) {
    slots_.resize(kind == WindowKind::count ? size : time_slots);
    width_ = std::chrono::nanoseconds{std::chrono::seconds{size}} / time_slots;
  }

  void add(SteadyTime now, bool failed, bool slow) {
    if (kind_ == WindowKind::count)
      next_slot();
    else
      advance(now);
    Totals const one{1, failed ? 1U : 0U, slow ? 1U : 0U};
    change(slots_[head_], one, true);
    change(totals_, one, true);
  }
  Totals const& totals(SteadyTime now) {
    if (kind_ == WindowKind::time) advance(now);
    return totals_;
  }
  void clear() {
    slots_.assign(slots_.size(), Totals{});
    totals_ = {};
  }

 private:
  static constexpr std::uint32_t time_slots = 30;

  static void change(Totals& to, Totals const& by, bool up) {
    to.calls += up ? by.calls : 0U - by.calls;
    to.failures += up ? by.failures : 0U - by.failures;
    to.slow += up ? by.slow : 0U - by.slow;
  }
  void next_slot() {
    head_ = head_ + 1 == slots_.size() ? 0 : head_ + 1;
    change(totals_, slots_[head_], false);
    slots_[head_] = {};
  }
  void advance(SteadyTime now) {
    auto const turn = now.time_since_epoch() / width_;
    auto const passed = turn - turn_;
    if (passed <= 0) return;  // also when two threads' readings come in the wrong order
    turn_ = turn;
    if (passed >= static_cast<std::int64_t>(slots_.size())) return clear();
    for (std::int64_t i = 0; i < passed; ++i) next_slot();
  }

  WindowKind kind_;
  std::vector<Totals> slots_;
  std::size_t head_ = 0;
  Totals totals_{};
  std::chrono::nanoseconds width_{1};
  std::int64_t turn_ = 0;
};

}  // namespace patchbay::circuit_breaker
