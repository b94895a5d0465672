// One key of a YAML file changed in its text: everything else byte for byte as it was.
#include "plugins/home_assistant/yaml_edit.hpp"

#include <gtest/gtest.h>

namespace patchbay::home_assistant {
namespace {

constexpr std::string_view configuration = R"(# The house
default_config:

# Logs are kept short
logger:
  default: info  # quiet
  logs:
    # chatty
    homeassistant.core: warning

automation: !include automations.yaml  # the editor's
http:
  # behind the proxy
  server_port: 8123
  password: !secret http_password
  trusted:
    - 127.0.0.1  # self
    - "::1"

sensor:
  - platform: template
    sensors:
      one: {value_template: "{{ 1 }}"}
  # - platform: off
text: |
  # not a comment
  kept
# the end
)";

std::string edited(std::string_view text, YamlChange change) {
  auto out = edit_yaml(text, change);
  return out ? out->text : "error: " + out.error().message;
}
std::string replaced(std::string_view text, std::string_view what, std::string_view with) {
  std::string out{text};
  out.replace(out.find(what), what.size(), with);
  return out;
}

TEST(YamlEdit, ANewKeyComesLast) {
  EXPECT_EQ(edited(configuration, {"frontend", YamlAction::merge, "themes: !include_dir_merge_named themes"}),
            std::string{configuration} + "frontend:\n  themes: !include_dir_merge_named themes\n");
  EXPECT_EQ(edited("", {"a", YamlAction::merge, "1"}), "a: 1\n");
  EXPECT_EQ(edited("# only a comment", {"a", YamlAction::replace, "- x\n- y"}), "# only a comment\na:\n  - x\n  - y\n");
  EXPECT_EQ(edited("a: 1", {"b", YamlAction::replace, ""}), "a: 1\nb:\n");
}

TEST(YamlEdit, MapsAreMergedKeyByKey) {
  EXPECT_EQ(edited(configuration, {"logger", YamlAction::merge, "default: warning\nlogs:\n  new.one: debug"}),
            replaced(replaced(configuration, "default: info  # quiet", "default: warning  # quiet"),
                     "    homeassistant.core: warning\n", "    homeassistant.core: warning\n    new.one: debug\n"));
  EXPECT_EQ(
      edited(configuration, {"http", YamlAction::merge, "password: !secret other # new\nuse: [a, b]"}),
      replaced(replaced(configuration, "  password: !secret http_password\n", "  password: !secret other # new\n"),
               "    - \"::1\"\n", "    - \"::1\"\n  use: [a, b]\n"));
}

TEST(YamlEdit, ListsGetWhatTheyLack) {
  EXPECT_EQ(edited(configuration, {"http", YamlAction::merge, "trusted:\n- 127.0.0.1\n- 10.0.0.1  # other"}),
            replaced(configuration, "    - \"::1\"\n", "    - \"::1\"\n    - 10.0.0.1  # other\n"));
  EXPECT_EQ(edited(configuration, {"sensor", YamlAction::merge, "- platform: mqtt\n  name: x"}),
            replaced(configuration, "  # - platform: off\n", "  # - platform: off\n  - platform: mqtt\n    name: x\n"));
}

TEST(YamlEdit, AValueIsReplacedAndItsCommentStays) {
  EXPECT_EQ(edited(configuration, {"automation", YamlAction::replace, "!include_dir_list automations"}),
            replaced(configuration, "automation: !include automations.yaml  # the editor's",
                     "automation: !include_dir_list automations  # the editor's"));
  EXPECT_EQ(edited(configuration, {"text", YamlAction::replace, "short"}),
            replaced(configuration, "text: |\n  # not a comment\n  kept\n", "text: short\n"));
  EXPECT_EQ(edited(configuration, {"default_config", YamlAction::replace, "|\n  two\n  lines"}),
            replaced(configuration, "default_config:\n", "default_config: |\n    two\n    lines\n"));
}

TEST(YamlEdit, AKeyIsRemoved) {
  EXPECT_EQ(edited(configuration, {"http", YamlAction::remove, ""}),
            replaced(configuration,
                     "http:\n  # behind the proxy\n  server_port: 8123\n  password: !secret http_password\n  "
                     "trusted:\n    - 127.0.0.1  # self\n    - \"::1\"\n",
                     ""));
  EXPECT_EQ(edited("a: 1\n", {"a", YamlAction::remove, ""}), "");
  EXPECT_EQ(edit_yaml("a: 1\n", {"b", YamlAction::remove, ""}).error().code, Code::not_found);
}

TEST(YamlEdit, TheSameChangesNothing) {
  auto out = edit_yaml(configuration, {"logger", YamlAction::merge, "default: info"});
  ASSERT_TRUE(out.has_value()) << out.error().message;
  EXPECT_FALSE(out->changed);
  EXPECT_EQ(out->text, configuration);
}

TEST(YamlEdit, LineBreaksAndMarksStayTheFilesOwn) {
  EXPECT_EQ(edited("\xEF\xBB\xBF"
                   "a: 1\r\nb: 2\r\n",
                   {"a", YamlAction::replace, "x: 1\ny: 2"}),
            "\xEF\xBB\xBF"
            "a:\r\n  x: 1\r\n  y: 2\r\nb: 2\r\n");
  EXPECT_EQ(edited("---\na: 1\n...\n", {"b", YamlAction::merge, "2"}), "---\na: 1\nb: 2\n...\n");
  EXPECT_EQ(edited("a: 1\n... # end\n", {"b", YamlAction::merge, "2"}), "a: 1\nb: 2\n... # end\n");
}

TEST(YamlEdit, AWordThatBeginsWithDotsEndsNoDocument) {
  EXPECT_EQ(edited("a: 1\n...x: 2\n", {"a", YamlAction::replace, "5"}), "a: 5\n...x: 2\n");
  EXPECT_EQ(edited("a: 1\n...x: 2\n", {"b", YamlAction::merge, "3"}), "a: 1\n...x: 2\nb: 3\n");
  EXPECT_EQ(edited("...x: 2\nb: 1\n", {"b", YamlAction::remove, ""}), "...x: 2\n");
}

struct Row {
  char const* name;
  char const* text;
  YamlChange change;
  Code code;
};
void PrintTo(Row const& row, std::ostream* out) { *out << row.name; }
class YamlEditRefuses : public testing::TestWithParam<Row> {};
TEST_P(YamlEditRefuses, WhatIsNotSure) {
  auto out = edit_yaml(GetParam().text, GetParam().change);
  ASSERT_FALSE(out.has_value()) << out->text;
  EXPECT_EQ(out.error().code, GetParam().code) << out.error().message;
}
INSTANTIATE_TEST_SUITE_P(
    Table, YamlEditRefuses,
    testing::Values(
        Row{"an_include", "a: !include x.yaml\n", {"a", YamlAction::merge, "b: 1"}, Code::conflict},
        Row{"other_kinds", "a: [1]\n", {"a", YamlAction::merge, "b: 1"}, Code::invalid_argument},
        Row{"broken_file", "a: [1\n", {"a", YamlAction::merge, "1"}, Code::invalid_argument},
        Row{"broken_content", "a: 1\n", {"a", YamlAction::merge, "[1"}, Code::invalid_argument},
        Row{"double_key_in_content", "a: 1\n", {"a", YamlAction::merge, "b: 1\nb: 2"}, Code::invalid_argument},
        Row{"a_bracket", "]\n", {"a", YamlAction::merge, "1"}, Code::invalid_argument},
        Row{"a_comma_as_content", "a: 1\n", {"a", YamlAction::replace, ","}, Code::invalid_argument},
        Row{"flow_file", "{a: 1}\n", {"a", YamlAction::replace, "2"}, Code::unsupported},
        Row{"flow_map", "a: {b: 1}\n", {"a", YamlAction::merge, "c: 2"}, Code::unsupported},
        Row{"flow_list", "a: [1]\n", {"a", YamlAction::merge, "- 2"}, Code::unsupported},
        Row{"a_list", "- a\n", {"a", YamlAction::merge, "2"}, Code::unsupported},
        Row{"documents", "a: 1\n---\nb: 2\n", {"a", YamlAction::merge, "2"}, Code::unsupported},
        Row{"documents_in_content", "a: 1\n", {"a", YamlAction::replace, "b: 1\n---\nc: 2"}, Code::unsupported},
        Row{"double_key", "a: 1\na: 2\n", {"a", YamlAction::replace, "3"}, Code::unsupported},
        Row{"explicit_key", "? a\n: 1\n", {"a", YamlAction::replace, "3"}, Code::unsupported},
        Row{"anchor_used_later", "a: &x\n  b: 1\nc: *x\n", {"a", YamlAction::remove, ""}, Code::unsupported},
        Row{"merge_key", "x: &x {b: 1}\na:\n  <<: *x\n", {"a", YamlAction::merge, "<<: 1"}, Code::unsupported},
        Row{"carriage_returns", "a: 1\rb: 2\r", {"a", YamlAction::replace, "3"}, Code::unsupported}),
    [](auto const& row) { return std::string{row.param.name}; });

TEST(YamlEdit, AnAnchorThatChangesItsUsesIsRefused) {
  auto out = edit_yaml("a: &x\n  b: 1\nc: *x\n", {"a", YamlAction::merge, "d: 2"});
  EXPECT_FALSE(out.has_value());
}

}  // namespace
}  // namespace patchbay::home_assistant
