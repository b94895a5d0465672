// JSON Web Tokens: who a token is for, when it was signed by a key we know and everything else about it is right.
//
//   auto reader = JwtReader::make(settings, {});
//   auto outcome = reader->read(token, clock.wall());
//   if (auto* login = std::get_if<JwtLogin>(&outcome)) use(login->principal);
//
// The token says which key it wants (`kid`); what algorithm is checked is the key's matter, never the token's. Claims
// are read only after the signature was right. A token must have an end (`exp`). Taken: the compact form with HS256,
// RS256 or ES256, at most 8 KiB; not taken: `none`, encrypted tokens, extensions that are declared critical, keys that
// come with the token (`jwk`, `jku`, `x5u` and the like are not looked at).
//
// A JwtReader is an immutable value, used by any thread; read() costs the signature (see jwt_keys.hpp) and some 5 us.
#pragma once

#include <chrono>
#include <variant>

#include "core/base/call.hpp"
#include "core/security/jwt_keys.hpp"

namespace patchbay::security {

struct JwtSettings {
  std::vector<std::string> algorithms{};  // none: no JWT is taken
  std::string key{};                      // a secret, or a public key or certificate in PEM
  std::string key_set{};                  // what stands in jwks_file
  std::string key_set_problem{};          // why it could not be read
  std::string key_set_url{};              // keys come later, through JwtReader::make's second argument
  std::string audience{}, issuer{};       // empty: any
  std::string user_claim = "sub";
  std::string scopes_claim = "scopes";
  std::chrono::seconds clock_skew{30};

  bool configured() const { return !algorithms.empty(); }
  friend bool operator==(JwtSettings const&, JwtSettings const&) = default;
};

struct JwtLogin {
  Principal principal;  // "jwt:<sub>"
  WallTime expires;
};
struct JwtRefusal {
  enum class Why : std::uint8_t {
    refused,
    expired,
    unknown_key,  // perhaps a new one, which the key set has by now
    no_keys       // the key set has not been fetched yet: says nothing about the token
  };
  Why why = Why::refused;
  std::string message;
};
using JwtOutcome = std::variant<JwtLogin, JwtRefusal>;

// What the claims of a token say whose signature was right. `fallback_id` is its id when it brings no `jti`.
JwtOutcome read_claims(std::string_view claims, std::string fallback_id, JwtSettings const& settings, WallTime now);

class JwtReader {
 public:
  static constexpr std::size_t most_bytes = 8192;
  static constexpr std::size_t most_tries = 16;  // keys tried for a token that names none

  JwtReader() = default;  // takes no token
  // `fetched` is the text that came from key_set_url, or empty. Errors: invalid_argument, with the name of the key of
  // the configuration that is wrong.
  static Result<JwtReader> make(JwtSettings const& settings, std::string_view fetched);

  // Whether a text has the form of a token at all: three parts.
  static bool looks_like_one(std::string_view text);
  JwtOutcome read(std::string_view token, WallTime now) const;
  std::size_t keys() const { return keys_.size(); }

 private:
  std::vector<VerifyKey const*> fitting(Algorithm algorithm, std::string_view key_id) const;
  bool takes(Algorithm algorithm) const;

  JwtSettings settings_;
  std::vector<VerifyKey> keys_;
};

}  // namespace patchbay::security
