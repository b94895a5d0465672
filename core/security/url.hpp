// OutgoingUrl: an address that someone wants the gateway to call, taken apart and in normal form. Everything that two
// programs might read differently is refused instead of guessed: user parts, numbers in disguise (127.1, 0x7f.1,
// 2130706433), IPv4 inside IPv6, trailing dots, escapes and letters beyond ASCII in the host.
//
//   Result<OutgoingUrl> url = parse_outgoing("wss://Example.org/api", "websocket");
#pragma once

#include <boost/asio/ip/address.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/result.hpp"

namespace patchbay::security {

struct OutgoingUrl {
  std::string scheme;      // "ws", "wss", "http", "https"
  std::string host;        // small letters, without brackets
  std::uint16_t port = 0;  // always set
  std::string normalized;
  std::optional<boost::asio::ip::address> literal;  // when the host is an address
};

// Errors: invalid_argument with what would be right, pointer "/url".
Result<OutgoingUrl> parse_outgoing(std::string_view url, std::string_view purpose);

// A host name or address as strict as above; nothing when it is odd. `literal` is set for an address.
std::optional<std::string> strict_host(std::string_view text, std::optional<boost::asio::ip::address>& literal);

}  // namespace patchbay::security
