#include "core/config/values.hpp"

#include <spdlog/fmt/fmt.h>

#include <boost/asio/ip/address.hpp>
#include <set>

#include "core/base/redact.hpp"
#include "core/config/checks.hpp"

namespace patchbay::config {
namespace {

// Reads leaves by their paths. The texts have been validated, so a wrong type is a bug of the table and shows as the
// default.
class Leaves {
 public:
  explicit Leaves(Effective const& effective) : effective_(effective) {}

  json::Document document(std::string_view path) const {
    json::Document out;
    if (auto found = effective_.find(path); found != effective_.end())
      out.Parse(found->second.json.data(), found->second.json.size());
    return out;
  }
  std::string text(std::string_view path) const {
    auto const value = document(path);
    return value.IsString() ? std::string{json::text_of(value)} : std::string{};
  }
  bool flag(std::string_view path) const {
    auto const value = document(path);
    return value.IsTrue();
  }
  std::int64_t whole(std::string_view path) const {
    auto const value = document(path);
    return value.IsInt64() ? value.GetInt64() : 0;
  }
  double number(std::string_view path) const {
    auto const value = document(path);
    return value.IsNumber() ? value.GetDouble() : 0;
  }
  std::vector<std::string> texts(std::string_view path) const { return texts_of(document(path)); }
  RawJson raw(std::string_view path, std::string_view otherwise) const {
    auto found = effective_.find(path);
    return RawJson{found == effective_.end() ? std::string{otherwise} : found->second.json};
  }
  bool given(std::string_view path) const {
    auto found = effective_.find(path);
    return found != effective_.end() && found->second.source != Source::standard &&
           found->second.source != Source::preset;
  }

  static std::vector<std::string> texts_of(json::Value const& value) {
    std::vector<std::string> out;
    if (value.IsArray())
      for (auto const& item : value.GetArray())
        if (item.IsString()) out.emplace_back(json::text_of(item));
    return out;
  }

 private:
  Effective const& effective_;
};

Values::Token token_of(json::Value const& value) {
  Values::Token token;
  token.id = json::find_text(value, "id");
  token.sha256 = Secret{std::string{json::find_text(value, "sha256")}};
  token.user_id = json::find_text(value, "user_id");
  token.expires = json::find_text(value, "expires");
  if (auto const* scopes = json::find(value, "scopes")) token.scopes = Leaves::texts_of(*scopes);
  if (auto const* entities = json::find(value, "entities")) token.entities = RawJson{json::to_text(*entities)};
  return token;
}

// `env:` references become their values; what cannot be read stays as it is and the plugin says so.
void resolve_environment(json::Value& value, json::Document::AllocatorType& allocator) {
  if (value.IsString() && json::text_of(value).starts_with("env:")) {
    if (auto text = Secret{std::string{json::text_of(value)}}.read())
      value.SetString(text->data(), static_cast<rapidjson::SizeType>(text->size()), allocator);
  } else if (value.IsArray()) {
    for (auto& item : value.GetArray()) resolve_environment(item, allocator);
  } else if (value.IsObject()) {
    for (auto& member : value.GetObject()) resolve_environment(member.value, allocator);
  }
}

// The leaves below "plugins.<name>." as one nested object.
std::map<std::string, RawJson> plugin_settings(Effective const& effective) {
  std::map<std::string, json::Document> objects;
  for (auto const& [path, setting] : effective) {
    if (!path.starts_with("plugins.")) continue;
    auto rest = std::string_view{path}.substr(8);
    auto const dot = rest.find('.');
    auto const place = place_of(path);
    bool const free = place && place->key->kind == Kind::free;
    if (!free && dot == std::string_view::npos) continue;  // directory, watch, grants
    auto& object = objects[std::string{rest.substr(0, dot)}];
    auto& allocator = object.GetAllocator();
    if (free) {
      object.Parse(setting.json.data(), setting.json.size());
      continue;
    }
    json::Value* at = &object;
    rest.remove_prefix(dot + 1);
    while (true) {
      if (!at->IsObject()) at->SetObject();
      auto const end = rest.find('.');
      auto const name = rest.substr(0, end);
      json::Value key{name.data(), static_cast<rapidjson::SizeType>(name.size()), allocator};
      if (!at->HasMember(key)) at->AddMember(json::Value{key, allocator}, json::Value{}, allocator);
      at = &(*at)[key];
      if (end == std::string_view::npos) break;
      rest.remove_prefix(end + 1);
    }
    json::Document value{&allocator};
    value.Parse(setting.json.data(), setting.json.size());
    *at = static_cast<json::Value&>(value);
  }
  std::map<std::string, RawJson> out;
  for (auto& [name, object] : objects) {
    resolve_environment(object, object.GetAllocator());
    out[name] = RawJson{json::to_text(object)};
  }
  return out;
}

std::string listed(std::string_view host, std::int64_t port) {
  bool const bare_v6 = host.find(':') != std::string_view::npos && !host.starts_with('[');
  return bare_v6 ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

bool is_loopback(std::string_view listen) {
  auto host = listen.substr(0, listen.rfind(':'));
  if (host == "localhost") return true;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  boost::system::error_code error;
  auto const address = boost::asio::ip::make_address(std::string{host}, error);
  return !error && address.is_loopback();
}

void gather(Branch const* branch, json::Value const& value, std::vector<std::string>& out) {
  if (branch == nullptr || branch->key == nullptr) return;
  if (branch->key->secret && value.IsString()) {
    if (auto text = Secret{std::string{json::text_of(value)}}.read(); text && !text->empty()) out.push_back(*text);
  } else if (value.IsArray()) {
    for (auto const& item : value.GetArray()) gather(branch->item.get(), item, out);
  } else if (value.IsObject()) {
    for (auto const& member : value.GetObject()) {
      auto const* next = branch->find(json::text_of(member.name));
      gather(next != nullptr ? next : branch->any.get(), member.value, out);
    }
  }
}

void gather_free(json::Value const& value, bool secret, std::vector<std::string>& out) {
  if (value.IsString() && secret) {
    if (auto text = Secret{std::string{json::text_of(value)}}.read(); text && !text->empty()) out.push_back(*text);
  } else if (value.IsArray()) {
    for (auto const& item : value.GetArray()) gather_free(item, secret, out);
  } else if (value.IsObject()) {
    for (auto const& member : value.GetObject())
      gather_free(member.value, secret || redact::is_secret_name(json::text_of(member.name)), out);
  }
}

}  // namespace

Values make_values(Effective const& effective) {
  Leaves const at{effective};
  Values out;

  auto& server = out.server;
  server.listen = at.texts("server.listen");
  if (!at.given("server.listen") &&
      (at.given("websocket_server.settings.host") || at.given("websocket_server.settings.port")))
    server.listen = {listed(at.text("websocket_server.settings.host"), at.whole("websocket_server.settings.port"))};
  server.hosts = at.texts("server.hosts");
  server.trusted_proxies = at.texts("server.trusted_proxies");
  server.shards = static_cast<unsigned>(at.whole("server.shards"));
  server.tls = {at.text("server.tls.certificate"), at.text("server.tls.key"), at.text("server.tls.client_ca")};
  server.insecure = at.flag("server.insecure");
  server.http_max_connections = static_cast<std::size_t>(at.whole("server.http.max_connections"));
  server.http_idle_timeout = std::chrono::milliseconds{at.whole("server.http.idle_timeout_ms")};

  auto& sockets = out.websocket_server;
  sockets.id = at.text("websocket_server.id");
  sockets.name = at.text("websocket_server.name");
  sockets.capabilities = at.texts("websocket_server.capabilities");
  sockets.relationships = at.texts("websocket_server.relationships");
  sockets.max_connections = static_cast<std::size_t>(at.whole("websocket_server.settings.max_connections"));
  sockets.heartbeat_interval = std::chrono::seconds{at.whole("websocket_server.heartbeat_interval")};
  sockets.cleanup_interval = std::chrono::seconds{at.whole("websocket_server.cleanup_interval")};
  sockets.alert_connection_latency_ms = at.number("websocket_server.alert_thresholds.connection_latency");
  sockets.alert_message_latency_ms = at.number("websocket_server.alert_thresholds.message_latency");
  sockets.alert_error_rate = at.number("websocket_server.alert_thresholds.error_rate");
  sockets.alert_connection_limit = at.number("websocket_server.alert_thresholds.connection_limit");

  auto& security = out.security;
  auto const tokens = at.document("security.tokens");
  if (tokens.IsArray())
    for (auto const& token : tokens.GetArray()) security.tokens.push_back(token_of(token));
  security.jwt.algorithms = at.texts("security.jwt.algorithms");
  security.jwt.key = Secret{at.text("security.jwt.key")};
  security.jwt.jwks_file = at.text("security.jwt.jwks_file");
  security.jwt.jwks_url = at.text("security.jwt.jwks_url");
  security.jwt.audience = at.text("security.jwt.audience");
  security.jwt.issuer = at.text("security.jwt.issuer");
  security.jwt.user_claim = at.text("security.jwt.user_claim");
  security.jwt.scopes_claim = at.text("security.jwt.scopes_claim");
  security.jwt.clock_skew = std::chrono::seconds{at.whole("security.jwt.clock_skew_s")};
  security.origins = at.texts("security.origins");
  security.anonymous_auto = at.text("security.anonymous") == "auto";
  security.outgoing_allow = at.texts("security.outgoing.allow");
  security.failed_logins_per_minute = static_cast<unsigned>(at.whole("security.failed_logins_per_minute"));

  auto& hub = out.hub;
  hub.broker = at.text("hub.broker");
  hub.echo = at.flag("hub.echo");
  hub.deflate = at.flag("hub.deflate.enabled");
  hub.deflate_threshold_bytes = static_cast<std::size_t>(at.whole("hub.deflate.threshold_bytes"));
  hub.user_max_connections = static_cast<std::size_t>(at.whole("hub.users.max_connections"));
  hub.namespaces = at.raw("hub.namespaces", "[]");
  hub.workflows = at.raw("hub.workflows", "{}");
  if (at.given("hub.namespaces")) {  // the built-in ones come after the configured ones
    std::string const standard{place_of("hub.namespaces")->key->standard};
    auto& own = hub.namespaces.text;
    own = own == "[]" ? standard : own.substr(0, own.size() - 1) + "," + standard.substr(1);
  }

  auto& plugins = out.plugins;
  plugins.directory = at.text("plugins.directory");
  plugins.watch = at.flag("plugins.watch");
  auto const grants = at.document("plugins.grants");
  if (grants.IsObject())
    for (auto const& member : grants.GetObject())
      plugins.grants[std::string{json::text_of(member.name)}] = Leaves::texts_of(member.value);
  plugins.settings = plugin_settings(effective);

  out.logging.level = at.text("logging.level");
  out.logging.format = at.text("logging.format");
  out.logging.file = at.text("logging.file");
  auto const levels = at.document("logging.levels");
  if (levels.IsObject())
    for (auto const& member : levels.GetObject())
      if (member.value.IsString())
        out.logging.levels[std::string{json::text_of(member.name)}] = json::text_of(member.value);

  out.circuit_breaker.defaults = at.raw("circuit_breaker.defaults", "{}");
  out.circuit_breaker.rules = at.raw("circuit_breaker.rules", "[]");

  auto const limits = at.document("limits");
  if (limits.IsObject())
    for (auto const& member : limits.GetObject())
      if (member.value.IsInt64())
        out.limits[std::string{json::text_of(member.name)}] = static_cast<std::uint64_t>(member.value.GetInt64());
  return out;
}

void check_together(Effective const& effective, Values const& values, Problems& problems) {
  auto wrong = [&](std::string_view path, std::string reason) {
    auto found = effective.find(path);
    auto const known = found != effective.end();
    problems.push_back(Problem{known ? found->second.file : std::string{}, known ? found->second.line : 0,
                               std::string{path}, std::move(reason)});
  };
  if (values.server.tls.certificate.empty() != values.server.tls.key.empty())
    wrong(values.server.tls.key.empty() ? "server.tls.certificate" : "server.tls.key",
          "certificate and key belong together: give both or neither");
  auto const& jwt = values.security.jwt;
  if (jwt.configured() && jwt.key.empty() && jwt.jwks_file.empty() && jwt.jwks_url.empty())
    wrong("security.jwt.algorithms", "needs one of security.jwt.key, jwks_file or jwks_url");
  std::set<std::string_view> ids;
  std::set<std::string_view> digests;
  for (auto const& token : values.security.tokens) {
    if (!ids.insert(token.id).second)
      wrong("security.tokens",
            fmt::format("the id \"{}\" stands there twice; ids tell tokens apart in the log", token.id));
    if (!digests.insert(token.sha256.reference()).second)
      wrong("security.tokens",
            fmt::format("the sha256 of \"{}\" stands there twice; make a token of its own", token.id));
  }
  // A token that cannot be read must not look like no token at all, which would open anonymous access.
  for (auto const& token : values.security.tokens) {
    if (!token.sha256.is_reference()) continue;
    auto const digest = token.sha256.read();
    if (digest.has_error())
      wrong("security.tokens", fmt::format("sha256 of \"{}\": {}", token.id, digest.error().message));
    else if (auto right = checks::sha256(*digest))
      wrong("security.tokens",
            fmt::format("sha256 of \"{}\": what {} refers to {}", token.id, token.sha256.reference(), *right));
  }
  if (jwt.key.is_reference())
    if (auto const key = jwt.key.read(); key.has_error()) wrong("security.jwt.key", key.error().message);
  bool const guarded = !values.security.tokens.empty() || jwt.configured() || values.server.insecure;
  for (auto const& listen : values.server.listen)
    if (!guarded && !is_loopback(listen))
      wrong("server.listen",
            fmt::format("{} can be reached from elsewhere, and no token is configured: make one with \"patchbay token "
                        "new\" and put it under security.tokens, or listen on 127.0.0.1 (--insecure overrides)",
                        listen));
}

std::vector<std::string> known_secrets(Effective const& effective) {
  std::vector<std::string> out;
  for (auto const& [path, setting] : effective) {
    auto const place = place_of(path);
    if (!place) continue;
    json::Document document;
    document.Parse(setting.json.data(), setting.json.size());
    if (place->key->kind == Kind::free) {
      gather_free(document, false, out);
      continue;
    }
    auto const* branch = &root_branch();
    std::string_view rest = path;
    while (!rest.empty() && branch != nullptr) {
      auto const name = rest.substr(0, rest.find('.'));
      auto const* next = branch->find(name);
      branch = next != nullptr ? next : branch->any.get();
      rest.remove_prefix(std::min(rest.size(), name.size() + 1));
    }
    gather(branch, document, out);
  }
  return out;
}

}  // namespace patchbay::config
