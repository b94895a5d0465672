#include "core/logging/levels.hpp"

#include <algorithm>
#include <mutex>

namespace patchbay::logging {

void Levels::reset(LogLevel all, std::map<std::string, LogLevel> by_logger) {
  std::unique_lock lock{mutex_};
  lasting_.clear();
  lasting_.emplace("*", all);
  for (auto& [logger, level] : by_logger) lasting_[logger] = level;
  refresh_least();
}

LogLevel Levels::set(std::string const& logger, LogLevel level, std::chrono::milliseconds expires) {
  expire();
  std::unique_lock lock{mutex_};
  auto const previous = find(logger);
  if (expires.count() > 0) {
    passing_[logger] = {level, clock_.now() + expires};
  } else {
    passing_.erase(logger);
    lasting_[logger] = level;
  }
  refresh_least();
  return previous;
}

// "hub.session" is asked for as hub.session, hub, *; what passes stands before what lasts at each step.
LogLevel Levels::find(std::string_view logger) const {
  for (auto name = logger;;) {
    if (auto at = passing_.find(name); at != passing_.end()) return at->second.level;
    if (auto at = lasting_.find(name); at != lasting_.end()) return at->second;
    if (name == "*") return LogLevel::info;
    auto const dot = name.rfind('.');
    name = dot == std::string_view::npos ? std::string_view{"*"} : name.substr(0, dot);
  }
}

bool Levels::enabled(LogLevel level, std::string_view logger) const {
  if (next_expiry_.load(std::memory_order_relaxed) != SteadyTime::max().time_since_epoch().count()) expire();
  if (level < least_.load(std::memory_order_relaxed)) return false;
  std::shared_lock lock{mutex_};
  return level >= find(logger);
}

LogLevel Levels::of(std::string_view logger) const {
  expire();
  std::shared_lock lock{mutex_};
  return find(logger);
}

std::map<std::string, LogLevel> Levels::all() const {
  expire();
  std::shared_lock lock{mutex_};
  std::map<std::string, LogLevel> out;
  for (auto const& [logger, level] : lasting_) out[logger] = level;
  for (auto const& [logger, passing] : passing_) out[logger] = passing.level;
  return out;
}

void Levels::expire() const {
  auto const now = clock_.now();
  if (now.time_since_epoch().count() < next_expiry_.load(std::memory_order_relaxed)) return;
  std::unique_lock lock{mutex_};
  std::erase_if(passing_, [now](auto const& one) { return one.second.expires <= now; });
  refresh_least();
}

void Levels::refresh_least() const {
  auto least = LogLevel::off;
  auto next = SteadyTime::max();
  for (auto const& [logger, level] : lasting_) least = std::min(least, level);
  for (auto const& [logger, passing] : passing_) {
    least = std::min(least, passing.level);
    next = std::min(next, passing.expires);
  }
  least_.store(least, std::memory_order_relaxed);
  next_expiry_.store(next.time_since_epoch().count(), std::memory_order_relaxed);
}

}  // namespace patchbay::logging
