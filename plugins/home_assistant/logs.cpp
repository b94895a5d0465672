// Category logs_history: the log of Home Assistant, newest entries first.
#include <spdlog/fmt/fmt.h>

#include "plugins/home_assistant/log_text.hpp"
#include "plugins/home_assistant/logs.hpp"
#include "plugins/home_assistant/tool_kinds.hpp"

namespace patchbay::home_assistant {

struct SystemLogsArgs {
  std::optional<std::string> severity, component;
  std::int64_t limit = 50;
};
struct LogFilters {
  std::optional<std::string> severity, component;
  std::int64_t limit = 50;
};
struct SystemLogsResult {
  std::vector<LogEntry> logs;
  std::uint64_t count = 0, total_lines = 0;
  LogFilters filters;
  std::string source;
};
struct ErrorLogArgs {
  std::int64_t limit = 20;
};
struct ErrorLogResult {
  std::vector<LogEntry> critical, errors, warnings;
  std::uint64_t critical_count = 0, error_count = 0, warning_count = 0;
  std::string source;
};
struct LogLinesArgs {
  std::int64_t lines = 100;
  std::optional<std::string> level;
};
struct LogLinesResult {
  std::vector<std::string> log_lines;
  std::uint64_t count = 0, total = 0;
  std::optional<std::string> level_filter;
  std::string source;
};

}  // namespace patchbay::home_assistant

namespace patchbay {
namespace ha = home_assistant;

template <>
struct Describe<ha::SystemLogsArgs> {
  using A = ha::SystemLogsArgs;
  static constexpr std::tuple fields{
      field("severity", &A::severity, "Least severity to show; info and debug need a log file in Home Assistant")
          .nullable()
          .one_of("error", "warning", "info", "debug"),
      field("component", &A::component, "Text that must occur in the entry's component or message")
          .nullable()
          .length(1, 255),
      field("limit", &A::limit, "Greatest number of entries").nullable().range(1, 1000)};
};
template <>
struct Describe<ha::LogFilters> {
  using R = ha::LogFilters;
  static constexpr std::tuple fields{field("severity", &R::severity, "As asked"),
                                     field("component", &R::component, "As asked"),
                                     field("limit", &R::limit, "As asked")};
};
template <>
struct Describe<ha::SystemLogsResult> {
  using R = ha::SystemLogsResult;
  static constexpr std::tuple fields{
      field("logs", &R::logs, "Entries, newest first"), field("count", &R::count, "How many are here"),
      field("total_lines", &R::total_lines, "How many fit the filters"),
      field("filters", &R::filters, "What was asked for"),
      field("source", &R::source, "system_log: warnings and errors with counts; file: the log file")};
};
template <>
struct Describe<ha::ErrorLogArgs> {
  using A = ha::ErrorLogArgs;
  static constexpr std::tuple fields{
      field("limit", &A::limit, "Greatest number of entries, the newest").nullable().range(1, 1000)};
};
template <>
struct Describe<ha::ErrorLogResult> {
  using R = ha::ErrorLogResult;
  static constexpr std::tuple fields{field("critical", &R::critical, "Newest first"),
                                     field("errors", &R::errors, "Newest first"),
                                     field("warnings", &R::warnings, "Newest first"),
                                     field("critical_count", &R::critical_count, "How many there are in all"),
                                     field("error_count", &R::error_count, "How many there are in all"),
                                     field("warning_count", &R::warning_count, "How many there are in all"),
                                     field("source", &R::source, "system_log or file")};
};
template <>
struct Describe<ha::LogLinesArgs> {
  using A = ha::LogLinesArgs;
  static constexpr std::tuple fields{
      field("lines", &A::lines, "Greatest number of entries").nullable().range(1, 10'000),
      field("level", &A::level, "Least level to show; INFO and DEBUG need a log file in Home Assistant")
          .nullable()
          .one_of("ERROR", "WARNING", "INFO", "DEBUG")};
};
template <>
struct Describe<ha::LogLinesResult> {
  using R = ha::LogLinesResult;
  static constexpr std::tuple fields{
      field("log_lines", &R::log_lines, "Entries as one line each, newest first"),
      field("count", &R::count, "How many are here"), field("total", &R::total, "How many fit the filter"),
      field("level_filter", &R::level_filter, "As asked"), field("source", &R::source, "system_log or file")};
};
}  // namespace patchbay

namespace patchbay::home_assistant {
namespace {

constexpr auto system_logs_op = reading_tool<SystemLogsArgs, SystemLogsResult>(
    "logs_history", "get_system_logs", "Return Home Assistant log entries, newest first, by severity and component.",
    R"({"severity":"error"})", nullptr, "ha.admin");
constexpr auto error_log_op = reading_tool<ErrorLogArgs, ErrorLogResult>(
    "logs_history", "get_error_log", "Return the latest errors and warnings, sorted by severity.", R"({"limit":20})",
    nullptr, "ha.admin");
constexpr auto lines_op = reading_tool<LogLinesArgs, LogLinesResult>(
    "system_diagnostics", "get_system_logs_diagnostics",
    "Return recent log entries as one line each, newest first, filtered by level.", R"({"lines":50,"level":"WARNING"})",
    nullptr, "ha.admin");

bool holds(std::string_view text, std::string_view part) {
  auto const lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::search(text.begin(), text.end(), part.begin(), part.end(),
                     [&](char a, char b) { return lower(a) == lower(b); }) != text.end();
}

Tool<SystemLogsResult> system_logs(HomeAssistant& self, sdk::Call& call, SystemLogsArgs args) {
  auto const least = args.severity ? rank_of(*args.severity) : rank_of("warning");
  auto reading = read_log(self, call, least);
  Result<Log> log = co_await std::move(reading);
  if (!log) co_return log.error();
  sdk::Answer<SystemLogsResult> out;
  for (auto& entry : log->entries) {
    if (rank_of(entry.level) < least) continue;
    if (args.component && !holds(entry.component, *args.component) && !holds(entry.message, *args.component) &&
        !holds(entry.source.value_or(""), *args.component))
      continue;
    if (++out.data.total_lines <= static_cast<std::uint64_t>(args.limit)) out.data.logs.push_back(std::move(entry));
  }
  out.data.count = out.data.logs.size();
  out.data.filters = {std::move(args.severity), std::move(args.component), args.limit};
  out.data.source = log->source;
  out.message = "Found " + plural(out.data.total_lines, "log entry", "log entries");
  co_return out;
}

Tool<ErrorLogResult> error_log(HomeAssistant& self, sdk::Call& call, ErrorLogArgs args) {
  auto reading = read_log(self, call, rank_of("warning"));
  Result<Log> log = co_await std::move(reading);
  if (!log) co_return log.error();
  sdk::Answer<ErrorLogResult> out;
  std::int64_t taken = 0;
  for (auto& entry : log->entries) {
    auto const rank = rank_of(entry.level);
    if (rank < rank_of("warning")) continue;
    auto& count = rank == 4 ? out.data.critical_count : rank == 3 ? out.data.error_count : out.data.warning_count;
    auto& list = rank == 4 ? out.data.critical : rank == 3 ? out.data.errors : out.data.warnings;
    ++count;
    if (taken++ < args.limit) list.push_back(std::move(entry));
  }
  out.data.source = log->source;
  out.message = fmt::format("{}, {}, {}", plural(out.data.critical_count, "critical entry", "critical entries"),
                            plural(out.data.error_count, "error"), plural(out.data.warning_count, "warning"));
  co_return out;
}

std::string line_of(LogEntry const& entry) {
  auto message = entry.message;
  if (entry.exception) message += " | " + *entry.exception;
  std::replace(message.begin(), message.end(), '\n', ' ');
  return fmt::format("{} {} [{}] {}{}", entry.timestamp, entry.level, entry.component, message,
                     entry.count > 1 ? fmt::format(" ({} times)", entry.count) : "");
}

Tool<LogLinesResult> log_lines(HomeAssistant& self, sdk::Call& call, LogLinesArgs args) {
  auto const least = args.level ? rank_of(*args.level) : rank_of("warning");
  auto reading = read_log(self, call, least);
  Result<Log> log = co_await std::move(reading);
  if (!log) co_return log.error();
  sdk::Answer<LogLinesResult> out;
  for (auto const& entry : log->entries) {
    if (rank_of(entry.level) < least) continue;
    if (++out.data.total <= static_cast<std::uint64_t>(args.lines)) out.data.log_lines.push_back(line_of(entry));
  }
  out.data.count = out.data.log_lines.size();
  out.data.level_filter = std::move(args.level);
  out.data.source = log->source;
  out.message = "Found " + plural(out.data.total, "log entry", "log entries");
  co_return out;
}

}  // namespace

sdk::Task<Result<Log>> read_log(HomeAssistant& self, sdk::Call& call, int least) {
  Log out;
  if (least >= rank_of("warning")) {  // what Home Assistant keeps in memory
    auto asking = self.session().command(call, Command{"system_log/list"});
    Result<Frame> listed = co_await std::move(asking);
    if (listed) {
      out.entries = entries_of_list(listed->result());
      out.source = "system_log";
      std::stable_sort(out.entries.begin(), out.entries.end(),
                       [](LogEntry const& a, LogEntry const& b) { return a.timestamp > b.timestamp; });
      co_return out;
    }
    if (listed.error().code != Code::unsupported) co_return listed.error();
  }
  auto asking = self.session().rest(call, "GET", "/error_log");
  Result<RestAnswer> file = co_await std::move(asking);
  if (!file && file.error().code == Code::not_found)
    co_return Error{Code::unavailable,
                    "this Home Assistant writes no log file, so only warnings and errors can be shown: leave the level "
                    "out, or ask for WARNING or ERROR"};
  if (!file) co_return file.error();
  out.entries = entries_of_file(file->text);
  std::reverse(out.entries.begin(), out.entries.end());
  out.source = "file";
  co_return out;
}

void declare_logs(sdk::Table<HomeAssistant>& table) {
  add_tool<system_logs_op, &system_logs>(table);
  add_tool<error_log_op, &error_log>(table);
  add_tool<lines_op, &log_lines>(table);
}

}  // namespace patchbay::home_assistant
