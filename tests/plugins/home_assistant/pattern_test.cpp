// Regular expressions in linear time: what matches, what is refused, and what would hang a backtracking matcher.
#include "plugins/home_assistant/pattern.hpp"

#include <gtest/gtest.h>

#include <regex>

namespace patchbay::home_assistant {
namespace {

bool found(std::string_view expression, std::string_view line) {
  auto pattern = Pattern::compile(expression);
  EXPECT_TRUE(pattern.has_value()) << expression;
  return pattern && pattern->occurs_in(line);
}

struct PatternRow {
  char const* expression;
  char const* line;
  bool matches;
};
void PrintTo(PatternRow const& row, std::ostream* out) { *out << row.expression << " in " << row.line; }
class Patterns : public testing::TestWithParam<PatternRow> {};

TEST_P(Patterns, AreFoundOrNot) { EXPECT_EQ(found(GetParam().expression, GetParam().line), GetParam().matches); }

INSTANTIATE_TEST_SUITE_P(
    Table, Patterns,
    testing::Values(
        PatternRow{"abc", "xxABCxx", true}, PatternRow{"abc", "ab c", false}, PatternRow{"^abc$", "abc", true},
        PatternRow{"^abc$", "xabc", false}, PatternRow{"^abc$", "abcx", false},
        PatternRow{"a.c",
                   "a\xC3\xA4"
                   "c",
                   true},
        PatternRow{"colou?r", "color", true}, PatternRow{"colou?r", "colouur", false}, PatternRow{"a*b", "b", true},
        PatternRow{"a+b", "b", false}, PatternRow{"a+b", "aaab", true}, PatternRow{"^(ab|cd)+$", "abcdab", true},
        PatternRow{"^(ab|cd)+$", "abcda", false}, PatternRow{"a|b|c", "c", true}, PatternRow{"^(?:a|b|)$", "", true},
        PatternRow{"[a-c]x", "bX", true}, PatternRow{"[^a-c]x", "bx", false}, PatternRow{"[^a-c]x", "dx", true},
        PatternRow{"[]x]", "]", true}, PatternRow{"[a-]", "-", true}, PatternRow{"\\d{3}", "a12b", false},
        PatternRow{"\\d{3}", "a123b", true}, PatternRow{"^a{2,3}$", "aaaa", false}, PatternRow{"^a{2,3}$", "aaa", true},
        PatternRow{"^a{2,}$", "aaaaa", true}, PatternRow{"^a{0}$", "", true}, PatternRow{"a{x", "a{x", true},
        PatternRow{"\\bon\\b", "turn on!", true}, PatternRow{"\\bon\\b", "only", false}, PatternRow{"\\Bn", "on", true},
        PatternRow{"\\w+\\s\\w+", "two words", true}, PatternRow{"\\S", "  ", false}, PatternRow{"a\\.b", "axb", false},
        PatternRow{"\\x41", "a", true}, PatternRow{"\xC3\x84", "\xC3\xA4", true},
        PatternRow{"[\xC3\xA0-\xC3\xBF]", "\xC3\x89", true},
        PatternRow{"platform:\\s*(mqtt|template)", "  - Platform: MQTT", true}, PatternRow{"", "anything", true},
        PatternRow{"(a*)*b", "aaac", false}, PatternRow{"(^)*a", "a", true}, PatternRow{"x*?y", "xxy", true}));

TEST(Pattern, RefusesWhatItCannot) {
  for (auto const* expression :
       {"(", ")", "[", "[z-a]", "*a", "a**", "(?=x)", "(?<n>x)", "\\1", "\\q", "a{3,2}", "\\", "\\xZZ", "a++", "^*"}) {
    auto compiled = Pattern::compile(expression);
    ASSERT_FALSE(compiled.has_value()) << expression;
    EXPECT_EQ(compiled.error().code, Code::invalid_argument);
    EXPECT_EQ(compiled.error().pointer, "/pattern");
  }
  EXPECT_FALSE(Pattern::compile("((((a{50}){50}){50}){50}){50}").has_value());
  EXPECT_FALSE(Pattern::compile(std::string(300, '(') + std::string(300, ')')).has_value());
}

TEST(Pattern, PlainTextIsOnlyItself) {
  EXPECT_TRUE(Pattern::text("a.c(").occurs_in("xA.C(y"));
  EXPECT_FALSE(Pattern::text("a.c(").occurs_in("abc("));
}

TEST(Pattern, TimeGrowsWithTheTextOnly) {
  std::string const line(20'000, 'a');
  EXPECT_FALSE(found("(a+)+$b", line));
  EXPECT_FALSE(found("(a|a)*b", line));
  EXPECT_FALSE(found("(.*)(.*)(.*)(.*)x", line));
}

// Against another implementation, over many small expressions and texts.
TEST(Pattern, AgreesWithTheStandardLibrary) {
  std::uint32_t seed = 7;
  auto next = [&seed](std::uint32_t below) {
    seed = seed * 1'664'525U + 1'013'904'223U;
    return (seed >> 16U) % below;
  };
  constexpr std::array pieces{"a", "b", ".", "[ab]", "[^a]", "(a|b)", "(ab)", "(a|)", "\\b"};
  constexpr std::array repeats{"", "", "", "*", "+", "?", "{2}", "{1,2}"};
  for (int i = 0; i < 3'000; ++i) {
    std::string expression = next(4) == 0 ? "^" : "";
    for (std::uint32_t k = 0; k <= next(4); ++k) {
      std::string const piece = pieces[next(pieces.size())];
      expression += piece + (piece == "\\b" ? "" : repeats[next(repeats.size())]);
      if (next(8) == 0) expression += "|";
    }
    if (next(4) == 0) expression += "$";
    std::string line;
    for (std::uint32_t k = 0; k < next(7); ++k) line += "abc "[next(4)];
    std::regex const other{expression, std::regex::ECMAScript};
    EXPECT_EQ(found(expression, line), std::regex_search(line, other)) << expression << " in \"" << line << '"';
  }
}

}  // namespace
}  // namespace patchbay::home_assistant
