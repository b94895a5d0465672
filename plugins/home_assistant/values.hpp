// Small readings of raw JSON that many answers need, and rounding for them. Pure functions; header-only.
#pragma once

#include <cmath>
#include <cstdlib>
#include <optional>
#include <string>

#include "plugins/home_assistant/basics.hpp"
#include "plugins/home_assistant/raw_json.hpp"

namespace patchbay::home_assistant {

inline constexpr double seconds_a_day = 86'400;

// Of raw JSON: the number (0 for anything else), the text if there is one, the value itself or null.
inline double number_of(std::string_view value) {
  return value.empty() ? 0.0 : std::strtod(std::string{value}.c_str(), nullptr);
}
inline std::optional<std::string> text_or_none(std::string_view value) {
  auto text = raw::text(value);
  if (text.empty()) return std::nullopt;
  return text;
}
inline RawJson or_null(std::string_view value) { return RawJson{value.empty() ? "null" : std::string{value}}; }

// To three places.
inline double rounded(double value) { return std::round(value * 1000) / 1000; }

// ASCII letters in lower case.
inline std::string lower(std::string_view text) {
  std::string out{text};
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

}  // namespace patchbay::home_assistant
