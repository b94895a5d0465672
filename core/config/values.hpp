// Values: the effective configuration as plain structs, for the gateway that hands it on to the modules.
//
//   Values const now = make_values(effective);
//   security::Settings settings{.origins = now.security.origins, ...};
//
// Parts that this gateway passes on as they are stay JSON. Plain data; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/json.hpp"
#include "core/config/layer.hpp"
#include "core/config/secret.hpp"

namespace patchbay::config {

struct Values {
  struct Server {
    std::vector<std::string> listen;  // the effective ones: websocket_server.settings where server.listen is not given
    std::vector<std::string> hosts, trusted_proxies;
    unsigned shards = 0;  // 0: one a core
    struct Tls {
      std::string certificate, key, client_ca;
    } tls;
    bool insecure = false;
    std::size_t http_max_connections = 256;
    std::chrono::milliseconds http_idle_timeout{60'000};
  } server;

  struct WebsocketServer {
    std::string id, name;
    std::vector<std::string> capabilities, relationships;
    std::size_t max_connections = 10'000;
    std::chrono::seconds heartbeat_interval{30}, cleanup_interval{300};
    double alert_connection_latency_ms = 100, alert_message_latency_ms = 50, alert_error_rate = 0.01,
           alert_connection_limit = 0.8;
  } websocket_server;

  struct Token {
    std::string id;
    Secret sha256;  // 64 hexadecimal digits, or a reference to them
    std::vector<std::string> scopes;
    std::string user_id;
    std::optional<RawJson> entities;  // {"allow":[..],"deny":[..]}
    std::string expires;              // "2027-01-01", or empty
  };
  struct Security {
    std::vector<Token> tokens;
    struct Jwt {
      std::vector<std::string> algorithms;
      Secret key;
      std::string jwks_file, jwks_url, audience, issuer, user_claim, scopes_claim;
      std::chrono::seconds clock_skew{30};
      bool configured() const { return !algorithms.empty(); }
    } jwt;
    std::vector<std::string> origins;
    bool anonymous_auto = true;
    std::vector<std::string> outgoing_allow;
    unsigned failed_logins_per_minute = 20;
  } security;

  struct Hub {
    std::string broker;
    bool echo = false, deflate = false;
    std::size_t deflate_threshold_bytes = 1024, user_max_connections = 32;
    RawJson namespaces;  // list: the configured ones, then those of the default
    RawJson workflows;   // map by name
  } hub;

  struct Plugins {
    std::string directory;
    bool watch = true;
    std::map<std::string, std::vector<std::string>> grants;
    // By plugin name, the JSON object that create() gets. `env:` secrets are resolved; `file:` ones are left as
    // references, since the plugin reads them again when the other side refuses them.
    std::map<std::string, RawJson> settings;
  } plugins;

  struct Logging {
    std::string level, format, file;
    std::map<std::string, std::string> levels;
  } logging;

  struct CircuitBreaker {
    RawJson defaults;  // members as CIRCUIT_BREAKER.configure names them
    RawJson rules;     // list of the same with "pattern"
  } circuit_breaker;

  std::map<std::string, std::uint64_t> limits;
};

Values make_values(Effective const& effective);

// What is wrong between keys, each by itself being right.
void check_together(Effective const& effective, Values const& values, Problems& problems);

// The secrets that are known now (literal ones and resolved references), for the log's redaction. Reads files.
std::vector<std::string> known_secrets(Effective const& effective);

}  // namespace patchbay::config
