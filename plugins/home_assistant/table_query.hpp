// TableQuery: a filter of table rows in a small language of its own; nothing is ever executed.
//
//   auto query = TableQuery::parse("state == 'on' and (attr_battery_level < 20 or attr_area in ['hall', 'attic'])");
//   if (!query) return query.error();
//   if (query->matches([&](std::string_view column) { return cell(column); })) ...
//
// There are: == != < <= > >=, in [...], not in, contains (part of a text, any case), is null, is not null, and or not
// (also & | ~), parentheses, 'text' or "text", numbers, true, false, null, and column names (in backticks where they
// are no words). Texts that are numbers compare as numbers with numbers; anything else with < is false. A comparison
// with a cell that is not there is false, but for != and not in. Values; any thread.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <variant>

#include "plugins/home_assistant/basics.hpp"

namespace patchbay::home_assistant {

// A cell or a literal; monostate: null, or not there.
using Cell = std::variant<std::monostate, bool, double, std::string>;

// Numbers, and texts that are numbers.
std::optional<double> cell_number(Cell const& cell);
std::string text_in(Cell const& cell);

class TableQuery {
 public:
  struct Node;
  // Errors: invalid_argument at /query, with the place.
  static Result<TableQuery> parse(std::string_view text);

  using Row = std::function<Cell(std::string_view column)>;
  bool matches(Row const& row) const;
  std::set<std::string> const& columns() const { return columns_; }

 private:
  std::shared_ptr<Node const> root_;
  std::set<std::string> columns_;
};

}  // namespace patchbay::home_assistant
