// Category logs_history: the state changes of one entity or several, in pages, asked for in pieces that do not stall
// Home Assistant.
#include <spdlog/fmt/fmt.h>

#include <cmath>

#include "plugins/home_assistant/past.hpp"
#include "plugins/home_assistant/raw_json.hpp"
#include "plugins/home_assistant/states.hpp"
#include "plugins/home_assistant/tool_kinds.hpp"
#include "plugins/home_assistant/values.hpp"
#include "plugins/home_assistant/when.hpp"

namespace patchbay::home_assistant {

struct EntityHistoryArgs {
  RawJson entity_id;
  std::optional<std::string> start_time, end_time, cursor;
  bool minimal = true, significant_changes_only = false, summary = false;
  std::int64_t limit = 500;
};
struct HistoryRow {
  std::optional<std::string> entity_id;
  std::string state, last_changed;
  std::optional<std::string> last_updated;
  std::optional<RawJson> attributes;
};
struct EntityTotals {
  std::uint64_t changes = 0;
  std::string first, last;
  std::map<std::string, std::uint64_t> states;
};
struct EntityHistoryResult {
  RawJson entity_id;
  std::string start_time, end_time;
  std::vector<HistoryRow> history;
  std::uint64_t state_changes = 0;
  std::optional<std::string> next_cursor;
  std::optional<std::map<std::string, EntityTotals>> summary;
};

}  // namespace patchbay::home_assistant

namespace patchbay {
namespace ha = home_assistant;

template <>
struct Describe<ha::EntityHistoryArgs> {
  using A = ha::EntityHistoryArgs;
  static constexpr std::tuple fields{
      field("entity_id", &A::entity_id, "Entity id such as light.bed_light, or a list of at most 50")
          .type("string", "array")
          .alias("entity_ids"),
      field("start_time", &A::start_time, "ISO time, or relative such as -25h or 7d; 25 hours ago when absent")
          .nullable()
          .length(0, 64),
      field("end_time", &A::end_time, "ISO or relative time; now when absent").nullable().length(0, 64),
      field("minimal", &A::minimal, "Without attributes").nullable().alias("minimal_response", "no_attributes"),
      field("significant_changes_only", &A::significant_changes_only, "Leave out changes of attributes alone")
          .nullable(),
      field("limit", &A::limit, "About how many rows to return").nullable().range(1, 10'000),
      field("cursor", &A::cursor, "next_cursor of the page before").nullable().length(0, 64),
      field("summary", &A::summary, "Instead of rows: changes and states by entity").nullable()};
};
template <>
struct Describe<ha::HistoryRow> {
  using R = ha::HistoryRow;
  static constexpr std::tuple fields{
      field("entity_id", &R::entity_id, "Where several were asked for"), field("state", &R::state, "The state"),
      field("last_changed", &R::last_changed, "Since when it was this state"),
      field("last_updated", &R::last_updated, "When it was written, where that is another time"),
      field("attributes", &R::attributes, "Its attributes").type("object")};
};
template <>
struct Describe<ha::EntityTotals> {
  using R = ha::EntityTotals;
  static constexpr std::tuple fields{field("changes", &R::changes, "Rows"), field("first", &R::first, "First state"),
                                     field("last", &R::last, "Last state"),
                                     field("states", &R::states, "How often each of at most 20 states came")};
};
template <>
struct Describe<ha::EntityHistoryResult> {
  using R = ha::EntityHistoryResult;
  static constexpr std::tuple fields{
      field("entity_id", &R::entity_id, "As asked").type("string", "array"),
      field("start_time", &R::start_time, "Start of the span"),
      field("end_time", &R::end_time, "Its end"),
      field("history", &R::history, "By time; the first of each entity held when the span began"),
      field("state_changes", &R::state_changes, "How many rows are here, or were counted"),
      field("next_cursor", &R::next_cursor, "For the next page; absent on the last"),
      field("summary", &R::summary, "By entity, when asked for")};
};
}  // namespace patchbay

namespace patchbay::home_assistant {
namespace {

constexpr auto entity_history_op = reading_tool<EntityHistoryArgs, EntityHistoryResult>(
    "logs_history", "get_entity_history", "Return the state changes of entities over a time span, in pages.",
    R"({"entity_id":"light.bed_light","start_time":"-25h"})", nullptr, "ha.read", std::chrono::seconds{30});

constexpr std::size_t most_entities = 50;
constexpr double longest_span = 400 * seconds_a_day;
constexpr double most_entity_days = 20;  // of one question; with attributes a tenth
constexpr std::uint64_t most_counted = 100'000;

struct Row {
  double at = 0, updated = 0;
  std::size_t entity = 0;
  std::string state;
  std::string attributes;
};

// One question of bounded size: rows by time.
sdk::Task<Result<std::vector<Row>>> ask_piece(HomeAssistant& self, sdk::Call& call,
                                              std::vector<std::string> const& entities, double from, double to,
                                              bool with_start, EntityHistoryArgs const& args) {
  Command command = Command{"history/history_during_period"}
                        .text("start_time", iso_of_seconds(from))
                        .text("end_time", iso_of_seconds(to))
                        .raw("entity_ids", describe::to_text(entities))
                        .flag("include_start_time_state", with_start)
                        .flag("significant_changes_only", args.significant_changes_only)
                        .flag("no_attributes", args.minimal)
                        .flag("minimal_response", args.minimal);
  auto asking = self.session().command(call, std::move(command));
  Result<Frame> answer = co_await std::move(asking);
  if (!answer) co_return answer.error();
  std::vector<Row> out;
  for (std::size_t i = 0; i < entities.size(); ++i)
    raw::each_item(raw::member(answer->result(), entities[i]), [&](std::string_view one) {
      auto const changed = raw::member(one, "lc");
      Row row;
      row.entity = i;
      row.updated = number_of(raw::member(one, "lu"));
      row.at = changed.empty() ? row.updated : number_of(changed);
      row.state = raw::text(raw::member(one, "s"));
      if (!args.minimal) row.attributes = raw::member(one, "a");
      out.push_back(std::move(row));
    });
  std::stable_sort(out.begin(), out.end(), [](Row const& a, Row const& b) { return a.updated < b.updated; });
  co_return out;
}

void count_row(EntityTotals& totals, Row const& row) {
  if (totals.changes++ == 0) totals.first = row.state;
  totals.last = row.state;
  if (totals.states.size() < 20 || totals.states.count(row.state) != 0) ++totals.states[row.state];
}

Tool<EntityHistoryResult> entity_history(HomeAssistant& self, sdk::Call& call, EntityHistoryArgs args) {
  auto entities = entity_list(args.entity_id, most_entities, "/entity_id");
  if (!entities) co_return entities.error();
  auto const now = seconds_now();
  auto asking_start = when(self, call, args.start_time, "/start_time", now - 25 * 3'600);
  Result<double> start = co_await std::move(asking_start);
  if (!start) co_return start.error();
  auto asking_end = when(self, call, args.end_time, "/end_time", now);
  Result<double> end = co_await std::move(asking_end);
  if (!end) co_return end.error();
  if (*end < *start) co_return Error{Code::invalid_argument, "is before start_time", "/end_time"};
  if (*end - *start > longest_span)
    co_return Error{Code::invalid_argument, "more than 400 days; ha_get_statistics is made for such spans",
                    "/start_time"};
  bool const many = args.entity_id.text.starts_with('[');

  sdk::Answer<EntityHistoryResult> out;
  out.data.start_time = iso_of_seconds(*start);
  out.data.end_time = iso_of_seconds(*end);
  auto from = *start;
  bool const further = args.cursor && !args.cursor->empty();
  if (further) {
    auto const at = as_number(*args.cursor);
    if (!at || *at < *start - 1 || *at > *end + 1)
      co_return Error{Code::invalid_argument, "not a cursor of this span: repeat the call with the same times",
                      "/cursor"};
    from = *at;
  }
  auto const piece = std::max(
      3'600.0, most_entity_days * seconds_a_day * (args.minimal ? 1.0 : 0.1) / static_cast<double>(entities->size()));
  auto const limit = args.summary ? most_counted : static_cast<std::uint64_t>(args.limit);
  std::map<std::string, EntityTotals> totals;
  double last = from;
  bool full = false;
  for (bool first = true; !full && (first || from < *end); first = false) {
    auto const to = std::min(*end, from + piece);
    auto asking = ask_piece(self, call, *entities, from, to, first && !further, args);
    Result<std::vector<Row>> rows = co_await std::move(asking);
    if (!rows) co_return rows.error();
    for (auto& row : *rows) {
      if (further && row.updated <= *as_number(*args.cursor)) continue;
      if (!first && row.updated <= last) continue;  // on the edge of two pieces
      if (out.data.state_changes >= limit && row.updated > last) {
        full = true;
        break;
      }
      last = std::max(last, row.updated);
      ++out.data.state_changes;
      if (args.summary) {
        count_row(totals[(*entities)[row.entity]], row);
        continue;
      }
      HistoryRow line;
      if (many) line.entity_id = (*entities)[row.entity];
      line.state = std::move(row.state);
      line.last_changed = iso_of_seconds(row.at);
      if (row.updated != row.at) line.last_updated = iso_of_seconds(row.updated);
      if (!row.attributes.empty()) line.attributes = RawJson{std::move(row.attributes)};
      out.data.history.push_back(std::move(line));
    }
    from = to;
    if (!full && from < *end && call.time_left() < std::chrono::seconds{2}) {  // what there is, rather than nothing
      full = true;
      last = from;
    }
  }
  if (out.data.state_changes == 0 && !further) {  // nothing recorded, or no such entity?
    auto checking = check_entities(self.session(), call, *entities, "/entity_id");
    Result<void> known = co_await std::move(checking);
    if (!known) co_return known.error();
  }
  if (full) out.data.next_cursor = fmt::format("{}", last);
  if (args.summary) out.data.summary = std::move(totals);
  out.message = fmt::format("{} of {}{}", plural(out.data.state_changes, "state change"),
                            many ? plural(entities->size(), "entity", "entities") : (*entities)[0],
                            full ? "; there are more" : "");
  out.data.entity_id = many ? RawJson{describe::to_text(*entities)} : RawJson{json::quoted((*entities)[0])};
  co_return out;
}

}  // namespace

void declare_entity_history(sdk::Table<HomeAssistant>& table) {
  add_tool<entity_history_op, &entity_history, Reach::entities>(table);
}

}  // namespace patchbay::home_assistant
