// Errors: one closed set of codes, and the one table where a code meets a protocol.
//
//   if (text.empty()) return Error{Code::invalid_argument, "must not be empty", "/text"};
//
// An Error says what was wrong and what would be right, never a secret. `pointer` is a JSON pointer (RFC 6901) into the
// arguments, or empty. Values, freely copied; any thread. Header-only: plugins use it through the SDK.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace patchbay {

// The numbers are part of the plugin contract (enum pb_code) and never change.
enum class Code : std::uint8_t {
  invalid_argument = 1,
  unauthenticated = 2,
  forbidden = 3,
  not_found = 4,
  conflict = 5,
  too_large = 6,
  rate_limited = 7,
  cancelled = 8,
  internal = 9,
  unsupported = 10,
  upstream_failed = 11,
  auth_failed = 12,
  tls_failed = 13,
  connect_failed = 14,
  connection_lost = 15,
  unavailable = 16,
  circuit_open = 17,
  backpressure = 18,
  deadline_exceeded = 19,
};
inline constexpr std::size_t code_count = 20;  // 0 stands for success where codes index an array

struct CodeRow {
  Code code;
  std::string_view name;
  std::uint16_t http_status;
  std::uint16_t websocket_close;
  bool retryable;
  std::uint8_t exit_code;  // of the command line; 2 is left to wrong usage
};

inline constexpr std::array<CodeRow, code_count - 1> code_table{{
    {Code::invalid_argument, "invalid_argument", 400, 1007, false, 3},
    {Code::unauthenticated, "unauthenticated", 401, 3000, false, 4},
    {Code::forbidden, "forbidden", 403, 3003, false, 4},
    {Code::not_found, "not_found", 404, 1008, false, 5},
    {Code::conflict, "conflict", 409, 1008, false, 6},
    {Code::too_large, "too_large", 413, 1009, false, 3},
    {Code::rate_limited, "rate_limited", 429, 1008, true, 7},
    {Code::cancelled, "cancelled", 499, 1001, false, 130},
    {Code::internal, "internal", 500, 1011, false, 1},
    {Code::unsupported, "unsupported", 501, 1003, false, 3},
    {Code::upstream_failed, "upstream_failed", 502, 1013, false, 8},
    {Code::auth_failed, "auth_failed", 502, 1011, false, 8},
    {Code::tls_failed, "tls_failed", 502, 1011, false, 8},
    {Code::connect_failed, "connect_failed", 502, 1013, true, 9},
    {Code::connection_lost, "connection_lost", 502, 1013, true, 9},
    {Code::unavailable, "unavailable", 503, 1013, true, 9},
    {Code::circuit_open, "circuit_open", 503, 1013, true, 9},
    {Code::backpressure, "backpressure", 503, 1013, true, 9},
    {Code::deadline_exceeded, "deadline_exceeded", 504, 3008, true, 10},
}};
static_assert(
    [] {
      for (std::size_t i = 0; i < code_table.size(); ++i)
        if (static_cast<std::size_t>(code_table[i].code) != i + 1) return false;
      return true;
    }(),
    "one row a code, in the order of their numbers");

constexpr CodeRow const& row_of(Code code) { return code_table[static_cast<std::size_t>(code) - 1]; }
constexpr std::string_view name_of(Code code) { return row_of(code).name; }
constexpr std::optional<Code> code_named(std::string_view name) {
  for (auto const& row : code_table)
    if (row.name == name) return row.code;
  return std::nullopt;
}
constexpr bool is_code_number(std::int64_t number) { return number >= 1 && number < static_cast<int>(code_count); }

struct Error {
  Code code = Code::internal;
  std::string message{};
  std::string pointer{};
  std::uint32_t retry_after_ms = 0;  // 0: unknown

  bool retryable() const { return row_of(code).retryable; }
  friend bool operator==(Error const&, Error const&) = default;
};

// A set of codes as one word: the errors that an operation documents.
struct CodeSet {
  std::uint32_t bits = 0;
  constexpr bool has(Code code) const { return (bits >> static_cast<unsigned>(code)) & 1U; }
  constexpr CodeSet operator|(CodeSet other) const { return {bits | other.bits}; }
};
template <class... Codes>
constexpr CodeSet codes(Codes... list) {
  return {(0U | ... | (1U << static_cast<unsigned>(list)))};
}

}  // namespace patchbay
