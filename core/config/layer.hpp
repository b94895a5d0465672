// Layer: what one source says, already checked against the table of keys; and how layers become the effective settings.
//
//   Layer file = read_layer(*root, Source::file, "patchbay.yaml", environment, problems);
//   Effective now = merge({&defaults, &file, &environment_layer});
//
// A layer holds whole leaves, and single members of map leaves (PATCHBAY_LIMITS__BODY_BYTES), both as JSON text. Pure
// functions, any thread.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "core/config/keys.hpp"
#include "core/config/node.hpp"

namespace patchbay::config {

enum class Source : std::uint8_t { standard, preset, file, env, override };
std::string_view name_of(Source source);

using Environment = std::map<std::string, std::string, std::less<>>;
Environment current_environment();

struct Entry {
  std::string json;
  int line = 0;
};
struct MemberEntry {
  std::string leaf, rest, json;
};
struct Layer {
  Source source = Source::file;
  std::string file;  // for messages
  std::map<std::string, Entry, std::less<>> whole;
  std::vector<MemberEntry> members;
  std::vector<std::string> expanded;  // leaves whose text holds ${...}

  std::size_t size() const { return whole.size() + members.size(); }
  void put(Place const& place, std::string json, int line = 0);
};

struct Setting {
  std::string json;
  Source source = Source::standard;
  std::string file;
  int line = 0;
};
using Effective = std::map<std::string, Setting, std::less<>>;

// Reads a whole tree. Keys and values that are wrong are left out and added to the problems.
Layer read_layer(Node const& root, Source source, std::string const& file, Environment const* environment,
                 Problems& problems);
// Reads one value for a dotted path; false when it is wrong.
// `commas`: a list of texts may come as one text with commas, as from an environment variable.
bool read_into(Layer& layer, std::string_view path, Node const& value, Environment const* environment, bool commas,
               Problems& problems);
// Every PREFIX_SECTION__KEY of the environment: PATCHBAY_SERVER__LISTEN is server.listen. Names without "__" are not
// ours.
Layer read_environment(Environment const& environment, std::string_view prefix, Problems& problems);
// The defaults, with ${...} of the environment, and a preset over them.
Layer standard_layer(Environment const& environment, Problems& problems);
Layer preset_layer(std::string_view name);

// Lowest first.
Effective merge(std::vector<Layer const*> const& layers);

// A value as `config_get` shows it: secrets as "***".
std::string masked(std::string_view leaf, std::string const& json);
// The text of the nested value, or nothing: inside {"a":{"b":1}} "a.b" is 1; in a map leaf the rest is one name.
std::optional<std::string> inside(Place const& place, std::string const& json);

}  // namespace patchbay::config
