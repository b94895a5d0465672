// The reader of JSON Web Tokens. The first byte says what the rest is: 'c' claims, which are signed here and read back,
// 'k' a key set, anything else a token. Nobody gets in without the key, and whoever gets in has a name that is clean
// and an end that has not passed.
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cstdlib>

#include "core/security/jwt.hpp"

using namespace patchbay;
using namespace patchbay::security;

namespace {

constexpr std::string_view secret = "the fuzzer does not know this one";
WallTime const now{std::chrono::seconds{1'700'000'000}};

void require(bool good) {
  if (!good) std::abort();
}

std::string base64url(std::string_view bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
  auto const size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                      reinterpret_cast<unsigned char const*>(bytes.data()), static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  for (auto& c : out) c = c == '+' ? '-' : c == '/' ? '_' : c;
  while (out.ends_with('=')) out.pop_back();
  return out;
}

std::string signed_here(std::string_view claims) {
  auto text = base64url(R"({"alg":"HS256"})") + "." + base64url(claims);
  unsigned char mac[32];
  unsigned size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<unsigned char const*>(text.data()), text.size(), mac, &size);
  return text + "." + base64url({reinterpret_cast<char const*>(mac), size});
}

JwtSettings const& settings() {
  static JwtSettings const made{.algorithms = {"HS256", "RS256", "ES256"}, .key = std::string{secret}};
  return made;
}
// A secret and a public key.
JwtReader const& reader() {
  static JwtReader const made = [] {
    auto with_keys = settings();
    with_keys.key_set =
        R"({"keys":[{"kty":"EC","kid":"e","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
        R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]})";
    return JwtReader::make(with_keys, {}).value();
  }();
  return made;
}

void check(JwtLogin const& login) {
  auto const& who = login.principal;
  require(who.name.starts_with("jwt:") && who.name.size() <= 4 + 255);
  for (char c : who.name + who.user_id + who.token_id) require(static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
  require(!who.unrestricted && who.is_remote && !who.token_id.empty());
  require(login.expires + settings().clock_skew > now);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view text{reinterpret_cast<char const*>(data), size};
  if (text.starts_with('c')) {
    text.remove_prefix(1);
    auto const direct = read_claims(text, "fallback", settings(), now);
    if (auto const* login = std::get_if<JwtLogin>(&direct)) check(*login);
    auto const token = signed_here(text);
    if (token.size() > JwtReader::most_bytes) return 0;
    auto const outcome = reader().read(token, now);
    require(outcome.index() == direct.index());  // a right signature neither adds nor takes anything
  } else if (text.starts_with('k')) {
    text.remove_prefix(1);
    for (auto const origin : {KeySetOrigin::file, KeySetOrigin::url}) {
      auto const keys = read_key_set(text, origin);
      if (!keys) continue;
      require(!keys->empty() && keys->size() <= most_keys);
      for (auto const& key : *keys) {
        require(origin == KeySetOrigin::file || key.algorithm() != Algorithm::hs256);
        require(key.algorithm() == Algorithm::hs256 || !key.open(signed_here("{}")));
      }
    }
  } else {
    require(std::holds_alternative<JwtRefusal>(reader().read(text, now)));
  }
  return 0;
}
