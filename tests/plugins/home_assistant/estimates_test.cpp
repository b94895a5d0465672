// What the tools of the categories intelligence and security conclude from numbers.
#include "plugins/home_assistant/estimates.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "plugins/home_assistant/anomaly.hpp"

namespace patchbay::home_assistant {
namespace {

constexpr double hour = 3600, day = 86'400;

TEST(Estimates, MedianAndQuantiles) {
  EXPECT_EQ(median_of({}), 0);
  EXPECT_EQ(median_of({3}), 3);
  EXPECT_EQ(median_of({4, 1, 3, 2}), 2.5);
  EXPECT_EQ(quantile_of({0, 10}, 0.95), 9.5);
  EXPECT_EQ(quantile_of({5, 1, 3}, 1), 5);
}

TEST(Estimates, ARobustScoreIgnoresOutliers) {
  auto const usual = baseline_of({20, 21, 19, 20, 22, 18, 500});
  EXPECT_EQ(usual.n, 7U);
  EXPECT_EQ(usual.median, 20);
  EXPECT_EQ(usual.mad, 1);
  EXPECT_NEAR(robust_score(25, usual), 0.6745 * 5, 1e-9);
  EXPECT_NEAR(robust_score(15, usual), -0.6745 * 5, 1e-9);
  EXPECT_EQ(robust_score(1, Baseline{}), 0);
}

TEST(Estimates, AConstantPastHasAScaleToo) {
  auto const same = baseline_of(std::vector<double>(30, 5.0));
  EXPECT_EQ(same.mad, 0);
  EXPECT_GT(same.scale, 0);
  EXPECT_EQ(robust_score(5, same), 0);
  EXPECT_GT(robust_score(6, same), 100);
  auto const nearly = baseline_of({0, 0, 0, 0, 0, 0, 10});  // MAD is 0, the mean deviation is not
  EXPECT_LT(robust_score(3, nearly), 3.5);
}

TEST(Estimates, TheValueThatHeld) {
  Series const series{{100, 1}, {200, 2}};
  EXPECT_FALSE(value_at(series, 99));
  EXPECT_EQ(value_at(series, 100), 1);
  EXPECT_EQ(value_at(series, 199), 1);
  EXPECT_EQ(value_at(series, 1000), 2);
  EXPECT_EQ(resampled(series, 0, 300, 100), (std::vector<double>{1, 2}));
  EXPECT_FALSE(value_at({}, 1));
}

TEST(Estimates, MeansAreWeightedByTime) {
  Series const series{{0, 10}, {90, 20}};
  EXPECT_NEAR(*time_weighted_mean(series, 0, 100), 11, 1e-9);
  EXPECT_NEAR(*time_weighted_mean(series, 90, 100), 20, 1e-9);
  EXPECT_FALSE(time_weighted_mean(series, -10, 0));
}

TEST(Estimates, TheSameHourOfOtherDays) {
  Series series;
  for (int i = 0; i < 24 * 5; ++i) series.push_back({i * hour, static_cast<double>(i % 24)});
  std::size_t days = 0;
  auto const values = resampled_near_hour(series, 0, 4 * day + 12 * hour, hour, 600, days);
  EXPECT_EQ(days, 4U);
  for (auto value : values) EXPECT_NEAR(value, 11.5, 0.51);
}

TEST(Estimates, IntervalsAndTheirRate) {
  Series const series{{0, 0}, {10, 1}, {20, 1}, {30, 0}, {40, 1}};
  auto const found = intervals_of(series);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].from, 10);
  EXPECT_EQ(found[0].to, 30);
  EXPECT_FALSE(found[1].to);
  std::vector<Interval> daily;
  for (int i = 0; i < 10; ++i) daily.push_back({i * day + 12 * hour, i * day + 13 * hour});
  EXPECT_NEAR(daily_rate_near_hour(daily, 0, 10 * day + 12 * hour, hour), 10 / 10.5, 1e-9);
  EXPECT_EQ(daily_rate_near_hour(daily, 0, 10 * day + 20 * hour, hour), 0);
  EXPECT_EQ(daily_rate_near_hour(daily, 0, 0, hour), 0);
}

TEST(Estimates, TheHoursAroundMidnightAreNear) {
  std::vector<Interval> const late{{23.5 * hour, 24 * hour}};
  EXPECT_GT(daily_rate_near_hour(late, 0, 2 * day + 0.25 * hour, hour), 0);
}

TEST(Estimates, EveningsOfALamp) {
  std::vector<Interval> intervals;
  for (int i = 0; i < 4; ++i) {
    intervals.push_back({i * day + 8 * hour, i * day + 9 * hour});                // in the morning
    intervals.push_back({i * day + 18 * hour, i * day + 18 * hour + 60});         // for a minute
    intervals.push_back({i * day + 19 * hour + i * 600.0, i * day + 22 * hour});  // in the evening
  }
  auto const found = evening_of(intervals, 0, 4 * day, 17 * 60, 23 * 60 + 59);
  EXPECT_EQ(found.days, 4U);
  EXPECT_NEAR(found.on_minute, 19 * 60 + 15, 1e-9);
  EXPECT_NEAR(found.off_minute, 22 * 60, 1e-9);
  EXPECT_EQ(evening_of(intervals, -12 * hour, 4 * day, 17 * 60, 23 * 60 + 59).days, 4U);  // the mornings, moved
  EXPECT_EQ(evening_of({}, 0, 0, 0, 1440).days, 0U);
}

TEST(Estimates, Shares) {
  EXPECT_EQ(shares_of({1, 3}), (std::vector<double>{0.25, 0.75}));
  EXPECT_EQ(shares_of({0, 0}), (std::vector<double>{0, 0}));
}

// Twelve values an hour around 20 degrees, warmer by day.
Series week() {
  Series out;
  for (int i = 0; i < 7 * 24 * 12; ++i)
    out.push_back({i * 300.0, 20 + 3 * std::sin(i * 300.0 / day * 6.2832) + (i % 3) * 0.1});
  return out;
}

TEST(Anomaly, TooLittleIsNotJudged) {
  Series series;
  for (int i = 0; i < 19; ++i) series.push_back({i * 300.0, 20});
  EXPECT_FALSE(judge_reading(series, 80, 20 * 300.0, 0, 3.5).enough);
  series.push_back({19 * 300.0, 20});
  EXPECT_TRUE(judge_reading(series, 80, 20 * 300.0, 0, 3.5).enough);
}

TEST(Anomaly, AgainstTheSameHourOfOtherDays) {
  auto const series = week();
  auto const now = 7 * day;
  auto const usual = judge_reading(series, 20.1, now, 0, 3.5);
  EXPECT_TRUE(usual.enough);
  EXPECT_EQ(usual.basis, "same hour of 7 days");
  EXPECT_TRUE(usual.findings.empty()) << usual.findings.front().message;
  // 23 degrees are usual at six in the morning of this sensor, not at midnight.
  auto const odd = judge_reading(series, 23, now, 0, 2.5);
  ASSERT_FALSE(odd.findings.empty());
  EXPECT_EQ(odd.findings.front().kind, "value");
  EXPECT_GT(odd.score, 2.5);
}

TEST(Anomaly, AStepIsARate) {
  auto series = week();
  series.push_back({7 * day, 60});
  auto const verdict = judge_reading(series, 60, 7 * day + 10, 0, 3.5);
  std::string kinds;
  for (auto const& one : verdict.findings) kinds += one.kind + " ";
  EXPECT_EQ(kinds, "value rate ");
}

TEST(Anomaly, StandingStillIsSeen) {
  auto const series = week();
  auto const verdict = judge_reading(series, series.back().value, 7 * day + 6 * hour, 0, 3.5);
  bool stuck = false;
  for (auto const& one : verdict.findings) stuck = stuck || one.kind == "stuck";
  EXPECT_TRUE(stuck);
  auto const fresh = judge_reading(series, series.back().value, 7 * day + 300, 0, 3.5);
  for (auto const& one : fresh.findings) EXPECT_NE(one.kind, "stuck");
}

TEST(Anomaly, ThresholdsFollowTheSensitivity) {
  EXPECT_EQ(threshold_of("low"), 5);
  EXPECT_EQ(threshold_of("medium"), 3.5);
  EXPECT_EQ(threshold_of("high"), 2.5);
}

}  // namespace
}  // namespace patchbay::home_assistant
