// Target: where a ws or wss url leads, taken apart once. Immutable value; any thread.
//
//   auto target = Target::parse("wss://user:secret@example.org/feed?token=x");
//   target->shown                        // "wss://example.org:443/feed": fit for logs and lists
#pragma once

#include <string>
#include <string_view>

#include "core/base/result.hpp"

namespace patchbay::websocket {

struct Target {
  bool tls = false;
  std::string host;         // without brackets
  std::uint16_t port = 0;   // the usual one where the url has none
  std::string host_field;   // as the Host header wants it
  std::string path;         // and query
  std::string credentials;  // "user:password" of the url, decoded; or empty
  std::string shown;        // without query and user
  std::string breaker;      // "ws:<host>:<port>"

  // Errors: invalid_argument.
  static Result<Target> parse(std::string_view url);
};

}  // namespace patchbay::websocket
