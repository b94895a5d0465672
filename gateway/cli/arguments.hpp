// From the words of a command line to the JSON arguments of an operation, by its schema.
//
//   patchbay call echo_say --text hello        ->  {"text":"hello"}
//   patchbay call echo_say '{"text":"hello"}'  ->  as it is
//   patchbay call echo_say @file.json, or @-   ->  from a file, or standard input
#pragma once

#include <string>
#include <vector>

#include "core/base/schema.hpp"

namespace patchbay::cli {

// Errors: invalid_argument for what cannot be read; the gateway validates the rest.
Result<std::string> arguments(std::vector<std::string> const& words, Schema const& schema);
// The arguments of an operation for `--help`.
std::string arguments_help(Schema const& schema);

}  // namespace patchbay::cli
