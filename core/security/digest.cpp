#include "core/security/digest.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sys/random.h>

#include <cerrno>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <vector>

#include "core/base/hex.hpp"
#include "core/security/token.hpp"

namespace patchbay::security {
namespace {

struct FreeDigest {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  void operator()(EVP_MD* digest) const { EVP_MD_free(digest); }
};

// Fetched once: looking an algorithm up by name at each call costs more than hashing a token.
EVP_MD* sha256_algorithm() {
  static std::unique_ptr<EVP_MD, FreeDigest> const made{EVP_MD_fetch(nullptr, "SHA256", nullptr)};
  if (!made) throw std::runtime_error{"OpenSSL offers no SHA-256"};
  return made.get();
}

std::vector<std::uint8_t> random_bytes(std::size_t size) {
  std::vector<std::uint8_t> out(size);
  for (std::size_t at = 0; at < size;) {
    auto const got = ::getrandom(out.data() + at, size - at, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw std::system_error{errno, std::generic_category(), "getrandom"};
    at += static_cast<std::size_t>(got);
  }
  return out;
}

}  // namespace

Digest sha256(std::string_view text) {
  thread_local std::unique_ptr<EVP_MD_CTX, FreeDigest> const context{EVP_MD_CTX_new()};
  Digest out{};
  unsigned size = 0;
  if (!context || EVP_DigestInit_ex2(context.get(), sha256_algorithm(), nullptr) != 1 ||
      EVP_DigestUpdate(context.get(), text.data(), text.size()) != 1 ||
      EVP_DigestFinal_ex(context.get(), out.data(), &size) != 1 || size != out.size())
    throw std::runtime_error{"OpenSSL cannot compute a SHA-256"};
  return out;
}

std::string hash_hex(std::string_view algorithm, std::string_view text) {
  char const* name = algorithm == "sha256"   ? "SHA256"
                     : algorithm == "sha384" ? "SHA384"
                     : algorithm == "sha512" ? "SHA512"
                                             : nullptr;
  if (name == nullptr) return {};
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> out{};
  std::size_t size = 0;
  if (EVP_Q_digest(nullptr, name, nullptr, text.data(), text.size(), out.data(), &size) != 1)
    throw std::runtime_error{"OpenSSL cannot compute a hash"};
  return hex(out.data(), size);
}

std::string hex(std::uint8_t const* bytes, std::size_t size) {
  constexpr char digits[] = "0123456789abcdef";
  std::string out;
  out.reserve(size * 2);
  for (std::size_t i = 0; i < size; ++i) {
    out += digits[bytes[i] >> 4];
    out += digits[bytes[i] & 15];
  }
  return out;
}

std::optional<Digest> digest_from_hex(std::string_view text) {
  Digest out{};
  if (text.size() != out.size() * 2) return std::nullopt;
  for (std::size_t i = 0; i < out.size(); ++i) {
    auto const high = hex_value(text[2 * i]), low = hex_value(text[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return out;
}

bool equal(Digest const& a, Digest const& b) { return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0; }
bool equal(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string random_hex(std::size_t bytes) {
  auto const raw = random_bytes(bytes);
  return hex(raw.data(), raw.size());
}

std::string random_url_safe(std::size_t bytes) {
  constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  auto const raw = random_bytes(bytes);
  std::string out;
  std::uint32_t held = 0;
  unsigned bits = 0;
  for (auto byte : raw) {
    held = held << 8 | byte;
    bits += 8;
    while (bits >= 6) {
      bits -= 6;
      out += digits[(held >> bits) & 63];
    }
  }
  if (bits > 0) out += digits[(held << (6 - bits)) & 63];
  return out;
}

NewToken make_token(std::size_t bytes) {
  NewToken out;
  out.token = random_url_safe(bytes);
  out.sha256 = hex(sha256(out.token));
  return out;
}

}  // namespace patchbay::security
