#include "gateway/configuration.hpp"

#include <spdlog/fmt/fmt.h>

#include <sys/resource.h>

#include <boost/asio/ip/address.hpp>
#include <cstdlib>
#include <filesystem>
#include <thread>

namespace patchbay {
namespace {

template <class T>
T described(RawJson const& raw) {
  T out{};
  auto parsed = json::parse(raw.text, json::upstream_limits);
  if (parsed) describe::read(parsed->document, out);
  return out;
}

LogLevel level_named(std::string_view name) {
  for (auto const& [text, level] : EnumNames<LogLevel>::names)
    if (text == name) return level;
  return LogLevel::info;
}

std::filesystem::path environment_path(char const* name) {
  auto const* value = std::getenv(name);
  return value != nullptr && *value == '/' ? std::filesystem::path{value} : std::filesystem::path{};
}

// "127.0.0.1:8765", "[::1]:0", "localhost:80"
bool is_loopback_address(std::string const& listen) {
  auto host = listen.substr(0, listen.rfind(':'));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host == "localhost") return true;
  boost::system::error_code error;
  auto const address = boost::asio::ip::make_address(host, error);
  return !error && address.is_loopback();
}

security::JwtSettings jwt_settings(config::Values::Security::Jwt const& from) {
  security::JwtSettings out;
  out.algorithms = from.algorithms;
  if (!out.configured()) return out;
  // A reference that cannot be read now leaves no key, which takes no token; the configuration's check has said so.
  if (auto key = from.key.read()) out.key = std::move(*key);
  if (!from.jwks_file.empty()) {
    auto text = read_key_set_file(from.jwks_file);
    if (text)
      out.key_set = std::move(*text);
    else
      out.key_set_problem = text.error().message;
  }
  out.key_set_url = from.jwks_url;
  out.audience = from.audience;
  out.issuer = from.issuer;
  out.user_claim = from.user_claim;
  out.scopes_claim = from.scopes_claim;
  out.clock_skew = from.clock_skew;
  return out;
}

// Where the running program lies.
std::filesystem::path program_folder() {
  std::error_code error;
  auto const program = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? std::filesystem::current_path() : program.parent_path();
}

}  // namespace

std::vector<std::string> limit_names() {
  std::vector<std::string> names;
  for (auto const& limit : http::limit_table) names.emplace_back(limit.name);
  for (auto const& limit : metrics::host_limits) names.emplace_back(limit.name);
  for (auto const& limit : hub::limits)
    if (std::find(names.begin(), names.end(), limit.name) == names.end()) names.emplace_back(limit.name);
  return names;
}

std::vector<std::string> check_configuration(std::string const& file) {
  auto const loaded = config::load({.path = file, .limit_names = limit_names()});
  std::vector<std::string> out;
  for (auto const& problem : loaded.problems) out.push_back(problem.text());
  if (loaded.ok())
    if (auto wrong = security::Security::problem(security_settings(loaded.values, {}))) out.push_back(wrong->message);
  return out;
}

std::vector<std::string> scopes_of_readers(OperationTable const& table) {
  std::map<std::string, bool> only_reads;
  for (auto const& row : table.rows()) {
    if (row->info.owner == "gateway") continue;
    auto const at = only_reads.emplace(row->info.scope, true).first;
    at->second = at->second && row->info.effect == Effect::read;
  }
  std::vector<std::string> out;
  for (auto const& [scope, reads] : only_reads)
    if (reads && scope != "admin") out.push_back(scope);
  return out;
}

std::filesystem::path state_folder() {
  if (auto given = environment_path("STATE_DIRECTORY"); !given.empty()) return given;  // systemd
  if (auto given = environment_path("XDG_STATE_HOME"); !given.empty()) return given / "patchbay";
  if (auto home = environment_path("HOME"); !home.empty()) return home / ".local/state/patchbay";
  return "/var/lib/patchbay";
}

std::filesystem::path plugin_folder(config::Values const& values) {
  if (!values.plugins.directory.empty()) return values.plugins.directory;
  // Beside the program in a build, below its prefix when installed (wherever that was moved to), else where it was
  // meant.
  for (auto const& folder : {program_folder() / "plugins", program_folder().parent_path() / PATCHBAY_PLUGIN_DIR}) {
    std::error_code error;
    if (std::filesystem::is_directory(folder, error)) return folder;
  }
  return std::filesystem::path{PATCHBAY_PREFIX} / PATCHBAY_PLUGIN_DIR;
}

unsigned shard_count(config::Values const& values) {
  return values.server.shards != 0 ? values.server.shards : std::max(1U, std::thread::hardware_concurrency());
}

logging::Settings logging_settings(config::Values const& values) {
  logging::Settings out;
  out.level = level_named(values.logging.level);
  for (auto const& [logger, level] : values.logging.levels) out.levels.emplace(logger, level_named(level));
  out.format = values.logging.format == "json" ? logging::Format::json : logging::Format::text;
  out.file = values.logging.file;
  return out;
}

namespace {

// Who is limited to some entities cannot have all rights: the gateway's own operations know of no entities. What
// remains of them is all that heeds such limits, the plugins' scopes among it.
std::vector<std::string> scopes_within_entities(std::vector<std::string> const& given) {
  std::vector<std::string> out;
  for (auto const& scope : given)
    if (scope == "admin" || scope == "*")
      for (auto const* kept : {"ha.*", "hub.read", "hub.subscribe", "hub.publish", "metrics.read"})
        out.emplace_back(kept);
    else
      out.push_back(scope);
  return out;
}

}  // namespace

security::Settings security_settings(config::Values const& values, std::string const& run_token_sha256) {
  security::Settings out;
  for (auto const& token : values.security.tokens) {
    // A reference that cannot be read now makes a token that nobody has; the configuration's check has said so.
    auto const sha256 = token.sha256.read();
    if (!sha256) continue;
    auto scopes = token.entities ? scopes_within_entities(token.scopes) : token.scopes;
    out.tokens.push_back({token.id, *sha256, std::move(scopes), token.user_id, token.entities, token.expires});
  }
  out.run_token_sha256 = run_token_sha256;
  out.origins = values.security.origins;
  out.anonymous_auto = values.security.anonymous_auto;
  out.loopback = std::all_of(values.server.listen.begin(), values.server.listen.end(), is_loopback_address);
  out.jwt = jwt_settings(values.security.jwt);
  out.outgoing_allow = values.security.outgoing_allow;
  out.failed_logins_per_minute = values.security.failed_logins_per_minute;
  return out;
}

KeySetSources key_set_sources(config::Values const& values) {
  auto const& jwt = values.security.jwt;
  return jwt.configured() ? KeySetSources{jwt.jwks_url, jwt.jwks_file} : KeySetSources{};
}

circuit_breaker::Settings circuit_breaker_settings(config::Values const& values) {
  circuit_breaker::Settings out;
  out.defaults = described<circuit_breaker::Overrides>(values.circuit_breaker.defaults);
  out.rules = described<std::vector<circuit_breaker::Rule>>(values.circuit_breaker.rules);
  return out;
}

metrics::Settings metrics_settings(config::Values const& values, std::string version) {
  metrics::Settings out;
  out.build_info = {{"version", std::move(version)}};
  for (auto const& limit : metrics::host_limits)
    if (auto at = values.limits.find(std::string{limit.name}); at != values.limits.end())
      out.limits.*limit.member = std::clamp<std::size_t>(at->second, limit.least, limit.most);
  return out;
}

HttpSettings http_settings(config::Values const& values, std::string version) {
  HttpSettings out;
  out.listen = values.server.listen;
  out.hosts = values.server.hosts;
  out.trusted_proxies = values.server.trusted_proxies;
  out.version = std::move(version);
  out.tls = {values.server.tls.certificate, values.server.tls.key, values.server.tls.client_ca};
  out.max_connections = static_cast<std::int64_t>(values.server.http_max_connections);
  out.idle_timeout_ms = values.server.http_idle_timeout.count();
  for (auto const& limit : http::limit_table)
    if (auto at = values.limits.find(std::string{limit.name}); at != values.limits.end())
      out.*limit.member = std::clamp(static_cast<std::int64_t>(at->second), limit.least, limit.most);
  return out;
}

namespace {

hub::ChannelRule rule_of(json::Value const& given) {
  hub::ChannelRule out;
  auto const text = [&](std::string_view name, std::string_view standard) {
    auto const found = json::find_text(given, name);
    return std::string{found.empty() ? standard : found};
  };
  auto const whole = [](json::Value const& object, std::string_view name) {
    auto const* value = json::find(object, name);
    return value != nullptr && value->IsUint() ? value->GetUint() : 0U;
  };
  out.pattern = text("pattern", "");
  out.subscribe = text("subscribe", "hub.subscribe");
  out.publish = text("publish", "hub.publish");
  out.presence = text("presence", out.subscribe);
  if (auto const* history = json::find(given, "history")) {
    out.history_size = whole(*history, "size");
    out.history_ttl = std::chrono::seconds{whole(*history, "ttl_s")};
  }
  auto const* join_leave = json::find(given, "join_leave");
  out.join_leave = join_leave != nullptr && join_leave->IsTrue();
  auto const slow = text("slow_consumer", "close");
  out.slow_consumer = slow == "drop_oldest"   ? hub::SlowConsumer::drop_oldest
                      : slow == "latest_only" ? hub::SlowConsumer::latest_only
                                              : hub::SlowConsumer::close;
  out.max_rate = whole(given, "max_rate");
  auto const* last_value = json::find(given, "last_value");
  out.last_value = last_value != nullptr && last_value->IsTrue();
  return out;
}

// What the process can open leaves room for everything but sessions.
std::int64_t possible_connections(std::int64_t wanted) {
  rlimit descriptors{};
  if (::getrlimit(RLIMIT_NOFILE, &descriptors) != 0 || descriptors.rlim_max == RLIM_INFINITY) return wanted;
  auto const most = static_cast<std::int64_t>(descriptors.rlim_max) - 512;
  return std::clamp<std::int64_t>(wanted, 1, std::max<std::int64_t>(1, most));
}

}  // namespace

hub::Settings hub_settings(config::Values const& values, std::string version) {
  hub::Settings out;
  auto const& server = values.websocket_server;
  out.server_id = server.id;
  out.server_name = server.name;
  out.version = std::move(version);
  out.capabilities = server.capabilities;
  out.relationships = server.relationships;
  out.broker = values.hub.broker;
  if (auto const rules = json::parse(values.hub.namespaces.text, json::upstream_limits);
      rules && rules->document.IsArray())
    for (auto const& rule : rules->document.GetArray()) out.rules.push_back(rule_of(rule));
  if (auto const flows = json::parse(values.hub.workflows.text, json::upstream_limits);
      flows && flows->document.IsObject())
    for (auto const& member : flows->document.GetObject()) {
      auto const* shared = json::find(member.value, "shared");
      hub::Workflow workflow{std::string{json::find_text(member.value, "operation")},
                             shared != nullptr && shared->IsTrue()};
      out.workflows.emplace(std::string{json::text_of(member.name)}, std::move(workflow));
    }
  out.entity_channels = {{"ha.", "ha.state."}};
  out.echo = values.hub.echo;
  out.deflate = values.hub.deflate;
  out.deflate_threshold = values.hub.deflate_threshold_bytes;
  out.alerts = {server.alert_connection_latency_ms, server.alert_message_latency_ms, server.alert_error_rate,
                server.alert_connection_limit};
  out.heartbeat = server.heartbeat_interval;
  out.cleanup = server.cleanup_interval;
  out.max_connections = possible_connections(static_cast<std::int64_t>(server.max_connections));
  out.user_connections = static_cast<std::int64_t>(values.hub.user_max_connections);
  for (auto const& limit : hub::limits)
    if (auto at = values.limits.find(std::string{limit.name}); at != values.limits.end())
      out.*limit.member = std::clamp(static_cast<std::int64_t>(at->second), limit.least, limit.most);
  return out;
}

plugin_host::Settings plugin_settings(config::Values const& values) {
  plugin_host::Settings out;
  out.directory = plugin_folder(values);
  out.watch = values.plugins.watch;
  out.grants = values.plugins.grants;
  for (auto const& [name, settings] : values.plugins.settings) out.configurations.emplace(name, settings.text);
  out.state_directory = state_folder() / "plugins";
  return out;
}

}  // namespace patchbay
