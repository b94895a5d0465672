#include "plugins/home_assistant/estimates.hpp"
#include "plugins/home_assistant/values.hpp"

#include <algorithm>
#include <cmath>
#include <map>

namespace patchbay::home_assistant {
namespace {

// Seconds of the day from one to another, whichever way is shorter.
double apart_in_day(double a, double b) {
  auto const difference = std::fabs(std::fmod(a, seconds_a_day) - std::fmod(b, seconds_a_day));
  return std::min(difference, seconds_a_day - difference);
}

}  // namespace

double quantile_of(std::vector<double> values, double fraction) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  auto const place = fraction * static_cast<double>(values.size() - 1);
  auto const below = static_cast<std::size_t>(std::floor(place));
  auto const above = std::min(below + 1, values.size() - 1);
  return values[below] + (values[above] - values[below]) * (place - static_cast<double>(below));
}

double median_of(std::vector<double> values) { return quantile_of(std::move(values), 0.5); }

Baseline baseline_of(std::vector<double> const& values) {
  Baseline out;
  out.n = values.size();
  if (values.empty()) return out;
  out.median = median_of(values);
  std::vector<double> away;
  double sum = 0;
  for (auto value : values) {
    away.push_back(std::fabs(value - out.median));
    sum += away.back();
  }
  out.mad = median_of(away);
  // More than half of the values are the same: the mean deviation still tells how far the others go. Are all the same,
  // then a thousandth of the value, or of one, is the least that counts as a deviation.
  out.scale = out.mad / 0.6745;
  if (out.scale == 0) out.scale = 1.2533 * sum / static_cast<double>(values.size());
  out.scale = std::max(out.scale, 0.001 * std::max(1.0, std::fabs(out.median)));
  return out;
}

double robust_score(double value, Baseline const& baseline) {
  return baseline.n == 0 ? 0 : (value - baseline.median) / baseline.scale;
}

std::optional<double> value_at(Series const& series, double at) {
  auto const after =
      std::upper_bound(series.begin(), series.end(), at, [](double when, Sample const& one) { return when < one.at; });
  if (after == series.begin()) return std::nullopt;
  return std::prev(after)->value;
}

std::vector<double> resampled(Series const& series, double from, double to, double step) {
  std::vector<double> out;
  for (double at = from; at < to; at += step)
    if (auto value = value_at(series, at)) out.push_back(*value);
  return out;
}

std::vector<double> resampled_near_hour(Series const& series, double from, double now, double width, double step,
                                        std::size_t& days) {
  std::vector<double> out;
  days = 0;
  for (double middle = now - seconds_a_day; middle >= from; middle -= seconds_a_day) {
    auto const part = resampled(series, std::max(from, middle - width), middle + width, step);
    if (!part.empty()) ++days;
    out.insert(out.end(), part.begin(), part.end());
  }
  return out;
}

std::optional<double> time_weighted_mean(Series const& series, double from, double to) {
  double sum = 0, known = 0;
  for (std::size_t i = 0; i < series.size(); ++i) {
    auto const begin = std::max(series[i].at, from);
    auto const end = std::min(i + 1 < series.size() ? series[i + 1].at : to, to);
    if (end <= begin) continue;
    sum += series[i].value * (end - begin);
    known += end - begin;
  }
  if (known <= 0) return std::nullopt;
  return sum / known;
}

std::vector<double> rates_of(Series const& series) {
  std::vector<double> out;
  for (std::size_t i = 1; i < series.size(); ++i) {
    auto const seconds = series[i].at - series[i - 1].at;
    if (seconds >= 1) out.push_back(std::fabs(series[i].value - series[i - 1].value) / seconds * 60);
  }
  return out;
}

std::vector<double> gaps_of(Series const& series) {
  std::vector<double> out;
  for (std::size_t i = 1; i < series.size(); ++i) out.push_back(series[i].at - series[i - 1].at);
  return out;
}

std::vector<Interval> intervals_of(Series const& on_or_off) {
  std::vector<Interval> out;
  for (auto const& one : on_or_off) {
    bool const open = !out.empty() && !out.back().to;
    if (one.value != 0 && !open) out.push_back({one.at, std::nullopt});
    if (one.value == 0 && open) out.back().to = one.at;
  }
  return out;
}

double daily_rate_near_hour(std::vector<Interval> const& intervals, double from, double now, double width) {
  auto const days = (now - from) / seconds_a_day;
  if (days <= 0) return 0;
  auto const near = std::count_if(intervals.begin(), intervals.end(), [&](Interval const& one) {
    return one.from < now && one.from >= from && apart_in_day(one.from, now) <= width;
  });
  return static_cast<double>(near) / days;
}

Evening evening_of(std::vector<Interval> const& intervals, double offset, double now, double from_minute,
                   double to_minute) {
  // The longest time of each evening: a lamp that flickered on for a minute says nothing of habits.
  struct Longest {
    double on = 0, off = 0;
  };
  std::map<long, Longest> evenings;
  for (auto const& one : intervals) {
    auto const local = one.from + offset;
    auto const date = static_cast<long>(std::floor(local / seconds_a_day));
    auto const on = (local - static_cast<double>(date) * seconds_a_day) / 60;
    auto const off = on + (one.to.value_or(now) - one.from) / 60;
    if (off < from_minute || on > to_minute) continue;
    auto& longest = evenings[date];
    if (off - on > longest.off - longest.on) longest = {std::max(on, from_minute), std::min(off, to_minute)};
  }
  std::vector<double> on, off;
  for (auto const& [date, longest] : evenings) {
    on.push_back(longest.on);
    off.push_back(longest.off);
  }
  return {evenings.size(), median_of(on), median_of(off)};
}

std::vector<double> shares_of(std::vector<double> const& scores) {
  double sum = 0;
  for (auto one : scores) sum += one;
  std::vector<double> out;
  for (auto one : scores) out.push_back(sum > 0 ? one / sum : 0);
  return out;
}

}  // namespace patchbay::home_assistant
