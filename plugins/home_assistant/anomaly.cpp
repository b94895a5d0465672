#include "plugins/home_assistant/anomaly.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>

namespace patchbay::home_assistant {
namespace {

constexpr double sample_step = 300, seconds_an_hour = 3600;

void judge_rate(Series const& series, double threshold, Verdict& out) {
  auto rates = rates_of(series);
  if (rates.size() < least_values) return;
  auto const last = rates.back();
  rates.pop_back();
  auto const usual = baseline_of(rates);
  auto const score = robust_score(last, usual);
  // A change that was as fast before is no news, whatever the spread.
  if (score <= threshold || last <= quantile_of(rates, 0.99)) return;
  out.findings.push_back({"rate",
                          fmt::format("it last changed by {:.4g} a minute; usual is {:.4g}", last, usual.median), last,
                          usual.median, score});
}

void judge_standstill(Series const& series, double now, double threshold, Verdict& out) {
  auto const gaps = gaps_of(series);
  if (gaps.size() < least_values) return;
  auto const age = now - series.back().at;
  auto const longest = *std::max_element(gaps.begin(), gaps.end());
  auto const usual = baseline_of(gaps);
  auto const score = robust_score(age, usual);
  if (age < seconds_an_hour || age < 3 * longest || score <= threshold) return;
  out.findings.push_back(
      {"stuck",
       fmt::format("it has not changed for {:.0f} min; the longest time before was {:.0f} min", age / 60, longest / 60),
       age, usual.median, score});
}

}  // namespace

double threshold_of(std::string_view sensitivity) {
  if (sensitivity == "low") return 5;
  return sensitivity == "high" ? 2.5 : 3.5;
}

Verdict judge_reading(Series const& series, double value, double now, double from, double threshold) {
  Verdict out;
  out.recorded = series.size();
  if (series.size() < least_values) return out;
  std::size_t days = 0;
  auto values = resampled_near_hour(series, from, now, seconds_an_hour, sample_step, days);
  if (days >= 3 && values.size() >= least_values) {
    out.basis = fmt::format("same hour of {} days", days);
  } else {
    // What is judged is no part of what it is judged by.
    auto const until = std::max(from + sample_step, series.back().value == value ? series.back().at : now);
    values = resampled(series, series.front().at, until, sample_step);
    if (values.size() < least_values) {
      values.clear();
      for (auto const& one : series)
        if (one.at < until) values.push_back(one.value);
    }
    out.basis = "all hours";
  }
  if (values.size() < least_values) return out;
  out.enough = true;
  out.baseline = baseline_of(values);
  out.score = robust_score(value, out.baseline);
  if (std::fabs(out.score) > threshold)
    out.findings.push_back({"value",
                            fmt::format("{:.4g} is far {} the usual {:.4g}", value, out.score > 0 ? "above" : "below",
                                        out.baseline.median),
                            value, out.baseline.median, out.score});
  judge_rate(series, threshold, out);
  judge_standstill(series, now, threshold, out);
  return out;
}

}  // namespace patchbay::home_assistant
