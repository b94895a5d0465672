// Logging: the log. Lines are formatted by the caller and written by a thread of their own; a slow or full disk never
// holds a caller up: the oldest waiting lines are dropped then, and counted.
//
//   Logging log{counters, clock, {.level = LogLevel::info, .format = Format::json}};
//   log.write(LogLevel::warning, "websocket", "connection lost", {{"url", shown}});
//   log.shutdown();                            // from then on lines are written at once, by the caller
//
// It is the first part to come and the last to go: it stands on nothing but core/base. Any thread. A written line costs
// some 2 us, one below its level some 2 ns.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "core/base/call.hpp"
#include "core/base/counters.hpp"
#include "core/logging/format.hpp"
#include "core/logging/levels.hpp"
#include "core/logging/operations.hpp"
#include "core/logging/rate_limit.hpp"

namespace patchbay::logging {

struct Settings {
  LogLevel level = LogLevel::info;
  std::map<std::string, LogLevel> levels{};
  Format format = Format::text;
  std::string file{};  // empty: standard error
};

class Writer;

class Logging final : public LogSink {
 public:
  Logging(Counters& counters, Clock const& clock, Settings settings = {});
  ~Logging() override;

  bool enabled(LogLevel level, std::string_view logger) const override { return levels_.enabled(level, logger); }
  using LogSink::write;
  void write(LogLevel level, std::string_view logger, std::string_view message,
             std::vector<LogField> const& fields) override;
  // The same, and whether the line was written (not below the level, not held back).
  bool write_line(LogLevel level, std::string_view logger, std::string_view message,
                  std::vector<LogField> const& fields);

  // Live. Errors: invalid_argument when the file cannot be opened; the old one goes on then.
  Result<void> apply(Settings settings);
  // Opens the file again, after log rotation.
  void reopen();
  // Texts that never appear, wherever they would occur; shorter ones than 6 bytes are ignored, they would hit too much.
  void set_secrets(std::vector<std::string> secrets);
  void add_secret(std::string secret);
  // Blocks until all lines so far are out. Errors: deadline_exceeded.
  Result<void> flush(std::chrono::milliseconds timeout);
  // Writes what waits and ends the writer's thread.
  void shutdown();
  // Calls the function with the JSON form of each line at or above the level, until the guard is released. The function
  // runs on the thread that logs: it only passes the line on, and does not log.
  std::shared_ptr<void> tail(LogLevel level, std::function<void(std::string_view)> line);

  // --- operations ---
  LogResult log(Call& call, LogArgs const& args);
  void operation_start(OperationArgs const& args);
  void operation_success(OperationArgs const& args);
  void operation_failure(OperationArgs const& args);
  Result<SetLevelResult> set_level(SetLevelArgs const& args);
  std::map<std::string, std::string> get_levels() const;
  RecentErrorsResult recent_errors(RecentErrorsArgs const& args) const;
  StatsResult stats() const;

 private:
  struct Tail {
    LogLevel level;
    std::function<void(std::string_view)> line;
  };
  static constexpr std::size_t most_errors = 500;
  void remember_error(std::string_view logger, std::string_view message, std::vector<LogField> const& fields,
                      WallTime at, std::vector<std::string> const& secrets);
  bool operation_line(LogLevel level, std::string_view what, OperationArgs const& args);
  bool fielded_line(LogLevel level, std::string_view logger, std::string_view message, std::vector<LogField> fields,
                    RawJson const& more, std::optional<LoggedError> const& error);
  void emit(Line const& line, std::vector<std::string> const& secrets);

  Counters& counters_;
  Clock const& clock_;
  Levels levels_;
  std::unique_ptr<Writer> writer_;
  std::atomic<Format> format_{Format::text};
  std::array<Counter, 5> lines_{};
  Counter dropped_rate_, dropped_level_;
  std::uint64_t collector_ = 0;

  mutable std::mutex mutex_;  // of all below
  std::shared_ptr<std::vector<std::string> const> secrets_ = std::make_shared<std::vector<std::string> const>();
  RateLimit rate_;
  std::vector<std::shared_ptr<Tail>> tails_;
  std::deque<RecentError> errors_;  // newest last
};

}  // namespace patchbay::logging
