// The operations of CIRCUIT_BREAKER, declared once. A module that goes out asks before each attempt and reports after
// it; both answer without suspension:
//
//   auto permit = caller.start(circuit_breaker::acquire, call, {.name = "ws:example.org:443"}).take();
//   ...
//   auto told = caller.start(circuit_breaker::record, call, {.permit = permit->permit, .success = true}).take();
#pragma once

#include "core/circuit_breaker/config.hpp"

namespace patchbay::circuit_breaker {

struct ConfigureArgs : Overrides {
  std::string name{};
};
struct ConfigureResult {
  State state = State::closed;
};
inline constexpr Operation<ConfigureArgs, ConfigureResult> configure{
    .name = "CIRCUIT_BREAKER.configure",
    .summary = "Set how a breaker judges; what is left out is as its rule says, else as the default.",
    .effect = Effect::write,
    .errors = codes(Code::rate_limited),
    .idempotent = true,
    .example = R"({"name":"payments","failure_rate":0.3,"open_ms":10000})"};

struct GetArgs {
  std::string name;
  bool create = true;
};
struct BreakerInfo {
  std::string name;
  State state = State::closed;
  double failure_rate = 0;
  double slow_rate = 0;
  std::uint32_t calls = 0;
  std::uint32_t failures = 0;
  std::uint64_t rejected = 0;
  std::uint32_t consecutive_failures = 0;
  std::uint32_t in_flight = 0;
  std::optional<std::string> opened_at{};
  std::uint32_t retry_after_ms = 0;
  std::string rule;
  Config config{};
};
inline constexpr Operation<GetArgs, BreakerInfo> get{.name = "CIRCUIT_BREAKER.get",
                                                     .summary = "Show one breaker: its state, figures and settings.",
                                                     .errors = codes(Code::not_found, Code::rate_limited),
                                                     .example = R"({"name":"payments"})"};

struct ListArgs {
  std::optional<State> state{};
};
struct ListResult {
  std::vector<BreakerInfo> breakers;
};
inline constexpr Operation<ListArgs, ListResult> list{
    .name = "CIRCUIT_BREAKER.list", .summary = "Show all breakers, or those in one state, by name.", .example = "{}"};

struct CallArgs {
  std::string name;
  std::string interface;
  std::string operation;
  RawJson args{"{}"};
};
// The result is the operation's own.
inline constexpr Operation<CallArgs, RawJson> call{
    .name = "CIRCUIT_BREAKER.call",
    .summary = "Run another operation under a breaker; its errors count by their code.",
    .effect = Effect::destructive,
    .timeout = std::chrono::minutes{5},
    .errors = codes(Code::circuit_open, Code::backpressure, Code::not_found, Code::rate_limited),
    .example = R"({"name":"self","interface":"SYSTEM","operation":"info"})"};

struct AcquireArgs {
  std::string name;
};
struct AcquireResult {
  std::string permit;
  State state = State::closed;
};
inline constexpr Operation<AcquireArgs, AcquireResult> acquire{
    .name = "CIRCUIT_BREAKER.acquire",
    .summary = "Ask a breaker for leave to make one attempt.",
    .effect = Effect::write,
    .audited = false,
    .errors = codes(Code::circuit_open, Code::backpressure, Code::rate_limited),
    .example = R"({"name":"payments"})"};

struct RecordArgs {
  std::string permit;
  bool success = false;
  double duration_ms = 0;
  std::string code;
};
struct RecordResult {
  State state = State::closed;
};
inline constexpr Operation<RecordArgs, RecordResult> record{
    .name = "CIRCUIT_BREAKER.record",
    .summary = "Report how an attempt that had leave has ended.",
    .effect = Effect::write,
    .audited = false,
    .errors = codes(Code::not_found)};

enum class Force : std::uint8_t { closed, open, disabled, metrics_only, automatic };
struct ForceArgs {
  std::string name;
  Force state = Force::automatic;
};
struct ForceResult {
  State previous = State::closed;
};
inline constexpr Operation<ForceArgs, ForceResult> force{
    .name = "CIRCUIT_BREAKER.force",
    .summary = "Put a breaker into a state by hand; auto lets it decide for itself again.",
    .effect = Effect::write,
    .errors = codes(Code::not_found, Code::forbidden),
    .idempotent = true};

struct ResetArgs {
  std::string name;
};
struct ResetResult {
  std::uint32_t count = 0;
};
inline constexpr Operation<ResetArgs, ResetResult> reset{
    .name = "CIRCUIT_BREAKER.reset",
    .summary = "Close a breaker and forget what it has seen, also when it was forced.",
    .effect = Effect::write,
    .errors = codes(Code::not_found),
    .idempotent = true};
inline constexpr Operation<Nothing, ResetResult> reset_all{
    .name = "CIRCUIT_BREAKER.reset_all",
    .summary = "Close all breakers and forget what they have seen, also where they were forced.",
    .effect = Effect::write,
    .idempotent = true,
    .example = "{}"};

struct StatsResult {
  std::uint32_t breakers = 0;
  std::uint32_t closed = 0, open = 0, half_open = 0, disabled = 0, forced_open = 0, metrics_only = 0;
  std::uint32_t permits_out = 0;
  std::uint64_t ok = 0, errors = 0, slow = 0, rejected = 0, excluded = 0;
};
inline constexpr Operation<Nothing, StatsResult> stats{.name = "CIRCUIT_BREAKER.stats",
                                                       .summary = "Count breakers by state and calls by outcome.",
                                                       .scope = "metrics.read",
                                                       .example = "{}"};

}  // namespace patchbay::circuit_breaker

template <>
struct patchbay::EnumNames<patchbay::circuit_breaker::Force> {
  using Force = patchbay::circuit_breaker::Force;
  static constexpr std::array names{std::pair{std::string_view{"closed"}, Force::closed},
                                    std::pair{std::string_view{"open"}, Force::open},
                                    std::pair{std::string_view{"disabled"}, Force::disabled},
                                    std::pair{std::string_view{"metrics_only"}, Force::metrics_only},
                                    std::pair{std::string_view{"auto"}, Force::automatic}};
};
template <>
struct patchbay::Describe<patchbay::circuit_breaker::ConfigureArgs> {
  static constexpr auto fields = std::tuple_cat(
      std::tuple{field("name", &circuit_breaker::ConfigureArgs::name, "Name of the breaker; made when it is new")
                     .length(1, 255)},
      circuit_breaker::config_fields<circuit_breaker::Overrides>());
};
template <>
struct patchbay::Describe<patchbay::circuit_breaker::ConfigureResult> {
  static constexpr std::tuple fields{
      field("state", &circuit_breaker::ConfigureResult::state, "State of the breaker, which this does not change")};
};
template <>
struct patchbay::Describe<patchbay::circuit_breaker::GetArgs> {
  static constexpr std::tuple fields{
      field("name", &circuit_breaker::GetArgs::name, "Name of the breaker").length(1, 255),
      field("create", &circuit_breaker::GetArgs::create, "Make it when it is new").optional()};
};
template <>
struct patchbay::Describe<patchbay::circuit_breaker::BreakerInfo> {
  using Info = circuit_breaker::BreakerInfo;
  static constexpr std::tuple fields{
      field("name", &Info::name, "Name of the breaker"),
      field("state", &Info::state, "What it does now; open turns half_open when the next attempt is asked for"),
      field("failure_rate", &Info::failure_rate, "Share of failures in the window"),
      field("slow_rate", &Info::slow_rate, "Share of slow calls in the window"),
      field("calls", &Info::calls, "Calls in the window"),
      field("failures", &Info::failures, "Failures in the window"),
      field("rejected", &Info::rejected, "Attempts refused since it was made or reset"),
      field("consecutive_failures", &Info::consecutive_failures, "Failures in a row"),
      field("in_flight", &Info::in_flight, "Permits that are out"),
      field("opened_at", &Info::opened_at, "ISO 8601, when it last opened; absent once it has closed"),
      field("retry_after_ms", &Info::retry_after_ms, "Time until it lets a probe through; 0 unless open"),
      field("rule", &Info::rule, "Pattern of the rule that it follows, or default"),
      field("config", &Info::config, "How it judges")};
};
template <>
struct patchbay::Describe<patchbay::circuit_breaker::ListArgs> {
  static constexpr std::tuple fields{field("state", &circuit_breaker::ListArgs::state, "Only those in this state")};
};
template <>
struct patchbay::Describe<patchbay::circuit_breaker::ListResult> {
  static constexpr std::tuple fields{field("breakers", &circuit_breaker::ListResult::breakers, "In order of name")};
};
template <>
struct patchbay::Describe<patchbay::circuit_breaker::CallArgs> {
  static constexpr std::tuple fields{
      field("name", &circuit_breaker::CallArgs::name, "Name of the breaker").length(1, 255),
      field("interface", &circuit_breaker::CallArgs::interface, "Interface of the operation, such as SYSTEM")
          .length(1, 64),
      field("operation", &circuit_breaker::CallArgs::operation, "The operation, such as info").length(1, 64),
      field("args", &circuit_breaker::CallArgs::args, "Its arguments").optional().type("object")};
};
template <>
struct patchbay::Describe<patchbay::circuit_breaker::AcquireArgs> {
  static constexpr std::tuple fields{
      field("name", &circuit_breaker::AcquireArgs::name, "Name of the breaker").length(1, 255)};
};
template <>
struct patchbay::Describe<patchbay::circuit_breaker::AcquireResult> {
  static constexpr std::tuple fields{
      field("permit", &circuit_breaker::AcquireResult::permit, "To be given back with record"),
      field("state", &circuit_breaker::AcquireResult::state, "State of the breaker")};
};
template <>
struct patchbay::Describe<patchbay::circuit_breaker::RecordArgs> {
  static constexpr std::tuple fields{
      field("permit", &circuit_breaker::RecordArgs::permit, "From acquire").length(1, 64),
      field("success", &circuit_breaker::RecordArgs::success, "Whether the attempt worked"),
      field("duration_ms", &circuit_breaker::RecordArgs::duration_ms,
            "How long it took; 0: the time since the permit was given")
          .optional()
          .at_least(0),
      field("code", &circuit_breaker::RecordArgs::code, "Error code of a failure; excluded codes do not count")
          .optional()
          .length(0, 64)};
};
template <>
struct patchbay::Describe<patchbay::circuit_breaker::RecordResult> {
  static constexpr std::tuple fields{
      field("state", &circuit_breaker::RecordResult::state, "State of the breaker afterwards")};
};
template <>
struct patchbay::Describe<patchbay::circuit_breaker::ForceArgs> {
  static constexpr std::tuple fields{
      field("name", &circuit_breaker::ForceArgs::name, "Name of the breaker").length(1, 255),
      field(
          "state", &circuit_breaker::ForceArgs::state,
          "open refuses all and disabled lets all through until auto; metrics_only only watches; closed starts anew")};
};
template <>
struct patchbay::Describe<patchbay::circuit_breaker::ForceResult> {
  static constexpr std::tuple fields{
      field("previous", &circuit_breaker::ForceResult::previous, "State it was in before")};
};
template <>
struct patchbay::Describe<patchbay::circuit_breaker::ResetArgs> {
  static constexpr std::tuple fields{
      field("name", &circuit_breaker::ResetArgs::name, "Name of the breaker").length(1, 255)};
};
template <>
struct patchbay::Describe<patchbay::circuit_breaker::ResetResult> {
  static constexpr std::tuple fields{field("count", &circuit_breaker::ResetResult::count, "Breakers that were reset")};
};
template <>
struct patchbay::Describe<patchbay::circuit_breaker::StatsResult> {
  using Stats = circuit_breaker::StatsResult;
  static constexpr std::tuple fields{field("breakers", &Stats::breakers, "Breakers that exist"),
                                     field("closed", &Stats::closed, "Of them closed"),
                                     field("open", &Stats::open, "Of them open"),
                                     field("half_open", &Stats::half_open, "Of them half open"),
                                     field("disabled", &Stats::disabled, "Of them disabled by hand"),
                                     field("forced_open", &Stats::forced_open, "Of them forced open"),
                                     field("metrics_only", &Stats::metrics_only, "Of them only watching"),
                                     field("permits_out", &Stats::permits_out, "Attempts under way"),
                                     field("ok", &Stats::ok, "Calls that worked"),
                                     field("errors", &Stats::errors, "Calls that failed"),
                                     field("slow", &Stats::slow, "Calls that worked, slowly"),
                                     field("rejected", &Stats::rejected, "Attempts that were refused"),
                                     field("excluded", &Stats::excluded, "Calls that ended with an excluded code")};
};
