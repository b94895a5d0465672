#include "plugins/home_assistant/yaml_text.hpp"

#include <algorithm>

#include "plugins/home_assistant/yaml_card.hpp"

namespace patchbay::home_assistant {
namespace {

bool is_plain_text(std::string_view text) {
  if (text.empty() || text.size() > 200 || text.ends_with(' ')) return false;
  auto const word = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '/'; };
  if (!word(text[0])) return false;
  for (char c : text)
    if (!word(c) && !(c >= '0' && c <= '9') && c != '-' && c != '.' && c != ' ') return false;
  json::Document document;
  return yaml_scalar(text, document.GetAllocator()).IsString();
}

bool is_block_text(std::string_view text) {
  if (text.find('\n') == std::string_view::npos || text[0] == ' ' || text[0] == '\n') return false;
  if (text.find_first_of("\t\r") != std::string_view::npos) return false;
  for (unsigned char c : text)
    if (c < 0x20 && c != '\n') return false;
  return text.find(" \n") == std::string_view::npos && !text.ends_with("\n\n") && !text.ends_with(' ');
}

std::string pad(std::size_t columns) { return std::string(columns, ' '); }

// What stands behind "key:" or "-", with its line break.
void write_yaml(std::string& out, json::Value const& value, std::size_t column, bool in_list) {
  if (value.IsObject() && value.MemberCount() > 0) {
    bool first = true;
    if (!in_list) out += '\n';
    for (auto const& member : value.GetObject()) {
      if (!in_list || !first) out += pad(column);
      if (in_list && first) out += ' ';
      auto const key = json::text_of(member.name);
      out += is_plain_text(key) ? std::string{key} : json::quoted(key);
      out += ':';
      write_yaml(out, member.value, column + 2, false);
      first = false;
    }
    return;
  }
  if (value.IsArray() && !value.Empty()) {
    out += '\n';
    for (auto const& item : value.GetArray()) {
      out += pad(column) + "-";
      write_yaml(out, item, column + 2, true);
    }
    return;
  }
  out += ' ';
  if (!value.IsString()) {
    out += json::to_text(value) + "\n";
    return;
  }
  auto const text = json::text_of(value);
  if (is_plain_text(text)) {
    out += std::string{text} + "\n";
  } else if (is_block_text(text)) {
    out += text.ends_with('\n') ? "|\n" : "|-\n";
    for (auto rest = text; !rest.empty();) {
      auto const line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(line.size() + 1, rest.size()));
      if (!line.empty()) out += pad(column) + std::string{line};
      out += '\n';
    }
  } else {
    out += json::quoted(text) + "\n";
  }
}

}  // namespace

std::string yaml_of(json::Value const& value) {
  std::string out;
  write_yaml(out, value, 0, false);
  while (!out.empty() && (out[0] == '\n' || out[0] == ' ')) out.erase(0, 1);
  return out;
}

}  // namespace patchbay::home_assistant
