#include "plugins/home_assistant/yaml_text.hpp"

#include <gtest/gtest.h>

namespace patchbay::home_assistant {
namespace {

std::string yaml_from(std::string_view text) {
  auto parsed = json::parse(text);
  return parsed ? yaml_of(parsed->document) : parsed.error().message;
}
TEST(YamlOf, WritesWhatReadsBack) {
  EXPECT_EQ(yaml_from(R"({"a":1,"b":{"c":[1,"x",{"d":null,"e":[]}]},"f":{}})"),
            "a: 1\nb:\n  c:\n    - 1\n    - x\n    - d: null\n      e: []\nf: {}\n");
  EXPECT_EQ(yaml_from(R"(["on","1","1.5","null","a: b","- x","!t","*","ok text","","7:30","yes"," x"])"),
            "- \"on\"\n- \"1\"\n- \"1.5\"\n- \"null\"\n- \"a: b\"\n- \"- x\"\n- \"!t\"\n- \"*\"\n- ok text\n- \"\"\n"
            "- \"7:30\"\n- \"yes\"\n- \" x\"\n");
  EXPECT_EQ(yaml_from(R"({"t":"one\ntwo\n","u":"one\n\ntwo","v":" x\ny","on":1})"),
            "t: |\n  one\n  two\nu: |-\n  one\n\n  two\nv: \" x\\ny\"\n\"on\": 1\n");
  EXPECT_EQ(yaml_from("\"plain\""), "plain\n");
}

}  // namespace
}  // namespace patchbay::home_assistant
