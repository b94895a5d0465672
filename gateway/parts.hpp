// Parts: every module of a gateway, built in the order of their layers and taken down in reverse. The one visible place
// that decides what a gateway is made of.
#pragma once

#include <memory>

#include "core/config/config.hpp"
#include "core/http_client/http_client.hpp"
#include "core/hub/hub.hpp"
#include "core/metrics/metrics.hpp"
#include "core/system/system.hpp"
#include "core/websocket/websocket.hpp"
#include "gateway/configuration.hpp"
#include "gateway/gateway.hpp"
#include "gateway/key_set_refresh.hpp"
#include "gateway/plugin_broker.hpp"
#include "gateway/surfaces/http_server.hpp"

namespace patchbay {

struct Parts {
  Parts(GatewayOptions const& options, config::Loaded loaded, std::string run_token);
  ~Parts();
  Parts(Parts const&) = delete;
  Parts& operator=(Parts const&) = delete;

  // The rows of all interfaces, published.
  void publish_table();
  // Takes a changed configuration over into the modules that can change live.
  void apply(config::Values const& values);

  SystemClock clock;
  Counters counters;
  logging::Logging log;
  Runtime runtime;
  Caller caller{counters};
  config::Config config;
  security::Security security;
  metrics::Metrics metrics;
  circuit_breaker::CircuitBreakers breakers;
  http_client::HttpClient http_client;
  websocket::WebSocket websocket;
  std::unique_ptr<PluginBrokers> brokers;  // null: the memory broker
  hub::Hub hub;
  plugin_host::PluginHost plugins;
  system::System system;
  KeySetRefresh key_sets;
  std::unique_ptr<HttpServer> http;
  std::vector<std::unique_ptr<Interface>> interfaces;
  std::atomic<bool> draining{false};
  std::string const run_token;  // the admin's of this run; only its hash is handed on

 private:
  system::Hooks system_hooks(GatewayOptions const& options);
  void hook_up();
  void hide_secrets();  // from the log
};

}  // namespace patchbay
