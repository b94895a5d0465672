// The configuration of an automation in the words of a version of Home Assistant. Until 2024.9 it reads trigger,
// condition, action, with `platform` in a trigger and `service` in an action; since 2024.10 triggers, conditions,
// actions, with `trigger` and `action`. 2024.3 refuses the new words, 2026.11 takes both and stores the new ones.
//
//   merge_parts(config, {.triggers = ..., .mode = "restart"});
//   in_words_of(config, session.features().plural_automation_keys());
//
// Pure functions over documents.
#pragma once

#include <optional>

#include "plugins/home_assistant/basics.hpp"

namespace patchbay::home_assistant {

// Renames the parts, and what stands in them, however deep (choose, if, repeat, parallel, wait_for_trigger).
void in_words_of(json::Document& automation, bool plural);
// The same for a list of actions alone, such as the sequence of a script.
void actions_in_words_of(json::Value& actions, bool plural, json::Document::AllocatorType& allocator);

// Sets a part under its one name; the other spelling goes. `part`: trigger, condition or action.
void set_part(json::Document& automation, std::string_view part, json::Value const& value);
// Either spelling; null when there is none.
json::Value const* find_part(json::Value const& automation, std::string_view part);

// Takes a member away when it is there.
void remove_member(json::Value& object, std::string_view key);

}  // namespace patchbay::home_assistant
