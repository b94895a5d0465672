// What the tools that add or replace a card take and give, and how that is described.
#pragma once

#include "plugins/home_assistant/dashboard_fields.hpp"

namespace patchbay::home_assistant {

struct CardTarget {
  std::optional<std::string> dashboard_id;
  std::int64_t view_index = 0;
  std::int64_t section_index = 0;
  std::optional<std::string> expected_hash;
};
struct ButtonCardArgs : CardTarget {
  std::string entity_id;
  std::optional<std::string> name, icon;
};
struct MushroomCardArgs : CardTarget {
  std::string card_type;
  std::string entity_id;
  std::optional<std::string> name;
};
struct MiniGraphCardArgs : CardTarget {
  std::vector<std::string> entities;
  std::optional<std::string> name;
  std::int64_t hours_to_show = 25;
};
struct CustomCardArgs : CardTarget {
  RawJson card_config;
};
struct ManualCreateArgs : CardTarget {
  std::string card_yaml;
  std::optional<std::int64_t> position;
};
struct ManualEditArgs : CardTarget {
  std::int64_t card_index = 0;
  std::string card_yaml;
};
// Of every tool that adds or replaces a card.
struct CardResult {
  std::string dashboard_id, url_path;
  std::int64_t view_index = 0;
  std::optional<std::uint64_t> section_index;
  std::uint64_t card_index = 0;
  std::uint64_t total_cards_in_view = 0;
  std::vector<std::string> warnings;
  RawJson previous_hash;
  std::string hash;
  std::optional<std::string> previous_version;
  std::string source{websocket_source};
};
struct AddedResult : CardResult {
  RawJson card;
  bool created = true;
};
struct ManualAddedResult : CardResult {
  RawJson card_config;
  bool created = true;
};
struct ReplacedResult : CardResult {
  RawJson old_card, new_card;
  bool updated = true;
};

}  // namespace patchbay::home_assistant

namespace patchbay {
namespace ha = home_assistant;

template <class A>
constexpr auto card_place() {
  return std::tuple{ha::dashboard_field<A>("dashboard_id", &ha::CardTarget::dashboard_id).alias("url_path"),
                    field("section_index", static_cast<std::int64_t A::*>(&ha::CardTarget::section_index),
                          "Section number from 0, in a view of type sections")
                        .nullable()
                        .range(0, 10'000),
                    ha::expected_hash_field<A>(&ha::CardTarget::expected_hash)};
}
template <class A>
constexpr auto view_index() {
  return field("view_index", static_cast<std::int64_t A::*>(&ha::CardTarget::view_index), "View number from 0")
      .range(0, 10'000);
}
template <>
struct Describe<ha::ButtonCardArgs> {
  using A = ha::ButtonCardArgs;
  static constexpr auto fields = std::tuple_cat(
      card_place<A>(),
      std::tuple{view_index<A>().nullable(), field("entity_id", &A::entity_id, "Entity of the card").length(3, 255),
                 field("name", &A::name, "Title; the entity id when absent").nullable(),
                 field("icon", &A::icon, "Icon; mdi:lightbulb when absent").nullable()});
};
template <>
struct Describe<ha::MushroomCardArgs> {
  using A = ha::MushroomCardArgs;
  static constexpr auto fields = std::tuple_cat(
      card_place<A>(), std::tuple{view_index<A>().nullable(),
                                  field("card_type", &A::card_type, "Kind of card: becomes custom:mushroom-<kind>-card")
                                      .length(1, 64)
                                      .suggests("alarm-control-panel", "chips", "climate", "cover", "empty", "entity",
                                                "fan", "humidifier", "light", "lock", "media-player", "number",
                                                "person", "select", "template", "title", "update", "vacuum"),
                                  field("entity_id", &A::entity_id, "Entity of the card").length(3, 255),
                                  field("name", &A::name, "Title; the entity id when absent").nullable()});
};
template <>
struct Describe<ha::MiniGraphCardArgs> {
  using A = ha::MiniGraphCardArgs;
  static constexpr auto fields = std::tuple_cat(
      card_place<A>(),
      std::tuple{view_index<A>().nullable(), field("entities", &A::entities, "Sensors to draw").length(1, 100),
                 field("name", &A::name, "Title").nullable(),
                 field("hours_to_show", &A::hours_to_show, "Hours of history").nullable().range(1, 8760)});
};
template <>
struct Describe<ha::CustomCardArgs> {
  using A = ha::CustomCardArgs;
  static constexpr auto fields =
      std::tuple_cat(card_place<A>(),
                     std::tuple{view_index<A>().nullable(),
                                field("card_config", &A::card_config, "The card, with at least type").type("object")});
};
template <>
struct Describe<ha::ManualCreateArgs> {
  using A = ha::ManualCreateArgs;
  static constexpr auto fields = std::tuple_cat(
      card_place<A>(),
      std::tuple{view_index<A>(),
                 field("card_yaml", &A::card_yaml, "The card as YAML, with at least type").length(1, 262'144),
                 field("position", &A::position, "Place from 0; at the end when absent").nullable().range(0, 100'000)});
};
template <>
struct Describe<ha::ManualEditArgs> {
  using A = ha::ManualEditArgs;
  static constexpr auto fields = std::tuple_cat(
      card_place<A>(),
      std::tuple{view_index<A>(),
                 field("card_index", &A::card_index, "Card number from 0, in its section where there are sections")
                     .range(0, 100'000),
                 field("card_yaml", &A::card_yaml, "The new card as YAML, with at least type").length(1, 262'144)});
};

template <class R>
constexpr auto card_result() {
  return std::tuple{
      field("dashboard_id", static_cast<std::string R::*>(&ha::CardResult::dashboard_id), "The dashboard"),
      field("url_path", static_cast<std::string R::*>(&ha::CardResult::url_path), "The same"),
      field("view_index", static_cast<std::int64_t R::*>(&ha::CardResult::view_index), "The view"),
      field("section_index", static_cast<std::optional<std::uint64_t> R::*>(&ha::CardResult::section_index),
            "The section, in a view of type sections"),
      field("card_index", static_cast<std::uint64_t R::*>(&ha::CardResult::card_index), "Where the card stands"),
      field("total_cards_in_view", static_cast<std::uint64_t R::*>(&ha::CardResult::total_cards_in_view),
            "Cards of the view, all sections together"),
      field("warnings", static_cast<std::vector<std::string> R::*>(&ha::CardResult::warnings),
            "What may keep the card from showing"),
      field("previous_hash", static_cast<RawJson R::*>(&ha::CardResult::previous_hash), "Hash of what was there")
          .type("string", "null"),
      field("hash", static_cast<std::string R::*>(&ha::CardResult::hash), "Hash of what is there now"),
      field("previous_version", static_cast<std::optional<std::string> R::*>(&ha::CardResult::previous_version),
            "For ha_restore_version: what was there"),
      ha::source_field<R>(&ha::CardResult::source)};
}
template <>
struct Describe<ha::AddedResult> {
  using R = ha::AddedResult;
  static constexpr auto fields =
      std::tuple_cat(card_result<R>(), std::tuple{field("card", &R::card, "The card as it was stored").type("object"),
                                                  field("created", &R::created, "true")});
};
template <>
struct Describe<ha::ManualAddedResult> {
  using R = ha::ManualAddedResult;
  static constexpr auto fields = std::tuple_cat(
      card_result<R>(), std::tuple{field("card_config", &R::card_config, "The card as it was stored").type("object"),
                                   field("created", &R::created, "true")});
};
template <>
struct Describe<ha::ReplacedResult> {
  using R = ha::ReplacedResult;
  static constexpr auto fields = std::tuple_cat(
      card_result<R>(), std::tuple{field("old_card", &R::old_card, "What stood there"),
                                   field("new_card", &R::new_card, "What stands there now").type("object"),
                                   field("updated", &R::updated, "true")});
};
}  // namespace patchbay
