#include "core/config/keys.hpp"

#include <algorithm>
#include <stdexcept>

#include "core/config/checks.hpp"

namespace patchbay::config {
namespace {

constexpr auto live = Applies::live;
constexpr auto restart = Applies::restart;
constexpr double none = -1;

// clang-format off: one row a key, as a table
#define BREAKER_KEYS(at)                                                                                                 \
  Key{at ".failure_rate", Kind::number, "", "Share of failures that opens", live, false, false, 0, 1},                   \
      Key{at ".slow_rate", Kind::number, "", "Share of slow calls that opens", live, false, false, 0, 1},                \
      Key{at ".slow_call_ms", Kind::integer, "", "A call that takes longer is slow", live, false, false, 1, 3600000},    \
      Key{at ".consecutive_failures",                                                                                    \
          Kind::integer,                                                                                                 \
          "",                                                                                                            \
          "Failures in a row that open; 0: off",                                                                         \
          live,                                                                                                          \
          false,                                                                                                         \
          false,                                                                                                         \
          0,                                                                                                             \
          1000000},                                                                                                      \
      Key{at ".window", Kind::text, "", "What the rates look back on", live, false, false, none, none, "count|time"},    \
      Key{at ".window_size", Kind::integer, "", "Calls, or seconds of a time window", live, false, false, 1, 100000},    \
      Key{at ".minimum_calls", Kind::integer, "", "Fewer calls than these never open", live, false, false, 1, 100000},   \
      Key{at ".open_ms", Kind::integer, "", "How long it stays open at first", live, false, false, 1, 86400000},         \
      Key{at ".open_max_ms", Kind::integer, "", "How long it stays open at most", live, false, false, 1, 86400000},      \
      Key{at ".backoff", Kind::number, "", "Factor from one opening to the next", live, false, false, 1, 100},           \
      Key{at ".half_open_permits",                                                                                       \
          Kind::integer,                                                                                                 \
          "",                                                                                                            \
          "Attempts let through when half open",                                                                         \
          live,                                                                                                          \
          false,                                                                                                         \
          false,                                                                                                         \
          1,                                                                                                             \
          10000},                                                                                                        \
      Key{at ".half_open_timeout_ms",                                                                                    \
          Kind::integer,                                                                                                 \
          "",                                                                                                            \
          "A permit not reported by then is lost",                                                                       \
          live,                                                                                                          \
          false,                                                                                                         \
          false,                                                                                                         \
          1,                                                                                                             \
          86400000},                                                                                                     \
      Key{at ".max_concurrent", Kind::integer, "", "Attempts at a time; 0: any number", live, false, false, 0, 1000000}, \
      Key{at ".excluded_codes", Kind::list, "", "Error codes that do not count"}, Key {                                  \
    at ".excluded_codes[]", Kind::text, "", "", live, false, false, 1, 64, "", checks::name                              \
  }

constexpr Key table[] = {
    {"server.listen", Kind::list, R"(["127.0.0.1:8765"])",
     "Addresses to listen on; port 0: any free one. Wins over websocket_server.settings when given.", restart, false,
     false, 1, 16},
    {"server.listen[]", Kind::text, "", "", restart, false, false, none, none, "", checks::listen_address},
    {"server.hosts", Kind::list, "[]",
     "Further Host names that are ours (loopback names and the listen addresses always are)", live, false, false, 0,
     64},
    {"server.hosts[]", Kind::text, "", "", live, false, false, none, none, "", checks::host_name},
    {"server.trusted_proxies", Kind::list, "[]", "Addresses or networks whose Forwarded fields are believed", live,
     false, false, 0, 64},
    {"server.trusted_proxies[]", Kind::text, "", "", live, false, false, none, none, "", checks::network},
    {"server.shards", Kind::integer, "0", "Threads that serve; 0: one a core", restart, false, false, 0, 256},
    {"server.tls.certificate", Kind::text, R"("")", "PEM file of the chain", restart},
    {"server.tls.key", Kind::text, R"("")", "PEM file of the private key", restart},
    {"server.tls.client_ca", Kind::text, R"("")", "PEM file of the authorities that client certificates must come from",
     restart},
    {"server.insecure", Kind::boolean, "false", "Allow an address other than loopback without tokens", restart},
    {"server.http.max_connections", Kind::integer, "256", "HTTP connections at a time", restart, false, false, 1,
     1000000},
    {"server.http.idle_timeout_ms", Kind::integer, "60000", "A connection without a request ends after this time",
     restart, false, false, 100, 86400000},

    {"websocket_server.id", Kind::text, R"("websocket-1")", "Id of this server in its own messages", restart, false,
     false, 1, 64, "", checks::name},
    {"websocket_server.name", Kind::text, R"("WebSocketServer")", "Name of this server in its own messages", restart,
     false, false, 1, 128},
    {"websocket_server.capabilities", Kind::list, R"(["connection_management","message_routing","monitoring"])",
     "Shown to clients", restart, false, false, 0, 64},
    {"websocket_server.capabilities[]", Kind::text, "", "", restart, false, false, 1, 64, "", checks::name},
    {"websocket_server.relationships", Kind::list, R"(["all_components"])", "Shown to clients", restart, false, false,
     0, 64},
    {"websocket_server.relationships[]", Kind::text, "", "", restart, false, false, 1, 64, "", checks::name},
    {"websocket_server.settings.host", Kind::text, R"("127.0.0.1")",
     "Address to listen on where server.listen is not given", restart, false, false, none, none, "", checks::host_name},
    {"websocket_server.settings.port", Kind::integer, "8765",
     "Port to listen on where server.listen is not given; 0: any free one", restart, false, false, 0, 65535},
    {"websocket_server.settings.max_connections", Kind::integer, "10000", "WebSocket sessions at a time", restart,
     false, false, 1, 1000000},
    {"websocket_server.heartbeat_interval", Kind::integer, "30", "Seconds between pings", restart, false, false, 1,
     3600},
    {"websocket_server.cleanup_interval", Kind::integer, "300", "Seconds between clearings of what is idle", restart,
     false, false, 1, 86400},
    {"websocket_server.alert_thresholds.connection_latency", Kind::number, "100", "Milliseconds", live, false, false, 0,
     3600000},
    {"websocket_server.alert_thresholds.message_latency", Kind::number, "50", "Milliseconds", live, false, false, 0,
     3600000},
    {"websocket_server.alert_thresholds.error_rate", Kind::number, "0.01", "Share of messages", live, false, false, 0,
     1},
    {"websocket_server.alert_thresholds.connection_limit", Kind::number, "0.8",
     "Share of the sessions that may be open", live, false, false, 0, 1},

    {"security.tokens", Kind::list, "[]", "Tokens that are let in, by their SHA-256", live, false, false, 0, 10000},
    {"security.tokens[]", Kind::object},
    {"security.tokens[].id", Kind::text, "", "Shown in logs", live, false, true, 1, 64, "", checks::name},
    {"security.tokens[].sha256", Kind::text, "", "Made by: patchbay token new", live, true, true, none, none, "",
     checks::sha256},
    {"security.tokens[].scopes", Kind::list, "", "What it may do", live, false, true, 0, 64},
    {"security.tokens[].scopes[]", Kind::text, "", "", live, false, false, none, none, "", checks::scope},
    {"security.tokens[].user_id", Kind::text, "", "The user it stands for", live, false, false, 0, 128},
    {"security.tokens[].entities", Kind::object},
    {"security.tokens[].entities.allow", Kind::list, "", "Entities it may touch", live, false, false, 0, 1000},
    {"security.tokens[].entities.allow[]", Kind::text, "", "", live, false, false, 1, 255},
    {"security.tokens[].entities.deny", Kind::list, "", "Entities it may not touch", live, false, false, 0, 1000},
    {"security.tokens[].entities.deny[]", Kind::text, "", "", live, false, false, 1, 255},
    {"security.tokens[].expires", Kind::text, "", "When it ends", live, false, false, none, none, "", checks::date},
    {"security.jwt.algorithms", Kind::list, "[]", "Signature algorithms that are taken", live, false, false, 0, 16},
    {"security.jwt.algorithms[]", Kind::text, "", "", live, false, false, none, none,
     "HS256|HS384|HS512|RS256|RS384|RS512|PS256|PS384|PS512|ES256|ES384|ES512|EdDSA"},
    {"security.jwt.key", Kind::text, R"("")", "Secret or PEM public key", live, true},
    {"security.jwt.jwks_file", Kind::text, R"("")", "File of a key set"},
    {"security.jwt.jwks_url", Kind::text, R"("")", "Address of a key set", live, false, false, none, none, "",
     checks::web_url},
    {"security.jwt.audience", Kind::text, R"("")", "Must be among the token's aud"},
    {"security.jwt.issuer", Kind::text, R"("")", "Must be the token's iss"},
    {"security.jwt.user_claim", Kind::text, R"("sub")", "Claim that names the user", live, false, false, 1, 64},
    {"security.jwt.scopes_claim", Kind::text, R"("scopes")", "Claim that lists the scopes", live, false, false, 1, 64},
    {"security.jwt.clock_skew_s", Kind::integer, "30", "Seconds that clocks may differ", live, false, false, 0, 600},
    {"security.origins", Kind::list, "[]", "Further web origins that may call us; also answered by CORS", live, false,
     false, 0, 256},
    {"security.origins[]", Kind::text, "", "", live, false, false, none, none, "", checks::web_origin},
    {"security.anonymous", Kind::text, R"("auto")",
     "auto: callers without a token have rights on loopback while no token is configured", live, false, false, none,
     none, "auto|off"},
    {"security.outgoing.allow", Kind::list, "[]",
     "Where urls that remote callers name may lead: host[:port], *.domain, network; empty: nowhere", live, false, false,
     0, 1000},
    {"security.outgoing.allow[]", Kind::text, "", "", live, false, false, none, none, "", checks::outgoing_entry},
    {"security.failed_logins_per_minute", Kind::integer, "20", "Failed logins of one address", live, false, false, 1,
     1000000},

    {"hub.broker", Kind::text, R"("memory")", "memory, or the name of a plugin that provides one", restart, false,
     false, none, none, "", checks::name},
    {"hub.echo", Kind::boolean, "false", "Serve /ws/echo", restart},
    {"hub.deflate.enabled", Kind::boolean, "false", "Offer permessage-deflate", restart},
    {"hub.deflate.threshold_bytes", Kind::integer, "1024", "Smaller messages go plain", restart, false, false, 0,
     1048576},
    {"hub.users.max_connections", Kind::integer, "32", "Sessions of one user", live, false, false, 1, 100000},
    {"hub.namespaces", Kind::list,
     R"([{"pattern":"audit","subscribe":"admin","publish":"none"},)"
     R"({"pattern":"system","subscribe":"hub.subscribe","publish":"none"},)"
     R"({"pattern":"metrics","subscribe":"hub.subscribe","publish":"none"},)"
     R"({"pattern":"ha.state.*","subscribe":"ha.read","publish":"none","history":{"size":50,"ttl_s":60},"last_value":true},)"
     R"({"pattern":"ha.events.*","subscribe":"ha.read","publish":"none","history":{"size":500,"ttl_s":60}},)"
     R"({"pattern":"ha.*","subscribe":"ha.read","publish":"none","history":{"size":5000,"ttl_s":60}},)"
     R"({"pattern":"*","subscribe":"hub.subscribe","publish":"hub.publish","presence":"hub.subscribe","history":{"size":0,"ttl_s":0},"join_leave":false,"slow_consumer":"close","max_rate":0}])",
     "Rights and keeping of channels by pattern, first match wins; those of the default come after the configured ones",
     live, false, false, 0, 256},
    {"hub.namespaces[]", Kind::object},
    {"hub.namespaces[].pattern", Kind::text, "", "Channel name, or its beginning and *", live, false, true, 1, 255},
    {"hub.namespaces[].subscribe", Kind::text, "", "Scope that may subscribe; none: nobody; default hub.subscribe",
     live, false, false, none, none, "", checks::scope},
    {"hub.namespaces[].publish", Kind::text, "", "Scope that may publish; none: nobody; default hub.publish", live,
     false, false, none, none, "", checks::scope},
    {"hub.namespaces[].presence", Kind::text, "",
     "Scope that may see who is there; none: nobody; default: as subscribe", live, false, false, none, none, "",
     checks::scope},
    {"hub.namespaces[].history", Kind::object},
    {"hub.namespaces[].history.size", Kind::integer, "", "Messages kept", live, false, false, 0, 1000000},
    {"hub.namespaces[].history.ttl_s", Kind::integer, "", "Seconds they are kept", live, false, false, 0, 31536000},
    {"hub.namespaces[].last_value", Kind::boolean, "",
     "Who subscribes gets the newest message, which is kept for any time", live},
    {"hub.namespaces[].join_leave", Kind::boolean, "", "Tell who comes and goes", live},
    {"hub.namespaces[].slow_consumer", Kind::text, "", "What happens to one that does not read", live, false, false,
     none, none, "close|drop_oldest|latest_only"},
    {"hub.namespaces[].max_rate", Kind::integer, "", "Messages a second to one subscriber; 0: any number", live, false,
     false, 0, 1000000},
    {"hub.workflows", Kind::map, "{}", "Chat workflows by name", live, false, false, 0, 1000},
    {"hub.workflows.*", Kind::object},
    {"hub.workflows.*.operation", Kind::text, "", "Tool that answers", live, false, true, 1, 128, "", checks::name},
    {"hub.workflows.*.shared", Kind::boolean, "", "All users of one chat see each other", live},

    {"plugins.directory", Kind::text, R"("")",
     "Folder that plugins are loaded from; empty: <folder of the program>/plugins", restart},
    {"plugins.watch", Kind::boolean, "true", "Load what is dropped into the folder while running", restart},
    {"plugins.grants", Kind::map, "{}", "What a plugin's own calls may do: scopes by plugin name", restart, false,
     false, 0, 256},
    {"plugins.grants.*", Kind::list, "", "", restart, false, false, 0, 64},
    {"plugins.grants.*[]", Kind::text, "", "", restart, false, false, none, none, "", checks::scope},
    {"plugins.home_assistant.url", Kind::text, R"("${HA_URL:-}")", "Address of Home Assistant; empty: not connected",
     restart, false, false, none, none, "", checks::web_url},
    {"plugins.home_assistant.token", Kind::text, R"("${HA_TOKEN:-}")", "Long-lived access token", restart, true},
    {"plugins.home_assistant.config_root", Kind::text, R"("")", "Folder of its configuration files, for the file tools",
     restart},
    {"plugins.home_assistant.allow_secrets", Kind::boolean, "false",
     "Let file tools touch what holds credentials: .storage, secrets.yaml, backups", restart},
    {"plugins.home_assistant.allow_code", Kind::boolean, "false", "Allow tools that run code", restart},
    {"plugins.home_assistant.read_only", Kind::boolean, "false", "Refuse every tool that changes something", restart},
    {"plugins.home_assistant.vision.url", Kind::text, R"("")", "Address of a vision model", restart, false, false, none,
     none, "", checks::web_url},
    {"plugins.home_assistant.vision.key", Kind::text, R"("")", "Its key", restart, true},
    {"plugins.home_assistant.vision.model", Kind::text, R"("")", "Its name", restart},
    {"plugins.home_assistant.vision.faces", Kind::boolean, "false", "Send it pictures to recognise people in", restart},
    {"plugins.home_assistant.supervisor.url", Kind::text, R"("")",
     "Address of the Supervisor; http://supervisor when empty", restart, false, false, none, none, "", checks::web_url},
    {"plugins.home_assistant.supervisor.token", Kind::text, R"("${SUPERVISOR_TOKEN:-}")",
     "Its token; an add-on has one in its environment", restart, true},
    {"plugins.*", Kind::free, "{}", "Settings of a plugin, handed to it as they are", restart},

    {"logging.level", Kind::text, R"("info")", "Least level that is written", live, false, false, none, none,
     "debug|info|warning|error|critical|off"},
    {"logging.format", Kind::text, R"("text")", "One line each, as text or JSON", live, false, false, none, none,
     "text|json"},
    {"logging.levels", Kind::map, "{}", "Levels of single loggers, by name or beginning of it", live, false, false, 0,
     256},
    {"logging.levels.*", Kind::text, "", "", live, false, false, none, none, "debug|info|warning|error|critical|off"},
    {"logging.file", Kind::text, R"("")", "File to append to, opened again on SIGHUP; empty: standard error", live},

    {"circuit_breaker.defaults", Kind::object, "{}", "Settings of breakers that no rule names"},
    BREAKER_KEYS("circuit_breaker.defaults"),
    {"circuit_breaker.rules", Kind::list, "[]", "Settings by pattern of the breaker's name, first match wins", live,
     false, false, 0, 256},
    {"circuit_breaker.rules[]", Kind::object},
    {"circuit_breaker.rules[].pattern", Kind::text, "", "Name, or its beginning and *", live, false, true, 1, 255},
    BREAKER_KEYS("circuit_breaker.rules[]"),

    {"limits", Kind::map, "{}", "Limits by the name that patchbay_limit{name} shows", live, false, false, 0, 256},
    {"limits.*", Kind::integer, "", "", live, false, false, 0, 1e15},
};
// clang-format on
#undef BREAKER_KEYS

void insert(Branch& root, Key const& key) {
  auto* at = &root;
  auto rest = key.path;
  while (!rest.empty()) {
    if (rest.starts_with("[]")) {
      if (!at->item) at->item = std::make_unique<Branch>();
      at = at->item.get();
      rest.remove_prefix(2);
    } else {
      auto const end = std::min(rest.find('.'), rest.find("[]"));
      auto const name = rest.substr(0, end);
      auto& next = name == "*" ? at->any : at->members[std::string{name}];
      if (!next) next = std::make_unique<Branch>();
      at = next.get();
      rest.remove_prefix(name.size());
    }
    if (rest.starts_with('.')) rest.remove_prefix(1);
  }
  if (at->key != nullptr) throw std::logic_error{"configuration key declared twice: " + std::string{key.path}};
  at->key = &key;
}

void collect(Branch const& branch, std::string const& path, std::map<std::string, Key const*, std::less<>>& out) {
  if (branch.key != nullptr) {
    out.emplace(path, branch.key);
    return;
  }
  for (auto const& [name, member] : branch.members) collect(*member, path.empty() ? name : path + "." + name, out);
}

}  // namespace

std::vector<std::string_view> Branch::names() const {
  std::vector<std::string_view> out;
  out.reserve(members.size());
  for (auto const& [name, member] : members) out.push_back(name);
  return out;
}

std::span<Key const> keys() { return table; }

Branch const& root_branch() {
  static auto const root = [] {
    auto made = std::make_unique<Branch>();
    for (auto const& key : table) insert(*made, key);
    return made;
  }();
  return *root;
}

std::map<std::string, Key const*, std::less<>> const& leaves() {
  static auto const all = [] {
    std::map<std::string, Key const*, std::less<>> out;
    collect(root_branch(), "", out);
    return out;
  }();
  return all;
}

std::optional<Place> place_of(std::string_view path) {
  auto const* branch = &root_branch();
  std::string_view rest = path;
  while (branch->is_group()) {
    auto const name = rest.substr(0, rest.find('.'));
    auto const* next = branch->find(name);
    if (next == nullptr) next = name.empty() ? nullptr : branch->any.get();
    if (next == nullptr) return std::nullopt;
    rest.remove_prefix(std::min(rest.size(), name.size() + 1));
    branch = next;
    if (rest.empty() && branch->is_group()) return std::nullopt;
  }
  auto const used = rest.empty() ? path.size() : path.size() - rest.size() - 1;
  return Place{std::string{path.substr(0, used)}, branch->key, std::string{rest}};
}

std::vector<std::string_view> leaf_names() {
  std::vector<std::string_view> out;
  for (auto const& [path, key] : leaves()) out.push_back(path);
  return out;
}

std::optional<std::map<std::string, std::string>> preset(std::string_view name) {
  if (name == "standard") return std::map<std::string, std::string>{};
  if (name == "minimum")  // one small machine, few clients
    return std::map<std::string, std::string>{{"server.shards", "1"},
                                              {"server.http.max_connections", "64"},
                                              {"websocket_server.settings.max_connections", "500"},
                                              {"hub.users.max_connections", "8"},
                                              {"plugins.watch", "false"},
                                              {"logging.level", R"("warning")"}};
  if (name == "maximum")  // a server of its own, many clients, logs for machines
    return std::map<std::string, std::string>{{"server.http.max_connections", "4096"},
                                              {"websocket_server.settings.max_connections", "100000"},
                                              {"hub.users.max_connections", "256"},
                                              {"hub.deflate.enabled", "true"},
                                              {"logging.format", R"("json")"}};
  return std::nullopt;
}

}  // namespace patchbay::config
