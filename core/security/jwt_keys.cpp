#include "core/security/jwt_keys.hpp"

#include <cjose/cjose.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cstdlib>

namespace patchbay::security {
namespace {

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(BIGNUM* number) const { BN_free(number); }
  void operator()(cjose_jws_t* jws) const { cjose_jws_release(jws); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;
using Jwk = std::shared_ptr<_cjose_jwk_int>;

constexpr std::size_t least_secret_bytes = 32;              // RFC 7518, 3.2: as long as the hash
constexpr int least_rsa_bits = 2048, most_rsa_bits = 8192;  // RFC 7518, 3.3; above, checking takes milliseconds

// cjose and OpenSSL leave their reasons in the thread's queue, where a TLS connection would find them.
struct ClearErrors {
  ~ClearErrors() { ERR_clear_error(); }
};

Error wrong(std::string message) { return Error{Code::invalid_argument, std::move(message)}; }

Jwk owned(cjose_jwk_t* jwk) {
  return jwk == nullptr ? Jwk{} : Jwk{jwk, [](cjose_jwk_t* one) { cjose_jwk_release(one); }};
}

Jwk jwk_of_secret(std::string_view secret) {
  cjose_err error{};
  return owned(cjose_jwk_create_oct_spec(reinterpret_cast<std::uint8_t const*>(secret.data()), secret.size(), &error));
}

// A number of a key, big-endian, with at least `size` bytes.
std::vector<std::uint8_t> number_of(EVP_PKEY* key, char const* name, int size) {
  BIGNUM* raw = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &raw) != 1) return {};
  Owned<BIGNUM> const number{raw};
  std::vector<std::uint8_t> out(static_cast<std::size_t>(std::max(size, BN_num_bytes(number.get()))));
  if (BN_bn2binpad(number.get(), out.data(), static_cast<int>(out.size())) < 0) return {};
  return out;
}

Jwk jwk_of_rsa(EVP_PKEY* key) {
  auto n = number_of(key, OSSL_PKEY_PARAM_RSA_N, 1), e = number_of(key, OSSL_PKEY_PARAM_RSA_E, 1);
  cjose_jwk_rsa_keyspec spec{};
  spec.n = n.data();
  spec.nlen = n.size();
  spec.e = e.data();
  spec.elen = e.size();
  cjose_err error{};
  return owned(cjose_jwk_create_RSA_spec(&spec, &error));
}

Jwk jwk_of_p256(EVP_PKEY* key) {
  auto x = number_of(key, OSSL_PKEY_PARAM_EC_PUB_X, 32), y = number_of(key, OSSL_PKEY_PARAM_EC_PUB_Y, 32);
  cjose_jwk_ec_keyspec spec{};
  spec.crv = CJOSE_JWK_EC_P_256;
  spec.x = x.data();
  spec.xlen = x.size();
  spec.y = y.data();
  spec.ylen = y.size();
  cjose_err error{};
  return owned(cjose_jwk_create_EC_spec(&spec, &error));
}

bool is_p256(EVP_PKEY* key) {
  char name[64] = {};
  std::size_t size = 0;
  return EVP_PKEY_is_a(key, "EC") == 1 &&
         EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, name, sizeof name, &size) == 1 &&
         std::string_view{name, size} == "prime256v1";
}

Owned<EVP_PKEY> public_key_of(std::string const& text) {
  auto const bio = Owned<BIO>{BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))};
  if (!bio) return {};
  if (text.find("-----BEGIN CERTIFICATE-----") == std::string::npos)
    return Owned<EVP_PKEY>{PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr)};
  auto const certificate = Owned<X509>{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)};
  return Owned<EVP_PKEY>{certificate ? X509_get_pubkey(certificate.get()) : nullptr};
}

bool lists(json::Value const& list, std::string_view word) {
  return list.IsArray() && std::any_of(list.Begin(), list.End(), [&](json::Value const& one) {
           return one.IsString() && json::text_of(one) == word;
         });
}

std::string_view algorithm_of(json::Value const& jwk) {
  auto const kind = json::find_text(jwk, "kty");
  if (kind == "RSA") return "RS256";
  if (kind == "EC" && json::find_text(jwk, "crv") == "P-256") return "ES256";
  if (kind == "oct") return "HS256";
  return {};
}

// Only what makes the public key (or the secret): private parts of a set that has them by mistake go no further.
std::string public_part(json::Value const& jwk, std::initializer_list<std::string_view> members) {
  json::Buffer buffer;
  json::Writer writer{buffer};
  writer.StartObject();
  for (auto const name : members) {
    json::write_key(writer, name);
    json::write_text(writer, json::find_text(jwk, name));
  }
  writer.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

}  // namespace

std::string_view name_of(Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::hs256: return "HS256";
    case Algorithm::rs256: return "RS256";
    case Algorithm::es256: return "ES256";
  }
  return {};
}

std::optional<Algorithm> algorithm_named(std::string_view name) {
  for (auto const one : {Algorithm::hs256, Algorithm::rs256, Algorithm::es256})
    if (name_of(one) == name) return one;
  return std::nullopt;
}

bool is_base64url(std::string_view text) {
  auto const right = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  return text.size() % 4 != 1 && std::all_of(text.begin(), text.end(), right);
}

std::optional<std::string> from_base64url(std::string_view text) {
  if (!is_base64url(text)) return std::nullopt;
  if (text.empty()) return std::string{};
  std::uint8_t* bytes = nullptr;
  std::size_t size = 0;
  cjose_err error{};
  if (!cjose_base64url_decode(text.data(), text.size(), &bytes, &size, &error)) return std::nullopt;
  std::string out{reinterpret_cast<char const*>(bytes), size};
  cjose_get_dealloc()(bytes);
  return out;
}

Result<VerifyKey> VerifyKey::from_text(std::string const& text) {
  if (text.find("-----BEGIN ") != std::string::npos) return from_pem(text);
  if (text.empty()) return wrong("is empty");
  if (text.size() < least_secret_bytes)
    return wrong(
        fmt::format("is a secret of {} bytes; HS256 needs {} at least, which \"openssl rand -base64 32\" makes",
                    text.size(), least_secret_bytes));
  if (auto jwk = jwk_of_secret(text)) return VerifyKey{Algorithm::hs256, {}, std::move(jwk)};
  return wrong("is a secret that cannot be used");
}

Result<VerifyKey> VerifyKey::from_pem(std::string const& text) {
  ClearErrors const clear;
  if (text.find("PRIVATE KEY-----") != std::string::npos)
    return wrong(
        "is a private key, which only the issuer should have; make the public one with \"openssl pkey -pubout\"");
  auto const key = public_key_of(text);
  if (!key) return wrong("cannot be read as PEM; it should begin with -----BEGIN PUBLIC KEY-----");
  if (EVP_PKEY_is_a(key.get(), "RSA") == 1) {
    auto const bits = EVP_PKEY_get_bits(key.get());
    if (bits < least_rsa_bits || bits > most_rsa_bits)
      return wrong(fmt::format("is an RSA key of {} bits; it must have {} to {}", bits, least_rsa_bits, most_rsa_bits));
    if (auto jwk = jwk_of_rsa(key.get())) return VerifyKey{Algorithm::rs256, {}, std::move(jwk)};
  } else if (is_p256(key.get())) {
    if (auto jwk = jwk_of_p256(key.get())) return VerifyKey{Algorithm::es256, {}, std::move(jwk)};
  } else {
    return wrong("is a key of a kind that is not taken; RSA keys are, and EC keys on P-256");
  }
  return wrong("is a key that cannot be used");
}

Result<VerifyKey> VerifyKey::from_jwk(json::Value const& jwk) {
  ClearErrors const clear;
  auto const not_for_us = [](std::string message) { return Error{Code::unsupported, std::move(message)}; };
  if (!jwk.IsObject()) return wrong("a key must be an object");
  for (auto const name : {"kty", "use", "alg", "kid", "crv", "n", "e", "x", "y", "k"})
    if (auto const* value = json::find(jwk, name); value != nullptr && !value->IsString())
      return wrong(fmt::format("a key's \"{}\" must be a string", name));
  for (auto const name : {"n", "e", "x", "y", "k"})
    if (!is_base64url(json::find_text(jwk, name)))
      return wrong(fmt::format("a key's \"{}\" must be base64url without padding", name));
  auto const algorithm = algorithm_named(algorithm_of(jwk));
  if (!algorithm) return not_for_us("the key is of another kind");
  if (json::find(jwk, "use") != nullptr && json::find_text(jwk, "use") != "sig")
    return not_for_us("the key is not for signatures");
  if (auto const* uses = json::find(jwk, "key_ops"); uses != nullptr && !lists(*uses, "verify"))
    return not_for_us("the key is not for verifying");
  if (json::find(jwk, "alg") != nullptr && json::find_text(jwk, "alg") != name_of(*algorithm))
    return not_for_us("the key is for another algorithm");

  Jwk made;
  if (*algorithm == Algorithm::hs256) {
    auto const secret = from_base64url(json::find_text(jwk, "k"));
    if (secret && !secret->empty() && secret->size() < least_secret_bytes)
      return wrong(fmt::format("a secret must have {} bytes at least", least_secret_bytes));
    if (secret && !secret->empty()) made = jwk_of_secret(*secret);
  } else {
    bool const rsa = *algorithm == Algorithm::rs256;
    auto const text = rsa ? public_part(jwk, {"kty", "n", "e"}) : public_part(jwk, {"kty", "crv", "x", "y"});
    cjose_err error{};
    made = owned(cjose_jwk_import(text.data(), text.size(), &error));
    if (made && rsa) {
      auto const bits = static_cast<int>(std::min<std::size_t>(cjose_jwk_get_keysize(made.get(), &error), 1U << 20));
      if (bits < least_rsa_bits || bits > most_rsa_bits)
        return wrong(fmt::format("an RSA key must have {} to {} bits", least_rsa_bits, most_rsa_bits));
    }
  }
  if (!made) return wrong("a key's numbers are missing or wrong");
  return VerifyKey{*algorithm, std::string{json::find_text(jwk, "kid")}, std::move(made)};
}

std::optional<std::string> VerifyKey::open(std::string_view token) const {
  ClearErrors const clear;
  cjose_err error{};
  auto const jws = Owned<cjose_jws_t>{cjose_jws_import(token.data(), token.size(), &error)};
  if (!jws) return std::nullopt;
  // cjose takes the algorithm from the token: it goes no further unless that is the key's own.
  auto const* named = cjose_header_get(cjose_jws_get_protected(jws.get()), CJOSE_HDR_ALG, &error);
  if (named == nullptr || named != name_of(algorithm_)) return std::nullopt;
  if (!cjose_jws_verify(jws.get(), jwk_.get(), &error)) return std::nullopt;
  std::uint8_t* payload = nullptr;
  std::size_t size = 0;
  if (!cjose_jws_get_plaintext(jws.get(), &payload, &size, &error)) return std::nullopt;
  return std::string{reinterpret_cast<char const*>(payload), size};
}

Result<std::vector<VerifyKey>> read_key_set(std::string_view text, KeySetOrigin origin) {
  if (text.size() > most_key_set_bytes)
    return wrong(fmt::format("a key set may have {} bytes, this one has {}", most_key_set_bytes, text.size()));
  auto const parsed = json::parse(text);
  if (!parsed) return wrong(fmt::format("it is no key set: {}", parsed.error().message));
  auto const* list = json::find(parsed->document, "keys");
  if (list == nullptr || !list->IsArray()) return wrong("it is no key set: {\"keys\":[..]} is needed");
  if (list->Size() > most_keys)
    return wrong(fmt::format("a key set may have {} keys, this one has {}", most_keys, list->Size()));
  std::vector<VerifyKey> out;
  std::string last;
  for (auto const& one : list->GetArray()) {
    auto key = VerifyKey::from_jwk(one);
    if (!key)
      last = key.error().message;
    else if (origin == KeySetOrigin::url && key->algorithm() == Algorithm::hs256)
      last = "a secret that anybody can fetch is none";
    else
      out.push_back(std::move(*key));
  }
  if (out.empty())
    return wrong(last.empty() ? "the key set is empty" : fmt::format("no key of the set can be used: {}", last));
  return out;
}

}  // namespace patchbay::security
