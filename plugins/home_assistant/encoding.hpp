// Bytes as text: SHA-256 in hex, and base64 (RFC 4648, with padding) both ways. Pure functions; any thread; about 2 ns
// a byte.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace patchbay::home_assistant {

std::string content_hash(std::string_view bytes);
std::string base64_of(std::string_view bytes);
// Nothing for what is not base64.
std::optional<std::string> from_base64(std::string_view text);

}  // namespace patchbay::home_assistant
