#include "core/config/load.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace patchbay::config {
namespace {

using testing::HasSubstr;

LoadOptions options(Environment environment = {}) {
  return {.path = "test.yaml", .environment = std::move(environment)};
}
Loaded from(std::string_view text, Environment environment = {}) {
  return load_text(text, options(std::move(environment)));
}

TEST(ConfigLoad, NothingGivenIsTheDefaults) {
  auto loaded = from("");
  EXPECT_EQ(loaded.problem_text(), "");
  EXPECT_EQ(loaded.values.server.listen, std::vector<std::string>{"127.0.0.1:8765"});
  EXPECT_EQ(loaded.values.security.failed_logins_per_minute, 20U);
  EXPECT_TRUE(loaded.values.security.anonymous_auto);
  EXPECT_EQ(loaded.values.logging.level, "info");
  EXPECT_EQ(
      loaded.values.plugins.settings.at("home_assistant").text,
      R"({"allow_code":false,"allow_secrets":false,"config_root":"","read_only":false,"supervisor":{"token":"","url":""},"token":"","url":"","vision":{"faces":false,"key":"","model":"","url":""}})");
}

TEST(ConfigLoad, SectionsWithAllKeysCommentedOutAreTheDefaults) {
  auto loaded = from("security:\nlogging:\n  level:\nplugins:\n  home_assistant:\n");
  EXPECT_EQ(loaded.problem_text(), "");
  EXPECT_EQ(loaded.values.logging.level, "info");
}

struct Row {
  char const* name;
  char const* text;
  char const* problem;  // a part of it
};
void PrintTo(Row const& row, std::ostream* out) { *out << row.name; }
class ConfigRefuses : public testing::TestWithParam<Row> {};

TEST_P(ConfigRefuses, WithFileLineKeyAndWhatIsRight) {
  auto const text = from(GetParam().text).problem_text();
  EXPECT_THAT(text, HasSubstr(GetParam().problem));
}

INSTANTIATE_TEST_SUITE_P(
    Table, ConfigRefuses,
    testing::Values(
        Row{"unknown_key", "server:\n  listn: []\n",
            "test.yaml:2: server.listn: unknown key; did you mean \"listen\"?"},
        Row{"unknown_section", "\nsecurty:\n  anonymous: off\n",
            "test.yaml:2: securty: unknown key; did you mean \"security\"?"},
        Row{"key_in_the_wrong_section", "server:\n  echo: true\n", "did you mean \"hub.echo\"?"},
        Row{"wrong_type", "server:\n  shards: many\n",
            "test.yaml:2: server.shards: must be a whole number, not \"many\""},
        Row{"half_a_shard", "server: {shards: 1.5}", "server.shards: must be a whole number"},
        Row{"out_of_range", "server:\n  shards: 100000\n", "server.shards: must be at most 256, not 100000"},
        Row{"port_out_of_range", "websocket_server: {settings: {port: 70000}}", "must be at most 65535"},
        Row{"boolean_word", "plugins: {watch: yes}", "plugins.watch: must be true or false, not \"yes\""},
        Row{"word_of_a_list", "logging: {level: inof}",
            "logging.level: must be one of debug, info, warning, error, critical, off, not \"inof\"; did you mean "
            "\"info\"?"},
        Row{"scalar_for_list", "security:\n  origins: http://a\n",
            "security.origins: must be a list, such as [\"http://a\"]"},
        Row{"map_for_text", "logging: {file: {a: 1}}", "logging.file: must be a text, not a map"},
        Row{"list_for_section", "server: [1]", "test.yaml:1: server: must be a section of keys, not a list"},
        Row{"listen_without_port", "server: {listen: [localhost]}", "server.listen[0]: must be ADDRESS:PORT"},
        Row{"listen_odd_address", "server: {listen: ['127.1:80']}", "server.listen[0]: must be ADDRESS:PORT"},
        Row{"listen_empty", "server: {listen: []}", "server.listen: must be at least 1 items"},
        Row{"open_to_all", "server: {listen: ['0.0.0.0:8765']}",
            "server.listen: 0.0.0.0:8765 can be reached from elsewhere"},
        Row{"open_by_settings", "websocket_server: {settings: {host: '::'}}",
            "[::]:8765 can be reached from elsewhere"},
        Row{"star_origin", "security: {origins: ['*']}", "would let every page call"},
        Row{"origin_with_path", "security: {origins: ['http://a/b']}", "must be a web origin without a path"},
        Row{"short_digest", "security:\n  tokens:\n    - {id: a, sha256: abc, scopes: []}\n",
            "test.yaml:3: security.tokens[0].sha256: must be the 64 hexadecimal digits"},
        Row{"token_without_id", "security: {tokens: [{sha256: a, scopes: []}]}", "security.tokens[0]: id is missing"},
        Row{"token_unknown_key", "security: {tokens: [{id: a, scope: []}]}",
            "security.tokens[0].scope: unknown key; did you mean \"scopes\"?"},
        Row{"token_date", "security: {tokens: [{id: a, expires: tomorrow}]}",
            "security.tokens[0].expires: must be a date"},
        Row{"jwt_without_key", "security: {jwt: {algorithms: [RS256]}}", "needs one of security.jwt.key"},
        Row{"jwt_none", "security: {jwt: {algorithms: [none]}}", "security.jwt.algorithms[0]: must be one of HS256"},
        Row{"half_tls", "server: {tls: {certificate: /a}}",
            "server.tls.certificate: certificate and key belong together"},
        Row{"outgoing", "security: {outgoing: {allow: ['http://a']}}",
            "must be host, host:port, *.domain or a network"},
        Row{"namespace_pattern", "hub: {namespaces: [{subscribe: admin}]}", "hub.namespaces[0]: pattern is missing"},
        Row{"workflow", "hub: {workflows: {chat: {shared: true}}}", "hub.workflows.chat: operation is missing"},
        Row{"breaker_key", "circuit_breaker: {rules: [{pattern: 'ws:*', open: 1}]}",
            "circuit_breaker.rules[0].open: unknown key"},
        Row{"plugin_name", "plugins: {My-Plugin: {a: 1}}", "a plugin's name has small letters"},
        Row{"plugin_scalar", "plugins: {echo: 1}", "plugins.echo: must be a map of settings"},
        Row{"ha_url", "plugins: {home_assistant: {url: 'ha.local:8123'}}", "must be empty or a url such as"},
        Row{"duplicate", "server: {shards: 1}\nserver: {shards: 2}\n",
            "test.yaml:2: the key \"server\" stands there twice"},
        Row{"not_yaml", "server: [1\nx: }", "not YAML"}, Row{"no_map", "- a\n", "must be a map of sections"},
        Row{"second_document", "server: {}\n---\nserver: {}\n", "a second document"},
        Row{"tag", "server: !!int 3\n", "has no meaning here"},
        Row{"unset_variable", "logging: {file: '${NO_SUCH_NAME}'}",
            "logging.file: the environment variable NO_SUCH_NAME is not set"},
        Row{"open_variable", "logging: {file: '${X'}", "without \"}\""},
        Row{"limits_text", "limits: {body_bytes: big}", "limits.body_bytes: must be a whole number"}),
    [](auto const& row) { return std::string{row.param.name}; });

TEST(ConfigLoad, ReportsEveryProblem) {
  auto loaded = from("server:\n  shards: x\n  listn: []\nlogging:\n  level: loud\n");
  EXPECT_EQ(loaded.problems.size(), 3U) << loaded.problem_text();
}

TEST(ConfigLoad, RefusesBombs) {
  std::string aliases = "plugins:\n  a: &a {x: [1,1,1,1,1,1,1,1,1,1]}\n";
  for (char c = 'b'; c < 'i'; ++c)
    aliases += fmt::format("  {0}: &{0} {{x: [*{1},*{1},*{1},*{1},*{1},*{1},*{1},*{1},*{1},*{1}]}}\n", c,
                           static_cast<char>(c - 1));
  EXPECT_THAT(from(aliases).problem_text(), HasSubstr("more than 20000 values"));
  EXPECT_THAT(from("plugins: {a: {x: " + std::string(100, '[') + std::string(100, ']') + "}}").problem_text(),
              HasSubstr("nested deeper than 32 levels"));
  EXPECT_THAT(from("plugins: {a: {x: " + std::string(100'000, '[')).problem_text(), HasSubstr("nested deeper"));
  EXPECT_THAT(from(std::string(2'000'000, '#')).problem_text(), HasSubstr("more than 1048576 bytes"));
  EXPECT_THAT(from(std::string{"a: \0", 4}).problem_text(), HasSubstr("NUL"));
}

TEST(ConfigLoad, RefusesBrokenUtf8) {
  EXPECT_THAT(from("server: {}\nlogging: {file: '\xFF'}\n").problem_text(), HasSubstr("test.yaml:2: not valid UTF-8"));
  EXPECT_THAT(from("", {{"PATCHBAY_LOGGING__FILE", "\xC3"}}).problem_text(), HasSubstr("not valid UTF-8"));
}

TEST(ConfigLoad, AliasesWorkWithinTheLimits) {
  auto loaded = from("plugins:\n  one: &shared {greeting: hello}\n  two: *shared\n");
  EXPECT_EQ(loaded.problem_text(), "");
  EXPECT_EQ(loaded.values.plugins.settings.at("two").text, R"({"greeting":"hello"})");
}

TEST(ConfigLoad, ReplacesVariables) {
  auto loaded = from("server:\n  shards: ${N:-3}\nlogging:\n  file: '${DIR}/a$${b}'\n", {{"DIR", "/var"}});
  EXPECT_EQ(loaded.problem_text(), "");
  EXPECT_EQ(loaded.values.server.shards, 3U);
  EXPECT_EQ(loaded.values.logging.file, "/var/a${b}");
}

TEST(ConfigLoad, HomeAssistantComesFromTheEnvironmentByDefault) {
  auto loaded = from("", {{"HA_URL", "http://ha.local:8123"}, {"HA_TOKEN", "t0ken"}});
  auto const text = loaded.values.plugins.settings.at("home_assistant").text;
  EXPECT_THAT(text, HasSubstr(R"("url":"http://ha.local:8123")"));
  EXPECT_THAT(text, HasSubstr(R"("token":"t0ken")"));
  EXPECT_THAT(from("", {{"HA_URL", "nonsense"}}).problem_text(), HasSubstr("plugins.home_assistant.url"));
}

TEST(ConfigLoad, LaterLayersWin) {
  LoadOptions with{.path = "test.yaml",
                   .environment = {{"PATCHBAY_LOGGING__LEVEL", "error"},
                                   {"PATCHBAY_SERVER__HOSTS", "a.lan, b.lan"},
                                   {"PATCHBAY_LIMITS__BODY_BYTES", "7"},
                                   {"PATCHBAY_URL", "not ours"}},
                   .overrides = {{"server.listen", "127.0.0.1:0"}},
                   .preset = "minimum"};
  auto loaded = load_text("logging: {level: debug, format: json}\nlimits: {tool_bytes: 9}\n", with);
  EXPECT_EQ(loaded.problem_text(), "");
  EXPECT_EQ(loaded.values.logging.level, "error");
  EXPECT_EQ(loaded.values.logging.format, "json");
  EXPECT_EQ(loaded.values.server.hosts, (std::vector<std::string>{"a.lan", "b.lan"}));
  EXPECT_EQ(loaded.values.server.listen, std::vector<std::string>{"127.0.0.1:0"});
  EXPECT_EQ(loaded.values.server.shards, 1U);
  EXPECT_FALSE(loaded.values.plugins.watch);
  EXPECT_EQ(loaded.values.limits, (std::map<std::string, std::uint64_t>{{"body_bytes", 7}, {"tool_bytes", 9}}));
}

TEST(ConfigLoad, EnvironmentProblemsNameTheVariable) {
  EXPECT_THAT(
      from("", {{"PATCHBAY_LOGGING__LEVL", "error"}}).problem_text(),
      HasSubstr(
          "environment variable PATCHBAY_LOGGING__LEVL: logging.levl: unknown key; did you mean \"logging.level\"?"));
  EXPECT_THAT(from("", {{"PATCHBAY_SERVER__SHARDS", "-1"}}).problem_text(),
              HasSubstr("server.shards: must be at least 0"));
}

TEST(ConfigLoad, ListenSettingsCountUntilListenIsGiven) {
  EXPECT_EQ(from("websocket_server: {settings: {port: 9000}}").values.server.listen,
            std::vector<std::string>{"127.0.0.1:9000"});
  EXPECT_EQ(from("websocket_server: {settings: {host: '::1'}}").values.server.listen,
            std::vector<std::string>{"[::1]:8765"});
  EXPECT_EQ(from("server: {listen: ['127.0.0.1:1']}\nwebsocket_server: {settings: {port: 9000}}").values.server.listen,
            std::vector<std::string>{"127.0.0.1:1"});
}

TEST(ConfigLoad, AnotherAddressIsFineWithATokenOrInsecure) {
  auto const token = "security: {tokens: [{id: a, sha256: " + std::string(64, 'a') + ", scopes: [admin]}]}\n";
  EXPECT_EQ(from("server: {listen: ['0.0.0.0:8765']}\n" + token).problem_text(), "");
  EXPECT_EQ(from("server: {listen: ['0.0.0.0:8765'], insecure: true}\n").problem_text(), "");
  EXPECT_THAT(from("security: {tokens: [{id: a, sha256: " + std::string(64, 'a') +
                   ", scopes: []}, {id: a, sha256: " + std::string(64, 'a') + ", scopes: []}]}")
                  .problem_text(),
              testing::AllOf(HasSubstr("the id \"a\" stands there twice"),
                             HasSubstr("the sha256 of \"a\" stands there twice")));
}

TEST(ConfigLoad, ATokenThatCannotBeReadIsAProblem) {
  auto const with = [](std::string const& sha256) {
    return from("security: {tokens: [{id: a, sha256: '" + sha256 + "', scopes: []}]}").problem_text();
  };
  EXPECT_THAT(with("file:/nonexistent/digest"), HasSubstr("sha256 of \"a\": the secret file /nonexistent/digest"));
  EXPECT_THAT(with("env:NO_SUCH_VARIABLE_HERE"), HasSubstr("which is not set"));
  EXPECT_THAT(with("file:/dev/null"), HasSubstr("must be the 64 hexadecimal digits"));
  EXPECT_THAT(from("security: {jwt: {algorithms: [HS256], key: 'file:/nonexistent/key'}}").problem_text(),
              HasSubstr("security.jwt.key: the secret file /nonexistent/key cannot be read"));
}

TEST(ConfigLoad, NoticesWhatIsAcceptedButHasNoEffect) {
  EXPECT_TRUE(from("logging: {level: debug}").notices().empty());
  EXPECT_TRUE(from("server: {tls: {certificate: /c, key: /k}}\nhub: {echo: true, deflate: {enabled: true}}\n"
                   "security: {jwt: {algorithms: [HS256], key: k}}")
                  .notices()
                  .empty());
  auto const token = [](std::string const& rest) {
    return from("security: {tokens: [{id: a, sha256: '" + std::string(64, '0') + "', " + rest + "}]}").notices();
  };
  EXPECT_THAT(token("scopes: [ha.read], entities: {allow: ['light.*']}"), testing::IsEmpty());
  EXPECT_THAT(token("scopes: [admin], entities: {allow: ['light.*']}"), testing::ElementsAre(HasSubstr("token a")));
}

TEST(ConfigLoad, NamespacesOfTheDefaultComeAfterTheOwnOnes) {
  auto const text = from("hub: {namespaces: [{pattern: mine, publish: admin}]}").values.hub.namespaces.text;
  EXPECT_TRUE(text.starts_with(R"([{"pattern":"mine","publish":"admin"},{"pattern":"audit")")) << text;
  auto parsed = json::parse(text);
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->document.Size(), 8U);
}

TEST(ConfigLoad, LimitsAreCheckedAgainstTheNamesThatExist) {
  LoadOptions with{.path = "test.yaml", .environment = {}, .limit_names = {"body_bytes", "headers"}};
  EXPECT_EQ(load_text("limits: {body_bytes: 1}", with).problem_text(), "");
  EXPECT_THAT(load_text("limits: {body_byte: 1}", with).problem_text(),
              HasSubstr("limits.body_byte: unknown limit; did you mean \"body_bytes\"?"));
}

TEST(ConfigLoad, FreeFormSettingsKeepTheirTypes) {
  auto loaded = from(
      "plugins:\n  echo: {a: 1, b: 1.5, c: true, d: '1', e: [x, null], f: {g: ~}, i: 1.2.3}\n  two:\n    h: ${N:-2}\n");
  EXPECT_EQ(loaded.values.plugins.settings.at("echo").text,
            R"({"a":1,"b":1.5,"c":true,"d":"1","e":["x",null],"f":{"g":null},"i":"1.2.3"})");
  EXPECT_EQ(loaded.values.plugins.settings.at("two").text, R"({"h":2})");
}

TEST(ConfigLoad, AMissingFileIsAProblem) {
  auto loaded = load({.path = "/nonexistent/patchbay.yaml", .environment = {}});
  EXPECT_THAT(loaded.problem_text(), HasSubstr("/nonexistent/patchbay.yaml cannot be read"));
  EXPECT_THAT(load({.path = "/", .environment = {}}).problem_text(), HasSubstr("not a regular file"));
}

TEST(ConfigLoad, PresetsNameOnlyKeysThatExist) {
  for (auto name : {"minimum", "standard", "maximum"}) {
    auto loaded = load_text("", {.path = "", .environment = {}, .preset = name});
    EXPECT_EQ(loaded.problem_text(), "") << name;
    auto const changes = preset(name);
    ASSERT_TRUE(changes.has_value());
    for (auto const& [path, json] : *changes) EXPECT_TRUE(leaves().contains(path)) << path;
  }
  EXPECT_THAT(load_text("", {.path = "", .environment = {}, .preset = "most"}).problem_text(), HasSubstr("no preset"));
}

// Every default of the table passes the table's own checks.
TEST(ConfigLoad, DefaultsAreValid) {
  for (auto const& [path, key] : leaves()) {
    auto parsed = json::parse(key->standard);
    ASSERT_TRUE(parsed.has_value()) << path;
    Layer layer;
    Problems problems;
    Environment const none;
    EXPECT_TRUE(read_into(layer, path, from_json(parsed->document), &none, false, problems)) << path;
    for (auto const& problem : problems) ADD_FAILURE() << problem.text();
    if (std::string_view{key->standard}.find("${") == std::string_view::npos) {
      EXPECT_EQ(layer.whole[path].json, key->standard) << path;
    }
  }
}

}  // namespace
}  // namespace patchbay::config
