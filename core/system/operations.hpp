// The operations of SYSTEM, declared once: health, the description of the program, traces, logs, shutdown.
#pragma once

#include "core/base/operation.hpp"

namespace patchbay::system {

struct Part {
  std::string name;
  std::string status;
  std::optional<std::string> message;
};

struct LiveResult {
  std::string status = "ok";
};
inline constexpr Operation<Nothing, LiveResult> live{.name = "SYSTEM.live",
                                                     .summary = "Tell that the process runs and answers.",
                                                     .scope = "none",
                                                     .routes = {Route{"GET", "/health/live", true}},
                                                     .category = "SYSTEM"};

struct HealthArgs {
  std::string check = "all";
};
struct HealthResult {
  std::string status;
  std::string version;
  std::uint32_t endpoints = 0;
  bool ready = true;
  std::vector<Part> parts;
};
inline constexpr Operation<HealthArgs, HealthResult> health{
    .name = "SYSTEM.health",
    .summary = "Show how the gateway and each of its parts are doing.",
    .scope = "public",
    .errors = codes(Code::unavailable),
    .routes = {Route{"GET", "/health", true}, Route{"GET", "/health/{check}", true}}};

struct InfoResult {
  std::string name;
  std::string version;
  std::string description;
  std::string started_at;
  std::uint64_t uptime_ms = 0;
  std::uint32_t shards = 0;
  std::vector<std::string> interfaces;
  std::uint32_t endpoints = 0;
};
inline constexpr Operation<Nothing, InfoResult> info{
    .name = "SYSTEM.info", .summary = "Tell name, version and shape of this gateway.", .scope = "public"};

struct OperationsArgs {
  std::string interface;
  std::string tool;
  bool names_only = false;
};
struct OperationEntry {
  std::string tool;
  std::string name;
  std::string interface;
  std::string category;
  std::string summary;
  std::optional<std::string> effect;
  std::optional<std::string> scope;
  std::optional<std::string> owner;
  std::optional<bool> streaming;
  std::optional<bool> idempotent;
  std::optional<bool> audited;
  std::optional<bool> reaches_out;
  std::optional<std::uint64_t> timeout_ms;
  std::optional<std::vector<std::string>> errors;
  std::optional<RawJson> arguments;
  std::optional<RawJson> result;
  std::optional<std::vector<std::string>> aliases;
  std::optional<RawJson> example;
};
struct OperationsResult {
  std::vector<OperationEntry> operations;
  std::uint32_t count = 0;
};
inline constexpr Operation<OperationsArgs, OperationsResult> operations{
    .name = "SYSTEM.operations",
    .summary = "List the operations with their schemas.",
    .scope = "public",
    .errors = codes(Code::not_found),
    .example = R"({"interface":"SYSTEM","names_only":true})"};

struct DescribeArgs {
  std::string format = "openapi";
};
struct DescribeResult {
  std::string content_type;
  std::string body;
};
inline constexpr Operation<DescribeArgs, DescribeResult> describe{
    .name = "SYSTEM.describe",
    .summary = "Describe all operations as an OpenAPI 3.1 document or as Markdown.",
    .scope = "public",
    .routes = {Route{"GET", "/openapi.json", true}}};

struct TraceRecentArgs {
  std::uint32_t limit = 5;
};
struct Trace {
  std::string tool;
  double duration_ms = 0;
  std::string trace;
  std::string outcome;
  std::string at;
};
struct TraceRecentResult {
  std::vector<Trace> traces;
};
inline constexpr Operation<TraceRecentArgs, TraceRecentResult> trace_recent{
    .name = "SYSTEM.trace_recent", .summary = "List the slowest recent calls of each operation with their trace ids."};

struct LogsArgs {
  std::string level = "info";
  std::optional<std::uint32_t> limit;
};
struct LogsResult {
  std::uint64_t lines = 0;
  std::uint64_t dropped = 0;
};
inline constexpr Operation<LogsArgs, LogsResult> logs{.name = "SYSTEM.logs",
                                                      .summary = "Stream the log lines as they are written.",
                                                      .errors = codes(Code::cancelled),
                                                      .streaming = true};

struct ShutdownResult {
  bool stopping = true;
};
inline constexpr Operation<Nothing, ShutdownResult> shutdown{
    .name = "SYSTEM.shutdown",
    .summary = "Stop the gateway in good order, as SIGTERM does.",
    .effect = Effect::destructive,
    .idempotent = true};

struct StatsResult {
  std::uint64_t uptime_ms = 0;
  std::uint64_t calls = 0;
  std::uint64_t errors = 0;
  std::uint32_t endpoints = 0;
};
inline constexpr Operation<Nothing, StatsResult> stats{
    .name = "SYSTEM.stats", .summary = "Count calls and errors since the start.", .scope = "metrics.read"};

}  // namespace patchbay::system

namespace patchbay {
template <>
struct Describe<system::Part> {
  static constexpr std::tuple fields{
      field("name", &system::Part::name, "Interface, or plugin"),
      field("status", &system::Part::status, "How it is doing").one_of("ok", "degraded", "unavailable"),
      field("message", &system::Part::message, "The reason when it is not well")};
};
template <>
struct Describe<system::LiveResult> {
  static constexpr std::tuple fields{field("status", &system::LiveResult::status, "Always ok").one_of("ok")};
};
template <>
struct Describe<system::HealthArgs> {
  static constexpr std::tuple fields{
      field("check", &system::HealthArgs::check, "`ready`: an error unless the gateway is ready for traffic")
          .optional()
          .one_of("all", "ready")};
};
template <>
struct Describe<system::HealthResult> {
  static constexpr std::tuple fields{
      field("status", &system::HealthResult::status, "The worst of the parts").one_of("ok", "degraded", "unavailable"),
      field("version", &system::HealthResult::version, "Version of the gateway"),
      field("endpoints", &system::HealthResult::endpoints, "Number of tools"),
      field("ready", &system::HealthResult::ready, "Whether it should get traffic"),
      field("parts", &system::HealthResult::parts, "One entry a part")};
};
template <>
struct Describe<system::InfoResult> {
  static constexpr std::tuple fields{
      field("name", &system::InfoResult::name, "Always patchbay"),
      field("version", &system::InfoResult::version, "Version of the gateway"),
      field("description", &system::InfoResult::description, "What it is"),
      field("started_at", &system::InfoResult::started_at, "ISO 8601"),
      field("uptime_ms", &system::InfoResult::uptime_ms, "Since the start"),
      field("shards", &system::InfoResult::shards, "Threads that serve"),
      field("interfaces", &system::InfoResult::interfaces, "Names of the interfaces, plugins' too"),
      field("endpoints", &system::InfoResult::endpoints, "Number of tools")};
};
template <>
struct Describe<system::OperationsArgs> {
  static constexpr std::tuple fields{
      field("interface", &system::OperationsArgs::interface, "Only this interface, such as SYSTEM")
          .optional()
          .length(0, 64),
      field("tool", &system::OperationsArgs::tool, "Only this tool, such as system_health").optional().length(0, 128),
      field("names_only", &system::OperationsArgs::names_only, "Leave schemas and the rest out").optional()};
};
template <>
struct Describe<system::OperationEntry> {
  using E = system::OperationEntry;
  static constexpr std::tuple fields{
      field("tool", &E::tool, "Tool name"),
      field("name", &E::name, "INTERFACE.verb"),
      field("interface", &E::interface, "Interface"),
      field("category", &E::category, "Group it is shown in"),
      field("summary", &E::summary, "What it does"),
      field("effect", &E::effect, "What it may change").one_of("read", "write", "destructive"),
      field("scope", &E::scope, "What a caller must hold"),
      field("owner", &E::owner, "gateway, or the plugin"),
      field("streaming", &E::streaming, "Whether it yields events"),
      field("idempotent", &E::idempotent, "Whether calling twice is as good as once"),
      field("audited", &E::audited, "Whether each call is written to the audit log"),
      field("reaches_out", &E::reaches_out, "Whether it talks to something outside"),
      field("timeout_ms", &E::timeout_ms, "Time budget"),
      field("errors", &E::errors, "Error codes besides the general ones"),
      field("arguments", &E::arguments, "JSON Schema of the arguments").type("object"),
      field("result", &E::result, "JSON Schema of the result").type("object"),
      field("aliases", &E::aliases, "Further tool names that mean the same"),
      field("example", &E::example, "Example arguments").type("object")};
};
template <>
struct Describe<system::OperationsResult> {
  static constexpr std::tuple fields{field("operations", &system::OperationsResult::operations, "The operations"),
                                     field("count", &system::OperationsResult::count, "How many")};
};
template <>
struct Describe<system::DescribeArgs> {
  static constexpr std::tuple fields{
      field("format", &system::DescribeArgs::format, "What to write").optional().one_of("openapi", "markdown")};
};
template <>
struct Describe<system::DescribeResult> {
  static constexpr std::tuple fields{
      field("content_type", &system::DescribeResult::content_type, "Media type of the body"),
      field("body", &system::DescribeResult::body, "The document")};
};
template <>
struct Describe<system::TraceRecentArgs> {
  static constexpr std::tuple fields{
      field("limit", &system::TraceRecentArgs::limit, "Calls shown for each operation").optional().range(1, 5)};
};
template <>
struct Describe<system::Trace> {
  static constexpr std::tuple fields{
      field("tool", &system::Trace::tool, "Operation"),
      field("duration_ms", &system::Trace::duration_ms, "How long it took"),
      field("trace", &system::Trace::trace, "Trace id, as in the log; empty when none was given"),
      field("outcome", &system::Trace::outcome, "ok, or the error code"),
      field("at", &system::Trace::at, "ISO 8601, when it ended")};
};
template <>
struct Describe<system::TraceRecentResult> {
  static constexpr std::tuple fields{field("traces", &system::TraceRecentResult::traces, "Slowest first")};
};
template <>
struct Describe<system::LogsArgs> {
  static constexpr std::tuple fields{field("level", &system::LogsArgs::level, "Least level shown")
                                         .optional()
                                         .one_of("debug", "info", "warning", "error", "critical"),
                                     field("limit", &system::LogsArgs::limit, "End after this many lines").at_least(1)};
};
template <>
struct Describe<system::LogsResult> {
  static constexpr std::tuple fields{
      field("lines", &system::LogsResult::lines, "Lines sent"),
      field("dropped", &system::LogsResult::dropped, "Lines this reader was too slow for")};
};
template <>
struct Describe<system::ShutdownResult> {
  static constexpr std::tuple fields{field("stopping", &system::ShutdownResult::stopping, "Always true")};
};
template <>
struct Describe<system::StatsResult> {
  static constexpr std::tuple fields{
      field("uptime_ms", &system::StatsResult::uptime_ms, "Since the start"),
      field("calls", &system::StatsResult::calls, "Calls that have ended"),
      field("errors", &system::StatsResult::errors, "Those of them that ended by an error"),
      field("endpoints", &system::StatsResult::endpoints, "Number of tools")};
};
}  // namespace patchbay
