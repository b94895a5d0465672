// What the gateway tells of a caller, and what follows for Home Assistant.
#pragma once

#include "plugins/sdk/patchbay_plugin.hpp"

namespace patchbay::home_assistant {

namespace sdk = patchbay::sdk;

// Whether the caller may do what stops or watches the whole system.
inline bool is_administrator(sdk::Call const& call) { return call.may("ha.admin"); }

}  // namespace patchbay::home_assistant
