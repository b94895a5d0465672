#include "core/base/redact.hpp"

#include <spdlog/fmt/fmt.h>

#include "core/base/ascii.hpp"

namespace patchbay::redact {
namespace {

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}
bool ends_value(char c) {
  return static_cast<unsigned char>(c) <= ' ' || c == ',' || c == ';' || c == '&' || c == '"' || c == '\'' ||
         c == ')' || c == ']' || c == '}' || c == '<' || c == '>' || c == '|' || c == '#';
}

// Length of the well-formed UTF-8 sequence at `at`, 0 when there is none. `code` gets the character.
std::size_t sequence_at(std::string_view text, std::size_t at, std::uint32_t& code) {
  auto const byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(text[at + i])); };
  auto const first = byte(0);
  if (first < 0x80) {
    code = first;
    return 1;
  }
  std::size_t const size = first >= 0xC2 && first <= 0xDF   ? 2
                           : (first & 0xF0) == 0xE0         ? 3
                           : first >= 0xF0 && first <= 0xF4 ? 4
                                                            : 0;
  if (size == 0 || at + size > text.size()) return 0;
  code = first & (0xFFU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
    code = (code << 6) | (byte(i) & 0x3F);
  }
  if ((size == 3 && code < 0x800) || (size == 4 && (code < 0x10000 || code > 0x10FFFF))) return 0;
  if (code >= 0xD800 && code <= 0xDFFF) return 0;
  return size;
}

// Characters that a terminal or a log viewer would act on.
bool is_active(std::uint32_t code) {
  return code < 0x20 || (code >= 0x7F && code <= 0x9F) || code == 0x2028 || code == 0x2029 ||
         (code >= 0x202A && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069);
}

std::string repaired(std::string_view text, std::size_t most, bool escape) {
  std::string out;
  out.reserve(std::min(text.size(), most) + 8);
  auto const room = most > 3 ? most - 3 : 0;
  std::size_t at = 0, fits = 0;  // fits: how much of `out` may stay when it has to be cut
  while (at < text.size()) {
    std::uint32_t code = 0;
    auto const size = sequence_at(text, at, code);
    if (size == 0) {
      out += "\xEF\xBF\xBD";
      ++at;
    } else {
      if (!is_active(code) || (!escape && code < 0x7F))
        out.append(text.substr(at, size));
      else if (!escape)
        out += "\xEF\xBF\xBD";
      else if (code == '\n')
        out += "\\n";
      else if (code == '\r')
        out += "\\r";
      else if (code == '\t')
        out += "\\t";
      else if (code < 0x100)
        out += fmt::format("\\x{:02x}", code);
      else
        out += fmt::format("\\u{:04x}", code);
      at += size;
    }
    if (out.size() <= room) fits = out.size();
    if (out.size() > most) {
      out.resize(fits);
      out += "...";
      break;
    }
  }
  return out;
}

}  // namespace

bool is_secret_name(std::string_view name) {
  if (name.size() > 128) name = name.substr(name.size() - 128);
  std::string word;
  word.reserve(name.size());
  for (char c : name)
    if (c != '_' && c != '-' && c != '.' && c != ' ') word += ascii::lower(c);
  for (std::string_view end :
       {"password", "passwd", "passphrase", "secret", "token", "apikey", "accesskey", "privatekey", "secretkey",
        "authorization", "cookie", "credential", "credentials", "bearer"})
    if (word.ends_with(end)) return true;
  return word == "pwd" || word == "pass" || word == "jwt" || word == "secrets" || word == "passwords" ||
         word.starts_with("password");
}

void mask_json(json::Value& value, json::Document::AllocatorType& allocator) {
  if (value.IsArray()) {
    for (auto& item : value.GetArray()) mask_json(item, allocator);
  } else if (value.IsObject()) {
    for (auto& member : value.GetObject()) {
      if (!is_secret_name(json::text_of(member.name))) {
        mask_json(member.value, allocator);
      } else if (!member.value.IsNull() && !member.value.IsBool() &&
                 !(member.value.IsString() && member.value.GetStringLength() == 0)) {
        member.value.SetString(rapidjson::StringRef(hidden.data(), hidden.size()));
      }
    }
  }
}

std::string mask_text(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  std::size_t at = 0;
  auto copy_to = [&](std::size_t end) {
    out.append(text.substr(at, end - at));
    at = end;
  };
  auto hide_value = [&](bool quoted, char quote) {
    auto end = at;
    while (end < text.size() && (quoted ? text[end] != quote || text[end - 1] == '\\' : !ends_value(text[end]))) ++end;
    if (end > at) out += hidden;
    at = end;
  };
  while (at < text.size()) {
    if (text.substr(at).starts_with("://")) {  // scheme://user:password@host
      copy_to(at + 3);
      auto const end = text.find_first_of("/?# \t\r\n\"'<>", at);
      auto const part = text.substr(at, end == std::string_view::npos ? end : end - at);
      if (auto const sign = part.rfind('@'); sign != std::string_view::npos) {
        out += hidden;
        at += sign;
      }
      continue;
    }
    if (!is_word(text[at])) {
      copy_to(at + 1);
      continue;
    }
    auto end = at;
    while (end < text.size() && is_word(text[end])) ++end;
    auto const word = text.substr(at, end - at);
    copy_to(end);
    auto next = at;
    if ((ascii::same(word, "bearer") || ascii::same(word, "basic")) && next < text.size() && text[next] == ' ') {
      copy_to(next + 1);
      hide_value(false, 0);
      continue;
    }
    if (!is_secret_name(word)) continue;
    if (next < text.size() && (text[next] == '"' || text[next] == '\'')) ++next;  // "token": "..."
    auto const mark = text.find_first_not_of(' ', next);
    if (mark == std::string_view::npos || (text[mark] != '=' && text[mark] != ':')) continue;
    auto const value = text.find_first_not_of(' ', mark + 1);
    if (value == std::string_view::npos) continue;
    bool const quoted = text[value] == '"' || text[value] == '\'';
    // "token:kitchen" is the name of a principal, which the audit must show; a token's own text is longer than that.
    if (word == "token" && text[mark] == ':' && mark == at && value == mark + 1 && !quoted) {
      auto end_of_id = value;
      while (end_of_id < text.size() && (is_word(text[end_of_id]) || text[end_of_id] == '.')) ++end_of_id;
      if (end_of_id - value <= 32) {
        copy_to(end_of_id);
        continue;
      }
    }
    copy_to(value + (quoted ? 1 : 0));
    // "Authorization: Bearer xyz": the scheme is no secret, what follows is.
    for (std::string_view scheme : {"bearer ", "basic "})
      if (ascii::same(text.substr(at, scheme.size()), scheme)) copy_to(at + scheme.size());
    hide_value(quoted, quoted ? text[value] : '\0');
  }
  return out;
}

std::string one_line(std::string_view text, std::size_t most) { return repaired(text, most, true); }
std::string valid_utf8(std::string_view text, std::size_t most) { return repaired(text, most, false); }

}  // namespace patchbay::redact
