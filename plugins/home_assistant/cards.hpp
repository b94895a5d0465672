// The custom cards that have tools of their own, and which resource files bring custom cards. Pure functions.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "plugins/home_assistant/basics.hpp"

namespace patchbay::home_assistant {

json::Value button_card(std::string_view entity_id, std::optional<std::string> const& name,
                        std::optional<std::string> const& icon, json::Document::AllocatorType& allocator);
json::Value mushroom_card(std::string_view kind, std::string_view entity_id, std::optional<std::string> const& name,
                          json::Document::AllocatorType& allocator);
json::Value mini_graph_card(std::vector<std::string> const& entities, std::optional<std::string> const& name,
                            std::int64_t hours_to_show, json::Document::AllocatorType& allocator);

// Where a dashboard resource comes from.
struct ResourceOrigin {
  std::string_view origin;  // hacs, marketplace, manual
  std::string repository;   // the folder under /hacsfiles/ or /local/community/; empty for manual
  std::string name;         // of the file: "mushroom" for /hacsfiles/lovelace-mushroom/mushroom.js?hacstag=1
  bool from_store() const { return origin != "manual"; }
};
ResourceOrigin origin_of(std::string_view url);

// Whether a resource of this origin is likely to bring the card type ("custom:mushroom-light-card").
bool brings_card(ResourceOrigin const& resource, std::string_view card_type);

// The words of a kind as they stand in a type: "media_player" and "media-player" are one.
std::string mushroom_kind(std::string_view kind);

}  // namespace patchbay::home_assistant
