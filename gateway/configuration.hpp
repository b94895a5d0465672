// From the validated configuration to the settings of each module: the one place where a key of the file meets a
// struct.
#pragma once

#include <string>
#include <vector>

namespace patchbay {

// All that is wrong with a file, a line each; empty: good.
std::vector<std::string> check_configuration(std::string const& file);

}  // namespace patchbay
