// Times as people write them, relative to now.
#include "plugins/home_assistant/when.hpp"

#include <gtest/gtest.h>

namespace patchbay::home_assistant {
namespace {

TEST(When, RelativeTimes) {
  EXPECT_EQ(relative_seconds("-25h"), 25 * 3600.0);
  EXPECT_EQ(relative_seconds("0.5d"), 43'200.0);
  EXPECT_EQ(relative_seconds(" 30 minutes ago "), 1'800.0);
  EXPECT_EQ(relative_seconds("1 week"), 604'800.0);
  EXPECT_EQ(relative_seconds("now"), 0.0);
  for (auto const* text :
       {"", "-", "h", "5", "5x", "1.2.3h", "yesterday", "-5 h o", "5h5m", "99999999999h", "ago", "."})
    EXPECT_EQ(relative_seconds(text), std::nullopt) << text;
}

TEST(When, EntityLists) {
  auto one = entity_list(RawJson{R"("sun.sun")"}, 5, "/e");
  ASSERT_TRUE(one.has_value());
  EXPECT_EQ(*one, std::vector<std::string>{"sun.sun"});
  auto several = entity_list(RawJson{R"(["a.b","c.d","a.b"])"}, 5, "/e");
  ASSERT_TRUE(several.has_value());
  EXPECT_EQ(*several, (std::vector<std::string>{"a.b", "c.d"}));
  for (auto const* text : {"[]", R"(["a.b","c.d","e.f"])", R"("nonsense")", R"([1])", "{}"})
    EXPECT_EQ(entity_list(RawJson{text}, 2, "/e").error().pointer, "/e") << text;
}

}  // namespace
}  // namespace patchbay::home_assistant
