// Editing dashboards: where a card goes, what is refused and with which pointer, and hashes.
#include "plugins/home_assistant/dashboard_config.hpp"

#include <gtest/gtest.h>

namespace patchbay::home_assistant {
namespace {

json::Document parse(std::string_view text) {
  json::Document document;
  document.Parse(text.data(), text.size());
  EXPECT_FALSE(document.HasParseError()) << text;
  return document;
}

json::Value card(json::Document& document, std::string_view name) {
  json::Value out{rapidjson::kObjectType};
  member_of(out, "type", document.GetAllocator()) = text_value(name, document.GetAllocator());
  return out;
}

struct InsertRow {
  char const* name;
  char const* config;
  CardPlace place;
  char const* after;
  std::size_t index, total;
};
void PrintTo(InsertRow const& row, std::ostream* out) { *out << row.name; }
class InsertCard : public testing::TestWithParam<InsertRow> {};

TEST_P(InsertCard, PutsItThere) {
  auto config = parse(GetParam().config);
  auto done = insert_card(config, GetParam().place, card(config, "new"));
  ASSERT_TRUE(done.has_value()) << done.error().message;
  EXPECT_EQ(json::to_text(config), GetParam().after);
  EXPECT_EQ(done->card_index, GetParam().index);
  EXPECT_EQ(done->total_cards, GetParam().total);
}

INSTANTIATE_TEST_SUITE_P(
    Table, InsertCard,
    testing::Values(
        InsertRow{"at_the_end",
                  R"({"views":[{"cards":[{"type":"a"}]}]})",
                  {},
                  R"({"views":[{"cards":[{"type":"a"},{"type":"new"}]}]})",
                  1,
                  2},
        InsertRow{"at_the_front",
                  R"({"views":[{"cards":[{"type":"a"},{"type":"b"}]}]})",
                  {0, 0, 0},
                  R"({"views":[{"cards":[{"type":"new"},{"type":"a"},{"type":"b"}]}]})",
                  0,
                  3},
        InsertRow{"in_between",
                  R"({"views":[{"cards":[{"type":"a"},{"type":"b"}]}]})",
                  {0, 0, 1},
                  R"({"views":[{"cards":[{"type":"a"},{"type":"new"},{"type":"b"}]}]})",
                  1,
                  3},
        InsertRow{"view_without_cards",
                  R"({"views":[{},{"title":"t"}]})",
                  {1, 0, {}},
                  R"({"views":[{},{"title":"t","cards":[{"type":"new"}]}]})",
                  0,
                  1},
        InsertRow{"cards_null", R"({"views":[{"cards":null}]})", {}, R"({"views":[{"cards":[{"type":"new"}]}]})", 0, 1},
        InsertRow{"no_views_yet", R"({"views":[]})", {}, R"({"views":[{"cards":[{"type":"new"}]}]})", 0, 1},
        InsertRow{
            "section",
            R"({"views":[{"type":"sections","sections":[{"type":"grid","cards":[{"type":"a"}]},{"type":"grid"}]}]})",
            {0, 1, {}},
            R"({"views":[{"type":"sections","sections":[{"type":"grid","cards":[{"type":"a"}]},{"type":"grid","cards":[{"type":"new"}]}]}]})",
            0,
            2},
        InsertRow{"first_section",
                  R"({"views":[{"type":"sections"}]})",
                  {},
                  R"({"views":[{"type":"sections","sections":[{"type":"grid","cards":[{"type":"new"}]}]}]})",
                  0,
                  1}));

struct RefusedRow {
  char const* name;
  char const* config;
  CardPlace place;
  bool replace;
  Code code;
  char const* pointer;
};
void PrintTo(RefusedRow const& row, std::ostream* out) { *out << row.name; }
class CardRefused : public testing::TestWithParam<RefusedRow> {};

TEST_P(CardRefused, WithCodeAndPointerAndNothingChanged) {
  auto config = parse(GetParam().config);
  auto const before = json::to_text(config);
  auto done = GetParam().replace ? replace_card(config, GetParam().place, card(config, "new"))
                                 : insert_card(config, GetParam().place, card(config, "new"));
  ASSERT_TRUE(done.has_error());
  EXPECT_EQ(done.error().code, GetParam().code) << done.error().message;
  EXPECT_EQ(done.error().pointer, GetParam().pointer) << done.error().message;
  EXPECT_EQ(json::to_text(config), before);
}

constexpr auto one = R"({"views":[{"cards":[{"type":"a"}]}]})";
constexpr auto sections = R"({"views":[{"type":"sections","sections":[{"cards":[{"type":"a"}]}]}]})";
INSTANTIATE_TEST_SUITE_P(
    Table, CardRefused,
    testing::Values(
        RefusedRow{"view_too_high", one, {1, 0, {}}, false, Code::not_found, "/view_index"},
        RefusedRow{"view_negative", one, {-1, 0, {}}, false, Code::not_found, "/view_index"},
        RefusedRow{"view_one_of_none", R"({"views":[]})", {1, 0, {}}, false, Code::not_found, "/view_index"},
        RefusedRow{"section_of_no_view", R"({"views":[]})", {0, 1, {}}, false, Code::not_found, "/section_index"},
        RefusedRow{"position_beyond", one, {0, 0, 2}, false, Code::invalid_argument, "/position"},
        RefusedRow{"position_negative", one, {0, 0, -1}, false, Code::invalid_argument, "/position"},
        RefusedRow{"position_in_no_view", R"({"views":[]})", {0, 0, 1}, false, Code::invalid_argument, "/position"},
        RefusedRow{"section_of_classic", one, {0, 1, {}}, false, Code::invalid_argument, "/section_index"},
        RefusedRow{"section_too_high", sections, {0, 1, {}}, false, Code::not_found, "/section_index"},
        RefusedRow{"section_negative", sections, {0, -1, {}}, false, Code::not_found, "/section_index"},
        RefusedRow{"strategy", R"({"strategy":{"type":"map"}})", {}, false, Code::unsupported, ""},
        RefusedRow{"view_strategy", R"({"views":[{"strategy":{}}]})", {}, false, Code::unsupported, "/view_index"},
        RefusedRow{"section_strategy",
                   R"({"views":[{"type":"sections","sections":[{"strategy":{}}]}]})",
                   {},
                   false,
                   Code::unsupported,
                   "/section_index"},
        RefusedRow{"text_as_config", R"("abc")", {}, false, Code::unsupported, ""},
        RefusedRow{"cards_are_text", R"({"views":[{"cards":"x"}]})", {}, false, Code::unsupported, "/view_index"},
        RefusedRow{"replace_beyond", one, {0, 0, 1}, true, Code::not_found, "/card_index"},
        RefusedRow{"replace_negative", one, {0, 0, -1}, true, Code::not_found, "/card_index"},
        RefusedRow{"replace_in_empty", R"({"views":[]})", {0, 0, 0}, true, Code::not_found, "/card_index"},
        RefusedRow{"replace_in_empty_sections",
                   R"({"views":[{"type":"sections"}]})",
                   {0, 0, 0},
                   true,
                   Code::not_found,
                   "/card_index"}));

TEST(ReplaceCard, GivesTheOldOne) {
  auto config = parse(
      R"({"views":[{"type":"sections","sections":[{"cards":[{"type":"a"}]},{"cards":[{"type":"b"},{"type":"c"}]}]}]})");
  auto done = replace_card(config, {0, 1, 1}, card(config, "new"));
  ASSERT_TRUE(done.has_value()) << done.error().message;
  EXPECT_EQ(json::to_text(done->old_card), R"({"type":"c"})");
  EXPECT_EQ(done->section_index, 1U);
  EXPECT_EQ(done->total_cards, 3U);
  EXPECT_EQ(
      json::to_text(config),
      R"({"views":[{"type":"sections","sections":[{"cards":[{"type":"a"}]},{"cards":[{"type":"b"},{"type":"new"}]}]}]})");
}

struct ConfigRow {
  char const* config;
  char const* pointer;  // null: fine
};
void PrintTo(ConfigRow const& row, std::ostream* out) { *out << row.config; }
class CheckConfig : public testing::TestWithParam<ConfigRow> {};
TEST_P(CheckConfig, NamesThePlace) {
  auto fine = check_config(parse(GetParam().config));
  if (GetParam().pointer == nullptr) {
    EXPECT_TRUE(fine.has_value()) << fine.error().message;
  } else {
    ASSERT_TRUE(fine.has_error());
    EXPECT_EQ(fine.error().code, Code::invalid_argument);
    EXPECT_EQ(fine.error().pointer, GetParam().pointer);
  }
}
INSTANTIATE_TEST_SUITE_P(
    Table, CheckConfig,
    testing::Values(
        ConfigRow{R"({"views":[]})", nullptr}, ConfigRow{R"({"strategy":{"type":"original-states"}})", nullptr},
        ConfigRow{R"({"title":"t","views":[{"cards":[]},{"type":"sections","sections":[{"cards":[]}]}]})", nullptr},
        ConfigRow{"{}", "/config"}, ConfigRow{"[]", "/config"}, ConfigRow{R"({"views":{}})", "/config/views"},
        ConfigRow{R"({"views":"x"})", "/config/views"}, ConfigRow{R"({"strategy":1})", "/config/strategy"},
        ConfigRow{R"({"views":[1]})", "/config/views/0"},
        ConfigRow{R"({"views":[{},{"cards":{}}]})", "/config/views/1/cards"},
        ConfigRow{R"({"views":[{"sections":1}]})", "/config/views/0/sections"},
        ConfigRow{R"({"views":[{"sections":[[]]}]})", "/config/views/0/sections/0"},
        ConfigRow{R"({"views":[{"sections":[{"cards":3}]}]})", "/config/views/0/sections/0/cards"}));

TEST(ConfigHash, IsTheSameWhateverTheOrderOfKeys) {
  auto const hash = config_hash(parse(R"({"a":1,"b":{"c":[1,2],"d":null}})"));
  EXPECT_EQ(hash.size(), 64U);
  EXPECT_EQ(hash, config_hash(parse(R"({"b":{"d":null,"c":[1,2]},"a":1})")));
  EXPECT_NE(hash, config_hash(parse(R"({"b":{"d":null,"c":[2,1]},"a":1})")));
  EXPECT_EQ(config_hash(json::Value{}), "");
  // printf '{"views":[]}' | sha256sum
  EXPECT_EQ(config_hash(parse(R"({"views":[]})")), "dbbb0f164dc1cb81872f523bc78bcd517993dea55a9d4f97fc8f854795bc521e");
}

TEST(UrlPath, FollowsTheVersion) {
  EXPECT_TRUE(check_new_url_path("living-room", false));
  EXPECT_TRUE(check_new_url_path("a-1_b", false));
  EXPECT_TRUE(check_new_url_path("garden", true));
  EXPECT_EQ(check_new_url_path("garden", false).error().code, Code::invalid_argument);
  EXPECT_EQ(check_new_url_path("lovelace", true).error().code, Code::conflict);
  for (auto const* bad : {"", "Living-Room", "a b-c", "-a", "a-", "a--b", "a/b-c", "../x-y", "\xC3\xBC-x"})
    EXPECT_EQ(check_new_url_path(bad, true).error().code, Code::invalid_argument) << bad;
  EXPECT_EQ(check_new_url_path(std::string(101, 'a'), true).error().code, Code::invalid_argument);
}

}  // namespace
}  // namespace patchbay::home_assistant
