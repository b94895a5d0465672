// Node: a configuration text as a tree that knows its lines, from YAML or JSON.
//
//   Problems problems;
//   std::optional<Node> root = parse_yaml(text, "patchbay.yaml", problems);
//
// Limits, against bombs: 1 MiB of text, 32 levels, 20,000 nodes in all, aliases counted as what they stand for. Tags
// other than quotes, several documents and duplicate keys are problems. Pure functions, any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.hpp"
#include "core/config/problem.hpp"

namespace patchbay::config {

struct Member;

struct Node {
  enum class Kind : std::uint8_t { null, scalar, list, map };
  Kind kind = Kind::null;
  bool quoted = false;  // a scalar that stood in quotes, so never a number or boolean in free-form places
  bool flow = false;
  int line = 0;    // from 1
  int column = 0;  // from 1
  std::string text{};
  std::vector<Node> items{};
  std::vector<Member> members;  // no initialiser: Member is incomplete here

  bool is_null() const { return kind == Kind::null; }
  bool is_scalar() const { return kind == Kind::scalar; }
  bool is_list() const { return kind == Kind::list; }
  bool is_map() const { return kind == Kind::map; }
  Node const* find(std::string_view name) const;
};

struct Member {
  std::string name;
  int line = 0;
  int column = 0;
  Node value;
};

inline constexpr std::size_t most_text_bytes = std::size_t{1} << 20;

// Nothing when the text is no YAML map at all; an empty text is an empty map. Problems are added.
std::optional<Node> parse_yaml(std::string_view text, std::string const& file, Problems& problems);
// One value, as an environment variable holds it: a scalar, or YAML flow text such as ["a", "b"].
std::optional<Node> parse_yaml_value(std::string_view text, std::string const& source, Problems& problems);
Node from_json(json::Value const& value);

}  // namespace patchbay::config
