// What WEBSOCKET must know of a JSON message without building a document: is it JSON within the limits, which id does
// it carry, and where are the messages of a frame that is an array.
//
//   auto scan = scan_frame(text, "id", json::upstream_limits);
//   if (scan.kind == Scan::Kind::array) for (auto const& part : scan.parts) handle(part.text, part.id);
//
// Pure functions, any thread. One pass of the guarded reader over the text, which no later step needs to repeat.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.hpp"

namespace patchbay::websocket {

struct Part {
  std::string_view text;  // of one array element
  std::optional<std::uint64_t> id{};
};

struct Scan {
  enum class Kind : std::uint8_t { object, array, other, broken };
  Kind kind = Kind::broken;
  std::optional<std::uint64_t> id{};  // of an object; of a broken one, if it was seen before the fault
  std::vector<Part> parts{};          // of an array
  std::string problem{};              // of a broken one
};
Scan scan_frame(std::string_view text, std::string_view id_field, json::Limits const& limits = json::upstream_limits);

// A message with an id put in: `head` and then `tail`, which borrows the message.
struct Numbered {
  std::string head;
  std::string_view tail;
};
// Errors: invalid_argument when the message is no JSON object or brings the field itself.
Result<Numbered> with_id(std::string_view message, std::string_view id_field, std::uint64_t id);

// Puts the id in the place of each string value "$id". Errors: invalid_argument when it is no JSON object.
Result<std::string> with_own_id(std::string_view message, std::uint64_t id);

// Whether `frame` has all that `pattern` has: objects member by member, everything else equal.
bool matches(json::Value const& pattern, json::Value const& frame);

}  // namespace patchbay::websocket
