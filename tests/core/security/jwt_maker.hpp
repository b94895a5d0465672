// Makes JSON Web Tokens and keys with OpenSSL alone, so that what is tested does not check itself.
#pragma once

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include <memory>
#include <string>
#include <string_view>

namespace patchbay::security::made {

inline std::string base64url(std::string_view bytes) {
  static constexpr char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string out;
  unsigned held = 0, bits = 0;
  for (unsigned char c : bytes) {
    held = held << 8 | c;
    for (bits += 8; bits >= 6; bits -= 6) out += letters[held >> (bits - 6) & 63];
  }
  if (bits > 0) out += letters[held << (6 - bits) & 63];
  return out;
}

class Key {
 public:
  static Key rsa(unsigned bits = 2048) { return Key{EVP_RSA_gen(bits)}; }
  static Key ec(char const* curve = "P-256") { return Key{EVP_EC_gen(curve)}; }

  std::string public_pem() const {
    return text([&](BIO* out) { PEM_write_bio_PUBKEY(out, key_.get()); });
  }
  std::string private_pem() const {
    return text([&](BIO* out) { PEM_write_bio_PrivateKey(out, key_.get(), nullptr, nullptr, 0, nullptr, nullptr); });
  }
  // The public key as JWK; `more` are further members, such as R"("kid":"a",)".
  std::string jwk(std::string_view more = "") const {
    auto const head = std::string{"{"} + std::string{more};
    if (EVP_PKEY_is_a(key_.get(), "RSA") == 1)
      return head + R"("kty":"RSA","n":")" + number(OSSL_PKEY_PARAM_RSA_N, 0) + R"(","e":")" +
             number(OSSL_PKEY_PARAM_RSA_E, 0) + "\"}";
    return head + R"("kty":"EC","crv":"P-256","x":")" + number(OSSL_PKEY_PARAM_EC_PUB_X, 32) + R"(","y":")" +
           number(OSSL_PKEY_PARAM_EC_PUB_Y, 32) + "\"}";
  }
  std::string sign(std::string_view text) const {
    std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> const context{EVP_MD_CTX_new(), EVP_MD_CTX_free};
    EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get());
    auto const* bytes = reinterpret_cast<unsigned char const*>(text.data());
    std::string out(1024, '\0');
    auto size = out.size();
    EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size, bytes, text.size());
    out.resize(size);
    return EVP_PKEY_is_a(key_.get(), "EC") == 1 ? flat(out) : out;
  }

 private:
  explicit Key(EVP_PKEY* key) : key_(key, EVP_PKEY_free) {}
  template <class Write>
  static std::string text(Write write) {
    std::unique_ptr<BIO, decltype(&BIO_free)> const out{BIO_new(BIO_s_mem()), BIO_free};
    write(out.get());
    char* data = nullptr;
    auto const size = BIO_get_mem_data(out.get(), &data);
    return {data, static_cast<std::size_t>(size)};
  }
  static std::string bytes_of(BIGNUM const* number, int size) {
    std::string out(static_cast<std::size_t>(size != 0 ? size : BN_num_bytes(number)), '\0');
    BN_bn2binpad(number, reinterpret_cast<unsigned char*>(out.data()), static_cast<int>(out.size()));
    return out;
  }
  std::string number(char const* name, int size) const {
    BIGNUM* value = nullptr;
    EVP_PKEY_get_bn_param(key_.get(), name, &value);
    auto out = base64url(bytes_of(value, size));
    BN_free(value);
    return out;
  }
  // The two numbers of an ECDSA signature side by side, 32 bytes each.
  static std::string flat(std::string const& der) {
    auto const* at = reinterpret_cast<unsigned char const*>(der.data());
    std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> const parts{
        d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())), ECDSA_SIG_free};
    return bytes_of(ECDSA_SIG_get0_r(parts.get()), 32) + bytes_of(ECDSA_SIG_get0_s(parts.get()), 32);
  }
  std::shared_ptr<EVP_PKEY> key_;
};

inline std::string hmac(std::string_view secret, std::string_view text) {
  unsigned char out[32];
  unsigned size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<unsigned char const*>(text.data()), text.size(), out, &size);
  return {reinterpret_cast<char const*>(out), size};
}

inline std::string hs256(std::string_view secret, std::string_view claims,
                         std::string_view header = R"({"alg":"HS256","typ":"JWT"})") {
  auto const text = base64url(header) + "." + base64url(claims);
  return text + "." + base64url(hmac(secret, text));
}
inline std::string signed_by(Key const& key, std::string_view header, std::string_view claims) {
  auto const text = base64url(header) + "." + base64url(claims);
  return text + "." + base64url(key.sign(text));
}

}  // namespace patchbay::security::made
