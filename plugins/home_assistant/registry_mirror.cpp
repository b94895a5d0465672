#include "plugins/home_assistant/registry_mirror.hpp"

#include "plugins/home_assistant/raw_json.hpp"

namespace patchbay::home_assistant {
namespace {

std::string text_in(std::string_view object, std::string_view key) { return raw::text(raw::member(object, key)); }
std::string first_text(std::string_view object, std::string_view key, std::string_view otherwise) {
  auto text = text_in(object, key);
  return text.empty() ? text_in(object, otherwise) : text;
}

template <class T, class Read>
void read_all(std::map<std::string, T, std::less<>>& into, std::string_view list, std::string_view id, Read read) {
  into.clear();
  raw::each_item(list, [&](std::string_view record) {
    T one;
    read(one, record);
    one.json = record;
    into.insert_or_assign(text_in(record, id), std::move(one));
  });
}

}  // namespace

void RegistryMirror::replace(Registry which, std::string_view list) {
  ++revision_;
  switch (which) {
    case Registry::areas:
      return read_all(areas_, list, "area_id", [](Area& one, std::string_view record) {
        one.area_id = text_in(record, "area_id");
        one.name = text_in(record, "name");
        one.floor_id = text_in(record, "floor_id");
        raw::each_item(raw::member(record, "aliases"),
                       [&](std::string_view alias) { one.aliases.push_back(raw::text(alias)); });
      });
    case Registry::floors:
      return read_all(floors_, list, "floor_id", [](Floor& one, std::string_view record) {
        one.floor_id = text_in(record, "floor_id");
        one.name = text_in(record, "name");
      });
    case Registry::labels:
      return read_all(labels_, list, "label_id", [](Label& one, std::string_view record) {
        one.label_id = text_in(record, "label_id");
        one.name = text_in(record, "name");
      });
    case Registry::devices:
      return read_all(devices_, list, "id", [](Device& one, std::string_view record) {
        one.id = text_in(record, "id");
        one.name = first_text(record, "name_by_user", "name");
        one.area_id = text_in(record, "area_id");
        one.disabled = !raw::is_null(raw::member(record, "disabled_by"));
      });
    case Registry::entities:
      return read_all(entities_, list, "entity_id", [](EntityEntry& one, std::string_view record) {
        one.entity_id = text_in(record, "entity_id");
        one.device_id = text_in(record, "device_id");
        one.area_id = text_in(record, "area_id");
        one.name = text_in(record, "name");
        one.disabled = !raw::is_null(raw::member(record, "disabled_by"));
        one.hidden = !raw::is_null(raw::member(record, "hidden_by"));
      });
  }
}

Area const* RegistryMirror::find_area(std::string_view name) const {
  if (auto const* exact = area(name)) return exact;
  auto const wanted = folded_name(name);
  for (auto const& [id, one] : areas_)
    if (folded_name(one.name) == wanted || folded_name(id) == wanted) return &one;
  for (auto const& [id, one] : areas_)
    for (auto const& alias : one.aliases)
      if (folded_name(alias) == wanted) return &one;
  return nullptr;
}

Device const* RegistryMirror::device_of(std::string_view entity_id) const {
  auto const* entry = entity(entity_id);
  return entry == nullptr || entry->device_id.empty() ? nullptr : device(entry->device_id);
}

Area const* RegistryMirror::area_of(std::string_view entity_id) const {
  auto const* entry = entity(entity_id);
  if (entry == nullptr) return nullptr;
  if (!entry->area_id.empty()) return area(entry->area_id);
  auto const* owner = device_of(entity_id);
  return owner == nullptr || owner->area_id.empty() ? nullptr : area(owner->area_id);
}

std::vector<std::string_view> RegistryMirror::entities_of(std::string_view device_id) const {
  std::vector<std::string_view> out;
  for (auto const& [id, entry] : entities_)
    if (entry.device_id == device_id) out.emplace_back(id);
  return out;
}

std::vector<std::string_view> RegistryMirror::entities_in(std::string_view area_id) const {
  std::vector<std::string_view> out;
  for (auto const& [id, entry] : entities_)
    if (auto const* in = area_of(id); in != nullptr && in->area_id == area_id) out.emplace_back(id);
  return out;
}

}  // namespace patchbay::home_assistant
