#include "core/config/layer.hpp"

#include <spdlog/fmt/fmt.h>
#include <unistd.h>

#include "core/base/ascii.hpp"
#include "core/base/nearest.hpp"
#include "core/config/layer_reader.hpp"

namespace patchbay::config {

std::string_view name_of(Source source) {
  switch (source) {
    case Source::standard: return "default";
    case Source::preset: return "preset";
    case Source::file: return "file";
    case Source::env: return "env";
    case Source::override: return "override";
  }
  return "";
}

Environment current_environment() {
  Environment out;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    std::string_view text{*entry};
    auto const split_at = text.find('=');
    if (split_at != std::string_view::npos)
      out.emplace(std::string{text.substr(0, split_at)}, std::string{text.substr(split_at + 1)});
  }
  return out;
}

void Layer::put(Place const& place, std::string json, int line) {
  if (place.rest.empty()) {
    std::erase_if(members, [&](MemberEntry const& one) { return one.leaf == place.leaf; });
    whole[place.leaf] = Entry{std::move(json), line};
    return;
  }
  std::erase_if(members, [&](MemberEntry const& one) { return one.leaf == place.leaf && one.rest == place.rest; });
  members.push_back({place.leaf, place.rest, std::move(json)});
}

Layer read_layer(Node const& root, Source source, std::string const& file, Environment const* environment,
                 Problems& problems) {
  Layer layer;
  layer.source = source;
  layer.file = file;
  LayerReader{layer, environment, problems, false}.group(root_branch(), root, "");
  return layer;
}

bool read_into(Layer& layer, std::string_view path, Node const& value, Environment const* environment, bool commas,
               Problems& problems) {
  LayerReader reader{layer, environment, problems, commas};
  auto const place = place_of(path);
  if (!place) {
    auto near = did_you_mean(path, leaf_names());
    reader.wrong(std::string{path}, 0, "unknown key; " + (near.empty() ? "see the sample configuration" : near));
    return false;
  }
  auto const* branch = leaf_branch(place->leaf);
  reader.set_leaf(place->leaf);
  auto const before = problems.size();
  std::optional<std::string> json;
  if (place->rest.empty()) {
    json = reader.value(*branch, value, std::string{path});
  } else if (branch->key->kind == Kind::free) {
    json = reader.free_value(value, std::string{path});
  } else if (branch->key->kind == Kind::map) {
    json = reader.value(*branch->any, value, std::string{path});
  } else if (auto const* member = branch->key->kind == Kind::object ? branch->find(place->rest) : nullptr) {
    json = reader.value(*member, value, std::string{path});
  } else {
    reader.wrong(std::string{path}, 0, fmt::format("{} has no such part", place->leaf));
  }
  if (!json || problems.size() != before) return false;
  layer.put(*place, std::move(*json));
  return true;
}

Layer read_environment(Environment const& environment, std::string_view prefix, Problems& problems) {
  Layer layer;
  layer.source = Source::env;
  for (auto const& [name, text] : environment) {
    if (!name.starts_with(prefix)) continue;
    auto rest = std::string_view{name}.substr(prefix.size());
    if (rest.find("__") == std::string_view::npos) continue;
    std::string path;
    for (std::size_t i = 0; i < rest.size(); ++i) {
      if (rest.substr(i, 2) == "__") {
        path += '.';
        ++i;
      } else {
        path += ascii::lower(rest[i]);
      }
    }
    layer.file = "environment variable " + name;
    if (auto node = parse_yaml_value(text, layer.file, problems))
      read_into(layer, path, *node, nullptr, true, problems);
  }
  layer.file = "environment";
  return layer;
}

Layer standard_layer(Environment const& environment, Problems& problems) {
  Layer layer;
  layer.source = Source::standard;
  layer.file = "default";
  for (auto const& [path, key] : leaves()) {
    std::string const text{key->standard};
    if (text.find("${") == std::string::npos) {
      layer.whole[path] = Entry{text};
      continue;
    }
    auto parsed = json::parse(text);
    layer.whole[path] = Entry{R"("")"};
    read_into(layer, path, from_json(parsed->document), &environment, false, problems);
  }
  return layer;
}

Layer preset_layer(std::string_view name) {
  Layer layer;
  layer.source = Source::preset;
  layer.file = "preset " + std::string{name};
  if (auto changes = preset(name))
    for (auto& [path, json] : *changes) layer.whole[path] = Entry{json};
  return layer;
}

}  // namespace patchbay::config
