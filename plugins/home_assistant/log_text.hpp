// The log of Home Assistant as entries: from its log file, whose tracebacks span many lines, and from the list of
// warnings and errors that it keeps in memory.
//
//   for (auto const& entry : entries_of_file(text)) use(entry.level, entry.message);    // oldest first, as written
//   if (rank_of(entry.level) >= rank_of("warning")) ...
//
// Pure functions, any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/home_assistant/basics.hpp"

namespace patchbay::home_assistant {

struct LogEntry {
  std::string timestamp;
  std::string level;      // CRITICAL, ERROR, WARNING, INFO, DEBUG
  std::string component;  // the logger's name, such as homeassistant.components.demo
  std::string message;
  std::optional<std::string> exception, source;
  std::uint64_t count = 1;
  std::optional<std::string> first_occurred;
};

// "2026-11-21 08:15:00.123 ERROR (MainThread) [homeassistant.core] text", and further lines up to the next such.
std::vector<LogEntry> entries_of_file(std::string_view text);
// Of the answer to system_log/list: newest first, as Home Assistant gives it.
std::vector<LogEntry> entries_of_list(std::string_view list);

// debug 0, info 1, warning 2, error 3, critical 4, in any case of letters; -1: no level.
int rank_of(std::string_view level);

}  // namespace patchbay::home_assistant

template <>
struct patchbay::Describe<patchbay::home_assistant::LogEntry> {
  using R = home_assistant::LogEntry;
  static constexpr std::tuple fields{field("timestamp", &R::timestamp, "When it last occurred"),
                                     field("level", &R::level, "CRITICAL, ERROR, WARNING, INFO or DEBUG"),
                                     field("component", &R::component, "Who wrote it"),
                                     field("message", &R::message, "What it says"),
                                     field("exception", &R::exception, "The traceback"),
                                     field("source", &R::source, "File and line"),
                                     field("count", &R::count, "How often it occurred"),
                                     field("first_occurred", &R::first_occurred, "When it occurred first")};
};
