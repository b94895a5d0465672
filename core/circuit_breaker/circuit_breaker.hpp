// CircuitBreakers: all breakers by name, the rules they follow, and the operations of CIRCUIT_BREAKER.
//
//   CircuitBreakers breakers{caller, counters, clock, log, settings};
//   auto permit = breakers.acquire(principal, "ws:example.org:443");
//   breakers.record(*principal, {.permit = permit->permit, .success = true});
//
// A breaker is made the first time somebody names it and stays; past 1024 names a new one is refused (rate_limited),
// since names may come from outside. Its figures are, each over the one before: the defaults in the code,
// settings.defaults, the built-in rule that its name matches (ws:* and http:* open for 2 s, at most 4 s), the first
// configured rule that it matches, and what configure said for it alone. Metrics carry the rule's pattern, never the
// name. Any thread. Cost of acquire and record together: one shared and two short own locks, some 0.4 us.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <shared_mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/base/caller.hpp"
#include "core/base/sinks.hpp"
#include "core/circuit_breaker/breaker.hpp"
#include "core/circuit_breaker/operations.hpp"

namespace patchbay::circuit_breaker {

struct Settings {
  Overrides defaults{};
  std::vector<Rule> rules{};  // the first that matches wins
  Breaker::PermitLimits permits{};
};

class CircuitBreakers {
 public:
  static constexpr std::size_t max_names = 1024;
  static constexpr std::size_t max_rules = 128;

  // Throws ErrorException when the settings contradict themselves; ask check() first.
  CircuitBreakers(Caller& caller, Counters& counters, Clock const& clock, LogSink& log, Settings settings = {});
  ~CircuitBreakers();
  CircuitBreakers(CircuitBreakers const&) = delete;
  CircuitBreakers& operator=(CircuitBreakers const&) = delete;

  // What is wrong with them, with a pointer such as /rules/2/open_max_ms; nothing when they can be applied.
  static Result<void> check(Settings const& settings);
  // Live: states are kept. The permit limits are those of the start. Settings that check() refuses change nothing.
  Result<void> apply(Settings settings);

  Result<ConfigureResult> configure(ConfigureArgs args);
  Result<BreakerInfo> get(GetArgs const& args);
  ListResult list(ListArgs const& args) const;
  Task<Result<RawJson>> run(Call& parent, CallArgs args);
  Result<AcquireResult> acquire(PrincipalPtr const& owner, std::string_view name);
  Result<RecordResult> record(Principal const& by, RecordArgs const& args);
  Result<ForceResult> force(ForceArgs const& args);
  Result<ResetResult> reset(ResetArgs const& args);
  ResetResult reset_all();
  StatsResult stats() const;

 private:
  // The counters that breakers of one rule share.
  struct Label {
    std::string rule;
    std::array<Counter, outcome_count> calls{};
    std::array<Counter, state_count> transitions{};
  };
  struct Entry {
    Entry(std::string given, std::uint32_t at, Config config, Clock const& clock, Breaker::PermitLimits limits)
        : name(std::move(given)), index(at), breaker(std::move(config), clock, limits) {}
    std::string const name;
    std::uint32_t const index;
    Overrides own{};  // from configure; guarded by mutex_
    std::atomic<Label const*> label{nullptr};
    Breaker breaker;
  };

  Entry* find(std::string_view name) const;
  Result<Entry*> find_or_make(std::string_view name);
  Result<Entry*> make_locked(std::string_view name);
  std::pair<Config, Label const*> figures(std::string_view name, Overrides const& own);  // with the lock
  Label const* label_of(std::string const& rule);                                        // with the lock
  void tell(Entry const& entry, std::optional<Moved> const& moved) const;
  void count(Entry const& entry, Outcome outcome) const;
  BreakerInfo info(Entry& entry) const;
  std::vector<Entry*> entries() const;
  void collect(std::vector<FamilySample>& out) const;

  Caller& caller_;
  Counters& counters_;
  Clock const& clock_;
  LogSink& log_;
  Breaker::PermitLimits const permits_;

  mutable std::shared_mutex mutex_;  // of the names, settings, labels and each entry's `own`; before any breaker's
  Settings settings_;
  std::unordered_map<std::string_view, Entry*> by_name_;
  std::map<std::string, std::unique_ptr<Label>, std::less<>> labels_;
  // By the number that stands in a permit: read without the lock, filled once, never emptied.
  std::array<std::atomic<Entry*>, max_names> by_index_{};
  std::vector<std::unique_ptr<Entry>> owned_;
  std::array<std::uint64_t, 3> shown_{};  // what the counters ask us for
};

}  // namespace patchbay::circuit_breaker
