// Keys that JSON Web Tokens are checked with, each pinned to one algorithm by what it is: a secret verifies HS256 and
// nothing else, an RSA key RS256, an EC key on P-256 ES256. That a public key is taken for a secret cannot be written.
//
//   auto key = VerifyKey::from_text(pem_or_secret);
//   auto set = read_key_set(jwks_text, KeySetOrigin::file);
//   if (auto payload = key->open(token)) use(*payload);
//
// Values, immutable, shared between threads. The cryptography is cjose's over OpenSSL; open() costs some 5 us for
// HS256, 40 us for RS256 and 100 us for ES256.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.hpp"

struct _cjose_jwk_int;  // cjose's key: NOLINT(bugprone-reserved-identifier)

namespace patchbay::security {

enum class Algorithm : std::uint8_t { hs256, rs256, es256 };
std::string_view name_of(Algorithm algorithm);
std::optional<Algorithm> algorithm_named(std::string_view name);

class VerifyKey {
 public:
  // A public key or certificate in PEM, else the text is a secret. Errors: invalid_argument.
  static Result<VerifyKey> from_text(std::string const& text);
  // One object of a key set. Errors: unsupported for a key that is not for us (another use, algorithm or curve),
  // invalid_argument for one that is broken.
  static Result<VerifyKey> from_jwk(json::Value const& jwk);

  Algorithm algorithm() const { return algorithm_; }
  std::string const& id() const { return id_; }  // `kid`, or empty
  // The payload of a compact token (three parts that are base64url) whose header names this key's algorithm and whose
  // signature is right.
  std::optional<std::string> open(std::string_view token) const;

 private:
  VerifyKey(Algorithm algorithm, std::string id, std::shared_ptr<_cjose_jwk_int> jwk)
      : algorithm_(algorithm), id_(std::move(id)), jwk_(std::move(jwk)) {}
  static Result<VerifyKey> from_pem(std::string const& text);

  Algorithm algorithm_;
  std::string id_;
  std::shared_ptr<_cjose_jwk_int> jwk_;
};

// Where a key set came from. A secret in one that was fetched is refused: what anybody can fetch is no secret.
enum class KeySetOrigin : std::uint8_t { file, url };
inline constexpr std::size_t most_keys = 64;
inline constexpr std::size_t most_key_set_bytes = 262'144;

// The keys of a set ({"keys":[..]}) that we can use; others are passed over, as RFC 7517 asks for.
// Errors: invalid_argument when it is no key set, too long, or nothing in it can be used.
Result<std::vector<VerifyKey>> read_key_set(std::string_view text, KeySetOrigin origin);

// Whether a text is base64url without padding. Ask before cjose sees it: padding in the middle of a text makes cjose
// end the process by an assertion.
bool is_base64url(std::string_view text);
// The bytes that a text of base64url without padding stands for, or nothing.
std::optional<std::string> from_base64url(std::string_view text);

}  // namespace patchbay::security
