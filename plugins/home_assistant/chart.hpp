// Charts as SVG: values and states over time, each unit in a panel of its own, one axis of time for all.
//
//   Chart chart{.title = "Power", .from = from, .to = to, .offset = 3600};
//   chart.lines.push_back({.name = "Plug", .unit = "W", .points = series});
//   std::string svg = draw(chart);
//
// A line holds its value until the next point, as sensors do; many points are thinned so that no peak is lost. States
// that are no numbers become a band of coloured parts with their words. Pure functions; any thread; about 1 us a point.
#pragma once

#include <string>
#include <vector>

#include "plugins/home_assistant/estimates.hpp"

namespace patchbay::home_assistant {

enum class ChartKind : unsigned char { line, bar, scatter };

struct ChartLine {
  std::string name, unit;
  Series points;  // by time
};
struct ChartBand {
  std::string name;
  struct Part {
    double from = 0;
    std::string state;
  };
  std::vector<Part> parts;  // by time, each until the next
};
struct Chart {
  std::string title;
  ChartKind kind = ChartKind::line;
  double from = 0, to = 0;  // seconds since 1970
  double offset = 0;        // of the time zone that is shown, seconds east
  std::vector<ChartLine> lines;
  std::vector<ChartBand> bands;
};

std::string draw(Chart const& chart);

// At most about twice `most` points of these, with every peak: the least and greatest of each slice of time.
Series thinned(Series const& points, std::size_t most);
// Round steps that cut a range into about `wanted` parts: 1, 2 or 5 times a power of ten.
double round_step(double range, int wanted);

}  // namespace patchbay::home_assistant
