// Metrics: the operations of METRICS. Shows the gateway's counters, the process and what the host counts, all in one
// scrape.
//
//   metrics::Metrics metrics{counters, {.build_info = {{"version", "1.2.0"}}}};
//   auto orders = metrics.counter("orders_total", {{"shop", "north"}});      // host code: once
//   orders->add();                                                           // and then often
//   std::string page = metrics.scrape({})->body;
//
// Any thread. Handles live as long as the module. A scrape copies everything once: some 2 ms for 1000 series.
#pragma once

#include <atomic>

#include "core/base/counters.hpp"
#include "core/metrics/host_metrics.hpp"

namespace patchbay::metrics {

struct Settings {
  HostMetrics::Limits limits{};
  Labels build_info{{"version", "unknown"}};  // labels of patchbay_build_info; the compiler is added
};

class Metrics {
 public:
  explicit Metrics(Counters& counters, Settings settings = {});
  ~Metrics();
  Metrics(Metrics const&) = delete;
  Metrics& operator=(Metrics const&) = delete;

  // For host code that counts often. Errors: invalid_argument, conflict (another type), rate_limited.
  Result<CounterHandle> counter(std::string_view name, LabelMap const& labels = {}) {
    return host_.counter(name, labels);
  }
  Result<GaugeHandle> gauge(std::string_view name, LabelMap const& labels = {}) { return host_.gauge(name, labels); }
  Result<HistogramHandle> histogram(std::string_view name, LabelMap const& labels = {},
                                    std::vector<double> const& buckets = {}) {
    return host_.histogram(name, labels, buckets);
  }

  Result<void> increment(IncrementArgs const& args);
  Result<void> set_gauge(GaugeArgs const& args);
  Result<void> add_gauge(GaugeArgs const& args);
  Result<void> observe(ObserveArgs const& args);
  Result<void> record_operation(RecordOperationArgs const& args);
  Result<void> record_api(RecordApiArgs const& args);
  Result<void> declare(DeclareArgs const& args) { return host_.declare(args); }
  Result<GetResult> get(GetArgs const& args) const;
  PerformanceReportResult performance_report(PerformanceReportArgs const& args) const;
  Result<ScrapeResult> scrape(ScrapeArgs const& args);
  StatsResult stats() const;

 private:
  std::vector<prometheus::MetricFamily> gather() const;

  Counters& counters_;
  Settings const settings_;
  HostMetrics host_;
  std::atomic<std::uint64_t> scrapes_{0}, last_bytes_{0};
  std::vector<std::uint64_t> limit_gauges_;
};

}  // namespace patchbay::metrics
