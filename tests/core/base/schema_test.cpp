#include "core/base/schema.hpp"

#include <gtest/gtest.h>

#include "core/base/operation.hpp"

namespace patchbay {
namespace {

Schema compiled(std::string_view text) {
  auto schema = Schema::compile(text);
  EXPECT_TRUE(schema.has_value()) << schema.error().message;
  return *schema;
}

struct Bad {
  char const *name, *text, *pointer, *part;
};
void PrintTo(Bad const& row, std::ostream* out) { *out << row.name; }
class SchemaRefusesText : public testing::TestWithParam<Bad> {};
TEST_P(SchemaRefusesText, WithThePointer) {
  auto schema = Schema::compile(GetParam().text);
  ASSERT_TRUE(schema.has_error());
  EXPECT_EQ(schema.error().pointer, GetParam().pointer);
  EXPECT_NE(schema.error().message.find(GetParam().part), std::string::npos) << schema.error().message;
}
INSTANTIATE_TEST_SUITE_P(
    Table, SchemaRefusesText,
    testing::Values(Bad{"not_json", "{", "", "not JSON"}, Bad{"not_object", "1", "", "object"},
                    Bad{"unknown_word", R"({"type":"object","properties":{"a":{"const":1}}})", "/properties/a/const",
                        "unknown word"},
                    Bad{"bad_type", R"({"type":"text"})", "/type", "no type"},
                    Bad{"bad_type_in_list", R"({"type":["string","text"]})", "/type", "no type"},
                    Bad{"required_unknown", R"({"properties":{"a":{}},"required":["b"]})", "/required", "not among"},
                    Bad{"numeric_exclusive", R"({"exclusiveMinimum":1})", "/exclusiveMinimum", "unknown word"},
                    Bad{"empty_enum", R"({"enum":[]})", "/enum", "not empty"},
                    Bad{"negative_length", R"({"minLength":-1})", "/minLength", "not negative"}),
    [](auto const& row) { return std::string{row.param.name}; });

constexpr auto thing = R"({"type":"object","properties":{
  "ids":{"type":["string","array"],"items":{"type":"string","minLength":1}},
  "mode":{"type":"string","enum":["a","b"]},
  "rate":{"type":"number","minimum":0,"maximum":1},
  "tags":{"type":"object","additionalProperties":{"type":"string"}},
  "free":{"type":"object"},
  "name":{"type":"string","minLength":2,"maxLength":4,"x-aliases":["title"]},
  "maybe":{"type":["integer","null"]}},
  "required":["name"],"x-required-one-of":["ids","mode"]})";

struct Value {
  char const *name, *text, *pointer, *part;
};
void PrintTo(Value const& row, std::ostream* out) { *out << row.name; }
class SchemaValidates : public testing::TestWithParam<Value> {};
TEST_P(SchemaValidates, Values) {
  auto const schema = compiled(thing);
  auto parsed = json::parse(GetParam().text);
  ASSERT_TRUE(parsed.has_value());
  auto problem = schema.problem(parsed->document);
  if (*GetParam().part == 0) {
    EXPECT_FALSE(problem) << problem->message;
    return;
  }
  ASSERT_TRUE(problem);
  EXPECT_EQ(problem->pointer, GetParam().pointer);
  EXPECT_NE(problem->message.find(GetParam().part), std::string::npos) << problem->message;
}
INSTANTIATE_TEST_SUITE_P(
    Table, SchemaValidates,
    testing::Values(
        Value{"good", R"({"name":"abc","ids":"x","rate":0.5,"tags":{"a":"b"},"free":{"z":[1]},"maybe":null})", "", ""},
        Value{"good_list", R"({"title":"abc","ids":["x","y"]})", "", ""},
        Value{"item", R"({"name":"abc","ids":["x",""]})", "/ids/1", "empty"},
        Value{"item_type", R"({"name":"abc","ids":["x",2]})", "/ids/1", "must be a string"},
        Value{"union_type", R"({"name":"abc","ids":3})", "/ids", "a string or an array"},
        Value{"enum", R"({"name":"abc","mode":"c"})", "/mode", "one of \"a\", \"b\""},
        Value{"too_big", R"({"name":"abc","mode":"a","rate":1.5})", "/rate", "at most 1"},
        Value{"too_long", R"({"name":"abcde","mode":"a"})", "/name", "at most 4 bytes"},
        Value{"too_short", R"({"name":"a","mode":"a"})", "/name", "at least 2"},
        Value{"map_value", R"({"name":"abc","mode":"a","tags":{"x/y":1}})", "/tags/x~1y", "must be a string"},
        Value{"missing", R"({"mode":"a"})", "/name", "required"},
        Value{"none_of", R"({"name":"abc"})", "", "one of these is required: ids, mode"},
        Value{"unknown", R"({"nmae":"abc","mode":"a"})", "/nmae", "did you mean \"name\""},
        Value{"nullable_type", R"({"name":"abc","mode":"a","maybe":"x"})", "/maybe", "an integer or null"},
        Value{"not_nullable", R"({"name":null,"mode":"a"})", "/name", "must be a string, is null"}),
    [](auto const& row) { return std::string{row.param.name}; });

TEST(Schema, ReportsAllProblems) {
  auto const schema = compiled(thing);
  auto parsed = json::parse(R"({"mode":"c","rate":2,"zzz":1})");
  EXPECT_EQ(schema.problems(parsed->document, 10).size(), 4U);
  EXPECT_EQ(schema.problems(parsed->document, 2).size(), 2U);
}

TEST(Schema, CanonicalReplacesAliasesAndKeepsBytes) {
  auto const schema = compiled(thing);
  auto parsed = json::parse(R"({ "title" : "abc", "rate": 0.10 ,"ids":[ "x" ]})");
  EXPECT_TRUE(schema.uses_alias(parsed->document));
  EXPECT_EQ(schema.canonical(*parsed), R"({"name":"abc","rate":0.10,"ids":[ "x" ]})");
}

struct Inner {
  int n = 1;
};
struct Outer {
  std::string name = "x";
  std::vector<Inner> list;
  std::map<std::string, double> rates;
  std::optional<bool> flag;
  RawJson any;
  Effect effect = Effect::write;
  std::uint8_t small = 3;
};
}  // namespace
template <>
struct Describe<Inner> {
  static constexpr std::tuple fields{field("n", &Inner::n, "Number")};
};
template <>
struct Describe<Outer> {
  static constexpr std::tuple fields{field("name", &Outer::name, "Name").optional(),
                                     field("list", &Outer::list, "List"),
                                     field("rates", &Outer::rates, "Rates").optional(),
                                     field("flag", &Outer::flag, "Flag"),
                                     field("any", &Outer::any, "Any"),
                                     field("effect", &Outer::effect, "Effect").optional(),
                                     field("small", &Outer::small, "Small").optional()};
};
namespace {

TEST(Describe, SchemaReadAndWriteAgree) {
  auto const schema = compiled(describe::schema_text<Outer>());
  std::string const text =
      R"({"list":[{"n":1},{"n":2}],"rates":{"a":0.5},"any":{"x": [1.50]},"effect":"destructive","small":255})";
  auto parsed = json::parse(text);
  EXPECT_FALSE(schema.problem(parsed->document));
  Outer outer;
  describe::read(*parsed, outer);
  EXPECT_EQ(outer.list.size(), 2U);
  EXPECT_EQ(outer.list[1].n, 2);
  EXPECT_EQ(outer.any.text, R"({"x": [1.50]})");
  EXPECT_EQ(outer.effect, Effect::destructive);
  EXPECT_EQ(outer.small, 255);
  EXPECT_FALSE(outer.flag);
  EXPECT_EQ(
      describe::to_text(outer),
      R"({"name":"x","list":[{"n":1},{"n":2}],"rates":{"a":0.5},"any":{"x": [1.50]},"effect":"destructive","small":255})");
  auto bad = json::parse(R"({"list":[],"any":1,"small":256})");
  EXPECT_EQ(schema.problem(bad->document)->pointer, "/small");
}

}  // namespace
}  // namespace patchbay
