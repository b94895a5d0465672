#include "plugins/home_assistant/raw_json.hpp"

#include <cstring>

#include "plugins/home_assistant/basics.hpp"

namespace patchbay::home_assistant::raw {
namespace {

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

// The length of a string with its quotes; the whole text when it never ends.
std::size_t string_length(std::string_view text) {
  for (std::size_t at = 1; at < text.size(); ++at) {
    auto const* quote = static_cast<char const*>(std::memchr(text.data() + at, '"', text.size() - at));
    if (quote == nullptr) return text.size();
    auto const end = static_cast<std::size_t>(quote - text.data());
    std::size_t backslashes = 0;
    while (end - backslashes > at && text[end - backslashes - 1] == '\\') ++backslashes;
    if (backslashes % 2 == 0) return end + 1;
    at = end;
  }
  return text.size();
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::size_t value_length(std::string_view text) {
  if (text.empty()) return 0;
  if (text[0] == '"') return string_length(text);
  if (text[0] != '{' && text[0] != '[') {
    std::size_t at = 0;
    while (at < text.size() && text[at] != ',' && text[at] != '}' && text[at] != ']' && !is_space(text[at])) ++at;
    return at;
  }
  std::size_t depth = 0;
  for (std::size_t at = 0; at < text.size();) {
    switch (text[at]) {
      case '"': at += string_length(text.substr(at)); continue;
      case '{':
      case '[': ++depth; break;
      case '}':
      case ']':
        if (--depth == 0) return at + 1;
        break;
      default: break;
    }
    ++at;
  }
  return text.size();
}

Cursor::Cursor(std::string_view container) : rest_(trimmed(container)) {
  object_ = !rest_.empty() && rest_[0] == '{';
  if (!rest_.empty()) rest_.remove_prefix(1);
}

std::string_view Cursor::skip_space() {
  while (!rest_.empty() && is_space(rest_.front())) rest_.remove_prefix(1);
  return rest_;
}

bool Cursor::next() {
  if (skip_space().empty()) return false;
  if (rest_[0] == ',') {
    rest_.remove_prefix(1);
    skip_space();
  }
  if (rest_.empty() || rest_[0] == ']' || rest_[0] == '}') return false;
  if (object_) {
    if (rest_[0] != '"') return false;
    key_ = rest_.substr(0, string_length(rest_));
    rest_.remove_prefix(key_.size());
    if (skip_space().empty() || rest_[0] != ':') return false;
    rest_.remove_prefix(1);
    skip_space();
  }
  auto const length = value_length(rest_);
  if (length == 0) return false;
  value_ = rest_.substr(0, length);
  rest_.remove_prefix(length);
  return true;
}

std::string_view member(std::string_view object, std::string_view key) {
  object = trimmed(object);
  if (object.empty() || object[0] != '{') return {};
  std::string keep;
  Cursor cursor{object};
  while (cursor.next())
    if (text(cursor.key(), keep) == key) return cursor.value();
  return {};
}

std::size_t count(std::string_view container) {
  Cursor cursor{container};
  std::size_t items = 0;
  while (cursor.next()) ++items;
  return items;
}

std::string text(std::string_view value) {
  std::string keep;
  return std::string{text(value, keep)};
}

std::string_view text(std::string_view value, std::string& keep) {
  if (value.size() < 2 || value.front() != '"' || value.back() != '"') return {};
  if (std::memchr(value.data(), '\\', value.size()) == nullptr) return value.substr(1, value.size() - 2);
  json::Document decoded;
  decoded.Parse(value.data(), value.size());
  if (decoded.HasParseError() || !decoded.IsString()) return {};
  keep.assign(decoded.GetString(), decoded.GetStringLength());
  return keep;
}

}  // namespace patchbay::home_assistant::raw
