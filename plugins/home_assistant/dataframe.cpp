// Category code_execution: the states of all entities as a table with column summaries, computed here.
#include <spdlog/fmt/fmt.h>

#include <cmath>

#include "plugins/home_assistant/plugin.hpp"
#include "plugins/home_assistant/raw_json.hpp"
#include "plugins/home_assistant/state_answers.hpp"
#include "plugins/home_assistant/table_query.hpp"
#include "plugins/home_assistant/tool_kinds.hpp"
#include "plugins/sdk/nearest.hpp"

namespace patchbay::home_assistant {

struct DataframeArgs {
  std::optional<std::string> domain, query, cursor;
  bool include_attributes = true;
  std::optional<std::vector<std::string>> fields;
  std::int64_t limit = 50;
  bool summary = false;
};
struct DataframeShape {
  std::uint64_t rows = 0, columns = 0;
};
struct ColumnSummary {
  std::uint64_t count = 0, distinct = 0;
  std::optional<double> min, max, mean;
  std::optional<std::map<std::string, std::uint64_t>> most;
};
struct DataframeResult {
  std::vector<std::string> columns;
  std::vector<RawJson> rows;
  DataframeShape shape;
  std::map<std::string, std::string> dtypes;
  std::map<std::string, ColumnSummary> summary;
  std::uint64_t count = 0;
  std::optional<std::string> next_cursor;
};

}  // namespace patchbay::home_assistant

namespace patchbay {
namespace ha = home_assistant;

template <>
struct Describe<ha::DataframeArgs> {
  using A = ha::DataframeArgs;
  static constexpr std::tuple fields{
      field("domain", &A::domain, "Keep only this domain, such as sensor").nullable().length(0, 64),
      field("query", &A::query, "Row filter, such as state == 'on' and attr_battery_level < 20")
          .nullable()
          .length(0, 2'000),
      field("include_attributes", &A::include_attributes, "Add every attribute as a column named attr_<name>")
          .nullable(),
      field("fields", &A::fields, "Only these columns; absent: all").nullable().length(1, 100),
      field("limit", &A::limit, "Greatest number of rows to return; the summaries are over all")
          .nullable()
          .range(0, 5'000),
      field("cursor", &A::cursor, "next_cursor of the page before").nullable().length(0, 255),
      field("summary", &A::summary, "Summaries only, no rows").nullable()};
};
template <>
struct Describe<ha::DataframeShape> {
  using R = ha::DataframeShape;
  static constexpr std::tuple fields{field("rows", &R::rows, "Rows that match"),
                                     field("columns", &R::columns, "Columns")};
};
template <>
struct Describe<ha::ColumnSummary> {
  using R = ha::ColumnSummary;
  static constexpr std::tuple fields{field("count", &R::count, "Rows that have a value"),
                                     field("distinct", &R::distinct, "Different values"),
                                     field("min", &R::min, "Least number"),
                                     field("max", &R::max, "Greatest number"),
                                     field("mean", &R::mean, "Mean of the numbers"),
                                     field("most", &R::most, "The most frequent texts and how often they occur")};
};
template <>
struct Describe<ha::DataframeResult> {
  using R = ha::DataframeResult;
  static constexpr std::tuple fields{
      field("columns", &R::columns, "Names of the columns"),
      field("rows", &R::rows, "Rows by entity id; a cell that is null is left out"),
      field("shape", &R::shape, "Of the whole table"),
      field("dtypes", &R::dtypes, "By column: number, text, boolean, time, json, or mixed"),
      field("summary", &R::summary, "By column"),
      field("count", &R::count, "Rows that are here"),
      field("next_cursor", &R::next_cursor, "For the next page; absent on the last")};
};
}  // namespace patchbay

namespace patchbay::home_assistant {
namespace {

constexpr auto dataframe_op = reading_tool<DataframeArgs, DataframeResult>(
    "code_execution", "analyze_states_dataframe",
    "Return entity states as a table, filtered by an expression, with a summary of each column.",
    R"({"domain":"sensor","query":"state > 20","fields":["entity_id","state"]})");

// A row as it is looked up by column; views into the mirror's text.
struct TableRow {
  EntityState const* entity = nullptr;
  std::map<std::string, std::string, std::less<>> cells;  // raw JSON
};

Cell cell_of(std::string_view raw_json) {
  if (raw::is_null(raw_json)) return std::monostate{};
  if (raw_json == "true" || raw_json == "false") return raw_json == "true";
  if (raw_json[0] == '"') return raw::text(raw_json);
  if (raw_json[0] == '{' || raw_json[0] == '[') return std::string{raw_json};
  return cell_number(Cell{std::string{raw_json}}).value_or(0.0);
}

TableRow row_of(EntityState const& one, bool attributes) {
  TableRow out{&one, {}};
  out.cells["entity_id"] = json::quoted(one.entity_id);
  out.cells["state"] = json::quoted(one.state);
  out.cells["name"] = json::quoted(one.name);
  out.cells["last_changed"] = json::quoted(one.last_changed());
  out.cells["last_updated"] = json::quoted(one.last_updated());
  if (!attributes) return out;
  raw::each_member(one.attributes(), [&](std::string_view key, std::string_view value) {
    if (!raw::is_null(value)) out.cells["attr_" + raw::text(key)] = value;
  });
  return out;
}

std::string_view kind_of(std::string_view column, std::string_view raw_json) {
  if (raw_json[0] == '{' || raw_json[0] == '[') return "json";
  if (raw_json == "true" || raw_json == "false") return "boolean";
  if (column == "last_changed" || column == "last_updated") return "time";
  return cell_number(cell_of(raw_json)) ? "number" : "text";
}

// A column while rows go by.
struct ColumnTotals {
  std::string kind;
  ColumnSummary summary;
  double sum = 0;
  std::uint64_t numbers = 0;
  std::map<std::string, std::uint64_t> values;

  void add(std::string_view column, std::string_view raw_json) {
    auto const now = kind_of(column, raw_json);
    if (kind.empty()) kind = now;
    if (kind != now) kind = "mixed";
    ++summary.count;
    if (values.size() < 10'000) ++values[std::string{raw_json}];
    if (now != "number") return;
    auto const value = *cell_number(cell_of(raw_json));
    summary.min = std::min(summary.min.value_or(value), value);
    summary.max = std::max(summary.max.value_or(value), value);
    sum += value;
    ++numbers;
  }
  ColumnSummary finished() {
    summary.distinct = values.size();
    if (numbers > 0) summary.mean = sum / static_cast<double>(numbers);
    if (kind == "number" || kind == "time" || kind == "json") return summary;
    std::vector<std::pair<std::uint64_t, std::string>> ranked;
    for (auto const& [value, times] : values)
      if (times > 1 || values.size() <= 5) ranked.emplace_back(times, text_in(cell_of(value)));
    std::stable_sort(ranked.begin(), ranked.end(), [](auto const& a, auto const& b) { return a.first > b.first; });
    if (ranked.size() > 5) ranked.resize(5);
    if (!ranked.empty()) summary.most.emplace();
    for (auto& [times, text] : ranked) summary.most->emplace(text.substr(0, 100), times);
    return summary;
  }
};

// The error that names the nearest columns.
std::optional<Error> unknown_column(std::set<std::string> const& known, std::string const& name, std::string pointer) {
  if (known.count(name) != 0) return std::nullopt;
  std::vector<std::string_view> names{known.begin(), known.end()};
  std::string near;
  for (auto candidate : nearest(name, names, 3)) near += fmt::format("{}{}", near.empty() ? "" : ", ", candidate);
  return Error{Code::invalid_argument, fmt::format("there is no column {}; the nearest are {}", name, near),
               std::move(pointer)};
}

Tool<DataframeResult> analyze_states(HomeAssistant& self, sdk::Call& call, DataframeArgs args) {
  auto filling = self.mirror().ready(call);
  Result<void> filled = co_await std::move(filling);
  if (!filled) co_return filled.error();
  std::optional<TableQuery> query;
  if (args.query && !args.query->empty()) {
    auto parsed = TableQuery::parse(*args.query);
    if (!parsed) co_return parsed.error();
    query = std::move(*parsed);
  }
  auto const access = self.access(call);
  std::vector<TableRow> rows;
  std::set<std::string> known{"entity_id", "state", "name", "last_changed", "last_updated"};
  self.mirror().each([&](EntityState const& one) {
    if (args.domain && !args.domain->empty() && one.domain() != *args.domain) return;
    if (!access.sees(one.entity_id)) return;
    auto row = row_of(one, args.include_attributes && !access.limited());
    for (auto const& [column, value] : row.cells) known.insert(column);
    rows.push_back(std::move(row));
  });
  if (query)
    for (auto const& column : query->columns())
      if (auto unknown = unknown_column(known, column, "/query")) co_return *unknown;
  if (args.fields)
    for (auto const& column : *args.fields)
      if (auto unknown = unknown_column(known, column, "/fields")) co_return *unknown;

  sdk::Answer<DataframeResult> out;
  std::map<std::string, ColumnTotals> totals;
  for (auto const& row : rows) {
    auto const cell = [&row](std::string_view column) {
      auto const found = row.cells.find(column);
      return found == row.cells.end() ? Cell{} : cell_of(found->second);
    };
    if (query && !query->matches(cell)) continue;
    ++out.data.shape.rows;
    auto const wanted = [&](std::string const& column) {
      return !args.fields || std::find(args.fields->begin(), args.fields->end(), column) != args.fields->end();
    };
    for (auto const& [column, value] : row.cells)
      if (wanted(column)) totals[column].add(column, value);
    if (args.summary || (args.cursor && row.entity->entity_id <= *args.cursor)) continue;
    if (out.data.rows.size() == static_cast<std::size_t>(args.limit)) {
      if (!out.data.next_cursor && !out.data.rows.empty())
        out.data.next_cursor = raw::text(raw::member(out.data.rows.back().text, "entity_id"));
      continue;
    }
    std::string text = "{\"entity_id\":" + row.cells.at("entity_id");  // always, for the cursor
    for (auto const& [column, value] : row.cells)
      if (column != "entity_id" && wanted(column)) text += "," + json::quoted(column) + ":" + value;
    out.data.rows.push_back(RawJson{text + "}"});
  }
  auto add_column = [&](std::string const& column) {
    auto const found = totals.find(column);
    if (found == totals.end()) return;
    out.data.columns.push_back(column);
    out.data.dtypes[column] = found->second.kind;
    out.data.summary[column] = found->second.finished();
  };
  for (auto const* first : {"entity_id", "state", "name", "last_changed", "last_updated"}) add_column(first);
  for (auto const& [column, total] : totals)
    if (column.starts_with("attr_")) add_column(column);
  out.data.count = out.data.rows.size();
  out.data.shape.columns = out.data.columns.size();
  out.message = fmt::format("{} and {}{}", plural(out.data.shape.rows, "row"), plural(out.data.shape.columns, "column"),
                            age_note(self.mirror()));
  co_return out;
}

}  // namespace

void declare_dataframe(sdk::Table<HomeAssistant>& table) {
  add_tool<dataframe_op, &analyze_states, Reach::filtered>(table);
}

}  // namespace patchbay::home_assistant
