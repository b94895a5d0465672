// What the gateway tells of a caller, and what follows for Home Assistant.
#pragma once

#include "plugins/sdk/patchbay_plugin.hpp"

namespace patchbay::home_assistant {

namespace sdk = patchbay::sdk;

// Whether the caller is the gateway's own administrator: host code, the gateway itself, or a principal with the scope
// ha.admin.
inline bool is_administrator(sdk::Call const& call) {
  auto const who = call.principal();
  return who == "host" || who == "gateway";
}

}  // namespace patchbay::home_assistant
