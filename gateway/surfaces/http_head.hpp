// RequestHead: the header of one request as views into the bytes that came, and the strict reading of it.
//
//   auto const size = http::find_head_end(bytes, 0);                 // 0: not all there yet
//   http::RequestHead head;
//   if (auto problem = http::parse_head(bytes.substr(0, size), limits, head)) answer(problem->status, ...);
//   head[Field::host]
//
// Beast's basic_parser reads the grammar; we keep views instead of its fields container, so nothing is allocated (but
// for a WebSocket handshake that gives one list in several lines). The views point into `bytes`: whoever moves those
// calls rebase(). Pure functions, any thread; some 300 ns a request.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/error.hpp"

namespace patchbay::http {

enum class Method : std::uint8_t { get, head, post, put, patch, delete_, options, connect, trace, other };
inline constexpr std::size_t method_count = 10;
std::string_view name_of(Method method);  // "GET"; "other" for unknown ones

// The fields that matter to us.
enum class Field : std::uint8_t {
  host,
  origin,
  authorization,
  content_type,
  content_length,
  content_encoding,
  transfer_encoding,
  connection,
  expect,
  accept,
  accept_encoding,
  upgrade,
  websocket_version,
  websocket_key,
  websocket_protocol,
  websocket_extensions,
  fetch_site,
  fetch_mode,
  fetch_dest,
  traceparent,
  timeout_ms,
  last_event_id,
  forwarded,
  forwarded_for,
  preflight_method,
  preflight_network,
  if_none_match,
};
inline constexpr std::size_t field_count = 27;

// A request that is refused before any operation: the status, and what the body says.
struct Problem {
  std::uint16_t status = 400;
  Code code = Code::invalid_argument;
  std::string message{};
  bool close = true;  // where the next request begins is not known
};

struct HeadLimits {
  std::size_t line = 4096, field = 8192, fields_bytes = 8192, fields = 64;
};

class RequestHead {
 public:
  Method method = Method::other;
  std::string_view method_text;
  std::string_view target;  // as it came
  std::string_view path;    // before the ?, as it came
  std::string_view query;   // after it
  bool is_1_0 = false;
  bool keep_alive = true;
  bool chunked = false;
  bool forwarded = false;        // carries Forwarded or any X-Forwarded-*
  std::uint64_t body_bytes = 0;  // by Content-Length
  std::size_t size = 0;          // bytes of the header with its empty line

  std::string_view operator[](Field field) const { return values_[static_cast<std::size_t>(field)]; }
  bool has(Field field) const { return seen_[static_cast<std::size_t>(field)] > 0; }
  unsigned count(Field field) const { return seen_[static_cast<std::size_t>(field)]; }
  bool has_body() const { return chunked || body_bytes > 0; }
  bool is_upgrade() const { return upgrade_ && has(Field::upgrade); }
  // The bytes have moved from one place to another.
  void rebase(char const* from, char const* to);

 private:
  friend class HeadParser;
  std::array<std::string_view, field_count> values_{};
  std::array<std::uint8_t, field_count> seen_{};
  bool upgrade_ = false;
  // Lists that came in several lines, put together: of subprotocols and extensions. Shared, so that a copy's views
  // hold.
  std::shared_ptr<std::array<std::string, 2>> joined_{};
};

// The size of the header including its empty line, or 0. Looks from `from` on (what has been looked at already).
std::size_t find_head_end(std::string_view bytes, std::size_t from);

// What is wrong with a header that has not ended yet but is too long already, or nothing.
std::optional<Problem> unfinished_head_problem(std::string_view bytes, HeadLimits const& limits);

// Reads a complete header: grammar, sizes, exactly one Host, Transfer-Encoding, methods that we never serve.
std::optional<Problem> parse_head(std::string_view bytes, HeadLimits const& limits, RequestHead& head);

// One of a comma-separated list, without regard to case; parameters behind ; are left out of the comparison.
bool lists(std::string_view list, std::string_view word);
std::string_view trimmed(std::string_view text);
// For messages: printable ASCII, at most `most` bytes.
std::string shown(std::string_view text, std::size_t most = 80);

}  // namespace patchbay::http
