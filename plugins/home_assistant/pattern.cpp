#include "plugins/home_assistant/pattern.hpp"

#include <spdlog/fmt/fmt.h>

namespace patchbay::home_assistant {
namespace {

constexpr std::size_t most_steps = 4'000;
constexpr int most_pattern_levels = 100;

char32_t folded(char32_t c) {
  if (c >= U'A' && c <= U'Z') return c + 32;
  if (c >= 0xC0 && c <= 0xDE && c != 0xD7) return c + 32;  // Latin-1
  return c;
}

bool is_word(char32_t c) {
  return (c >= U'a' && c <= U'z') || (c >= U'A' && c <= U'Z') || (c >= U'0' && c <= U'9') || c == U'_' || c >= 0x80;
}

// One character and its length; a byte that begins no character stands for itself.
std::pair<char32_t, std::size_t> next_char(std::string_view text) {
  auto const byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  auto const first = byte(0);
  std::size_t const size = first < 0x80 ? 1 : first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC2 ? 2 : 1;
  if (size == 1 || text.size() < size) return {first, 1};
  char32_t value = first & (0x7FU >> size);
  for (std::size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0U) != 0x80U) return {first, 1};
    value = (value << 6U) | (byte(i) & 0x3FU);
  }
  return {value, size};
}

}  // namespace

// A recursive descent that writes steps as it goes.
class PatternParser {
 public:
  explicit PatternParser(std::string_view text) : rest_(text), begin_(text.data()) {}

  Result<Pattern> parse() {
    alternatives(0);
    if (problem_.empty() && !rest_.empty()) problem_ = "a ) that nothing opens";
    if (!problem_.empty())
      return Error{
          Code::invalid_argument,
          fmt::format("not a regular expression that can be used here: {} at {}", problem_, rest_.data() - begin_),
          "/pattern"};
    emit(Pattern::Op::match);
    return std::move(out_);
  }

 private:
  using Op = Pattern::Op;
  using Set = Pattern::Set;
  using Steps = std::vector<Pattern::Step>;

  bool done() const { return rest_.empty() || !problem_.empty(); }
  bool take(std::string_view word) {
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  void emit(Op op, std::uint32_t a = 0, std::uint32_t b = 0) {
    if (out_.steps_.size() >= most_steps) {
      if (problem_.empty()) problem_ = "too many repetitions";
      return;
    }
    out_.steps_.push_back({op, a, b});
  }
  std::uint32_t here() const { return static_cast<std::uint32_t>(out_.steps_.size()); }

  // Steps made since `begin`, with their jumps counted from there; and the same put down again.
  Steps taken_off(std::uint32_t begin) {
    Steps part{out_.steps_.begin() + begin, out_.steps_.end()};
    out_.steps_.resize(begin);
    for (auto& step : part) shift(step, 0U - begin);
    return part;
  }
  void put(Steps const& part) {
    auto const base = here();
    for (auto step : part) {
      shift(step, base);
      emit(step.op, step.a, step.b);
    }
  }
  static void shift(Pattern::Step& step, std::uint32_t by) {
    if (step.op == Op::split || step.op == Op::jump) step.a += by;
    if (step.op == Op::split) step.b += by;
  }

  void alternatives(int level) {
    if (level > most_pattern_levels) {
      problem_ = "nested too deeply";
      return;
    }
    auto const begin = here();
    sequence(level);
    while (!done() && take("|")) {
      auto const left = taken_off(begin);
      emit(Op::split, begin + 1, begin + 2 + static_cast<std::uint32_t>(left.size()));
      put(left);
      auto const jump = here();
      emit(Op::jump);
      alternatives(level);  // the right side, which may have more of them
      if (problem_.empty()) out_.steps_[jump].a = here();
      return;
    }
  }

  void sequence(int level) {
    while (!done() && rest_[0] != '|' && rest_[0] != ')') {
      auto const begin = here();
      bool const repeatable = atom(level);
      if (problem_.empty()) repetition(begin, repeatable);
    }
  }

  bool atom(int level) {
    if (take("(")) {
      if (rest_.starts_with("?") && !take("?:")) {
        problem_ = "look-around and named groups are not supported";
        return false;
      }
      alternatives(level + 1);
      if (problem_.empty() && !take(")")) problem_ = "a ( that nothing closes";
      return true;
    }
    if (take("[")) {
      char_class();
      return true;
    }
    if (take(".")) {
      emit(Op::any);
      return true;
    }
    if (take("^")) return emit(Op::line_start), false;
    if (take("$")) return emit(Op::line_end), false;
    if (take("\\b")) return emit(Op::word_edge), false;
    if (take("\\B")) return emit(Op::no_word_edge), false;
    if (rest_[0] == '*' || rest_[0] == '+' || rest_[0] == '?') {
      problem_ = "nothing to repeat";
      return false;
    }
    Set set;
    if (take("\\")) {
      escape(set);
    } else {
      auto const [c, size] = next_char(rest_);
      rest_.remove_prefix(size);
      set.ranges.push_back({c, c});
    }
    add(std::move(set));
    return true;
  }

  void add(Set set) {
    out_.sets_.push_back(std::move(set));
    emit(Op::set, static_cast<std::uint32_t>(out_.sets_.size() - 1));
  }

  void repetition(std::uint32_t begin, bool repeatable) {
    std::uint32_t least = 1, most = 1;
    constexpr std::uint32_t endless = ~0U;
    if (take("*")) {
      least = 0, most = endless;
    } else if (take("+")) {
      most = endless;
    } else if (take("?")) {
      least = 0;
    } else if (!counted(least, most)) {
      return;
    }
    if (!repeatable && problem_.empty()) problem_ = "nothing to repeat";
    take("?");
    if (rest_.starts_with("+") && problem_.empty()) problem_ = "possessive repetition is not supported";
    if (!problem_.empty()) return;
    auto const part = taken_off(begin);
    auto const size = static_cast<std::uint32_t>(part.size());
    for (std::uint32_t i = 0; i < least && problem_.empty(); ++i) put(part);
    if (most == endless) {
      auto const loop = here();
      emit(Op::split, loop + 1, loop + size + 2);
      put(part);
      emit(Op::jump, loop);
      return;
    }
    for (std::uint32_t i = least; i < most && problem_.empty(); ++i) {
      auto const next = here();
      emit(Op::split, next + 1, next + 1 + size);  // each further one may be left out
      put(part);
    }
  }

  // {2}, {2,}, {2,5}; anything else is plain text.
  bool counted(std::uint32_t& least, std::uint32_t& most) {
    if (!rest_.starts_with("{")) return false;
    auto const close = rest_.find('}');
    if (close == std::string_view::npos) return false;
    auto const inside = rest_.substr(1, close - 1);
    auto const comma = inside.find(',');
    auto number = [](std::string_view digits) -> std::optional<std::uint32_t> {
      if (digits.empty() || digits.size() > 4) return std::nullopt;
      std::uint32_t value = 0;
      for (char c : digits) {
        if (c < '0' || c > '9') return std::nullopt;
        value = value * 10 + static_cast<std::uint32_t>(c - '0');
      }
      return value;
    };
    auto const low = number(inside.substr(0, comma));
    if (!low) return false;
    auto high = low;
    if (comma != std::string_view::npos) {
      auto const text = inside.substr(comma + 1);
      high = text.empty() ? ~0U : number(text);
      if (!high) return false;
    }
    if (*high < *low) problem_ = "a repetition whose end is before its begin";
    rest_.remove_prefix(close + 1);
    least = *low;
    most = *high;
    return true;
  }

  // What follows a backslash.
  void escape(Set& set) {
    if (rest_.empty()) {
      problem_ = "a backslash at the end";
      return;
    }
    char const c = rest_[0];
    rest_.remove_prefix(1);
    auto one = [&](char32_t value) { set.ranges.push_back({value, value}); };
    auto digits = [&](std::size_t count) {
      char32_t value = 0;
      for (std::size_t i = 0; i < count; ++i) {
        char const d = rest_.size() > i ? rest_[i] : '?';
        auto const digit = d >= '0' && d <= '9'                     ? d - '0'
                           : (d | 0x20) >= 'a' && (d | 0x20) <= 'f' ? (d | 0x20) - 'a' + 10
                                                                    : -1;
        if (digit < 0) {
          problem_ = "an escape without its hexadecimal digits";
          return;
        }
        value = value * 16 + static_cast<char32_t>(digit);
      }
      rest_.remove_prefix(count);
      one(value);
    };
    switch (c) {
      case 'd': set.ranges.push_back({U'0', U'9'}); return;
      case 'D': set.ranges.insert(set.ranges.end(), {{0, U'/'}, {U':', 0x10FFFF}}); return;
      case 'w':
        set.ranges.insert(set.ranges.end(), {{U'a', U'z'}, {U'A', U'Z'}, {U'0', U'9'}, {U'_', U'_'}, {0x80, 0x10FFFF}});
        return;
      case 'W':
        set.ranges.insert(set.ranges.end(), {{0, U'/'}, {U':', U'@'}, {U'[', U'^'}, {U'`', U'`'}, {U'{', 0x7F}});
        return;
      case 's': set.ranges.insert(set.ranges.end(), {{9, 13}, {U' ', U' '}, {0xA0, 0xA0}}); return;
      case 'S': set.ranges.insert(set.ranges.end(), {{0, 8}, {14, 31}, {33, 0x9F}, {0xA1, 0x10FFFF}}); return;
      case 't': return one(U'\t');
      case 'n': return one(U'\n');
      case 'r': return one(U'\r');
      case 'f': return one(U'\f');
      case 'v': return one(U'\v');
      case 'x': return digits(2);
      case 'u': return digits(4);
      default: break;
    }
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
      problem_ = fmt::format("\\{} is not supported", c);
    else
      one(static_cast<unsigned char>(c));
  }

  void char_class() {
    Set set;
    set.negated = take("^");
    for (bool first = true;; first = false) {
      if (rest_.empty()) problem_ = "a [ that nothing closes";
      if (!problem_.empty()) return;
      if (!first && take("]")) break;
      auto const before = set.ranges.size();
      bool const escaped = take("\\");
      if (escaped) {
        escape(set);
      } else {
        auto const [c, size] = next_char(rest_);
        rest_.remove_prefix(size);
        set.ranges.push_back({c, c});
      }
      if (!problem_.empty()) return;
      bool const single = set.ranges.size() == before + 1 && set.ranges.back().first == set.ranges.back().last;
      if (!single || rest_.size() < 2 || rest_[0] != '-' || rest_[1] == ']') continue;
      rest_.remove_prefix(1);
      Set end;
      if (take("\\")) {
        escape(end);
      } else {
        auto const [c, size] = next_char(rest_);
        rest_.remove_prefix(size);
        end.ranges.push_back({c, c});
      }
      if (!problem_.empty()) return;
      if (end.ranges.size() != 1 || end.ranges[0].first != end.ranges[0].last ||
          end.ranges[0].first < set.ranges.back().first) {
        problem_ = "a range that ends before it begins";
        return;
      }
      set.ranges.back().last = end.ranges[0].first;
    }
    add(std::move(set));
  }

  std::string_view rest_;
  char const* begin_;
  std::string problem_;
  Pattern out_;
};

bool Pattern::Set::has(char32_t c) const {
  auto const other = c >= U'a' && c <= U'z' ? c - 32 : c >= 0xE0 && c <= 0xFE && c != 0xF7 ? c - 32 : folded(c);
  for (auto const& range : ranges)
    if ((c >= range.first && c <= range.last) || (other >= range.first && other <= range.last)) return !negated;
  return negated;
}

Result<Pattern> Pattern::compile(std::string_view expression) { return PatternParser{expression}.parse(); }

Pattern Pattern::text(std::string_view text) {
  Pattern out;
  while (!text.empty()) {
    auto const [c, size] = next_char(text);
    text.remove_prefix(size);
    out.sets_.push_back({{{c, c}}, false});
    out.steps_.push_back({Op::set, static_cast<std::uint32_t>(out.sets_.size() - 1)});
  }
  out.steps_.push_back({Op::match});
  return out;
}

// All states at once, each at most once a character: no state is ever tried twice at one place.
class Pattern::Run {
 public:
  Run(Pattern const& pattern, std::string_view line)
      : pattern_(pattern), line_(line), seen_(pattern.steps_.size(), 0) {}

  bool search() {
    std::vector<std::uint32_t> now, next;
    for (std::size_t at = 0;;) {
      add(now, 0, at);  // a match may begin anywhere
      if (matched_) return true;
      if (at >= line_.size()) return false;
      auto const [c, size] = next_char(line_.substr(at));
      before_ = c;
      ++turn_;
      for (auto index : now) {
        auto const& step = pattern_.steps_[index];
        if (step.op == Op::any || pattern_.sets_[step.a].has(c)) add(next, index + 1, at + size);
        if (matched_) return true;
      }
      now.swap(next);
      next.clear();
      at += size;
    }
  }

 private:
  void add(std::vector<std::uint32_t>& states, std::uint32_t index, std::size_t at) {
    open_.push_back(index);
    while (!open_.empty()) {
      index = open_.back();
      open_.pop_back();
      if (seen_[index] == turn_) continue;
      seen_[index] = turn_;
      auto const& step = pattern_.steps_[index];
      switch (step.op) {
        case Op::match: matched_ = true; return;
        case Op::jump: open_.push_back(step.a); break;
        case Op::split:
          open_.push_back(step.b);
          open_.push_back(step.a);
          break;
        case Op::line_start:
          if (at == 0) open_.push_back(index + 1);
          break;
        case Op::line_end:
          if (at == line_.size()) open_.push_back(index + 1);
          break;
        case Op::word_edge:
        case Op::no_word_edge:
          if (is_edge(at) == (step.op == Op::word_edge)) open_.push_back(index + 1);
          break;
        case Op::set:
        case Op::any: states.push_back(index); break;
      }
    }
  }
  bool is_edge(std::size_t at) const {
    bool const left = at > 0 && is_word(before_);
    bool const right = at < line_.size() && is_word(next_char(line_.substr(at)).first);
    return left != right;
  }

  Pattern const& pattern_;
  std::string_view line_;
  std::vector<std::uint64_t> seen_;  // the turn in which a step was last added
  std::vector<std::uint32_t> open_;
  std::uint64_t turn_ = 1;
  char32_t before_ = 0;
  bool matched_ = false;
};

bool Pattern::occurs_in(std::string_view line) const { return Run{*this, line}.search(); }

}  // namespace patchbay::home_assistant
