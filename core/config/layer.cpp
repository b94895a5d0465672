#include "core/config/layer.hpp"

#include <spdlog/fmt/fmt.h>
#include <unistd.h>

#include <charconv>
#include <cmath>

#include "core/base/nearest.hpp"
#include "core/base/redact.hpp"
#include "core/config/expand.hpp"

namespace patchbay::config {
namespace {

std::optional<std::int64_t> integer_of(std::string_view text) {
  std::int64_t value = 0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}
std::optional<double> number_of(std::string_view text) {
  double value = 0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}
std::string shown(double value) {
  if (value == std::floor(value) && std::abs(value) < 1e15) return fmt::format("{}", static_cast<std::int64_t>(value));
  return fmt::format("{}", value);
}
std::string shown_text(Key const& key, std::string_view text) {
  if (key.secret || key.kind == Kind::free) return "what stands there";
  return fmt::format("\"{}\"", text.substr(0, std::min<std::size_t>(text.size(), 60)));
}
std::vector<std::string_view> split(std::string_view text, char mark) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    auto const end = text.find(mark);
    out.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return out;
}
std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}
std::string_view words_of(Node const& node) {
  switch (node.kind) {
    case Node::Kind::null: return "nothing";
    case Node::Kind::scalar: return "a plain value";
    case Node::Kind::list: return "a list";
    case Node::Kind::map: return "a map";
  }
  return "";
}
std::string joined(std::string_view path, std::string_view name) {
  return path.empty() ? std::string{name} : fmt::format("{}.{}", path, name);
}
bool is_plugin_name(std::string_view name) {
  if (name.empty() || name.size() > 64 || name.front() < 'a' || name.front() > 'z') return false;
  for (char c : name)
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_')) return false;
  return true;
}

class Reader {
 public:
  Reader(Layer& layer, Environment const* environment, Problems& problems, bool commas)
      : layer_(layer), environment_(environment), problems_(problems), commas_(commas) {}

  void group(Branch const& branch, Node const& node, std::string const& path) {
    if (node.is_null()) return;  // a section whose keys are all commented out
    if (!node.is_map()) return wrong(path, node.line, fmt::format("must be a section of keys, not {}", words_of(node)));
    for (auto const& member : node.members) {
      auto const at = joined(path, member.name);
      auto const* next = branch.find(member.name);
      if (next == nullptr && branch.any) {
        if (!is_plugin_name(member.name)) {
          wrong(at, member.line, "a plugin's name has small letters, digits and '_', beginning with a letter");
          continue;
        }
        next = branch.any.get();
      }
      if (next == nullptr)
        unknown(branch, member, path, at);
      else if (next->is_group())
        group(*next, member.value, at);
      else
        leaf(*next, member.value, at, at);
    }
  }

  void leaf(Branch const& branch, Node const& node, std::string const& path, std::string const& leaf_path) {
    if (node.is_null()) return;  // "key:" leaves the default
    leaf_ = leaf_path;
    if (auto json = value(branch, node, path)) layer_.whole[path] = Entry{std::move(*json), node.line};
  }

  std::optional<std::string> value(Branch const& branch, Node const& node, std::string const& path) {
    json::Buffer buffer;
    json::Writer writer{buffer};
    if (!write(branch, node, path, writer)) return std::nullopt;
    return std::string{buffer.GetString(), buffer.GetSize()};
  }

  std::optional<std::string> free_value(Node const& node, std::string const& path) {
    json::Buffer buffer;
    json::Writer writer{buffer};
    if (!write_free(node, path, writer)) return std::nullopt;
    return std::string{buffer.GetString(), buffer.GetSize()};
  }
  void set_leaf(std::string leaf) { leaf_ = std::move(leaf); }

  void wrong(std::string const& path, int line, std::string reason) {
    problems_.push_back(Problem{layer_.file, line, path, std::move(reason)});
  }

 private:
  void unknown(Branch const& branch, Member const& member, std::string const& path, std::string const& at) {
    auto const names = branch.names();
    auto reason = "unknown key; " + did_you_mean(member.name, names);
    // A key that stands one level too high or low is found by its last name.
    if (reason.size() == std::string_view{"unknown key; "}.size()) {
      for (auto full : leaf_names())
        if (full.ends_with("." + member.name)) {
          reason += fmt::format("did you mean \"{}\"? ", full);
          break;
        }
    }
    reason += names.empty() ? "nothing may stand here"
                            : fmt::format("{} has: {}", path.empty() ? "the top level" : path, fmt::join(names, ", "));
    wrong(at, member.line, std::move(reason));
  }

  // The text of a scalar with ${...} replaced; nothing after a problem.
  std::optional<std::string> text_of(Node const& node, std::string const& path) {
    if (environment_ == nullptr || node.text.find("${") == std::string::npos) return node.text;
    auto expanded = expand(node.text, *environment_);
    if (!expanded.problem.empty()) {
      wrong(path, node.line, expanded.problem);
      return std::nullopt;
    }
    layer_.expanded.push_back(leaf_);
    return std::move(expanded.text);
  }

  bool mismatch(Key const& key, Node const& node, std::string const& path, std::string_view right) {
    wrong(path, node.line,
          node.is_scalar() ? fmt::format("must be {}, not {}", right, shown_text(key, node.text))
                           : fmt::format("must be {}, not {}", right, words_of(node)));
    return false;
  }

  bool in_range(Key const& key, double value, Node const& node, std::string const& path, std::string_view unit) {
    if (key.least >= 0 && value < key.least) {
      wrong(path, node.line, fmt::format("must be at least {}{}, not {}", shown(key.least), unit, shown(value)));
      return false;
    }
    if (key.most >= 0 && value > key.most) {
      wrong(path, node.line, fmt::format("must be at most {}{}, not {}", shown(key.most), unit, shown(value)));
      return false;
    }
    return true;
  }

  // A part of a larger value; null where it is wrong, since the writer needs something after a key.
  bool nested(Branch const& branch, Node const& node, std::string const& path, json::Writer& writer) {
    auto const json = value(branch, node, path);
    json::write_raw(writer, json ? std::string_view{*json} : std::string_view{"null"});
    return json.has_value();
  }

  bool write(Branch const& branch, Node const& node, std::string const& path, json::Writer& writer) {
    auto const& key = *branch.key;
    switch (key.kind) {
      case Kind::boolean: {
        auto text = node.is_scalar() ? text_of(node, path) : std::optional<std::string>{""};
        if (!text) return false;
        if (*text != "true" && *text != "false") return mismatch(key, node, path, "true or false");
        return writer.Bool(*text == "true");
      }
      case Kind::integer: {
        auto text = node.is_scalar() ? text_of(node, path) : std::optional<std::string>{""};
        if (!text) return false;
        auto const number = integer_of(*text);
        if (!number) return mismatch(key, node, path, "a whole number");
        return in_range(key, static_cast<double>(*number), node, path, "") && writer.Int64(*number);
      }
      case Kind::number: {
        auto text = node.is_scalar() ? text_of(node, path) : std::optional<std::string>{""};
        if (!text) return false;
        auto const number = number_of(*text);
        if (!number) return mismatch(key, node, path, "a number");
        if (!in_range(key, *number, node, path, "")) return false;
        if (*number == std::floor(*number) && std::abs(*number) < 1e15)  // 100.0 and 100 are the same setting
          return writer.Int64(static_cast<std::int64_t>(*number));
        return writer.Double(*number);
      }
      case Kind::text: return write_text(key, node, path, writer);
      case Kind::list: return write_list(branch, node, path, writer);
      case Kind::map: return write_map(branch, node, path, writer);
      case Kind::object: return write_object(branch, node, path, writer);
      case Kind::free:
        if (!node.is_map()) return mismatch(key, node, path, "a map of settings");
        return write_free(node, path, writer);
    }
    return false;
  }

  bool write_text(Key const& key, Node const& node, std::string const& path, json::Writer& writer) {
    if (!node.is_scalar()) return mismatch(key, node, path, "a text");
    auto text = text_of(node, path);
    if (!text) return false;
    if (text->size() > 4096) {
      wrong(path, node.line, "must have at most 4096 bytes");
      return false;
    }
    if (text->find('\0') != std::string::npos) {
      wrong(path, node.line, "must not hold a NUL");
      return false;
    }
    if (key.least >= 1 && text->empty()) {
      wrong(path, node.line, "must not be empty");
      return false;
    }
    if (!in_range(key, static_cast<double>(text->size()), node, path, " bytes long")) return false;
    if (!key.words.empty()) {
      auto const words = split(key.words, '|');
      if (std::find(words.begin(), words.end(), *text) == words.end()) {
        wrong(path, node.line,
              fmt::format("must be one of {}, not {}; {}", fmt::join(words, ", "), shown_text(key, *text),
                          did_you_mean(*text, words)));
        auto& reason = problems_.back().reason;
        while (reason.ends_with(' ') || reason.ends_with(';')) reason.pop_back();
        return false;
      }
    }
    bool const by_reference = key.secret && (text->starts_with("file:") || text->starts_with("env:"));
    if (key.check != nullptr && !by_reference)
      if (auto right = key.check(*text)) {
        wrong(path, node.line, fmt::format("{}, not {}", *right, shown_text(key, *text)));
        return false;
      }
    json::write_text(writer, *text);
    return true;
  }

  bool write_list(Branch const& branch, Node const& given, std::string const& path, json::Writer& writer) {
    Node list = given;
    // An environment variable may write a list of texts with commas.
    if (commas_ && given.is_scalar() && branch.item->key->kind == Kind::text) {
      list = Node{};
      list.kind = Node::Kind::list;
      for (auto part : split(given.text, ',')) {
        Node item;
        item.kind = Node::Kind::scalar;
        item.text = std::string{trimmed(part)};
        list.items.push_back(std::move(item));
      }
    }
    if (!list.is_list()) {
      if (given.is_scalar())
        wrong(path, given.line,
              fmt::format("must be a list, such as [\"{}\"]", branch.key->secret ? "..." : given.text));
      else
        mismatch(*branch.key, given, path, "a list");
      return false;
    }
    if (!in_range(*branch.key, static_cast<double>(list.items.size()), given, path, " items")) return false;
    bool good = true;
    writer.StartArray();
    for (std::size_t i = 0; i < list.items.size(); ++i)
      good = nested(*branch.item, list.items[i], fmt::format("{}[{}]", path, i), writer) && good;
    writer.EndArray();
    return good;
  }

  bool write_map(Branch const& branch, Node const& node, std::string const& path, json::Writer& writer) {
    if (!node.is_map()) return mismatch(*branch.key, node, path, "a map");
    if (!in_range(*branch.key, static_cast<double>(node.members.size()), node, path, " entries")) return false;
    bool good = true;
    writer.StartObject();
    for (auto const& member : node.members) {
      if (member.name.empty() || member.name.size() > 255) {
        wrong(path, member.line, "a name must have 1 to 255 bytes");
        good = false;
        continue;
      }
      json::write_key(writer, member.name);
      good = nested(*branch.any, member.value, joined(path, member.name), writer) && good;
    }
    writer.EndObject();
    return good;
  }

  bool write_object(Branch const& branch, Node const& node, std::string const& path, json::Writer& writer) {
    if (!node.is_map()) return mismatch(*branch.key, node, path, "a map");
    bool good = true;
    writer.StartObject();
    for (auto const& member : node.members) {
      auto const at = joined(path, member.name);
      auto const* next = branch.find(member.name);
      if (next == nullptr) {
        unknown(branch, member, path, at);
        good = false;
        continue;
      }
      if (member.value.is_null()) continue;
      json::write_key(writer, member.name);
      good = nested(*next, member.value, at, writer) && good;
    }
    writer.EndObject();
    for (auto const& [name, next] : branch.members)
      if (next->key->required && (node.find(name) == nullptr || node.find(name)->is_null())) {
        wrong(path, node.line, fmt::format("{} is missing ({})", name, next->key->help));
        good = false;
      }
    return good;
  }

  bool write_free(Node const& node, std::string const& path, json::Writer& writer) {
    switch (node.kind) {
      case Node::Kind::null: return writer.Null();
      case Node::Kind::scalar: {
        auto text = text_of(node, path);
        if (!text) {
          writer.Null();
          return false;
        }
        if (!node.quoted) {
          if (*text == "true" || *text == "false") return writer.Bool(*text == "true");
          if (auto whole = integer_of(*text)) return writer.Int64(*whole);
          if (!text->empty() && (text->front() == '-' || (text->front() >= '0' && text->front() <= '9')))
            if (auto number = number_of(*text)) return writer.Double(*number);
        }
        json::write_text(writer, *text);
        return true;
      }
      case Node::Kind::list: {
        bool good = true;
        writer.StartArray();
        for (std::size_t i = 0; i < node.items.size(); ++i)
          good = write_free(node.items[i], fmt::format("{}[{}]", path, i), writer) && good;
        writer.EndArray();
        return good;
      }
      case Node::Kind::map: {
        bool good = true;
        writer.StartObject();
        for (auto const& member : node.members) {
          json::write_key(writer, member.name);
          good = write_free(member.value, joined(path, member.name), writer) && good;
        }
        writer.EndObject();
        return good;
      }
    }
    return false;
  }

  Layer& layer_;
  Environment const* environment_;
  Problems& problems_;
  bool commas_;
  std::string leaf_;
};

Branch const* leaf_branch(std::string_view leaf) {
  auto const* branch = &root_branch();
  for (auto name : split(leaf, '.')) {
    auto const* next = branch->find(name);
    if (next == nullptr) next = branch->any.get();
    if (next == nullptr) return nullptr;
    branch = next;
  }
  return branch;
}

void mask(Branch const* branch, json::Value& value, json::Document::AllocatorType& allocator) {
  auto hide = [&](json::Value& one) {
    if (one.IsString() && one.GetStringLength() == 0) return;
    one.SetString("***", allocator);
  };
  if (branch == nullptr || branch->key == nullptr || branch->key->kind == Kind::free) {
    redact::mask_json(value, allocator);
  } else if (branch->key->secret) {
    hide(value);
  } else if (value.IsArray()) {
    for (auto& item : value.GetArray()) mask(branch->item.get(), item, allocator);
  } else if (value.IsObject()) {
    for (auto& member : value.GetObject()) {
      auto const* next = branch->find(json::text_of(member.name));
      mask(next != nullptr ? next : branch->any.get(), member.value, allocator);
    }
  }
}

json::Value* descend(json::Value& value, Place const& place, bool make, json::Document::AllocatorType& allocator) {
  auto* at = &value;
  auto const names = place.key->kind == Kind::free ? split(place.rest, '.') : std::vector<std::string_view>{place.rest};
  for (auto name : names) {
    if (!at->IsObject()) {
      if (!make) return nullptr;
      at->SetObject();
    }
    auto const text = rapidjson::StringRef(name.data(), name.size());
    auto found = at->FindMember(json::Value{text});
    if (found == at->MemberEnd()) {
      if (!make) return nullptr;
      at->AddMember(json::Value{name.data(), static_cast<rapidjson::SizeType>(name.size()), allocator}, json::Value{},
                    allocator);
      found = at->MemberEnd() - 1;
    }
    at = &found->value;
  }
  return at;
}

}  // namespace

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
  Reader{layer, environment, problems, false}.group(root_branch(), root, "");
  return layer;
}

bool read_into(Layer& layer, std::string_view path, Node const& value, Environment const* environment, bool commas,
               Problems& problems) {
  Reader reader{layer, environment, problems, commas};
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
        path += static_cast<char>(rest[i] >= 'A' && rest[i] <= 'Z' ? rest[i] - 'A' + 'a' : rest[i]);
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

Effective merge(std::vector<Layer const*> const& layers) {
  Effective out;
  for (auto const* layer : layers) {
    for (auto const& [path, entry] : layer->whole)
      out[path] = Setting{entry.json, layer->source, layer->file, entry.line};
    for (auto const& member : layer->members) {
      auto& setting = out[member.leaf];
      auto place = place_of(member.leaf);
      place->rest = member.rest;
      auto const base = setting.json.empty() ? std::string{"{}"} : setting.json;
      json::Document document;
      document.Parse(base.data(), base.size());
      auto& allocator = document.GetAllocator();
      json::Document value{&allocator};
      value.Parse(member.json.data(), member.json.size());
      *descend(document, *place, true, allocator) = static_cast<json::Value&>(value);
      setting = Setting{json::to_text(document), layer->source, layer->file, 0};
    }
  }
  return out;
}

std::string masked(std::string_view leaf, std::string const& text) {
  json::Document document;
  document.Parse(text.data(), text.size());
  mask(leaf_branch(leaf), document, document.GetAllocator());
  return json::to_text(document);
}

std::optional<std::string> inside(Place const& place, std::string const& text) {
  if (place.rest.empty()) return text;
  json::Document document;
  document.Parse(text.data(), text.size());
  auto const* found = descend(document, place, false, document.GetAllocator());
  if (found == nullptr) return std::nullopt;
  return json::to_text(*found);
}

}  // namespace patchbay::config
