// What a command prints: JSON when piped, a readable outline on a terminal.
#pragma once

#include <string>
#include <string_view>

#include "core/base/json.hpp"

namespace patchbay::cli {

// Indented `key: value` lines; lists of flat objects as a table.
std::string readable(json::Value const& value);
bool is_terminal(int descriptor);
// Prints data to standard output in the form that suits it.
void print_data(std::string_view json, bool force_json);
// Prints to standard error and gives the exit code.
int print_error(Error const& error);

}  // namespace patchbay::cli
