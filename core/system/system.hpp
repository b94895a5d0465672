// System: what the gateway says about itself: health, operations, traces, its log as a stream, and the way to stop it.
//
// What belongs to other parts (their health, the documents, the log's tail, the stop) comes as functions from the
// gateway that assembles them. Any thread; cheap but for `operations` and `describe`.
#pragma once

#include <functional>
#include <map>
#include <mutex>

#include "core/base/caller.hpp"
#include "core/base/interface.hpp"
#include "core/runtime/runtime.hpp"
#include "core/system/operations.hpp"

namespace patchbay::system {

struct Hooks {
  std::string version;
  std::function<std::vector<PartHealth>()> health;
  std::function<bool()> draining;
  std::function<std::string(OperationTable const&, std::string_view format)> describe;
  // Calls the function for each log line (its JSON form) at or above the level until the returned guard is released.
  std::function<std::shared_ptr<void>(LogLevel, std::function<void(std::string_view line)>)> tail_log;
  std::function<void()> shutdown;
};

class System {
 public:
  System(Runtime& runtime, Caller& caller, Counters& counters, Hooks hooks);

  Result<HealthResult> health(Call& call, HealthArgs const& args);
  InfoResult info() const;
  Result<OperationsResult> operations(OperationsArgs const& args) const;
  DescribeResult describe(DescribeArgs const& args) const;
  TraceRecentResult trace_recent(TraceRecentArgs const& args) const;
  Task<Result<LogsResult>> logs(Call& call, LogsArgs args);
  ShutdownResult shutdown();
  StatsResult stats() const;

  // Keeps the slowest calls of each operation; hooked into the Caller.
  void remember(TimedCall const& timed);

 private:
  static constexpr std::size_t kept = 5;
  std::uint64_t uptime_ms() const;

  Runtime& runtime_;
  Caller& caller_;
  Counters& counters_;
  Hooks hooks_;
  SteadyTime const started_;
  std::string const started_at_;
  mutable std::mutex mutex_;  // of slowest_: taken only for calls that suspended
  std::map<std::string, std::vector<Trace>> slowest_;
};

}  // namespace patchbay::system
