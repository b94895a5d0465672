// HostMetrics: the metrics of the host program, held in prometheus-cpp objects.
//
//   HostMetrics store{{}};
//   auto orders = store.counter("orders_total", {{"shop", "north"}});   // once
//   orders->add();                                                       // some 20 ns, any thread
//
// A family is made at its first use or by declare; its type, label names and buckets stay as they were then. At most
// `max_series` series a family: the last is the one whose label values are all "other", which takes what is beyond.
// Series are never removed, so handles stay good as long as the store lives. Finding one by name and labels takes a
// shared lock and some 0.2 us.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/base/result.hpp"
#include "core/metrics/operations.hpp"

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
struct MetricFamily;
}  // namespace prometheus

namespace patchbay::metrics {

// Handles: small values for hot paths. An empty one does nothing.
class CounterHandle {
 public:
  CounterHandle() = default;
  explicit CounterHandle(prometheus::Counter* counter) : counter_(counter) {}
  void add(double by = 1) const;  // negative or not finite: nothing happens
 private:
  prometheus::Counter* counter_ = nullptr;
};
class GaugeHandle {
 public:
  GaugeHandle() = default;
  explicit GaugeHandle(prometheus::Gauge* gauge) : gauge_(gauge) {}
  void set(double value) const;
  void add(double by) const;

 private:
  prometheus::Gauge* gauge_ = nullptr;
};
class HistogramHandle {
 public:
  HistogramHandle() = default;
  explicit HistogramHandle(prometheus::Histogram* histogram) : histogram_(histogram) {}
  void observe(double value) const;

 private:
  prometheus::Histogram* histogram_ = nullptr;
};

struct HostLimits {
  std::size_t series_per_family = 1000;
  std::size_t families = 1000;
  std::size_t series = 50'000;  // of all families
};
// By the names under which a configuration sets them and patchbay_limit{name} shows them.
struct HostLimit {
  std::string_view name;
  std::size_t HostLimits::*member;
  std::size_t least, most;
};
inline constexpr std::array host_limits{HostLimit{"metric_series", &HostLimits::series_per_family, 2, 100'000},
                                        HostLimit{"metrics", &HostLimits::families, 0, 100'000},
                                        HostLimit{"metric_series_in_all", &HostLimits::series, 0, 1'000'000}};

class HostMetrics {
 public:
  using Limits = HostLimits;

  explicit HostMetrics(Limits limits);
  ~HostMetrics();
  HostMetrics(HostMetrics const&) = delete;
  HostMetrics& operator=(HostMetrics const&) = delete;

  // Errors: invalid_argument (name, labels, buckets), conflict (another type), rate_limited (too many families or
  // series in all).
  Result<CounterHandle> counter(std::string_view name, LabelMap const& labels = {});
  Result<GaugeHandle> gauge(std::string_view name, LabelMap const& labels = {});
  Result<HistogramHandle> histogram(std::string_view name, LabelMap const& labels = {},
                                    std::vector<double> const& buckets = {});
  // The same for names that are the gateway's own.
  Result<CounterHandle> own_counter(std::string_view name, std::string_view help, LabelMap const& labels);
  Result<HistogramHandle> own_histogram(std::string_view name, std::string_view help, LabelMap const& labels);

  // Errors: conflict when it exists with another type, other labels or buckets; invalid_argument; rate_limited.
  Result<void> declare(DeclareArgs const& args);

  // For a scrape; families that have no series yet are left out.
  std::vector<prometheus::MetricFamily> collect() const;
  // The name that a scrape shows for what the host calls so; empty when there is none.
  std::string known_as(std::string_view name) const;

  std::size_t families() const;
  std::size_t series() const { return series_.load(std::memory_order_relaxed); }
  std::uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 private:
  struct Series;
  struct Family;
  struct Wanted;
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };

  Result<Series*> resolve(Wanted const& wanted, LabelMap const& labels);
  Result<Family*> family_locked(Wanted const& wanted, std::vector<std::string> label_names);
  Result<Series*> series_locked(Family& family, LabelMap const& labels);

  Limits const limits_;
  mutable std::shared_mutex mutex_;
  std::vector<std::unique_ptr<Family>> families_;
  std::unordered_map<std::string, Family*, Hash, std::equal_to<>> by_name_;  // as given and as shown
  std::atomic<std::size_t> series_{0};
  std::atomic<std::uint64_t> dropped_{0};
};

}  // namespace patchbay::metrics
