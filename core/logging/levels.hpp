// Levels: the least level of each logger, by dotted prefix, changed at run time and for a time.
//
//   Levels levels{clock};
//   levels.set("hub", LogLevel::debug, 60s);          // hub and hub.session, for a minute
//   levels.enabled(LogLevel::info, "hub.session");
//
// Any thread. enabled() is one atomic load for what no logger writes, else a shared lock.
#pragma once

#include <atomic>
#include <map>
#include <shared_mutex>
#include <string>

#include "core/base/clock.hpp"
#include "core/base/sinks.hpp"

namespace patchbay::logging {

class Levels {
 public:
  explicit Levels(Clock const& clock) : clock_(clock) {}

  // Replaces all of them (the configuration's).
  void reset(LogLevel all, std::map<std::string, LogLevel> by_logger);
  // The previous effective level. Zero: for good.
  LogLevel set(std::string const& logger, LogLevel level, std::chrono::milliseconds expires);
  bool enabled(LogLevel level, std::string_view logger) const;
  LogLevel of(std::string_view logger) const;
  std::map<std::string, LogLevel> all() const;

 private:
  struct Override {
    LogLevel level;
    SteadyTime expires;
  };
  LogLevel find(std::string_view logger) const;  // with the lock
  void expire() const;
  void refresh_least() const;  // with the lock

  Clock const& clock_;
  mutable std::shared_mutex mutex_;
  std::map<std::string, LogLevel, std::less<>> lasting_{{"*", LogLevel::info}};
  mutable std::map<std::string, Override, std::less<>> passing_;
  mutable std::atomic<std::int64_t> next_expiry_{SteadyTime::max().time_since_epoch().count()};
  mutable std::atomic<LogLevel> least_{LogLevel::info};
};

}  // namespace patchbay::logging
