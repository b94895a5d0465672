// Category code_execution: the real history of sensors as a chart.
#include <spdlog/fmt/fmt.h>

#include "plugins/home_assistant/chart.hpp"
#include "plugins/home_assistant/encoding.hpp"
#include "plugins/home_assistant/past.hpp"
#include "plugins/home_assistant/tool_kinds.hpp"
#include "plugins/home_assistant/when.hpp"

namespace patchbay::home_assistant {

struct PlotArgs {
  RawJson entity_ids;
  std::int64_t hours = 25;
  ChartKind chart_type = ChartKind::line;
  std::optional<std::string> title;
  bool include_series = false;
};
struct PlottedPoint {
  std::string at;
  double value = 0;
};
struct PlottedEntity {
  std::string entity_id, name;
  std::optional<std::string> unit;
  std::uint64_t points = 0;
  std::optional<double> min, max, last;
  std::optional<std::string> note;
  std::optional<std::vector<PlottedPoint>> series;
};
struct PlotResult {
  std::string image, format = "svg", content_type = "image/svg+xml";
  std::uint64_t size = 0, entity_count = 0;
  std::int64_t time_range_hours = 0;
  std::vector<PlottedEntity> entities;
};

}  // namespace patchbay::home_assistant

namespace patchbay {
namespace ha = home_assistant;

template <>
struct EnumNames<ha::ChartKind> {
  using K = ha::ChartKind;
  static constexpr std::array names{std::pair{std::string_view{"line"}, K::line},
                                    std::pair{std::string_view{"bar"}, K::bar},
                                    std::pair{std::string_view{"scatter"}, K::scatter}};
};
template <>
struct Describe<ha::PlotArgs> {
  using A = ha::PlotArgs;
  static constexpr std::tuple fields{
      field("entity_ids", &A::entity_ids, "Entities to draw, at most 12; a single id works too")
          .type("array", "string")
          .alias("entity_id"),
      field("hours", &A::hours, "How far back, in hours").nullable().range(1, 744),
      field("chart_type", &A::chart_type, "Kind of chart; states that are no numbers are always bands").optional(),
      field("title", &A::title, "Heading").nullable().length(0, 200),
      field("include_series", &A::include_series, "Also the points as numbers, at most about 200 for each").nullable()};
};
template <>
struct Describe<ha::PlottedPoint> {
  using R = ha::PlottedPoint;
  static constexpr std::tuple fields{field("at", &R::at, "ISO time"), field("value", &R::value, "From then on")};
};
template <>
struct Describe<ha::PlottedEntity> {
  using R = ha::PlottedEntity;
  static constexpr std::tuple fields{field("entity_id", &R::entity_id, "The entity"),
                                     field("name", &R::name, "Its name"),
                                     field("unit", &R::unit, "Unit of the values"),
                                     field("points", &R::points, "Recorded states in that time"),
                                     field("min", &R::min, "Least value"),
                                     field("max", &R::max, "Greatest value"),
                                     field("last", &R::last, "Last value"),
                                     field("note", &R::note, "insufficient_data, where nothing was recorded"),
                                     field("series", &R::series, "Points, thinned so that no peak is lost")};
};
template <>
struct Describe<ha::PlotResult> {
  using R = ha::PlotResult;
  static constexpr std::tuple fields{field("image", &R::image, "The chart as base64"),
                                     field("format", &R::format, "svg"),
                                     field("content_type", &R::content_type, "image/svg+xml"),
                                     field("size", &R::size, "Bytes of the chart"),
                                     field("entity_count", &R::entity_count, "How many entities are drawn"),
                                     field("time_range_hours", &R::time_range_hours, "As asked"),
                                     field("entities", &R::entities, "What is drawn of each")};
};
}  // namespace patchbay

namespace patchbay::home_assistant {
namespace {

constexpr auto plot_op = reading_tool<PlotArgs, PlotResult>(
    "code_execution", "plot_sensor_history", "Draw the recorded history of sensors as an SVG chart.",
    R"({"entity_ids":["sensor.outside_temperature"],"hours":24})", nullptr, "ha.read", std::chrono::seconds{30});

// Numbers if any state is one; else a band of states.
void add_to_chart(Chart& chart, PlottedEntity& entity, StateSeries const& states, bool with_series) {
  auto points = numbers_of(states);
  entity.points = states.size();
  if (states.empty()) entity.note = "insufficient_data";
  if (points.empty()) {
    ChartBand band{entity.name, {}};
    for (auto const& one : states)
      if (band.parts.empty() || band.parts.back().state != one.state) band.parts.push_back({one.at, one.state});
    if (!band.parts.empty()) chart.bands.push_back(std::move(band));
    return;
  }
  for (auto const& point : points) {
    entity.min = std::min(entity.min.value_or(point.value), point.value);
    entity.max = std::max(entity.max.value_or(point.value), point.value);
  }
  entity.last = points.back().value;
  if (with_series) {
    entity.series.emplace();
    for (auto const& point : thinned(points, 100))
      entity.series->push_back({iso_of_seconds(std::max(chart.from, point.at)), point.value});
  }
  chart.lines.push_back({entity.name, entity.unit.value_or(""), std::move(points)});
}

Tool<PlotResult> plot(HomeAssistant& self, sdk::Call& call, PlotArgs args) {
  auto entities = entity_list(args.entity_ids, 12, "/entity_ids");
  if (!entities) co_return entities.error();
  auto filling = self.mirror().ready(call);
  Result<void> filled = co_await std::move(filling);
  if (!filled) co_return filled.error();
  std::vector<PlottedEntity> drawn;
  for (auto const& id : *entities) {
    auto const* state = self.mirror().state(id);
    if (state == nullptr) {
      auto const access = self.access(call);
      co_return self.mirror().unknown(id, "/entity_ids", [&access](std::string_view one) { return access.sees(one); });
    }
    PlottedEntity one;
    one.entity_id = id;
    one.name = state->name;
    if (auto unit = state->text_attribute("unit_of_measurement"); !unit.empty()) one.unit = std::move(unit);
    drawn.push_back(std::move(one));
  }
  Chart chart;
  chart.to = seconds_now();
  chart.from = chart.to - static_cast<double>(args.hours) * 3'600;
  chart.kind = args.chart_type;
  chart.title =
      args.title ? *args.title : fmt::format("{}, {} hours", drawn.size() == 1 ? drawn[0].name : "History", args.hours);
  auto reading = past_of(self, call, *entities, chart.from, chart.to);
  Result<Past> past = co_await std::move(reading);
  if (!past) co_return past.error();
  auto asking = local_time(self, call);
  Result<LocalTime> local = co_await std::move(asking);
  if (local) chart.offset = local->offset;  // else the axis is in UTC
  for (auto& one : drawn) add_to_chart(chart, one, past->at(one.entity_id), args.include_series);

  sdk::Answer<PlotResult> out;
  auto const svg = draw(chart);
  out.data.image = base64_of(svg);
  out.data.size = svg.size();
  out.data.entity_count = chart.lines.size() + chart.bands.size();
  out.data.time_range_hours = args.hours;
  out.data.entities = std::move(drawn);
  out.message = fmt::format("Drew {} over {} hours", plural(out.data.entity_count, "entity", "entities"), args.hours);
  co_return out;
}

}  // namespace

void declare_plot(sdk::Table<HomeAssistant>& table) { add_tool<plot_op, &plot, Reach::entities>(table); }

}  // namespace patchbay::home_assistant
