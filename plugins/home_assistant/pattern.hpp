// Pattern: a regular expression whose matching takes time proportional to text times expression, whatever either is, so
// that one from outside cannot hang the plugin.
//
//   auto pattern = Pattern::compile("platform:\\s*(mqtt|template)");
//   if (pattern && pattern->occurs_in(line)) ...
//
// Letters match in either case. There are: . [] [^] \d \w \s \b and their opposites, ^ $, (), (?:), |, * + ? {n,m}; a
// lazy "?" after a repetition changes nothing here. Look-around, back references and what expands beyond 4,000 steps
// are refused. The text is one line of UTF-8 (other bytes count as characters of their own). Values; any thread.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "plugins/home_assistant/basics.hpp"

namespace patchbay::home_assistant {

class Pattern {
 public:
  // Errors: invalid_argument at /pattern.
  static Result<Pattern> compile(std::string_view expression);
  // Matches exactly this text, in either case.
  static Pattern text(std::string_view text);

  bool occurs_in(std::string_view line) const;

 private:
  friend class PatternParser;
  struct Range {
    char32_t first, last;
  };
  struct Set {
    std::vector<Range> ranges;
    bool negated = false;
    bool has(char32_t c) const;
  };
  enum class Op : std::uint8_t { set, any, split, jump, line_start, line_end, word_edge, no_word_edge, match };
  struct Step {
    Op op;
    std::uint32_t a = 0, b = 0;  // set: which; split: both ways; jump: where
  };
  class Run;

  std::vector<Step> steps_;
  std::vector<Set> sets_;
};

}  // namespace patchbay::home_assistant
