// Category core_api, the past: states and logbook entries of a span of time.
#include <spdlog/fmt/fmt.h>

#include "plugins/home_assistant/plugin.hpp"
#include "plugins/home_assistant/raw_json.hpp"
#include "plugins/home_assistant/states.hpp"
#include "plugins/home_assistant/values.hpp"

namespace patchbay::home_assistant {

struct HistoryArgs {
  std::string entity_id;
  std::optional<std::string> start_time, end_time;
  bool significant_changes_only = false;
  bool no_attributes = false;
};
struct PastState {
  std::string state;
  std::optional<RawJson> attributes;
  std::string last_changed;
  std::string last_updated;
};
struct HistoryResult {
  std::string entity_id;
  std::string start_time, end_time;
  std::vector<PastState> history;
  std::uint64_t count = 0;
};
struct LogbookArgs {
  std::optional<std::string> entity_id, start_time, end_time;
};
struct LogbookResult {
  std::string start_time, end_time;
  std::vector<RawJson> logbook;
  std::uint64_t count = 0;
};

}  // namespace patchbay::home_assistant

namespace patchbay {
namespace ha = home_assistant;

template <>
struct Describe<ha::HistoryArgs> {
  using A = ha::HistoryArgs;
  static constexpr std::tuple fields{
      field("entity_id", &A::entity_id, "Entity id, such as light.bed_light").length(3, 255),
      field("start_time", &A::start_time, "ISO start; one day ago when absent").nullable().length(0, 64),
      field("end_time", &A::end_time, "ISO end; one day after the start when absent").nullable().length(0, 64),
      field("significant_changes_only", &A::significant_changes_only, "Leave out changes of attributes alone")
          .nullable(),
      field("no_attributes", &A::no_attributes, "Leave attributes out").nullable()};
};
template <>
struct Describe<ha::PastState> {
  using R = ha::PastState;
  static constexpr std::tuple fields{field("state", &R::state, "The state"),
                                     field("attributes", &R::attributes, "Its attributes").type("object"),
                                     field("last_changed", &R::last_changed, "Since when it was this state"),
                                     field("last_updated", &R::last_updated, "When it was written")};
};
template <>
struct Describe<ha::HistoryResult> {
  using R = ha::HistoryResult;
  static constexpr std::tuple fields{
      field("entity_id", &R::entity_id, "The entity"), field("start_time", &R::start_time, "Start of the span"),
      field("end_time", &R::end_time, "Its end"),
      field("history", &R::history, "States in order; the first held when the span began"),
      field("count", &R::count, "How many")};
};
template <>
struct Describe<ha::LogbookArgs> {
  using A = ha::LogbookArgs;
  static constexpr std::tuple fields{
      field("entity_id", &A::entity_id, "Only this entity").nullable().length(0, 255),
      field("start_time", &A::start_time, "ISO start; one day ago when absent").nullable().length(0, 64),
      field("end_time", &A::end_time, "ISO end; one day after the start when absent").nullable().length(0, 64)};
};
template <>
struct Describe<ha::LogbookResult> {
  using R = ha::LogbookResult;
  static constexpr std::tuple fields{
      field("start_time", &R::start_time, "Start of the span"), field("end_time", &R::end_time, "Its end"),
      field("logbook", &R::logbook, "Entries in order: when, name, message, domain, entity_id, state, context"),
      field("count", &R::count, "How many")};
};
}  // namespace patchbay

namespace patchbay::home_assistant {
namespace {

constexpr sdk::Operation<HistoryArgs, HistoryResult> history_op{.name = "get_history",
                                                                .summary = "Return past states of an entity.",
                                                                .scope = "ha.read",
                                                                .category = "core_api",
                                                                .timeout = std::chrono::seconds{30},
                                                                .errors = upstream_errors,
                                                                .example = R"({"entity_id":"light.bed_light"})",
                                                                .reaches_out = true};
constexpr sdk::Operation<LogbookArgs, LogbookResult> logbook_op{
    .name = "get_logbook",
    .summary = "Return logbook entries, optionally of one entity and time span.",
    .scope = "ha.read",
    .category = "core_api",
    .timeout = std::chrono::seconds{30},
    .errors = upstream_errors,
    .example = R"({"entity_id":"light.bed_light"})",
    .reaches_out = true};

struct Span {
  std::string start, end;
};

// An end before the start is only seen when both are in one zone: else Home Assistant decides.
Result<Span> span_of(std::optional<std::string> const& start_text, std::optional<std::string> const& end_text) {
  auto const day = std::chrono::hours{24};
  bool const from = start_text && !start_text->empty(), to = end_text && !end_text->empty();
  auto start =
      from ? parse_iso(*start_text, "/start_time") : Result<IsoTime>{iso_of(std::chrono::system_clock::now() - day)};
  if (!start) return start.error();
  auto end = to ? parse_iso(*end_text, "/end_time") : Result<IsoTime>{start->plus(day)};
  if (!end) return end.error();
  if (start->zone == end->zone && end->fields < start->fields)
    return Error{Code::invalid_argument, "is before start_time", "/end_time"};
  return Span{start->text(), end->text()};
}

Tool<HistoryResult> get_history(HomeAssistant& self, sdk::Call& call, HistoryArgs args) {
  if (!is_entity_id(args.entity_id))
    co_return Error{Code::invalid_argument, "not an entity id: it has the form domain.name, such as light.bed_light",
                    "/entity_id"};
  auto span = span_of(args.start_time, args.end_time);
  if (!span) co_return span.error();
  Command command = Command{"history/history_during_period"}
                        .text("start_time", span->start)
                        .text("end_time", span->end)
                        .raw("entity_ids", "[" + json::quoted(args.entity_id) + "]")
                        .flag("significant_changes_only", args.significant_changes_only)
                        .flag("no_attributes", args.no_attributes)
                        .flag("minimal_response", false);
  auto asking = self.session().command(call, std::move(command));
  Result<Frame> answer = co_await std::move(asking);
  if (!answer) co_return answer.error();
  sdk::Answer<HistoryResult> out;
  raw::each_item(raw::member(answer->result(), args.entity_id), [&](std::string_view one) {
    PastState past;
    past.state = raw::text(raw::member(one, "s"));
    auto const attributes = raw::member(one, "a");
    if (!attributes.empty() && !args.no_attributes) past.attributes = RawJson{std::string{attributes}};
    auto const updated = number_of(raw::member(one, "lu"));
    auto const changed = raw::member(one, "lc");  // left out when it is the same
    past.last_updated = iso_of_seconds(updated);
    past.last_changed = changed.empty() ? past.last_updated : iso_of_seconds(number_of(changed));
    out.data.history.push_back(std::move(past));
  });
  if (out.data.history.empty()) {  // nothing recorded, or no such entity?
    auto checking = check_entities(self.session(), call, {args.entity_id}, "/entity_id");
    Result<void> known = co_await std::move(checking);
    if (!known) co_return known.error();
  }
  out.data.count = out.data.history.size();
  out.data.start_time = std::move(span->start);
  out.data.end_time = std::move(span->end);
  out.message = fmt::format("Found {} state{} of {}", out.data.count, out.data.count == 1 ? "" : "s", args.entity_id);
  out.data.entity_id = std::move(args.entity_id);
  co_return out;
}

// An entry as it came, but `when` as an ISO time like everywhere else.
std::string with_iso_time(std::string_view entry) {
  std::string out = "{";
  raw::each_member(entry, [&](std::string_view key, std::string_view value) {
    if (out.size() > 1) out += ',';
    out.append(key).append(":");
    if (key == "\"when\"" && !value.empty() && value[0] != '"')
      out += json::quoted(iso_of_seconds(number_of(value)));
    else
      out += value;
  });
  return out + "}";
}

Tool<LogbookResult> get_logbook(HomeAssistant& self, sdk::Call& call, LogbookArgs args) {
  bool const one = args.entity_id && !args.entity_id->empty();
  if (one && !is_entity_id(*args.entity_id))
    co_return Error{Code::invalid_argument, "not an entity id: it has the form domain.name, such as light.bed_light",
                    "/entity_id"};
  auto span = span_of(args.start_time, args.end_time);
  if (!span) co_return span.error();
  Command command = Command{"logbook/get_events"}.text("start_time", span->start).text("end_time", span->end);
  if (one) command = std::move(command).raw("entity_ids", "[" + json::quoted(*args.entity_id) + "]");
  auto asking = self.session().command(call, std::move(command));
  Result<Frame> answer = co_await std::move(asking);
  if (!answer) co_return answer.error();
  sdk::Answer<LogbookResult> out;
  raw::each_item(answer->result(),
                 [&](std::string_view entry) { out.data.logbook.push_back(RawJson{with_iso_time(entry)}); });
  if (one && out.data.logbook.empty()) {
    auto checking = check_entities(self.session(), call, {*args.entity_id}, "/entity_id");
    Result<void> known = co_await std::move(checking);
    if (!known) co_return known.error();
  }
  out.data.count = out.data.logbook.size();
  out.data.start_time = std::move(span->start);
  out.data.end_time = std::move(span->end);
  out.message = fmt::format("Found {} entr{}", out.data.count, out.data.count == 1 ? "y" : "ies");
  co_return out;
}

}  // namespace

void declare_history(sdk::Table<HomeAssistant>& table) {
  add_tool<history_op, &get_history>(table);
  add_tool<logbook_op, &get_logbook>(table);
}

}  // namespace patchbay::home_assistant
