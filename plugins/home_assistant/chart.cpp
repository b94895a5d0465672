#include "plugins/home_assistant/chart.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <map>

namespace patchbay::home_assistant {
namespace {

constexpr double left_margin = 70, right_margin = 20, top = 44, panel_height = 260, panel_gap = 34, band_height = 26,
                 width = 960;
constexpr std::array<char const*, 10> line_colours{"#2563eb", "#dc2626", "#059669", "#d97706", "#7c3aed",
                                                   "#0891b2", "#be185d", "#65a30d", "#475569", "#ea580c"};

std::string escaped(std::string_view text) {
  std::string out;
  for (char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default: out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return out;
}

std::string label_text(double x, double y, char const* anchor, std::string_view text, char const* more = "") {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\"{}>{}</text>\n", x, y, anchor, more,
                     escaped(text));
}

// "21 Nov" for a midnight, else "14:30".
std::string time_label(double at, double offset) {
  auto const local = static_cast<std::int64_t>(std::llround(at + offset));
  auto const days = std::chrono::floor<std::chrono::days>(std::chrono::sys_seconds{std::chrono::seconds{local}});
  auto const second = local - std::chrono::duration_cast<std::chrono::seconds>(days.time_since_epoch()).count();
  constexpr std::array<char const*, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                               "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::chrono::year_month_day const date{days};
  if (second == 0)
    return fmt::format("{} {}", static_cast<unsigned>(date.day()), months[static_cast<unsigned>(date.month()) - 1]);
  return fmt::format("{:02}:{:02}", second / 3600, second / 60 % 60);
}

class Drawing {
 public:
  explicit Drawing(Chart const& chart) : chart_(chart), span_(std::max(1.0, chart.to - chart.from)) {}

  std::string drawn() {
    std::map<std::string, std::vector<std::size_t>> panels;  // by unit
    for (std::size_t i = 0; i < chart_.lines.size(); ++i) panels[chart_.lines[i].unit].push_back(i);
    double y = top;
    for (auto const& [unit, members] : panels) {
      panel(y, unit, members);
      y += panel_height + panel_gap;
    }
    if (!chart_.bands.empty()) bands(y);
    auto const height = y + 14;
    return fmt::format(
               "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.0f} {1:.0f}\" width=\"{0:.0f}\" "
               "height=\"{1:.0f}\" font-family=\"sans-serif\" font-size=\"12\" fill=\"#333\">\n"
               "<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n",
               width, height) +
           label_text(width / 2, 24, "middle", chart_.title, " font-size=\"16\"") + body_ + "</svg>\n";
  }

 private:
  double x_of(double at) const {
    return left_margin +
           (std::clamp(at, chart_.from, chart_.to) - chart_.from) / span_ * (width - left_margin - right_margin);
  }

  void time_axis(double y, double height) {
    constexpr std::array<double, 13> steps{60,     300,    600,    1'800,   3'600,   7'200,    14'400,
                                           21'600, 43'200, 86'400, 172'800, 604'800, 2'592'000};
    auto step = steps.back();
    for (auto one = steps.rbegin(); one != steps.rend(); ++one)
      if (span_ / *one <= 12) step = *one;
    for (auto at = std::ceil((chart_.from + chart_.offset) / step) * step - chart_.offset; at <= chart_.to;
         at += step) {
      auto const x = x_of(at);
      body_ += fmt::format("<line x1=\"{0:.1f}\" y1=\"{1:.1f}\" x2=\"{0:.1f}\" y2=\"{2:.1f}\" stroke=\"#e5e7eb\"/>\n",
                           x, y, y + height);
      body_ += label_text(x, y + height + 16, "middle", time_label(at, chart_.offset));
    }
  }

  void panel(double y, std::string const& unit, std::vector<std::size_t> const& members) {
    double low = 0, high = 0;
    bool first = true;
    for (auto i : members)
      for (auto const& point : chart_.lines[i].points) {
        low = first ? point.value : std::min(low, point.value);
        high = first ? point.value : std::max(high, point.value);
        first = false;
      }
    if (chart_.kind == ChartKind::bar) {
      low = std::min(low, 0.0);
      high = std::max(high, 0.0);
    }
    if (high - low < 1e-9 * std::max(1.0, std::abs(high))) {
      auto const room = std::max(1.0, std::abs(high) * 0.1);
      low -= room;
      high += room;
    }
    auto const step = round_step(high - low, 5);
    low = std::floor(low / step) * step;
    high = std::ceil(high / step) * step;
    auto const y_of = [&](double value) { return y + panel_height - (value - low) / (high - low) * panel_height; };
    time_axis(y, panel_height);
    for (auto value = low; value <= high + step / 2; value += step) {
      auto const at = y_of(value);
      body_ += fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"#e5e7eb\"/>\n",
                           left_margin, at, width - right_margin, at);
      body_ +=
          label_text(left_margin - 8, at + 4, "end", fmt::format("{:g}", std::abs(value) < step / 1e6 ? 0.0 : value));
    }
    if (!unit.empty()) body_ += label_text(left_margin, y - 6, "end", unit);
    double legend = left_margin + 10;
    for (auto i : members) {
      auto const* colour = line_colours[i % line_colours.size()];
      auto const& line = chart_.lines[i];
      auto const points = thinned(line.points, 700);
      switch (chart_.kind) {
        case ChartKind::line: steps(points, y_of, colour); break;
        case ChartKind::bar: bars(points, y_of, colour); break;
        case ChartKind::scatter: dots(points, y_of, colour); break;
      }
      body_ += fmt::format("<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"10\" height=\"10\" fill=\"{}\"/>\n", legend, y - 15,
                           colour);
      body_ += label_text(legend + 14, y - 6, "start", line.name);
      legend += 30 + 7.0 * static_cast<double>(line.name.size());
    }
  }

  template <class Y>
  void steps(Series const& points, Y const& y_of, char const* colour) {
    if (points.empty()) return;
    std::string path;
    for (std::size_t i = 0; i < points.size(); ++i) {
      auto const x = x_of(points[i].at), y = y_of(points[i].value);
      if (i == 0)
        path += fmt::format("M{:.1f} {:.1f}", x, y);
      else
        path += fmt::format("H{:.1f}V{:.1f}", x, y);
    }
    path += fmt::format("H{:.1f}", x_of(chart_.to));
    body_ += fmt::format("<path d=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.5\"/>\n", path, colour);
  }
  template <class Y>
  void bars(Series const& points, Y const& y_of, char const* colour) {
    for (std::size_t i = 0; i < points.size(); ++i) {
      auto const x = x_of(points[i].at), next = x_of(i + 1 < points.size() ? points[i + 1].at : chart_.to);
      auto const y = y_of(points[i].value), zero = y_of(0);
      body_ += fmt::format(
          "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill=\"{}\" opacity=\"0.7\"/>\n", x,
          std::min(y, zero), std::max(1.0, next - x - 1), std::abs(zero - y), colour);
    }
  }
  template <class Y>
  void dots(Series const& points, Y const& y_of, char const* colour) {
    for (auto const& point : points)
      body_ += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"2.5\" fill=\"{}\"/>\n", x_of(point.at),
                           y_of(point.value), colour);
  }

  void bands(double& y) {
    auto const height = (band_height + 22) * static_cast<double>(chart_.bands.size());
    time_axis(y, height);
    std::map<std::string, std::size_t> known;
    for (auto const& band : chart_.bands) {
      body_ += label_text(left_margin, y + 14, "start", band.name);
      for (std::size_t i = 0; i < band.parts.size(); ++i) {
        auto const& part = band.parts[i];
        auto const x = x_of(part.from), next = x_of(i + 1 < band.parts.size() ? band.parts[i + 1].from : chart_.to);
        auto const number = known.emplace(part.state, known.size()).first->second;
        bool const nothing = part.state == "unknown" || part.state == "unavailable";
        body_ += fmt::format(
            "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.0f}\" fill=\"{}\" opacity=\"0.75\"><title>{}"
            "</title></rect>\n",
            x, y + 18, std::max(0.5, next - x), band_height,
            nothing ? "#d1d5db" : line_colours[number % line_colours.size()], escaped(part.state));
        if (next - x > 8.0 * static_cast<double>(part.state.size()))
          body_ += label_text((x + next) / 2, y + 18 + band_height / 2 + 4, "middle", part.state, " fill=\"#fff\"");
      }
      y += band_height + 22;
    }
    y += panel_gap;
  }

  Chart const& chart_;
  double span_;
  std::string body_;
};

}  // namespace

double round_step(double range, int wanted) {
  if (!(range > 0) || !std::isfinite(range)) return 1;
  auto const rough = range / wanted;
  auto const power = std::pow(10.0, std::floor(std::log10(rough)));
  for (auto factor : {1.0, 2.0, 5.0})
    if (factor * power >= rough * 0.999) return factor * power;
  return 10 * power;
}

Series thinned(Series const& points, std::size_t most) {
  if (most == 0 || points.size() <= 2 * most) return points;
  auto const from = points.front().at, length = points.back().at - from;
  auto const width_of_slice = length > 0 ? length / static_cast<double>(most) : 1.0;
  Series out;
  for (std::size_t i = 0; i < points.size();) {
    auto const slice = std::floor((points[i].at - from) / width_of_slice);
    std::size_t low = i, high = i, end = i;
    for (; end < points.size() && std::floor((points[end].at - from) / width_of_slice) <= slice; ++end) {
      if (points[end].value < points[low].value) low = end;
      if (points[end].value > points[high].value) high = end;
    }
    out.push_back(points[std::min(low, high)]);
    if (low != high) out.push_back(points[std::max(low, high)]);
    i = end;
  }
  return out;
}

std::string draw(Chart const& chart) { return Drawing{chart}.drawn(); }

}  // namespace patchbay::home_assistant
