// Completions for bash: commands, options, and tool names asked from the running gateway.
#pragma once

#include <string>

namespace patchbay::cli {

std::string bash_completion();

}  // namespace patchbay::cli
