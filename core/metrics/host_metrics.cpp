#include "core/metrics/host_metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/metric_family.h>
#include <spdlog/fmt/fmt.h>

#include <cmath>
#include <mutex>

#include "core/metrics/names.hpp"

namespace patchbay::metrics {
namespace {

std::vector<double> const default_buckets{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};
constexpr char const* no_help = "Not described by the host; metrics_declare does that";

std::string_view name_of(Type type) { return EnumNames<Type>::names[static_cast<std::size_t>(type)].first; }

}  // namespace

void CounterHandle::add(double by) const {
  if (counter_ != nullptr && by >= 0 && std::isfinite(by)) counter_->Increment(by);
}
void GaugeHandle::set(double value) const {
  if (gauge_ != nullptr && std::isfinite(value)) gauge_->Set(value);
}
void GaugeHandle::add(double by) const {
  if (gauge_ != nullptr && std::isfinite(by)) gauge_->Increment(by);
}
void HistogramHandle::observe(double value) const {
  if (histogram_ != nullptr && std::isfinite(value)) histogram_->Observe(value);
}

// One of the three, by the family's type.
struct HostMetrics::Series {
  std::vector<std::string> values;
  std::unique_ptr<prometheus::Counter> counter;
  std::unique_ptr<prometheus::Gauge> gauge;
  std::unique_ptr<prometheus::Histogram> histogram;
};

struct HostMetrics::Family {
  std::string name, help;
  Type type;
  std::vector<std::string> label_names;  // sorted
  std::vector<double> buckets;
  std::unordered_map<std::string, std::unique_ptr<Series>, Hash, std::equal_to<>> series;
};

struct HostMetrics::Wanted {
  std::string_view name;
  Type type;
  std::vector<double> const* buckets = nullptr;
  std::string_view help{};
  bool own = false;  // the gateway's: the name is as it should be
};

HostMetrics::HostMetrics(Limits limits) : limits_(limits) {}
HostMetrics::~HostMetrics() = default;

namespace {
// Values that belong together; U+0000 is refused in them.
std::string key_of(LabelMap const& labels) {
  std::string key;
  for (auto const& [name, value] : labels) {
    key += value;
    key += '\0';
  }
  return key;
}

bool same_names(std::vector<std::string> const& names, LabelMap const& labels) {
  return names.size() == labels.size() && std::equal(names.begin(), names.end(), labels.begin(),
                                                     [](auto const& a, auto const& b) { return a == b.first; });
}
}  // namespace

Result<HostMetrics::Family*> HostMetrics::family_locked(Wanted const& wanted, std::vector<std::string> label_names) {
  auto const other_type = [&](Family const& family) {
    return Error{Code::conflict,
                 fmt::format("{} is a {} already, not a {}", family.name, name_of(family.type), name_of(wanted.type)),
                 "/name"};
  };
  if (auto const found = by_name_.find(wanted.name); found != by_name_.end()) {
    if (found->second->type != wanted.type) return other_type(*found->second);
    return found->second;
  }
  std::string shown{wanted.name};
  if (!wanted.own) {
    auto named = shown_name(wanted.name, wanted.type);
    if (!named) return named.error();
    shown = std::move(*named);
  }
  if (auto const found = by_name_.find(shown); found != by_name_.end()) {  // orders, where orders_total is known
    if (found->second->type != wanted.type) return other_type(*found->second);
    by_name_.emplace(std::string{wanted.name}, found->second);
    return found->second;
  }
  if (label_names.size() > max_labels)
    return Error{Code::invalid_argument, fmt::format("at most {} labels, there are {}", max_labels, label_names.size()),
                 "/labels"};
  for (auto const& label : label_names)
    if (auto good = check_label_name(label, "/labels"); !good) return good.error();
  auto buckets = wanted.buckets != nullptr && !wanted.buckets->empty() ? *wanted.buckets : default_buckets;
  if (auto good = check_buckets(buckets); !good) return good.error();
  if (families_.size() >= limits_.families)
    return Error{Code::rate_limited,
                 fmt::format("there are {} metrics already, which is all there may be", families_.size()), "/name"};
  auto family = std::make_unique<Family>();
  family->name = shown;
  family->help = wanted.help.empty() ? std::string_view{no_help} : wanted.help;
  family->type = wanted.type;
  family->label_names = std::move(label_names);
  family->buckets = std::move(buckets);
  auto* const made = families_.emplace_back(std::move(family)).get();
  by_name_.emplace(std::move(shown), made);
  by_name_.emplace(std::string{wanted.name}, made);
  return made;
}

Result<HostMetrics::Series*> HostMetrics::series_locked(Family& family, LabelMap const& labels) {
  if (!same_names(family.label_names, labels))
    return Error{Code::invalid_argument,
                 family.label_names.empty() ? fmt::format("{} has no labels", family.name)
                                            : fmt::format("{} has the labels {}: give exactly these", family.name,
                                                          fmt::join(family.label_names, ", ")),
                 "/labels"};
  auto key = key_of(labels);
  if (auto const found = family.series.find(key); found != family.series.end()) return found->second.get();
  std::vector<std::string> values;
  for (auto const& [name, value] : labels) {
    if (auto good = check_label_value(name, value); !good) return good.error();
    values.push_back(value);
  }
  // The last place is kept for "other".
  if (!labels.empty() && family.series.size() + 1 >= limits_.series_per_family) {
    dropped_.fetch_add(1, std::memory_order_relaxed);
    auto folded = labels;
    for (auto& [name, value] : folded) value = "other";
    key = key_of(folded);
    if (auto const found = family.series.find(key); found != family.series.end()) return found->second.get();
    values.assign(values.size(), "other");
  } else if (series_ >= limits_.series) {
    return Error{Code::rate_limited, fmt::format("there are {} series already, which is all there may be", series()),
                 "/labels"};
  }
  auto one = std::make_unique<Series>();
  one->values = std::move(values);
  switch (family.type) {
    case Type::counter: one->counter = std::make_unique<prometheus::Counter>(); break;
    case Type::gauge: one->gauge = std::make_unique<prometheus::Gauge>(); break;
    case Type::histogram: one->histogram = std::make_unique<prometheus::Histogram>(family.buckets); break;
  }
  ++series_;
  return family.series.emplace(std::move(key), std::move(one)).first->second.get();
}

Result<HostMetrics::Series*> HostMetrics::resolve(Wanted const& wanted, LabelMap const& labels) {
  {
    std::shared_lock lock{mutex_};
    if (auto const family = by_name_.find(wanted.name); family != by_name_.end())
      if (family->second->type == wanted.type && same_names(family->second->label_names, labels))
        if (auto const found = family->second->series.find(key_of(labels)); found != family->second->series.end())
          return found->second.get();
  }
  std::vector<std::string> label_names;
  for (auto const& [name, value] : labels) {
    if (auto good = check_label_value(name, value); !good) return good.error();  // before a family is made for it
    label_names.push_back(name);
  }
  std::unique_lock lock{mutex_};
  auto family = family_locked(wanted, std::move(label_names));
  if (!family) return family.error();
  return series_locked(**family, labels);
}

Result<CounterHandle> HostMetrics::counter(std::string_view name, LabelMap const& labels) {
  auto found = resolve({name, Type::counter}, labels);
  if (!found) return found.error();
  return CounterHandle{(*found)->counter.get()};
}
Result<GaugeHandle> HostMetrics::gauge(std::string_view name, LabelMap const& labels) {
  auto found = resolve({name, Type::gauge}, labels);
  if (!found) return found.error();
  return GaugeHandle{(*found)->gauge.get()};
}
Result<HistogramHandle> HostMetrics::histogram(std::string_view name, LabelMap const& labels,
                                               std::vector<double> const& buckets) {
  auto found = resolve({name, Type::histogram, &buckets}, labels);
  if (!found) return found.error();
  return HistogramHandle{(*found)->histogram.get()};
}
Result<CounterHandle> HostMetrics::own_counter(std::string_view name, std::string_view help, LabelMap const& labels) {
  auto found = resolve({name, Type::counter, nullptr, help, true}, labels);
  if (!found) return found.error();
  return CounterHandle{(*found)->counter.get()};
}
Result<HistogramHandle> HostMetrics::own_histogram(std::string_view name, std::string_view help,
                                                   LabelMap const& labels) {
  auto found = resolve({name, Type::histogram, nullptr, help, true}, labels);
  if (!found) return found.error();
  return HistogramHandle{(*found)->histogram.get()};
}

Result<void> HostMetrics::declare(DeclareArgs const& args) {
  if (!is_utf8(args.help) || args.help.size() > 1024)
    return Error{Code::invalid_argument, "help is UTF-8 text of at most 1024 bytes", "/help"};
  if (!args.buckets.empty() && args.type != Type::histogram)
    return Error{Code::invalid_argument, "only a histogram has buckets", "/buckets"};
  for (std::size_t i = 0; i < args.labels.size(); ++i)
    if (auto good = check_label_name(args.labels[i], ""); !good) {
      auto error = good.error();
      error.pointer = "/labels/" + std::to_string(i);
      return error;
    }
  auto label_names = args.labels;
  std::sort(label_names.begin(), label_names.end());
  if (auto twice = std::adjacent_find(label_names.begin(), label_names.end()); twice != label_names.end())
    return Error{Code::invalid_argument, fmt::format("the label {} stands there twice", *twice), "/labels"};
  std::unique_lock lock{mutex_};
  auto const before = families_.size();
  auto found = family_locked({args.name, args.type, &args.buckets, args.help}, label_names);
  if (!found) return found.error();
  auto& family = **found;
  if (families_.size() == before) {
    if (family.label_names != label_names)
      return Error{
          Code::conflict,
          fmt::format("{} exists with {}", family.name,
                      family.label_names.empty() ? std::string{"no labels"}
                                                 : fmt::format("the labels {}", fmt::join(family.label_names, ", "))),
          "/labels"};
    if (!args.buckets.empty() && family.buckets != args.buckets)
      return Error{Code::conflict,
                   fmt::format("{} exists with the buckets {}", family.name, fmt::join(family.buckets, ", ")),
                   "/buckets"};
    if (!args.help.empty()) family.help = args.help;
  }
  // A zero that can be seen is better than a metric that is not there yet.
  if (label_names.empty())
    if (auto made = series_locked(family, {}); !made) return made.error();
  return {};
}

std::vector<prometheus::MetricFamily> HostMetrics::collect() const {
  std::vector<prometheus::MetricFamily> out;
  std::shared_lock lock{mutex_};
  out.reserve(families_.size());
  for (auto const& family : families_) {
    if (family->series.empty()) continue;
    auto& shown = out.emplace_back();
    shown.name = family->name;
    shown.help = family->help;
    shown.type = family->type == Type::counter ? prometheus::MetricType::Counter
                 : family->type == Type::gauge ? prometheus::MetricType::Gauge
                                               : prometheus::MetricType::Histogram;
    shown.metric.reserve(family->series.size());
    for (auto const& [key, series] : family->series) {
      shown.metric.push_back(series->counter ? series->counter->Collect()
                             : series->gauge ? series->gauge->Collect()
                                             : series->histogram->Collect());
      auto& labels = shown.metric.back().label;
      for (std::size_t i = 0; i < family->label_names.size(); ++i)
        labels.push_back({family->label_names[i], series->values[i]});
    }
  }
  return out;
}

std::string HostMetrics::known_as(std::string_view name) const {
  std::shared_lock lock{mutex_};
  auto const found = by_name_.find(name);
  return found == by_name_.end() ? std::string{} : found->second->name;
}

std::size_t HostMetrics::families() const {
  std::shared_lock lock{mutex_};
  return families_.size();
}

}  // namespace patchbay::metrics
