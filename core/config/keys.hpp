// The keys of the configuration, declared once: path, kind, default, range, whether a change applies live.
//
//   for (Key const& key : keys()) ...                  // in the order of the sample file
//   Branch const* branch = root_branch().find("server");
//
// A path's segments are names; "[]" stands for each item of a list and "*" for each name of a map. A row that stands
// at no "[]" or "*" and is not inside another row is a leaf: what layers replace and what `config_get` shows as one
// value. Immutable, any thread.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace patchbay::config {

enum class Kind : std::uint8_t { boolean, integer, number, text, list, map, object, free };
enum class Applies : std::uint8_t { live, restart };

struct Key {
  std::string_view path;
  Kind kind = Kind::text;
  std::string_view standard{};  // the default, as JSON; of an object's member that may be absent: empty
  std::string_view help{};
  Applies applies = Applies::live;
  bool secret = false;
  bool required = false;         // of an object's member
  double least = -1, most = -1;  // of a number; of a text or list: its length; -1: no bound
  std::string_view words{};      // "a|b|c"
  // A text's own check: what would be right, or nothing.
  std::optional<std::string> (*check)(std::string_view) = nullptr;
};

struct Branch {
  Key const* key = nullptr;  // null: a group
  std::map<std::string, std::unique_ptr<Branch>, std::less<>> members;
  std::unique_ptr<Branch> item;  // "[]"
  std::unique_ptr<Branch> any;   // "*"

  Branch const* find(std::string_view name) const {
    auto found = members.find(name);
    return found == members.end() ? nullptr : found->second.get();
  }
  bool is_group() const { return key == nullptr; }
  std::vector<std::string_view> names() const;
};

std::span<Key const> keys();
Branch const& root_branch();

// The leaves with defaults, sorted by path.
std::map<std::string, Key const*, std::less<>> const& leaves();
// The leaf a dotted path names or lies in, and the rest of the path: {"logging.levels", "hub.session"}. Also finds
// the free-form settings of a plugin, "plugins.echo".
struct Place {
  std::string leaf;
  Key const* key = nullptr;
  std::string rest{};
};
std::optional<Place> place_of(std::string_view path);
// All leaf paths, for the nearest spelling.
std::vector<std::string_view> leaf_names();

// What a preset changes of the defaults: leaf -> JSON. Nothing for an unknown name.
std::optional<std::map<std::string, std::string>> preset(std::string_view name);
inline constexpr std::string_view preset_names = "minimum, standard, maximum";

}  // namespace patchbay::config
