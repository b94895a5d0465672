// What file tools may touch must hold nothing that governs the gateway: its configuration, its plugins, its state, and
// the token of the run. Looked at once, before anything is started.
//
//   if (auto apart = check_file_root(values, options.config_file); !apart) return apart.error();
//
// Errors: invalid_argument, naming the key and what lies in it. Any thread.
#pragma once

#include <string>

#include "core/base/result.hpp"
#include "core/config/values.hpp"

namespace patchbay {

Result<void> check_file_root(config::Values const& values, std::string const& config_file);

}  // namespace patchbay
