// The operations of METRICS, declared once. For what a host counts itself; the gateway's own figures come from the
// counters in core/base and are only shown here.
//
//   caller.start(metrics::increment, call, {.name = "orders_total", .labels = {{"shop", "north"}}});
//
// Host code that counts often resolves a handle once instead: see metrics.hpp.
#pragma once

#include <map>

#include "core/base/operation.hpp"

namespace patchbay::metrics {

using LabelMap = std::map<std::string, std::string>;
enum class Type : std::uint8_t { counter, gauge, histogram };

struct IncrementArgs {
  std::string name;
  double value = 1;
  LabelMap labels{};
};
inline constexpr Operation<IncrementArgs, Nothing> increment{
    .name = "METRICS.increment",
    .summary = "Add to a counter, which is made when it is new.",
    .effect = Effect::write,
    .audited = false,
    .errors = codes(Code::conflict, Code::rate_limited),
    .example = R"({"name":"orders_total","labels":{"shop":"north"}})"};

struct GaugeArgs {
  std::string name;
  double value = 0;
  LabelMap labels{};
};
inline constexpr Operation<GaugeArgs, Nothing> set_gauge{.name = "METRICS.set_gauge",
                                                         .summary = "Set a gauge, which is made when it is new.",
                                                         .effect = Effect::write,
                                                         .audited = false,
                                                         .errors = codes(Code::conflict, Code::rate_limited),
                                                         .idempotent = true,
                                                         .example = R"({"name":"queue_length","value":17})"};
inline constexpr Operation<GaugeArgs, Nothing> add_gauge{
    .name = "METRICS.add_gauge",
    .summary = "Add to a gauge, or take away with a negative value; it is made when it is new.",
    .effect = Effect::write,
    .audited = false,
    .errors = codes(Code::conflict, Code::rate_limited),
    .example = R"({"name":"queue_length","value":-1})"};

struct ObserveArgs {
  std::string name;
  double value = 0;
  LabelMap labels{};
  std::vector<double> buckets{};
};
inline constexpr Operation<ObserveArgs, Nothing> observe{
    .name = "METRICS.observe",
    .summary = "Put one measurement into a histogram, which is made when it is new.",
    .effect = Effect::write,
    .audited = false,
    .errors = codes(Code::conflict, Code::rate_limited),
    .example = R"({"name":"order_value_euros","value":12.5,"buckets":[1,10,100]})"};

struct RecordOperationArgs {
  std::string operation;
  double duration_ms = 0;
  bool success = true;
  std::string error_code;
};
inline constexpr Operation<RecordOperationArgs, Nothing> record_operation{
    .name = "METRICS.record_operation",
    .summary = "Count an operation of the host's own, with its duration and outcome.",
    .effect = Effect::write,
    .audited = false,
    .errors = codes(Code::rate_limited),
    .example = R"({"operation":"import","duration_ms":41.5})"};

struct RecordApiArgs {
  std::string api;
  std::string endpoint;
  int status = 0;
  double duration_ms = 0;
};
inline constexpr Operation<RecordApiArgs, Nothing> record_api{
    .name = "METRICS.record_api",
    .summary = "Count a request that the host made to an API, with its duration and status.",
    .effect = Effect::write,
    .audited = false,
    .errors = codes(Code::rate_limited),
    .example = R"({"api":"weather","endpoint":"/forecast/{city}","status":200,"duration_ms":83})"};

struct DeclareArgs {
  std::string name;
  Type type = Type::counter;
  std::string help;
  std::vector<std::string> labels{};
  std::vector<double> buckets{};
};
inline constexpr Operation<DeclareArgs, Nothing> declare{
    .name = "METRICS.declare",
    .summary = "Say what a metric is before it is used: type, help, labels, buckets.",
    .effect = Effect::write,
    .audited = false,
    .errors = codes(Code::conflict, Code::rate_limited),
    .idempotent = true,
    .example = R"({"name":"orders_total","type":"counter","help":"Orders taken","labels":["shop"]})"};

struct GetArgs {
  std::string name;
  LabelMap labels{};
};
struct BucketCount {
  std::string le;
  std::uint64_t count = 0;
};
struct GetResult {
  Type type = Type::counter;
  std::uint32_t series = 0;
  std::optional<double> value{};
  std::optional<std::uint64_t> count{};
  std::optional<double> sum{};
  std::optional<std::vector<BucketCount>> buckets{};
};
inline constexpr Operation<GetArgs, GetResult> get{
    .name = "METRICS.get",
    .summary = "Read one metric, of the host's or the gateway's; series that match the labels are added up.",
    .scope = "metrics.read",
    .errors = codes(Code::not_found),
    .example = R"({"name":"patchbay_operations_total","labels":{"interface":"METRICS"}})"};

struct PerformanceReportArgs {
  double slow_threshold_ms = 100;
};
struct OperationFigures {
  std::string name;
  std::uint64_t count = 0;
  std::uint64_t errors = 0;
  std::optional<double> p50_ms{}, p95_ms{}, p99_ms{};
};
struct PerformanceReportResult {
  std::vector<OperationFigures> operations;
  std::vector<std::string> slow;
};
inline constexpr Operation<PerformanceReportArgs, PerformanceReportResult> performance_report{
    .name = "METRICS.performance_report",
    .summary = "Show calls, errors and quantiles of the duration of each operation that was used.",
    .scope = "metrics.read",
    .example = R"({"slow_threshold_ms":50})"};

struct ScrapeArgs {
  std::string format = "text";
};
struct ScrapeResult {
  std::string content_type;
  std::string body;
};
inline constexpr Operation<ScrapeArgs, ScrapeResult> scrape{.name = "METRICS.scrape",
                                                            .summary = "All metrics in the text format of Prometheus.",
                                                            .scope = "metrics.read",
                                                            .routes = {Route{"GET", "/metrics", true}},
                                                            .example = "{}"};

struct StatsResult {
  std::uint32_t families = 0;
  std::uint32_t series = 0;
  std::uint64_t dropped_series = 0;
  std::uint64_t scrapes = 0;
  std::uint64_t last_scrape_bytes = 0;
};
inline constexpr Operation<Nothing, StatsResult> stats{.name = "METRICS.stats",
                                                       .summary = "Count the host's metrics and the scrapes.",
                                                       .scope = "metrics.read",
                                                       .example = "{}"};

}  // namespace patchbay::metrics

template <>
struct patchbay::EnumNames<patchbay::metrics::Type> {
  using Type = patchbay::metrics::Type;
  static constexpr std::array names{std::pair{std::string_view{"counter"}, Type::counter},
                                    std::pair{std::string_view{"gauge"}, Type::gauge},
                                    std::pair{std::string_view{"histogram"}, Type::histogram}};
};

namespace patchbay::metrics {
template <class T>
constexpr auto name_field(std::string T::*member) {
  return field("name", member, "Name by Prometheus' grammar; patchbay_ and process_ are the gateway's own")
      .length(1, 200);
}
template <class T>
constexpr auto labels_field(LabelMap T::*member) {
  return field("labels", member, "Label names and values; the same names at each use").optional();
}
template <class T>
constexpr auto buckets_field(std::vector<double> T::*member) {
  return field("buckets", member,
               "Upper bounds in rising order, taken at the first use only; default 0.005 to 10, for seconds")
      .optional()
      .length(0, 50);
}
}  // namespace patchbay::metrics

template <>
struct patchbay::Describe<patchbay::metrics::IncrementArgs> {
  using Args = metrics::IncrementArgs;
  static constexpr std::tuple fields{metrics::name_field(&Args::name),
                                     field("value", &Args::value, "How much").optional().at_least(0),
                                     metrics::labels_field(&Args::labels)};
};
template <>
struct patchbay::Describe<patchbay::metrics::GaugeArgs> {
  using Args = metrics::GaugeArgs;
  static constexpr std::tuple fields{metrics::name_field(&Args::name),
                                     field("value", &Args::value, "The value, or what is added"),
                                     metrics::labels_field(&Args::labels)};
};
template <>
struct patchbay::Describe<patchbay::metrics::ObserveArgs> {
  using Args = metrics::ObserveArgs;
  static constexpr std::tuple fields{metrics::name_field(&Args::name),
                                     field("value", &Args::value, "What was measured, in base units such as seconds"),
                                     metrics::labels_field(&Args::labels), metrics::buckets_field(&Args::buckets)};
};
template <>
struct patchbay::Describe<patchbay::metrics::RecordOperationArgs> {
  using Args = metrics::RecordOperationArgs;
  static constexpr std::tuple fields{
      field("operation", &Args::operation, "Name of the operation, of a closed set").length(1, 128),
      field("duration_ms", &Args::duration_ms, "How long it took").at_least(0),
      field("success", &Args::success, "Whether it worked").optional(),
      field("error_code", &Args::error_code, "Why not, of a closed set").optional().length(0, 64)};
};
template <>
struct patchbay::Describe<patchbay::metrics::RecordApiArgs> {
  using Args = metrics::RecordApiArgs;
  static constexpr std::tuple fields{
      field("api", &Args::api, "Name of the API").length(1, 64),
      field("endpoint", &Args::endpoint,
            "Path of a closed set, such as /users/{id}; a query is cut off and numbers become {id}")
          .length(1, 256),
      field("status", &Args::status, "HTTP status; 0: no answer came").range(0, 599),
      field("duration_ms", &Args::duration_ms, "How long it took").at_least(0)};
};
template <>
struct patchbay::Describe<patchbay::metrics::DeclareArgs> {
  using Args = metrics::DeclareArgs;
  static constexpr std::tuple fields{metrics::name_field(&Args::name),
                                     field("type", &Args::type, "What kind of metric"),
                                     field("help", &Args::help, "What it counts or measures").length(1, 1024),
                                     field("labels", &Args::labels, "Names of its labels").optional().length(0, 10),
                                     metrics::buckets_field(&Args::buckets)};
};
template <>
struct patchbay::Describe<patchbay::metrics::GetArgs> {
  using Args = metrics::GetArgs;
  static constexpr std::tuple fields{
      field("name", &Args::name, "Name of the metric").length(1, 200),
      field("labels", &Args::labels, "Only series with these values; others are left open").optional()};
};
template <>
struct patchbay::Describe<patchbay::metrics::BucketCount> {
  using Bucket = metrics::BucketCount;
  static constexpr std::tuple fields{field("le", &Bucket::le, "Upper bound, +Inf for the last"),
                                     field("count", &Bucket::count, "Measurements up to it")};
};
template <>
struct patchbay::Describe<patchbay::metrics::GetResult> {
  using Got = metrics::GetResult;
  static constexpr std::tuple fields{field("type", &Got::type, "What kind of metric"),
                                     field("series", &Got::series, "How many series were added up"),
                                     field("value", &Got::value, "Of a counter or gauge"),
                                     field("count", &Got::count, "Of a histogram: measurements"),
                                     field("sum", &Got::sum, "Of a histogram: their sum"),
                                     field("buckets", &Got::buckets, "Of a histogram: cumulative counts")};
};
template <>
struct patchbay::Describe<patchbay::metrics::PerformanceReportArgs> {
  static constexpr std::tuple fields{field("slow_threshold_ms", &metrics::PerformanceReportArgs::slow_threshold_ms,
                                           "Operations whose p95 is above it are listed as slow")
                                         .optional()
                                         .at_least(0)};
};
template <>
struct patchbay::Describe<patchbay::metrics::OperationFigures> {
  using Figures = metrics::OperationFigures;
  static constexpr std::tuple fields{
      field("name", &Figures::name, "INTERFACE.operation, or the host's own name"),
      field("count", &Figures::count, "Calls that have ended"),
      field("errors", &Figures::errors, "Of them failed"),
      field("p50_ms", &Figures::p50_ms, "Median, interpolated; absent while nothing was measured"),
      field("p95_ms", &Figures::p95_ms, "The same for 95 %"),
      field("p99_ms", &Figures::p99_ms, "The same for 99 %")};
};
template <>
struct patchbay::Describe<patchbay::metrics::PerformanceReportResult> {
  using Report = metrics::PerformanceReportResult;
  static constexpr std::tuple fields{
      field("operations", &Report::operations, "By name; calls under a microsecond are timed once in 64"),
      field("slow", &Report::slow, "Names of slow operations, slowest first")};
};
template <>
struct patchbay::Describe<patchbay::metrics::ScrapeArgs> {
  static constexpr std::tuple fields{
      field("format", &metrics::ScrapeArgs::format, "text is the only one").optional().one_of("text")};
};
template <>
struct patchbay::Describe<patchbay::metrics::ScrapeResult> {
  static constexpr std::tuple fields{
      field("content_type", &metrics::ScrapeResult::content_type, "Media type of the body"),
      field("body", &metrics::ScrapeResult::body, "The metrics")};
};
template <>
struct patchbay::Describe<patchbay::metrics::StatsResult> {
  using Stats = metrics::StatsResult;
  static constexpr std::tuple fields{
      field("families", &Stats::families, "Metrics of the host"), field("series", &Stats::series, "Their series"),
      field("dropped_series", &Stats::dropped_series, "Times a full metric took a series as other"),
      field("scrapes", &Stats::scrapes, "Scrapes so far"),
      field("last_scrape_bytes", &Stats::last_scrape_bytes, "Size of the last one")};
};
