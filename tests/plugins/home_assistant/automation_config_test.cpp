// An automation in the words of either generation, what differs between configurations, and the log as entries.
#include "plugins/home_assistant/automation_config.hpp"

#include <gtest/gtest.h>

#include "plugins/home_assistant/difference.hpp"
#include "plugins/home_assistant/log_text.hpp"

namespace patchbay::home_assistant {
namespace {

json::Document parsed(std::string_view text) {
  auto parsed = json::parse(text);
  EXPECT_TRUE(parsed) << text;
  json::Document out;
  out.CopyFrom(parsed->document, out.GetAllocator());
  return out;
}

constexpr std::string_view new_words =
    R"({"alias":"a","triggers":[{"trigger":"state","entity_id":"x.y"}],"conditions":[],"actions":[{"action":"a.b"},)"
    R"({"if":[{"condition":"state"}],"then":[{"action":"c.d"}],"else":{"action":"e.f"}},)"
    R"({"choose":[{"conditions":[],"sequence":[{"action":"g.h"}]}],"default":[{"action":"i.j"}]},)"
    R"({"repeat":{"count":2,"sequence":[{"action":"k.l"}]}},{"parallel":[{"sequence":[{"action":"m.n"}]}]},)"
    R"({"wait_for_trigger":[{"trigger":"time"}]}]})";
constexpr std::string_view old_words =
    R"({"alias":"a","trigger":[{"platform":"state","entity_id":"x.y"}],"condition":[],"action":[{"service":"a.b"},)"
    R"({"if":[{"condition":"state"}],"then":[{"service":"c.d"}],"else":{"service":"e.f"}},)"
    R"({"choose":[{"conditions":[],"sequence":[{"service":"g.h"}]}],"default":[{"service":"i.j"}]},)"
    R"({"repeat":{"count":2,"sequence":[{"service":"k.l"}]}},{"parallel":[{"sequence":[{"service":"m.n"}]}]},)"
    R"({"wait_for_trigger":[{"platform":"time"}]}]})";

TEST(AutomationConfig, TurnsIntoTheWordsOfAVersionAndBack) {
  auto document = parsed(new_words);
  in_words_of(document, false);
  EXPECT_EQ(json::to_text(document), old_words);
  in_words_of(document, false);
  EXPECT_EQ(json::to_text(document), old_words);
  in_words_of(document, true);
  EXPECT_EQ(json::to_text(document), new_words);
}

TEST(AutomationConfig, APartStandsUnderOneName) {
  auto document = parsed(R"({"triggers":[1],"condition":[2]})");
  auto const value = parsed("[3]");
  set_part(document, "trigger", value);
  set_part(document, "condition", value);
  EXPECT_EQ(json::to_text(document), R"({"condition":[3],"trigger":[3]})");
  EXPECT_EQ(json::to_text(*find_part(document, "trigger")), "[3]");
  EXPECT_EQ(find_part(document, "action"), nullptr);
  in_words_of(document, true);
  EXPECT_EQ(json::to_text(*find_part(document, "trigger")), "[3]");
}

TEST(AutomationConfig, ActionsOfAScript) {
  auto document = parsed(R"({"sequence":{"action":"a.b","data":{"action":"stays"}}})");
  actions_in_words_of(document["sequence"], false, document.GetAllocator());
  EXPECT_EQ(json::find_text(document["sequence"], "service"), "a.b");
  EXPECT_EQ(json::find_text(document["sequence"]["data"], "action"), "stays");
}

struct Row {
  char const* name;
  char const* before;
  char const* after;
  char const* told;  // "pointer change before after; ..."
};
void PrintTo(Row const& row, std::ostream* out) { *out << row.name; }
class DifferenceOf : public testing::TestWithParam<Row> {};
TEST_P(DifferenceOf, TellsWhatChanged) {
  auto const before = parsed(GetParam().before), after = parsed(GetParam().after);
  std::string told;
  for (auto const& one : differences(before, after))
    told += one.path + " " + one.change + " " + one.before.text + " " + one.after.text + ";";
  EXPECT_EQ(told, GetParam().told);
}
INSTANTIATE_TEST_SUITE_P(
    Table, DifferenceOf,
    testing::Values(Row{"nothing", R"({"a":1,"b":[1]})", R"({"b":[1],"a":1})", ""},
                    Row{"changed", R"({"a":{"b":1}})", R"({"a":{"b":2}})", "/a/b changed 1 2;"},
                    Row{"added_and_removed", R"({"a":1})", R"({"b":2})", "/a removed 1 null;/b added null 2;"},
                    Row{"escaped", R"({"a/b~":1})", R"({"a/b~":2})", "/a~1b~0 changed 1 2;"},
                    Row{"inserted_in_front", "[1,2,3]", "[0,1,2,3]", "/0 added null 0;"},
                    Row{"taken_out", "[1,2,3]", "[1,3]", "/1 removed 2 null;"},
                    Row{"within_a_list", R"([{"a":1},{"a":2}])", R"([{"a":1},{"a":3}])", "/1/a changed 2 3;"},
                    Row{"of_another_kind", R"({"a":[1]})", R"({"a":{"b":1}})", R"(/a changed [1] {"b":1};)"},
                    Row{"all_of_it", "null", R"({"a":1})", R"( changed null {"a":1};)"}),
    [](auto const& row) { return std::string{row.param.name}; });

TEST(LineDifference, ShowsWhatIsAround) {
  EXPECT_TRUE(line_difference("a\nb\n", "a\nb\n").empty());
  EXPECT_EQ(line_difference("1\n2\n3\n4\n5\n6\n7\n8\n9", "1\n2\n3\n4\nfive\n6\n7\n8\n9", 1),
            (std::vector<std::string>{"  4", "- 5", "+ five", "  6"}));
  EXPECT_EQ(line_difference("a\nb\nc", "b\nc\nd", 0), (std::vector<std::string>{"- a", "  ...", "+ d"}));
  EXPECT_EQ(line_difference("", "x"), (std::vector<std::string>{"+ x"}));
  EXPECT_EQ(line_difference("1\n2\n3\n4\n5\n6\n7", "one\n2\n3\n4\n5\n6\nseven", 1),
            (std::vector<std::string>{"- 1", "+ one", "  2", "  ...", "  6", "- 7", "+ seven"}));
}

TEST(LogText, KeepsATracebackWithItsEntry) {
  auto const entries = entries_of_file(
      "half a line from before\n"
      "2026-11-21 08:15:00.123 ERROR (MainThread) [homeassistant.components.demo] it broke\n"
      "Traceback (most recent call last):\n  File \"x.py\", line 1\nValueError: no\n"
      "\x1b[33m2026-11-21 08:15:01.000 WARNING (Sync) [a.b] two\n  lines\x1b[0m\n"
      "2026-11-21 08:15:02.000 INFO no thread, no name\r\n");
  ASSERT_EQ(entries.size(), 3U);
  EXPECT_EQ(entries[0].timestamp, "2026-11-21 08:15:00.123");
  EXPECT_EQ(entries[0].level, "ERROR");
  EXPECT_EQ(entries[0].component, "homeassistant.components.demo");
  EXPECT_EQ(entries[0].message, "it broke");
  EXPECT_TRUE(entries[0].exception && entries[0].exception->ends_with("ValueError: no"));
  EXPECT_EQ(entries[1].level, "WARNING");
  EXPECT_TRUE(entries[1].message.starts_with("two\n  lines"));
  EXPECT_EQ(entries[2].message, "no thread, no name");
}

TEST(LogText, ReadsTheListOfHomeAssistant) {
  auto const entries = entries_of_list(
      R"([{"name":"a.b","message":["one","two"],"level":"ERROR","source":["x.py",7],"timestamp":1795271705.5,)"
      R"("exception":"Trace","count":3,"first_occurred":1795271700.0}])");
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries[0].message, "one\ntwo");
  EXPECT_EQ(entries[0].source, "x.py:7");
  EXPECT_EQ(entries[0].count, 3U);
  EXPECT_EQ(entries[0].exception, "Trace");
  EXPECT_TRUE(entries[0].timestamp.starts_with("2026-11-21T14:35:05.5")) << entries[0].timestamp;
}

TEST(LogText, RanksLevelsInAnyCase) {
  EXPECT_LT(rank_of("debug"), rank_of("INFO"));
  EXPECT_LT(rank_of("Warning"), rank_of("error"));
  EXPECT_EQ(rank_of("CRITICAL"), 4);
  EXPECT_EQ(rank_of("loud"), -1);
}

}  // namespace
}  // namespace patchbay::home_assistant
