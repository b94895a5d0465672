// ha_get_automation_traces: past runs of automations and scripts, and one of them in full.
#include "plugins/home_assistant/traces.hpp"
#include "plugins/home_assistant/values.hpp"

#include <spdlog/fmt/fmt.h>

#include "plugins/home_assistant/items.hpp"
#include "plugins/home_assistant/raw_json.hpp"
#include "plugins/home_assistant/tool_kinds.hpp"

namespace patchbay::home_assistant {

struct TracesArgs {
  std::optional<std::string> trace_id, automation_id;
  std::string domain = "automation";
  std::int64_t limit = 20;
};
struct TraceLine {
  std::string run_id, item_id, state;
  std::optional<std::string> entity_id, script_execution, last_step, error, trigger;
  RawJson started, finished;
};
struct TracesResult {
  std::string domain;
  std::optional<std::string> entity_id;
  std::vector<TraceLine> traces;
  std::uint64_t count = 0, total = 0;
  std::optional<RawJson> trace;
};

}  // namespace patchbay::home_assistant

namespace patchbay {
namespace ha = home_assistant;

template <>
struct Describe<ha::TracesArgs> {
  using A = ha::TracesArgs;
  static constexpr std::tuple fields{
      field("trace_id", &A::trace_id, "run_id of one run, to get it in full").alias("run_id").nullable().length(1, 64),
      field("automation_id", &A::automation_id, "Entity id, id or name of an automation or script; absent: all")
          .alias("entity_id", "script_id")
          .nullable()
          .length(1, 255),
      field("domain", &A::domain, "Whose runs").nullable().one_of("automation", "script"),
      field("limit", &A::limit, "Greatest number of runs, the newest").nullable().range(1, 1000)};
};
template <>
struct Describe<ha::TraceLine> {
  using R = ha::TraceLine;
  static constexpr std::tuple fields{
      field("run_id", &R::run_id, "For trace_id"),
      field("entity_id", &R::entity_id, "Whose run; absent when it is gone"),
      field("item_id", &R::item_id, "Its id in the editor"),
      field("state", &R::state, "running or stopped"),
      field("script_execution", &R::script_execution, "How it ended, such as finished, aborted, failed_conditions"),
      field("last_step", &R::last_step, "The step it came to, such as action/0"),
      field("error", &R::error, "What went wrong"),
      field("trigger", &R::trigger, "What set it off"),
      field("started", &R::started, "When").type("string", "null"),
      field("finished", &R::finished, "When; null: it still runs").type("string", "null")};
};
template <>
struct Describe<ha::TracesResult> {
  using R = ha::TracesResult;
  static constexpr std::tuple fields{
      field("domain", &R::domain, "automation or script"),
      field("entity_id", &R::entity_id, "The one that was asked for"),
      field("traces", &R::traces, "Runs, newest first; Home Assistant keeps the last five of each"),
      field("count", &R::count, "How many are here"),
      field("total", &R::total, "How many there are"),
      field("trace", &R::trace, "The one run in full: steps, variables, configuration, context").type("object")};
};
}  // namespace patchbay

namespace patchbay::home_assistant {
namespace {

constexpr auto traces_op = reading_tool<TracesArgs, TracesResult>(
    "automations", "get_automation_traces", "List past runs of automations or scripts, or return one run in full.",
    R"({"automation_id":"automation.morning"})");

std::string started(RawJson const& trace) {
  return raw::text(raw::member(raw::member(trace.text, "timestamp"), "start"));
}

TraceLine line_of(std::string_view trace) {
  TraceLine out;
  out.run_id = raw::text(raw::member(trace, "run_id"));
  out.item_id = raw::text(raw::member(trace, "item_id"));
  out.state = raw::text(raw::member(trace, "state"));
  out.script_execution = text_or_none(raw::member(trace, "script_execution"));
  out.last_step = text_or_none(raw::member(trace, "last_step"));
  out.error = text_or_none(raw::member(trace, "error"));
  out.trigger = text_or_none(raw::member(trace, "trigger"));
  auto const timestamp = raw::member(trace, "timestamp");
  out.started = or_null(raw::member(timestamp, "start"));
  out.finished = or_null(raw::member(timestamp, "finish"));
  return out;
}

Tool<TracesResult> get_traces(HomeAssistant& self, sdk::Call& call, TracesArgs args) {
  auto const kind = *kept_kind(args.domain);
  auto listing_items = list_items(self, call, kind);
  Result<std::vector<Item>> items = co_await std::move(listing_items);
  if (!items) co_return items.error();
  std::map<std::string, std::string> entity_of;  // by key
  for (auto const& one : *items)
    entity_of[one.key.empty() ? one.entity_id.substr(one.entity_id.find('.') + 1) : one.key] = one.entity_id;
  sdk::Answer<TracesResult> out;
  std::string key;
  if (args.automation_id) {
    auto finding = find_item(self, call, kind, std::move(*args.automation_id), "/automation_id");
    Result<Item> item = co_await std::move(finding);
    if (!item) co_return item.error();
    key = item->key;
    if (key.empty() && kind == Kept::script) {
      auto asking = key_of(self, call, item->entity_id);
      Result<std::string> unique = co_await std::move(asking);
      if (!unique) co_return unique.error();
      key = unique->empty() ? item->entity_id.substr(item->entity_id.find('.') + 1) : *unique;
      entity_of[key] = item->entity_id;
    }
    if (key.empty())
      co_return Error{Code::unsupported,
                      fmt::format("{} has no id, and Home Assistant traces only what has one", item->entity_id),
                      "/automation_id"};
    out.data.entity_id = item->entity_id;
  }
  auto listing = list_traces(self, call, args.domain, key);
  Result<std::vector<RawJson>> traces = co_await std::move(listing);
  if (!traces) co_return traces.error();
  out.data.total = traces->size();
  for (auto const& one : *traces) {
    auto line = line_of(one.text);
    if (auto const found = entity_of.find(line.item_id); found != entity_of.end()) line.entity_id = found->second;
    if (args.trace_id ? line.run_id == *args.trace_id : out.data.traces.size() < static_cast<std::size_t>(args.limit))
      out.data.traces.push_back(std::move(line));
  }
  out.data.domain = args.domain;
  out.data.count = out.data.traces.size();
  out.message = "Found " + plural(out.data.total, "run");
  if (!args.trace_id) co_return out;
  if (out.data.traces.empty())
    co_return Error{Code::not_found,
                    fmt::format("there is no run {} among the {} that Home Assistant still has; it keeps the last five "
                                "of each {}",
                                *args.trace_id, out.data.total, args.domain),
                    "/trace_id"};
  auto const& line = out.data.traces.front();
  auto asking = self.session().command(
      call, Command{"trace/get"}.text("domain", args.domain).text("item_id", line.item_id).text("run_id", line.run_id));
  Result<Frame> whole = co_await std::move(asking);
  if (!whole) co_return whole.error();
  out.data.trace = RawJson{std::string{whole->result()}};
  out.message = fmt::format("Run {} of {}", line.run_id, line.entity_id.value_or(line.item_id));
  co_return out;
}

}  // namespace

sdk::Task<Result<std::vector<RawJson>>> list_traces(HomeAssistant& self, sdk::Call& call, std::string domain,
                                                    std::string key) {
  Command command = Command{"trace/list"}.text("domain", domain);
  if (!key.empty()) command = std::move(command).text("item_id", key);
  auto asking = self.session().command(call, std::move(command));
  Result<Frame> listed = co_await std::move(asking);
  if (!listed) co_return listed.error();
  std::vector<RawJson> out;
  raw::each_item(listed->result(), [&](std::string_view trace) { out.push_back(RawJson{std::string{trace}}); });
  std::stable_sort(out.begin(), out.end(), [](RawJson const& a, RawJson const& b) { return started(a) > started(b); });
  co_return out;
}

void declare_traces(sdk::Table<HomeAssistant>& table) { add_tool<traces_op, &get_traces>(table); }

}  // namespace patchbay::home_assistant
