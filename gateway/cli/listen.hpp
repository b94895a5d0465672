// patchbay listen CHANNEL: what is published on a channel, as it comes: HUB.subscribe of a running gateway.
//
//   patchbay listen missions --count 3 | jq .data
//   patchbay listen "ha.state.light.*"
//
// Piped, one line an event, the channel event as the hub sends it; on a terminal time, channel, type and data. Where it
// began goes to standard error, for --recover. Ends after --count events, when the gateway stops, or by Ctrl-C.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "gateway/cli/client.hpp"

namespace patchbay::cli {

struct ListenOptions {
  std::string channel;
  std::uint64_t count = 0;  // 0: no end
  std::string recover{};    // "EPOCH:OFFSET", or empty
  bool json = false;        // also on a terminal
};

// The arguments of hub_subscribe. Errors: invalid_argument.
Result<std::string> listen_arguments(ListenOptions const& options);
// The exit code.
int listen(Client& client, ListenOptions const& options);

}  // namespace patchbay::cli
