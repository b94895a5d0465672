#include "core/metrics/metrics.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/metric_type.h>
#include <prometheus/text_serializer.h>
#include <spdlog/fmt/fmt.h>

#include <cmath>

#include "core/base/nearest.hpp"
#include "core/metrics/gateway_families.hpp"
#include "core/metrics/names.hpp"
#include "core/metrics/report.hpp"

namespace patchbay::metrics {
namespace {

using prometheus::MetricFamily;
using prometheus::MetricType;

#ifdef __clang__
constexpr char const* compiler = __VERSION__;
#else
constexpr char const* compiler = "g++ " __VERSION__;
#endif

Result<void> check_value(double value) {
  if (std::isfinite(value)) return {};
  return Error{Code::invalid_argument, "the value must be a finite number", "/value"};
}

bool has_labels(prometheus::ClientMetric const& metric, LabelMap const& wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&](auto const& pair) {
    return std::any_of(metric.label.begin(), metric.label.end(),
                       [&](auto const& one) { return one.name == pair.first && one.value == pair.second; });
  });
}

std::string bound_text(double bound) { return std::isfinite(bound) ? fmt::format("{}", bound) : std::string{"+Inf"}; }

}  // namespace

Metrics::Metrics(Counters& counters, Settings settings)
    : counters_(counters),
      settings_([&] {
        settings.build_info.emplace_back("compiler", compiler);
        return std::move(settings);
      }()),
      host_(settings_.limits) {
  for (auto const& limit : host_limits)
    limit_gauges_.push_back(
        counters_.gauge_function("patchbay_limit", "Limits in force", {{"name", std::string{limit.name}}},
                                 [value = settings_.limits.*limit.member] { return static_cast<double>(value); }));
}
Metrics::~Metrics() {
  for (auto id : limit_gauges_) counters_.forget(id);
}

Result<void> Metrics::increment(IncrementArgs const& args) {
  if (auto good = check_value(args.value); !good) return good;
  if (args.value < 0) return Error{Code::invalid_argument, "a counter only rises: use a gauge", "/value"};
  auto handle = host_.counter(args.name, args.labels);
  if (!handle) return handle.error();
  handle->add(args.value);
  return {};
}

Result<void> Metrics::set_gauge(GaugeArgs const& args) {
  if (auto good = check_value(args.value); !good) return good;
  auto handle = host_.gauge(args.name, args.labels);
  if (!handle) return handle.error();
  handle->set(args.value);
  return {};
}

Result<void> Metrics::add_gauge(GaugeArgs const& args) {
  if (auto good = check_value(args.value); !good) return good;
  auto handle = host_.gauge(args.name, args.labels);
  if (!handle) return handle.error();
  handle->add(args.value);
  return {};
}

Result<void> Metrics::observe(ObserveArgs const& args) {
  if (auto good = check_value(args.value); !good) return good;
  auto handle = host_.histogram(args.name, args.labels, args.buckets);
  if (!handle) return handle.error();
  handle->observe(args.value);
  return {};
}

namespace {
// The label that the arguments call otherwise.
Error renamed(Error error, std::string_view label, std::string_view argument) {
  if (error.pointer == "/labels/" + std::string{label}) error.pointer = "/" + std::string{argument};
  return error;
}
}  // namespace

Result<void> Metrics::record_operation(RecordOperationArgs const& args) {
  auto const code = args.success ? std::string{"ok"} : args.error_code.empty() ? std::string{"error"} : args.error_code;
  auto calls = host_.own_counter(host_operations, "Operations of the host by outcome",
                                 {{"operation", args.operation}, {"code", code}});
  if (!calls) return renamed(calls.error(), "code", "error_code");
  auto duration = host_.own_histogram(host_operation_duration, "Duration of the host's operations",
                                      {{"operation", args.operation}});
  if (!duration) return duration.error();
  calls->add();
  duration->observe(args.duration_ms / 1000);
  return {};
}

Result<void> Metrics::record_api(RecordApiArgs const& args) {
  auto const endpoint = endpoint_template(args.endpoint);
  auto calls = host_.own_counter(host_requests, "Requests of the host to APIs by status; 0: no answer",
                                 {{"api", args.api}, {"endpoint", endpoint}, {"status", std::to_string(args.status)}});
  if (!calls) return calls.error();
  auto duration = host_.own_histogram(host_request_duration, "Duration of the host's requests to APIs",
                                      {{"api", args.api}, {"endpoint", endpoint}});
  if (!duration) return duration.error();
  calls->add();
  duration->observe(args.duration_ms / 1000);
  return {};
}

std::vector<MetricFamily> Metrics::gather() const {
  auto out = GatewayFamilies{counters_, settings_.build_info}.Collect();
  auto host = host_.collect();
  std::move(host.begin(), host.end(), std::back_inserter(out));

  MetricFamily series;
  series.name = "patchbay_metrics_series";
  series.help = "Series of each metric";
  series.type = MetricType::Gauge;
  for (auto const& family : out) {
    auto& one = series.metric.emplace_back();
    one.label.push_back({"family", family.name});
    one.gauge.value = static_cast<double>(family.metric.size());
  }
  out.push_back(std::move(series));
  out.push_back(single("patchbay_metrics_dropped_series_total",
                       "Times that a series was taken as other since its metric was full", MetricType::Counter,
                       static_cast<double>(counters_.dropped_series() + host_.dropped())));
  put_in_order(out);
  return out;
}

Result<ScrapeResult> Metrics::scrape(ScrapeArgs const& args) {
  if (args.format != "text") return Error{Code::invalid_argument, "the only format is text", "/format"};
  auto families = gather();
  for (auto& family : families) family.help = escaped_help(family.help.empty() ? family.name : family.help);
  ScrapeResult out{"text/plain; version=0.0.4; charset=utf-8", prometheus::TextSerializer{}.Serialize(families)};
  ++scrapes_;
  last_bytes_ = out.body.size();
  return out;
}

Result<GetResult> Metrics::get(GetArgs const& args) const {
  auto const known = host_.known_as(args.name);
  auto const name = known.empty() ? args.name : known;
  auto const families = gather();
  auto const family = std::find_if(families.begin(), families.end(), [&](auto const& one) { return one.name == name; });
  if (family == families.end()) {
    std::vector<std::string_view> names;
    for (auto const& one : families) names.push_back(one.name);
    return Error{Code::not_found,
                 fmt::format("no metric \"{}\" has a value yet; {}metrics_scrape shows all", args.name,
                             did_you_mean(args.name, names)),
                 "/name"};
  }
  GetResult out;
  bool const histogram = family->type == MetricType::Histogram;
  out.type = family->type == MetricType::Counter ? Type::counter : histogram ? Type::histogram : Type::gauge;
  for (auto const& metric : family->metric) {
    if (!has_labels(metric, args.labels)) continue;
    ++out.series;
    if (!histogram) {
      out.value = out.value.value_or(0) + (out.type == Type::counter ? metric.counter.value : metric.gauge.value);
      continue;
    }
    out.count = out.count.value_or(0) + metric.histogram.sample_count;
    out.sum = out.sum.value_or(0) + metric.histogram.sample_sum;
    if (!out.buckets) out.buckets.emplace(metric.histogram.bucket.size());
    for (std::size_t i = 0; i < metric.histogram.bucket.size(); ++i) {
      (*out.buckets)[i].le = bound_text(metric.histogram.bucket[i].upper_bound);
      (*out.buckets)[i].count += metric.histogram.bucket[i].cumulative_count;
    }
  }
  if (out.series == 0)
    return Error{Code::not_found, fmt::format("{} has no series with these labels", name), "/labels"};
  return out;
}

PerformanceReportResult Metrics::performance_report(PerformanceReportArgs const& args) const {
  return performance_of(gather(), args.slow_threshold_ms);
}

StatsResult Metrics::stats() const {
  return {.families = static_cast<std::uint32_t>(host_.families()),
          .series = static_cast<std::uint32_t>(host_.series()),
          .dropped_series = counters_.dropped_series() + host_.dropped(),
          .scrapes = scrapes_,
          .last_scrape_bytes = last_bytes_};
}

}  // namespace patchbay::metrics
