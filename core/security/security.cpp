#include "core/security/security.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

#include "core/base/ascii.hpp"
#include "core/base/iso_time.hpp"
#include "core/base/redact.hpp"

namespace patchbay::security {
namespace {

constexpr std::string_view anonymous_scopes[] = {"metrics.read", "hub.read",   "hub.subscribe", "hub.publish",
                                                 "ha.read",      "ha.control", "ha.write"};

std::optional<WallTime> parse_date(std::string_view text) {
  auto number = [&](std::size_t at, std::size_t count) {
    int value = 0;
    for (std::size_t i = at; i < at + count; ++i) {
      if (i >= text.size() || text[i] < '0' || text[i] > '9') return -1;
      value = value * 10 + (text[i] - '0');
    }
    return value;
  };
  bool const day_only = text.size() == 10;
  if (!day_only && !(text.size() == 20 && text[10] == 'T' && text[13] == ':' && text[16] == ':' && text[19] == 'Z'))
    return std::nullopt;
  if (text[4] != '-' || text[7] != '-') return std::nullopt;
  auto const year = number(0, 4), month = number(5, 2), day = number(8, 2);
  if (year < 0 || month < 0 || day < 0) return std::nullopt;
  auto const date = std::chrono::year{year} / std::chrono::month{static_cast<unsigned>(month)} /
                    std::chrono::day{static_cast<unsigned>(day)};
  if (!date.ok()) return std::nullopt;
  WallTime out = std::chrono::sys_days{date};
  if (day_only) return out;
  auto const hour = number(11, 2), minute = number(14, 2), second = number(17, 2);
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59) return std::nullopt;
  return out + std::chrono::hours{hour} + std::chrono::minutes{minute} + std::chrono::seconds{second};
}

bool starts_with_word(std::string_view text, std::string_view lower_word) {
  return ascii::same(text.substr(0, lower_word.size()), lower_word);
}

// "light.*", "light.kitchen", "area:kitchen"
bool matches(std::string_view pattern, std::string_view resource) {
  if (pattern == "*" || pattern == resource) return true;
  return pattern.ends_with('*') && resource.starts_with(pattern.substr(0, pattern.size() - 1));
}

// Texts of a document, cleaned in place.
template <class Clean>
void clean_texts(json::Value& value, json::Document::AllocatorType& allocator, Clean const& clean) {
  auto set = [&](json::Value& one) {
    auto text = clean(json::text_of(one));
    if (text != json::text_of(one))
      one.SetString(text.data(), static_cast<rapidjson::SizeType>(text.size()), allocator);
  };
  if (value.IsString()) {
    set(value);
  } else if (value.IsArray()) {
    for (auto& item : value.GetArray()) clean_texts(item, allocator, clean);
  } else if (value.IsObject()) {
    for (auto& member : value.GetObject()) {
      set(member.name);
      clean_texts(member.value, allocator, clean);
    }
  }
}

// Without control characters but line ends and tabs, which plain texts may have.
std::string without_controls(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (char c : text) {
    auto const code = static_cast<unsigned char>(c);
    if ((code >= 0x20 && code != 0x7F) || c == '\n' || c == '\r' || c == '\t') out += c;
  }
  return out;
}

template <class Clean>
SanitizeResult cleaned(RawJson const& data, Clean const& clean) {
  auto parsed = json::parse(data.text);
  if (!parsed) return {RawJson{}};  // the surface's guard has refused such a text before
  auto& allocator = parsed->document.GetAllocator();
  redact::mask_json(parsed->document, allocator);
  clean_texts(parsed->document, allocator, clean);
  return {RawJson{json::to_text(parsed->document)}};
}

}  // namespace

Security::Security(Runtime& runtime, Caller& caller, Counters& counters, LogSink& log, Settings settings)
    : runtime_(runtime), caller_(caller), counters_(counters), log_(log) {
  auto attempts = [&](std::string_view method, std::string_view result) {
    return counters.counter("patchbay_auth_attempts_total", "Attempts to authenticate, by method and result",
                            {{"method", std::string{method}}, {"result", std::string{result}}});
  };
  anonymous_ = attempts("none", "anonymous");
  accepted_ = attempts("token", "accepted");
  refused_ = attempts("token", "refused");
  expired_ = attempts("token", "expired");
  limited_attempts_ = attempts("token", "limited");
  limited_ = counters.counter("patchbay_rate_limited_total", "What was refused for coming too often, by kind",
                              {{"kind", "failed_login"}});
  if (auto wrong = problem(settings)) throw ErrorException{*wrong};
  auto jwt = JwtReader::make(settings.jwt, {});
  if (!jwt) throw ErrorException{jwt.error()};
  publish(std::move(settings), {}, {}, std::move(*jwt));
}

std::optional<Error> Security::problem(Settings const& settings) {
  for (auto const& token : settings.tokens) {
    if (!digest_from_hex(token.sha256))
      return Error{
          Code::invalid_argument,
          fmt::format("the token {} has no SHA-256 of 64 hexadecimal digits; make one with \"patchbay token new\"",
                      token.id)};
    if (!token.expires.empty() && !parse_date(token.expires))
      return Error{
          Code::invalid_argument,
          fmt::format("the token {} expires on \"{}\"; write a date such as 2027-01-01", token.id, token.expires)};
    if (token.entities)
      if (auto parsed = json::parse(token.entities->text); !parsed || !parsed->document.IsObject())
        return Error{Code::invalid_argument, fmt::format("the entities of token {} must be an object", token.id)};
  }
  if (!settings.run_token_sha256.empty() && !digest_from_hex(settings.run_token_sha256))
    return Error{Code::invalid_argument, "the run's token has no SHA-256 of 64 hexadecimal digits"};
  AddressPolicy const outgoing{settings.outgoing_allow};
  if (!outgoing.refused().empty())
    return Error{Code::invalid_argument,
                 fmt::format("security.outgoing.allow: \"{}\" is neither host, host:port, *.domain nor a network",
                             outgoing.refused().front())};
  if (auto jwt = JwtReader::make(settings.jwt, {}); !jwt) return jwt.error();
  return std::nullopt;
}

Result<void> Security::apply(Settings settings) {
  if (auto wrong = problem(settings)) return *wrong;
  std::lock_guard lock{mutex_};
  // Keys that were fetched stay, unless they are to come from elsewhere or serve other algorithms now.
  auto const& jwt = now().settings.jwt;
  bool const same = jwt.key_set_url == settings.jwt.key_set_url && jwt.algorithms == settings.jwt.algorithms;
  return replace(std::move(settings), same ? now().fetched_keys : std::string{});
}

Result<void> Security::set_keys(std::string text) {
  std::lock_guard lock{mutex_};
  return replace(now().settings, std::move(text));
}

Result<void> Security::set_key_file(std::string text) {
  std::lock_guard lock{mutex_};
  auto settings = now().settings;
  settings.jwt.key_set = std::move(text);
  return replace(std::move(settings), now().fetched_keys);
}

// Under mutex_.
Result<void> Security::replace(Settings settings, std::string fetched_keys) {
  auto const& state = now();
  if (settings == state.settings && fetched_keys == state.fetched_keys)
    return {};  // old snapshots are kept: none without need
  auto jwt = JwtReader::make(settings.jwt, fetched_keys);
  if (!jwt) return jwt.error();
  publish(std::move(settings), state.plugin_scopes, std::move(fetched_keys), std::move(*jwt));
  return {};
}

Settings Security::settings() const { return now().settings; }

void Security::set_anonymous_plugin_scopes(std::vector<std::string> scopes) {
  std::sort(scopes.begin(), scopes.end());
  std::lock_guard lock{mutex_};
  if (scopes == now().plugin_scopes) return;
  publish(now().settings, std::move(scopes), now().fetched_keys, now().jwt);
}

void Security::publish(Settings settings, std::vector<std::string> plugin_scopes, std::string fetched_keys,
                       JwtReader jwt) {
  auto made = std::make_unique<Snapshot>();
  auto& next = *made;
  auto add = [&](std::string const& sha256, Principal principal, std::string const& expires) {
    Known known;
    known.digest = *digest_from_hex(sha256);
    known.principal = std::make_shared<Principal const>(std::move(principal));
    if (!expires.empty()) {
      known.expires = parse_date(expires);
      known.expires_text = expires.size() == 10 ? expires + "T00:00:00Z" : expires;
    }
    next.tokens.push_back(std::move(known));
  };
  for (auto const& token : settings.tokens) {
    Principal principal{
        .name = "token:" + token.id, .scopes = token.scopes, .user_id = token.user_id, .token_id = token.id};
    if (token.entities) principal.entities = *token.entities;
    add(token.sha256, std::move(principal), token.expires);
  }
  if (!settings.run_token_sha256.empty())
    add(settings.run_token_sha256, Principal{.name = "token:run", .scopes = {"admin"}, .token_id = "run"}, "");
  next.anonymous_rights =
      settings.anonymous_auto && settings.loopback && settings.tokens.empty() && !settings.jwt.configured();
  next.powerless = std::make_shared<Principal const>(Principal{.name = "anonymous", .scopes = {}});
  Principal anonymous{.name = "anonymous", .scopes = {}};
  if (next.anonymous_rights) {
    anonymous.scopes.assign(std::begin(anonymous_scopes), std::end(anonymous_scopes));
    for (auto const& scope : plugin_scopes)
      if (scope != "admin" && scope != "public" &&
          std::find(anonymous.scopes.begin(), anonymous.scopes.end(), scope) == anonymous.scopes.end())
        anonymous.scopes.push_back(scope);
  }
  next.anonymous = std::make_shared<Principal const>(std::move(anonymous));
  next.origins = OriginPolicy{settings.origins};
  next.outgoing = AddressPolicy{settings.outgoing_allow};
  next.settings = std::move(settings);
  next.plugin_scopes = std::move(plugin_scopes);
  next.fetched_keys = std::move(fetched_keys);
  next.jwt = std::move(jwt);
  snapshot_.store(&next, std::memory_order_release);
  old_.push_back(std::move(made));
}

AuthenticateResult Security::answer(PrincipalPtr const& who, std::optional<WallTime> expires,
                                    std::string const& expires_text, bool who_only) const {
  AuthenticateResult out;
  out.who = who;
  out.expires = expires;
  if (who_only) return out;
  out.principal = who->name;
  out.scopes = who->scopes;
  if (!expires_text.empty()) out.expires_at = expires_text;
  return out;
}

Error Security::failed(std::string_view method, std::string_view result, std::string_view peer, std::string message) {
  if (auto wait = failures_.note(peer, runtime_.clock().now(), now().settings.failed_logins_per_minute)) {
    limited_attempts_.add();
    limited_.add();
    return Error{Code::rate_limited, "too many failed logins from this address; try again later with a good token", "",
                 static_cast<std::uint32_t>(wait->count())};
  }
  (result == "expired" ? expired_ : refused_).add();
  log_.write(LogLevel::warning, "security", "login failed", {{"peer", peer}, {"method", method}, {"result", result}});
  return Error{Code::unauthenticated, std::move(message)};
}

Result<AuthenticateResult> Security::authenticate(Call&, AuthenticateArgs args) {
  auto const& state = now();
  std::string_view token = args.token;
  if (token.empty() && !args.header.empty()) {
    std::string_view header = args.header;
    if (!starts_with_word(header, "bearer "))
      return failed(
          "header", "refused", args.peer,
          "the Authorization field is of a kind that is not taken here; send \"Authorization: Bearer <token>\"");
    header.remove_prefix(7);
    while (!header.empty() && header.front() == ' ') header.remove_prefix(1);
    while (!header.empty() && header.back() == ' ') header.remove_suffix(1);
    if (header.empty())
      return failed("token", "refused", args.peer, "the Authorization field holds no token; send \"Bearer <token>\"");
    token = header;
  }
  if (token.empty()) {
    if (!state.settings.loopback)
      return Error{Code::unauthenticated, "a token is needed here: send \"Authorization: Bearer <token>\""};
    anonymous_.add();
    return answer(args.forwarded ? state.powerless : state.anonymous, std::nullopt, {}, args.who_only);
  }
  auto const digest = sha256(token);
  Known const* found = nullptr;
  for (auto const& known : state.tokens)  // all of them, so that the time tells nothing
    if (equal(known.digest, digest)) found = &known;
  if (found == nullptr && state.settings.jwt.configured() && JwtReader::looks_like_one(token))
    return authenticate_jwt(state, token, args);
  if (found == nullptr) return failed("token", "refused", args.peer, "the token is not known here");
  if (found->expires && runtime_.clock().wall() >= *found->expires)
    return failed("token", "expired", args.peer,
                  fmt::format("the token \"{}\" has expired at {}; ask for a new one", found->principal->token_id,
                              found->expires_text));
  accepted_.add();
  return answer(found->principal, found->expires, found->expires_text, args.who_only);
}

Result<AuthenticateResult> Security::authenticate_jwt(Snapshot const& state, std::string_view token,
                                                      AuthenticateArgs const& args) {
  auto outcome = state.jwt.read(token, runtime_.clock().wall());
  if (auto* login = std::get_if<JwtLogin>(&outcome)) {
    accepted_.add();
    auto who = std::make_shared<Principal const>(std::move(login->principal));
    return answer(who, login->expires, iso_time(login->expires), args.who_only);
  }
  using Why = JwtRefusal::Why;
  auto& refusal = std::get<JwtRefusal>(outcome);
  if ((refusal.why == Why::unknown_key || refusal.why == Why::no_keys) && unknown_key_) unknown_key_();
  if (refusal.why == Why::no_keys)  // no fault of the caller's, whose token may be good
    return Error{Code::unavailable, std::move(refusal.message), "", 1000};
  return failed("jwt", refusal.why == Why::expired ? "expired" : "refused", args.peer, std::move(refusal.message));
}

PrincipalPtr Security::principal_named(std::string_view name) const {
  auto const& state = now();
  if (name == "anonymous") return state.anonymous;
  if (name == "host") return host_principal();
  if (name == "gateway") return gateway_principal();
  for (auto const& known : state.tokens)
    if (known.principal->name == name) return known.principal;
  return nullptr;
}

Result<AuthorizeResult> Security::authorize(Call& call, AuthorizeArgs args) const {
  auto who = principal_named(args.principal);
  if (!who && args.principal == call.principal().name) who = call.principal_ptr();
  if (!who)
    return Error{Code::forbidden, "there is no such principal; known are anonymous, host and token:<id>", "/principal"};
  auto const* row = caller_.table().find_name(args.interface + "." + args.operation);
  if (row == nullptr) {
    auto error = caller_.no_such_tool(OperationTable::tool_name(args.interface, args.operation));
    error.pointer = "/operation";
    return error;
  }
  AuthorizeResult out;
  out.scope = row->info.scope;
  out.allowed = who->may(row->info.scope);
  if (!out.allowed) {
    out.reason = fmt::format("{} does not have the scope {}", who->name, row->info.scope);
    return out;
  }
  if (args.resource.empty() || who->entities.text == "null") return out;
  auto lists = json::parse(who->entities.text);
  auto listed = [&](std::string_view name) {
    auto const* list = lists ? json::find(lists->document, name) : nullptr;
    if (list == nullptr || !list->IsArray()) return false;
    for (auto const& pattern : list->GetArray())
      if (pattern.IsString() && matches(json::text_of(pattern), args.resource)) return true;
    return false;
  };
  auto const* allow = lists ? json::find(lists->document, "allow") : nullptr;
  bool const restricted = allow != nullptr && allow->IsArray() && !allow->Empty();
  if (listed("deny") || (restricted && !listed("allow"))) {
    out.allowed = false;
    out.reason = fmt::format("the token {} may not touch {}", who->token_id, args.resource);
  }
  return out;
}

bool Security::origin_allowed(std::string_view origin, std::string_view host) const {
  return now().origins.allows(origin, host);
}
bool Security::origin_listed(std::string_view origin) const { return now().origins.lists(origin); }

CheckOriginResult Security::check_origin(Call&, CheckOriginArgs args) const {
  return {origin_allowed(args.origin, args.host)};
}

SanitizeResult Security::sanitize(Call&, SanitizeArgs args) const {
  return cleaned(args.data, [](std::string_view text) { return without_controls(text); });
}

SanitizeResult Security::sanitize_for_log(Call&, SanitizeArgs args) const {
  return cleaned(args.data, [](std::string_view text) { return redact::one_line(redact::mask_text(text), 4096); });
}

Result<ValidateResult> Security::validate(Call&, ValidateArgs args) const {
  auto schema = Schema::compile(args.schema.text);
  if (!schema) {
    auto error = schema.error();
    error.pointer = "/schema" + error.pointer;
    return error;
  }
  auto value = json::parse(args.value.text);
  if (!value) {
    auto error = value.error();
    error.pointer = "/value" + error.pointer;
    return error;
  }
  ValidateResult out;
  for (auto& one : schema->problems(value->document, 100, "member"))
    out.problems.push_back({std::move(one.pointer), std::move(one.message)});
  out.valid = out.problems.empty();
  return out;
}

HashResult Security::hash(Call&, HashArgs args) const { return {hash_hex(args.algorithm, args.data)}; }

VerifyHashResult Security::verify_hash(Call&, VerifyHashArgs args) const {
  for (auto& c : args.hash)
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
  auto const own = hash_hex(args.algorithm, args.data);
  return {!own.empty() && equal(own, args.hash)};
}

IdResult Security::generate_correlation_id(Call&, CorrelationIdArgs args) const { return {random_hex(args.bytes)}; }
IdResult Security::generate_token(Call&, TokenArgs args) const { return {random_url_safe(args.bytes)}; }

StatsResult Security::stats(Call&, Nothing) const {
  auto const& state = now();
  StatsResult out;
  out.tokens = static_cast<std::uint32_t>(state.settings.tokens.size());
  out.jwt_keys = static_cast<std::uint32_t>(state.jwt.keys());
  out.anonymous = state.anonymous_rights;
  out.anonymous_scopes = state.anonymous->scopes;
  out.origins = static_cast<std::uint32_t>(state.origins.size());
  out.outgoing_allowed = static_cast<std::uint32_t>(state.outgoing.size());
  out.accepted = counters_.value(accepted_);
  out.refused = counters_.value(refused_) + counters_.value(expired_);
  out.limited = counters_.value(limited_attempts_);
  out.watched_addresses = static_cast<std::uint32_t>(failures_.watched(runtime_.clock().now()));
  return out;
}

}  // namespace patchbay::security
