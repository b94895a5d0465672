// Editing the configuration of a dashboard as a document: views of all kinds, and the cards in them.
//
//   auto added = insert_card(config, {.view = 0}, std::move(card));
//   if (!added) return added.error();      // names the argument and what there is
//
// A classic view holds `cards`; a view of type sections holds `sections`, each with `cards`. A dashboard or view with a
// `strategy` is made by Home Assistant when it is looked at and has no cards to edit. Pure functions over documents;
// nothing is changed when they fail.
#pragma once

#include <cstdint>
#include <optional>

#include "plugins/home_assistant/basics.hpp"

namespace patchbay::home_assistant {

// "lovelace", "" and an absent argument all mean the default dashboard; in Home Assistant's API it has no name.
inline bool is_default_dashboard(std::string_view url_path) { return url_path.empty() || url_path == "lovelace"; }

// What a new dashboard's url_path may be. Errors: invalid_argument (bad spelling, or no hyphen where it takes one),
// conflict (the default dashboard's name).
Result<void> check_new_url_path(std::string_view url_path, bool single_word_allowed);

// Views or a strategy, each view an object, card lists lists. Errors: invalid_argument with a pointer under /config.
Result<void> check_config(json::Value const& config);

// 0 for a strategy dashboard.
std::size_t count_views(json::Value const& config);

// SHA-256 over the configuration with sorted keys, as hex: the same whatever the order of keys. Empty for null, which
// stands for "not saved yet".
std::string config_hash(json::Value const& config);

struct CardPlace {
  std::int64_t view = 0;
  std::int64_t section = 0;              // only in a view of type sections
  std::optional<std::int64_t> position;  // absent: at the end
};
struct CardDone {
  std::size_t card_index = 0;  // within its list of cards
  std::optional<std::size_t> section_index;
  std::size_t total_cards = 0;  // in the view, afterwards
  json::Value old_card;         // of replace_card
};

// View 0 of a dashboard without views, and the first section of a sections view without any, are made.
// Errors: not_found (no such view or section), invalid_argument (position beyond the end), unsupported (strategy).
Result<CardDone> insert_card(json::Document& config, CardPlace const& place, json::Value card);
// `place.position` says which. Errors: as above; not_found for a card that is not there.
Result<CardDone> replace_card(json::Document& config, CardPlace const& place, json::Value card);

}  // namespace patchbay::home_assistant
