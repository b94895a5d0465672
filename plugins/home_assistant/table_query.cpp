#include "plugins/home_assistant/table_query.hpp"
#include "plugins/home_assistant/values.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <cmath>

namespace patchbay::home_assistant {
namespace {

constexpr int most_query_levels = 64;

bool is_name_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.';
}

}  // namespace

std::optional<double> cell_number(Cell const& cell) {
  if (auto const* number = std::get_if<double>(&cell)) return *number;
  if (auto const* flag = std::get_if<bool>(&cell)) return *flag ? 1.0 : 0.0;
  auto const* text = std::get_if<std::string>(&cell);
  if (text == nullptr || text->empty() || text->size() > 64) return std::nullopt;
  char* end = nullptr;
  auto const value = std::strtod(text->c_str(), &end);
  if (end != text->c_str() + text->size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

std::string text_in(Cell const& cell) {
  if (auto const* text = std::get_if<std::string>(&cell)) return *text;
  if (auto const* number = std::get_if<double>(&cell)) return fmt::format("{}", *number);
  if (auto const* flag = std::get_if<bool>(&cell)) return *flag ? "true" : "false";
  return {};
}

struct TableQuery::Node {
  enum Kind : std::uint8_t { both, either, negation, compare, member, part, null } kind = compare;
  std::string word;  // of a comparison
  std::unique_ptr<Node> left, right;
  struct Side {
    std::string column;  // or, when that is empty:
    Cell value;
  };
  Side first;
  std::vector<Side> others;

  static Cell cell_of(Side const& side, Row const& row) { return side.column.empty() ? side.value : row(side.column); }
  static bool same(Cell const& a, Cell const& b) {
    if (a.index() == b.index()) return a == b;
    auto const x = cell_number(a), y = cell_number(b);
    return x && y && *x == *y;
  }
  bool matches(Row const& row) const {
    switch (kind) {
      case both: return left->matches(row) && right->matches(row);
      case either: return left->matches(row) || right->matches(row);
      case negation: return !left->matches(row);
      case null: return std::holds_alternative<std::monostate>(cell_of(first, row));
      case member: {
        auto const value = cell_of(first, row);
        return std::any_of(others.begin(), others.end(),
                           [&](Side const& one) { return same(value, cell_of(one, row)); });
      }
      case part: {
        auto const wanted = lower(text_in(cell_of(others[0], row)));
        return lower(text_in(cell_of(first, row))).find(wanted) != std::string::npos;
      }
      case compare: break;
    }
    auto const a = cell_of(first, row), b = cell_of(others[0], row);
    if (word == "==") return same(a, b);
    if (word == "!=") return !same(a, b);
    int order = 0;
    if (auto const x = cell_number(a), y = cell_number(b); x && y) {
      order = *x < *y ? -1 : *x > *y ? 1 : 0;
    } else if (std::holds_alternative<std::string>(a) && std::holds_alternative<std::string>(b) && !x && !y) {
      order = std::get<std::string>(a).compare(std::get<std::string>(b));
    } else {
      return false;
    }
    if (word == "<") return order < 0;
    if (word == "<=") return order <= 0;
    return word == ">" ? order > 0 : order >= 0;
  }
};

namespace {

using Node = TableQuery::Node;

class QueryParser {
 public:
  QueryParser(std::string_view text, std::set<std::string>& columns) : all_(text), rest_(text), columns_(columns) {}

  std::unique_ptr<Node> parse() {
    auto out = either(0);
    skip();
    if (problem.empty() && !rest_.empty()) fail("something after the end");
    return out;
  }
  std::string problem;
  std::size_t place() const { return all_.size() - rest_.size(); }

 private:
  void fail(std::string_view what) {
    if (problem.empty()) problem = what;
  }
  void skip() {
    while (!rest_.empty() && (rest_[0] == ' ' || rest_[0] == '\t' || rest_[0] == '\n' || rest_[0] == '\r'))
      rest_.remove_prefix(1);
  }
  bool take(std::string_view sign) {
    skip();
    if (!rest_.starts_with(sign)) return false;
    rest_.remove_prefix(sign.size());
    return true;
  }
  bool take_word(std::string_view word) {
    skip();
    if (rest_.size() < word.size() || lower(rest_.substr(0, word.size())) != word) return false;
    if (rest_.size() > word.size() && is_name_char(rest_[word.size()])) return false;
    rest_.remove_prefix(word.size());
    return true;
  }

  std::unique_ptr<Node> joined(Node::Kind kind, std::unique_ptr<Node> left, std::unique_ptr<Node> right) {
    auto out = std::make_unique<Node>();
    out->kind = kind;
    out->left = std::move(left);
    out->right = std::move(right);
    return out;
  }
  std::unique_ptr<Node> either(int level) {
    auto out = both(level);
    while (problem.empty() && (take_word("or") || take("||") || take("|")))
      out = joined(Node::either, std::move(out), both(level));
    return out;
  }
  std::unique_ptr<Node> both(int level) {
    auto out = negated(level);
    while (problem.empty() && (take_word("and") || take("&&") || take("&")))
      out = joined(Node::both, std::move(out), negated(level));
    return out;
  }
  std::unique_ptr<Node> negated(int level) {
    if (level > most_query_levels) fail("nested too deeply");
    if (!problem.empty()) return {};
    if (take_word("not") || take("~")) return joined(Node::negation, negated(level + 1), {});
    if (take("(")) {
      auto out = either(level + 1);
      if (problem.empty() && !take(")")) fail("a ( that nothing closes");
      return out;
    }
    return comparison();
  }

  std::unique_ptr<Node> comparison() {
    auto out = std::make_unique<Node>();
    out->first = side();
    if (!problem.empty()) return {};
    if (take_word("is")) {
      out->kind = Node::null;
      bool const negative = take_word("not");
      if (!take_word("null") && !take_word("none")) fail("null expected after is");
      return negative ? joined(Node::negation, std::move(out), {}) : std::move(out);
    }
    bool const negative = take_word("not");
    if (take_word("in")) {
      out->kind = Node::member;
      list(*out);
      return negative ? joined(Node::negation, std::move(out), {}) : std::move(out);
    }
    if (take_word("contains")) {
      out->kind = Node::part;
      out->others.push_back(side());
      return negative ? joined(Node::negation, std::move(out), {}) : std::move(out);
    }
    for (auto const* word : {"==", "!=", "<=", ">=", "<", ">", "="})
      if (!negative && take(word)) {
        out->word = std::string_view{word} == "=" ? "==" : word;
        out->others.push_back(side());
        return out;
      }
    fail("a comparison expected: == != < <= > >= in, contains, is null");
    return {};
  }

  void list(Node& node) {
    bool const square = take("[");
    if (!square && !take("(")) return fail("a list in [ ] expected after in");
    auto const* close = square ? "]" : ")";
    if (take(close)) return;
    do {
      node.others.push_back(side());
      if (!problem.empty()) return;
    } while (take(","));
    if (!take(close)) fail("a list that nothing closes");
  }

  Node::Side side() {
    Node::Side out;
    skip();
    if (rest_.empty()) {
      fail("a column or a value expected");
      return out;
    }
    char const c = rest_[0];
    if (c == '\'' || c == '"' || c == '`') {
      rest_.remove_prefix(1);
      std::string text;
      while (!rest_.empty() && rest_[0] != c) {
        if (rest_[0] == '\\' && rest_.size() > 1 && c != '`') rest_.remove_prefix(1);
        text += rest_[0];
        rest_.remove_prefix(1);
      }
      if (rest_.empty()) {
        fail("a quote that nothing closes");
        return out;
      }
      rest_.remove_prefix(1);
      if (c == '`')
        column(out, std::move(text));
      else
        out.value = std::move(text);
      return out;
    }
    std::size_t size = c == '-' || c == '+' ? 1 : 0;
    bool const number = rest_.size() > size && ((rest_[size] >= '0' && rest_[size] <= '9') || rest_[size] == '.');
    while (size < rest_.size() && (is_name_char(rest_[size]) || (number && (rest_[size] == '-' || rest_[size] == '+') &&
                                                                 (rest_[size - 1] == 'e' || rest_[size - 1] == 'E'))))
      ++size;
    std::string word{rest_.substr(0, size)};
    if (word.empty() || (!number && size == 1 && (c == '-' || c == '+'))) {
      fail("a column or a value expected");
      return out;
    }
    rest_.remove_prefix(size);
    auto const small = lower(word);
    if (number) {
      auto const value = cell_number(Cell{word});
      if (!value) fail("not a number");
      out.value = value.value_or(0.0);
    } else if (small == "true" || small == "false") {
      out.value = small == "true";
    } else if (small == "null" || small == "none") {
      out.value = std::monostate{};
    } else {
      column(out, std::move(word));
    }
    return out;
  }
  void column(Node::Side& side, std::string name) {
    if (name.empty()) fail("a column without a name");
    columns_.insert(name);
    side.column = std::move(name);
  }

  std::string_view all_, rest_;
  std::set<std::string>& columns_;
};

}  // namespace

Result<TableQuery> TableQuery::parse(std::string_view text) {
  TableQuery out;
  QueryParser parser{text, out.columns_};
  out.root_ = parser.parse();
  if (!parser.problem.empty())
    return Error{Code::invalid_argument,
                 fmt::format("not a filter: {} at character {}; such as state == 'on' and attr_battery_level < 20",
                             parser.problem, parser.place() + 1),
                 "/query"};
  return out;
}

bool TableQuery::matches(Row const& row) const { return root_->matches(row); }

}  // namespace patchbay::home_assistant
