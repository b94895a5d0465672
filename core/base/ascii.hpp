// ASCII letters without regard to case, as names in protocols are compared (RFC 9110, section 5.1; RFC 3986, section
// 6.2.2.1). Bytes beyond ASCII stay as they are; no locale is asked.
//
//   ascii::lowered("Content-Type") == "content-type"
//   ascii::same("Bearer", "bearer")
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace patchbay::ascii {

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

inline std::string lowered(std::string_view text) {
  std::string out{text};
  for (char& c : out) c = lower(c);
  return out;
}

constexpr bool same(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

}  // namespace patchbay::ascii
