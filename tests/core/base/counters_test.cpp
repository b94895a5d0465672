#include "core/base/counters.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace patchbay {
namespace {

FamilySample const* family(std::vector<FamilySample> const& all, std::string_view name) {
  for (auto const& one : all)
    if (one.name == name) return &one;
  return nullptr;
}

TEST(Counters, AddUpOverThreadsThatHaveEnded) {
  Counters counters;
  auto const calls = counters.counter("x_total", "Calls", {{"kind", "a"}});
  auto const level = counters.gauge("level", "Level");
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 10'000; ++i) calls.add();
      level.add(t % 2 == 0 ? 5 : -3);
    });
  for (auto& thread : threads) thread.join();
  auto const all = counters.sample();
  EXPECT_EQ(family(all, "x_total")->series[0].value, 80'000);
  EXPECT_EQ(family(all, "level")->series[0].value, 8);
}

TEST(Counters, BlocksOfEndedThreadsServeNewOnes) {
  Counters counters;
  auto const calls = counters.counter("x_total", "Calls");
  for (int t = 0; t < 200; ++t) std::thread{[&] { calls.add(); }}.join();
  EXPECT_EQ(counters.value(calls), 200U);
  EXPECT_EQ(counters.blocks_for_test(), 1U);
}

TEST(Counters, SameLabelsSameSeries) {
  Counters counters;
  counters.counter("x_total", "X", {{"a", "1"}}).add(2);
  counters.counter("x_total", "X", {{"a", "1"}}).add(3);
  counters.counter("x_total", "X", {{"a", "2"}}).add(7);
  auto const all = counters.sample();
  ASSERT_EQ(family(all, "x_total")->series.size(), 2U);
  EXPECT_EQ(family(all, "x_total")->series[0].value, 5);
}

TEST(Counters, SeriesBeyondTheCapFoldIntoOther) {
  Counters counters;
  for (std::size_t i = 0; i < Counters::max_series + 50; ++i)
    counters.counter("x_total", "X", {{"a", std::to_string(i)}}).add();
  auto const all = counters.sample();
  auto const& series = family(all, "x_total")->series;
  EXPECT_EQ(series.size(), Counters::max_series + 1);
  EXPECT_EQ(series.back().labels[0].second, "other");
  EXPECT_EQ(series.back().value, 50);
  EXPECT_EQ(counters.dropped_series(), 50U);
}

TEST(Counters, HistogramIsCumulative) {
  Counters counters;
  auto const h = counters.histogram("d_seconds", "D");
  h.observe_ns(500);
  h.observe_ns(2'000'000, 64);
  h.observe_ns(60'000'000'000);
  auto const all = counters.sample();
  auto const& series = family(all, "d_seconds")->series[0];
  EXPECT_EQ(series.buckets.front(), 1U);
  EXPECT_EQ(series.buckets.back(), 66U);
  EXPECT_NEAR(series.sum, 60.128, 0.001);
}

TEST(Counters, TwoInOneProcessDoNotMix) {
  Counters one, two;
  auto const a = one.counter("x_total", "X");
  auto const b = two.counter("x_total", "X");
  for (int i = 0; i < 10; ++i) {
    a.add();
    b.add(2);
  }
  EXPECT_EQ(one.value(a), 10U);
  EXPECT_EQ(two.value(b), 20U);
}

TEST(Counters, CollectorsAreAskedUntilForgotten) {
  Counters counters;
  auto const id = counters.gauge_function("depth", "Depth", {{"q", "a"}}, [] { return 4.5; });
  EXPECT_EQ(family(counters.sample(), "depth")->series[0].value, 4.5);
  counters.forget(id);
  EXPECT_EQ(family(counters.sample(), "depth"), nullptr);
}

}  // namespace
}  // namespace patchbay
