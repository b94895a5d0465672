// Raw walks, times, versions, error mapping, resources.
#include "plugins/home_assistant/text.hpp"

#include <gtest/gtest.h>

#include "plugins/home_assistant/cards.hpp"
#include "plugins/home_assistant/features.hpp"
#include "plugins/home_assistant/raw_json.hpp"
#include "plugins/home_assistant/upstream_error.hpp"

namespace patchbay::home_assistant {
namespace {

TEST(RawJson, FindsMembersWithoutADocument) {
  constexpr std::string_view frame =
      R"( {"id" : 7,"a\"b":[1,{"x":"}]"}], "result":{"k":"v\\"} ,"n":null,"last":true} )";
  EXPECT_EQ(raw::member(frame, "id"), "7");
  EXPECT_EQ(raw::member(frame, "a\"b"), R"([1,{"x":"}]"}])");
  EXPECT_EQ(raw::member(frame, "result"), R"({"k":"v\\"})");
  EXPECT_EQ(raw::text(raw::member(raw::member(frame, "result"), "k")), "v\\");
  EXPECT_EQ(raw::member(frame, "last"), "true");
  EXPECT_TRUE(raw::is_null(raw::member(frame, "n")));
  EXPECT_EQ(raw::member(frame, "k"), "");
  EXPECT_EQ(raw::member("[1]", "k"), "");
}

TEST(RawJson, CountsAndWalksItems) {
  EXPECT_EQ(raw::count("[]"), 0U);
  EXPECT_EQ(raw::count(" [ 1 , \"a,b\" , [1,2] , {\"a\":1} ] "), 4U);
  EXPECT_EQ(raw::count("{}"), 0U);
  EXPECT_EQ(raw::count(R"({"a":1,"b":[1,2]})"), 2U);
  std::vector<std::string> items;
  raw::each_item(R"([1,"\u00fc",null])", [&](std::string_view item) { items.emplace_back(item); });
  EXPECT_EQ(items, (std::vector<std::string>{"1", R"("\u00fc")", "null"}));
  EXPECT_EQ(raw::text(R"("\u00fc")"), "\xC3\xBC");
  raw::each_item("{\"a\":1}", [](std::string_view) { FAIL() << "an object has no items"; });
}

TEST(RawJson, NeverReadsBeyondATextThatIsCutOff) {
  constexpr std::string_view whole = R"({"a":[1,"x\"y",{"b":[true,null]}],"c":"d\\"})";
  for (std::size_t length = 0; length <= whole.size(); ++length) {
    std::string const exact{whole.substr(0, length)};  // its own allocation, for the sanitizer
    raw::member(exact, "c");
    raw::count(exact);
    raw::text(exact);
  }
}

struct TimeRow {
  char const* given;
  char const* text;
  char const* next_day;
};
void PrintTo(TimeRow const& row, std::ostream* out) { *out << row.given; }
class IsoTimes : public testing::TestWithParam<TimeRow> {};
TEST_P(IsoTimes, KeepTheirZone) {
  auto time = parse_iso(GetParam().given, "/t");
  ASSERT_TRUE(time.has_value());
  EXPECT_EQ(time->text(), GetParam().text);
  EXPECT_EQ(time->plus(std::chrono::hours{24}).text(), GetParam().next_day);
}
INSTANTIATE_TEST_SUITE_P(
    Table, IsoTimes,
    testing::Values(TimeRow{"2026-11-21", "2026-11-21T00:00:00", "2026-11-22T00:00:00"},
                    TimeRow{"2024-02-28T23:59", "2024-02-28T23:59:00", "2024-02-29T23:59:00"},
                    TimeRow{"2026-12-31 08:00:01.5+01:00", "2026-12-31T08:00:01.500000+01:00",
                            "2027-01-01T08:00:01.500000+01:00"},
                    TimeRow{"2026-11-21T08:00:00Z", "2026-11-21T08:00:00+00:00", "2026-11-22T08:00:00+00:00"},
                    TimeRow{"2026-11-21T08:00:00.1234567-0530", "2026-11-21T08:00:00.123456-05:30",
                            "2026-11-22T08:00:00.123456-05:30"},
                    TimeRow{"2026-11-21T08:00:00+02", "2026-11-21T08:00:00+02:00", "2026-11-22T08:00:00+02:00"}));

TEST(IsoTimes, RefuseWhatIsNoTime) {
  for (auto const* bad :
       {"", "yesterday", "2026-13-01", "2026-02-30", "2026-11-21T25:00", "2026-11-21T08:61", "2026-11-21T08",
        "2026-11-21X08:00", "2026-11-21T08:00:00 +01:00", "2026-11-21T08:00:00+25:00", "2026-11-21T08:00:00.",
        "2026-11-21T08:00:00Zx", "1969-01-01", "26-1-1", "2026-11-21&x=1"}) {
    auto time = parse_iso(bad, "/start_time");
    ASSERT_TRUE(time.has_error()) << bad;
    EXPECT_EQ(time.error().code, Code::invalid_argument);
    EXPECT_EQ(time.error().pointer, "/start_time");
  }
}

TEST(IsoTimes, FromSeconds) {
  EXPECT_EQ(iso_of_seconds(0), "1970-01-01T00:00:00+00:00");
  EXPECT_EQ(iso_of_seconds(1795248150.5), "2026-11-21T08:02:30.500000+00:00");
  EXPECT_EQ(iso_of_seconds(1e300), "");
}

TEST(Text, PercentEncodesWhatAUrlWouldRead) {
  EXPECT_EQ(percent_encoded("2026-11-21T08:00:00+01:00"), "2026-11-21T08%3A00%3A00%2B01%3A00");
  EXPECT_EQ(percent_encoded("a/b?c&d e\xC3\xBC~._-"), "a%2Fb%3Fc%26d%20e%C3%BC~._-");
}

TEST(Text, KnowsEntityIds) {
  for (auto const* good : {"light.bed_light", "sensor.a1"}) EXPECT_TRUE(is_entity_id(good)) << good;
  for (auto const* bad : {"", "light", "light.", ".x", "Light.x", "light.x.y", "light.b d", "light/x"})
    EXPECT_FALSE(is_entity_id(bad)) << bad;
}

TEST(Features, FollowTheVersionOfTheGreeting) {
  EXPECT_EQ(Version::parse("2024.3.3"), (Version{2024, 3}));
  EXPECT_EQ(Version::parse("2026.11.0b2"), (Version{2026, 11}));
  EXPECT_EQ(Version::parse("2026.12"), (Version{2026, 12}));
  EXPECT_EQ(Version::parse("dev"), Version{});
  EXPECT_EQ(Version::parse(""), Version{});
  EXPECT_EQ(Version::parse("2026"), Version{});
  Features const old{Version::parse("2024.3.3")}, recent{Version::parse("2026.11.0")};
  EXPECT_FALSE(old.plural_automation_keys() || old.single_word_dashboards() || old.marketplace() ||
               old.conversation_entities());
  EXPECT_TRUE(recent.plural_automation_keys() && recent.single_word_dashboards() && recent.marketplace() &&
              recent.conversation_entities());
}

struct ErrorRow {
  char const* error;
  Code code;
  char const* says;
};
void PrintTo(ErrorRow const& row, std::ostream* out) { *out << row.error; }
class CommandError : public testing::TestWithParam<ErrorRow> {};
TEST_P(CommandError, KeepsItsMeaning) {
  auto error = from_command("lovelace/x", GetParam().error);
  EXPECT_EQ(error.code, GetParam().code);
  EXPECT_NE(error.message.find(GetParam().says), std::string::npos) << error.message;
}
INSTANTIATE_TEST_SUITE_P(
    Table, CommandError,
    testing::Values(
        ErrorRow{R"({"code":"invalid_format","message":"required key not provided @ data['title']"})",
                 Code::invalid_argument, "data['title']"},
        ErrorRow{R"({"code":"not_found","message":"Entity not found"})", Code::not_found, "Entity not found"},
        ErrorRow{R"({"code":"config_not_found","message":"No config found."})", Code::not_found, "No config found"},
        ErrorRow{R"({"code":"unknown_command","message":"Unknown command."})", Code::unsupported, "lovelace/x"},
        ErrorRow{R"({"code":"unauthorized","message":"Unauthorized"})", Code::forbidden, "administrator"},
        ErrorRow{R"({"code":"home_assistant_error","message":"Unauthorized"})", Code::forbidden, "administrator"},
        ErrorRow{R"({"code":"home_assistant_error","message":"the bulb is gone"})", Code::upstream_failed,
                 "the bulb is gone"},
        ErrorRow{R"({"code":"service_validation_error","message":"m"})", Code::invalid_argument, "m"},
        ErrorRow{R"({"code":"unknown_error","message":"Unknown error"})", Code::upstream_failed, "Unknown error"},
        ErrorRow{R"({"code":"never_heard_of","message":"m"})", Code::upstream_failed, "never_heard_of"},
        ErrorRow{R"({})", Code::upstream_failed, "an error"}, ErrorRow{"", Code::upstream_failed, "an error"}));

TEST(StatusError, KeepsItsMeaning) {
  EXPECT_EQ(from_status("/api/states/x", 404, R"({"message":"Entity not found."})").code, Code::not_found);
  EXPECT_NE(from_status("/api/states/x", 404, R"({"message":"Entity not found."})").message.find("Entity not found."),
            std::string::npos);
  EXPECT_EQ(from_status("/x", 400, "400: Bad Request").code, Code::invalid_argument);
  EXPECT_EQ(from_status("/x", 401, "401: Unauthorized").code, Code::auth_failed);
  EXPECT_EQ(from_status("/x", 500, "<html>").code, Code::upstream_failed);
  EXPECT_EQ(from_status("/x", 500, "<html>").message.find("<html>"), std::string::npos);
  EXPECT_EQ(from_status("/x", 502, std::string(5000, '\xC3')).message.size() < 600, true);
}

struct ResourceRow {
  char const* url;
  char const* origin;
  char const* name;
  char const* card;
  bool brings;
};
void PrintTo(ResourceRow const& row, std::ostream* out) { *out << row.url << " " << row.card; }
class Resource : public testing::TestWithParam<ResourceRow> {};
TEST_P(Resource, IsMarked) {
  auto const origin = origin_of(GetParam().url);
  EXPECT_EQ(origin.origin, GetParam().origin);
  EXPECT_EQ(origin.name, GetParam().name);
  EXPECT_EQ(brings_card(origin, GetParam().card), GetParam().brings);
}
INSTANTIATE_TEST_SUITE_P(
    Table, Resource,
    testing::Values(ResourceRow{"/hacsfiles/button-card/button-card.js?hacstag=146194325", "hacs", "button-card",
                                "custom:button-card", true},
                    ResourceRow{"/hacsfiles/lovelace-mushroom/mushroom.js", "hacs", "mushroom",
                                "custom:mushroom-light-card", true},
                    ResourceRow{"/hacsfiles/mini-graph-card/mini-graph-card-bundle.js", "hacs", "mini-graph-card",
                                "custom:mini-graph-card", true},
                    ResourceRow{"/local/community/lovelace-mushroom/mushroom.js", "marketplace", "mushroom",
                                "custom:mushroom-cover-card", true},
                    ResourceRow{"/local/button-card.js", "manual", "button-card", "custom:button-card", true},
                    ResourceRow{"/local/button-card.js", "manual", "button-card", "custom:mini-graph-card", false},
                    ResourceRow{"/hacsfiles/button-card/button-card.js", "hacs", "button-card", "entities", true},
                    ResourceRow{"https://example.org/mush.js", "manual", "mush", "custom:mushroom-light-card", false},
                    ResourceRow{"x", "manual", "x", "custom:button-card", false},
                    ResourceRow{"", "manual", "", "custom:button-card", false}));

TEST(Cards, AreWhatTheirToolsSay) {
  json::Document document;
  auto& allocator = document.GetAllocator();
  EXPECT_EQ(
      json::to_text(button_card("light.a", std::nullopt, std::nullopt, allocator)),
      R"({"type":"custom:button-card","entity":"light.a","name":"light.a","icon":"mdi:lightbulb","tap_action":{"action":"toggle"}})");
  EXPECT_EQ(json::to_text(mushroom_card("media_player", "media_player.a", "TV", allocator)),
            R"({"type":"custom:mushroom-media-player-card","entity":"media_player.a","name":"TV"})");
  EXPECT_EQ(
      json::to_text(mini_graph_card({"sensor.a", "sensor.b"}, "Graph", 25, allocator)),
      R"({"type":"custom:mini-graph-card","entities":["sensor.a","sensor.b"],"name":"Graph","hours_to_show":25,"line_width":2,"animate":true})");
}

}  // namespace
}  // namespace patchbay::home_assistant
