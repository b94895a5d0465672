// The home as the tools of the categories intelligence and security look at it: the mirror's states with area, kind and
// number at hand, and who is in. On the plugin's thread; pointers hold until the next suspension.
#pragma once

#include "plugins/home_assistant/past.hpp"
#include "plugins/home_assistant/plugin.hpp"

namespace patchbay::home_assistant {

struct HomeEntity {
  EntityState const* state = nullptr;
  Area const* area = nullptr;
  std::string device_class, unit;
  std::optional<double> number;
  double changed_at = 0;  // seconds since 1970

  std::string_view id() const { return state->entity_id; }
  bool available() const { return state->state != "unavailable" && state->state != "unknown"; }
};

// Of the entities that the registry does not hide.
std::vector<HomeEntity> home_of(HomeAssistant& self);
HomeEntity home_entity(HomeAssistant& self, EntityState const& state);

struct Presence {
  std::uint64_t total_people = 0, home = 0, away = 0, unknown = 0;
};
Presence presence_of(std::vector<HomeEntity> const& home);

// Power now, in W, of sensors of device_class power; nothing for others.
std::optional<double> watts_of(HomeEntity const& entity);
// "3 min", "2 h 5 min", "4 days".
std::string span_text(double seconds);

}  // namespace patchbay::home_assistant

template <>
struct patchbay::Describe<patchbay::home_assistant::Presence> {
  using R = home_assistant::Presence;
  static constexpr std::tuple fields{field("total_people", &R::total_people, "Persons that Home Assistant knows"),
                                     field("home", &R::home, "At home"), field("away", &R::away, "Not at home"),
                                     field("unknown", &R::unknown, "Nobody knows where")};
};
