// Arguments of the device control tools.
#pragma once

#include "plugins/home_assistant/verified_action.hpp"

namespace patchbay::home_assistant {

struct LightArgs {
  RawJson entity_id;
  std::string action;
  std::optional<std::int64_t> brightness, brightness_pct;
  std::optional<std::vector<std::int64_t>> rgb_color;
  std::optional<std::int64_t> color_temp, color_temp_kelvin;
  std::optional<std::string> effect;
  std::optional<double> transition;
  std::int64_t wait_ms = usual_wait_ms;
};
struct SwitchArgs {
  RawJson entity_id;
  std::string action;
  std::int64_t wait_ms = usual_wait_ms;
};
struct ClimateArgs {
  RawJson entity_id;
  std::string action;
  std::optional<double> temperature, target_temp_high, target_temp_low;
  std::optional<std::int64_t> humidity;
  std::optional<std::string> hvac_mode, fan_mode, preset_mode, swing_mode;
  std::int64_t wait_ms = usual_wait_ms;
};
struct CoverArgs {
  RawJson entity_id;
  std::string action;
  std::optional<std::int64_t> position, tilt_position;
  std::int64_t wait_ms = usual_wait_ms;
};
struct VacuumArgs {
  RawJson entity_id;
  std::string action;
  std::optional<std::string> fan_speed, command;
  RawJson params;
  std::int64_t wait_ms = usual_wait_ms;
};
struct FanArgs {
  RawJson entity_id;
  std::string action;
  std::optional<std::int64_t> percentage;
  std::optional<bool> oscillating;
  std::optional<std::string> preset_mode, direction;
  std::int64_t wait_ms = usual_wait_ms;
};
struct MediaPlayerArgs {
  RawJson entity_id;
  std::string action;
  std::optional<double> volume_level;
  std::optional<std::string> media_content_id, media_content_type, source;
  std::optional<bool> is_volume_muted;
  std::optional<double> seek_position;
  std::int64_t wait_ms = usual_wait_ms;
};

}  // namespace patchbay::home_assistant

namespace patchbay {
namespace ha = home_assistant;

namespace detail {
template <class A>
constexpr auto entity_field(char const* text) {
  return field("entity_id", &A::entity_id, text).type("string", "array");
}
template <class A>
constexpr auto wait_field() {
  return field("wait_ms", &A::wait_ms, "How long to wait until the state shows it, in milliseconds")
      .nullable()
      .range(0, 30'000);
}
}  // namespace detail

template <>
struct Describe<ha::LightArgs> {
  using A = ha::LightArgs;
  static constexpr std::tuple fields{
      detail::entity_field<A>("Entity id of the light, such as light.bed_light, or a list of them"),
      field("action", &A::action, "What to do with the light").one_of("turn_on", "turn_off", "toggle"),
      field("brightness", &A::brightness, "Brightness; with turn_on or toggle").nullable().range(0, 255),
      field("brightness_pct", &A::brightness_pct, "The same in percent").nullable().range(0, 100),
      field("rgb_color", &A::rgb_color, "Three numbers 0-255 for red, green and blue").nullable().length(3, 3),
      field("color_temp", &A::color_temp, "Colour temperature in mireds").nullable().range(50, 1'000),
      field("color_temp_kelvin", &A::color_temp_kelvin, "The same in kelvin").nullable().range(1'000, 20'000),
      field("effect", &A::effect, "One of the effects that the light lists").nullable().length(1, 128),
      field("transition", &A::transition, "Fade time in seconds").nullable().range(0, 6'553),
      detail::wait_field<A>()};
};
template <>
struct Describe<ha::SwitchArgs> {
  using A = ha::SwitchArgs;
  static constexpr std::tuple fields{
      detail::entity_field<A>("Entity id of the switch, such as switch.ac, or a list of them"),
      field("action", &A::action, "What to do with the switch").one_of("turn_on", "turn_off", "toggle"),
      detail::wait_field<A>()};
};
template <>
struct Describe<ha::ClimateArgs> {
  using A = ha::ClimateArgs;
  static constexpr std::tuple fields{
      detail::entity_field<A>("Entity id of the climate device, such as climate.hvac, or a list of them"),
      field("action", &A::action, "What to do; the other arguments are set besides, each by its own service")
          .one_of("turn_on", "turn_off", "set_temperature", "set_hvac_mode", "set_fan_mode", "set_preset_mode",
                  "set_swing_mode", "set_humidity"),
      field("temperature", &A::temperature, "Target temperature in the unit that Home Assistant is set to").nullable(),
      field("target_temp_high", &A::target_temp_high, "Upper target, where the device has a range").nullable(),
      field("target_temp_low", &A::target_temp_low, "Lower target, where the device has a range").nullable(),
      field("humidity", &A::humidity, "Target humidity in percent").nullable().range(0, 100),
      field("hvac_mode", &A::hvac_mode, "A mode the device lists in hvac_modes, such as heat").nullable().length(1, 64),
      field("fan_mode", &A::fan_mode, "A mode the device lists in fan_modes").nullable().length(1, 64),
      field("preset_mode", &A::preset_mode, "A mode the device lists in preset_modes").nullable().length(1, 64),
      field("swing_mode", &A::swing_mode, "A mode the device lists in swing_modes").nullable().length(1, 64),
      detail::wait_field<A>()};
};
template <>
struct Describe<ha::CoverArgs> {
  using A = ha::CoverArgs;
  static constexpr std::tuple fields{
      detail::entity_field<A>("Entity id of the cover, such as cover.hall_window, or a list of them"),
      field("action", &A::action, "What to do with the cover")
          .one_of("open_cover", "close_cover", "stop_cover", "toggle", "set_cover_position", "open_cover_tilt",
                  "close_cover_tilt", "set_cover_tilt_position"),
      field("position", &A::position, "Percent open, for set_cover_position").nullable().range(0, 100),
      field("tilt_position", &A::tilt_position, "Percent tilted open, for set_cover_tilt_position")
          .nullable()
          .range(0, 100),
      detail::wait_field<A>()};
};
template <>
struct Describe<ha::VacuumArgs> {
  using A = ha::VacuumArgs;
  static constexpr std::tuple fields{
      detail::entity_field<A>("Entity id of the vacuum, such as vacuum.demo_vacuum_0_ground_floor, or a list of them"),
      field("action", &A::action, "What to do with the vacuum")
          .one_of("start", "pause", "stop", "return_to_base", "locate", "clean_spot", "set_fan_speed", "send_command"),
      field("fan_speed", &A::fan_speed, "A speed the vacuum lists in fan_speed_list, for set_fan_speed")
          .nullable()
          .length(1, 64),
      field("command", &A::command, "For send_command").nullable().length(1, 128),
      field("params", &A::params, "For send_command").type("object").nullable(),
      detail::wait_field<A>()};
};
template <>
struct Describe<ha::FanArgs> {
  using A = ha::FanArgs;
  static constexpr std::tuple fields{
      detail::entity_field<A>("Entity id of the fan, such as fan.living_room_fan, or a list of them"),
      field("action", &A::action, "What to do with the fan; the other arguments are set besides")
          .one_of("turn_on", "turn_off", "toggle", "set_percentage", "oscillate", "set_preset_mode", "set_direction"),
      field("percentage", &A::percentage, "Speed in percent").nullable().range(0, 100),
      field("oscillating", &A::oscillating, "Whether it swings").nullable(),
      field("preset_mode", &A::preset_mode, "A mode the fan lists in preset_modes").nullable().length(1, 64),
      field("direction", &A::direction, "forward or reverse").one_of("forward", "reverse").nullable(),
      detail::wait_field<A>()};
};
template <>
struct Describe<ha::MediaPlayerArgs> {
  using A = ha::MediaPlayerArgs;
  static constexpr std::tuple fields{
      detail::entity_field<A>("Entity id of the media player, such as media_player.living_room, or a list of them"),
      field("action", &A::action, "What to do; the other arguments are set besides")
          .one_of("play", "pause", "play_pause", "stop", "next", "previous", "volume_up", "volume_down", "volume_set",
                  "volume_mute", "play_media", "select_source", "seek", "turn_on", "turn_off", "toggle"),
      field("volume_level", &A::volume_level, "Volume 0.0 to 1.0").nullable().range(0, 1),
      field("media_content_id", &A::media_content_id, "Id or URL of what to play").nullable().length(1, 4096),
      field("media_content_type", &A::media_content_type, "Its kind, such as music").nullable().length(1, 64),
      field("source", &A::source, "An input the player lists in source_list").nullable().length(1, 128),
      field("is_volume_muted", &A::is_volume_muted, "Whether it is silent").nullable(),
      field("seek_position", &A::seek_position, "Seconds from the beginning, for seek")
          .nullable()
          .range(0, 1'000'000)
          .alias("position"),
      detail::wait_field<A>()};
};
}  // namespace patchbay
