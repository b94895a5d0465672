#include "plugins/home_assistant/home_view.hpp"

#include <spdlog/fmt/fmt.h>

#include "plugins/home_assistant/raw_json.hpp"

namespace patchbay::home_assistant {

HomeEntity home_entity(HomeAssistant& self, EntityState const& state) {
  HomeEntity out;
  out.state = &state;
  out.area = self.mirror().registry().area_of(state.entity_id);
  out.device_class = state.text_attribute("device_class");
  out.unit = state.text_attribute("unit_of_measurement");
  out.number = as_number(state.state);
  out.changed_at = seconds_of(state.last_changed()).value_or(0);
  return out;
}

std::vector<HomeEntity> home_of(HomeAssistant& self) {
  std::vector<HomeEntity> out;
  auto const& registry = self.mirror().registry();
  self.mirror().each([&](EntityState const& one) {
    auto const* entry = registry.entity(one.entity_id);
    if (entry == nullptr || !entry->hidden) out.push_back(home_entity(self, one));
  });
  return out;
}

Presence presence_of(std::vector<HomeEntity> const& home) {
  Presence out;
  for (auto const& one : home) {
    if (one.state->domain() != "person") continue;
    ++out.total_people;
    if (one.state->state == "home")
      ++out.home;
    else if (!one.available())
      ++out.unknown;
    else
      ++out.away;
  }
  return out;
}

std::optional<double> watts_of(HomeEntity const& entity) {
  if (entity.state->domain() != "sensor" || entity.device_class != "power" || !entity.number) return std::nullopt;
  if (entity.unit == "W") return entity.number;
  if (entity.unit == "kW") return *entity.number * 1000;
  if (entity.unit == "MW") return *entity.number * 1e6;
  if (entity.unit == "mW") return *entity.number / 1000;
  return std::nullopt;
}

std::string span_text(double seconds) {
  auto const minutes = static_cast<long>(seconds / 60);
  if (minutes < 1) return "less than a minute";
  if (minutes < 60) return fmt::format("{} min", minutes);
  if (minutes < 48 * 60)
    return minutes % 60 == 0 ? fmt::format("{} h", minutes / 60)
                             : fmt::format("{} h {} min", minutes / 60, minutes % 60);
  return fmt::format("{} days", minutes / (24 * 60));
}

}  // namespace patchbay::home_assistant
