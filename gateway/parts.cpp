#include "gateway/parts.hpp"

#include <spdlog/fmt/fmt.h>

#include "gateway/surfaces/openapi.hpp"
#include "interfaces/circuit_breaker.hpp"
#include "interfaces/config.hpp"
#include "interfaces/http_client.hpp"
#include "interfaces/hub.hpp"
#include "interfaces/logging.hpp"
#include "interfaces/metrics.hpp"
#include "interfaces/plugins.hpp"
#include "interfaces/security.hpp"
#include "interfaces/system.hpp"
#include "interfaces/websocket.hpp"

namespace patchbay {
namespace {

std::unique_ptr<PluginBrokers> plugin_brokers(config::Values const& values, Runtime& runtime, LogSink& log) {
  if (values.hub.broker == "memory") return nullptr;
  auto post = [&runtime](std::size_t index, std::function<void()> work) { runtime.shard(index).post(std::move(work)); };
  return std::make_unique<PluginBrokers>(values.hub.broker, std::move(post), log);
}

}  // namespace

Parts::Parts(GatewayOptions const& options, config::Loaded loaded, std::string token)
    : log(counters, clock, logging_settings(loaded.values)),
      runtime({.shards = shard_count(loaded.values)}, clock, log),
      config(runtime, counters, log, std::move(loaded)),
      security(runtime, caller, counters, log,
               security_settings(*config.values(), security::hex(security::sha256(token)))),
      metrics(counters, metrics_settings(*config.values(), Gateway::version())),
      breakers(caller, counters, clock, log, circuit_breaker_settings(*config.values())),
      http_client(runtime, caller, counters, log, {}),
      websocket(runtime, caller, counters, log, {}),
      brokers(plugin_brokers(*config.values(), runtime, log)),
      hub(runtime, caller, counters, log, hub_settings(*config.values(), Gateway::version()),
          brokers ? brokers->factory() : hub::BrokerFactory{}),
      plugins(runtime, caller, counters, log, plugin_settings(*config.values())),
      system(runtime, caller, counters, system_hooks(options)),
      key_sets(runtime, caller, log, security),
      run_token(std::move(token)) {
  hide_secrets();
  interfaces.push_back(std::make_unique<LoggingInterface>(log, runtime));
  interfaces.push_back(std::make_unique<SecurityInterface>(security));
  interfaces.push_back(std::make_unique<MetricsInterface>(metrics));
  interfaces.push_back(std::make_unique<ConfigInterface>(config));
  interfaces.push_back(std::make_unique<CircuitBreakerInterface>(breakers));
  interfaces.push_back(std::make_unique<HttpClientInterface>(http_client));
  interfaces.push_back(std::make_unique<WebsocketInterface>(websocket));
  interfaces.push_back(std::make_unique<HubInterface>(hub));
  interfaces.push_back(std::make_unique<PluginsInterface>(plugins));
  interfaces.push_back(std::make_unique<SystemInterface>(system));
  hook_up();
}

Parts::~Parts() {
  // The shards end first: nothing runs any more when the modules go.
  http.reset();
  runtime.stop();
  log.shutdown();
}

void Parts::publish_table() {
  OperationTable table;
  for (auto const& interface : interfaces) interface->declare(table);
  caller.publish(std::move(table));
}

void Parts::hide_secrets() {
  auto secrets = config.secrets();
  secrets.push_back(run_token);
  log.set_secrets(std::move(secrets));
}

void Parts::hook_up() {
  // Plugins come and go: what callers without a token may read of them changes with the table.
  caller.on_publish(
      [this](OperationTable const& table) { security.set_anonymous_plugin_scopes(scopes_of_readers(table)); });
  caller.on_timed([this](TimedCall const& timed) { system.remember(timed); });
  caller.on_exception([this](Row const& row, Call const& call, std::string_view what) {
    auto const trace = call.trace().hex();
    log.write(LogLevel::error, "dispatch", "an operation threw an exception",
              {{"operation", row.info.name}, {"reason", what}, {"trace", trace}, {"code", "internal"}});
  });
  caller.on_audit([this](AuditRecord const& record) {
    auto const& who = record.call.principal().name;
    // What the gateway does by itself is no audit matter, and a plugin's traffic belongs to the call that caused it.
    if (who == "gateway" || (who.starts_with("plugin:") && record.row.info.reaches_out)) return;
    auto const trace = record.call.trace().exists() ? record.call.trace().hex() : std::string{};
    auto const outcome = record.code ? name_of(*record.code) : std::string_view{"ok"};
    log.write(LogLevel::info, "audit", record.row.info.name,
              {{"who", who},
               {"operation", record.row.info.tool},
               {"effect", name_of(record.row.info.effect)},
               {"outcome", outcome},
               {"trace", trace}});
    hub.post_event(
        "audit", "audit_log",
        fmt::format(R"({{"who":{},"operation":{},"effect":"{}","outcome":"{}","trace":"{}"}})", json::quoted(who),
                    json::quoted(record.row.info.tool), name_of(record.row.info.effect), outcome, trace));
  });
  if (brokers) plugins.follow(brokers->plugin(), *brokers);
  security.on_unknown_key([this] { key_sets.wanted(); });
  key_sets.follow(key_set_sources(*config.values()));
  config.on_change([this](config::Values const&, config::Values const& now) { apply(now); });
  config.on_reload([this]() -> Result<void> {
    key_sets.again();
    if (http) return http->renew_certificate();
    return {};
  });
}

void Parts::apply(config::Values const& values) {
  auto complain = [this](std::string_view part, Result<void> const& result) {
    if (result.has_error())
      log.write(LogLevel::error, "config", "a part did not take its new settings over",
                {{"part", part}, {"reason", result.error().message}});
  };
  complain("logging", log.apply(logging_settings(values)));
  hide_secrets();
  complain("security", security.apply(security_settings(values, security::hex(security::sha256(run_token)))));
  key_sets.follow(key_set_sources(values));
  complain("circuit_breaker", breakers.apply(circuit_breaker_settings(values)));
  complain("hub", hub.apply(hub_settings(values, Gateway::version())));
  plugins.apply(plugin_settings(values));
  if (http) {
    complain("http", http->apply(http_settings(values, Gateway::version())));
    http->forget_credentials();
  }
}

system::Hooks Parts::system_hooks(GatewayOptions const& options) {
  system::Hooks hooks;
  hooks.version = Gateway::version();
  hooks.health = [this] {
    std::vector<PartHealth> all;
    for (auto const& interface : interfaces)
      for (auto& part : interface->health()) all.push_back(std::move(part));
    if (brokers) all.push_back(brokers->health());
    return all;
  };
  hooks.draining = [this] { return draining.load(); };
  hooks.describe = [](OperationTable const& table, std::string_view format) {
    return format == "markdown" ? operations_markdown(table) : openapi_document(table, Gateway::version(), "");
  };
  hooks.tail_log = [this](LogLevel level, std::function<void(std::string_view)> line) {
    return log.tail(level, std::move(line));
  };
  hooks.shutdown = [stop = options.on_shutdown] {
    if (stop) stop();
  };
  return hooks;
}

}  // namespace patchbay
