// is_utf8 for plugins: whether bytes from outside are text.
//
//   if (!sdk::is_utf8(bytes)) return base64(bytes);
//
// Pure, any thread.
#pragma once

#include "core/base/utf8.hpp"

namespace patchbay::sdk {
using patchbay::is_utf8;
}  // namespace patchbay::sdk
