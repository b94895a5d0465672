// JSON as YAML text in block style, as people write it: texts are quoted only where they need it, those of several
// lines stand as a block.
//
//   yaml_of(parsed->document)   // {"logger": {"default": "warning"}}  ->  "logger:\n  default: warning\n"
//
// A pure function; any thread.
#pragma once

#include <string>

#include "plugins/home_assistant/basics.hpp"

namespace patchbay::home_assistant {

std::string yaml_of(json::Value const& value);

}  // namespace patchbay::home_assistant
