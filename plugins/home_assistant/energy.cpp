// Category intelligence: ha_energy_intelligence, from long-term statistics.
#include <spdlog/fmt/fmt.h>

#include <cmath>

#include "plugins/home_assistant/home_view.hpp"
#include "plugins/home_assistant/raw_json.hpp"
#include "plugins/home_assistant/tool_kinds.hpp"
#include "plugins/home_assistant/values.hpp"

namespace patchbay::home_assistant {

struct EnergyArgs {
  std::string period = "day";
  bool suggest_savings = true;
};
struct Consumer {
  std::string statistic_id, name;
  double kwh = 0;
  std::optional<double> previous_kwh, share;
};
struct EnergyFlow {
  std::optional<double> kwh, previous_kwh;
  std::vector<std::string> statistic_ids;
};
struct PowerNow {
  std::string entity_id, name;
  double watts = 0;
};
struct StandbyLoad {
  double watts = 0;
  double share_of_consumption = 0;
  std::uint64_t nights = 0;
};
struct EnergySuggestion {
  std::string kind, message, evidence;
  std::optional<double> kwh;
};
struct EnergyResult {
  std::string status;
  std::string period, from, to, source;
  EnergyFlow grid_import, grid_export, production;
  std::optional<double> cost;
  std::optional<std::string> currency;
  std::optional<double> total_power;
  std::vector<PowerNow> power;
  std::uint64_t sensor_count = 0;
  std::vector<Consumer> top_consumers;
  std::optional<StandbyLoad> standby;
  std::vector<EnergySuggestion> suggestions;
  std::vector<std::string> insufficient_data;
};

}  // namespace patchbay::home_assistant

namespace patchbay {
namespace ha = home_assistant;

template <>
struct Describe<ha::EnergyArgs> {
  using A = ha::EnergyArgs;
  static constexpr std::tuple fields{
      field("period", &A::period, "Span to look at, up to now; compared with the one before")
          .one_of("day", "week", "month"),
      field("suggest_savings", &A::suggest_savings, "Add suggestions that follow from the figures").nullable()};
};
template <>
struct Describe<ha::Consumer> {
  using R = ha::Consumer;
  static constexpr std::tuple fields{
      field("statistic_id", &R::statistic_id, "The meter"), field("name", &R::name, "Its name"),
      field("kwh", &R::kwh, "In this period"),
      field("previous_kwh", &R::previous_kwh, "In the one before; absent: nothing is recorded of it"),
      field("share", &R::share, "Part of what came from the grid and the own production; absent: that is unknown")};
};
template <>
struct Describe<ha::EnergyFlow> {
  using R = ha::EnergyFlow;
  static constexpr std::tuple fields{field("kwh", &R::kwh, "In this period; absent: not measured or nothing recorded"),
                                     field("previous_kwh", &R::previous_kwh, "In the one before"),
                                     field("statistic_ids", &R::statistic_ids, "The meters")};
};
template <>
struct Describe<ha::PowerNow> {
  using R = ha::PowerNow;
  static constexpr std::tuple fields{field("entity_id", &R::entity_id, "The sensor"),
                                     field("name", &R::name, "Its name"),
                                     field("watts", &R::watts, "What it says now")};
};
template <>
struct Describe<ha::StandbyLoad> {
  using R = ha::StandbyLoad;
  static constexpr std::tuple fields{
      field("watts", &R::watts, "Median of the hours from 1 to 5 at night"),
      field("share_of_consumption", &R::share_of_consumption, "Its part of all, if it goes on all day"),
      field("nights", &R::nights, "Nights that this rests on")};
};
template <>
struct Describe<ha::EnergySuggestion> {
  using R = ha::EnergySuggestion;
  static constexpr std::tuple fields{field("kind", &R::kind, "standby or growth"),
                                     field("message", &R::message, "What to look at"),
                                     field("evidence", &R::evidence, "The figures that it follows from"),
                                     field("kwh", &R::kwh, "How much energy it is about in a period")};
};
template <>
struct Describe<ha::EnergyResult> {
  using R = ha::EnergyResult;
  static constexpr std::tuple fields{
      field("status", &R::status, "ok, or insufficient_data").one_of("ok", "insufficient_data"),
      field("period", &R::period, "As asked"),
      field("from", &R::from, "Begin of the period"),
      field("to", &R::to, "Its end"),
      field("source", &R::source, "energy_dashboard, or sensors of device class energy: energy_sensors"),
      field("grid_import", &R::grid_import, "From the grid"),
      field("grid_export", &R::grid_export, "To the grid"),
      field("production", &R::production, "Own production"),
      field("cost", &R::cost, "What the import cost; absent: no price is set or nothing is recorded"),
      field("currency", &R::currency, "Of the cost"),
      field("total_power", &R::total_power, "Sum of the sensors of device class power, in W; absent: there are none"),
      field("power", &R::power, "The ten that show most"),
      field("sensor_count", &R::sensor_count, "Meters with figures in this period"),
      field("top_consumers", &R::top_consumers, "Devices by kWh, the ten greatest"),
      field("standby", &R::standby, "Load at night; absent: less than three nights are recorded"),
      field("suggestions", &R::suggestions, "What follows from the figures; none: nothing does"),
      field("insufficient_data", &R::insufficient_data, "What could not be told, and why")};
};
}  // namespace patchbay

namespace patchbay::home_assistant {
namespace {

constexpr auto energy_op = reading_tool<EnergyArgs, EnergyResult>(
    "intelligence", "energy_intelligence",
    "Analyse energy use over a period from statistics, rank consumers and say what follows for savings.",
    R"({"period":"week"})", nullptr, "ha.read", std::chrono::seconds{30});

struct Meters {
  std::vector<std::string> import_ids, export_ids, solar_ids, devices;
  std::optional<double> price;
  std::string price_entity;
  bool from_dashboard = false;

  std::vector<std::string> all() const {
    auto out = import_ids;
    for (auto const* list : {&export_ids, &solar_ids, &devices}) out.insert(out.end(), list->begin(), list->end());
    return out;
  }
};

void add_id(std::vector<std::string>& list, std::string_view value) {
  auto id = raw::text(value);
  if (!id.empty()) list.push_back(std::move(id));
}

void take_price(std::string_view flow, Meters& out) {
  if (auto const number = raw::member(flow, "number_energy_price"); !raw::is_null(number))
    out.price = std::strtod(std::string{number}.c_str(), nullptr);
  auto entity = raw::text(raw::member(flow, "entity_energy_price"));
  if (!entity.empty()) out.price_entity = std::move(entity);
}

// The preferences of the energy dashboard; in 2026 a source of type grid has its meters at its own level.
Meters meters_of(std::string_view prefs) {
  Meters out;
  out.from_dashboard = true;
  raw::each_item(raw::member(prefs, "energy_sources"), [&](std::string_view source) {
    auto const type = raw::text(raw::member(source, "type"));
    if (type == "solar") add_id(out.solar_ids, raw::member(source, "stat_energy_from"));
    if (type != "grid") return;
    add_id(out.import_ids, raw::member(source, "stat_energy_from"));
    add_id(out.export_ids, raw::member(source, "stat_energy_to"));
    take_price(source, out);
    raw::each_item(raw::member(source, "flow_from"), [&](std::string_view flow) {
      add_id(out.import_ids, raw::member(flow, "stat_energy_from"));
      take_price(flow, out);
    });
    raw::each_item(raw::member(source, "flow_to"),
                   [&](std::string_view flow) { add_id(out.export_ids, raw::member(flow, "stat_energy_to")); });
  });
  raw::each_item(raw::member(prefs, "device_consumption"),
                 [&](std::string_view device) { add_id(out.devices, raw::member(device, "stat_consumption")); });
  return out;
}

sdk::Task<Result<Meters>> find_meters(HomeAssistant& self, sdk::Call& call) {
  auto asking = self.session().command(call, Command{"energy/get_prefs"});
  Result<Frame> prefs = co_await std::move(asking);
  if (prefs) {
    auto meters = meters_of(prefs->result());
    if (!meters.all().empty()) co_return meters;
  } else if (prefs.error().code != Code::not_found && prefs.error().code != Code::unsupported) {
    co_return prefs.error();
  }
  auto listing = self.session().command(call, Command{"recorder/list_statistic_ids"}.text("statistic_type", "sum"));
  Result<Frame> listed = co_await std::move(listing);
  if (!listed) co_return listed.error();
  Meters out;
  raw::each_item(listed->result(), [&](std::string_view one) {
    if (raw::text(raw::member(one, "unit_class")) == "energy") add_id(out.devices, raw::member(one, "statistic_id"));
  });
  co_return out;
}

std::optional<double> total_change(Statistics const& statistics, std::string const& id) {
  auto const found = statistics.find(id);
  if (found == statistics.end()) return std::nullopt;
  std::optional<double> out;
  for (auto const& one : found->second)
    if (one.change) out = out.value_or(0) + *one.change;
  return out;
}

EnergyFlow flow_of(std::vector<std::string> const& ids, Statistics const& now, Statistics const& before) {
  EnergyFlow out;
  out.statistic_ids = ids;
  for (auto const& id : ids) {
    if (auto kwh = total_change(now, id)) out.kwh = rounded(out.kwh.value_or(0) + *kwh);
    if (auto kwh = total_change(before, id)) out.previous_kwh = rounded(out.previous_kwh.value_or(0) + *kwh);
  }
  return out;
}

// Energy of the hours from 1 to 5, local time, over all meters that count what is consumed.
std::optional<StandbyLoad> standby_of(Statistics const& hourly, std::vector<std::string> const& ids, double offset,
                                      double consumed, double hours) {
  std::map<double, double> by_hour;  // start -> kWh
  std::map<long, int> nights;
  for (auto const& id : ids) {
    auto const found = hourly.find(id);
    if (found == hourly.end()) continue;
    for (auto const& one : found->second) {
      if (!one.change || one.end - one.start > 3700) continue;
      auto const local = one.start + offset;
      auto const hour = std::fmod(local, 86'400) / 3600;
      if (hour < 1 || hour >= 5) continue;
      by_hour[one.start] += *one.change;
      nights[static_cast<long>(local / 86'400)] = 1;
    }
  }
  if (nights.size() < 3) return std::nullopt;
  std::vector<double> watts;
  for (auto const& [start, kwh] : by_hour) watts.push_back(kwh * 1000);
  StandbyLoad out;
  out.watts = rounded(median_of(watts));
  out.nights = nights.size();
  if (consumed > 0) out.share_of_consumption = rounded(std::min(1.0, out.watts / 1000 * hours / consumed));
  return out;
}

void suggest(EnergyResult& out, double hours) {
  if (out.standby && out.standby->watts >= 50 && out.standby->share_of_consumption >= 0.3)
    out.suggestions.push_back(
        {"standby",
         fmt::format("{:.0f} W run through the night; devices that need not be on then are worth a look",
                     out.standby->watts),
         fmt::format("median of {} between 1 and 5 o'clock; {:.0f} % of all energy if it goes on all day",
                     plural(out.standby->nights, "night"), out.standby->share_of_consumption * 100),
         rounded(out.standby->watts / 1000 * hours)});
  for (auto const& one : out.top_consumers)
    if (one.previous_kwh && *one.previous_kwh > 0.1 && one.kwh > 1.25 * *one.previous_kwh &&
        one.kwh - *one.previous_kwh > 0.5)
      out.suggestions.push_back({"growth", fmt::format("{} used more than in the period before", one.name),
                                 fmt::format("{:.2f} kWh after {:.2f} kWh", one.kwh, *one.previous_kwh),
                                 rounded(one.kwh - *one.previous_kwh)});
}

void take_power(HomeAssistant& self, EnergyResult& out) {
  for (auto const& one : home_of(self)) {
    auto const watts = watts_of(one);
    if (!watts) continue;
    out.total_power = out.total_power.value_or(0) + *watts;
    out.power.push_back({one.state->entity_id, one.state->name, *watts});
  }
  std::stable_sort(out.power.begin(), out.power.end(), [](auto const& a, auto const& b) { return a.watts > b.watts; });
  if (out.power.size() > 10) out.power.resize(10);
}

Tool<EnergyResult> energy(HomeAssistant& self, sdk::Call& call, EnergyArgs args) {
  auto filling = self.mirror().ready(call);
  Result<void> filled = co_await std::move(filling);
  if (!filled) co_return filled.error();
  auto finding = find_meters(self, call);
  Result<Meters> meters = co_await std::move(finding);
  if (!meters) co_return meters.error();
  auto timing = local_time(self, call);
  Result<LocalTime> local = co_await std::move(timing);
  if (!local) co_return local.error();
  auto const days = args.period == "day" ? 1.0 : args.period == "week" ? 7.0 : 30.0;
  // Whole hours: what the statistics know of.
  auto const to = std::floor(seconds_now() / 3600) * 3600 + 3600;
  auto const from = to - days * 86'400;
  sdk::Answer<EnergyResult> out;
  auto& data = out.data;
  data.period = args.period;
  data.from = iso_of_seconds(from);
  data.to = iso_of_seconds(to);
  data.source = meters->from_dashboard ? "energy_dashboard" : "energy_sensors";
  auto asking_now = statistics_of(self, call, meters->all(), from, to, "hour");
  Result<Statistics> now = co_await std::move(asking_now);
  if (!now) co_return now.error();
  auto asking_before = statistics_of(self, call, meters->all(), from - days * 86'400, from, "hour");
  Result<Statistics> before = co_await std::move(asking_before);
  if (!before) co_return before.error();
  data.grid_import = flow_of(meters->import_ids, *now, *before);
  data.grid_export = flow_of(meters->export_ids, *now, *before);
  data.production = flow_of(meters->solar_ids, *now, *before);
  auto const supply =
      data.grid_import.kwh.value_or(0) + data.production.kwh.value_or(0) - data.grid_export.kwh.value_or(0);
  double metered = 0;
  for (auto const& id : meters->all())
    if (total_change(*now, id)) ++data.sensor_count;
  for (auto const& id : meters->devices) {
    auto const kwh = total_change(*now, id);
    if (!kwh) continue;
    auto const* state = self.mirror().state(id);
    Consumer one{id, state != nullptr ? state->name : id, rounded(*kwh), {}, {}};
    if (auto previous = total_change(*before, id)) one.previous_kwh = rounded(*previous);
    if (supply > 0) one.share = rounded(one.kwh / supply);
    metered += one.kwh;
    data.top_consumers.push_back(std::move(one));
  }
  std::stable_sort(data.top_consumers.begin(), data.top_consumers.end(),
                   [](auto const& a, auto const& b) { return a.kwh > b.kwh; });
  if (data.top_consumers.size() > 10) data.top_consumers.resize(10);
  if (!meters->price && !meters->price_entity.empty())
    if (auto const* state = self.mirror().state(meters->price_entity)) meters->price = as_number(state->state);
  if (meters->price && data.grid_import.kwh) {
    data.cost = rounded(*meters->price * *data.grid_import.kwh);
    auto asking = self.session().command(call, Command{"get_config"});
    Result<Frame> config = co_await std::move(asking);
    if (config) data.currency = raw::text(raw::member(config->result(), "currency"));
  }
  take_power(self, data);
  auto const& counted = meters->import_ids.empty() ? meters->devices : meters->import_ids;
  data.standby = standby_of(*now, counted, local->offset, supply > 0 ? supply : metered, days * 24);
  data.status = data.sensor_count == 0 ? "insufficient_data" : "ok";
  if (meters->all().empty())
    data.insufficient_data.emplace_back(
        "energy: the energy dashboard is not set up, and no sensor of device class energy has statistics");
  else if (data.sensor_count == 0)
    data.insufficient_data.emplace_back("energy: the meters have no statistics in this period");
  if (!data.standby) data.insufficient_data.emplace_back("standby: less than three nights are recorded in this period");
  if (!data.total_power) data.insufficient_data.emplace_back("total_power: there is no sensor of device class power");
  if (!data.cost)
    data.insufficient_data.emplace_back("cost: the energy dashboard has no price, or no import is recorded");
  if (args.suggest_savings) suggest(data, days * 24);
  out.message = data.sensor_count == 0 ? "No energy is recorded in this period"
                                       : fmt::format("{:.2f} kWh by {} in the last {}", supply > 0 ? supply : metered,
                                                     plural(data.sensor_count, "meter"), args.period);
  co_return out;
}

}  // namespace

void declare_energy(sdk::Table<HomeAssistant>& table) { add_tool<energy_op, &energy>(table); }

}  // namespace patchbay::home_assistant
