// Category intelligence: ha_comfort_optimization, a room's climate, air and light against a comfort band.
#include <spdlog/fmt/fmt.h>

#include <cmath>

#include "plugins/home_assistant/home_view.hpp"
#include "plugins/home_assistant/items.hpp"
#include "plugins/home_assistant/raw_json.hpp"
#include "plugins/home_assistant/tool_kinds.hpp"
#include "plugins/sdk/nearest.hpp"

namespace patchbay::home_assistant {

struct ComfortArgs {
  std::string room;
  RawJson preferences;
  bool apply = false;
};
struct Reading {
  std::string entity_id, unit;
  double value = 0;
};
struct Target {
  std::optional<double> min, max;
};
struct ServiceAdvice {
  std::string domain, service, entity_id;
  RawJson data{"{}"};
};
struct Recommendation {
  std::string type, action;
  RawJson current, target;
  std::optional<ServiceAdvice> call;
  bool applied = false;
  std::optional<std::string> problem;
};
struct ComfortResult {
  std::string status;
  std::string room, area_id, season;
  std::map<std::string, std::vector<Reading>> readings;
  std::map<std::string, Target> targets;
  std::vector<Recommendation> recommendations;
  std::map<std::string, std::vector<std::string>> devices_found;
  bool comfortable = false;
  bool applied = false;
  std::vector<std::string> insufficient_data;
};

}  // namespace patchbay::home_assistant

namespace patchbay {
namespace ha = home_assistant;

template <>
struct Describe<ha::ComfortArgs> {
  using A = ha::ComfortArgs;
  static constexpr std::tuple fields{
      field("room", &A::room, "Area name or id").length(1, 255),
      field("preferences", &A::preferences,
            "Wishes: target_temp (degrees as Home Assistant shows them), humidity_min, humidity_max, co2_max, "
            "brightness (percent)")
          .type("object")
          .nullable(),
      field("apply", &A::apply, "Carry the recommendations out; without it they are only told").nullable()};
};
template <>
struct Describe<ha::Reading> {
  using R = ha::Reading;
  static constexpr std::tuple fields{field("entity_id", &R::entity_id, "Who measured"),
                                     field("value", &R::value, "What"), field("unit", &R::unit, "In")};
};
template <>
struct Describe<ha::Target> {
  using R = ha::Target;
  static constexpr std::tuple fields{field("min", &R::min, "Least that is comfortable"),
                                     field("max", &R::max, "Most that is comfortable")};
};
template <>
struct Describe<ha::ServiceAdvice> {
  using R = ha::ServiceAdvice;
  static constexpr std::tuple fields{field("domain", &R::domain, "For ha_call_service"),
                                     field("service", &R::service, "For ha_call_service"),
                                     field("entity_id", &R::entity_id, "For ha_call_service"),
                                     field("data", &R::data, "For ha_call_service, as service_data").type("object")};
};
template <>
struct Describe<ha::Recommendation> {
  using R = ha::Recommendation;
  static constexpr std::tuple fields{
      field("type", &R::type, "temperature, humidity, air_quality or light"),
      field("action", &R::action, "What would help"),
      field("current", &R::current, "What is"),
      field("target", &R::target, "What should be"),
      field("call", &R::call, "The service call that does it; absent: no device of the room can"),
      field("applied", &R::applied, "Whether it was carried out"),
      field("problem", &R::problem, "Why it could not be carried out")};
};
template <>
struct Describe<ha::ComfortResult> {
  using R = ha::ComfortResult;
  static constexpr std::tuple fields{
      field("status", &R::status, "ok, or insufficient_data: the room has no sensor that says anything")
          .one_of("ok", "insufficient_data"),
      field("room", &R::room, "Name of the area"),
      field("area_id", &R::area_id, "Its id"),
      field("season", &R::season, "heating or cooling: which temperature band holds"),
      field("readings", &R::readings, "By kind"),
      field("targets", &R::targets, "What is comfortable, by kind"),
      field("recommendations", &R::recommendations, "What would help; none: all is well"),
      field("devices_found", &R::devices_found, "Devices of the room by domain"),
      field("comfortable", &R::comfortable, "Whether all that is measured is within its band"),
      field("applied", &R::applied, "Whether something was carried out"),
      field("insufficient_data", &R::insufficient_data, "What nothing in the room measures")};
};
}  // namespace patchbay

namespace patchbay::home_assistant {
namespace {

constexpr auto comfort_op = changing_tool<ComfortArgs, ComfortResult>(
    "intelligence", "comfort_optimization",
    "Check temperature, humidity, air and light of a room against a comfort band and suggest service calls; carry them "
    "out with apply.",
    R"({"room":"Bedroom","preferences":{"target_temp":21}})", nullptr, "ha.read", Effect::read);

struct Wishes {
  std::optional<double> target_temp, humidity_min, humidity_max, co2_max, brightness;
};

Result<Wishes> wishes_of(RawJson const& preferences) {
  Wishes out;
  if (preferences.text == "null") return out;
  auto parsed = json::parse(preferences.text, json::upstream_limits);
  if (!parsed) return parsed.error();
  for (auto const& member : parsed->document.GetObject()) {
    auto const key = json::text_of(member.name);
    auto const pointer = "/preferences" + json::pointer_token(key);
    std::optional<double>* slot = nullptr;
    if (key == "target_temp" || key == "temperature") slot = &out.target_temp;
    if (key == "humidity_min") slot = &out.humidity_min;
    if (key == "humidity_max") slot = &out.humidity_max;
    if (key == "co2_max") slot = &out.co2_max;
    if (key == "brightness") slot = &out.brightness;
    if (slot == nullptr)
      return Error{Code::invalid_argument,
                   "unknown; there are target_temp, humidity_min, humidity_max, co2_max and brightness", pointer};
    if (!member.value.IsNumber()) return Error{Code::invalid_argument, "takes a number", pointer};
    *slot = member.value.GetDouble();
  }
  if (out.brightness && (*out.brightness < 0 || *out.brightness > 100))
    return Error{Code::invalid_argument, "is a percentage: 0 to 100", "/preferences/brightness"};
  return out;
}

RawJson number_json(double value) { return RawJson{describe::to_text(std::round(value * 10) / 10)}; }

std::string_view reading_kind(HomeEntity const& one) {
  if (one.state->domain() != "sensor" || !one.number) return {};
  for (std::string_view kind : {"temperature", "humidity", "carbon_dioxide", "pm25", "illuminance"})
    if (one.device_class == kind) return kind;
  return {};
}

// Degrees in the unit that Home Assistant shows, from Celsius.
double in_unit(double celsius, bool fahrenheit) { return fahrenheit ? celsius * 1.8 + 32 : celsius; }

class Room {
 public:
  Room(ComfortResult& out, Wishes wishes, bool fahrenheit) : out_(out), wishes_(wishes), fahrenheit_(fahrenheit) {}

  void take(HomeEntity const& one) {
    auto const domain = one.state->domain();
    for (std::string_view kind : {"climate", "light", "fan", "humidifier", "cover"})
      if (domain == kind) out_.devices_found[std::string{kind}].push_back(one.state->entity_id);
    if (auto const kind = reading_kind(one); !kind.empty()) {
      out_.readings[std::string{kind}].push_back({one.state->entity_id, one.unit, *one.number});
    } else if (domain == "climate") {
      if (auto value = as_number(one.state->attribute("current_temperature")))
        out_.readings["temperature"].push_back({one.state->entity_id, fahrenheit_ ? "°F" : "°C", *value});
      if (auto value = as_number(one.state->attribute("current_humidity")))
        out_.readings["humidity"].push_back({one.state->entity_id, "%", *value});
    } else if (domain == "light" && one.available()) {
      auto const brightness = as_number(one.state->attribute("brightness"));
      if (one.state->state == "off")
        out_.readings["brightness"].push_back({one.state->entity_id, "%", 0});
      else if (brightness)
        out_.readings["brightness"].push_back({one.state->entity_id, "%", std::round(*brightness / 2.55)});
    }
    if (domain == "climate") climates_.push_back(&one);
    if (domain == "humidifier") humidifiers_.push_back(&one);
    if (domain == "fan") fans_.push_back(&one);
  }

  // ASHRAE 55-like bands: 20 to 24 degrees when it is heated, 23 to 26 when it is cooled.
  void judge(bool cooling) {
    out_.season = cooling ? "cooling" : "heating";
    judge_temperature(cooling);
    judge_humidity();
    judge_air();
    judge_light();
    out_.comfortable = out_.recommendations.empty();
  }

 private:
  std::optional<double> mean(std::string const& kind) {
    auto const found = out_.readings.find(kind);
    if (found == out_.readings.end()) {
      out_.insufficient_data.push_back(kind + ": nothing in this room measures it");
      return std::nullopt;
    }
    double sum = 0;
    for (auto const& one : found->second) sum += one.value;
    return sum / static_cast<double>(found->second.size());
  }

  void judge_temperature(bool cooling) {
    Target band{in_unit(cooling ? 23 : 20, fahrenheit_), in_unit(cooling ? 26 : 24, fahrenheit_)};
    auto const half = fahrenheit_ ? 1.0 : 0.5;
    if (wishes_.target_temp) band = {*wishes_.target_temp - half, *wishes_.target_temp + half};
    out_.targets["temperature"] = band;
    auto const now = mean("temperature");
    if (!now || (*now >= *band.min && *now <= *band.max)) return;
    auto const wanted = wishes_.target_temp.value_or(*now < *band.min ? *band.min : *band.max);
    Recommendation advice;
    advice.type = "temperature";
    advice.action = fmt::format("{} to {:.1f}", *now < *band.min ? "warm the room" : "cool the room", wanted);
    advice.current = number_json(*now);
    advice.target = number_json(wanted);
    for (auto const* one : climates_) {
      auto const& mode = one->state->state;
      // One that is off, or works the other way, would not do it.
      bool const helps = *now < *band.min ? mode == "heat" || mode == "heat_cool" || mode == "auto"
                                          : mode == "cool" || mode == "heat_cool" || mode == "auto";
      if (!helps || raw::is_null(one->state->attribute("temperature"))) continue;
      advice.call = ServiceAdvice{"climate", "set_temperature", one->state->entity_id,
                                  RawJson{fmt::format(R"({{"temperature":{}}})", number_json(wanted).text)}};
      break;
    }
    out_.recommendations.push_back(std::move(advice));
  }

  void judge_humidity() {
    Target const band{wishes_.humidity_min.value_or(30), wishes_.humidity_max.value_or(60)};
    out_.targets["humidity"] = band;
    auto const now = mean("humidity");
    if (!now || (*now >= *band.min && *now <= *band.max)) return;
    bool const dry = *now < *band.min;
    Recommendation advice;
    advice.type = "humidity";
    advice.action = dry ? "moisten the air" : "dry the air, or let fresh air in";
    advice.current = number_json(*now);
    advice.target = number_json(dry ? *band.min : *band.max);
    for (auto const* one : humidifiers_) {
      if ((one->device_class == "dehumidifier") == dry) continue;
      advice.call = ServiceAdvice{"humidifier", "turn_on", one->state->entity_id, RawJson{"{}"}};
      break;
    }
    out_.recommendations.push_back(std::move(advice));
  }

  void judge_air() {
    auto judge = [this](std::string const& kind, double most) {
      out_.targets[kind] = Target{{}, most};
      auto const now = mean(kind);
      if (!now || *now <= most) return;
      Recommendation advice;
      advice.type = "air_quality";
      advice.action = kind == "carbon_dioxide" ? "let fresh air in" : "clean the air";
      advice.current = number_json(*now);
      advice.target = number_json(most);
      for (auto const* one : fans_)
        if (one->state->state == "off") {
          advice.call = ServiceAdvice{"fan", "turn_on", one->state->entity_id, RawJson{"{}"}};
          break;
        }
      out_.recommendations.push_back(std::move(advice));
    };
    judge("carbon_dioxide", wishes_.co2_max.value_or(1000));
    judge("pm25", 15);  // micrograms per cubic metre over a day, WHO 2021
  }

  void judge_light() {
    if (!wishes_.brightness) return;  // how bright a room should be is a matter of taste
    auto const wanted = *wishes_.brightness;
    out_.targets["brightness"] = Target{std::max(0.0, wanted - 5), std::min(100.0, wanted + 5)};
    auto const found = out_.readings.find("brightness");
    if (found == out_.readings.end()) {
      out_.insufficient_data.emplace_back("brightness: there is no light in this room");
      return;
    }
    for (auto const& one : found->second) {
      if (std::fabs(one.value - wanted) <= 5) continue;
      Recommendation advice;
      advice.type = "light";
      advice.action = fmt::format("set {} to {:.0f} percent", one.entity_id, wanted);
      advice.current = number_json(one.value);
      advice.target = number_json(wanted);
      advice.call = wanted == 0 ? ServiceAdvice{"light", "turn_off", one.entity_id, RawJson{"{}"}}
                                : ServiceAdvice{"light", "turn_on", one.entity_id,
                                                RawJson{fmt::format(R"({{"brightness_pct":{:.0f}}})", wanted)}};
      out_.recommendations.push_back(std::move(advice));
    }
  }

  ComfortResult& out_;
  Wishes wishes_;
  bool fahrenheit_;
  std::vector<HomeEntity const*> climates_, humidifiers_, fans_;
};

// Whether it is the time to cool: a device of the room cools, else it is warm outside.
bool is_cooling(std::vector<HomeEntity> const& home, Area const* area, bool fahrenheit) {
  for (auto const& one : home)
    if (one.area == area && one.state->domain() == "climate") {
      if (one.state->state == "cool" || one.state->text_attribute("hvac_action") == "cooling") return true;
      if (one.state->state == "heat" || one.state->text_attribute("hvac_action") == "heating") return false;
    }
  for (auto const& one : home)
    if (one.state->domain() == "weather")
      if (auto const outside = as_number(one.state->attribute("temperature")))
        return *outside >= in_unit(22, fahrenheit);
  return false;
}

Tool<ComfortResult> comfort(HomeAssistant& self, sdk::Call& call, ComfortArgs args) {
  if (args.apply && (self.settings().read_only || !call.may("ha.control")))
    co_return Error{Code::forbidden,
                    self.settings().read_only
                        ? "this gateway only reads from Home Assistant: leave apply out to get the recommendations"
                        : "to carry something out takes the scope ha.control: leave apply out to get the "
                          "recommendations",
                    "/apply"};
  auto wishes = wishes_of(args.preferences);
  if (!wishes) co_return wishes.error();
  auto filling = self.mirror().ready(call);
  Result<void> filled = co_await std::move(filling);
  if (!filled) co_return filled.error();
  auto asking = self.session().command(call, Command{"get_config"});
  Result<Frame> config = co_await std::move(asking);
  if (!config) co_return config.error();
  bool const fahrenheit = raw::text(raw::member(raw::member(config->result(), "unit_system"), "temperature")) == "°F";
  auto const& registry = self.mirror().registry();
  auto const* area = registry.find_area(args.room);
  if (area == nullptr) {
    std::vector<std::string_view> names;
    for (auto const& [id, one] : registry.areas()) names.emplace_back(one.name);
    co_return Error{Code::not_found, fmt::format("no area \"{}\"; {}", args.room, did_you_mean(args.room, names)),
                    "/room"};
  }
  sdk::Answer<ComfortResult> out;
  auto& data = out.data;
  data.room = area->name;
  data.area_id = area->area_id;
  auto const home = home_of(self);
  Room room{data, *wishes, fahrenheit};
  for (auto const& one : home)
    if (one.area == area) room.take(one);
  room.judge(is_cooling(home, area, fahrenheit));
  data.status = data.readings.empty() ? "insufficient_data" : "ok";
  if (data.readings.empty()) data.comfortable = false;
  if (args.apply)
    for (auto& advice : data.recommendations) {
      if (!advice.call) continue;
      auto calling = self.session().command(call, service_command(advice.call->domain, advice.call->service,
                                                                  advice.call->entity_id, advice.call->data.text));
      Result<Frame> called = co_await std::move(calling);
      if (called)
        advice.applied = data.applied = true;
      else
        advice.problem = called.error().message;
    }
  out.message = data.readings.empty() ? fmt::format("Nothing in {} measures anything", data.room)
                : data.recommendations.empty()
                    ? fmt::format("{} is comfortable", data.room)
                    : fmt::format("{} for {}", plural(data.recommendations.size(), "recommendation"), data.room);
  co_return out;
}

}  // namespace

void declare_comfort(sdk::Table<HomeAssistant>& table) { add_tool<comfort_op, &comfort>(table); }

}  // namespace patchbay::home_assistant
