#include "tests/core/plugin_host/support.hpp"

#include <gmock/gmock.h>

namespace patchbay::plugin_host {
namespace {

using testing::HasSubstr;

TEST_F(PluginHostTest, LoadsWhatIsInTheFolderAndAnswers) {
  drop_echo();
  drop("cplugin");
  start();
  EXPECT_EQ(shown(call("echo_say", R"({"text":"hi"})")), R"({"text":"hi"})");
  EXPECT_EQ(shown(call("echo_say_later", R"({"text":"hi"})")), R"({"text":"hi"})");
  auto const added = call("cplugin_add", R"({"a":2,"b":3})");
  EXPECT_EQ(shown(added), R"({"sum":5})");
  EXPECT_EQ(added->message, "Added two numbers");
  EXPECT_EQ(shown(call("cplugin_add_inline", R"({"a":2,"second":3})")), R"({"sum":5})")
      << "an alias arrives as its name";
  EXPECT_EQ(shown(call("cplugin_fail")), "not_found /a: there is nothing");
  auto const wrong = call("cplugin_add", R"({"a":2})");
  EXPECT_EQ(wrong.error().code, Code::invalid_argument);
  EXPECT_EQ(wrong.error().pointer, "/b");
}

TEST_F(PluginHostTest, RowsCarryWhatThePluginDeclared) {
  drop("cplugin");
  start();
  auto const& info = caller->table().find("cplugin_add")->info;
  EXPECT_EQ(info.name, "C_PLUGIN.add");
  EXPECT_EQ(info.interface, "C_PLUGIN");
  EXPECT_EQ(info.category, "arithmetic");
  EXPECT_EQ(info.scope, "cplugin.add");
  EXPECT_EQ(info.owner, "cplugin");
  EXPECT_EQ(info.example, R"({"a":2,"b":3})");
  EXPECT_TRUE(info.idempotent);
  EXPECT_FALSE(info.audited);
  EXPECT_EQ(info.timeout, std::chrono::seconds{1});
  EXPECT_TRUE(caller->table().find("cplugin_fail")->info.errors.has(Code::not_found));
  EXPECT_TRUE(caller->table().find("cplugin_count")->info.streaming);
}

struct Broken {
  char const* fixture;
  char const* reason;
};
void PrintTo(Broken const& row, std::ostream* out) { *out << row.fixture; }
class RefusedPlugin : public PluginHostTest, public testing::WithParamInterface<Broken> {};

TEST_P(RefusedPlugin, HasAClearReasonAndTheGatewayRunsOn) {
  drop(GetParam().fixture);
  drop_echo();
  start();
  EXPECT_THAT(refusal(std::string{"libpatchbay_"} + GetParam().fixture + ".so"), HasSubstr(GetParam().reason));
  EXPECT_EQ(shown(call("echo_say", R"({"text":"on"})")), R"({"text":"on"})");
  EXPECT_EQ(counts().loaded, 1);
  EXPECT_EQ(counts().refused, 1);
  auto const health = host->health();
  EXPECT_EQ(health.front().status, "degraded");
  EXPECT_THAT(health.front().message, HasSubstr(GetParam().reason));
  EXPECT_TRUE(health.front().ready) << "nobody asked for it";
}
INSTANTIATE_TEST_SUITE_P(
    Table, RefusedPlugin,
    testing::Values(Broken{"wrong_abi", "built for version 99 of the plugin contract, this gateway has version 1"},
                    Broken{"missing_symbol", "does not export pb_plugin_v1"},
                    Broken{"duplicate_operation", "the operation work is declared twice"},
                    Broken{"bad_schema", "the operation work, argument schema at \"/properties/n/multipleOf\""},
                    Broken{"throwing", "create threw an exception (no luck today)"},
                    Broken{"refusing", "the plugin refusing refused to start: the key \"url\" is required"}),
    [](auto const& row) { return std::string{row.param.fixture}; });

TEST_F(PluginHostTest, RefusesWhatIsNotSafeToLoad) {
  drop("cplugin", "libpatchbay_writable.so");
  std::filesystem::permissions(folder / "libpatchbay_writable.so", std::filesystem::perms{0757});
  std::filesystem::create_symlink(build_folder() / "fixtures" / "libpatchbay_cplugin.so",
                                  folder / "libpatchbay_link.so");
  std::filesystem::create_directory(folder / "libpatchbay_folder.so");
  std::ofstream{folder / "libpatchbay_text.so"} << "not a library";
  {
    std::ifstream whole{build_folder() / "plugins" / "libpatchbay_echo.so", std::ios::binary};
    std::string half(5000, 0);
    whole.read(half.data(), static_cast<std::streamsize>(half.size()));
    std::ofstream{folder / "libpatchbay_half.so", std::ios::binary} << half;
  }
  start();
  EXPECT_THAT(refusal("libpatchbay_writable.so"), HasSubstr("may be written by others"));
  EXPECT_THAT(refusal("libpatchbay_link.so"), HasSubstr("is a link"));
  EXPECT_THAT(refusal("libpatchbay_folder.so"), HasSubstr("not a regular file"));
  EXPECT_THAT(refusal("libpatchbay_text.so"), HasSubstr("no library that can be loaded"));
  EXPECT_THAT(refusal("libpatchbay_half.so"), HasSubstr("no library that can be loaded"));
  EXPECT_EQ(counts().loaded, 0);
  // Put right, it is taken without being asked.
  std::filesystem::permissions(folder / "libpatchbay_writable.so", std::filesystem::perms{0755});
  EXPECT_TRUE(until([&] { return counts().loaded == 1; })) << refusal("libpatchbay_writable.so");
}

TEST_F(PluginHostTest, AFolderThatOthersMayWriteLoadsNothing) {
  drop_echo();
  std::filesystem::permissions(folder, std::filesystem::perms{0777});
  start();
  EXPECT_EQ(counts().loaded, 0);
  EXPECT_THAT(host->health().front().message, HasSubstr("may be written by others"));
  auto const loaded = call("plugins_load", R"({"file":"libpatchbay_echo.so"})");
  EXPECT_EQ(loaded.error().code, Code::forbidden);
}

TEST_F(PluginHostTest, OfTwoFilesWithOneNameTheHigherVersionWins) {
  drop("versioned_1");
  drop("versioned_2");
  start();
  EXPECT_EQ(shown(call("versioned_now")), R"({"version":2})");
  EXPECT_THAT(refusal("libpatchbay_versioned_1.so"), HasSubstr("took its place"));
  EXPECT_EQ(summary_of("versioned").file, "libpatchbay_versioned_2.so");
  // The other order: a lower one that is dropped in later.
  drop("versioned_1", "libpatchbay_another.so");
  ASSERT_TRUE(until([&] { return refusal("libpatchbay_another.so") != "not refused"; }));
  EXPECT_THAT(refusal("libpatchbay_another.so"), HasSubstr("only a higher one takes its place"));
  EXPECT_EQ(shown(call("versioned_now")), R"({"version":2})");
}

TEST_F(PluginHostTest, AConfiguredPluginThatIsNotLoadedMakesTheGatewayNotReady) {
  settings.configurations["echo"] = "{}";
  settings.configurations["shipped"] = R"({"url":"","token":"","code":false,"vision":{"key":""}})";  // never set up
  start();
  auto part = host->health().front();
  EXPECT_FALSE(part.ready);
  EXPECT_EQ(part.status, "unavailable");
  EXPECT_THAT(part.message, HasSubstr("the plugin echo is configured but not loaded"));
  drop_echo();
  ASSERT_TRUE(until([&] { return counts().loaded == 1; }));
  EXPECT_TRUE(host->health().front().ready);
  EXPECT_EQ(host->health().front().status, "ok");
}

TEST_F(PluginHostTest, LoadsWhatIsDroppedInAndForgetsWhatIsTakenAway) {
  start();
  EXPECT_EQ(caller->table().find("echo_say"), nullptr);
  drop_echo();
  ASSERT_TRUE(until([&] { return caller->table().find("echo_say") != nullptr; }));
  EXPECT_EQ(shown(call("echo_say", R"({"text":"x"})")), R"({"text":"x"})");
  std::ofstream{folder / "libpatchbay_text.so"} << "not a library";
  ASSERT_TRUE(until([&] { return refusal("libpatchbay_text.so") != "not refused"; }));
  std::filesystem::remove(folder / "libpatchbay_text.so");
  EXPECT_TRUE(until([&] { return refusal("libpatchbay_text.so") == "not refused"; }));
}

TEST_F(PluginHostTest, LoadUnloadReplaceAndReloadAsOperations) {
  settings.watch = false;
  start();
  EXPECT_EQ(shown(call("plugins_load", R"({"file":"libpatchbay_echo.so"})")).substr(0, 9), "not_found");
  EXPECT_EQ(call("plugins_load", R"({"file":"../libpatchbay_echo.so"})").error().code, Code::invalid_argument);
  drop_echo();
  EXPECT_EQ(call("plugins_replace", R"({"file":"libpatchbay_echo.so"})").error().code, Code::not_found);
  EXPECT_THAT(shown(call("plugins_load", R"({"file":"libpatchbay_echo.so"})")), HasSubstr(R"("name":"echo")"));
  EXPECT_EQ(call("plugins_load", R"({"file":"libpatchbay_echo.so"})").error().code, Code::conflict);
  EXPECT_EQ(counts().refused, 0) << "the file itself is in order";
  EXPECT_THAT(shown(call("plugins_info", R"({"name":"echo"})")), HasSubstr(R"("tools":["echo_say","echo_say_later")"));
  EXPECT_EQ(call("plugins_info", R"({"name":"ecco"})").error().code, Code::not_found);
  EXPECT_TRUE(call("plugins_replace", R"({"file":"libpatchbay_echo.so"})").has_value());
  EXPECT_EQ(counts().replacements, 1);
  EXPECT_THAT(shown(call("plugins_reload_all")), HasSubstr(R"("loaded":["echo"])"));
  EXPECT_EQ(counts().replacements, 2);
  EXPECT_EQ(shown(call("plugins_unload", R"({"name":"echo"})")), R"({"name":"echo","drained":true})");
  EXPECT_EQ(call("plugins_unload", R"({"name":"echo"})").error().code, Code::not_found);
  EXPECT_EQ(caller->table().find("echo_say"), nullptr);
  EXPECT_THAT(shown(call("plugins_list")), HasSubstr(R"("plugins":[])"));
}

TEST_F(PluginHostTest, ATakenPrefixOrInterfaceIsRefused) {
  OperationTable table;
  drop_echo();
  drop("versioned_1");
  start();
  struct EchoHandler final : Handler {
    Reply<Answer> start_json(Call&, json::Parsed const&) override { return Answer{"{}"}; }
  };
  call("plugins_unload", R"({"name":"echo"})");
  // A row of the gateway's own under the same prefix.
  std::promise<void> published;
  runtime->home().post([&] {
    auto copy = OperationTable::without(caller->table(), "nobody");
    Row row;
    row = detail::make_row({.name = "ECHO.own", .summary = "Taken."}, R"({"type":"object"})", R"({"type":"object"})");
    row.handler = std::make_shared<EchoHandler>();
    copy.add(std::move(row));
    caller->publish(std::move(copy));
    published.set_value();
  });
  published.get_future().get();
  auto const refused = call("plugins_load", R"({"file":"libpatchbay_echo.so"})");
  EXPECT_EQ(refused.error().code, Code::conflict);
  EXPECT_THAT(refused.error().message, HasSubstr("the prefix echo belongs to the gateway already"));
}

TEST(PluginVersions, AreComparedByNumber) {
  EXPECT_LT(compare_versions("1.9.0", "1.10.0"), 0);
  EXPECT_GT(compare_versions("2", "1.99.99"), 0);
  EXPECT_EQ(compare_versions("1.0", "1"), 0);
  EXPECT_EQ(compare_versions("01.002", "1.2.0"), 0);
  EXPECT_LT(compare_versions("1.2.3", "1.2.4"), 0);
  EXPECT_LT(compare_versions("", "0.1"), 0);
}

}  // namespace
}  // namespace patchbay::plugin_host
