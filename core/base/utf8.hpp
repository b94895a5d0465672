// is_utf8: whether bytes are well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms, nothing above U+10FFFF).
// Pure, any thread; eight bytes at a time while they are ASCII.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace patchbay {

inline bool is_utf8(std::string_view text) {
  auto const* at = reinterpret_cast<unsigned char const*>(text.data());
  auto const* const end = at + text.size();
  auto continues = [](unsigned char c) { return (c & 0xC0U) == 0x80U; };
  while (at < end) {
    if (*at < 0x80) {
      while (end - at >= 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, at, 8);
        if ((word & 0x8080808080808080ULL) != 0) break;
        at += 8;
      }
      while (at < end && *at < 0x80) ++at;
      continue;
    }
    auto const left = end - at;
    if (*at >= 0xC2 && *at <= 0xDF && left >= 2 && continues(at[1])) {
      at += 2;
    } else if ((*at & 0xF0U) == 0xE0 && left >= 3 && continues(at[1]) && continues(at[2]) &&
               !(*at == 0xE0 && at[1] < 0xA0) && !(*at == 0xED && at[1] >= 0xA0)) {
      at += 3;
    } else if (*at >= 0xF0 && *at <= 0xF4 && left >= 4 && continues(at[1]) && continues(at[2]) && continues(at[3]) &&
               !(*at == 0xF0 && at[1] < 0x90) && !(*at == 0xF4 && at[1] >= 0x90)) {
      at += 4;
    } else {
      return false;
    }
  }
  return true;
}

}  // namespace patchbay
