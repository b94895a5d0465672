// A card given as YAML text, as a JSON value. yaml-cpp gives every plain scalar as untyped text; the rules of YAML 1.1,
// which Home Assistant's own editor uses, are applied here: on/off/yes/no/true/false are booleans, numbers may be
// octal, hexadecimal or have underscores, "~" is null, and a quoted text is always a text.
//
// Errors: invalid_argument at /card_yaml with line and column; also for what JSON or a card cannot be: not a map,
// without `type`, a key that is no text, Home Assistant's own tags (!include, !secret), texts that grow by aliases
// beyond 10,000 values. Pure function, any thread.
#pragma once

#include "plugins/home_assistant/basics.hpp"

namespace patchbay::home_assistant {

// The value lives in the allocator's memory.
Result<json::Value> card_from_yaml(std::string_view yaml, json::Document::AllocatorType& allocator);

// What YAML 1.1 makes of a plain (unquoted, untagged) scalar.
json::Value yaml_scalar(std::string_view text, json::Document::AllocatorType& allocator);

// A card must be an object with a `type` that is a text. Errors: invalid_argument at `pointer`.
Result<void> check_card(json::Value const& card, std::string_view pointer);

}  // namespace patchbay::home_assistant
