// The allow and deny lists of a caller's token (Call::entities), for plugins.
#pragma once

#include "core/base/entity_rules.hpp"

namespace patchbay::sdk {

using patchbay::EntityRules;

}  // namespace patchbay::sdk
