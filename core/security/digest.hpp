// Digests, random bytes and their spellings.
//
//   hex(sha256("abc"))                // "ba7816bf..."
//   random_url_safe(32)               // 43 characters
//
// Random bytes come from the kernel (getrandom). Any thread. sha256() costs some 300 ns for a token.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace patchbay::security {

using Digest = std::array<std::uint8_t, 32>;

Digest sha256(std::string_view text);
// "sha256", "sha384" or "sha512", hexadecimal; empty for another name.
std::string hash_hex(std::string_view algorithm, std::string_view text);

std::string hex(std::uint8_t const* bytes, std::size_t size);
inline std::string hex(Digest const& digest) { return hex(digest.data(), digest.size()); }
std::optional<Digest> digest_from_hex(std::string_view text);

// Constant time for equal lengths.
bool equal(Digest const& a, Digest const& b);
bool equal(std::string_view a, std::string_view b);

std::string random_hex(std::size_t bytes);
std::string random_url_safe(std::size_t bytes);  // base64url without padding

}  // namespace patchbay::security
