// LogSink: where any module drops a log line. The one way to log below the surfaces, since a log line cannot pay for
// dispatch; LOGGING implements it. Hot counters have their own header, counters.hpp.
//
//   log.write(LogLevel::warning, "websocket", "connection lost", {{"url", shown}, {"attempt", "3"}});
//
// Any thread; never throws, never blocks on the disk. Fields are text; the sink cleans and bounds them.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/operation.hpp"

namespace patchbay {

enum class LogLevel : std::uint8_t { debug = 0, info = 1, warning = 2, error = 3, critical = 4, off = 5 };
template <>
struct EnumNames<LogLevel> {
  static constexpr std::array names{std::pair{std::string_view{"debug"}, LogLevel::debug},
                                    std::pair{std::string_view{"info"}, LogLevel::info},
                                    std::pair{std::string_view{"warning"}, LogLevel::warning},
                                    std::pair{std::string_view{"error"}, LogLevel::error},
                                    std::pair{std::string_view{"critical"}, LogLevel::critical},
                                    std::pair{std::string_view{"off"}, LogLevel::off}};
};

using LogField = std::pair<std::string_view, std::string_view>;

class LogSink {
 public:
  virtual ~LogSink() = default;
  // Cheap: ask before building costly fields.
  virtual bool enabled(LogLevel level, std::string_view logger) const = 0;
  virtual void write(LogLevel level, std::string_view logger, std::string_view message,
                     std::vector<LogField> const& fields) = 0;
  void write(LogLevel level, std::string_view logger, std::string_view message) { write(level, logger, message, {}); }
};

// Drops everything; for tests and for modules that run before logging does.
class NullLog final : public LogSink {
 public:
  bool enabled(LogLevel, std::string_view) const override { return false; }
  void write(LogLevel, std::string_view, std::string_view, std::vector<LogField> const&) override {}
};

}  // namespace patchbay
