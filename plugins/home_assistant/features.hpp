// What a version of Home Assistant can do, known from the greeting before authentication. Where the version does not
// tell (custom builds), the tools try and read the error. Values; any thread.
#pragma once

#include <compare>
#include <string_view>

namespace patchbay::home_assistant {

struct Version {
  int year = 0;
  int month = 0;

  // "2026.11.0", "2024.3.0b2", "2026.12.0.dev0"; {0, 0} for anything else.
  static Version parse(std::string_view text);
  friend auto operator<=>(Version const&, Version const&) = default;
};

struct Features {
  Version version;

  // triggers, conditions, actions; before: trigger, condition, action.
  bool plural_automation_keys() const { return version >= Version{2024, 10}; }
  // Dashboards whose url_path has no hyphen (allow_single_word).
  bool single_word_dashboards() const { return version >= Version{2024, 4}; }
  // HACS's place taken by the Marketplace in core; asked for by command, so this only saves a question.
  bool marketplace() const { return version >= Version{2026, 1}; }
  // The conversation agent's id: conversation.home_assistant; before: homeassistant.
  bool conversation_entities() const { return version >= Version{2024, 6}; }
};

}  // namespace patchbay::home_assistant
