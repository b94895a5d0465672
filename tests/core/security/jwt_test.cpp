// JSON Web Tokens through SECURITY.authenticate: what is taken, and every reason to refuse.
#include "core/security/jwt.hpp"

#include <spdlog/fmt/fmt.h>

#include "jwt_maker.hpp"
#include "table.hpp"

namespace patchbay::security {
namespace {

using testing::HasSubstr;

constexpr std::string_view secret = "a secret of thirty-two bytes, or more";

made::Key const& rsa() {
  static auto const key = made::Key::rsa();
  return key;
}
made::Key const& other_rsa() {
  static auto const key = made::Key::rsa();
  return key;
}
made::Key const& ec() {
  static auto const key = made::Key::ec();
  return key;
}
std::string key_set(std::initializer_list<std::string> keys) {
  return fmt::format(R"({{"keys":[{}]}})", fmt::join(keys, ","));
}

class Jwt : public Table {
 protected:
  // NOW, NOW+60 and NOW-60 in a text become times by the clock, in seconds.
  std::string at(std::string_view claims) const {
    std::string out;
    auto const now = std::chrono::duration_cast<std::chrono::seconds>(clock.wall().time_since_epoch()).count();
    for (auto found = claims.find("NOW"); found != std::string_view::npos; found = claims.find("NOW")) {
      out += claims.substr(0, found);
      claims.remove_prefix(found + 3);
      auto const end = std::min(claims.find_first_not_of("+-0123456789"), claims.size());
      out += std::to_string(now + (end > 0 ? std::stoll(std::string{claims.substr(0, end)}) : 0));
      claims.remove_prefix(end);
    }
    return out + std::string{claims};
  }
  void with(JwtSettings settings) {
    auto const applied = security.apply({.jwt = std::move(settings)});
    ASSERT_TRUE(applied.has_value()) << applied.error().message;
  }
  void with_secret() { with({.algorithms = {"HS256"}, .key = std::string{secret}}); }
  std::string login(std::string_view token) {
    return data("security_authenticate", fmt::format(R"({{"header":"Bearer {}"}})", token));
  }
  std::string login_with(std::string_view claims) { return login(made::hs256(secret, at(claims))); }
  std::string refusal_of(Settings const& settings) {
    auto const problem = Security::problem(settings);
    return problem ? problem->message : "";
  }
};

TEST_F(Jwt, TakesTheExamplesOfRfc7515) {
  auto const then = WallTime{std::chrono::seconds{1300819379}};
  auto const hs = JwtReader::make(
      {.algorithms = {"HS256"},
       .key_set =
           R"({"keys":[{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}]})"},
      {});
  ASSERT_TRUE(hs.has_value()) << hs.error().message;
  std::string_view const claims =
      "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
  auto const first = hs->read(fmt::format("eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.{}.{}", claims,
                                          "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
                              then);
  ASSERT_TRUE(std::holds_alternative<JwtLogin>(first)) << std::get<JwtRefusal>(first).message;
  EXPECT_EQ(std::get<JwtLogin>(first).expires, WallTime{std::chrono::seconds{1300819380}});

  auto const es = JwtReader::make(
      {.algorithms = {"ES256"},
       .key_set = R"({"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
                  R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]})"},
      {});
  ASSERT_TRUE(es.has_value()) << es.error().message;
  auto const second =
      es->read(fmt::format("eyJhbGciOiJFUzI1NiJ9.{}.{}", claims,
                           "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"),
               then);
  ASSERT_TRUE(std::holds_alternative<JwtLogin>(second)) << std::get<JwtRefusal>(second).message;
}

TEST_F(Jwt, SaysWhoItIsFor) {
  with_secret();
  EXPECT_EQ(login_with(R"({"sub":"anna","exp":NOW+60,"jti":"t-1","scopes":["hub.subscribe","ha.*"]})"),
            fmt::format(R"({{"principal":"jwt:anna","scopes":["hub.subscribe","ha.*"],"expires_at":"{}"}})",
                        "2019-12-20T00:01:00.000Z"));
  Call call{gateway_principal()};
  AuthenticateArgs args{
      .token = made::hs256(secret, at(R"({"sub":"anna","exp":NOW+60.5,"jti":"t-1","scopes":"a b  c"})")),
      .who_only = true};
  auto const result = security.authenticate(call, args);
  ASSERT_TRUE(result.has_value()) << result.error().message;
  EXPECT_EQ(result->who->user_id, "anna");
  EXPECT_EQ(result->who->token_id, "t-1");
  EXPECT_THAT(result->who->scopes, testing::ElementsAre("a", "b", "c"));
  EXPECT_TRUE(result->who->is_remote);
  EXPECT_FALSE(result->who->unrestricted);
  EXPECT_EQ(result->expires, clock.wall() + std::chrono::milliseconds{60'500});
  EXPECT_FALSE(result->expires_at);
}

TEST_F(Jwt, GivesATokenWithoutAnIdTheHashOfWhatWasSigned) {
  with_secret();
  Call call{gateway_principal()};
  auto id_of = [&](std::string_view claims) {
    auto result = security.authenticate(call, {.token = made::hs256(secret, at(claims)), .who_only = true});
    return result ? result->who->token_id : result.error().message;
  };
  auto const id = id_of(R"({"sub":"anna","exp":NOW+60})");
  EXPECT_EQ(id.size(), 16U) << id;
  EXPECT_EQ(id, id_of(R"({"sub":"anna","exp":NOW+60})"));
  EXPECT_NE(id, id_of(R"({"sub":"anna","exp":NOW+61})"));
}

TEST_F(Jwt, ReadsOtherClaimsWhenConfigured) {
  with({.algorithms = {"HS256"},
        .key = std::string{secret},
        .audience = "patchbay",
        .issuer = "https://issuer.example",
        .user_claim = "uid",
        .scopes_claim = "scp"});
  EXPECT_THAT(login_with(R"({"sub":"s","uid":7,"scp":"hub.read","exp":NOW+1,"aud":["x","patchbay"],)"
                         R"("iss":"https://issuer.example","scopes":["admin"]})"),
              HasSubstr(R"("principal":"jwt:s","scopes":["hub.read"])"));
  EXPECT_THAT(login_with(R"({"uid":7,"exp":NOW+1,"aud":"patchbay","iss":"https://issuer.example"})"),
              HasSubstr(R"("principal":"jwt:7","scopes":[])"));
}

struct Claims {
  char const* name;
  char const* claims;
  char const* message;  // empty: taken
};

TEST_F(Jwt, ChecksTheClaims) {
  ASSERT_TRUE(
      security
          .apply({.jwt = {.algorithms = {"HS256"}, .key = std::string{secret}, .audience = "patchbay", .issuer = "us"},
                  .failed_logins_per_minute = 1000})
          .has_value());
  for (auto const& row : {
           Claims{"good", R"({"exp":NOW+1,"aud":"patchbay","iss":"us"})", ""},
           Claims{"no end", R"({"aud":"patchbay","iss":"us"})", "the token has no end"},
           Claims{"an end of null", R"({"exp":null,"aud":"patchbay","iss":"us"})", "the token has no end"},
           Claims{"an end as text", R"({"exp":"NOW+1","aud":"patchbay","iss":"us"})", "\"exp\" is no number"},
           Claims{"an end before 1970", R"({"exp":-1,"aud":"patchbay","iss":"us"})", "\"exp\" is no number"},
           Claims{"an end far away", R"({"exp":1e300,"aud":"patchbay","iss":"us"})", ""},
           Claims{"just within the skew", R"({"exp":NOW-29,"aud":"patchbay","iss":"us"})", ""},
           Claims{"expired", R"({"exp":NOW-30,"aud":"patchbay","iss":"us"})",
                  "the token has expired at 2019-12-19T23:59:30.000Z; ask for a new one"},
           Claims{"begins within the skew", R"({"exp":NOW+90,"nbf":NOW+30,"aud":"patchbay","iss":"us"})", ""},
           Claims{"not yet", R"({"exp":NOW+90,"nbf":NOW+31,"aud":"patchbay","iss":"us"})",
                  "the token is good from 2019-12-20T00:00:31.000Z on"},
           Claims{"nbf as text", R"({"exp":NOW+90,"nbf":"x","aud":"patchbay","iss":"us"})", "\"nbf\" is no number"},
           Claims{"issued within the skew", R"({"exp":NOW+90,"iat":NOW+30,"aud":"patchbay","iss":"us"})", ""},
           Claims{"issued in the future", R"({"exp":NOW+90,"iat":NOW+31,"aud":"patchbay","iss":"us"})",
                  "the token was issued in the future"},
           Claims{"another audience", R"({"exp":NOW+1,"aud":"patchba","iss":"us"})", "meant for another audience"},
           Claims{"other audiences", R"({"exp":NOW+1,"aud":["a","b"],"iss":"us"})", "meant for another audience"},
           Claims{"no audience", R"({"exp":NOW+1,"iss":"us"})", "meant for another audience"},
           Claims{"an audience of a wrong kind", R"({"exp":NOW+1,"aud":{"patchbay":1},"iss":"us"})",
                  "meant for another audience"},
           Claims{"another issuer", R"({"exp":NOW+1,"aud":"patchbay","iss":"them"})", "from another issuer"},
           Claims{"no issuer", R"({"exp":NOW+1,"aud":"patchbay"})", "from another issuer"},
           Claims{"issuers", R"({"exp":NOW+1,"aud":"patchbay","iss":["us"]})", "from another issuer"},
           Claims{"a claim twice", R"({"exp":NOW-99,"exp":NOW+1,"aud":"patchbay","iss":"us"})", "are no JSON object"},
           Claims{"scopes twice", R"({"exp":NOW+1,"aud":"patchbay","iss":"us","scopes":[],"scopes":["admin"]})",
                  "are no JSON object"},
           Claims{"a list", R"([{"exp":NOW+1}])", "are no JSON object"},
           Claims{"no JSON", "exp", "are no JSON object"},
           Claims{"nothing", "", "are no JSON object"},
           Claims{"scopes of numbers", R"({"exp":NOW+1,"aud":"patchbay","iss":"us","scopes":[1]})",
                  "\"scopes\" is neither a list of texts"},
           Claims{"scopes in an object", R"({"exp":NOW+1,"aud":"patchbay","iss":"us","scopes":{"admin":true}})",
                  "\"scopes\" is neither a list of texts"},
           Claims{"a subject with a line end", R"({"exp":NOW+1,"aud":"patchbay","iss":"us","sub":"a\nb"})",
                  "\"sub\" is no text"},
           Claims{"a subject in a list", R"({"exp":NOW+1,"aud":"patchbay","iss":"us","sub":["anna"]})",
                  "\"sub\" is no text"},
       }) {
    auto const said = login_with(row.claims);
    if (*row.message == '\0')
      EXPECT_THAT(said, HasSubstr(R"("principal":"jwt:)")) << row.name;
    else
      EXPECT_THAT(said, testing::AllOf(testing::StartsWith("unauthenticated: "), HasSubstr(row.message))) << row.name;
    EXPECT_THAT(said, testing::Not(HasSubstr("patchbay"))) << row.name << ": tells what would have been right";
  }
}

TEST_F(Jwt, TakesOnlyTheAlgorithmOfTheKey) {
  auto const good = at(R"({"sub":"anna","exp":NOW+60})");
  with({.algorithms = {"RS256"}, .key = rsa().public_pem()});
  EXPECT_THAT(login(made::signed_by(rsa(), R"({"alg":"RS256"})", good)), HasSubstr("jwt:anna"));
  EXPECT_THAT(login(made::signed_by(other_rsa(), R"({"alg":"RS256"})", good)), HasSubstr("signature is not right"));
  // The public key, which anybody may know, as the secret of HS256.
  EXPECT_THAT(login(made::hs256(rsa().public_pem(), good)), HasSubstr("in a way that is not taken here"));
  with({.algorithms = {"RS256", "HS256", "ES256"}, .key = rsa().public_pem()});
  EXPECT_THAT(login(made::hs256(rsa().public_pem(), good)), HasSubstr("with a key that is not known here"));
  EXPECT_THAT(login(made::signed_by(ec(), R"({"alg":"ES256"})", good)), HasSubstr("with a key that is not known here"));
  // A right signature under a wrong name.
  EXPECT_THAT(login(made::signed_by(rsa(), R"({"alg":"PS256"})", good)), HasSubstr("in a way that is not taken here"));
  EXPECT_THAT(login(made::signed_by(rsa(), R"({"alg":"rs256"})", good)), HasSubstr("in a way that is not taken here"));

  with({.algorithms = {"ES256"}, .key = ec().public_pem()});
  EXPECT_THAT(login(made::signed_by(ec(), R"({"alg":"ES256"})", good)), HasSubstr("jwt:anna"));
  EXPECT_THAT(login(made::signed_by(made::Key::ec(), R"({"alg":"ES256"})", good)), HasSubstr("signature is not right"));
  with({.algorithms = {"HS256"}, .key = std::string{secret}});
  EXPECT_THAT(login(made::hs256("another secret of many, many bytes", good)), HasSubstr("signature is not right"));
}

TEST_F(Jwt, RefusesWhatIsNotSigned) {
  with({.algorithms = {"HS256", "RS256"}, .key = std::string{secret}});
  auto const claims = made::base64url(at(R"({"sub":"anna","exp":NOW+60,"scopes":["admin"]})"));
  for (std::string_view header : {R"({"alg":"none"})", R"({"alg":"None"})", R"({"alg":"NONE"})", R"({"alg":""})"}) {
    EXPECT_THAT(login(made::base64url(header) + "." + claims + "."), HasSubstr("unauthenticated")) << header;
    EXPECT_THAT(login(made::base64url(header) + "." + claims + ".AAAA"), HasSubstr("unauthenticated")) << header;
  }
  auto const hs = made::base64url(R"({"alg":"HS256"})");
  EXPECT_THAT(login(hs + "." + claims + "."), HasSubstr("signature is not right"));
  EXPECT_THAT(login(hs + "." + claims + "." + made::base64url(std::string(32, '\0'))),
              HasSubstr("signature is not right"));
  EXPECT_THAT(login(made::base64url(R"({"alg":"RS256"})") + "." + claims + "."), HasSubstr("signature is not right"));
}

TEST_F(Jwt, RefusesWhatWasChangedOnTheWay) {
  with_secret();
  auto const token = made::hs256(secret, at(R"({"sub":"anna","exp":NOW+60})"));
  ASSERT_THAT(login(token), HasSubstr("jwt:anna"));
  auto const second = token.find('.') + 1, third = token.rfind('.') + 1;
  auto with_claims = token;
  with_claims.replace(second, third - 1 - second, made::base64url(at(R"({"sub":"otto","exp":NOW+60})")));
  EXPECT_THAT(login(with_claims), HasSubstr("signature is not right"));
  auto with_header = token;
  with_header.replace(0, second - 1, made::base64url(R"({"alg":"HS256","typ":"jwt"})"));
  EXPECT_THAT(login(with_header), HasSubstr("signature is not right"));
  EXPECT_THAT(login(token.substr(0, token.size() - 1)), HasSubstr("unauthenticated"));
  EXPECT_THAT(login(token + "A"), HasSubstr("unauthenticated"));
}

TEST_F(Jwt, RefusesGarbageAndSaysLittle) {
  with_secret();
  auto const good = at(R"({"sub":"anna","exp":NOW+60})");
  for (std::string const& token : std::initializer_list<std::string>{
           "..", "a.b.c", "eyJ.eyJ.eyJ", "....", "*.*.*", made::base64url("[]") + ".e30.AAAA",
           made::base64url(R"({"alg":1})") + ".e30.AAAA", made::base64url(R"({"typ":"JWT"})") + ".e30.AAAA",
           made::base64url("\xff\xfe") + ".e30.AAAA", std::string(5000, 'A') + "." + std::string(1000, 'B') + ".C",
           made::hs256(secret, good, R"({"alg":"HS256","alg":"HS256"})"),
           made::hs256(secret, good, R"({"alg":"none","alg":"HS256"})"),
           made::hs256(secret, good, R"({"alg":"HS256","crit":["exp"]})"),
           made::hs256(secret, good, R"({"alg":"HS256","kid":7})"),
           "eyJhbGciOiJIUzI1NiJ9.eyJl=HAiOjF9.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
           made::hs256(secret, good, R"({"alg":"HS256"} )") + "=", made::hs256(secret, good) + ".x"}) {
    auto const said = login(token);
    EXPECT_THAT(said, testing::StartsWith("unauthenticated: ")) << token.substr(0, 60);
    EXPECT_EQ(said.find("anna"), std::string::npos);
    EXPECT_EQ(log.text.find(token), std::string::npos) << "a token stands in the log";
    clock.advance(std::chrono::seconds{4});
  }
  auto const reader = JwtReader::make(security.settings().jwt, {});
  auto const outcome = reader->read(made::hs256(secret, good + std::string(9000, ' ')), clock.wall());
  ASSERT_TRUE(std::holds_alternative<JwtRefusal>(outcome));
  EXPECT_THAT(std::get<JwtRefusal>(outcome).message, HasSubstr("longer than 8192 bytes"));
}

TEST_F(Jwt, CountsFailuresLikeThoseOfTokens) {
  with_secret();
  auto const expired = made::hs256(secret, at(R"({"exp":NOW-60})"));
  for (int i = 0; i < 20; ++i) EXPECT_THAT(login(expired), HasSubstr("has expired"));
  EXPECT_THAT(login(expired), HasSubstr("rate_limited"));
  EXPECT_THAT(login_with(R"({"sub":"anna","exp":NOW+60})"), HasSubstr("jwt:anna"));
  EXPECT_THAT(log.text, HasSubstr("method=jwt result=expired"));
}

TEST_F(Jwt, StandsBesideConfiguredTokens) {
  ASSERT_TRUE(security
                  .apply({.tokens = {token("dotted", "a.b.c", {"admin"})},
                          .jwt = {.algorithms = {"HS256"}, .key = std::string{secret}}})
                  .has_value());
  EXPECT_THAT(login("a.b.c"), HasSubstr("token:dotted"));
  EXPECT_THAT(login_with(R"({"sub":"anna","exp":NOW+60})"), HasSubstr("jwt:anna"));
  EXPECT_THAT(login("abc"), HasSubstr("the token is not known here"));
  ASSERT_TRUE(security.apply({.tokens = {token("dotted", "a.b.c", {"admin"})}}).has_value());
  EXPECT_THAT(login_with(R"({"sub":"anna","exp":NOW+60})"), HasSubstr("the token is not known here"));
}

TEST_F(Jwt, FindsTheKeyInASet) {
  auto const good = at(R"({"sub":"anna","exp":NOW+60})");
  with({.algorithms = {"RS256", "ES256"},
        .key_set = key_set({other_rsa().jwk(R"("kid":"old","use":"sig","alg":"RS256",)"), rsa().jwk(R"("kid":"new",)"),
                            ec().jwk(R"("kid":"e","key_ops":["verify"],)"),
                            R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})"})});
  EXPECT_THAT(data("security_stats", "{}"), HasSubstr(R"("jwt_keys":3)"));
  EXPECT_THAT(login(made::signed_by(rsa(), R"({"alg":"RS256","kid":"new"})", good)), HasSubstr("jwt:anna"));
  EXPECT_THAT(login(made::signed_by(ec(), R"({"alg":"ES256","kid":"e"})", good)), HasSubstr("jwt:anna"));
  EXPECT_THAT(login(made::signed_by(rsa(), R"({"alg":"RS256"})", good)), HasSubstr("jwt:anna"));
  EXPECT_THAT(login(made::signed_by(rsa(), R"({"alg":"RS256","kid":"old"})", good)),
              HasSubstr("signature is not right"));
  EXPECT_THAT(login(made::signed_by(rsa(), R"({"alg":"RS256","kid":"none"})", good)),
              HasSubstr("with a key that is not known here"));
  EXPECT_THAT(login(made::signed_by(rsa(), R"({"alg":"RS256","kid":"e"})", good)),
              HasSubstr("with a key that is not known here"));
}

TEST_F(Jwt, RespectsWhatAKeyIsFor) {
  auto const good = at(R"({"sub":"anna","exp":NOW+60})");
  for (std::string_view more :
       {R"("use":"enc",)", R"("alg":"RS512",)", R"("alg":"RSA-OAEP",)", R"("key_ops":["sign"],)", R"("use":7,)"}) {
    with({.algorithms = {"RS256"}, .key_set = key_set({other_rsa().jwk(), rsa().jwk(more)})});
    EXPECT_THAT(login(made::signed_by(rsa(), R"({"alg":"RS256"})", good)), HasSubstr("signature is not right")) << more;
  }
}

TEST_F(Jwt, TriesAtMostSixteenKeys) {
  auto const good = at(R"({"sub":"anna","exp":NOW+60})");
  std::string keys;
  for (int i = 0; i < 16; ++i)
    keys +=
        fmt::format(R"({{"kty":"oct","k":"{}"}},)", made::base64url(fmt::format("one of many keys, number {:>8}", i)));
  auto const last = fmt::format(R"({{"kty":"oct","k":"{}"}})", made::base64url(secret));
  with({.algorithms = {"HS256"}, .key_set = R"({"keys":[)" + keys + last + "]}"});
  EXPECT_THAT(login(made::hs256(secret, good)), HasSubstr("signature is not right"));
  with({.algorithms = {"HS256"}, .key_set = R"({"keys":[)" + last + "," + keys.substr(0, keys.size() - 1) + "]}"});
  EXPECT_THAT(login(made::hs256(secret, good)), HasSubstr("jwt:anna"));
}

TEST_F(Jwt, TakesKeysThatComeLater) {
  auto const good = at(R"({"sub":"anna","exp":NOW+600})");
  int asked = 0;
  security.on_unknown_key([&] { ++asked; });
  with({.algorithms = {"RS256"}, .key_set_url = "https://issuer.example/keys"});
  auto const token = made::signed_by(rsa(), R"({"alg":"RS256","kid":"a"})", good);
  auto const early = call("security_authenticate", fmt::format(R"({{"token":"{}"}})", token));
  ASSERT_TRUE(early.has_error());
  EXPECT_EQ(early.error().code, Code::unavailable);
  EXPECT_EQ(early.error().retry_after_ms, 1000U);
  EXPECT_EQ(asked, 1);

  ASSERT_TRUE(security.set_keys(key_set({other_rsa().jwk(R"("kid":"old",)")})).has_value());
  EXPECT_THAT(login(token), HasSubstr("unauthenticated: the token is signed with a key that is not known here"));
  EXPECT_EQ(asked, 2);
  ASSERT_TRUE(security.set_keys(key_set({rsa().jwk(R"("kid":"a",)")})).has_value());
  EXPECT_THAT(login(token), HasSubstr("jwt:anna"));
  EXPECT_EQ(asked, 2);

  for (std::string const& broken : {std::string{"<html>"}, std::string{"{}"}, key_set({}), key_set({ec().jwk()})})
    EXPECT_TRUE(security.set_keys(broken).has_error()) << broken;
  EXPECT_THAT(login(token), HasSubstr("jwt:anna"));
  EXPECT_THAT(security.set_keys(key_set({R"({"kty":"oct","k":"YSBzZWNyZXQgb2YgdGhpcnR5LXR3byBieXRlcywgb3IgbW9yZQ"})"}))
                  .error()
                  .message,
              HasSubstr("a secret that anybody can fetch is none"));

  // Other settings leave the keys alone, another address does not.
  auto settings = security.settings();
  settings.origins = {"http://localhost:3000"};
  ASSERT_TRUE(security.apply(settings).has_value());
  EXPECT_THAT(login(token), HasSubstr("jwt:anna"));
  settings.jwt.key_set_url = "https://other.example/keys";
  ASSERT_TRUE(security.apply(settings).has_value());
  EXPECT_THAT(login(token), HasSubstr("unavailable"));
}

TEST_F(Jwt, AKeyFileMayChange) {
  with({.algorithms = {"RS256"}, .key_set = key_set({other_rsa().jwk()})});
  auto const token = made::signed_by(rsa(), R"({"alg":"RS256"})", at(R"({"sub":"anna","exp":NOW+60})"));
  EXPECT_THAT(login(token), HasSubstr("signature is not right"));
  ASSERT_TRUE(security.set_key_file(key_set({rsa().jwk()})).has_value());
  EXPECT_THAT(login(token), HasSubstr("jwt:anna"));
  EXPECT_TRUE(security.set_key_file("{}").has_error());
  EXPECT_THAT(login(token), HasSubstr("jwt:anna"));
}

TEST_F(Jwt, SettingsSayWhatIsWrongWithAKey) {
  auto problem = [&](JwtSettings jwt) { return refusal_of({.jwt = std::move(jwt)}); };
  EXPECT_EQ(problem({.algorithms = {"RS256"}, .key = rsa().public_pem()}), "");
  EXPECT_THAT(problem({.algorithms = {"HS256"}, .key = rsa().public_pem()}),
              HasSubstr("security.jwt.key: it is for RS256, which is not among security.jwt.algorithms"));
  EXPECT_THAT(problem({.algorithms = {"RS256"}, .key = std::string{secret}}), HasSubstr("it is for HS256"));
  EXPECT_THAT(problem({.algorithms = {"RS256"}, .key = rsa().private_pem()}), HasSubstr("is a private key"));
  EXPECT_THAT(problem({.algorithms = {"RS256"}, .key = made::Key::rsa(1024).public_pem()}),
              HasSubstr("an RSA key of 1024 bits; it must have 2048"));
  EXPECT_THAT(problem({.algorithms = {"ES256"}, .key = made::Key::ec("P-384").public_pem()}),
              HasSubstr("of a kind that is not taken"));
  EXPECT_THAT(problem({.algorithms = {"RS256"}, .key = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"}),
              HasSubstr("cannot be read as PEM"));
  EXPECT_EQ(problem({.algorithms = {"HS256"}, .key = std::string(32, 'k')}), "");
  EXPECT_THAT(problem({.algorithms = {"HS256"}, .key = std::string(31, 'k')}),
              HasSubstr("security.jwt.key: is a secret of 31 bytes; HS256 needs 32 at least"));
  EXPECT_THAT(problem({.algorithms = {"HS256"}, .key_set = R"({"keys":[{"kty":"oct","k":"c2VjcmV0"}]})"}),
              HasSubstr("security.jwt.jwks_file: no key of the set can be used: a secret must have 32 bytes at least"));
  EXPECT_THAT(problem({.algorithms = {"none"}, .key = "k"}), HasSubstr("\"none\" is none of HS256, RS256, ES256"));
  EXPECT_THAT(problem({.algorithms = {"RS256"}, .key_set_problem = "/x is no file that can be read"}),
              HasSubstr("security.jwt.jwks_file: /x is no file"));
  EXPECT_THAT(problem({.algorithms = {"RS256"}, .key_set = "{}"}), HasSubstr("{\"keys\":[..]} is needed"));
  EXPECT_THAT(problem({.algorithms = {"RS256"}, .key_set = key_set({ec().jwk()})}),
              HasSubstr("no key of the set is for one of security.jwt.algorithms"));
  EXPECT_THAT(problem({.algorithms = {"RS256"}, .key_set = key_set({made::Key::rsa(1024).jwk()})}),
              HasSubstr("an RSA key must have 2048 to 8192 bits"));
  EXPECT_THAT(
      problem({.algorithms = {"ES256"}, .key_set = R"({"keys":[{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"}]})"}),
      HasSubstr("a key's numbers are missing or wrong"));
  EXPECT_THAT(problem({.algorithms = {"RS256"}, .key_set = R"({"keys":[{"kty":"RSA","e":"AQAB"}]})"}),
              HasSubstr("a key's numbers are missing or wrong"));
  EXPECT_THAT(problem({.algorithms = {"HS256"}, .key_set = R"({"keys":[{"kty":"oct","k":"AA=AAAAA"}]})"}),
              HasSubstr("a key's \"k\" must be base64url without padding"));
}

}  // namespace
}  // namespace patchbay::security
