// The filter language of tables: what it means, and what it refuses.
#include "plugins/home_assistant/table_query.hpp"

#include <gtest/gtest.h>

namespace patchbay::home_assistant {
namespace {

Cell lamp(std::string_view column) {
  if (column == "state") return std::string{"on"};
  if (column == "attr_brightness") return 180.0;
  if (column == "attr_level") return std::string{"21.5"};
  if (column == "attr_dim") return true;
  if (column == "name") return std::string{"Bed Light"};
  if (column == "odd name") return std::string{"x"};
  return std::monostate{};
}

struct Row {
  char const* query;
  bool matches;
};
void PrintTo(Row const& row, std::ostream* out) { *out << row.query; }
class TableQueries : public testing::TestWithParam<Row> {};
TEST_P(TableQueries, MatchOrNot) {
  auto query = TableQuery::parse(GetParam().query);
  ASSERT_TRUE(query.has_value()) << query.error().message;
  EXPECT_EQ(query->matches(lamp), GetParam().matches);
}
INSTANTIATE_TEST_SUITE_P(
    Table, TableQueries,
    testing::Values(Row{"state == 'on'", true}, Row{"state != \"on\"", false}, Row{"attr_brightness > 100", true},
                    Row{"attr_brightness >= 180 and attr_brightness <= 180", true}, Row{"attr_level < 22", true},
                    Row{"attr_level == 21.5", true}, Row{"attr_level > '9'", true}, Row{"state < 5", false},
                    Row{"state > 5", false}, Row{"not state == 'off'", true}, Row{"~(state == 'on')", false},
                    Row{"state == 'off' or name contains 'bed'", true}, Row{"state == 'off' | attr_dim == true", true},
                    Row{"state == 'on' & attr_dim == false", false}, Row{"state in ['off', 'on']", true},
                    Row{"state not in ('off', 'on')", false}, Row{"attr_brightness in [179, 180]", true},
                    Row{"nothing is null", true}, Row{"state is not null", true}, Row{"nothing == 'x'", false},
                    Row{"nothing != 'x'", true}, Row{"nothing < 3", false}, Row{"`odd name` == 'x'", true},
                    Row{"state == 'on' or state == 'b' and state == 'c'", true}, Row{"-5 < attr_brightness", true},
                    Row{"1.8e2 == attr_brightness", true}, Row{"name == 'Bed\\x20Light'", false},
                    Row{"STATE is null", true}, Row{"state in []", false}));

TEST(TableQuery, RefusesWhatItDoesNotKnow) {
  for (auto const* text :
       {"", "state", "state ==", "== 'on'", "state == 'on", "(state == 'on'", "state == 'on')", "state in 'on'",
        "state is on", "a.b()", "__import__('os')", "state == 1 2", "1.2.3 == 1", "state and", "not"}) {
    auto query = TableQuery::parse(text);
    ASSERT_FALSE(query.has_value()) << text;
    EXPECT_EQ(query.error().pointer, "/query");
  }
  EXPECT_FALSE(TableQuery::parse(std::string(200, '(') + "a == 1" + std::string(200, ')')).has_value());
  std::string deep;
  for (int i = 0; i < 500; ++i) deep += "not ";
  EXPECT_FALSE(TableQuery::parse(deep + "a == 1").has_value());
}

TEST(TableQuery, TellsItsColumns) {
  auto query = TableQuery::parse("state == 'on' and `a b` > attr_x or true == false");
  ASSERT_TRUE(query.has_value());
  EXPECT_EQ(query->columns(), (std::set<std::string>{"state", "a b", "attr_x"}));
}

}  // namespace
}  // namespace patchbay::home_assistant
