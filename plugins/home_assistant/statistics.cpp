// Category logs_history: least, greatest and mean values of sensors over a span, from Home Assistant's own statistics
// where it keeps some, else from the states, weighted by how long each held.
#include <spdlog/fmt/fmt.h>

#include <cmath>

#include "plugins/home_assistant/past.hpp"
#include "plugins/home_assistant/raw_json.hpp"
#include "plugins/home_assistant/tool_kinds.hpp"
#include "plugins/home_assistant/when.hpp"

namespace patchbay::home_assistant {

struct StatisticsArgs {
  RawJson entity_id;
  std::string period;
  std::optional<std::string> start_time;
};
struct StatisticsFigures {
  std::optional<double> min, max, mean, median, stdev, change, sum;
  std::uint64_t count = 0;
};
struct EntityStatistics {
  std::string entity_id, source;
  std::optional<std::string> unit;
  StatisticsFigures statistics;
  double known_share = 0;
  std::optional<std::string> note;
};
struct StatisticsResult {
  RawJson entity_id;
  std::string period, start_time, end_time;
  std::optional<std::string> source, unit, note;
  std::optional<StatisticsFigures> statistics;
  std::optional<double> known_share;
  std::optional<std::vector<EntityStatistics>> entities;
};

}  // namespace patchbay::home_assistant

namespace patchbay {
namespace ha = home_assistant;

template <>
struct Describe<ha::StatisticsArgs> {
  using A = ha::StatisticsArgs;
  static constexpr std::tuple fields{
      field("entity_id", &A::entity_id, "Sensor entity id, or a list of at most 20")
          .type("string", "array")
          .alias("entity_ids"),
      field("period", &A::period, "Span to look at, up to now").one_of("hour", "day", "week", "month"),
      field("start_time", &A::start_time, "ISO or relative start (such as -6h) instead of the span")
          .nullable()
          .length(0, 64)};
};
template <>
struct Describe<ha::StatisticsFigures> {
  using R = ha::StatisticsFigures;
  static constexpr std::tuple fields{
      field("min", &R::min, "Least value"),
      field("max", &R::max, "Greatest value"),
      field("mean", &R::mean, "Mean, weighted by time"),
      field("median", &R::median, "The value in the middle of the time"),
      field("stdev", &R::stdev, "Standard deviation, weighted by time"),
      field("change", &R::change, "Of a meter: how much it rose; else last minus first"),
      field("sum", &R::sum, "Of a meter: the same as change. Adding up readings would mean nothing"),
      field("count", &R::count, "Points that this rests on")};
};
template <>
struct Describe<ha::EntityStatistics> {
  using R = ha::EntityStatistics;
  static constexpr std::tuple fields{
      field("entity_id", &R::entity_id, "The entity"),
      field("source", &R::source, "statistics, or history"),
      field("unit", &R::unit, "Unit of the values"),
      field("statistics", &R::statistics, "The figures"),
      field("known_share", &R::known_share, "Share of the span in which a value was known, 0 to 1"),
      field("note", &R::note, "insufficient_data, when there is nothing to compute from")};
};
template <>
struct Describe<ha::StatisticsResult> {
  using R = ha::StatisticsResult;
  static constexpr std::tuple fields{
      field("entity_id", &R::entity_id, "As asked").type("string", "array"),
      field("period", &R::period, "As asked"),
      field("start_time", &R::start_time, "Start of the span"),
      field("end_time", &R::end_time, "Its end: now"),
      field("source", &R::source, "statistics, or history"),
      field("unit", &R::unit, "Unit of the values"),
      field("note", &R::note, "insufficient_data, when there is nothing to compute from"),
      field("statistics", &R::statistics, "The figures of one entity"),
      field("known_share", &R::known_share, "Share of the span in which a value was known, 0 to 1"),
      field("entities", &R::entities, "By entity, where several were asked for")};
};
}  // namespace patchbay

namespace patchbay::home_assistant {
namespace {

constexpr auto statistics_op = reading_tool<StatisticsArgs, StatisticsResult>(
    "logs_history", "get_statistics", "Return min, max, mean and change of numeric sensors over a span.",
    R"({"entity_id":"sensor.outside_temperature","period":"day"})", nullptr, "ha.read", std::chrono::seconds{30});

struct Weighted {
  double value = 0, seconds = 0;
};

// Mean, median and deviation of values that each held for a while.
void weigh(std::vector<Weighted> parts, StatisticsFigures& out) {
  double total = 0, sum = 0;
  for (auto const& part : parts) {
    total += part.seconds;
    sum += part.seconds * part.value;
  }
  if (total <= 0) return;
  auto const mean = sum / total;
  double squares = 0;
  for (auto const& part : parts) squares += part.seconds * (part.value - mean) * (part.value - mean);
  out.mean = mean;
  out.stdev = std::sqrt(squares / total);
  std::sort(parts.begin(), parts.end(), [](Weighted const& a, Weighted const& b) { return a.value < b.value; });
  double passed = 0;
  for (auto const& part : parts) {
    passed += part.seconds;
    if (passed < total / 2) continue;
    out.median = part.value;
    break;
  }
}

// From the states: a value holds until the next one; unknown and unavailable hold nothing.
void from_states(StateSeries const& states, double from, double to, bool meter, EntityStatistics& out) {
  out.source = "history";
  std::vector<Weighted> parts;
  double known = 0, risen = 0;
  std::optional<double> first, last;
  for (std::size_t i = 0; i < states.size(); ++i) {
    auto const value = as_number(states[i].state);
    if (!value) continue;
    auto const begin = std::max(from, states[i].at);
    auto const end = std::min(to, i + 1 < states.size() ? states[i + 1].at : to);
    parts.push_back({*value, std::max(0.0, end - begin)});
    known += parts.back().seconds;
    auto& figures = out.statistics;
    figures.min = std::min(figures.min.value_or(*value), *value);
    figures.max = std::max(figures.max.value_or(*value), *value);
    if (last) risen += *value >= *last ? *value - *last : *value;  // a meter that falls was reset
    if (!first) first = value;
    last = value;
    ++figures.count;
  }
  weigh(std::move(parts), out.statistics);
  if (first) out.statistics.change = meter ? risen : *last - *first;
  if (meter && first) out.statistics.sum = risen;
  out.known_share = to > from ? known / (to - from) : 0;
}

// From rows of statistics; false when there are too few to tell.
bool from_rows(std::string_view rows, double from, double to, bool meter, EntityStatistics& out) {
  StatisticsFigures figures;
  std::vector<Weighted> parts;
  double known = 0, change = 0;
  bool any_change = false;
  auto number = [](std::string_view value) -> std::optional<double> {
    if (raw::is_null(value)) return std::nullopt;
    return std::strtod(std::string{value}.c_str(), nullptr);
  };
  raw::each_item(rows, [&](std::string_view row) {
    auto const start = number(raw::member(row, "start")), end = number(raw::member(row, "end"));
    auto const mean = number(raw::member(row, "mean")), state = number(raw::member(row, "state"));
    auto const seconds = (end.value_or(0) - start.value_or(0)) / 1000;
    auto const value = mean ? mean : state;
    if (value) parts.push_back({*value, seconds});
    auto const low = mean ? number(raw::member(row, "min")) : state,
               high = mean ? number(raw::member(row, "max")) : state;
    if (low) figures.min = std::min(figures.min.value_or(*low), *low);
    if (high) figures.max = std::max(figures.max.value_or(*high), *high);
    if (auto const rose = number(raw::member(row, "change"))) {
      change += *rose;
      any_change = true;
    }
    known += seconds;
    ++figures.count;
  });
  if (figures.count < 2 || known < (to - from) / 2) return false;
  if (!parts.empty()) figures.change = parts.back().value - parts.front().value;
  weigh(std::move(parts), figures);
  if (meter && any_change) figures.change = figures.sum = change;
  out.statistics = figures;
  out.source = "statistics";
  out.known_share = std::min(1.0, known / (to - from));
  return true;
}

Tool<StatisticsResult> get_statistics(HomeAssistant& self, sdk::Call& call, StatisticsArgs args) {
  auto entities = entity_list(args.entity_id, 20, "/entity_id");
  if (!entities) co_return entities.error();
  auto filling = self.mirror().ready(call);
  Result<void> filled = co_await std::move(filling);
  if (!filled) co_return filled.error();
  auto const now = seconds_now();
  constexpr double hour = 3'600;
  auto const span = args.period == "hour"   ? hour
                    : args.period == "day"  ? 24 * hour
                    : args.period == "week" ? 168 * hour
                                            : 720 * hour;
  auto asking_start = when(self, call, args.start_time, "/start_time", now - span);
  Result<double> start = co_await std::move(asking_start);
  if (!start) co_return start.error();
  if (*start >= now) co_return Error{Code::invalid_argument, "is not in the past", "/start_time"};
  if (now - *start > 400 * 24 * hour) co_return Error{Code::invalid_argument, "more than 400 days ago", "/start_time"};

  std::vector<EntityStatistics> found;
  std::vector<bool> meters;
  for (auto const& id : *entities) {
    auto const* state = self.mirror().state(id);
    if (state == nullptr) {
      auto const access = self.access(call);
      co_return self.mirror().unknown(id, "/entity_id", [&access](std::string_view one) { return access.sees(one); });
    }
    auto const unit = state->text_attribute("unit_of_measurement");
    auto const kind = state->text_attribute("state_class");
    if (unit.empty() && kind.empty() && !as_number(state->state))
      co_return Error{Code::invalid_argument, fmt::format("{} has no numbers: it is \"{}\"", id, state->state),
                      "/entity_id"};
    EntityStatistics one;
    one.entity_id = id;
    if (!unit.empty()) one.unit = unit;
    meters.push_back(kind == "total" || kind == "total_increasing");
    found.push_back(std::move(one));
  }

  auto const length = now - *start;
  auto const ids = describe::to_text(*entities);
  Command command = Command{"recorder/statistics_during_period"}
                        .text("start_time", iso_of_seconds(*start))
                        .text("end_time", iso_of_seconds(now))
                        .raw("statistic_ids", ids)
                        .text("period", length <= 49 * hour        ? "5minute"
                                        : length <= 62 * 24 * hour ? "hour"
                                                                   : "day")
                        .raw("types", R"(["mean","min","max","change","state"])");
  auto asking = self.session().command(call, std::move(command));
  Result<Frame> rows = co_await std::move(asking);
  std::vector<std::size_t> left;
  for (std::size_t i = 0; i < found.size(); ++i)
    if (!rows || !from_rows(raw::member(rows->result(), found[i].entity_id), *start, now, meters[i], found[i]))
      left.push_back(i);
  if (!left.empty()) {
    std::vector<std::string> names;
    for (auto i : left) names.push_back(found[i].entity_id);
    auto const from = std::max(*start, now - 31 * 24 * hour);  // states are not kept longer than some days anyway
    auto reading = past_of(self, call, std::move(names), from, now);
    Result<Past> past = co_await std::move(reading);
    if (!past) co_return past.error();
    for (auto i : left) from_states(past->at(found[i].entity_id), *start, now, meters[i], found[i]);
  }
  for (auto& one : found)
    if (one.statistics.count == 0) one.note = "insufficient_data";

  sdk::Answer<StatisticsResult> out;
  out.data.period = std::move(args.period);
  out.data.start_time = iso_of_seconds(*start);
  out.data.end_time = iso_of_seconds(now);
  if (args.entity_id.text.starts_with('[')) {
    out.data.entity_id = RawJson{ids};
    out.message = fmt::format("Statistics of {}", plural(found.size(), "entity", "entities"));
    out.data.entities = std::move(found);
  } else {
    auto& one = found[0];
    out.data.entity_id = RawJson{json::quoted(one.entity_id)};
    out.message = one.note ? fmt::format("{} has no numbers in that time", one.entity_id)
                           : fmt::format("{}: {:g} to {:g} {}", one.entity_id, one.statistics.min.value_or(0),
                                         one.statistics.max.value_or(0), one.unit.value_or(""));
    out.data.source = std::move(one.source);
    out.data.unit = std::move(one.unit);
    out.data.note = std::move(one.note);
    out.data.statistics = one.statistics;
    out.data.known_share = one.known_share;
  }
  co_return out;
}

}  // namespace

void declare_statistics(sdk::Table<HomeAssistant>& table) {
  add_tool<statistics_op, &get_statistics, Reach::entities>(table);
}

}  // namespace patchbay::home_assistant
