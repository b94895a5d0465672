// The operations of CONFIG through a real table, with files in a folder of their own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/use_future.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "core/base/caller.hpp"
#include "core/config/config.hpp"

namespace patchbay::config {
namespace {

using testing::HasSubstr;

constexpr char const* sample = R"(# the file of this test
server:
  shards: 1          # threads
logging:
  level: info        # what is written
  levels: {websocket: debug}
security:
  origins: []
  tokens:
    - {id: a, sha256: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, scopes: [admin]}
plugins:
  echo: {greeting: "hello", api_key: "k3y-of-echo"}
  home_assistant:
    token: "s3cret-t0ken"
)";

class Operations : public testing::Test {
 protected:
  explicit Operations(std::string const& text = sample) {
    std::string pattern = testing::TempDir() + "patchbay-config-XXXXXX";
    folder = ::mkdtemp(pattern.data());
    write(text);
    runtime.start();
    auto loaded = load({.path = path(), .environment = {}});
    EXPECT_EQ(loaded.problem_text(), "");
    config = std::make_unique<Config>(runtime, counters, log, std::move(loaded));
    OperationTable table;
    table.add(config::get, [this](Call& call, GetArgs args) { return config->get(call, std::move(args)); });
    table.add(config::set, [this](Call& call, SetArgs args) { return config->set(call, std::move(args)); });
    table.add(config::get_category,
              [this](Call& call, GetCategoryArgs args) { return config->get_category(call, std::move(args)); });
    table.add(config::reload, [this](Call& call, ReloadArgs args) { return config->reload(call, args); });
    table.add(config::switch_preset,
              [this](Call& call, SwitchPresetArgs args) { return config->switch_preset(call, std::move(args)); });
    table.add(config::load_file,
              [this](Call& call, LoadFileArgs args) { return config->load_file(call, std::move(args)); });
    table.add(config::load_environment,
              [this](Call& call, LoadEnvironmentArgs args) { return config->load_environment(call, std::move(args)); });
    table.add(config::validate,
              [this](Call& call, ValidateArgs args) { return config->validate(call, std::move(args)); });
    table.add(config::stats, [this](Call& call, Nothing args) { return config->stats(call, args); });
    caller.publish(std::move(table));
    config->on_change([this](Values const& old, Values const& now) {
      ++changes;
      last = old.logging.level + " -> " + now.logging.level;
    });
  }
  ~Operations() override {
    runtime.stop();
    ::unsetenv("PATCHBAY_LOGGING__LEVEL");
    std::filesystem::remove_all(folder);
  }

  std::string path() const { return folder + "/patchbay.yaml"; }
  void write(std::string_view text) const { std::ofstream{path()} << text; }
  std::string file() const {
    std::ifstream in{path()};
    return {std::istreambuf_iterator<char>{in}, {}};
  }
  // Checks each answer against its schema.
  Result<Answer> call(std::string_view verb, std::string_view args) {
    auto const* row = caller.table().find("config_" + std::string{verb});
    auto work = [this, row, text = std::string{args}]() -> Task<Result<Answer>> {
      Call one{host_principal()};
      auto reply = caller.start_json(*row, one, std::string_view{text});
      if (reply.ready()) co_return reply.take();
      auto task = reply.task();
      Result<Answer> result = co_await std::move(task);
      co_return result;
    };
    auto result = asio::co_spawn(runtime.home().executor(), work, asio::use_future).get();
    if (result) {
      auto parsed = json::parse(result->data);
      auto const problem = row->info.result.problem(parsed->document);
      EXPECT_FALSE(problem) << verb << ": " << problem->pointer << " " << problem->message;
    }
    return result;
  }
  std::string data(std::string_view verb, std::string_view args = "{}") {
    auto answer = call(verb, args);
    return answer ? answer->data : std::string{name_of(answer.error().code)} + ": " + answer.error().message;
  }

  std::string folder;
  SystemClock clock;
  NullLog log;
  Runtime runtime{{.shards = 1}, clock, log};
  Counters counters;
  Caller caller{counters};
  std::unique_ptr<Config> config;
  int changes = 0;
  std::string last;
};

TEST_F(Operations, GetShowsValueAndSource) {
  EXPECT_EQ(data("get", R"({"key":"logging.level"})"), R"({"value":"info","source":"file"})");
  EXPECT_EQ(data("get", R"({"key":"logging.format"})"), R"({"value":"text","source":"default"})");
  EXPECT_EQ(data("get", R"({"key":"logging.levels.websocket"})"), R"({"value":"debug","source":"file"})");
  EXPECT_EQ(data("get", R"({"key":"plugins.echo.greeting"})"), R"({"value":"hello","source":"file"})");
  EXPECT_EQ(data("get", R"({"key":"plugins.other.x","default":7})"), R"({"value":7,"source":"default"})");
  EXPECT_EQ(data("get", R"({"key":"nothing","default":null})"), R"({"value":null,"source":"default"})");
  EXPECT_THAT(data("get", R"({"key":"logging.levl"})"),
              HasSubstr("not_found: there is no setting \"logging.levl\"; did you mean \"logging.level\"?"));
  EXPECT_THAT(data("get", R"({"key":"logging"})"), HasSubstr("not_found"));
  EXPECT_THAT(data("get", R"({"key":""})"), HasSubstr("invalid_argument"));
  EXPECT_THAT(data("get", R"({"key":"."})"), HasSubstr("not_found"));
}

TEST_F(Operations, SecretsAreNeverShown) {
  EXPECT_EQ(data("get", R"({"key":"plugins.home_assistant.token"})"), R"({"value":"***","source":"file"})");
  EXPECT_EQ(data("get", R"({"key":"plugins.echo.api_key"})"), R"({"value":"***","source":"file"})");
  EXPECT_EQ(data("get", R"({"key":"security.tokens"})"),
            R"({"value":[{"id":"a","sha256":"***","scopes":["admin"]}],"source":"file"})");
  EXPECT_EQ(data("get", R"({"key":"plugins.home_assistant.vision.key"})"), R"({"value":"","source":"default"})");
  for (auto section : {"plugins", "security", "plugins.home_assistant", "plugins.echo"}) {
    auto const text = data("get_category", fmt::format(R"({{"prefix":"{}"}})", section));
    for (auto secret : {"s3cret", "k3y-of", "aaaaaaaa"}) EXPECT_EQ(text.find(secret), std::string::npos) << text;
    EXPECT_THAT(text, HasSubstr("***"));
  }
  write(
      "plugins: {home_assistant: {token: s3cret-t0ken, tokn: s3cret-t0ken}, echo: s3cret}\nsecurity: {tokens: [{id: a, "
      "sha256: s3cret}]}");
  auto const refused = data("reload");
  EXPECT_THAT(refused, HasSubstr("invalid_argument"));
  EXPECT_EQ(data("validate").find("s3cret"), std::string::npos);
  EXPECT_THAT(config->secrets(), testing::IsSupersetOf({"s3cret-t0ken", "k3y-of-echo"}));
}

TEST_F(Operations, GetCategoryListsASection) {
  EXPECT_EQ(data("get_category", R"({"prefix":"server.http"})"),
            R"({"settings":{"server.http.idle_timeout_ms":60000,"server.http.max_connections":256}})");
  EXPECT_THAT(data("get_category", R"({"prefix":"loging"})"), HasSubstr("did you mean \"logging\"?"));
  EXPECT_THAT(data("get_category", R"({"prefix":"serv"})"), HasSubstr("not_found"));
}

TEST_F(Operations, SetChangesLiveKeysAndTellsSubscribers) {
  EXPECT_EQ(data("set", R"({"key":"logging.level","value":"debug"})"), R"({"previous":"info"})");
  EXPECT_EQ(changes, 1);
  EXPECT_EQ(last, "info -> debug");
  EXPECT_EQ(data("get", R"({"key":"logging.level"})"), R"({"value":"debug","source":"override"})");
  EXPECT_EQ(data("set", R"({"key":"logging.level","value":"debug"})"), R"({"previous":"debug"})");
  EXPECT_EQ(changes, 1);
  EXPECT_EQ(data("set", R"({"key":"logging.levels.hub.session","value":"error"})"), R"({"previous":null})");
  EXPECT_EQ(config->values()->logging.levels,
            (std::map<std::string, std::string>{{"hub.session", "error"}, {"websocket", "debug"}}));
  EXPECT_EQ(data("set", R"({"key":"security.origins","value":["http://a:1"]})"), R"({"previous":[]})");
  EXPECT_EQ(file(), sample);
}

struct Refused {
  char const* args;
  char const* reason;
};
TEST_F(Operations, SetRefuses) {
  for (auto const& row : {
           Refused{R"({"key":"server.shards","value":2})", "forbidden: server.shards changes at the next start only"},
           Refused{R"({"key":"plugins.echo.greeting","value":"x"})",
                   "forbidden: plugins.echo changes at the next start only"},
           Refused{R"({"key":"security.jwt.key","value":"x"})", "forbidden: security.jwt.key is a secret"},
           Refused{R"({"key":"logging.level","value":"loud"})", "invalid_argument: logging.level: must be one of"},
           Refused{R"({"key":"logging.level","value":7})", "invalid_argument"},
           Refused{R"({"key":"security.origins","value":"http://a:1,http://b:1"})", "must be a list"},
           Refused{R"({"key":"security.origins","value":["*"]})", "security.origins[0]"},
           Refused{R"({"key":"logging.lvl","value":"info"})", "not_found"},
           Refused{R"({"key":"limits.x","value":-1})", "must be at least 0"},
           Refused{R"({"key":"security.jwt.algorithms","value":["RS256"]})", "needs one of security.jwt.key"},
           Refused{R"({"key":"circuit_breaker.defaults.open","value":1})", "has no such part"},
           Refused{R"({"key":"security.origins","value":["http://a:1"],"persist":true})", "is no single value"},
       })
    EXPECT_THAT(data("set", row.args), HasSubstr(row.reason)) << row.args;
  EXPECT_EQ(changes, 0);
  EXPECT_EQ(file(), sample);
}

TEST_F(Operations, PersistChangesOneLineAndKeepsTheRest) {
  ::chmod(path().c_str(), 0640);
  EXPECT_EQ(data("set", R"({"key":"logging.level","value":"debug","persist":true})"), R"({"previous":"info"})");
  std::string expected{sample};
  expected.replace(expected.find("level: info  "), 11, "level: \"debug\"");
  EXPECT_EQ(file(), expected);
  struct stat about {};
  ASSERT_EQ(::stat(path().c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777, 0640U);
  EXPECT_EQ(data("get", R"({"key":"logging.level"})"), R"({"value":"debug","source":"file"})");
  EXPECT_EQ(data("set", R"({"key":"logging.levels.websocket","value":"error","persist":true})"),
            R"({"previous":"debug"})");
  EXPECT_THAT(file(), HasSubstr("levels: {websocket: \"error\"}\n"));
  EXPECT_EQ(data("set", R"({"key":"security.failed_logins_per_minute","value":5,"persist":true})"),
            R"({"previous":20})");
  EXPECT_THAT(file(), HasSubstr("security:\n  failed_logins_per_minute: 5\n  origins: []\n"));
  EXPECT_EQ(data("set", R"({"key":"limits.body_bytes","value":5,"persist":true})"), R"({"previous":null})");
  EXPECT_TRUE(file().ends_with("limits:\n  body_bytes: 5\n")) << file();
  // What stands in the file now counts from there.
  EXPECT_EQ(data("reload"), R"({"changed":[],"restart_needed":[]})");
  write("logging: {level: warning}\n" + std::string{"security: {failed_logins_per_minute: 5}\n"});
  EXPECT_THAT(data("reload"), HasSubstr("logging.level"));
  EXPECT_EQ(config->values()->logging.level, "warning");
}

TEST_F(Operations, ReloadIsAllOrNothing) {
  write("server: {shards: 4}\nlogging: {level: debug}\n");
  EXPECT_THAT(data("reload"),
              HasSubstr(R"("restart_needed":["plugins.echo","plugins.home_assistant.token","server.shards"])"));
  EXPECT_EQ(changes, 1);
  EXPECT_EQ(config->values()->logging.level, "debug");
  EXPECT_EQ(config->values()->server.shards, 1U);  // as it started
  EXPECT_EQ(data("get", R"({"key":"server.shards"})"), R"({"value":1,"source":"file"})");
  write("logging: {level: error, format: xml}\nserver: {shard: 1}\n");
  auto const refused = data("reload");
  EXPECT_THAT(refused, HasSubstr("patchbay.yaml:1: logging.format: must be one of text, json"));
  EXPECT_THAT(refused, HasSubstr("patchbay.yaml:2: server.shard: unknown key; did you mean \"shards\"?"));
  EXPECT_EQ(config->values()->logging.level, "debug");
  EXPECT_EQ(changes, 1);
  EXPECT_THAT(data("reload", R"({"validate":false})"), HasSubstr(R"("changed":["logging.level"])"));
  EXPECT_EQ(config->values()->logging.level, "error");
  std::filesystem::remove(path());
  EXPECT_THAT(data("reload"), HasSubstr("cannot be read"));
  EXPECT_THAT(data("stats"), HasSubstr(R"("reloads":2,"reloads_refused":2)"));
}

TEST_F(Operations, OverridesSurviveAReload) {
  data("set", R"({"key":"logging.level","value":"debug"})");
  write("logging: {level: error}\n");
  data("reload");
  EXPECT_EQ(config->values()->logging.level, "debug");
}

TEST_F(Operations, PresetsChangeDefaultsOnly) {
  EXPECT_THAT(data("switch_preset", R"({"name":"maximum"})"),
              HasSubstr(R"("changed":["hub.users.max_connections","logging.format"])"));
  EXPECT_EQ(config->values()->logging.format, "json");
  EXPECT_EQ(config->values()->logging.level, "info");  // the file says so
  EXPECT_THAT(data("switch_preset", R"({"name":"standard"})"),
              HasSubstr(R"("changed":["hub.users.max_connections","logging.format"])"));
  EXPECT_THAT(data("switch_preset", R"({"name":"most"})"),
              HasSubstr("not_found: no preset \"most\"; there are minimum"));
}

TEST_F(Operations, LoadFileStaysInTheFolder) {
  std::filesystem::create_directory(folder + "/more");
  std::ofstream{folder + "/more/extra.yaml"} << "logging: {format: json}\nlimits: {a: 1}\n";
  std::ofstream{folder + "/bad.yaml"} << "logging: {format: xml}\n";
  std::filesystem::create_symlink("/etc/hostname", folder + "/out.yaml");
  std::filesystem::create_symlink("more/extra.yaml", folder + "/in.yaml");
  auto load_it = [&](std::string_view name) { return data("load_file", fmt::format(R"({{"path":"{}"}})", name)); };
  EXPECT_EQ(load_it("more/extra.yaml"), R"({"count":2,"changed":["limits","logging.format"],"restart_needed":[]})");
  EXPECT_EQ(config->values()->logging.format, "json");
  EXPECT_THAT(load_it("in.yaml"), HasSubstr(R"("count":2)"));
  EXPECT_THAT(load_it("bad.yaml"),
              HasSubstr("invalid_argument: bad.yaml is refused, nothing has changed: bad.yaml:1: logging.format"));
  for (auto name : {"../patchbay.yaml", "/etc/hostname", "out.yaml", "more/../../x", "/proc/self/environ"})
    EXPECT_THAT(load_it(name), HasSubstr("forbidden: the path leads out of the folder")) << name;
  EXPECT_THAT(load_it("more"), HasSubstr("forbidden: more is not a regular file"));
  EXPECT_THAT(load_it("none.yaml"), HasSubstr("not_found"));
  data("reload");
  EXPECT_EQ(config->values()->logging.format, "json");
}

TEST_F(Operations, LoadEnvironmentReadsTheProcess) {
  ::setenv("PATCHBAY_LOGGING__LEVEL", "error", 1);
  EXPECT_EQ(data("load_environment"), R"({"count":1,"changed":["logging.level"],"restart_needed":[]})");
  EXPECT_EQ(data("get", R"({"key":"logging.level"})"), R"({"value":"error","source":"env"})");
  ::setenv("PATCHBAY_LOGGING__LEVEL", "loud", 1);
  EXPECT_THAT(data("load_environment"), HasSubstr("environment variable PATCHBAY_LOGGING__LEVEL"));
  EXPECT_EQ(config->values()->logging.level, "error");
  // Persisting under a variable that covers the file: the new value holds all the same.
  EXPECT_THAT(data("set", R"({"key":"logging.level","value":"debug","persist":true})"), HasSubstr("previous"));
  EXPECT_EQ(config->values()->logging.level, "debug");
}

TEST_F(Operations, ValidateListsEveryProblem) {
  EXPECT_EQ(data("validate"), R"({"valid":true,"problems":[]})");
  EXPECT_EQ(data("validate", R"({"config":{"logging":{"level":"debug"}}})"), R"({"valid":true,"problems":[]})");
  auto const found = data("validate", R"({"config":{"logging":{"level":"loud"},"x":1}})");
  EXPECT_THAT(found, HasSubstr(R"("valid":false)"));
  EXPECT_THAT(found, HasSubstr(R"("key":"logging.level","reason":"must be one of)"));
  EXPECT_THAT(found, HasSubstr(R"("key":"x")"));
  EXPECT_THAT(data("validate", R"({"config":"logging:\n  level: loud\n"})"), HasSubstr(R"("line":2)"));
  EXPECT_THAT(data("validate", R"({"config":[1]})"), HasSubstr("invalid_argument"));
  write("server: [");
  EXPECT_THAT(data("validate"), HasSubstr("not YAML"));
}

TEST_F(Operations, StatsNameTheSources) {
  auto const text = data("stats");
  EXPECT_THAT(text, HasSubstr(R"("preset":"standard")"));
  EXPECT_THAT(text, HasSubstr(R"("file":)"));
  bool seen = false;
  for (auto const& family : counters.sample())
    if (family.name == "patchbay_config_last_reload_timestamp_seconds") seen = family.series.at(0).value > 1.6e9;
  EXPECT_TRUE(seen);
}

TEST_F(Operations, ASubscriberThatThrowsDoesNotStopTheOthers) {
  config->on_change([](Values const&, Values const&) { throw std::runtime_error{"broken part"}; });
  int later = 0;
  config->on_change([&](Values const&, Values const&) { ++later; });
  data("set", R"({"key":"logging.level","value":"debug"})");
  EXPECT_EQ(later, 1);
}

}  // namespace
}  // namespace patchbay::config
