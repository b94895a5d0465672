#include "interfaces/metrics.hpp"

namespace patchbay {

void MetricsInterface::declare(OperationTable& table) {
  auto& m = metrics_;
  table.add(metrics::increment, [&m](Call&, metrics::IncrementArgs args) { return m.increment(args); });
  table.add(metrics::set_gauge, [&m](Call&, metrics::GaugeArgs args) { return m.set_gauge(args); });
  table.add(metrics::add_gauge, [&m](Call&, metrics::GaugeArgs args) { return m.add_gauge(args); });
  table.add(metrics::observe, [&m](Call&, metrics::ObserveArgs args) { return m.observe(args); });
  table.add(metrics::record_operation,
            [&m](Call&, metrics::RecordOperationArgs args) { return m.record_operation(args); });
  table.add(metrics::record_api, [&m](Call&, metrics::RecordApiArgs args) { return m.record_api(args); });
  table.add(metrics::declare, [&m](Call&, metrics::DeclareArgs args) { return m.declare(args); });
  table.add(metrics::get, [&m](Call&, metrics::GetArgs args) { return m.get(args); });
  table.add(metrics::performance_report,
            [&m](Call&, metrics::PerformanceReportArgs args) { return m.performance_report(args); });
  table.add(metrics::scrape, [&m](Call&, metrics::ScrapeArgs args) { return m.scrape(args); });
  table.add(metrics::stats, [&m](Call&, Nothing) { return m.stats(); });
}

}  // namespace patchbay
