// Category intelligence: ha_analyze_home_context and ha_activity_recognition, both from what the entities say now.
#include <spdlog/fmt/fmt.h>

#include <cmath>

#include "plugins/home_assistant/home_view.hpp"
#include "plugins/home_assistant/raw_json.hpp"
#include "plugins/home_assistant/tool_kinds.hpp"
#include "plugins/sdk/nearest.hpp"

namespace patchbay::home_assistant {

struct TimeContext {
  std::string local_time, time_of_day;
  std::int64_t hour = 0;
  bool is_weekend = false;
  std::optional<bool> sun_up;
};
struct ActiveDevices {
  std::vector<std::string> lights, switches, media_players, climate, others;
  std::uint64_t light_count = 0, switch_count = 0, total = 0;
};
struct WeatherNow {
  std::string entity_id, condition;
  std::optional<double> temperature, humidity;
};
struct AreaActivity {
  std::string area, entity_id, why;
  std::uint64_t seconds_ago = 0;
};
struct OpenThing {
  std::string entity_id, name, kind;
  std::optional<std::string> area;
  std::string since;
};
struct LowBattery {
  std::string entity_id, name, level;
};
struct HomeContextResult {
  std::string timestamp;
  Presence occupancy;
  TimeContext time_context;
  ActiveDevices active_devices;
  std::optional<WeatherNow> weather;
  std::uint64_t energy_sensors_count = 0, power_sensors_count = 0;
  std::optional<double> power_w;
  std::vector<AreaActivity> recent_activity;
  std::vector<OpenThing> open;
  std::vector<std::string> unavailable;
  std::uint64_t unavailable_count = 0;
  std::vector<LowBattery> low_batteries;
  std::vector<std::string> insufficient_data;
};
struct ActivityArgs {
  std::optional<std::vector<std::string>> rooms;
};
struct ActivityScore {
  std::string activity;
  double score = 0, share = 0;
};
struct ActivityEvidence {
  std::string activity, entity_id, why;
  double weight = 0;
};
struct ActivityResult {
  std::string status;  // ok or insufficient_data
  std::string activity;
  double confidence = 0;
  std::string time_of_day;
  Presence occupancy;
  std::vector<ActivityScore> scores;
  std::vector<ActivityEvidence> evidence;
  std::map<std::string, std::string> factors;
  std::vector<std::string> rooms;
};

}  // namespace patchbay::home_assistant

namespace patchbay {
namespace ha = home_assistant;

template <>
struct Describe<ha::TimeContext> {
  using R = ha::TimeContext;
  static constexpr std::tuple fields{
      field("local_time", &R::local_time, "Home Assistant's own time"), field("hour", &R::hour, "Hour there"),
      field("time_of_day", &R::time_of_day, "night, morning, afternoon or evening"),
      field("is_weekend", &R::is_weekend, "Saturday or Sunday"),
      field("sun_up", &R::sun_up, "Whether the sun is above the horizon; absent: no sun entity")};
};
template <>
struct Describe<ha::ActiveDevices> {
  using R = ha::ActiveDevices;
  static constexpr std::tuple fields{field("lights", &R::lights, "Lights that are on"),
                                     field("switches", &R::switches, "Switches that are on"),
                                     field("media_players", &R::media_players, "Media players that play"),
                                     field("climate", &R::climate, "Climate devices that heat or cool"),
                                     field("others", &R::others, "Fans, vacuums and other devices at work"),
                                     field("light_count", &R::light_count, "How many lights"),
                                     field("switch_count", &R::switch_count, "How many switches"),
                                     field("total", &R::total, "How many in all")};
};
template <>
struct Describe<ha::WeatherNow> {
  using R = ha::WeatherNow;
  static constexpr std::tuple fields{field("entity_id", &R::entity_id, "Who says so"),
                                     field("condition", &R::condition, "Such as sunny"),
                                     field("temperature", &R::temperature, "In the units of Home Assistant"),
                                     field("humidity", &R::humidity, "Percent")};
};
template <>
struct Describe<ha::AreaActivity> {
  using R = ha::AreaActivity;
  static constexpr std::tuple fields{field("area", &R::area, "Where"), field("entity_id", &R::entity_id, "Who saw it"),
                                     field("why", &R::why, "What was seen"),
                                     field("seconds_ago", &R::seconds_ago, "How long ago it changed")};
};
template <>
struct Describe<ha::OpenThing> {
  using R = ha::OpenThing;
  static constexpr std::tuple fields{field("entity_id", &R::entity_id, "The door, window, lock or cover"),
                                     field("name", &R::name, "Its name"), field("kind", &R::kind, "What it is"),
                                     field("area", &R::area, "Where"), field("since", &R::since, "Since when")};
};
template <>
struct Describe<ha::LowBattery> {
  using R = ha::LowBattery;
  static constexpr std::tuple fields{field("entity_id", &R::entity_id, "The battery"),
                                     field("name", &R::name, "Its name"), field("level", &R::level, "Percent, or low")};
};
template <>
struct Describe<ha::HomeContextResult> {
  using R = ha::HomeContextResult;
  static constexpr std::tuple fields{
      field("timestamp", &R::timestamp, "When"),
      field("occupancy", &R::occupancy, "Who is in"),
      field("time_context", &R::time_context, "What time it is there"),
      field("active_devices", &R::active_devices, "What is on"),
      field("weather", &R::weather, "Outside; absent: no weather entity"),
      field("energy_sensors_count", &R::energy_sensors_count, "Sensors of device class energy"),
      field("power_sensors_count", &R::power_sensors_count, "Sensors of device class power with a value"),
      field("power_w", &R::power_w, "Their sum; one that measures others counts these twice; absent: there are none"),
      field("recent_activity", &R::recent_activity, "Areas with motion, presence or sound in the last 15 minutes"),
      field("open", &R::open, "Doors, windows and covers that are open, locks that are unlocked"),
      field("unavailable", &R::unavailable, "The first 20 entities that are unavailable"),
      field("unavailable_count", &R::unavailable_count, "How many are"),
      field("low_batteries", &R::low_batteries, "Batteries below 20 percent"),
      field("insufficient_data", &R::insufficient_data, "What could not be told, and why")};
};
template <>
struct Describe<ha::ActivityArgs> {
  static constexpr std::tuple fields{
      field("rooms", &ha::ActivityArgs::rooms, "Areas to look at, by id or name; all when absent")
          .nullable()
          .length(0, 100)};
};
template <>
struct Describe<ha::ActivityScore> {
  using R = ha::ActivityScore;
  static constexpr std::tuple fields{field("activity", &R::activity, "What people may be doing"),
                                     field("score", &R::score, "Sum of the weights of its evidence"),
                                     field("share", &R::share, "Its part of all scores")};
};
template <>
struct Describe<ha::ActivityEvidence> {
  using R = ha::ActivityEvidence;
  static constexpr std::tuple fields{
      field("activity", &R::activity, "What it speaks for"), field("entity_id", &R::entity_id, "Where it was seen"),
      field("why", &R::why, "What was seen"), field("weight", &R::weight, "What it counts")};
};
template <>
struct Describe<ha::ActivityResult> {
  using R = ha::ActivityResult;
  static constexpr std::tuple fields{
      field("status", &R::status, "ok, or insufficient_data: the evidence is too thin")
          .one_of("ok", "insufficient_data"),
      field("activity", &R::activity,
            "away, sleeping, watching_media, listening, cooking, working, relaxing or unknown"),
      field("confidence", &R::confidence, "Share of this activity among all scores"),
      field("time_of_day", &R::time_of_day, "night, morning, afternoon or evening"),
      field("occupancy", &R::occupancy, "Who is in"),
      field("scores", &R::scores, "All activities with evidence, the likeliest first"),
      field("evidence", &R::evidence, "What the scores rest on"),
      field("factors", &R::factors, "The circumstances that were looked at"),
      field("rooms", &R::rooms, "The areas that were looked at; empty: all")};
};
}  // namespace patchbay

namespace patchbay::home_assistant {
namespace {

constexpr auto context_op = reading_tool<Nothing, HomeContextResult>(
    "intelligence", "analyze_home_context",
    "Summarise the home: who is in, what is on and open, weather, time of day, power and what needs care.", "{}");
constexpr auto activity_op = reading_tool<ActivityArgs, ActivityResult>(
    "intelligence", "activity_recognition",
    "Guess what people are doing from presence, time and devices in use; the evidence is in the answer.",
    R"({"rooms":["Living Room"]})");

constexpr double recent = 15 * 60;

std::string time_of_day(int hour) {
  if (hour < 6 || hour >= 23) return "night";
  if (hour < 12) return "morning";
  return hour < 18 ? "afternoon" : "evening";
}

bool is_opening(HomeEntity const& one) {
  auto const& kind = one.device_class;
  return one.state->domain() == "binary_sensor" &&
         (kind == "door" || kind == "window" || kind == "garage_door" || kind == "opening");
}
bool shows_people(HomeEntity const& one) {
  auto const& kind = one.device_class;
  return one.state->domain() == "binary_sensor" &&
         (kind == "motion" || kind == "occupancy" || kind == "presence" || kind == "sound" || kind == "moving");
}

void take_active(HomeEntity const& one, ActiveDevices& out) {
  auto const domain = one.state->domain();
  auto const& state = one.state->state;
  auto const id = one.state->entity_id;
  if (domain == "light" && state == "on")
    out.lights.push_back(id);
  else if (domain == "switch" && state == "on")
    out.switches.push_back(id);
  else if (domain == "media_player" && state == "playing")
    out.media_players.push_back(id);
  else if (domain == "climate") {
    auto const action = one.state->text_attribute("hvac_action");
    if (action == "heating" || action == "cooling") out.climate.push_back(id);
  } else if ((domain == "fan" && state == "on") || (domain == "vacuum" && state == "cleaning") ||
             (domain == "humidifier" && state == "on") || (domain == "lawn_mower" && state == "mowing")) {
    out.others.push_back(id);
  }
}

std::optional<OpenThing> open_thing(HomeEntity const& one) {
  auto const domain = one.state->domain();
  auto const& state = one.state->state;
  OpenThing out{one.state->entity_id, one.state->name, one.device_class, {}, one.state->last_changed()};
  if (one.area != nullptr) out.area = one.area->name;
  if (is_opening(one) && state == "on") return out;
  if (domain == "lock" && (state == "unlocked" || state == "open" || state == "jammed")) {
    out.kind = "lock";
    return out;
  }
  if (domain == "cover" && (state == "open" || state == "opening")) {
    out.kind = out.kind.empty() ? "cover" : out.kind;
    if (out.kind == "door" || out.kind == "garage" || out.kind == "gate" || out.kind == "window") return out;
  }
  return std::nullopt;
}

Tool<HomeContextResult> home_context(HomeAssistant& self, sdk::Call& call, Nothing) {
  auto filling = self.mirror().ready(call);
  Result<void> filled = co_await std::move(filling);
  if (!filled) co_return filled.error();
  auto timing = local_time(self, call);
  Result<LocalTime> local = co_await std::move(timing);
  if (!local) co_return local.error();
  auto const home = home_of(self);
  auto const now = seconds_now();
  sdk::Answer<HomeContextResult> out;
  auto& data = out.data;
  data.timestamp = iso_of_seconds(now);
  data.occupancy = presence_of(home);
  data.time_context.local_time = local->iso;
  data.time_context.hour = local->hour;
  data.time_context.time_of_day = time_of_day(local->hour);
  data.time_context.is_weekend = local->weekday >= 5;
  for (auto const& one : home) {
    auto const& state = *one.state;
    auto const domain = state.domain();
    if (state.entity_id == "sun.sun") data.time_context.sun_up = state.state == "above_horizon";
    if (domain == "weather" && !data.weather) {
      data.weather.emplace(WeatherNow{state.entity_id, state.state, as_number(state.attribute("temperature")),
                                      as_number(state.attribute("humidity"))});
    }
    if (domain == "sensor" && one.device_class == "energy") ++data.energy_sensors_count;
    if (auto watts = watts_of(one)) {
      ++data.power_sensors_count;
      data.power_w = data.power_w.value_or(0) + *watts;
    }
    if (state.state == "unavailable" && ++data.unavailable_count <= 20) data.unavailable.push_back(state.entity_id);
    if (one.device_class == "battery" &&
        ((domain == "sensor" && one.number && *one.number < 20) || (domain == "binary_sensor" && state.state == "on")))
      data.low_batteries.push_back({state.entity_id, state.name, domain == "sensor" ? state.state + " %" : "low"});
    if (shows_people(one) && one.area != nullptr && (state.state == "on" || now - one.changed_at < recent) &&
        one.available())
      data.recent_activity.push_back({one.area->name, state.entity_id,
                                      one.device_class + (state.state == "on" ? " now" : " lately"),
                                      static_cast<std::uint64_t>(std::max(0.0, now - one.changed_at))});
    take_active(one, data.active_devices);
    if (auto open = open_thing(one)) data.open.push_back(std::move(*open));
  }
  auto& active = data.active_devices;
  active.light_count = active.lights.size();
  active.switch_count = active.switches.size();
  active.total = active.lights.size() + active.switches.size() + active.media_players.size() + active.climate.size() +
                 active.others.size();
  if (data.occupancy.total_people == 0)
    data.insufficient_data.emplace_back("occupancy: Home Assistant has no persons");
  else if (data.occupancy.unknown == data.occupancy.total_people)
    data.insufficient_data.emplace_back("occupancy: no person has a device tracker that says where it is");
  if (data.power_sensors_count == 0)
    data.insufficient_data.emplace_back("power_w: there is no sensor of device class power");
  if (!data.weather) data.insufficient_data.emplace_back("weather: there is no weather entity");
  out.message = fmt::format("{} of {} at home, {} on, {} open, {} unavailable", data.occupancy.home,
                            plural(data.occupancy.total_people, "person", "persons"), plural(active.total, "device"),
                            data.open.size(), data.unavailable_count);
  co_return out;
}

// Collects what speaks for the activities.
class Scores {
 public:
  void add(char const* activity, std::string_view entity_id, std::string why, double weight) {
    if (weight <= 0) return;
    evidence_.push_back({activity, std::string{entity_id}, std::move(why), weight});
    by_activity_[activity] += weight;
  }
  double total() const {
    double out = 0;
    for (auto const& [activity, score] : by_activity_) out += score;
    return out;
  }
  std::vector<ActivityEvidence> take_evidence() { return std::move(evidence_); }
  std::vector<ActivityScore> ranked() const {
    std::vector<double> scores;
    std::vector<ActivityScore> out;
    for (auto const& [activity, score] : by_activity_) {
      out.push_back({activity, score, 0});
      scores.push_back(score);
    }
    auto const shares = shares_of(scores);
    for (std::size_t i = 0; i < out.size(); ++i) out[i].share = std::round(shares[i] * 100) / 100;
    std::stable_sort(out.begin(), out.end(), [](auto const& a, auto const& b) { return a.score > b.score; });
    return out;
  }

 private:
  std::vector<ActivityEvidence> evidence_;
  std::map<std::string, double> by_activity_;
};

bool name_holds(Area const* area, std::initializer_list<std::string_view> words) {
  if (area == nullptr) return false;
  auto const name = folded_name(area->name);
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view word) { return name.find(word) != std::string::npos; });
}

// The weights: an explicit statement (a bedtime helper, everybody away) counts 3, a device in use 2, a hint 0.5 to 1.
void weigh(HomeEntity const& one, double now, std::string const& when, Scores& scores) {
  auto const& state = *one.state;
  auto const domain = state.domain();
  auto const id = state.entity_id;
  auto const fresh = now - one.changed_at;
  if (domain == "media_player" && state.state == "playing") {
    auto const type = state.text_attribute("media_content_type");
    bool const music = type == "music" || type == "podcast" || one.device_class == "speaker";
    scores.add(music ? "listening" : "watching_media", id, "plays" + (type.empty() ? "" : " " + type), 2);
  }
  if (domain == "input_boolean" || domain == "schedule") {
    auto const name = folded_name(state.name + " " + state.entity_id);
    if (state.state == "on" && (name.find("sleep") != std::string::npos || name.find("bed_time") != std::string::npos ||
                                name.find("bedtime") != std::string::npos))
      scores.add("sleeping", id, "is on", 3);
  }
  if (shows_people(one) && (state.state == "on" || fresh < recent) && one.available()) {
    auto const text = one.device_class + " " + (state.state == "on" ? "now" : span_text(fresh) + " ago");
    if (name_holds(one.area, {"kitchen"})) scores.add("cooking", id, text, 1);
    if (name_holds(one.area, {"office", "study"})) scores.add("working", id, text, 1.5);
    if (name_holds(one.area, {"living", "lounge"})) scores.add("relaxing", id, text, 1);
    if (name_holds(one.area, {"bed"}) && when == "night") scores.add("sleeping", id, text, 0.5);
  }
  if (auto watts = watts_of(one); watts && *watts > 0) {
    if (name_holds(one.area, {"kitchen"}) && *watts > 400)
      scores.add("cooking", id, fmt::format("draws {:.0f} W", *watts), 2);
    if (name_holds(one.area, {"office", "study"}) && *watts > 30)
      scores.add("working", id, fmt::format("draws {:.0f} W", *watts), 2);
  }
  if (domain == "light" && state.state == "on") {
    auto const brightness = as_number(state.attribute("brightness"));
    bool const dim = brightness && *brightness < 100;
    if (name_holds(one.area, {"kitchen"})) scores.add("cooking", id, "is on", 0.5);
    if (name_holds(one.area, {"office", "study"})) scores.add("working", id, "is on", 0.5);
    if (name_holds(one.area, {"living", "lounge"}) && when == "evening")
      scores.add("relaxing", id, dim ? "is on, dimmed" : "is on", dim ? 1 : 0.5);
  }
}

Tool<ActivityResult> activity(HomeAssistant& self, sdk::Call& call, ActivityArgs args) {
  auto filling = self.mirror().ready(call);
  Result<void> filled = co_await std::move(filling);
  if (!filled) co_return filled.error();
  auto timing = local_time(self, call);
  Result<LocalTime> local = co_await std::move(timing);
  if (!local) co_return local.error();
  sdk::Answer<ActivityResult> out;
  auto& data = out.data;
  auto const& registry = self.mirror().registry();
  std::vector<Area const*> areas;
  auto const wanted = args.rooms.value_or(std::vector<std::string>{});
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    auto const* area = registry.find_area(wanted[i]);
    if (area == nullptr) {
      std::vector<std::string_view> names;
      for (auto const& [id, one] : registry.areas()) names.emplace_back(one.name);
      co_return Error{Code::not_found, fmt::format("no area \"{}\"; {}", wanted[i], did_you_mean(wanted[i], names)),
                      fmt::format("/rooms/{}", i)};
    }
    areas.push_back(area);
    data.rooms.push_back(area->name);
  }
  auto const home = home_of(self);
  auto const now = seconds_now();
  data.occupancy = presence_of(home);
  data.time_of_day = time_of_day(local->hour);
  Scores scores;
  std::uint64_t looked_at = 0;
  for (auto const& one : home) {
    bool const helper = one.state->domain() == "input_boolean" || one.state->domain() == "schedule";
    if (!areas.empty() && !helper && std::find(areas.begin(), areas.end(), one.area) == areas.end()) continue;
    if (one.area != nullptr) ++looked_at;
    weigh(one, now, data.time_of_day, scores);
  }
  bool const all_away = data.occupancy.total_people > 0 && data.occupancy.away == data.occupancy.total_people;
  // What runs while everybody is away tells nothing of what people do: being away outweighs all of it.
  if (all_away) scores.add("away", "person", "all persons are away", 3 + scores.total());
  data.scores = scores.ranked();
  // The hour alone says nothing: it only weighs what there is evidence for.
  for (auto& one : data.scores)
    if (one.activity == "sleeping" && data.time_of_day == "night") one.score += 1;
  data.evidence = scores.take_evidence();
  data.factors["local_time"] = local->iso;
  data.factors["weekday"] = std::to_string(local->weekday);
  data.factors["entities_in_areas"] = std::to_string(looked_at);
  data.factors["people_known"] = std::to_string(data.occupancy.total_people - data.occupancy.unknown);
  double total = 0;
  for (auto const& one : data.scores) total += one.score;
  if (total < 2) {  // less than one device in use
    data.status = "insufficient_data";
    data.activity = "unknown";
    out.message = "The evidence is too thin to say what people are doing";
    co_return out;
  }
  data.status = "ok";
  data.activity = data.scores.front().activity;
  data.confidence = data.scores.front().share;
  out.message = fmt::format("Most likely {}, {:.0f} % of the evidence", data.activity, data.confidence * 100);
  co_return out;
}

}  // namespace

void declare_home_context(sdk::Table<HomeAssistant>& table) {
  add_tool<context_op, &home_context>(table);
  add_tool<activity_op, &activity>(table);
}

}  // namespace patchbay::home_assistant
