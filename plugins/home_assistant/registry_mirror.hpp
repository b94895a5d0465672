// RegistryMirror: Home Assistant's registries (areas, floors, labels, devices, entities) as they were last read, and
// what belongs to what.
//
//   if (auto const* area = registry.find_area("Kitchen"))               // by id, name or alias
//     for (auto id : registry.entities_in(area->area_id)) ...
//
// An entity is in its own area, or else in that of its device. Filled by Mirror, which reads a registry again when Home
// Assistant says that it changed. All on the plugin's thread; pointers and views hold until the next suspension. Pure:
// tested without a gateway.
#pragma once

#include <array>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/home_assistant/basics.hpp"
#include "plugins/sdk/entity_rules.hpp"

namespace patchbay::home_assistant {

// `json` is the whole record as Home Assistant sent it; raw::member(json, "...") has what stands not beside it.
struct Area {
  std::string area_id, name, floor_id;
  std::vector<std::string> aliases;
  std::string json;
};
struct Floor {
  std::string floor_id, name;
  std::string json;
};
struct Label {
  std::string label_id, name;
  std::string json;
};
struct Device {
  std::string id, name, area_id;  // name: the user's, else the integration's
  bool disabled = false;
  std::string json;
};
struct EntityEntry {
  std::string entity_id, device_id, area_id, name;  // area_id: only its own; name: the user's, or empty
  bool disabled = false, hidden = false;
  std::string json;
};

enum class Registry : std::uint8_t { areas, floors, labels, devices, entities };
inline constexpr std::array<std::string_view, 5> registry_commands{
    "config/area_registry/list", "config/floor_registry/list", "config/label_registry/list",
    "config/device_registry/list", "config/entity_registry/list"};
inline constexpr std::array<std::string_view, 5> registry_events{"area_registry_updated", "floor_registry_updated",
                                                                 "label_registry_updated", "device_registry_updated",
                                                                 "entity_registry_updated"};

class RegistryMirror {
 public:
  template <class T>
  using ById = std::map<std::string, T, std::less<>>;

  // Takes the place of what was known: the result of the registry's list command.
  void replace(Registry which, std::string_view list);

  ById<Area> const& areas() const { return areas_; }
  ById<Floor> const& floors() const { return floors_; }
  ById<Label> const& labels() const { return labels_; }
  ById<Device> const& devices() const { return devices_; }
  ById<EntityEntry> const& entities() const { return entities_; }

  EntityEntry const* entity(std::string_view entity_id) const { return find(entities_, entity_id); }
  Device const* device(std::string_view device_id) const { return find(devices_, device_id); }
  Area const* area(std::string_view area_id) const { return find(areas_, area_id); }
  // By id, then name, then alias; case, blanks and underscores make no difference.
  Area const* find_area(std::string_view name) const;

  Device const* device_of(std::string_view entity_id) const;
  // The entity's own, else its device's; null: in none.
  Area const* area_of(std::string_view entity_id) const;
  std::vector<std::string_view> entities_of(std::string_view device_id) const;
  std::vector<std::string_view> entities_in(std::string_view area_id) const;

  // Counts the changes.
  std::uint64_t revision() const { return revision_; }

 private:
  template <class T>
  static T const* find(ById<T> const& map, std::string_view id) {
    auto const found = map.find(id);
    return found == map.end() ? nullptr : &found->second;
  }
  ById<Area> areas_;
  ById<Floor> floors_;
  ById<Label> labels_;
  ById<Device> devices_;
  ById<EntityEntry> entities_;
  std::uint64_t revision_ = 0;
};

}  // namespace patchbay::home_assistant
