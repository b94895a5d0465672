// The form of a log line: text for people, JSON for machines. One line whatever is in it: control characters are
// escaped, fields cut at 4 KiB, the line at 16 KiB, secret-looking names and values masked. Pure; any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/sinks.hpp"

namespace patchbay::logging {

enum class Format { text, json };

struct Line {
  WallTime at;
  LogLevel level;
  std::string_view logger, message;
  std::vector<LogField> const& fields;
};

inline constexpr std::size_t field_bytes = 4096, line_bytes = 16'384;

// `secrets`: texts that are replaced wherever they occur.
std::string format_line(Line const& line, Format format, std::vector<std::string> const& secrets);
std::string_view level_name(LogLevel level);

}  // namespace patchbay::logging
