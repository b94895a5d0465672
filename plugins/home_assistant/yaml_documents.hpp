// The documents of a YAML text, by yaml-cpp, whose own LoadAll never ends at a ",", "]" or "}" outside of brackets: it
// finds one empty document after the other there.
//
//   for (auto const& document : yaml_documents(text)) ...
//
// Throws YAML::Exception, with its place, for what is not YAML. Pure; any thread; reads the text twice.
#pragma once

#include <yaml-cpp/yaml.h>

#include <string>
#include <vector>

namespace patchbay::home_assistant {

std::vector<YAML::Node> yaml_documents(std::string const& text);

}  // namespace patchbay::home_assistant
