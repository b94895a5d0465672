// Changing one top-level key of a YAML file in its text, so that everything else stays byte for byte: comments, order,
// quotes, blank lines, !include and !secret.
//
//   auto edited = edit_yaml(text, {.key = "logger", .action = YamlAction::merge, .content = "default: warning"});
//   if (edited) write(edited->text);
//
// The places come from yaml-cpp's marks; the outcome is read again and must be, tag by tag, what the change means, or
// it is refused: nothing is done that is not sure. merge joins maps key by key, adds the items of a list that are not
// there yet, and replaces single values; replace puts the new value; remove takes key and value out. Comments above a
// key and behind it stay, those inside a replaced value go with it. `content` is YAML text itself, so that it may hold
// comments and tags.
//
// Errors: invalid_argument (not YAML, with line and column; merging what does not go together), not_found (removing a
// key that is not there), conflict (the value is an !include), unsupported (several documents, flow style, explicit or
// double keys, and whatever the outcome of is not as it must be). Pure functions; any thread.
#pragma once

#include <string>
#include <string_view>

#include "plugins/home_assistant/basics.hpp"

namespace patchbay::home_assistant {

enum class YamlAction : std::uint8_t { merge, replace, remove };

struct YamlChange {
  std::string key;
  YamlAction action = YamlAction::merge;
  std::string content;
};
struct YamlEdited {
  std::string text;
  bool changed = false;
  bool created = false;  // the key is new
  std::uint64_t comments_gone = 0;
};

Result<YamlEdited> edit_yaml(std::string_view text, YamlChange const& change);

}  // namespace patchbay::home_assistant

template <>
struct patchbay::EnumNames<patchbay::home_assistant::YamlAction> {
  using A = home_assistant::YamlAction;
  static constexpr std::array names{std::pair{std::string_view{"merge"}, A::merge},
                                    std::pair{std::string_view{"replace"}, A::replace},
                                    std::pair{std::string_view{"remove"}, A::remove}};
};
