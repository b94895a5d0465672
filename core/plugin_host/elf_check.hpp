// Looks at a library file before the dynamic loader does: the loader maps what the headers promise, and a file that is
// shorter than that (half copied, say) kills the process with SIGBUS.
#pragma once

#include "core/base/result.hpp"

namespace patchbay::plugin_host {

// `fd` is open for reading; its position is left alone. Errors: unsupported, with what is wrong.
Result<void> check_elf(int fd);

}  // namespace patchbay::plugin_host
