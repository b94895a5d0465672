// Category device_control: one tool for each kind of device, each a plan of service calls and the state it should lead
// to. What the chosen action has no use for is left out and named in `ignored`.
#include "plugins/home_assistant/device_control_args.hpp"

#include <spdlog/fmt/fmt.h>

#include <cmath>

#include "plugins/home_assistant/plugin.hpp"
#include "plugins/home_assistant/raw_json.hpp"
#include "plugins/home_assistant/tool_kinds.hpp"
#include "plugins/sdk/nearest.hpp"

namespace patchbay::home_assistant {
namespace {

using std::chrono::milliseconds;
using Ids = std::vector<std::string>;

template <class A>
constexpr sdk::Operation<A, ActionResult> control(char const* name, char const* summary, char const* example,
                                                  char const* aliases = nullptr) {
  auto out = changing_tool<A, ActionResult>("device_control", name, summary, example, aliases, "ha.control");
  out.timeout = std::chrono::seconds{40};
  return out;
}
constexpr auto light_op = control<LightArgs>(
    "control_light", "Switch a light on or off or toggle it, optionally with brightness, colour and fade time.",
    R"({"entity_id":"light.bed_light","action":"turn_on","brightness":128})");
constexpr auto switch_op = control<SwitchArgs>("control_switch", "Switch a switch entity on or off or toggle it.",
                                               R"({"entity_id":"switch.ac","action":"turn_off"})");
constexpr auto climate_op = control<ClimateArgs>(
    "control_climate", "Set target temperature, modes or humidity of a climate entity, or turn it on or off.",
    R"({"entity_id":"climate.heatpump","action":"set_temperature","temperature":21})");
constexpr auto cover_op =
    control<CoverArgs>("control_cover", "Open, close, stop, tilt or position a cover such as a blind or a door.",
                       R"({"entity_id":"cover.hall_window","action":"open_cover"})");
constexpr auto vacuum_op =
    control<VacuumArgs>("vacuum_control", "Start, pause, stop, dock or locate a robot vacuum, or set its fan speed.",
                        R"({"entity_id":"vacuum.demo_vacuum_0_ground_floor","action":"start"})", "control_vacuum");
constexpr auto fan_op =
    control<FanArgs>("fan_control", "Switch a fan, set its speed, mode or direction, or let it swing.",
                     R"({"entity_id":"fan.living_room_fan","action":"turn_on","percentage":50})", "control_fan");
constexpr auto media_player_op = control<MediaPlayerArgs>(
    "media_player_control", "Play, pause, skip or change the volume of a media player, or play a given item.",
    R"({"entity_id":"media_player.living_room","action":"pause"})", "control_media_player");

double number_in(EntityState const& state, std::string_view attribute) {
  auto const text = std::string{state.attribute(attribute)};
  char* end = nullptr;
  auto const value = std::strtod(text.c_str(), &end);
  return end == text.c_str() ? std::nan("") : value;
}
bool near(EntityState const& state, std::string_view attribute, double wanted, double slack = 0.51) {
  return std::abs(number_in(state, attribute) - wanted) <= slack;
}

// One of what an attribute lists; a device that lists nothing is not asked.
std::optional<Error> check_listed(Mirror const& mirror, Ids const& ids, std::string_view attribute,
                                  std::string_view given, std::string_view pointer) {
  for (auto const& id : ids) {
    auto const* state = mirror.state(id);
    if (state == nullptr) continue;
    auto const list = state->attribute(attribute);
    if (raw::is_null(list)) continue;
    std::vector<std::string> known;
    raw::each_item(list, [&](std::string_view item) { known.push_back(raw::text(item)); });
    if (known.empty() || std::find(known.begin(), known.end(), given) != known.end()) continue;
    return Error{Code::invalid_argument,
                 fmt::format("{} does not have \"{}\"; its {} are {}", id, given, attribute, fmt::join(known, ", ")),
                 std::string{pointer}};
  }
  return std::nullopt;
}
std::optional<Error> check_between(Mirror const& mirror, Ids const& ids, std::string_view least, std::string_view most,
                                   std::optional<double> given, std::string_view pointer) {
  if (!given) return std::nullopt;
  for (auto const& id : ids) {
    auto const* state = mirror.state(id);
    if (state == nullptr) continue;
    auto const low = number_in(*state, least), high = number_in(*state, most);
    if (*given < low || *given > high)
      return Error{Code::invalid_argument, fmt::format("{} takes {} to {}, not {}", id, low, high, *given),
                   std::string{pointer}};
  }
  return std::nullopt;
}

Error needs(std::string_view action, std::string_view argument) {
  return Error{Code::invalid_argument, fmt::format("{} needs {}", action, argument), json::pointer_token(argument)};
}

// What all of them do around their plan.
template <class Args, class MakePlan>
Tool<ActionResult> run(HomeAssistant& self, sdk::Call& call, Args args, std::vector<std::string_view> domains,
                       MakePlan make_plan) {
  auto ids = target_ids(args.entity_id, std::move(domains));
  if (!ids) co_return ids.error();
  auto checking = check_known(self, call, *ids);
  Result<void> known = co_await std::move(checking);
  if (!known) co_return known.error();
  Result<ActionPlan> plan = make_plan(self.mirror(), *ids, args);
  if (!plan) co_return plan.error();
  auto acting = act(self, call, std::move(*ids), std::move(*plan), milliseconds{args.wait_ms});
  Result<ActionResult> done = co_await std::move(acting);
  if (!done) co_return done.error();
  sdk::Answer<ActionResult> out;
  out.data = std::move(*done);
  out.data.action = std::move(args.action);
  out.message = sentence_of(out.data);
  co_return out;
}

auto is_state(std::string wanted) {
  return [wanted = std::move(wanted)](EntityState const& now, EntityState const&) { return now.state == wanted; };
}
bool other_state(EntityState const& now, EntityState const& before) { return now.state != before.state; }

// --- lights

Result<ActionPlan> light_plan(Mirror const& mirror, Ids const& ids, LightArgs const& args) {
  ActionPlan plan;
  auto const colours = (args.rgb_color ? 1 : 0) + (args.color_temp ? 1 : 0) + (args.color_temp_kelvin ? 1 : 0);
  if (colours > 1)
    return Error{Code::invalid_argument, "give one of rgb_color, color_temp and color_temp_kelvin", "/rgb_color"};
  if (args.brightness && args.brightness_pct)
    return Error{Code::invalid_argument, "give brightness or brightness_pct, not both", "/brightness_pct"};
  if (args.rgb_color)
    for (auto part : *args.rgb_color)
      if (part < 0 || part > 255)
        return Error{Code::invalid_argument, "takes three numbers from 0 to 255", "/rgb_color"};
  ServiceData data;
  if (args.transition) data.real("transition", *args.transition);
  if (args.action == "turn_off") {
    auto const leave = [&](bool given, char const* name) {
      if (given) plan.ignored.emplace_back(name);
    };
    leave(args.brightness.has_value(), "brightness");
    leave(args.brightness_pct.has_value(), "brightness_pct");
    leave(args.rgb_color.has_value(), "rgb_color");
    leave(args.color_temp.has_value(), "color_temp");
    leave(args.color_temp_kelvin.has_value(), "color_temp_kelvin");
    leave(args.effect.has_value(), "effect");
    plan.call("light", "turn_off", data);
    plan.expect = is_state("off");
    return plan;
  }
  if (args.effect)
    if (auto wrong = check_listed(mirror, ids, "effect_list", *args.effect, "/effect")) return *wrong;
  std::optional<double> level;
  if (args.brightness) level = static_cast<double>(*args.brightness);
  if (args.brightness_pct) level = std::round(static_cast<double>(*args.brightness_pct) * 255 / 100);
  if (level) data.number("brightness", static_cast<std::int64_t>(*level));
  if (args.rgb_color) data.raw("rgb_color", describe::to_text(*args.rgb_color));
  // Mireds are no longer understood by newer versions, kelvin by all.
  std::optional<std::int64_t> kelvin = args.color_temp_kelvin;
  if (args.color_temp) kelvin = std::llround(1'000'000.0 / static_cast<double>(*args.color_temp));
  if (kelvin) data.number("color_temp_kelvin", *kelvin);
  if (args.effect) data.text("effect", *args.effect);
  plan.call("light", args.action, data);
  if (args.action == "toggle") {
    plan.expect = &other_state;
    return plan;
  }
  plan.expect = [level, effect = args.effect](EntityState const& now, EntityState const&) {
    if (level && *level == 0) return now.state == "off";
    if (now.state != "on") return false;
    if (level && !near(now, "brightness", *level, 3)) return false;
    return !effect || now.text_attribute("effect") == *effect;
  };
  if (args.rgb_color || kelvin) {
    auto inner = plan.expect;
    plan.expect = [inner, rgb = args.rgb_color, kelvin](EntityState const& now, EntityState const& before) {
      if (!inner(now, before)) return false;
      if (kelvin) return near(now, "color_temp_kelvin", static_cast<double>(*kelvin), 60);
      std::vector<double> shown;
      raw::each_item(now.attribute("rgb_color"),
                     [&](std::string_view one) { shown.push_back(std::strtod(std::string{one}.c_str(), nullptr)); });
      if (shown.size() != 3) return false;
      for (std::size_t i = 0; i < 3; ++i)
        if (std::abs(shown[i] - static_cast<double>((*rgb)[i])) > 6) return false;
      return true;
    };
  }
  return plan;
}
Tool<ActionResult> control_light(HomeAssistant& self, sdk::Call& call, LightArgs args) {
  return run(self, call, std::move(args), {"light"}, &light_plan);
}

// --- switches

Result<ActionPlan> switch_plan(Mirror const&, Ids const&, SwitchArgs const& args) {
  ActionPlan plan;
  plan.call("homeassistant", args.action);  // of the entity's own domain: switch or input_boolean
  if (args.action == "toggle")
    plan.expect = &other_state;
  else
    plan.expect = is_state(args.action == "turn_on" ? "on" : "off");
  return plan;
}
Tool<ActionResult> control_switch(HomeAssistant& self, sdk::Call& call, SwitchArgs args) {
  return run(self, call, std::move(args), {"switch", "input_boolean"}, &switch_plan);
}

// --- climate

Result<ActionPlan> climate_plan(Mirror const& mirror, Ids const& ids, ClimateArgs const& args) {
  auto const& action = args.action;
  bool const range = args.target_temp_high || args.target_temp_low;
  if (action == "set_temperature" && !args.temperature && !range) return needs(action, "temperature");
  if (args.target_temp_high.has_value() != args.target_temp_low.has_value())
    return needs("a range", args.target_temp_high ? "target_temp_low" : "target_temp_high");
  if (args.temperature && range)
    return Error{Code::invalid_argument, "give temperature, or target_temp_low and target_temp_high", "/temperature"};
  if (range && *args.target_temp_low > *args.target_temp_high)
    return Error{Code::invalid_argument, "target_temp_low is above target_temp_high", "/target_temp_low"};
  if (action == "set_hvac_mode" && !args.hvac_mode) return needs(action, "hvac_mode");
  if (action == "set_fan_mode" && !args.fan_mode) return needs(action, "fan_mode");
  if (action == "set_preset_mode" && !args.preset_mode) return needs(action, "preset_mode");
  if (action == "set_swing_mode" && !args.swing_mode) return needs(action, "swing_mode");
  if (action == "set_humidity" && !args.humidity) return needs(action, "humidity");
  struct Mode {
    char const *name, *list, *shown, *service;
    std::optional<std::string> const& given;
  };
  Mode const modes[] = {{"hvac_mode", "hvac_modes", "", "set_hvac_mode", args.hvac_mode},
                        {"fan_mode", "fan_modes", "fan_mode", "set_fan_mode", args.fan_mode},
                        {"preset_mode", "preset_modes", "preset_mode", "set_preset_mode", args.preset_mode},
                        {"swing_mode", "swing_modes", "swing_mode", "set_swing_mode", args.swing_mode}};
  for (auto const& mode : modes)
    if (mode.given)
      if (auto wrong = check_listed(mirror, ids, mode.list, *mode.given, json::pointer_token(mode.name))) return *wrong;
  for (auto const& [given, pointer] :
       {std::pair{args.temperature, "/temperature"}, std::pair{args.target_temp_low, "/target_temp_low"},
        std::pair{args.target_temp_high, "/target_temp_high"}})
    if (auto wrong = check_between(mirror, ids, "min_temp", "max_temp", given, pointer)) return *wrong;
  ActionPlan plan;
  if (action == "turn_off") {
    for (auto const& mode : modes)
      if (mode.given) plan.ignored.emplace_back(mode.name);
    if (args.temperature) plan.ignored.emplace_back("temperature");
    if (range) plan.ignored.insert(plan.ignored.end(), {"target_temp_low", "target_temp_high"});
    if (args.humidity) plan.ignored.emplace_back("humidity");
    // Not every thermostat has turn_off, each has the mode.
    plan.call("climate", "set_hvac_mode", ServiceData{}.text("hvac_mode", "off"));
    plan.expect = is_state("off");
    return plan;
  }
  if (action == "turn_on" && !args.hvac_mode) {
    // Without the service of that name: the first mode that is not off.
    auto const* state = mirror.state(ids.front());
    std::string first;
    raw::each_item(state->attribute("hvac_modes"), [&](std::string_view item) {
      auto const mode = raw::text(item);
      if (first.empty() && mode != "off") first = mode;
    });
    constexpr int can_turn_on = 256;
    auto const features = static_cast<int>(number_in(*state, "supported_features"));
    if ((features & can_turn_on) != 0 || first.empty())
      plan.call("climate", "turn_on");
    else if (state->state == "off")
      plan.call("climate", "set_hvac_mode", ServiceData{}.text("hvac_mode", first));
  }
  if (args.hvac_mode) plan.call("climate", "set_hvac_mode", ServiceData{}.text("hvac_mode", *args.hvac_mode));
  if (args.temperature) plan.call("climate", "set_temperature", ServiceData{}.real("temperature", *args.temperature));
  if (range)
    plan.call(
        "climate", "set_temperature",
        ServiceData{}.real("target_temp_low", *args.target_temp_low).real("target_temp_high", *args.target_temp_high));
  for (auto const& mode : modes)
    if (mode.given && *mode.shown != '\0')
      plan.call("climate", mode.service, ServiceData{}.text(mode.name, *mode.given));
  if (args.humidity) plan.call("climate", "set_humidity", ServiceData{}.number("humidity", *args.humidity));
  plan.expect = [args](EntityState const& now, EntityState const&) {
    if (args.action == "turn_on" && !args.hvac_mode && now.state == "off") return false;
    if (args.hvac_mode && now.state != *args.hvac_mode) return false;
    if (args.temperature && !near(now, "temperature", *args.temperature)) return false;
    if (args.target_temp_low && !near(now, "target_temp_low", *args.target_temp_low)) return false;
    if (args.target_temp_high && !near(now, "target_temp_high", *args.target_temp_high)) return false;
    if (args.humidity && !near(now, "humidity", static_cast<double>(*args.humidity))) return false;
    if (args.fan_mode && now.text_attribute("fan_mode") != *args.fan_mode) return false;
    if (args.preset_mode && now.text_attribute("preset_mode") != *args.preset_mode) return false;
    return !args.swing_mode || now.text_attribute("swing_mode") == *args.swing_mode;
  };
  return plan;
}
Tool<ActionResult> control_climate(HomeAssistant& self, sdk::Call& call, ClimateArgs args) {
  return run(self, call, std::move(args), {"climate"}, &climate_plan);
}

// --- covers

Result<ActionPlan> cover_plan(Mirror const&, Ids const&, CoverArgs const& args) {
  auto const& action = args.action;
  if (action == "set_cover_position" && !args.position) return needs(action, "position");
  if (action == "set_cover_tilt_position" && !args.tilt_position) return needs(action, "tilt_position");
  ActionPlan plan;
  ServiceData data;
  if (action == "set_cover_position") data.number("position", *args.position);
  if (action == "set_cover_tilt_position") data.number("tilt_position", *args.tilt_position);
  if (args.position && action != "set_cover_position") plan.ignored.emplace_back("position");
  if (args.tilt_position && action != "set_cover_tilt_position") plan.ignored.emplace_back("tilt_position");
  plan.call("cover", action, data);
  // A cover takes its time: that it moves the right way is what is waited for.
  if (action == "open_cover")
    plan.expect = [](EntityState const& now, EntityState const&) {
      auto const position = number_in(now, "current_position");
      return now.state == "opening" || (now.state == "open" && (std::isnan(position) || position >= 100));
    };
  else if (action == "close_cover")
    plan.expect = [](EntityState const& now, EntityState const&) {
      return now.state == "closing" || now.state == "closed";
    };
  else if (action == "stop_cover")
    plan.expect = [](EntityState const& now, EntityState const&) {
      return now.state != "opening" && now.state != "closing";
    };
  else if (action == "set_cover_position")
    plan.expect = [wanted = static_cast<double>(*args.position)](EntityState const& now, EntityState const& before) {
      auto const left = [&](EntityState const& at) { return std::abs(number_in(at, "current_position") - wanted); };
      return near(now, "current_position", wanted) || left(now) < left(before) || now.state == "opening" ||
             now.state == "closing";
    };
  else if (action == "set_cover_tilt_position")
    plan.expect = [wanted = static_cast<double>(*args.tilt_position)](EntityState const& now,
                                                                      EntityState const& before) {
      return near(now, "current_tilt_position", wanted) || is_different(now, before);
    };
  return plan;
}
Tool<ActionResult> control_cover(HomeAssistant& self, sdk::Call& call, CoverArgs args) {
  return run(self, call, std::move(args), {"cover"}, &cover_plan);
}

// --- vacuums

Result<ActionPlan> vacuum_plan(Mirror const& mirror, Ids const& ids, VacuumArgs const& args) {
  auto const& action = args.action;
  if (action == "set_fan_speed" && !args.fan_speed) return needs(action, "fan_speed");
  if (action == "send_command" && !args.command) return needs(action, "command");
  if (args.fan_speed)
    if (auto wrong = check_listed(mirror, ids, "fan_speed_list", *args.fan_speed, "/fan_speed")) return *wrong;
  ActionPlan plan;
  if (args.fan_speed) plan.call("vacuum", "set_fan_speed", ServiceData{}.text("fan_speed", *args.fan_speed));
  if (action != "set_fan_speed") {
    ServiceData data;
    if (action == "send_command") {
      data.text("command", *args.command);
      if (args.params.text != "null") data.raw("params", args.params.text);
    } else if (args.command) {
      plan.ignored.emplace_back("command");
    }
    plan.call("vacuum", action, data);
  }
  plan.shows = action != "locate" && action != "send_command";
  plan.expect = [args](EntityState const& now, EntityState const& before) {
    if (args.fan_speed && now.text_attribute("fan_speed") != *args.fan_speed) return false;
    auto const& state = now.state;
    if (args.action == "start") return state == "cleaning" || state == "on";
    if (args.action == "pause") return state == "paused" || state == "off";
    if (args.action == "stop") return state == "idle" || state == "off" || state == "docked";
    if (args.action == "return_to_base") return state == "returning" || state == "docked";
    if (args.action == "clean_spot") return state == "cleaning" || is_different(now, before);
    return true;
  };
  return plan;
}
Tool<ActionResult> vacuum_control(HomeAssistant& self, sdk::Call& call, VacuumArgs args) {
  return run(self, call, std::move(args), {"vacuum"}, &vacuum_plan);
}

// --- fans

Result<ActionPlan> fan_plan(Mirror const& mirror, Ids const& ids, FanArgs const& args) {
  auto const& action = args.action;
  if (action == "set_percentage" && !args.percentage) return needs(action, "percentage");
  if (action == "oscillate" && !args.oscillating) return needs(action, "oscillating");
  if (action == "set_preset_mode" && !args.preset_mode) return needs(action, "preset_mode");
  if (action == "set_direction" && !args.direction) return needs(action, "direction");
  if (args.percentage && args.preset_mode)
    return Error{Code::invalid_argument, "give percentage or preset_mode, not both", "/preset_mode"};
  if (args.preset_mode)
    if (auto wrong = check_listed(mirror, ids, "preset_modes", *args.preset_mode, "/preset_mode")) return *wrong;
  ActionPlan plan;
  if (action == "turn_off" || action == "toggle") {
    if (args.percentage) plan.ignored.emplace_back("percentage");
    if (args.preset_mode) plan.ignored.emplace_back("preset_mode");
    if (args.oscillating) plan.ignored.emplace_back("oscillating");
    if (args.direction) plan.ignored.emplace_back("direction");
    plan.call("fan", action);
    if (action == "turn_off")
      plan.expect = is_state("off");
    else
      plan.expect = &other_state;
    return plan;
  }
  if (action == "turn_on") {
    ServiceData data;
    if (args.percentage) data.number("percentage", *args.percentage);
    if (args.preset_mode) data.text("preset_mode", *args.preset_mode);
    plan.call("fan", "turn_on", data);
  } else {
    if (args.percentage) plan.call("fan", "set_percentage", ServiceData{}.number("percentage", *args.percentage));
    if (args.preset_mode) plan.call("fan", "set_preset_mode", ServiceData{}.text("preset_mode", *args.preset_mode));
  }
  if (args.oscillating) plan.call("fan", "oscillate", ServiceData{}.flag("oscillating", *args.oscillating));
  if (args.direction) plan.call("fan", "set_direction", ServiceData{}.text("direction", *args.direction));
  plan.expect = [args](EntityState const& now, EntityState const&) {
    if (args.percentage && *args.percentage == 0) return now.state == "off";
    if (args.action == "turn_on" && now.state != "on") return false;
    if (args.percentage) {
      // A fan with steps takes the next one.
      auto const step = number_in(now, "percentage_step");
      if (!near(now, "percentage", static_cast<double>(*args.percentage), std::isnan(step) ? 1.0 : std::max(1.0, step)))
        return false;
    }
    if (args.oscillating && raw::is_true(now.attribute("oscillating")) != *args.oscillating) return false;
    if (args.direction && now.text_attribute("direction") != *args.direction) return false;
    return !args.preset_mode || now.text_attribute("preset_mode") == *args.preset_mode;
  };
  return plan;
}
Tool<ActionResult> fan_control(HomeAssistant& self, sdk::Call& call, FanArgs args) {
  return run(self, call, std::move(args), {"fan"}, &fan_plan);
}

// --- media players

Result<ActionPlan> media_player_plan(Mirror const& mirror, Ids const& ids, MediaPlayerArgs const& args) {
  auto const& action = args.action;
  if (action == "volume_set" && !args.volume_level) return needs(action, "volume_level");
  if (action == "volume_mute" && !args.is_volume_muted) return needs(action, "is_volume_muted");
  if (action == "play_media" && !args.media_content_id) return needs(action, "media_content_id");
  if (action == "select_source" && !args.source) return needs(action, "source");
  if (action == "seek" && !args.seek_position) return needs(action, "seek_position");
  if (args.media_content_id && !args.media_content_type) return needs("media_content_id", "media_content_type");
  if (args.source)
    if (auto wrong = check_listed(mirror, ids, "source_list", *args.source, "/source")) return *wrong;
  ActionPlan plan;
  auto const call = [&plan](std::string_view service, ServiceData const& data = {}) {
    plan.call("media_player", service, data);
  };
  if (action == "turn_on") call("turn_on");
  if (args.source) call("select_source", ServiceData{}.text("source", *args.source));
  if (args.volume_level) call("volume_set", ServiceData{}.real("volume_level", *args.volume_level));
  if (args.is_volume_muted) call("volume_mute", ServiceData{}.flag("is_volume_muted", *args.is_volume_muted));
  if (args.media_content_id)
    call("play_media", ServiceData{}
                           .text("media_content_id", *args.media_content_id)
                           .text("media_content_type", *args.media_content_type));
  if (args.seek_position) call("media_seek", ServiceData{}.real("seek_position", *args.seek_position));
  static constexpr std::pair<std::string_view, std::string_view> transport[] = {
      {"play", "media_play"},     {"pause", "media_pause"},       {"play_pause", "media_play_pause"},
      {"stop", "media_stop"},     {"next", "media_next_track"},   {"previous", "media_previous_track"},
      {"volume_up", "volume_up"}, {"volume_down", "volume_down"}, {"turn_off", "turn_off"},
      {"toggle", "toggle"}};
  for (auto const& [name, service] : transport)
    if (action == name && !(name == "play" && args.media_content_id)) call(service);
  plan.expect = [args](EntityState const& now, EntityState const& before) {
    if (args.source && now.text_attribute("source") != *args.source) return false;
    if (args.volume_level && args.action != "volume_up" && args.action != "volume_down" &&
        !near(now, "volume_level", *args.volume_level, 0.011))
      return false;
    if (args.is_volume_muted && raw::is_true(now.attribute("is_volume_muted")) != *args.is_volume_muted) return false;
    auto const& wanted = args.action;
    if (wanted == "play" || wanted == "play_media") return now.state == "playing" || now.state == "buffering";
    if (wanted == "pause") return now.state == "paused" || now.state == "idle";
    if (wanted == "stop") return now.state != "playing" && now.state != "paused";
    if (wanted == "turn_on") return now.state != "off" && now.state != "standby";
    if (wanted == "turn_off") return now.state == "off" || now.state == "standby";
    if (wanted == "toggle" || wanted == "play_pause") return now.state != before.state;
    if (wanted == "next" || wanted == "previous" || wanted == "volume_up" || wanted == "volume_down" ||
        wanted == "seek")
      return is_different(now, before);
    return true;
  };
  return plan;
}
Tool<ActionResult> media_player_control(HomeAssistant& self, sdk::Call& call, MediaPlayerArgs args) {
  return run(self, call, std::move(args), {"media_player"}, &media_player_plan);
}

}  // namespace

void declare_device_control(sdk::Table<HomeAssistant>& table) {
  add_tool<light_op, &control_light, Reach::entities>(table);
  add_tool<switch_op, &control_switch, Reach::entities>(table);
  add_tool<climate_op, &control_climate, Reach::entities>(table);
  add_tool<cover_op, &control_cover, Reach::entities>(table);
  add_tool<vacuum_op, &vacuum_control, Reach::entities>(table);
  add_tool<fan_op, &fan_control, Reach::entities>(table);
  add_tool<media_player_op, &media_player_control, Reach::entities>(table);
}

}  // namespace patchbay::home_assistant
