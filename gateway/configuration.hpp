// From the validated configuration to the settings of each module: the one place where a key of the file meets a
// struct. Pure but for what the environment says about folders; any thread.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/circuit_breaker/circuit_breaker.hpp"
#include "core/config/load.hpp"
#include "core/hub/settings.hpp"
#include "core/logging/logging.hpp"
#include "core/metrics/metrics.hpp"
#include "core/plugin_host/plugin_host.hpp"
#include "core/security/security.hpp"
#include "gateway/key_set_refresh.hpp"
#include "gateway/surfaces/http_settings.hpp"

namespace patchbay {

// All that is wrong with a file, a line each; empty: good.
std::vector<std::string> check_configuration(std::string const& file);
// What may stand under `limits`.
std::vector<std::string> limit_names();

// The scopes of plugins that nothing but read operations asks for.
std::vector<std::string> scopes_of_readers(OperationTable const& table);
unsigned shard_count(config::Values const& values);
std::filesystem::path state_folder();
std::filesystem::path plugin_folder(config::Values const& values);

logging::Settings logging_settings(config::Values const& values);
security::Settings security_settings(config::Values const& values, std::string const& run_token_sha256);
KeySetSources key_set_sources(config::Values const& values);
circuit_breaker::Settings circuit_breaker_settings(config::Values const& values);
metrics::Settings metrics_settings(config::Values const& values, std::string version);
HttpSettings http_settings(config::Values const& values, std::string version);
hub::Settings hub_settings(config::Values const& values, std::string version);
plugin_host::Settings plugin_settings(config::Values const& values);

}  // namespace patchbay
