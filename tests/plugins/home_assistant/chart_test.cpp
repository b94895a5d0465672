// Charts: that what is drawn is well-formed and keeps every peak.
#include "plugins/home_assistant/chart.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace patchbay::home_assistant {
namespace {

std::size_t count_of(std::string_view text, std::string_view part) {
  std::size_t out = 0;
  for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) ++out;
  return out;
}

Chart two_units(ChartKind kind) {
  Chart chart{"T<i>tle & \"more\"", kind, 1'795'248'000, 1'795'334'400, 3'600, {}, {}};
  Series warm, power;
  for (int i = 0; i < 5'000; ++i) {
    auto const at = chart.from + i * 17.0;
    warm.push_back({at, 20 + std::sin(i / 100.0)});
    power.push_back({at, i == 2'345 ? 3'000.0 : 10.0});
  }
  chart.lines = {{"Warm",
                  "\xC2\xB0"
                  "C",
                  warm},
                 {"Power", "W", power}};
  chart.bands = {{"Door", {{chart.from, "closed"}, {chart.from + 40'000, "<open>"}}}};
  return chart;
}

TEST(Chart, IsWellFormedWithAPanelForEachUnit) {
  for (auto kind : {ChartKind::line, ChartKind::bar, ChartKind::scatter}) {
    auto const svg = draw(two_units(kind));
    EXPECT_TRUE(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    EXPECT_EQ(svg.find("T<i>"), std::string::npos);
    EXPECT_NE(svg.find("T&lt;i&gt;tle &amp; &quot;more&quot;"), std::string::npos);
    EXPECT_NE(svg.find("&lt;open&gt;"), std::string::npos);
    EXPECT_EQ(svg.find("nan"), std::string::npos);
    EXPECT_EQ(svg.find("inf"), std::string::npos);
    EXPECT_EQ(count_of(svg, "<text"), count_of(svg, "</text>"));
    EXPECT_LT(svg.size(), 600'000U);
  }
  auto const svg = draw(two_units(ChartKind::line));
  EXPECT_EQ(count_of(svg, "<path "), 2U);
  EXPECT_NE(svg.find(">3000<"), std::string::npos);  // the axis reaches the one peak
}

TEST(Chart, OddInputIsDrawnAllTheSame) {
  Chart chart;
  EXPECT_TRUE(draw(chart).ends_with("</svg>\n"));
  chart.to = 3'600;
  chart.lines = {{"Flat", "", {{0, 5}}}, {"None", "", {}}, {"Huge", "x", {{0, 1e300}, {10, -1e300}}}};
  chart.bands = {{"Empty", {}}};
  EXPECT_EQ(draw(chart).find("nan"), std::string::npos);
}

TEST(Chart, ThinningKeepsPeaksAndOrder) {
  auto const points = two_units(ChartKind::line).lines[1].points;
  auto const thin = thinned(points, 100);
  EXPECT_LE(thin.size(), 202U);
  EXPECT_TRUE(std::any_of(thin.begin(), thin.end(), [](Sample const& one) { return one.value == 3'000.0; }));
  EXPECT_TRUE(std::is_sorted(thin.begin(), thin.end(), [](auto const& a, auto const& b) { return a.at < b.at; }));
  EXPECT_EQ(thinned(thin, 1'000).size(), thin.size());
  EXPECT_EQ(thinned(Series(1'000, Sample{5, 1}), 10).size(), 1U);  // all at one time
}

TEST(Chart, StepsAreRound) {
  EXPECT_DOUBLE_EQ(round_step(10, 5), 2);
  EXPECT_DOUBLE_EQ(round_step(99, 5), 20);
  EXPECT_DOUBLE_EQ(round_step(0.03, 5), 0.01);
  EXPECT_DOUBLE_EQ(round_step(0, 5), 1);
}

}  // namespace
}  // namespace patchbay::home_assistant
