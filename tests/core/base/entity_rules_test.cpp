// What a token's entity lists allow: the table.
#include "core/base/entity_rules.hpp"

#include <gtest/gtest.h>

namespace patchbay {
namespace {

// light.sink and lock.back lie in the kitchen; of the attic nothing is known yet.
std::optional<bool> in_area(std::string_view area, std::string_view id) {
  if (area == "attic") return std::nullopt;
  return area == "living kitchen" && (id == "light.sink" || id == "lock.back");
}

struct Row {
  char const* name;
  char const* lists;
  char const* id;
  bool allowed;
};
void PrintTo(Row const& row, std::ostream* out) { *out << row.name; }
class EntityLists : public testing::TestWithParam<Row> {};

TEST_P(EntityLists, AreTheTable) {
  EXPECT_EQ(EntityRules::read(GetParam().lists).allow(GetParam().id, &in_area), GetParam().allowed);
}

INSTANTIATE_TEST_SUITE_P(
    Table, EntityLists,
    testing::Values(Row{"no_lists", "", "lock.a", true}, Row{"null", "null", "lock.a", true},
                    Row{"empty_lists", R"({"allow":[],"deny":[]})", "lock.a", true},
                    Row{"a_domain", R"({"allow":["light.*"]})", "light.a", true},
                    Row{"another_domain", R"({"allow":["light.*"]})", "lock.a", false},
                    Row{"only_its_beginning_is_alike", R"({"allow":["light.a"]})", "light.ab", false},
                    Row{"one", R"({"allow":["light.a"]})", "light.a", true},
                    Row{"a_star_within", R"({"allow":["*.kitchen_*"]})", "switch.kitchen_fan", true},
                    Row{"a_star_within_not", R"({"allow":["*.kitchen_*"]})", "switch.hall_fan", false},
                    Row{"two_stars", R"({"allow":["l*.*a"]})", "light.aba", true},
                    Row{"deny_wins", R"({"allow":["light.*"],"deny":["light.a"]})", "light.a", false},
                    Row{"deny_leaves_others", R"({"deny":["lock.*"]})", "light.a", true},
                    Row{"an_area_by_any_spelling", R"({"allow":["area:Living_KITCHEN"]})", "light.sink", true},
                    Row{"outside_the_area", R"({"allow":["area:living kitchen"]})", "light.a", false},
                    Row{"a_denied_area", R"({"allow":["light.*"],"deny":["area:living-kitchen"]})", "light.sink",
                        false},
                    Row{"an_area_not_known_allows_nothing", R"({"allow":["area:attic"]})", "light.a", false},
                    Row{"an_area_not_known_denies", R"({"deny":["area:attic"]})", "light.a", false},
                    Row{"no_object", "[]", "light.a", false}, Row{"broken", "{", "light.a", false},
                    Row{"no_list", R"({"allow":"light.*"})", "light.a", false},
                    Row{"no_text", R"({"allow":["light.*"],"deny":[5]})", "light.a", false}),
    [](auto const& row) { return std::string{row.param.name}; });

TEST(EntityRules, APrefixIsAllowedWhenAllBelowItIs) {
  auto const may = [](char const* lists, char const* beginning) {
    return EntityRules::read(lists).allow_all_with(beginning);
  };
  EXPECT_TRUE(may("", ""));
  EXPECT_TRUE(may(R"({"allow":["light.*"]})", "light."));
  EXPECT_TRUE(may(R"({"allow":["light.*"]})", "light.kitchen_"));
  EXPECT_FALSE(may(R"({"allow":["light.*"]})", "l"));
  EXPECT_FALSE(may(R"({"allow":["light.*"]})", ""));
  EXPECT_FALSE(may(R"({"allow":["light.*x"]})", "light."));
  EXPECT_FALSE(may(R"({"allow":["area:kitchen"]})", "light."));
  EXPECT_FALSE(may(R"({"allow":["light.*"],"deny":["light.a"]})", "light."));
  EXPECT_TRUE(may(R"({"allow":["light.*"],"deny":["lock.*"]})", "light."));
  EXPECT_FALSE(may(R"({"deny":["lock.*"]})", "lo"));
  EXPECT_FALSE(may(R"({"deny":["*x"]})", "light."));
  EXPECT_TRUE(may(R"({"deny":["lock.*"]})", "light."));
}

}  // namespace
}  // namespace patchbay
