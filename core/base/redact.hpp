// Redaction and cleaning of what is shown: secret-looking names and values become "***", control characters become
// visible escapes, broken UTF-8 becomes U+FFFD, long text is cut.
//
//   redact::is_secret_name("X-Api-Key")                     // true
//   redact::mask_text("GET /?access_token=abc")             // "GET /?access_token=***"
//   redact::one_line("a\nb", 4096)                          // "a\\nb"
//
// LOGGING, SECURITY and CONFIG share it, so that one rule holds everywhere. Pure functions, any thread; cost some
// nanoseconds a byte.
#pragma once

#include <string>
#include <string_view>

#include "core/base/json.hpp"

namespace patchbay::redact {

inline constexpr std::string_view hidden = "***";

// Whether a field or key of this name holds a secret: password, token, api_key, Authorization, cookie and the like.
bool is_secret_name(std::string_view name);

// Replaces the values of secret-looking members, at any depth. Empty texts, null and booleans stay: they tell no
// secret.
void mask_json(json::Value& value, json::Document::AllocatorType& allocator);

// Replaces what looks like a secret inside running text: "Bearer xyz", "password=xyz", "token": "xyz", and the user
// part of a url. Principals such as "token:kitchen" stay.
std::string mask_text(std::string_view text);

// The text on one line and in valid UTF-8: CR, LF, TAB, other control characters, bidirectional overrides and line
// separators escaped, cut to at most `most` bytes (then it ends in "...").
std::string one_line(std::string_view text, std::size_t most);

// As one_line but for a text that a JSON writer escapes afterwards: repairs the encoding, cuts, and replaces only the
// active characters that JSON would let through.
std::string valid_utf8(std::string_view text, std::size_t most);

}  // namespace patchbay::redact
