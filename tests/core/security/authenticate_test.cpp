#include "table.hpp"

namespace patchbay::security {
namespace {

using testing::HasSubstr;

class Authenticate : public Table {
 protected:
  void with(Settings settings) { ASSERT_TRUE(security.apply(std::move(settings)).has_value()); }
  void with_tokens() {
    auto limited = token("old", "expired-token", {"ha.read"});
    limited.expires = "2020-01-01";  // the clock stands in 2019-12
    auto restricted = token("kitchen", "kitchen-token", {"system.read"});
    restricted.entities = RawJson{R"({"allow":["light.*","area:kitchen"],"deny":["light.cellar"]})"};
    restricted.user_id = "anna";
    with({.tokens = {token("all", "all-token", {"admin"}), limited, restricted}});
  }
  static std::string bearer(std::string_view token) {
    return fmt::format(R"({{"header":"Bearer {}","peer":"192.0.2.9"}})", token);
  }
};

TEST_F(Authenticate, AnonymousOnLoopbackHasTheScopesOfTheTable) {
  EXPECT_EQ(data("security_authenticate", "{}"),
            R"({"principal":"anonymous","scopes":["metrics.read","hub.read","hub.subscribe","hub.publish","ha.read",)"
            R"("ha.control","ha.write"]})");
  security.set_anonymous_plugin_scopes({"echo.say", "admin", "ha.read"});
  EXPECT_THAT(data("security_authenticate", "{}"), HasSubstr(R"("ha.write","echo.say"])"));
}

struct NoRights {
  char const* name;
  Settings settings;
  char const* args;
};

TEST_F(Authenticate, AnonymousHasNothingElsewhere) {
  for (auto const& row : {
           NoRights{"off", {.anonymous_auto = false}, "{}"},
           NoRights{"token configured", {.tokens = {token("a", "a", {})}}, "{}"},
           NoRights{"jwt configured",
                    {.jwt = {.algorithms = {"HS256"}, .key = "a secret that nobody in the whole world knows"}},
                    "{}"},
           NoRights{"behind a proxy", {}, R"({"forwarded":true})"},
       }) {
    with(row.settings);
    security.set_anonymous_plugin_scopes({"echo.say"});
    EXPECT_EQ(data("security_authenticate", row.args), R"({"principal":"anonymous","scopes":[]})") << row.name;
  }
  with({.loopback = false});
  EXPECT_THAT(data("security_authenticate", "{}"), HasSubstr("unauthenticated: a token is needed here"));
}

TEST_F(Authenticate, TheRunsOwnTokenIsAdminAndDoesNotEndAnonymousRights) {
  with({.run_token_sha256 = hex(sha256("run-token"))});
  EXPECT_EQ(data("security_authenticate", bearer("run-token")), R"({"principal":"token:run","scopes":["admin"]})");
  EXPECT_THAT(data("security_authenticate", "{}"), HasSubstr("ha.write"));
}

TEST_F(Authenticate, KnowsTokensByHeaderOrBare) {
  with_tokens();
  EXPECT_EQ(data("security_authenticate", bearer("all-token")), R"({"principal":"token:all","scopes":["admin"]})");
  EXPECT_EQ(data("security_authenticate", R"({"token":"all-token"})"),
            R"({"principal":"token:all","scopes":["admin"]})");
  EXPECT_EQ(data("security_authenticate", R"({"header":"bEARER   all-token "})"),
            R"({"principal":"token:all","scopes":["admin"]})");
  EXPECT_EQ(data("security_authenticate", bearer("expired-token")),
            R"({"principal":"token:old","scopes":["ha.read"],"expires_at":"2020-01-01T00:00:00Z"})");
}

TEST_F(Authenticate, GivesTypedCallersThePrincipal) {
  with_tokens();
  Call call{gateway_principal()};
  AuthenticateArgs args{.token = "kitchen-token", .who_only = true};
  auto result = security.authenticate(call, args);
  ASSERT_TRUE(result.has_value());
  EXPECT_EQ(result->who->user_id, "anna");
  EXPECT_EQ(result->who->token_id, "kitchen");
  EXPECT_TRUE(result->who->is_remote);
  EXPECT_FALSE(result->who->unrestricted);
  EXPECT_THAT(result->who->entities.text, HasSubstr("light.cellar"));
  EXPECT_TRUE(result->scopes.empty());
  EXPECT_FALSE(result->expires);
  auto limited = security.authenticate(call, {.token = "expired-token", .who_only = true});
  ASSERT_TRUE(limited.has_value());
  EXPECT_EQ(limited->expires, WallTime{std::chrono::sys_days{std::chrono::year{2020} / 1 / 1}});
}

TEST_F(Authenticate, RefusesAndSaysWhatWouldBeRight) {
  with_tokens();
  EXPECT_THAT(data("security_authenticate", bearer("all-tokem")), HasSubstr("unauthenticated: the token is not known"));
  EXPECT_THAT(data("security_authenticate", R"({"header":"Basic YTpi"})"),
              HasSubstr("send \"Authorization: Bearer <token>\""));
  EXPECT_THAT(data("security_authenticate", R"({"header":"Bearer  "})"), HasSubstr("unauthenticated"));
  EXPECT_THAT(data("security_authenticate", R"({"header":"Bearer"})"), HasSubstr("unauthenticated"));
  clock.advance(std::chrono::hours{24 * 60});
  EXPECT_THAT(data("security_authenticate", bearer("expired-token")),
              HasSubstr("unauthenticated: the token \"old\" has expired at 2020-01-01T00:00:00Z"));
  EXPECT_EQ(log.text.find("expired-token"), std::string::npos);
  EXPECT_EQ(log.text.find("all-tokem"), std::string::npos);
  EXPECT_EQ(log.text.find("YTpi"), std::string::npos);
}

TEST_F(Authenticate, LimitsFailuresByAddressButNeverAGoodToken) {
  with_tokens();
  for (int i = 0; i < 20; ++i) EXPECT_THAT(data("security_authenticate", bearer("x")), HasSubstr("unauthenticated"));
  clock.advance(std::chrono::seconds{20});
  auto limited = call("security_authenticate", bearer("x"));
  ASSERT_TRUE(limited.has_error());
  EXPECT_EQ(limited.error().code, Code::rate_limited);
  EXPECT_EQ(limited.error().retry_after_ms, 40'000U);
  EXPECT_THAT(data("security_authenticate", bearer("all-token")), HasSubstr("token:all"));
  EXPECT_THAT(data("security_authenticate", R"({"token":"x","peer":"192.0.2.10"})"), HasSubstr("unauthenticated"));
  EXPECT_THAT(data("security_authenticate", R"({"peer":"192.0.2.9"})"), HasSubstr("anonymous"));
  clock.advance(std::chrono::seconds{40});
  EXPECT_THAT(data("security_authenticate", bearer("x")), HasSubstr("unauthenticated"));
  EXPECT_THAT(data("security_stats", "{}"), HasSubstr(R"("refused":22,"limited":1,"watched_addresses":2)"));
}

TEST(FailedLogins, CountsAnIpv6HouseholdAsOneAndMappedAddressesAsIpv4) {
  EXPECT_EQ(FailedLogins::key_of("2001:db8::1"), FailedLogins::key_of("2001:db8::ffff:2"));
  EXPECT_NE(FailedLogins::key_of("2001:db8::1"), FailedLogins::key_of("2001:db8:0:1::1"));
  EXPECT_EQ(FailedLogins::key_of("::ffff:192.0.2.1"), "192.0.2.1");
  EXPECT_EQ(FailedLogins::key_of(std::string(1000, 'x')).size(), 64U);
}

TEST(FailedLogins, StaysBounded) {
  FailedLogins failures;
  ManualClock clock;
  for (unsigned i = 0; i < 20'000; ++i) failures.note(fmt::format("10.{}.{}.1", i / 256, i % 256), clock.now(), 20);
  EXPECT_EQ(failures.watched(clock.now()), FailedLogins::most);
  clock.advance(std::chrono::minutes{1});
  EXPECT_EQ(failures.watched(clock.now()), 0U);
}

TEST_F(Authenticate, SettingsThatAreWrongChangeNothing) {
  with_tokens();
  auto bad = security.settings();
  bad.tokens[0].sha256 = "abc";
  EXPECT_EQ(security.apply(bad).error().code, Code::invalid_argument);
  bad = security.settings();
  bad.tokens[0].expires = "2020-02-31";
  EXPECT_TRUE(security.apply(bad).has_error());
  bad = security.settings();
  bad.outgoing_allow = {"http://x"};
  EXPECT_TRUE(security.apply(bad).has_error());
  EXPECT_THAT(data("security_authenticate", bearer("all-token")), HasSubstr("token:all"));
}

TEST_F(Authenticate, AuthorizesByScopeAndEntity) {
  with_tokens();
  auto ask = [&](std::string_view who, std::string_view resource) {
    return data("security_authorize",
                fmt::format(R"({{"principal":"{}","interface":"SECURITY","operation":"stats","resource":"{}"}})", who,
                            resource));
  };
  EXPECT_THAT(ask("token:all", ""), HasSubstr(R"("allowed":true,"scope":"metrics.read")"));
  EXPECT_THAT(ask("host", "light.cellar"), HasSubstr(R"("allowed":true)"));
  EXPECT_THAT(ask("token:kitchen", ""), HasSubstr("does not have the scope metrics.read"));
  EXPECT_THAT(ask("anonymous", ""), HasSubstr(R"("allowed":false)"));
  EXPECT_THAT(ask("nobody", ""), HasSubstr("forbidden: there is no such principal"));
  EXPECT_THAT(data("security_authorize", R"({"principal":"host","interface":"SECURITY","operation":"stat"})"),
              HasSubstr("not_found: no tool \"security_stat\"; the nearest are security_stats"));
  auto settings = security.settings();
  settings.tokens[2].scopes = {"metrics.*"};
  with(settings);
  EXPECT_THAT(ask("token:kitchen", "light.sink"), HasSubstr(R"("allowed":true)"));
  EXPECT_THAT(ask("token:kitchen", "light.cellar"), HasSubstr("may not touch light.cellar"));
  EXPECT_THAT(ask("token:kitchen", "lock.door"), HasSubstr("may not touch lock.door"));
  EXPECT_THAT(ask("token:kitchen", "area:kitchen"), HasSubstr(R"("allowed":true)"));
}

}  // namespace
}  // namespace patchbay::security
