#include "core/base/json.hpp"

#include <gtest/gtest.h>
#include <spdlog/fmt/fmt.h>

namespace patchbay {
namespace {

struct JsonRow {
  char const* name;
  std::string text;
  char const* part;  // of the message; empty: accepted
};
void PrintTo(JsonRow const& row, std::ostream* out) { *out << row.name; }

class JsonGuard : public testing::TestWithParam<JsonRow> {};
TEST_P(JsonGuard, RefusesWithAReason) {
  auto const& row = GetParam();
  auto parsed = json::parse(row.text);
  if (*row.part == 0) {
    EXPECT_TRUE(parsed.has_value()) << parsed.error().message;
    return;
  }
  ASSERT_TRUE(parsed.has_error());
  EXPECT_EQ(parsed.error().code, Code::invalid_argument);
  EXPECT_NE(parsed.error().message.find(row.part), std::string::npos) << parsed.error().message;
}

std::string many_values(int count) {
  std::string out{"["};
  for (int i = 0; i < count; ++i) out += i == 0 ? "1" : ",1";
  return out + "]";
}

// An object of `count` members whose names come round again after `different`.
std::string many_keys(int count, int different) {
  std::string out{"{"};
  for (int i = 0; i < count; ++i) out += fmt::format("{}\"k{}\":{}", i == 0 ? "" : ",", i % different, i);
  return out + "}";
}

INSTANTIATE_TEST_SUITE_P(
    Table, JsonGuard,
    testing::Values(
        JsonRow{"plain", R"({"a":1,"b":[true,null,"x"]})", ""},
        JsonRow{"depth_64", std::string(64, '[') + std::string(64, ']'), ""},
        JsonRow{"depth_65", std::string(65, '[') + std::string(65, ']'), "nested deeper than 64"},
        JsonRow{"very_deep", std::string(100'000, '['), "nested deeper than 64"},
        JsonRow{"values_at_limit", many_values(9'999), ""},
        JsonRow{"values_beyond", many_values(10'000), "more than 10000 values"},
        JsonRow{"duplicate_key", R"({"a":1,"b":{"c":1,"c":2}})", "/b/c"},
        JsonRow{"duplicate_escaped", R"({"a":1,"\u0061":2})", "/a"},
        JsonRow{"duplicate_empty", R"({"":1,"b":2,"":3})", "stands there twice"},
        JsonRow{"keys_of_one_kind", R"({"a1b":1,"a2b":2,"a3b":3})", ""},
        JsonRow{"duplicate_of_one_kind", R"([{"a1b":1,"a2b":2,"a1b":3}])", "/0/a1b"},
        JsonRow{"many_keys", many_keys(40, 40), ""}, JsonRow{"duplicate_of_many_keys", many_keys(40, 39), "/k0 stands"},
        JsonRow{"not_json", "{a}", "not JSON"}, JsonRow{"empty", "", "not JSON"},
        JsonRow{"trailing", "{} x", "not JSON"}, JsonRow{"nan", "NaN", "not JSON"},
        JsonRow{"infinity", "-Infinity", "not JSON"}, JsonRow{"too_big_number", "1e999", "not JSON"},
        JsonRow{"lone_low_surrogate", R"("\udc00")", "surrogate"},
        JsonRow{"lone_high_surrogate", R"("\ud800")", "not JSON"}, JsonRow{"pair", R"("\ud83d\ude00")", ""},
        JsonRow{"bad_utf8", "\"\xff\"", "not JSON"}, JsonRow{"encoded_surrogate", "\"\xed\xa0\x80\"", "not JSON"},
        JsonRow{"nul_escape", R"("a\u0000b")", "U+0000"}, JsonRow{"nul_byte", std::string("{}\0x", 4), "NUL"},
        JsonRow{"byte_order_mark", "\xef\xbb\xbf{}", "not JSON"},
        JsonRow{"long_string", "\"" + std::string((1 << 20) + 1, 'x') + "\"", "a string longer"}),
    [](auto const& row) { return std::string{row.param.name}; });

TEST(JsonParsed, NumbersAreWhatTheySay) {
  for (auto const* zero : {"0e-30", "0.000000000000000000000000", "-0e30", "0.0e-25"})
    EXPECT_EQ(json::parse(zero)->document.GetDouble(), 0.0) << zero;
  for (double number : {23.45, 0.1, 1e-7, 123456.789012, 1e22, 2.5e-10})
    EXPECT_EQ(json::parse(fmt::format("{}", number))->document.GetDouble(), number);
}

TEST(JsonParsed, KeepsTheBytesOfMembers) {
  std::string const text = R"( { "a" : 1.00 , "b":{"x": [1 , 2]},"c":  "t\u00e4" , "d":-0e1,"e":[ ], "f":true} )";
  auto parsed = json::parse(text);
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->member_text("a"), "1.00");
  EXPECT_EQ(parsed->member_text("b"), R"({"x": [1 , 2]})");
  EXPECT_EQ(parsed->member_text("c"), R"("t\u00e4")");
  EXPECT_EQ(parsed->member_text("d"), "-0e1");
  EXPECT_EQ(parsed->member_text("e"), "[ ]");
  EXPECT_EQ(parsed->member_text("f"), "true");
  EXPECT_EQ(parsed->member_text("g"), "");
}

TEST(JsonParsed, KeepsTheBytesOfMembersWhateverIsAroundThem) {
  std::string const text =
      "{\"q\\\"\\\\\"\t:\r\n\"a\\\",}\\\\\"\n,\"\":null,\"o\":{},\"last\" : [{\"k\":\",\"} , 2] \n}";
  auto parsed = json::parse(text);
  ASSERT_TRUE(parsed.has_value()) << parsed.error().message;
  EXPECT_EQ(parsed->member_text("q\"\\"), R"("a\",}\\")");
  EXPECT_EQ(parsed->member_text(""), "null");
  EXPECT_EQ(parsed->member_text("o"), "{}");
  EXPECT_EQ(parsed->member_text("last"), R"([{"k":","} , 2])");
}

TEST(JsonParsed, ReadsShortAndLongTextsAlike) {
  for (std::size_t length : {0U, 15U, 1014U, 1015U, 1016U, 1017U, 100'000U}) {  // about the size that is read elsewhere
    auto const value = std::string(length, 'x') + "\xc3\xa4";
    auto const text = fmt::format(R"({{"a":"{}"}})", value);
    auto parsed = json::parse(text);
    ASSERT_TRUE(parsed.has_value()) << parsed.error().message;
    EXPECT_EQ(json::find_text(parsed->document, "a"), value);
    EXPECT_EQ(parsed->member_text("a"), "\"" + value + "\"");
    EXPECT_EQ(json::to_text(parsed->document), text);
  }
}

TEST(JsonParsed, LeavesCopiesThatOutliveIt) {
  json::Document kept;
  {
    std::string text = R"({"short":"s","long":"a text that does not fit into the value itself"})";
    auto parsed = json::parse(text);
    ASSERT_TRUE(parsed.has_value());
    auto moved = std::move(*parsed);
    kept.CopyFrom(moved.document, kept.GetAllocator());
    text.assign(text.size(), '#');
    EXPECT_EQ(json::find_text(moved.document, "short"), "s");
  }
  EXPECT_EQ(json::find_text(kept, "long"), "a text that does not fit into the value itself");
}

TEST(JsonTextBy, WritesATextInsideOfAnother) {
  auto const text = json::text_by([](json::Writer& writer) {
    writer.StartArray();
    json::write_raw(writer, json::quoted("inner \"text\""));
    json::write_text(writer, json::text_by([](json::Writer& inner) { inner.Int(7); }));
    writer.EndArray();
  });
  EXPECT_EQ(text, R"(["inner \"text\"","7"])");
}

TEST(JsonTextBy, StartsAfreshAfterAnException) {
  EXPECT_THROW(json::text_by([](json::Writer& writer) {
                 writer.StartObject();
                 throw std::runtime_error{"in the middle"};
               }),
               std::runtime_error);
  EXPECT_EQ(json::quoted(std::string(100'000, 'x')).size(), 100'002U);
  EXPECT_EQ(json::quoted("x"), "\"x\"");
}

}  // namespace
}  // namespace patchbay
