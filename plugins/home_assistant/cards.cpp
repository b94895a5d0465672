#include "plugins/home_assistant/cards.hpp"

#include "plugins/home_assistant/text.hpp"

namespace patchbay::home_assistant {
namespace {

using Allocator = json::Document::AllocatorType;

void set(json::Value& card, std::string_view key, std::string_view text, Allocator& allocator) {
  member_of(card, key, allocator) = text_value(text, allocator);
}

}  // namespace

json::Value button_card(std::string_view entity_id, std::optional<std::string> const& name,
                        std::optional<std::string> const& icon, Allocator& allocator) {
  json::Value card{rapidjson::kObjectType};
  set(card, "type", "custom:button-card", allocator);
  set(card, "entity", entity_id, allocator);
  set(card, "name", name ? std::string_view{*name} : entity_id, allocator);
  set(card, "icon", icon ? std::string_view{*icon} : std::string_view{"mdi:lightbulb"}, allocator);
  json::Value tap{rapidjson::kObjectType};
  set(tap, "action", "toggle", allocator);
  member_of(card, "tap_action", allocator) = std::move(tap);
  return card;
}

std::string mushroom_kind(std::string_view kind) {
  std::string out{kind};
  for (char& c : out)
    if (c == '_') c = '-';
  return out;
}

json::Value mushroom_card(std::string_view kind, std::string_view entity_id, std::optional<std::string> const& name,
                          Allocator& allocator) {
  json::Value card{rapidjson::kObjectType};
  set(card, "type", "custom:mushroom-" + mushroom_kind(kind) + "-card", allocator);
  set(card, "entity", entity_id, allocator);
  set(card, "name", name ? std::string_view{*name} : entity_id, allocator);
  return card;
}

json::Value mini_graph_card(std::vector<std::string> const& entities, std::optional<std::string> const& name,
                            std::int64_t hours_to_show, Allocator& allocator) {
  json::Value card{rapidjson::kObjectType};
  set(card, "type", "custom:mini-graph-card", allocator);
  json::Value list{rapidjson::kArrayType};
  for (auto const& entity : entities) list.PushBack(text_value(entity, allocator), allocator);
  member_of(card, "entities", allocator) = std::move(list);
  if (name) set(card, "name", *name, allocator);
  member_of(card, "hours_to_show", allocator) = json::Value{hours_to_show};
  member_of(card, "line_width", allocator) = json::Value{2};
  member_of(card, "animate", allocator) = json::Value{true};
  return card;
}

ResourceOrigin origin_of(std::string_view url) {
  url = url.substr(0, url.find_first_of("?#"));
  ResourceOrigin out{"manual", {}, {}};
  for (auto const& [prefix, origin] :
       {std::pair<std::string_view, std::string_view>{"/hacsfiles/", "hacs"},
        std::pair<std::string_view, std::string_view>{"/local/community/", "marketplace"}}) {
    if (!url.starts_with(prefix)) continue;
    out.origin = origin;
    auto const rest = url.substr(prefix.size());
    if (rest.find('/') != std::string_view::npos) out.repository = rest.substr(0, rest.find('/'));
  }
  auto file = url.substr(url.find_last_of('/') == std::string_view::npos ? 0 : url.find_last_of('/') + 1);
  for (std::string_view end : {".gz", ".js", ".mjs", ".css", ".html", ".min", "-bundle", ".umd"})
    if (file.size() > end.size() && file.ends_with(end)) file.remove_suffix(end.size());
  out.name = file;
  return out;
}

bool brings_card(ResourceOrigin const& resource, std::string_view card_type) {
  if (!card_type.starts_with("custom:")) return true;
  auto const type = card_type.substr(7);
  auto related = [&](std::string_view name) {
    if (name.starts_with("lovelace-")) name.remove_prefix(9);
    if (name.empty()) return false;
    auto begins = [](std::string_view text, std::string_view with) {
      return text.starts_with(with) && (text.size() == with.size() || text[with.size()] == '-');
    };
    return begins(type, name) || begins(name, type);
  };
  return related(resource.name) || related(resource.repository);
}

}  // namespace patchbay::home_assistant
