#include "core/security/jwt.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>

#include "core/base/iso_time.hpp"
#include "core/security/digest.hpp"

namespace patchbay::security {
namespace {

constexpr std::size_t most_name_bytes = 255, most_scopes = 256, most_scope_bytes = 128;
// Some 285 years: what fits into a time point of nanoseconds. A token may say more, it ends then anyway.
constexpr std::int64_t latest_second = 9'000'000'000;

JwtRefusal refused(std::string message, JwtRefusal::Why why = JwtRefusal::Why::refused) {
  return JwtRefusal{why, std::move(message)};
}

// Read one after the other; the first that is wrong is what is told.
class Claims {
 public:
  explicit Claims(json::Value const& claims) : claims_(claims) {}

  std::string const& problem() const { return problem_; }

  std::optional<WallTime> time(std::string_view name) {
    auto const* value = find(name);
    if (value == nullptr) return std::nullopt;
    if (!value->IsNumber() || !(value->GetDouble() >= 0)) {
      wrong(fmt::format("its \"{}\" is no number of seconds since 1970", name));
      return std::nullopt;
    }
    auto const seconds = std::min(value->GetDouble(), static_cast<double>(latest_second));
    auto const ms = static_cast<std::int64_t>(std::floor(seconds * 1000));
    return WallTime{} + std::chrono::milliseconds{ms};
  }
  std::string text(std::string_view name) {
    auto const* value = find(name);
    if (value == nullptr) return {};
    if (value->IsInt64()) return std::to_string(value->GetInt64());
    auto const is_name = [](std::string_view one) {
      return one.size() <= most_name_bytes && std::none_of(one.begin(), one.end(), [](char c) {
               return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
             });
    };
    if (value->IsString() && is_name(json::text_of(*value))) return std::string{json::text_of(*value)};
    wrong(fmt::format("its \"{}\" is no text of at most {} bytes without control characters", name, most_name_bytes));
    return {};
  }
  // A list of texts, or one text that is cut at spaces.
  std::vector<std::string> words(std::string_view name) {
    std::vector<std::string> out;
    auto const* value = find(name);
    if (value == nullptr) return out;
    auto add = [&](std::string_view word) {
      if (word.size() > most_scope_bytes || out.size() == most_scopes) return false;
      if (!word.empty()) out.emplace_back(word);
      return true;
    };
    bool good = value->IsArray() || value->IsString();
    if (value->IsArray()) {
      for (auto const& one : value->GetArray()) good = good && one.IsString() && add(json::text_of(one));
    } else if (good) {
      auto rest = json::text_of(*value);
      while (good && !rest.empty()) {
        auto const end = std::min(rest.find(' '), rest.size());
        good = add(rest.substr(0, end));
        rest.remove_prefix(std::min(end + 1, rest.size()));
      }
    }
    if (!good)
      wrong(fmt::format("its \"{}\" is neither a list of texts nor one text with spaces (at most {} of {} bytes)", name,
                        most_scopes, most_scope_bytes));
    return out;
  }
  bool names(std::string_view name, std::string_view wanted) const {
    auto const* value = json::find(claims_, name);
    if (value == nullptr) return false;
    auto const is = [&](json::Value const& one) { return one.IsString() && json::text_of(one) == wanted; };
    return is(*value) || (value->IsArray() && std::any_of(value->Begin(), value->End(), is));
  }

 private:
  json::Value const* find(std::string_view name) const {
    auto const* value = json::find(claims_, name);
    return value == nullptr || value->IsNull() ? nullptr : value;
  }
  void wrong(std::string text) {
    if (problem_.empty()) problem_ = std::move(text);
  }
  json::Value const& claims_;
  std::string problem_;
};

struct Header {
  std::string algorithm, key_id;
};
// Nothing when it is no header that can be understood whole.
std::optional<Header> read_header(std::string_view token) {
  auto const text = from_base64url(token.substr(0, token.find('.')));
  if (!text) return std::nullopt;
  auto const parsed = json::parse(*text);
  if (!parsed || !parsed->document.IsObject()) return std::nullopt;
  auto const* algorithm = json::find(parsed->document, "alg");
  auto const* key_id = json::find(parsed->document, "kid");
  if (algorithm == nullptr || !algorithm->IsString()) return std::nullopt;
  if (key_id != nullptr && !key_id->IsString()) return std::nullopt;
  if (json::find(parsed->document, "crit") != nullptr) return std::nullopt;  // something we must know and do not
  return Header{std::string{json::text_of(*algorithm)}, std::string{json::find_text(parsed->document, "kid")}};
}

// How long the last part is: 256 bits, or two numbers of that size.
std::size_t signature_bytes(Algorithm algorithm) {
  return algorithm == Algorithm::hs256 ? 32 : algorithm == Algorithm::es256 ? 64 : 0;
}

}  // namespace

JwtOutcome read_claims(std::string_view text, std::string fallback_id, JwtSettings const& settings, WallTime now) {
  auto const parsed = json::parse(text);
  if (!parsed || !parsed->document.IsObject())
    return refused("the token's claims are no JSON object that is taken here");
  Claims claims{parsed->document};
  auto const expires = claims.time("exp"), begins = claims.time("nbf"), issued = claims.time("iat");
  auto subject = claims.text("sub"), user = claims.text(settings.user_claim), id = claims.text("jti");
  auto scopes = claims.words(settings.scopes_claim);
  if (!claims.problem().empty()) return refused("the token cannot be taken: " + claims.problem());
  if (!expires) return refused("the token has no end; it must bring \"exp\"");
  if (now >= *expires + settings.clock_skew)
    return refused(fmt::format("the token has expired at {}; ask for a new one", iso_time(*expires)),
                   JwtRefusal::Why::expired);
  if (begins && now + settings.clock_skew < *begins)
    return refused(fmt::format("the token is good from {} on, which has not come yet", iso_time(*begins)));
  if (issued && now + settings.clock_skew < *issued)
    return refused("the token was issued in the future; its issuer's clock and ours differ too much");
  if (!settings.audience.empty() && !claims.names("aud", settings.audience))
    return refused("the token is meant for another audience");
  if (!settings.issuer.empty() && json::find_text(parsed->document, "iss") != settings.issuer)
    return refused("the token is from another issuer");

  if (id.empty()) id = std::move(fallback_id);
  auto const& name = !subject.empty() ? subject : !user.empty() ? user : id;
  JwtLogin out{.principal = {.name = "jwt:" + name, .scopes = std::move(scopes)}, .expires = *expires};
  out.principal.user_id = std::move(user);
  out.principal.token_id = std::move(id);
  return out;
}

Result<JwtReader> JwtReader::make(JwtSettings const& settings, std::string_view fetched) {
  JwtReader out;
  if (!settings.configured()) return out;
  out.settings_ = settings;
  auto const wrong = [](std::string_view where, std::string_view what) {
    return Error{Code::invalid_argument, fmt::format("security.jwt.{}: {}", where, what)};
  };
  for (auto const& name : settings.algorithms)
    if (!algorithm_named(name)) return wrong("algorithms", fmt::format("\"{}\" is none of HS256, RS256, ES256", name));
  auto const take_set = [&](std::string_view text, KeySetOrigin origin, std::string_view where) -> Result<void> {
    auto set = read_key_set(text, origin);
    if (!set) return wrong(where, set.error().message);
    std::erase_if(*set, [&](VerifyKey const& key) { return !out.takes(key.algorithm()); });
    if (set->empty()) return wrong(where, "no key of the set is for one of security.jwt.algorithms");
    for (auto& key : *set) out.keys_.push_back(std::move(key));
    return {};
  };
  if (!settings.key.empty()) {
    auto key = VerifyKey::from_text(settings.key);
    if (!key) return wrong("key", key.error().message);
    if (!out.takes(key->algorithm()))
      return wrong("key",
                   fmt::format("it is for {}, which is not among security.jwt.algorithms", name_of(key->algorithm())));
    out.keys_.push_back(std::move(*key));
  }
  if (!settings.key_set_problem.empty()) return wrong("jwks_file", settings.key_set_problem);
  if (!settings.key_set.empty())
    if (auto taken = take_set(settings.key_set, KeySetOrigin::file, "jwks_file"); !taken) return taken.error();
  if (!fetched.empty())
    if (auto taken = take_set(fetched, KeySetOrigin::url, "jwks_url"); !taken) return taken.error();
  return out;
}

bool JwtReader::looks_like_one(std::string_view text) { return std::count(text.begin(), text.end(), '.') == 2; }

bool JwtReader::takes(Algorithm algorithm) const {
  return std::find(settings_.algorithms.begin(), settings_.algorithms.end(), name_of(algorithm)) !=
         settings_.algorithms.end();
}

// The keys with the id that the token names, else those that have none; all of them for a token that names none.
std::vector<VerifyKey const*> JwtReader::fitting(Algorithm algorithm, std::string_view key_id) const {
  std::vector<VerifyKey const*> out;
  auto const gather = [&](auto const& fits) {
    for (auto const& key : keys_)
      if (key.algorithm() == algorithm && out.size() < most_tries && fits(key)) out.push_back(&key);
  };
  if (key_id.empty()) {
    gather([](VerifyKey const&) { return true; });
  } else {
    gather([&](VerifyKey const& key) { return key.id() == key_id; });
    if (out.empty()) gather([](VerifyKey const& key) { return key.id().empty(); });
  }
  return out;
}

JwtOutcome JwtReader::read(std::string_view token, WallTime now) const {
  if (token.size() > most_bytes) return refused(fmt::format("the token is longer than {} bytes", most_bytes));
  if (!looks_like_one(token)) return refused("the token is not known here");
  auto const first = token.find('.'), last = token.rfind('.');
  auto const header = read_header(token);
  if (!header || !is_base64url(token.substr(first + 1, last - first - 1)))
    return refused("the token is no JSON Web Token that can be read here");
  auto const algorithm = algorithm_named(header->algorithm);
  if (!algorithm || !takes(*algorithm)) return refused("the token is signed in a way that is not taken here");
  auto const signature = from_base64url(token.substr(last + 1));
  auto const size = signature_bytes(*algorithm);
  if (!signature || signature->empty() || (size != 0 && signature->size() != size))
    return refused("the token's signature is not right");
  auto const keys = fitting(*algorithm, header->key_id);
  if (keys.empty() && keys_.empty())
    return refused("the keys that tokens are checked with are not here yet; try again in a moment",
                   JwtRefusal::Why::no_keys);
  if (keys.empty())
    return refused("the token is signed with a key that is not known here", JwtRefusal::Why::unknown_key);
  // Keys without an id may be meant by any: when none of them is, it is a new one.
  bool const named = header->key_id.empty() || keys.front()->id() == header->key_id;
  for (auto const* key : keys)
    if (auto const claims = key->open(token))
      // Without its signature, which for ES256 anybody can give a second form.
      return read_claims(*claims, hex(sha256(token.substr(0, last))).substr(0, 16), settings_, now);
  return refused("the token's signature is not right", named ? JwtRefusal::Why::refused : JwtRefusal::Why::unknown_key);
}

}  // namespace patchbay::security
