// The nearest spellings of a name, for messages that say what would have been right: nearest(name, names, count) and
// did_you_mean(name, names), for plugins as for the gateway. Pure functions.
#pragma once

#include "core/base/nearest.hpp"

namespace patchbay::sdk {
using patchbay::did_you_mean;
using patchbay::nearest;
}  // namespace patchbay::sdk
