// The operations of LOGGING, declared once. Host code uses the wrappers (log_info ...), which skip the table.
#pragma once

#include "core/base/operation.hpp"
#include "core/base/sinks.hpp"

namespace patchbay::logging {

enum class LineLevel : std::uint8_t { debug = 0, info = 1, warning = 2, error = 3, critical = 4 };

struct LoggedError {
  std::string code;
  std::string message;
};
struct LogArgs {
  LineLevel level = LineLevel::info;
  std::string message;
  std::string logger = "app";
  RawJson fields{"{}"};
  std::optional<LoggedError> error;
};
struct LogResult {
  bool written = false;
};
inline constexpr Operation<LogArgs, LogResult> log{.name = "LOGGING.log",
                                                   .summary = "Write one line to the log.",
                                                   .effect = Effect::write,
                                                   .audited = false,
                                                   .example = R"({"message":"hello","fields":{"room":"kitchen"}})"};

struct OperationArgs {
  std::string name;
  std::optional<double> duration_ms;
  std::optional<LoggedError> error;
  RawJson fields{"{}"};
};
inline constexpr Operation<OperationArgs, Nothing> operation_start{
    .name = "LOGGING.operation_start",
    .summary = "Log that a piece of work begins (level debug).",
    .effect = Effect::write,
    .audited = false,
    .example = R"({"name":"nightly backup"})"};
inline constexpr Operation<OperationArgs, Nothing> operation_success{
    .name = "LOGGING.operation_success",
    .summary = "Log that a piece of work has ended well (level info).",
    .effect = Effect::write,
    .audited = false,
    .example = R"({"name":"nightly backup","duration_ms":1250})"};
inline constexpr Operation<OperationArgs, Nothing> operation_failure{
    .name = "LOGGING.operation_failure",
    .summary = "Log that a piece of work has failed (level error).",
    .effect = Effect::write,
    .audited = false,
    .example = R"({"name":"nightly backup","error":{"code":"unavailable","message":"disk full"}})"};

struct SetLevelArgs {
  std::string logger = "*";
  LogLevel level = LogLevel::info;
  std::uint32_t expires_ms = 0;
};
struct SetLevelResult {
  LogLevel previous = LogLevel::info;
};
inline constexpr Operation<SetLevelArgs, SetLevelResult> set_level{
    .name = "LOGGING.set_level",
    .summary = "Set the least level that a logger writes, for good or for a time.",
    .effect = Effect::write,
    .audited = true,
    .errors = codes(Code::forbidden),
    .idempotent = true,
    .example = R"({"logger":"websocket","level":"debug","expires_ms":60000})"};

inline constexpr Operation<Nothing, std::map<std::string, std::string>> get_levels{
    .name = "LOGGING.get_levels", .summary = "Show the least level of each logger; * is for all others."};

struct RecentErrorsArgs {
  std::uint32_t limit = 50;
};
struct RecentError {
  std::string ts;
  std::string logger;
  std::string code;
  std::string message;
  std::uint64_t count = 1;
};
struct RecentErrorsResult {
  std::vector<RecentError> errors;
};
inline constexpr Operation<RecentErrorsArgs, RecentErrorsResult> recent_errors{
    .name = "LOGGING.recent_errors",
    .summary = "List the latest error lines, equal ones counted together, newest first."};

struct FlushArgs {
  std::int32_t timeout_ms = 1000;
};
inline constexpr Operation<FlushArgs, Nothing> flush{
    .name = "LOGGING.flush",
    .summary = "Wait until everything logged so far has been written out.",
    .effect = Effect::write,
    .audited = false,
    .errors = codes(Code::deadline_exceeded),
    .idempotent = true,
    .timeout_from_args = true};

struct StatsResult {
  std::map<std::string, std::uint64_t> lines;
  std::uint64_t dropped_overflow = 0;
  std::uint64_t dropped_rate = 0;
  std::uint64_t dropped_level = 0;
};
inline constexpr Operation<Nothing, StatsResult> stats{
    .name = "LOGGING.stats", .summary = "Count log lines by level, and those dropped.", .scope = "metrics.read"};

}  // namespace patchbay::logging

namespace patchbay {
template <>
struct EnumNames<logging::LineLevel> {
  using L = logging::LineLevel;
  static constexpr std::array names{
      std::pair{std::string_view{"debug"}, L::debug}, std::pair{std::string_view{"info"}, L::info},
      std::pair{std::string_view{"warning"}, L::warning}, std::pair{std::string_view{"error"}, L::error},
      std::pair{std::string_view{"critical"}, L::critical}};
};
template <>
struct Describe<logging::LoggedError> {
  static constexpr std::tuple fields{
      field("code", &logging::LoggedError::code, "Error code").length(0, 64),
      field("message", &logging::LoggedError::message, "What went wrong").length(0, 4096)};
};
template <>
struct Describe<logging::LogArgs> {
  using A = logging::LogArgs;
  static constexpr std::tuple fields{field("level", &A::level, "How grave it is").optional(),
                                     field("message", &A::message, "The line, in a sentence").length(1, 4096),
                                     field("logger", &A::logger, "Who speaks").optional().length(1, 64),
                                     field("fields", &A::fields, "Further facts by name").optional().type("object"),
                                     field("error", &A::error, "The error it is about")};
};
template <>
struct Describe<logging::LogResult> {
  static constexpr std::tuple fields{
      field("written", &logging::LogResult::written, "false: below the level, or held back by the rate limit")};
};
template <>
struct Describe<logging::OperationArgs> {
  using A = logging::OperationArgs;
  static constexpr std::tuple fields{field("name", &A::name, "Name of the work").length(1, 255),
                                     field("duration_ms", &A::duration_ms, "How long it took").at_least(0),
                                     field("error", &A::error, "Why it failed"),
                                     field("fields", &A::fields, "Further facts by name").optional().type("object")};
};
template <>
struct Describe<logging::SetLevelArgs> {
  using A = logging::SetLevelArgs;
  static constexpr std::tuple fields{
      field("logger", &A::logger, "A logger and those below it (hub is also for hub.session); * for all")
          .optional()
          .length(1, 64),
      field("level", &A::level, "Least level written"),
      field("expires_ms", &A::expires_ms, "Back to what it was after this time; 0: never").optional()};
};
template <>
struct Describe<logging::SetLevelResult> {
  static constexpr std::tuple fields{field("previous", &logging::SetLevelResult::previous, "What it was")};
};
template <>
struct Describe<logging::RecentErrorsArgs> {
  static constexpr std::tuple fields{
      field("limit", &logging::RecentErrorsArgs::limit, "At most so many").optional().range(1, 500)};
};
template <>
struct Describe<logging::RecentError> {
  using E = logging::RecentError;
  static constexpr std::tuple fields{
      field("ts", &E::ts, "ISO 8601, of the latest"), field("logger", &E::logger, "Who spoke"),
      field("code", &E::code, "Error code, if one was given"), field("message", &E::message, "The line"),
      field("count", &E::count, "How often it came")};
};
template <>
struct Describe<logging::RecentErrorsResult> {
  static constexpr std::tuple fields{field("errors", &logging::RecentErrorsResult::errors, "Newest first")};
};
template <>
struct Describe<logging::FlushArgs> {
  static constexpr std::tuple fields{
      field("timeout_ms", &logging::FlushArgs::timeout_ms, "How long to wait").optional().range(1, 60'000)};
};
template <>
struct Describe<logging::StatsResult> {
  using R = logging::StatsResult;
  static constexpr std::tuple fields{
      field("lines", &R::lines, "Lines written, by level"),
      field("dropped_overflow", &R::dropped_overflow, "Lost because the writer was too slow"),
      field("dropped_rate", &R::dropped_rate, "Held back by the rate limit"),
      field("dropped_level", &R::dropped_level, "Below their logger's level (operations only)")};
};
}  // namespace patchbay
