#include "core/config/layer_reader.hpp"

#include <spdlog/fmt/fmt.h>

#include "core/base/nearest.hpp"
#include "core/config/expand.hpp"
#include "core/config/words.hpp"

namespace patchbay::config {
namespace {

std::string shown(double value) {
  if (value == std::floor(value) && std::abs(value) < 1e15) return fmt::format("{}", static_cast<std::int64_t>(value));
  return fmt::format("{}", value);
}
std::string shown_text(Key const& key, std::string_view text) {
  if (key.secret || key.kind == Kind::free) return "what stands there";
  return fmt::format("\"{}\"", text.substr(0, std::min<std::size_t>(text.size(), 60)));
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

}  // namespace

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

void LayerReader::group(Branch const& branch, Node const& node, std::string const& path) {
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
      leaf(*next, member.value, at);
  }
}

void LayerReader::leaf(Branch const& branch, Node const& node, std::string const& path) {
  if (node.is_null()) return;  // "key:" leaves the default
  leaf_ = path;
  if (auto json = value(branch, node, path)) layer_.whole[path] = Entry{std::move(*json), node.line};
}

std::optional<std::string> LayerReader::value(Branch const& branch, Node const& node, std::string const& path) {
  json::Buffer buffer;
  json::Writer writer{buffer};
  if (!write(branch, node, path, writer)) return std::nullopt;
  return std::string{buffer.GetString(), buffer.GetSize()};
}

std::optional<std::string> LayerReader::free_value(Node const& node, std::string const& path) {
  json::Buffer buffer;
  json::Writer writer{buffer};
  if (!write_free(node, path, writer)) return std::nullopt;
  return std::string{buffer.GetString(), buffer.GetSize()};
}

void LayerReader::wrong(std::string const& path, int line, std::string reason) {
  problems_.push_back(Problem{layer_.file, line, path, std::move(reason)});
}

void LayerReader::unknown(Branch const& branch, Member const& member, std::string const& path, std::string const& at) {
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

std::optional<std::string> LayerReader::text_of(Node const& node, std::string const& path) {
  if (environment_ == nullptr || node.text.find("${") == std::string::npos) return node.text;
  auto expanded = expand(node.text, *environment_);
  if (!expanded.problem.empty()) {
    wrong(path, node.line, expanded.problem);
    return std::nullopt;
  }
  layer_.expanded.push_back(leaf_);
  return std::move(expanded.text);
}

bool LayerReader::mismatch(Key const& key, Node const& node, std::string const& path, std::string_view right) {
  wrong(path, node.line,
        node.is_scalar() ? fmt::format("must be {}, not {}", right, shown_text(key, node.text))
                         : fmt::format("must be {}, not {}", right, words_of(node)));
  return false;
}

bool LayerReader::in_range(Key const& key, double value, Node const& node, std::string const& path,
                           std::string_view unit) {
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

bool LayerReader::nested(Branch const& branch, Node const& node, std::string const& path, json::Writer& writer) {
  auto const json = value(branch, node, path);
  json::write_raw(writer, json ? std::string_view{*json} : std::string_view{"null"});
  return json.has_value();
}

bool LayerReader::write(Branch const& branch, Node const& node, std::string const& path, json::Writer& writer) {
  auto const& key = *branch.key;
  switch (key.kind) {
    case Kind::boolean:
    case Kind::integer:
    case Kind::number: return write_scalar(key, node, path, writer);
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

bool LayerReader::write_scalar(Key const& key, Node const& node, std::string const& path, json::Writer& writer) {
  auto const text = node.is_scalar() ? text_of(node, path) : std::optional<std::string>{""};
  if (!text) return false;
  if (key.kind == Kind::boolean) {
    if (*text != "true" && *text != "false") return mismatch(key, node, path, "true or false");
    return writer.Bool(*text == "true");
  }
  if (key.kind == Kind::integer) {
    auto const number = integer_of(*text);
    if (!number) return mismatch(key, node, path, "a whole number");
    return in_range(key, static_cast<double>(*number), node, path, "") && writer.Int64(*number);
  }
  auto const number = number_of(*text);
  if (!number) return mismatch(key, node, path, "a number");
  if (!in_range(key, *number, node, path, "")) return false;
  if (*number == std::floor(*number) && std::abs(*number) < 1e15)  // 100.0 and 100 are the same setting
    return writer.Int64(static_cast<std::int64_t>(*number));
  return writer.Double(*number);
}

bool LayerReader::write_text(Key const& key, Node const& node, std::string const& path, json::Writer& writer) {
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

bool LayerReader::write_list(Branch const& branch, Node const& given, std::string const& path, json::Writer& writer) {
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
      wrong(path, given.line, fmt::format("must be a list, such as [\"{}\"]", branch.key->secret ? "..." : given.text));
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

bool LayerReader::write_map(Branch const& branch, Node const& node, std::string const& path, json::Writer& writer) {
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

bool LayerReader::write_object(Branch const& branch, Node const& node, std::string const& path, json::Writer& writer) {
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

bool LayerReader::write_free(Node const& node, std::string const& path, json::Writer& writer) {
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

}  // namespace patchbay::config
