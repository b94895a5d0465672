// What there is, from the mirror: entities by area, the areas, the devices, the entity registry, and binary sensors in
// words.
#include <spdlog/fmt/fmt.h>

#include "plugins/home_assistant/plugin.hpp"
#include "plugins/home_assistant/raw_json.hpp"
#include "plugins/home_assistant/state_answers.hpp"
#include "plugins/home_assistant/text.hpp"
#include "plugins/home_assistant/tool_kinds.hpp"

namespace patchbay::home_assistant {

struct DiscoverArgs {
  std::optional<std::string> domain, area, search;
  std::int64_t limit = 300;
  std::optional<std::string> cursor;
};
struct AreaDevicesArgs {
  std::string area_name;
  std::optional<std::string> domain;
  std::int64_t limit = 300;
  std::optional<std::string> cursor;
};
struct FoundEntity {
  std::string entity_id, friendly_name, state, domain;
  std::optional<std::string> area;
};
struct DiscoverResult {
  std::vector<FoundEntity> devices;
  std::uint64_t count = 0, total = 0;
  std::optional<std::string> next_cursor;
  std::optional<std::int64_t> mirror_age_ms;
};
struct FoundArea {
  std::string area_id, name;
};
struct AreaDevicesResult {
  FoundArea area;
  std::vector<FoundEntity> devices;
  std::uint64_t count = 0, total = 0;
  std::optional<std::string> next_cursor;
  std::optional<std::int64_t> mirror_age_ms;
};
struct ListAreasArgs {
  bool summary = false;
};
struct AreaLine {
  std::string area_id, name;
  std::vector<std::string> aliases;
  std::optional<std::string> floor_id, floor, icon;
  std::uint64_t entities = 0, devices = 0;
};
struct ListAreasResult {
  std::vector<AreaLine> areas;
  std::uint64_t count = 0;
  std::optional<std::int64_t> mirror_age_ms;
};
struct ListDevicesArgs {
  std::optional<std::string> area, search;
  bool disabled = false;
  std::int64_t limit = 100;
  std::optional<std::string> cursor;
  std::optional<std::vector<std::string>> fields;
};
struct DeviceLine {
  std::string id, name;
  std::optional<std::string> area_id, area, manufacturer, model;
  std::uint64_t entities = 0;
};
struct ListDevicesResult {
  std::vector<RawJson> devices;
  std::uint64_t count = 0, total = 0;
  std::optional<std::string> next_cursor;
  std::optional<std::int64_t> mirror_age_ms;
};
struct GetEntityArgs {
  RawJson entity_id;
  std::optional<std::string> domain;
  std::int64_t limit = 100;
  std::optional<std::string> cursor;
  std::optional<std::vector<std::string>> fields;
};
struct GetEntityResult {
  std::optional<RawJson> entity;
  std::optional<std::vector<RawJson>> entities;
  std::uint64_t count = 0, total = 0;
  std::optional<std::string> next_cursor;
  std::optional<std::int64_t> mirror_age_ms;
};
struct BinarySensorArgs {
  std::string entity_id;
  bool include_battery = true;
};
struct Battery {
  std::optional<double> level;
  std::optional<bool> low_battery;
  std::vector<std::string> entities;
};
struct BinarySensorResult {
  std::string entity_id, state, meaning, friendly_name;
  std::optional<std::string> device_class;
  std::string last_changed, last_updated;
  std::optional<Battery> battery;
  std::optional<std::string> area;
  std::optional<std::int64_t> mirror_age_ms;
};

}  // namespace patchbay::home_assistant

namespace patchbay {
namespace ha = home_assistant;

inline constexpr auto mirror_age_text = "How old this is in milliseconds; only while Home Assistant does not answer";
inline constexpr auto page_text = "For the next page; absent on the last";

template <>
struct Describe<ha::DiscoverArgs> {
  using A = ha::DiscoverArgs;
  static constexpr std::tuple fields{
      field("domain", &A::domain, "Keep only this domain, such as light").nullable().length(0, 256),
      field("area", &A::area, "Keep only entities of this area (name, alias or id)").nullable().length(0, 255),
      field("search", &A::search, "Keep only entities whose id or name has this in it").nullable().length(0, 255),
      field("limit", &A::limit, "Greatest number to return").nullable().range(1, 10'000),
      field("cursor", &A::cursor, "next_cursor of the page before").nullable().length(0, 255)};
};
template <>
struct Describe<ha::AreaDevicesArgs> {
  using A = ha::AreaDevicesArgs;
  static constexpr std::tuple fields{
      field("area_name", &A::area_name, "Area name, alias or id").length(1, 255).alias("area", "area_id"),
      field("domain", &A::domain, "Keep only this domain, such as light").nullable().length(0, 256),
      field("limit", &A::limit, "Greatest number to return").nullable().range(1, 10'000),
      field("cursor", &A::cursor, "next_cursor of the page before").nullable().length(0, 255)};
};
template <>
struct Describe<ha::FoundEntity> {
  using R = ha::FoundEntity;
  static constexpr std::tuple fields{field("entity_id", &R::entity_id, "The entity"),
                                     field("friendly_name", &R::friendly_name, "Its name"),
                                     field("state", &R::state, "Its state"), field("domain", &R::domain, "Its domain"),
                                     field("area", &R::area, "The area it is in, if it is in one")};
};
template <>
struct Describe<ha::DiscoverResult> {
  using R = ha::DiscoverResult;
  static constexpr std::tuple fields{
      field("devices", &R::devices, "By entity id"), field("count", &R::count, "How many are here"),
      field("total", &R::total, "How many there are in all"), field("next_cursor", &R::next_cursor, page_text),
      field("mirror_age_ms", &R::mirror_age_ms, mirror_age_text)};
};
template <>
struct Describe<ha::FoundArea> {
  using R = ha::FoundArea;
  static constexpr std::tuple fields{field("area_id", &R::area_id, "Its id"), field("name", &R::name, "Its name")};
};
template <>
struct Describe<ha::AreaDevicesResult> {
  using R = ha::AreaDevicesResult;
  static constexpr std::tuple fields{
      field("area", &R::area, "The area"),
      field("devices", &R::devices, "Entities that are in it themselves or by their device, by entity id"),
      field("count", &R::count, "How many are here"),
      field("total", &R::total, "How many there are in all"),
      field("next_cursor", &R::next_cursor, page_text),
      field("mirror_age_ms", &R::mirror_age_ms, mirror_age_text)};
};
template <>
struct Describe<ha::ListAreasArgs> {
  static constexpr std::tuple fields{
      field("summary", &ha::ListAreasArgs::summary, "Without aliases, floors and icons").nullable()};
};
template <>
struct Describe<ha::AreaLine> {
  using R = ha::AreaLine;
  static constexpr std::tuple fields{field("area_id", &R::area_id, "Its id"),
                                     field("name", &R::name, "Its name"),
                                     field("aliases", &R::aliases, "Its other names"),
                                     field("floor_id", &R::floor_id, "The floor it is on"),
                                     field("floor", &R::floor, "The name of that floor"),
                                     field("icon", &R::icon, "Its icon"),
                                     field("entities", &R::entities, "How many entities are in it"),
                                     field("devices", &R::devices, "How many devices are in it")};
};
template <>
struct Describe<ha::ListAreasResult> {
  using R = ha::ListAreasResult;
  static constexpr std::tuple fields{field("areas", &R::areas, "By id"), field("count", &R::count, "How many"),
                                     field("mirror_age_ms", &R::mirror_age_ms, mirror_age_text)};
};
template <>
struct Describe<ha::ListDevicesArgs> {
  using A = ha::ListDevicesArgs;
  static constexpr std::tuple fields{
      field("area", &A::area, "Keep only devices in this area (name, alias or id)").nullable().length(0, 255),
      field("search", &A::search, "Keep only devices whose name, maker or model has this in it")
          .nullable()
          .length(0, 255),
      field("disabled", &A::disabled, "Also those that are disabled").nullable(),
      field("limit", &A::limit, "Greatest number to return").nullable().range(1, 10'000),
      field("cursor", &A::cursor, "next_cursor of the page before").nullable().length(0, 255),
      field("fields", &A::fields,
            "Members of the registry's records to return, such as identifiers or sw_version; absent: id, name, area, "
            "maker, model and the number of entities")
          .nullable()
          .length(1, 50)};
};
template <>
struct Describe<ha::DeviceLine> {
  using R = ha::DeviceLine;
  static constexpr std::tuple fields{field("id", &R::id, "Its id"),
                                     field("name", &R::name, "The name that the user gave it, or its own"),
                                     field("area_id", &R::area_id, "The area it is in"),
                                     field("area", &R::area, "The name of that area"),
                                     field("manufacturer", &R::manufacturer, "Who made it"),
                                     field("model", &R::model, "What it is"),
                                     field("entities", &R::entities, "How many entities it has")};
};
template <>
struct Describe<ha::ListDevicesResult> {
  using R = ha::ListDevicesResult;
  static constexpr std::tuple fields{
      field("devices", &R::devices,
            "By id: {id, name, area_id, area, manufacturer, model, entities} or the fields asked"),
      field("count", &R::count, "How many are here"), field("total", &R::total, "How many there are in all"),
      field("next_cursor", &R::next_cursor, page_text), field("mirror_age_ms", &R::mirror_age_ms, mirror_age_text)};
};
template <>
struct Describe<ha::GetEntityArgs> {
  using A = ha::GetEntityArgs;
  static constexpr std::tuple fields{
      field("entity_id", &A::entity_id, "One entity, or a list of them; absent: all")
          .type("string", "array")
          .nullable(),
      field("domain", &A::domain, "Keep only this domain").nullable().length(0, 64),
      field("limit", &A::limit, "Greatest number to return").nullable().range(1, 10'000),
      field("cursor", &A::cursor, "next_cursor of the page before").nullable().length(0, 255),
      field("fields", &A::fields,
            "Members to return, such as platform or labels; absent: all of one, the main ones of many")
          .nullable()
          .length(1, 50)};
};
template <>
struct Describe<ha::GetEntityResult> {
  using R = ha::GetEntityResult;
  static constexpr std::tuple fields{field("entity", &R::entity, "For one entity: its registry record").type("object"),
                                     field("entities", &R::entities, "Else: the records, by entity id"),
                                     field("count", &R::count, "How many are here"),
                                     field("total", &R::total, "How many there are in all"),
                                     field("next_cursor", &R::next_cursor, page_text),
                                     field("mirror_age_ms", &R::mirror_age_ms, mirror_age_text)};
};
template <>
struct Describe<ha::BinarySensorArgs> {
  using A = ha::BinarySensorArgs;
  static constexpr std::tuple fields{
      field("entity_id", &A::entity_id, "Binary sensor entity id").length(3, 255),
      field("include_battery", &A::include_battery, "Add what the battery entities of its device say").nullable()};
};
template <>
struct Describe<ha::Battery> {
  using R = ha::Battery;
  static constexpr std::tuple fields{field("level", &R::level, "Percent, where a sensor tells"),
                                     field("low_battery", &R::low_battery, "Whether it is low"),
                                     field("entities", &R::entities, "The entities that tell")};
};
template <>
struct Describe<ha::BinarySensorResult> {
  using R = ha::BinarySensorResult;
  static constexpr std::tuple fields{field("entity_id", &R::entity_id, "The entity"),
                                     field("state", &R::state, "on, off, unknown or unavailable"),
                                     field("meaning", &R::meaning, "The state in words of its kind, such as open"),
                                     field("friendly_name", &R::friendly_name, "Its name"),
                                     field("device_class", &R::device_class, "Its kind, such as door"),
                                     field("last_changed", &R::last_changed, "When the state last changed"),
                                     field("last_updated", &R::last_updated, "When state or attributes last changed"),
                                     field("battery", &R::battery, "What is known of the battery of its device"),
                                     field("area", &R::area, "The area it is in"),
                                     field("mirror_age_ms", &R::mirror_age_ms, mirror_age_text)};
};
}  // namespace patchbay

namespace patchbay::home_assistant {
namespace {

constexpr auto discover_op = reading_tool<DiscoverArgs, DiscoverResult>(
    "discovery", "discover_devices", "List entities with state and friendly name, filtered by domain and by area.",
    R"({"domain":"light"})");
constexpr auto area_devices_op = reading_tool<AreaDevicesArgs, AreaDevicesResult>(
    "discovery", "get_area_devices", "List all entities that belong to an area, themselves or by their device.",
    R"({"area_name":"Kitchen"})");
constexpr auto list_areas_op = reading_tool<ListAreasArgs, ListAreasResult>(
    "discovery", "list_areas", "List the areas of the home with how much is in each.", "{}");
constexpr auto list_devices_op = reading_tool<ListDevicesArgs, ListDevicesResult>(
    "discovery", "list_devices", "List the devices of the device registry.", R"({"limit":20})");
constexpr auto get_entity_op = reading_tool<GetEntityArgs, GetEntityResult>(
    "entity_registry", "get_entity", "Return registry records: of one entity, of all, or of one domain.",
    R"({"entity_id":"light.bed_light"})");
constexpr auto binary_sensor_op = reading_tool<BinarySensorArgs, BinarySensorResult>(
    "logs_history", "get_binary_sensor", "Return state, kind, meaning and battery of a binary sensor.",
    R"({"entity_id":"binary_sensor.movement_backyard"})");

template <class R>
void page_of(R& out, Mirror const& mirror, std::vector<EntityState const*> const& all,
             std::optional<std::string> const& cursor, std::int64_t limit) {
  out.total = all.size();
  for (auto const* one : all) {
    if (cursor && one->entity_id <= *cursor) continue;
    if (out.devices.size() == static_cast<std::size_t>(limit)) {
      out.next_cursor = out.devices.back().entity_id;
      break;
    }
    FoundEntity line{one->entity_id, one->name, one->state, std::string{one->domain()}, {}};
    if (auto const* area = mirror.registry().area_of(one->entity_id)) line.area = area->name;
    out.devices.push_back(std::move(line));
  }
  out.count = out.devices.size();
  out.mirror_age_ms = mirror.age_ms();
}

Tool<DiscoverResult> discover_devices(HomeAssistant& self, sdk::Call& call, DiscoverArgs args) {
  auto filling = self.mirror().ready(call);
  Result<void> filled = co_await std::move(filling);
  if (!filled) co_return filled.error();
  auto const access = self.access(call);
  EntityFilter filter{args.domain.value_or(""), {}, args.search.value_or("")};
  if (args.area && !args.area->empty()) {
    auto area = area_named(self.mirror(), access, *args.area, "/area");
    if (!area) co_return area.error();
    filter.area_id = (*area)->area_id;
  }
  sdk::Answer<DiscoverResult> out;
  page_of(out.data, self.mirror(), found(self.mirror(), access, filter), args.cursor, args.limit);
  out.message = fmt::format("Found {}{}", plural(out.data.total, "entity", "entities"), age_note(self.mirror()));
  co_return out;
}

Tool<AreaDevicesResult> get_area_devices(HomeAssistant& self, sdk::Call& call, AreaDevicesArgs args) {
  auto filling = self.mirror().ready(call);
  Result<void> filled = co_await std::move(filling);
  if (!filled) co_return filled.error();
  auto const access = self.access(call);
  auto area = area_named(self.mirror(), access, args.area_name, "/area_name");
  if (!area) co_return area.error();
  EntityFilter const filter{args.domain.value_or(""), (*area)->area_id, {}};
  sdk::Answer<AreaDevicesResult> out;
  out.data.area = {(*area)->area_id, (*area)->name};
  page_of(out.data, self.mirror(), found(self.mirror(), access, filter), args.cursor, args.limit);
  out.message =
      fmt::format("{} has {}{}", (*area)->name, plural(out.data.total, "entity", "entities"), age_note(self.mirror()));
  co_return out;
}

Tool<ListAreasResult> list_areas(HomeAssistant& self, sdk::Call& call, ListAreasArgs args) {
  auto filling = self.mirror().ready(call);
  Result<void> filled = co_await std::move(filling);
  if (!filled) co_return filled.error();
  auto const access = self.access(call);
  auto const& registry = self.mirror().registry();
  std::map<std::string_view, std::pair<std::uint64_t, std::uint64_t>> counts;  // entities, devices
  for (auto const& [id, entry] : registry.entities())
    if (auto const* area = registry.area_of(id); area != nullptr && access.sees(id)) ++counts[area->area_id].first;
  for (auto const& [id, device] : registry.devices())
    if (!device.area_id.empty() && access.sees_device(id)) ++counts[device.area_id].second;
  sdk::Answer<ListAreasResult> out;
  for (auto const& [id, area] : registry.areas()) {
    auto const [entities, devices] = counts[id];
    if (access.limited() && entities == 0) continue;
    AreaLine line;
    line.area_id = id;
    line.name = area.name;
    line.entities = entities;
    line.devices = devices;
    if (!args.summary) {
      line.aliases = area.aliases;
      if (!area.floor_id.empty()) {
        line.floor_id = area.floor_id;
        if (auto const floor = registry.floors().find(area.floor_id); floor != registry.floors().end())
          line.floor = floor->second.name;
      }
      auto const icon = raw::text(raw::member(area.json, "icon"));
      if (!icon.empty()) line.icon = icon;
    }
    out.data.areas.push_back(std::move(line));
  }
  out.data.count = out.data.areas.size();
  out.data.mirror_age_ms = self.mirror().age_ms();
  out.message = fmt::format("Found {}{}", plural(out.data.count, "area"), age_note(self.mirror()));
  co_return out;
}

std::string device_line(RegistryMirror const& registry, Device const& device,
                        std::optional<std::vector<std::string>> const& fields) {
  if (fields) return picked(device.json, *fields);
  DeviceLine line;
  line.id = device.id;
  line.name = device.name;
  auto const take = [&](std::string_view key, std::optional<std::string>& into) {
    auto const value = raw::member(device.json, key);
    if (!raw::is_null(value)) into = raw::text(value);
  };
  take("manufacturer", line.manufacturer);
  take("model", line.model);
  if (!device.area_id.empty()) {
    line.area_id = device.area_id;
    if (auto const* area = registry.area(device.area_id)) line.area = area->name;
  }
  line.entities = registry.entities_of(device.id).size();
  return describe::to_text(line);
}

bool has_text(std::string_view text, std::string_view part) {
  return folded_name(text).find(folded_name(part)) != std::string::npos;
}

Tool<ListDevicesResult> list_devices(HomeAssistant& self, sdk::Call& call, ListDevicesArgs args) {
  auto filling = self.mirror().ready(call);
  Result<void> filled = co_await std::move(filling);
  if (!filled) co_return filled.error();
  auto const access = self.access(call);
  auto const& registry = self.mirror().registry();
  std::string area_id;
  if (args.area && !args.area->empty()) {
    auto area = area_named(self.mirror(), access, *args.area, "/area");
    if (!area) co_return area.error();
    area_id = (*area)->area_id;
  }
  sdk::Answer<ListDevicesResult> out;
  std::string_view last;
  for (auto const& [id, device] : registry.devices()) {
    if (device.disabled && !args.disabled) continue;
    if (!area_id.empty() && device.area_id != area_id) continue;
    if (args.search && !args.search->empty() && !has_text(device.name, *args.search) &&
        !has_text(raw::text(raw::member(device.json, "manufacturer")), *args.search) &&
        !has_text(raw::text(raw::member(device.json, "model")), *args.search))
      continue;
    if (access.limited() && !access.sees_device(id)) continue;
    ++out.data.total;
    if ((args.cursor && id <= *args.cursor) || out.data.next_cursor) continue;
    if (out.data.devices.size() == static_cast<std::size_t>(args.limit)) {
      out.data.next_cursor = std::string{last};
      continue;
    }
    out.data.devices.push_back(RawJson{device_line(registry, device, args.fields)});
    last = id;
  }
  out.data.count = out.data.devices.size();
  out.data.mirror_age_ms = self.mirror().age_ms();
  out.message = fmt::format("Found {}{}", plural(out.data.total, "device"), age_note(self.mirror()));
  co_return out;
}

// What most callers want of many records; one record comes whole.
std::vector<std::string> const& main_fields() {
  static std::vector<std::string> const names{"entity_id", "name",           "original_name", "platform",
                                              "device_id", "area_id",        "disabled_by",   "hidden_by",
                                              "labels",    "entity_category"};
  return names;
}

Tool<GetEntityResult> get_entity(HomeAssistant& self, sdk::Call& call, GetEntityArgs args) {
  auto filling = self.mirror().ready(call);
  Result<void> filled = co_await std::move(filling);
  if (!filled) co_return filled.error();
  auto const access = self.access(call);
  auto const& registry = self.mirror().registry();
  sdk::Answer<GetEntityResult> out;
  out.data.mirror_age_ms = self.mirror().age_ms();
  std::vector<std::string> ids;
  bool const list = raw::trimmed(args.entity_id.text).starts_with('[');
  if (list)
    raw::each_item(args.entity_id.text, [&](std::string_view item) { ids.push_back(raw::text(item)); });
  else if (args.entity_id.text != "null")
    ids.push_back(raw::text(raw::trimmed(args.entity_id.text)));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    auto const pointer = list ? fmt::format("/entity_id/{}", i) : std::string{"/entity_id"};
    if (!is_entity_id(ids[i]))
      co_return Error{Code::invalid_argument, "not an entity id: it has the form domain.name, such as light.bed_light",
                      pointer};
    if (!access.sees(ids[i])) co_return Access::refusal(ids[i], pointer);
    auto const* entry = registry.entity(ids[i]);
    if (entry == nullptr) {
      if (self.mirror().state(ids[i]) != nullptr)
        co_return Error{
            Code::not_found,
            fmt::format("{} has a state but no registry record: its integration gives it no unique id", ids[i]),
            pointer};
      co_return self.mirror().unknown(ids[i], pointer, [&](std::string_view near) { return access.sees(near); });
    }
    auto record = RawJson{args.fields ? picked(entry->json, *args.fields) : entry->json};
    if (list) {
      if (!out.data.entities) out.data.entities.emplace();
      out.data.entities->push_back(std::move(record));
    } else {
      out.data.entity = std::move(record);
    }
  }
  if (!ids.empty()) {
    out.data.count = out.data.total = ids.size();
    out.message = list ? plural(ids.size(), "record") : fmt::format("The registry record of {}", ids.front());
    out.message += age_note(self.mirror());
    co_return out;
  }
  out.data.entities.emplace();
  std::string_view last;
  for (auto const& [id, entry] : registry.entities()) {
    if (args.domain && !args.domain->empty() && domain_of(id) != *args.domain) continue;
    if (!access.sees(id)) continue;
    ++out.data.total;
    if ((args.cursor && id <= *args.cursor) || out.data.next_cursor) continue;
    if (out.data.entities->size() == static_cast<std::size_t>(args.limit)) {
      out.data.next_cursor = std::string{last};
      continue;
    }
    out.data.entities->push_back(RawJson{picked(entry.json, args.fields ? *args.fields : main_fields())});
    last = id;
  }
  out.data.count = out.data.entities->size();
  out.message = fmt::format("Found {}{}", plural(out.data.total, "record"), age_note(self.mirror()));
  co_return out;
}

// --- binary sensors

struct Words {
  std::string_view device_class, on, off;
};
// As Home Assistant's own pages put them.
constexpr Words class_words[] = {{"battery", "low", "normal"},
                                 {"battery_charging", "charging", "not charging"},
                                 {"carbon_monoxide", "carbon monoxide detected", "clear"},
                                 {"cold", "cold", "normal"},
                                 {"connectivity", "connected", "disconnected"},
                                 {"door", "open", "closed"},
                                 {"garage_door", "open", "closed"},
                                 {"gas", "gas detected", "clear"},
                                 {"heat", "hot", "normal"},
                                 {"light", "light detected", "no light"},
                                 {"lock", "unlocked", "locked"},
                                 {"moisture", "wet", "dry"},
                                 {"motion", "motion detected", "clear"},
                                 {"moving", "moving", "not moving"},
                                 {"occupancy", "occupied", "clear"},
                                 {"opening", "open", "closed"},
                                 {"plug", "plugged in", "unplugged"},
                                 {"power", "power detected", "no power"},
                                 {"presence", "home", "away"},
                                 {"problem", "problem", "OK"},
                                 {"running", "running", "not running"},
                                 {"safety", "unsafe", "safe"},
                                 {"smoke", "smoke detected", "clear"},
                                 {"sound", "sound detected", "clear"},
                                 {"tamper", "tampering detected", "clear"},
                                 {"update", "update available", "up to date"},
                                 {"vibration", "vibration detected", "clear"},
                                 {"window", "open", "closed"}};

std::string meaning_of(std::string_view device_class, std::string const& state) {
  if (state != "on" && state != "off") return state;
  for (auto const& one : class_words)
    if (one.device_class == device_class) return std::string{state == "on" ? one.on : one.off};
  return state;
}

std::optional<Battery> battery_of(Mirror const& mirror, Access const& access, EntityState const& sensor) {
  std::vector<std::string_view> ids;
  if (auto const* entry = mirror.registry().entity(sensor.entity_id); entry != nullptr && !entry->device_id.empty())
    ids = mirror.registry().entities_of(entry->device_id);
  Battery out;
  for (auto id : ids) {
    auto const* one = mirror.state(id);
    if (one == nullptr || !access.sees(id) || one->text_attribute("device_class") != "battery") continue;
    if (one->domain() == "sensor") {
      char* end = nullptr;
      auto const level = std::strtod(one->state.c_str(), &end);
      if (end == one->state.c_str() || *end != '\0') continue;
      out.level = level;
    } else if (one->domain() == "binary_sensor" && (one->state == "on" || one->state == "off")) {
      out.low_battery = one->state == "on";
    } else {
      continue;
    }
    out.entities.emplace_back(id);
  }
  // Older integrations put it into the attributes of the sensor itself.
  if (out.entities.empty())
    for (auto const* key : {"battery_level", "battery"})
      if (auto const value = sensor.attribute(key); !value.empty() && value[0] >= '0' && value[0] <= '9') {
        out.level = std::strtod(std::string{value}.c_str(), nullptr);
        out.entities.push_back(sensor.entity_id);
        break;
      }
  if (out.entities.empty()) return std::nullopt;
  if (!out.low_battery && out.level) out.low_battery = *out.level < 20;
  return out;
}

Tool<BinarySensorResult> get_binary_sensor(HomeAssistant& self, sdk::Call& call, BinarySensorArgs args) {
  if (!is_entity_id(args.entity_id) || domain_of(args.entity_id) != "binary_sensor")
    co_return Error{Code::invalid_argument,
                    "takes a binary sensor, such as binary_sensor.front_door; for others there is ha_get_entity_state",
                    "/entity_id"};
  auto filling = self.mirror().ready(call);
  Result<void> filled = co_await std::move(filling);
  if (!filled) co_return filled.error();
  auto const access = self.access(call);
  auto const* one = self.mirror().state(args.entity_id);
  if (one == nullptr)
    co_return self.mirror().unknown(args.entity_id, "/entity_id", [&](std::string_view near) {
      return near.starts_with("binary_sensor.") && access.sees(near);
    });
  sdk::Answer<BinarySensorResult> out;
  auto const device_class = one->text_attribute("device_class");
  out.data.entity_id = one->entity_id;
  out.data.state = one->state;
  out.data.meaning = meaning_of(device_class, one->state);
  out.data.friendly_name = one->name;
  if (!device_class.empty()) out.data.device_class = device_class;
  out.data.last_changed = one->last_changed();
  out.data.last_updated = one->last_updated();
  if (args.include_battery) out.data.battery = battery_of(self.mirror(), access, *one);
  if (auto const* area = self.mirror().registry().area_of(one->entity_id)) out.data.area = area->name;
  out.data.mirror_age_ms = self.mirror().age_ms();
  out.message = fmt::format("{} is {}{}", one->name, out.data.meaning, age_note(self.mirror()));
  co_return out;
}

}  // namespace

void declare_discovery(sdk::Table<HomeAssistant>& table) {
  add_tool<discover_op, &discover_devices, Reach::filtered>(table);
  add_tool<area_devices_op, &get_area_devices, Reach::filtered>(table);
  add_tool<list_areas_op, &list_areas, Reach::filtered>(table);
  add_tool<list_devices_op, &list_devices, Reach::filtered>(table);
  add_tool<get_entity_op, &get_entity, Reach::filtered>(table);
  add_tool<binary_sensor_op, &get_binary_sensor, Reach::entities>(table);
}

}  // namespace patchbay::home_assistant
