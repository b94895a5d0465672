// GatewayFamilies: shows the gateway's own counters, and the process, to prometheus-cpp. Private to the module.
//
// Families of one name that several parts of the gateway show are put together, of equal series the first stays: a
// scrape that repeats itself is refused as a whole by Prometheus. Any thread.
#pragma once

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include "core/base/counters.hpp"

namespace patchbay::metrics {

class GatewayFamilies final : public prometheus::Collectable {
 public:
  GatewayFamilies(Counters const& counters, Labels const& build_info) : counters_(counters), build_info_(build_info) {}
  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  Counters const& counters_;
  Labels const& build_info_;
};

// One unlabelled or labelled figure as a family of its own.
prometheus::MetricFamily single(std::string name, std::string help, prometheus::MetricType type, double value,
                                Labels const& labels = {});
// By name, families of one name as one, series in the order of their labels and each once.
void put_in_order(std::vector<prometheus::MetricFamily>& families);

}  // namespace patchbay::metrics
