#include "gateway/cli/arguments.hpp"

#include <spdlog/fmt/fmt.h>

#include <fstream>
#include <iostream>
#include <iterator>

#include "core/base/nearest.hpp"

namespace patchbay::cli {
namespace {

Error wrong(std::string message) { return Error{Code::invalid_argument, std::move(message)}; }

Result<std::string> read_source(std::string const& path) {
  if (path == "-") return std::string{std::istreambuf_iterator<char>{std::cin}, {}};
  std::ifstream in{path};
  if (!in) return wrong(fmt::format("the file {} cannot be read", path));
  return std::string{std::istreambuf_iterator<char>{in}, {}};
}

// What the word means depends on the types that the schema takes.
std::string as_json(std::string const& word, Schema const& schema) {
  auto parsed = json::parse(word);
  bool const is_json = parsed.has_value();
  if (schema.has_type("string") && !(is_json && (parsed->document.IsArray() || parsed->document.IsObject()) &&
                                     (schema.has_type("array") || schema.has_type("object")))) {
    bool const any = schema.has_type("object") && schema.has_type("integer");
    if (!any || !is_json) return json::quoted(word);
  }
  return is_json ? word : json::quoted(word);
}

}  // namespace

Result<std::string> arguments(std::vector<std::string> const& words, Schema const& schema) {
  if (words.empty()) return std::string{"{}"};
  if (words.front().starts_with("@")) return read_source(words.front().substr(1));
  if (words.front().starts_with("{")) {
    if (words.size() > 1)
      return wrong(fmt::format("after the JSON arguments nothing more is taken, found \"{}\"", words[1]));
    return words.front();
  }
  std::vector<std::pair<std::string, std::vector<std::string>>> values;  // in the order given
  std::vector<std::string_view> names;
  for (auto const& property : schema.properties()) names.push_back(property.name);
  for (std::size_t i = 0; i < words.size(); ++i) {
    auto const& word = words[i];
    if (!word.starts_with("--") || word.size() < 3)
      return wrong(fmt::format("\"{}\" is no argument: write JSON, @FILE, or --key value", word));
    auto key = word.substr(2);
    std::optional<std::string> value;
    if (auto const at = key.find('='); at != std::string::npos) {
      value = key.substr(at + 1);
      key.resize(at);
    }
    std::replace(key.begin(), key.end(), '-', '_');
    auto const* property = schema.find(key);
    if (property == nullptr)
      return wrong(fmt::format("no argument --{}; {}known: {}", key, did_you_mean(key, names),
                               names.empty() ? "none" : fmt::format("--{}", fmt::join(names, ", --"))));
    bool const is_flag = property->schema.has_type("boolean") && !property->schema.has_type("string");
    if (!value) {
      bool const next_is_value = i + 1 < words.size() && (!words[i + 1].starts_with("--") || words[i + 1].size() < 3);
      if (next_is_value && !(is_flag && words[i + 1] != "true" && words[i + 1] != "false"))
        value = words[++i];
      else if (is_flag)
        value = "true";
      else
        return wrong(fmt::format("--{} needs a value: {}", key, property->schema.type_words()));
    }
    auto found =
        std::find_if(values.begin(), values.end(), [&](auto const& one) { return one.first == property->name; });
    if (found == values.end()) found = values.insert(values.end(), {property->name, {}});
    found->second.push_back(*value);
  }
  std::string out{"{"};
  for (auto const& [name, list] : values) {
    auto const& property = schema.find(name)->schema;
    if (out.size() > 1) out += ',';
    out += json::quoted(name) + ":";
    bool const takes_list = property.has_type("array") && property.items() != nullptr;
    bool const one_word_list = takes_list && list.size() == 1 && list.front().starts_with("[");
    if (takes_list && !one_word_list && (list.size() > 1 || !property.has_type("string"))) {
      out += '[';
      for (std::size_t i = 0; i < list.size(); ++i) out += (i > 0 ? "," : "") + as_json(list[i], *property.items());
      out += ']';
    } else if (list.size() > 1) {
      return wrong(fmt::format("--{} is given {} times, it takes one value", name, list.size()));
    } else {
      out += as_json(list.front(), property);
    }
  }
  return out + "}";
}

std::string arguments_help(Schema const& schema) {
  std::string out;
  std::size_t widest = 0;
  for (auto const& property : schema.properties()) widest = std::max(widest, property.name.size());
  for (auto const& property : schema.properties()) {
    auto const& one = property.schema;
    out += fmt::format("  --{:<{}}  {}", property.name, widest,
                       one.description().empty() ? one.type_words() : one.description());
    std::vector<std::string> notes;
    notes.push_back(one.type_words());
    if (property.required) notes.emplace_back("required");
    if (one.default_text()) notes.push_back("default " + *one.default_text());
    if (!one.enum_texts().empty()) notes.push_back(fmt::format("one of {}", fmt::join(one.enum_texts(), ", ")));
    if (one.minimum()) notes.push_back(fmt::format("at least {}", *one.minimum()));
    if (one.maximum()) notes.push_back(fmt::format("at most {}", *one.maximum()));
    if (!property.aliases.empty()) notes.push_back(fmt::format("also --{}", fmt::join(property.aliases, ", --")));
    out += fmt::format(" ({})\n", fmt::join(notes, "; "));
  }
  if (!schema.required_one_of().empty())
    out += fmt::format("  one of --{} is required\n", fmt::join(schema.required_one_of(), ", --"));
  return out;
}

}  // namespace patchbay::cli
