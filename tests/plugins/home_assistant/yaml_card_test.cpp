// YAML cards: scalars as YAML 1.1 reads them, and what is no card.
#include "plugins/home_assistant/yaml_card.hpp"

#include <gtest/gtest.h>

namespace patchbay::home_assistant {
namespace {

struct ScalarRow {
  char const* yaml;
  char const* json;
};
void PrintTo(ScalarRow const& row, std::ostream* out) { *out << row.yaml; }
class YamlScalar : public testing::TestWithParam<ScalarRow> {};

TEST_P(YamlScalar, IsResolved) {
  json::Document document;
  auto card = card_from_yaml(std::string{"type: x\nvalue: "} + GetParam().yaml, document.GetAllocator());
  ASSERT_TRUE(card.has_value()) << card.error().message;
  EXPECT_EQ(json::to_text((*card)["value"]), GetParam().json);
}

INSTANTIATE_TEST_SUITE_P(
    Table, YamlScalar,
    testing::Values(ScalarRow{"on", "true"}, ScalarRow{"Off", "false"}, ScalarRow{"yes", "true"},
                    ScalarRow{"NO", "false"}, ScalarRow{"true", "true"}, ScalarRow{"y", "\"y\""},
                    ScalarRow{"'on'", "\"on\""}, ScalarRow{"\"12\"", "\"12\""}, ScalarRow{"!!str 12", "\"12\""},
                    ScalarRow{"!!int 12", "12"}, ScalarRow{"~", "null"}, ScalarRow{"", "null"},
                    ScalarRow{"null", "null"}, ScalarRow{"\"\"", "\"\""}, ScalarRow{"0", "0"}, ScalarRow{"-7", "-7"},
                    ScalarRow{"+7", "7"}, ScalarRow{"1_000", "1000"}, ScalarRow{"0x1F", "31"}, ScalarRow{"010", "8"},
                    ScalarRow{"0b101", "5"}, ScalarRow{"08", "\"08\""}, ScalarRow{"1:30", "90"},
                    ScalarRow{"12:30:45", "45045"}, ScalarRow{"1:75", "\"1:75\""}, ScalarRow{"1.5", "1.5"},
                    ScalarRow{".5", "0.5"}, ScalarRow{"2.", "2.0"}, ScalarRow{"1.5e+3", "1500.0"},
                    ScalarRow{"1e3", "\"1e3\""}, ScalarRow{".nan", "\".nan\""}, ScalarRow{"1.2.3", "\"1.2.3\""},
                    ScalarRow{"2026-11-21", "\"2026-11-21\""}, ScalarRow{"light.bed_light", "\"light.bed_light\""},
                    ScalarRow{"99999999999999999999", "\"99999999999999999999\""},
                    ScalarRow{"[1, on, a]", "[1,true,\"a\"]"}, ScalarRow{"{a: 1, on: 2}", "{\"a\":1,\"on\":2}"},
                    ScalarRow{"|\n  two\n  lines", "\"two\\nlines\""}, ScalarRow{"\"gr\\u00fcn\"", "\"gr\xC3\xBCn\""}));

TEST(YamlCard, KeepsOrderAndMergesBelowWhatStandsThere) {
  json::Document document;
  auto card = card_from_yaml("type: stack\nbase: &base {color: red, size: 1}\nother:\n  <<: *base\n  size: 2\n",
                             document.GetAllocator());
  ASSERT_TRUE(card.has_value()) << card.error().message;
  EXPECT_EQ(json::to_text(*card),
            R"({"type":"stack","base":{"color":"red","size":1},"other":{"size":2,"color":"red"}})");
}

struct RefusedRow {
  char const* name;
  std::string yaml;
  char const* says;
};
void PrintTo(RefusedRow const& row, std::ostream* out) { *out << row.name; }
class YamlCardRefuses : public testing::TestWithParam<RefusedRow> {};

TEST_P(YamlCardRefuses, WithTheReason) {
  json::Document document;
  auto card = card_from_yaml(GetParam().yaml, document.GetAllocator());
  ASSERT_TRUE(card.has_error());
  EXPECT_EQ(card.error().code, Code::invalid_argument);
  EXPECT_EQ(card.error().pointer, "/card_yaml");
  EXPECT_NE(card.error().message.find(GetParam().says), std::string::npos) << card.error().message;
}

// Each level holds the one below nine times: 9^6 values.
std::string laughs() {
  std::string out = "type: x\na0: &a0 [1,1,1,1,1,1,1,1,1]\n";
  for (int i = 1; i < 7; ++i) {
    auto const inner = "*a" + std::to_string(i - 1);
    out += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + inner;
    for (int k = 0; k < 8; ++k) out += "," + inner;
    out += "]\n";
  }
  return out;
}

INSTANTIATE_TEST_SUITE_P(
    Table, YamlCardRefuses,
    testing::Values(
        RefusedRow{"bare_text", "just words", "a card is a map"}, RefusedRow{"list", "- type: x", "a card is a map"},
        RefusedRow{"empty", "", "document"}, RefusedRow{"two_documents", "type: a\n---\ntype: b\n", "this has 2"},
        RefusedRow{"no_type", "entity: light.a", "needs a type"},
        RefusedRow{"number_as_type", "type: 5", "needs a type"}, RefusedRow{"empty_type", "type: ''", "needs a type"},
        RefusedRow{"broken", "type: [x", "line"}, RefusedRow{"include", "type: x\na: !include b.yaml", "tag !include"},
        RefusedRow{"secret", "type: !secret a", "tag !secret"},
        RefusedRow{"twice", "type: a\ntype: b", "stands there twice"},
        RefusedRow{"key_is_list", "type: a\n? [1]\n: 2", "key that is not a text"},
        RefusedRow{"undefined_alias", "type: *nope", "line 1"},
        RefusedRow{"laughs", laughs(), "more than 10000 values"}, RefusedRow{"itself", "type: x\na: &a [*a]", ""},
        RefusedRow{"deep", "type: x\na: " + std::string(100, '[') + std::string(100, ']'), "deeper"},
        RefusedRow{"very_deep", "type: x\na: " + std::string(100000, '['), ""},
        RefusedRow{"comma", ",", "out of place"}, RefusedRow{"bracket", "type: x\n]", ""},
        RefusedRow{"brace", "}", "line 1"}, RefusedRow{"nul", std::string("type: x\0", 8), "NUL"},
        RefusedRow{"not_utf8", "type: \"\xFF\xFE\"", ""}));

}  // namespace
}  // namespace patchbay::home_assistant
