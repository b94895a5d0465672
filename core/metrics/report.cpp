#include "core/metrics/report.hpp"

#include <algorithm>
#include <cmath>

namespace patchbay::metrics {
namespace {

using prometheus::ClientMetric;

std::string_view label(ClientMetric const& metric, std::string_view name) {
  for (auto const& one : metric.label)
    if (one.name == name) return one.value;
  return {};
}

std::string operation_of(ClientMetric const& metric) {
  auto const interface = label(metric, "interface");
  std::string out{interface};
  if (!interface.empty()) out += '.';
  out += label(metric, "operation");
  return out;
}

}  // namespace

std::optional<double> quantile(ClientMetric::Histogram const& histogram, double share) {
  auto const& buckets = histogram.bucket;
  if (buckets.empty() || buckets.back().cumulative_count == 0) return std::nullopt;
  auto const rank = share * static_cast<double>(buckets.back().cumulative_count);
  std::size_t at = 0;
  while (at + 1 < buckets.size() && static_cast<double>(buckets[at].cumulative_count) < rank) ++at;
  if (!std::isfinite(buckets[at].upper_bound))
    return at == 0 ? std::nullopt : std::optional{buckets[at - 1].upper_bound};
  auto const upper = buckets[at].upper_bound;
  if (at == 0 && upper <= 0) return upper;
  auto const lower = at == 0 ? 0 : buckets[at - 1].upper_bound;
  auto const below = at == 0 ? 0 : static_cast<double>(buckets[at - 1].cumulative_count);
  auto const within = static_cast<double>(buckets[at].cumulative_count) - below;
  return within <= 0 ? upper : lower + (upper - lower) * (rank - below) / within;
}

PerformanceReportResult performance_of(std::vector<prometheus::MetricFamily> const& families, double slow_ms) {
  std::map<std::string, OperationFigures> found;
  for (auto const& family : families) {
    bool const counts = family.name == "patchbay_operations_total" || family.name == host_operations;
    bool const durations =
        family.name == "patchbay_operation_duration_seconds" || family.name == host_operation_duration;
    if (!counts && !durations) continue;
    for (auto const& metric : family.metric) {
      auto& figures = found[operation_of(metric)];
      if (counts) {
        auto const calls = static_cast<std::uint64_t>(metric.counter.value);
        figures.count += calls;
        if (label(metric, "code") != "ok") figures.errors += calls;
      } else {
        auto const ms = [&](double share) -> std::optional<double> {
          auto const seconds = quantile(metric.histogram, share);
          if (!seconds) return std::nullopt;
          return *seconds * 1000;
        };
        figures.p50_ms = ms(0.5);
        figures.p95_ms = ms(0.95);
        figures.p99_ms = ms(0.99);
      }
    }
  }
  PerformanceReportResult out;
  std::vector<std::pair<double, std::string>> slow;
  for (auto& [name, figures] : found) {
    if (figures.count == 0) continue;
    figures.name = name;
    if (figures.p95_ms.value_or(0) > slow_ms) slow.emplace_back(*figures.p95_ms, name);
    out.operations.push_back(std::move(figures));
  }
  std::stable_sort(slow.begin(), slow.end(), [](auto const& a, auto const& b) { return a.first > b.first; });
  for (auto& [ms, name] : slow) out.slow.push_back(std::move(name));
  return out;
}

}  // namespace patchbay::metrics
