// Statistics of the small kind: medians, robust scores, what a sensor does at an hour of the day, how long doors stand
// open. Everything that the tools of the categories intelligence and security conclude rests on these.
//
//   auto const usual = baseline_of(values);                      // median and deviation
//   if (robust_score(21.5, usual) > 3.5) ...                     // unusual
//   auto const grid = resampled(series, from, to, 300);          // the value that held each five minutes
//
// Times are seconds since 1970. Pure functions over plain numbers, any thread; nothing is answered where there is too
// little to say something: the caller looks at the counts.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

namespace patchbay::home_assistant {

struct Sample {
  double at = 0;  // from then on
  double value = 0;
};
using Series = std::vector<Sample>;  // by time

double median_of(std::vector<double> values);                     // 0 for none
double quantile_of(std::vector<double> values, double fraction);  // 0 for none; linear between two

struct Baseline {
  std::size_t n = 0;
  double median = 0;
  double mad = 0;    // median absolute deviation
  double scale = 0;  // one standard deviation of a normal distribution with this spread; never 0 when n > 0
};
Baseline baseline_of(std::vector<double> const& values);
// How many such standard deviations a value is away: 0.6745 (x - median) / MAD where MAD is not 0.
double robust_score(double value, Baseline const& baseline);

// The value that held at a time, or nothing before the first.
std::optional<double> value_at(Series const& series, double at);
std::vector<double> resampled(Series const& series, double from, double to, double step);
// The same, only within `width` seconds of the hour of the day at which `now` is, on the days before it.
std::vector<double> resampled_near_hour(Series const& series, double from, double now, double width, double step,
                                        std::size_t& days);
// Weighted by how long each value held; nothing when none is known in that time.
std::optional<double> time_weighted_mean(Series const& series, double from, double to);

// Changes in a minute, as absolute values, between consecutive samples at least a second apart.
std::vector<double> rates_of(Series const& series);
// Seconds between consecutive samples.
std::vector<double> gaps_of(Series const& series);

// Times in which something was on; the last may be open.
struct Interval {
  double from = 0;
  std::optional<double> to{};
};
std::vector<Interval> intervals_of(Series const& on_or_off);  // value != 0: on
// Openings that began at about the hour of the day (`width` seconds around it), for each day that was watched.
double daily_rate_near_hour(std::vector<Interval> const& intervals, double from, double now, double width);

// What a lamp usually does in the evening, of each day the longest time that it was on between the two minutes of the
// local day; `offset`: seconds east of UTC.
struct Evening {
  std::size_t days = 0;                  // on which it was on in the evening
  double on_minute = 0, off_minute = 0;  // medians, minutes after local midnight
};
Evening evening_of(std::vector<Interval> const& intervals, double offset, double now, double from_minute,
                   double to_minute);

// Scores to shares that sum to 1; all zero when the sum is.
std::vector<double> shares_of(std::vector<double> const& scores);

}  // namespace patchbay::home_assistant
