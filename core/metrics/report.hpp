// Quantiles from histograms, and the performance report made of them. Pure functions, any thread. Private to the
// module.
#pragma once

#include <prometheus/metric_family.h>

#include "core/metrics/operations.hpp"

namespace patchbay::metrics {

// Linear within the bucket that holds it, as Prometheus' histogram_quantile has it: from 0 (or the first bound, if that
// is below) up; beyond the last finite bound that bound. Nothing when there are no measurements.
std::optional<double> quantile(prometheus::ClientMetric::Histogram const& histogram, double share);

// Of the gateway's operations and those the host has recorded.
PerformanceReportResult performance_of(std::vector<prometheus::MetricFamily> const& families, double slow_ms);

inline constexpr std::string_view host_operations = "patchbay_host_operations_total";
inline constexpr std::string_view host_operation_duration = "patchbay_host_operation_duration_seconds";
inline constexpr std::string_view host_requests = "patchbay_host_api_requests_total";
inline constexpr std::string_view host_request_duration = "patchbay_host_api_request_duration_seconds";

}  // namespace patchbay::metrics
