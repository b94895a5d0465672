// Endpoint: which dialect a handshake's path asks for, and what stands in the path (hub_protocol, sections 1 to 3).
//
//   auto endpoint = endpoint_of("/ws/channel/missions", settings);     // not_found: no such endpoint or workflow
//   if (auto refused = refuse(*endpoint, *who)) ...                    // 403: another's user_id
//
// Pure functions, any thread. Path segments are percent-decoded, checked for length (255 bytes) and characters.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/base/call.hpp"
#include "core/base/result.hpp"
#include "core/hub/settings.hpp"

namespace patchbay::hub {

enum class Dialect : std::uint8_t { channel = 0, user = 1, chat = 2, echo = 3 };
inline constexpr std::size_t dialect_count = 4;
std::string_view name_of(Dialect dialect);

struct Endpoint {
  Dialect dialect = Dialect::channel;
  std::string channel{};  // of /ws/channel/{name}
  std::string user_id{};  // user and chat
  std::string workflow{}, app_id{}, chat_id{};
  std::string token{};  // of ?token=; cleared once it is used
};

// `target` is the path with its query. Errors: not_found (naming the endpoints there are), invalid_argument (a bad
// name).
Result<Endpoint> endpoint_of(std::string_view target, Settings const& settings);
// May this principal open it? Anonymous callers with rights may be any user. Errors: forbidden.
std::optional<Error> refuse(Endpoint const& endpoint, Principal const& who);
// [A-Za-z0-9_.:-]{1,255}; as a subscription also with a trailing ".*".
bool is_channel_name(std::string_view name);
bool is_channel_pattern(std::string_view name);

}  // namespace patchbay::hub
