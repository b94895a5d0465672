#include "core/circuit_breaker/breaker.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>

namespace patchbay::circuit_breaker {
namespace {

// Shares are compared a hair below, so that 3 of 10 reach 0.3.
bool reaches(std::uint32_t part, std::uint32_t all, double share) {
  return static_cast<double>(part) + 1e-9 >= share * static_cast<double>(all);
}

}  // namespace

Breaker::Breaker(Config config, Clock const& clock, PermitLimits limits)
    : clock_(clock), limits_(limits), config_(std::move(config)), window_(config_.window, config_.window_size) {}

Breaker::Asked Breaker::acquire(PrincipalPtr owner) {
  auto const now = clock_.now();
  std::lock_guard lock{mutex_};
  auto moved = pass_time(now);
  if (state_ == State::open && now >= open_until_) moved = move(State::half_open, "its open time is over", now);

  auto const refuse = [&](Error error) {
    ++rejected_;
    return Asked{std::move(error), moved};
  };
  if (out_ >= limits_.most)
    return refuse({Code::backpressure, fmt::format("{} permits are out: report how attempts end", out_)});
  switch (state_) {
    case State::open:
    case State::forced_open: return refuse(refusal(now));
    case State::half_open:
      if (probes_.size() + probed_ >= config_.half_open_permits) return refuse(refusal(now));
      [[fallthrough]];
    case State::closed:
      if (config_.max_concurrent > 0 && out_ >= config_.max_concurrent)
        return refuse(
            {Code::backpressure,
             fmt::format("{} calls are under way, which is all that max_concurrent allows", config_.max_concurrent)});
      break;
    case State::disabled:
    case State::metrics_only: break;
  }
  auto const permit = give(std::move(owner), now);
  if (state_ == State::half_open) probes_.push_back(permit.slot);
  return Asked{Leave{permit, state_}, moved};
}

Breaker::Told Breaker::record(Permit permit, Principal const& by, Ended const& ended) {
  auto const now = clock_.now();
  std::lock_guard lock{mutex_};
  Told told;
  told.moved = pass_time(now);
  told.state = state_;
  if (permit.slot >= slots_.size()) return told;
  auto const& slot = slots_[permit.slot];
  if (permit.sequence == 0 || slot.sequence != permit.sequence) return told;
  // Host code and the gateway may report for a caller they work for.
  if (slot.owner->name != by.name && !by.unrestricted) return told;

  auto const took = ended.took.count() > 0 ? ended.took : now - slot.given;
  bool const slow = took >= std::chrono::milliseconds{config_.slow_call_ms};
  bool const current = slot.generation == generation_;
  bool const ignored = !ended.success && excluded(ended.code);
  release(permit.slot);
  std::erase(probes_, permit.slot);

  told.known = true;
  told.outcome = ignored ? Outcome::excluded : !ended.success ? Outcome::error : slow ? Outcome::slow : Outcome::ok;
  if (current && !ignored && state_ != State::disabled && state_ != State::forced_open) {
    window_.add(now, !ended.success, slow);
    consecutive_ = ended.success ? 0 : consecutive_ + 1;
    if (state_ == State::closed)
      told.moved = judge(now);
    else if (state_ == State::half_open)
      told.moved = judge_probe(now, !ended.success, slow);
  }
  told.state = state_;
  return told;
}

// What time alone does: permits become void, a probe that does not come back has failed.
std::optional<Moved> Breaker::pass_time(SteadyTime now) {
  while (oldest_ != none && now - slots_[oldest_].given >= limits_.lifetime) {
    std::erase(probes_, oldest_);
    release(oldest_);
  }
  if (state_ != State::half_open || probes_.empty()) return std::nullopt;
  auto const limit = std::chrono::milliseconds{config_.half_open_timeout_ms};
  bool failed = false;
  while (!probes_.empty() && now - slots_[probes_.front()].given >= limit) {
    release(probes_.front());
    probes_.erase(probes_.begin());
    failed = true;
  }
  if (!failed) return std::nullopt;
  ++reopened_;
  return move(State::open, "a probe did not come back", now);
}

std::optional<Moved> Breaker::judge(SteadyTime now) {
  if (config_.consecutive_failures > 0 && consecutive_ >= config_.consecutive_failures)
    return move(State::open, "failures in a row", now);
  auto const& totals = window_.totals(now);
  auto const enough = config_.window == WindowKind::count ? std::min(config_.minimum_calls, config_.window_size)
                                                          : config_.minimum_calls;
  if (totals.calls < enough) return std::nullopt;
  if (reaches(totals.failures, totals.calls, config_.failure_rate)) return move(State::open, "share of failures", now);
  if (reaches(totals.slow, totals.calls, config_.slow_rate)) return move(State::open, "share of slow calls", now);
  return std::nullopt;
}

std::optional<Moved> Breaker::judge_probe(SteadyTime now, bool failed, bool slow) {
  if (failed) {
    ++reopened_;
    return move(State::open, "a probe failed", now);
  }
  ++probed_;
  if (slow) ++probed_slow_;
  if (probed_ < config_.half_open_permits) return std::nullopt;
  if (reaches(probed_slow_, probed_, config_.slow_rate)) {
    ++reopened_;
    return move(State::open, "the probes were slow", now);
  }
  return move(State::closed, "the probes went well", now);
}

Moved Breaker::move(State to, std::string_view why, SteadyTime now) {
  Moved moved{state_, to, why, 0};
  state_ = to;
  ++generation_;
  probes_.clear();
  probed_ = probed_slow_ = 0;
  switch (to) {
    case State::open:
      opened_ = now;
      opened_at_ = clock_.wall();
      moved.open_ms = open_time();
      open_until_ = now + std::chrono::milliseconds{moved.open_ms};
      break;
    case State::half_open: break;
    case State::forced_open: opened_at_ = clock_.wall(); break;
    case State::closed:
    case State::disabled:
    case State::metrics_only:
      window_.clear();
      consecutive_ = 0;
      reopened_ = 0;
      opened_at_.reset();
      break;
  }
  return moved;
}

std::uint32_t Breaker::open_time() const {
  auto const wanted = config_.open_ms * std::pow(config_.backoff, reopened_);
  return wanted >= config_.open_max_ms ? config_.open_max_ms : static_cast<std::uint32_t>(wanted);
}

std::uint32_t Breaker::left(SteadyTime until, SteadyTime now) const {
  if (now >= until) return 0;
  return static_cast<std::uint32_t>(std::chrono::ceil<std::chrono::milliseconds>(until - now).count());
}

Error Breaker::refusal(SteadyTime now) const {
  if (state_ == State::forced_open)
    return {Code::circuit_open, "the breaker is forced open, until circuit_breaker_force says otherwise"};
  if (state_ == State::open) {
    auto const wait = std::max(1U, left(open_until_, now));
    return {Code::circuit_open, fmt::format("the breaker is open after failures; try again in {} ms", wait), {}, wait};
  }
  // How long the probe takes nobody knows: ask again soon, but not at once.
  auto const wait = std::clamp(config_.open_ms / 10, 50U, 1000U);
  return {Code::circuit_open, "the breaker is half open and its probes are under way", {}, wait};
}

Permit Breaker::give(PrincipalPtr owner, SteadyTime now) {
  std::uint32_t index = 0;
  if (free_.empty()) {
    index = static_cast<std::uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    index = free_.back();
    free_.pop_back();
  }
  auto& slot = slots_[index];
  slot.owner = std::move(owner);
  slot.sequence = next_sequence_++;
  slot.generation = generation_;
  slot.given = now;
  slot.before = newest_;
  slot.after = none;
  if (newest_ != none) slots_[newest_].after = index;
  newest_ = index;
  if (oldest_ == none) oldest_ = index;
  ++out_;
  return {index, slot.sequence};
}

void Breaker::release(std::uint32_t index) {
  auto& slot = slots_[index];
  (slot.before == none ? oldest_ : slots_[slot.before].after) = slot.after;
  (slot.after == none ? newest_ : slots_[slot.after].before) = slot.before;
  slot.owner.reset();
  slot.sequence = 0;
  free_.push_back(index);
  --out_;
}

bool Breaker::excluded(std::string_view code) const {
  return !code.empty() &&
         std::find(config_.excluded_codes.begin(), config_.excluded_codes.end(), code) != config_.excluded_codes.end();
}

Breaker::Forced Breaker::force(Force wanted) {
  auto const now = clock_.now();
  std::lock_guard lock{mutex_};
  Forced forced{state_, std::nullopt};
  auto const target = [&] {
    switch (wanted) {
      case Force::closed: return State::closed;
      case Force::open: return State::forced_open;
      case Force::disabled: return State::disabled;
      case Force::metrics_only: return State::metrics_only;
      case Force::automatic: break;
    }
    bool const forced_now = state_ == State::forced_open || state_ == State::disabled || state_ == State::metrics_only;
    return forced_now ? State::closed : state_;
  }();
  if (target != state_) forced.moved = move(target, "by force", now);
  return forced;
}

std::optional<Moved> Breaker::reset() {
  auto const now = clock_.now();
  std::lock_guard lock{mutex_};
  auto moved = move(State::closed, "by reset", now);
  rejected_ = 0;
  if (moved.from == moved.to) return std::nullopt;
  return moved;
}

void Breaker::configure(Config config) {
  std::lock_guard lock{mutex_};
  if (config.window != config_.window || config.window_size != config_.window_size)
    window_ = Window{config.window, config.window_size};
  config_ = std::move(config);
  probed_ = probed_slow_ = 0;  // a smaller number of permits must not be met already with nobody left to notice
  if (state_ == State::open) open_until_ = std::min(open_until_, opened_ + std::chrono::milliseconds{open_time()});
}

State Breaker::state() const {
  std::lock_guard lock{mutex_};
  return state_;
}

Breaker::View Breaker::view() {
  auto const now = clock_.now();
  std::lock_guard lock{mutex_};
  return {.state = state_,
          .window = window_.totals(now),
          .rejected = rejected_,
          .consecutive_failures = consecutive_,
          .in_flight = out_,
          .opened_at = opened_at_,
          .retry_after_ms = state_ == State::open ? left(open_until_, now) : 0,
          .config = config_};
}

}  // namespace patchbay::circuit_breaker
