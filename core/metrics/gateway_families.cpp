#include "core/metrics/gateway_families.hpp"

#include <prometheus/metric_type.h>

#include <algorithm>
#include <limits>

#include "core/metrics/process.hpp"

namespace patchbay::metrics {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

std::vector<ClientMetric::Label> labels_of(Labels const& labels) {
  std::vector<ClientMetric::Label> out;
  out.reserve(labels.size());
  for (auto const& [name, value] : labels) out.push_back({name, value});
  return out;
}

ClientMetric series_of(FamilySample const& family, FamilySample::Series const& sample) {
  ClientMetric out;
  out.label = labels_of(sample.labels);
  switch (family.kind) {
    case FamilySample::Kind::counter: out.counter.value = sample.value; break;
    case FamilySample::Kind::gauge: out.gauge.value = sample.value; break;
    case FamilySample::Kind::histogram:
      for (std::size_t i = 0; i < sample.buckets.size(); ++i)
        out.histogram.bucket.push_back({sample.buckets[i], i < Histogram::bounds.size()
                                                               ? Histogram::bounds[i]
                                                               : std::numeric_limits<double>::infinity()});
      out.histogram.sample_count = sample.buckets.empty() ? 0 : sample.buckets.back();
      out.histogram.sample_sum = sample.sum;
      break;
  }
  return out;
}

void add_process(std::vector<MetricFamily>& out) {
  auto const figures = read_process();
  out.push_back(
      single("process_cpu_seconds_total", "Processor time used, in seconds", MetricType::Counter, figures.cpu_seconds));
  auto gauge = [&](char const* name, char const* help, auto const& value) {
    if (value) out.push_back(single(name, help, MetricType::Gauge, static_cast<double>(*value)));
  };
  gauge("process_resident_memory_bytes", "Resident memory, in bytes", figures.resident_bytes);
  gauge("process_virtual_memory_bytes", "Virtual memory, in bytes", figures.virtual_bytes);
  gauge("process_open_fds", "File descriptors that are open", figures.open_fds);
  gauge("process_max_fds", "File descriptors that may be open", figures.max_fds);
  gauge("process_start_time_seconds", "Start of the process, in seconds since 1970", figures.start_time_seconds);
  gauge("process_threads", "Threads of the process", figures.threads);
}

}  // namespace

MetricFamily single(std::string name, std::string help, MetricType type, double value, Labels const& labels) {
  MetricFamily family;
  family.name = std::move(name);
  family.help = std::move(help);
  family.type = type;
  auto& metric = family.metric.emplace_back();
  metric.label = labels_of(labels);
  (type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
  return family;
}

void put_in_order(std::vector<MetricFamily>& families) {
  std::stable_sort(families.begin(), families.end(), [](auto const& a, auto const& b) { return a.name < b.name; });
  std::vector<MetricFamily> out;
  out.reserve(families.size());
  for (auto& family : families) {
    if (!out.empty() && out.back().name == family.name) {
      if (out.back().type == family.type)
        std::move(family.metric.begin(), family.metric.end(), std::back_inserter(out.back().metric));
    } else {
      out.push_back(std::move(family));
    }
  }
  for (auto& family : out) {
    auto& all = family.metric;
    std::stable_sort(all.begin(), all.end(), [](auto const& a, auto const& b) { return a.label < b.label; });
    all.erase(std::unique(all.begin(), all.end(), [](auto const& a, auto const& b) { return a.label == b.label; }),
              all.end());
  }
  families = std::move(out);
}

std::vector<MetricFamily> GatewayFamilies::Collect() const {
  std::vector<MetricFamily> out;
  for (auto const& sample : counters_.sample()) {
    if (sample.series.empty()) continue;
    auto& family = out.emplace_back();
    family.name = sample.name;
    family.help = sample.help;
    family.type = sample.kind == FamilySample::Kind::counter ? MetricType::Counter
                  : sample.kind == FamilySample::Kind::gauge ? MetricType::Gauge
                                                             : MetricType::Histogram;
    family.metric.reserve(sample.series.size());
    for (auto const& series : sample.series) family.metric.push_back(series_of(sample, series));
  }
  add_process(out);
  out.push_back(
      single("patchbay_build_info", "Always 1; the labels say what was built", MetricType::Gauge, 1, build_info_));
  put_in_order(out);
  return out;
}

}  // namespace patchbay::metrics
