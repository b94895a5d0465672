// Breaker: one circuit breaker, a state machine that does nothing but count and tell the time.
//
//   Breaker breaker{Config{}, clock, {}};
//   auto asked = breaker.acquire(principal);
//   if (!asked.leave) return asked.leave.error();            // circuit_open or backpressure
//   auto told = breaker.record(asked.leave->permit, *principal, Ended{.success = false, .code = "connect_failed"});
//
// closed      lets everything through and watches the window; opens at the failure share, the share of slow calls, or
//             at failures in a row.
// open        refuses until its time is over; the next one who asks then makes it half open.
// half_open   lets `half_open_permits` probes through. All of them well: closed. One fails, does not come back in
//             half_open_timeout_ms, or too many are slow: open again, for `backoff` times as long, up to open_max_ms.
// forced_open refuses, disabled lets through, metrics_only lets through and counts; all three until told otherwise.
//
// Each change of state starts a new generation; the result of a permit of an older one is taken and changes nothing, so
// a straggler from before the outage neither closes nor opens anything. A permit that is not given back within the
// permit time is void and no longer held against max_concurrent. Reading changes no state. Any thread: a mutex of its
// own, held for some 100 ns; what happened is returned, so that logging and counting are done outside of it.
#pragma once

#include <mutex>
#include <vector>

#include "core/base/call.hpp"
#include "core/circuit_breaker/window.hpp"

namespace patchbay::circuit_breaker {

struct Permit {
  std::uint32_t slot = 0;
  std::uint64_t sequence = 0;
};
struct Leave {
  Permit permit;
  State state = State::closed;
};
struct Moved {
  State from = State::closed, to = State::closed;
  std::string_view why;
  std::uint32_t open_ms = 0;  // when it opened
};
enum class Outcome : std::uint8_t { ok, error, slow, rejected, excluded };
inline constexpr std::size_t outcome_count = 5;

struct Ended {
  bool success = false;
  std::chrono::nanoseconds took{0};  // 0: the time since the permit was given
  std::string_view code{};
};

class Breaker {
 public:
  struct PermitLimits {
    std::chrono::milliseconds lifetime = std::chrono::minutes{5};
    std::uint32_t most = 16'384;  // out at a time
  };
  struct Asked {
    Result<Leave> leave;
    std::optional<Moved> moved;
  };
  struct Told {
    bool known = false;  // false: no such permit (unknown, spent, timed out, another's)
    Outcome outcome = Outcome::ok;
    State state = State::closed;
    std::optional<Moved> moved;
  };
  struct View {
    State state = State::closed;
    Window::Totals window;
    std::uint64_t rejected = 0;
    std::uint32_t consecutive_failures = 0;
    std::uint32_t in_flight = 0;
    std::optional<WallTime> opened_at;
    std::uint32_t retry_after_ms = 0;
    Config config;
  };
  // What an operator may ask for; automatic ends forced_open, disabled and metrics_only and changes nothing else.
  enum class Force : std::uint8_t { closed, open, disabled, metrics_only, automatic };
  struct Forced {
    State previous = State::closed;
    std::optional<Moved> moved;
  };

  Breaker(Config config, Clock const& clock, PermitLimits limits);

  // Errors: circuit_open (retry_after_ms where it is known), backpressure.
  Asked acquire(PrincipalPtr owner);
  Told record(Permit permit, Principal const& by, Ended const& ended);

  Forced force(Force wanted);
  // Closed, with nothing remembered, whatever it was; permits that are out become stragglers.
  std::optional<Moved> reset();
  void configure(Config config);

  State state() const;
  View view();

 private:
  static constexpr std::uint32_t none = 0xFFFF'FFFF;
  // A permit that is out, or a free slot; linked in the order of giving, so that the oldest is known.
  struct Slot {
    PrincipalPtr owner;
    std::uint64_t sequence = 0;  // 0: free
    std::uint64_t generation = 0;
    SteadyTime given{};
    std::uint32_t before = none, after = none;
  };

  // All below with the mutex held.
  std::optional<Moved> pass_time(SteadyTime now);
  std::optional<Moved> judge(SteadyTime now);
  std::optional<Moved> judge_probe(SteadyTime now, bool failed, bool slow);
  Moved move(State to, std::string_view why, SteadyTime now);
  Error refusal(SteadyTime now) const;
  std::uint32_t left(SteadyTime until, SteadyTime now) const;
  std::uint32_t open_time() const;
  Permit give(PrincipalPtr owner, SteadyTime now);
  void release(std::uint32_t index);
  bool excluded(std::string_view code) const;

  Clock const& clock_;
  PermitLimits const limits_;
  mutable std::mutex mutex_;
  Config config_;
  Window window_;
  State state_ = State::closed;
  std::uint64_t generation_ = 1;
  std::uint32_t consecutive_ = 0;
  std::uint32_t reopened_ = 0;  // times in a row that a probe has failed
  SteadyTime opened_{}, open_until_{};
  std::optional<WallTime> opened_at_;
  std::uint64_t rejected_ = 0;
  std::vector<std::uint32_t> probes_;  // slots of the probes that are out, oldest first
  std::uint32_t probed_ = 0, probed_slow_ = 0;

  std::vector<Slot> slots_;
  std::vector<std::uint32_t> free_;
  std::uint32_t oldest_ = none, newest_ = none;
  std::uint32_t out_ = 0;
  std::uint64_t next_sequence_ = 1;
};

}  // namespace patchbay::circuit_breaker
