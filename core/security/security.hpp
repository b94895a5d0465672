// Security: who is calling, what may they do, where may the gateway go for them. Answers SECURITY's operations.
//
//   Security security{runtime, caller, counters, log, settings};
//   security.apply(new_settings);                                // live, from any thread
//   security.set_anonymous_plugin_scopes({"echo.say"});          // when plugins come and go
//   security.set_keys(text);                                     // the key set of security.jwt.jwks_url
//
// The settings in force are one immutable snapshot, replaced as a whole and read by a plain pointer; old ones are kept
// until the end, since they are few and small. authenticate() costs a SHA-256 and a comparison with every token, some
// microseconds at most, and for a JSON Web Token its signature; without a token nothing is hashed. Any thread; only
// failed attempts take a lock.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <functional>
#include <memory>
#include <mutex>

#include "core/base/caller.hpp"
#include "core/base/sinks.hpp"
#include "core/runtime/runtime.hpp"
#include "core/security/address_policy.hpp"
#include "core/security/digest.hpp"
#include "core/security/failed_logins.hpp"
#include "core/security/jwt.hpp"
#include "core/security/operations.hpp"
#include "core/security/origin.hpp"
#include "core/security/url.hpp"

namespace patchbay::security {

struct Token {
  std::string id;
  std::string sha256;  // 64 hexadecimal digits
  std::vector<std::string> scopes;
  std::string user_id{};
  std::optional<RawJson> entities{};  // {"allow":[..],"deny":[..]}
  std::string expires{};              // "2027-01-01" or "2027-01-01T12:00:00Z"; empty: never
  friend bool operator==(Token const&, Token const&) = default;
};

struct Settings {
  std::vector<Token> tokens{};
  std::string run_token_sha256{};  // of the admin token made at start; does not count as configured
  std::vector<std::string> origins{};
  bool anonymous_auto = true;
  bool loopback = true;  // every listener is on loopback
  JwtSettings jwt{};     // when configured, also ends anonymous rights
  std::vector<std::string> outgoing_allow{};
  unsigned failed_logins_per_minute = 20;
  friend bool operator==(Settings const&, Settings const&) = default;
};

class Security {
 public:
  Security(Runtime& runtime, Caller& caller, Counters& counters, LogSink& log, Settings settings);
  Security(Security const&) = delete;
  Security& operator=(Security const&) = delete;

  // What is wrong with the settings, if anything: a digest, date or key that does not parse. Checked by apply too.
  static std::optional<Error> problem(Settings const& settings);
  // Takes over new settings; keeps the old ones and answers an error when they are wrong.
  Result<void> apply(Settings settings);
  Settings settings() const;
  // Scopes that only read operations of plugins other than Home Assistant carry; anonymous callers have them too.
  void set_anonymous_plugin_scopes(std::vector<std::string> scopes);

  // The key set that was fetched from settings.jwt.key_set_url, or what stands in its file by now. Errors:
  // invalid_argument; the keys known so far stay then.
  Result<void> set_keys(std::string text);
  Result<void> set_key_file(std::string text);
  // Called, on any thread, when a token names a key that is not known; set before the gateway runs.
  void on_unknown_key(std::function<void()> tell) { unknown_key_ = std::move(tell); }

  // For the surfaces' own checks, without dispatch.
  bool origin_allowed(std::string_view origin, std::string_view host) const;
  bool origin_listed(std::string_view origin) const;

  // --- operations ---
  Result<AuthenticateResult> authenticate(Call& call, AuthenticateArgs args);
  Result<AuthorizeResult> authorize(Call& call, AuthorizeArgs args) const;
  CheckOriginResult check_origin(Call& call, CheckOriginArgs args) const;
  Task<Result<CheckUrlResult>> check_url(Call& call, CheckUrlArgs args);
  SanitizeResult sanitize(Call& call, SanitizeArgs args) const;
  SanitizeResult sanitize_for_log(Call& call, SanitizeArgs args) const;
  Result<ValidateResult> validate(Call& call, ValidateArgs args) const;
  HashResult hash(Call& call, HashArgs args) const;
  VerifyHashResult verify_hash(Call& call, VerifyHashArgs args) const;
  IdResult generate_correlation_id(Call& call, CorrelationIdArgs args) const;
  IdResult generate_token(Call& call, TokenArgs args) const;
  StatsResult stats(Call& call, Nothing args) const;

  // Stands in for the name service.
  using Resolve = std::function<Result<std::vector<boost::asio::ip::address>>(std::string const& host)>;
  void set_resolver_for_test(Resolve resolve) { resolve_for_test_ = std::move(resolve); }

 private:
  struct Known {
    Digest digest{};
    PrincipalPtr principal;
    std::optional<WallTime> expires;
    std::string expires_text;
  };
  struct Snapshot {
    Settings settings;
    std::vector<std::string> plugin_scopes;
    std::vector<Known> tokens;
    std::string fetched_keys;  // from settings.jwt.key_set_url
    JwtReader jwt;
    PrincipalPtr anonymous;  // with rights as far as the settings leave them
    PrincipalPtr powerless;  // without any but public ones
    bool anonymous_rights = false;
    OriginPolicy origins;
    AddressPolicy outgoing;
  };
  Snapshot const& now() const { return *snapshot_.load(std::memory_order_acquire); }
  Result<void> replace(Settings settings, std::string fetched_keys);
  void publish(Settings settings, std::vector<std::string> plugin_scopes, std::string fetched_keys, JwtReader jwt);
  AuthenticateResult answer(PrincipalPtr const& who, std::optional<WallTime> expires, std::string const& expires_text,
                            bool who_only) const;
  Result<AuthenticateResult> authenticate_jwt(Snapshot const& state, std::string_view token,
                                              AuthenticateArgs const& args);
  Error failed(std::string_view method, std::string_view result, std::string_view peer, std::string message);
  PrincipalPtr principal_named(std::string_view name) const;
  Task<Result<std::vector<boost::asio::ip::address>>> resolve(Call& call, std::string host);
  std::optional<Error> refuse_url(Principal const& principal, OutgoingUrl const& url) const;

  Runtime& runtime_;
  Caller& caller_;
  Counters& counters_;
  LogSink& log_;
  std::mutex mutex_;  // of old_ and of publishing
  std::vector<std::unique_ptr<Snapshot const>> old_;
  std::atomic<Snapshot const*> snapshot_{nullptr};
  FailedLogins failures_;
  Resolve resolve_for_test_;
  std::function<void()> unknown_key_;
  Counter accepted_, anonymous_, refused_, expired_, limited_attempts_, limited_;
};

}  // namespace patchbay::security
