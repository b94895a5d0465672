// Category logs_history: ha_diagnose_entity, everything that may tell why an entity does not do what it should.
#include <spdlog/fmt/fmt.h>

#include <cmath>

#include "plugins/home_assistant/home_view.hpp"
#include "plugins/home_assistant/logs.hpp"
#include "plugins/home_assistant/raw_json.hpp"
#include "plugins/home_assistant/tool_kinds.hpp"
#include "plugins/home_assistant/values.hpp"

namespace patchbay::home_assistant {

struct DiagnoseArgs {
  std::string entity_id;
  bool include_history = true;
};
struct HistoryLook {
  std::uint64_t state_changes = 0, unavailable_times = 0;
  double unavailable_s = 0;
  std::optional<double> median_interval_s;
  std::vector<RawJson> last;
  std::string from;
};
struct EntityChecks {
  bool available = false, recently_updated = false;
  std::optional<double> last_update_age_s;
  std::optional<std::string> disabled_by, hidden_by, config_entry_state, config_entry_reason, integration, area, device;
  std::optional<std::string> battery;
};
struct DiagnoseResult {
  std::string entity_id;
  RawJson current_state;
  RawJson attributes;
  std::optional<std::string> last_changed, last_updated;
  std::optional<HistoryLook> history;
  std::vector<std::string> related_automations, related_scripts, related_scenes;
  EntityChecks diagnostics;
  std::vector<std::string> findings;
  std::optional<std::vector<LogEntry>> log_entries;
};

}  // namespace patchbay::home_assistant

namespace patchbay {
namespace ha = home_assistant;

template <>
struct Describe<ha::DiagnoseArgs> {
  using A = ha::DiagnoseArgs;
  static constexpr std::tuple fields{
      field("entity_id", &A::entity_id, "Entity id, such as light.bed_light").length(3, 255),
      field("include_history", &A::include_history, "Add the last 25 hours").nullable()};
};
template <>
struct Describe<ha::HistoryLook> {
  using R = ha::HistoryLook;
  static constexpr std::tuple fields{
      field("from", &R::from, "Since when"),
      field("state_changes", &R::state_changes, "How often its state changed"),
      field("unavailable_times", &R::unavailable_times, "How often it became unavailable"),
      field("unavailable_s", &R::unavailable_s, "Seconds that it was"),
      field("median_interval_s", &R::median_interval_s, "Usual seconds between changes; absent: too few changes"),
      field("last", &R::last, "The last ten states with their times")};
};
template <>
struct Describe<ha::EntityChecks> {
  using R = ha::EntityChecks;
  static constexpr std::tuple fields{
      field("available", &R::available, "Whether it has a state"),
      field("recently_updated", &R::recently_updated, "Whether it was updated in the last hour"),
      field("last_update_age_s", &R::last_update_age_s, "Seconds since its last update"),
      field("disabled_by", &R::disabled_by, "Who disabled it"),
      field("hidden_by", &R::hidden_by, "Who hid it"),
      field("integration", &R::integration, "Where it comes from"),
      field("config_entry_state", &R::config_entry_state, "State of its config entry"),
      field("config_entry_reason", &R::config_entry_reason, "Why that is not loaded"),
      field("area", &R::area, "Where it is"),
      field("device", &R::device, "The device it belongs to"),
      field("battery", &R::battery, "Level of that device's battery")};
};
template <>
struct Describe<ha::DiagnoseResult> {
  using R = ha::DiagnoseResult;
  static constexpr std::tuple fields{
      field("entity_id", &R::entity_id, "The entity"),
      field("current_state", &R::current_state, "Its state; null: it has none").type("string", "null"),
      field("attributes", &R::attributes, "Its attributes").type("object", "null"),
      field("last_changed", &R::last_changed, "When its state last changed"),
      field("last_updated", &R::last_updated, "When state or attributes last changed"),
      field("history", &R::history, "The last 25 hours"),
      field("related_automations", &R::related_automations, "Automations that use it"),
      field("related_scripts", &R::related_scripts, "Scripts that use it"),
      field("related_scenes", &R::related_scenes, "Scenes that set it"),
      field("diagnostics", &R::diagnostics, "What was checked"),
      field("findings", &R::findings, "What is wrong or doubtful; none: nothing was found"),
      field("log_entries", &R::log_entries, "Log entries of its integration; absent without the scope ha.admin")};
};
}  // namespace patchbay

namespace patchbay::home_assistant {
namespace {

constexpr auto diagnose_op = reading_tool<DiagnoseArgs, DiagnoseResult>(
    "logs_history", "diagnose_entity",
    "Collect state, history, registry, integration, battery, log and related automations of an entity to find faults.",
    R"({"entity_id":"light.bed_light"})");

void look_at_history(StateSeries const& states, double now, HistoryLook& out) {
  std::vector<double> gaps;
  for (std::size_t i = 0; i < states.size(); ++i) {
    bool const changed = i > 0 && states[i].state != states[i - 1].state;
    if (changed) {
      ++out.state_changes;
      gaps.push_back(states[i].at - states[i - 1].at);
    }
    if (states[i].state != "unavailable") continue;
    if (changed) ++out.unavailable_times;
    out.unavailable_s += (i + 1 < states.size() ? states[i + 1].at : now) - states[i].at;
  }
  out.unavailable_s = std::round(out.unavailable_s);
  if (gaps.size() >= 5) out.median_interval_s = std::round(median_of(gaps));
  for (std::size_t i = states.size() > 10 ? states.size() - 10 : 0; i < states.size(); ++i)
    out.last.push_back(RawJson{fmt::format(R"({{"state":{},"at":{}}})", json::quoted(states[i].state),
                                           json::quoted(iso_of_seconds(states[i].at)))});
}

// What the registry and the integration say.
sdk::Task<Result<void>> look_at_registry(HomeAssistant& self, sdk::Call& call, DiagnoseResult& out) {
  auto const& registry = self.mirror().registry();
  auto const* entry = registry.entity(out.entity_id);
  auto& checks = out.diagnostics;
  if (auto const* area = registry.area_of(out.entity_id)) checks.area = area->name;
  auto const* device = registry.device_of(out.entity_id);
  if (device != nullptr) {
    checks.device = device->name;
    if (device->disabled) out.findings.push_back(fmt::format("its device {} is disabled", device->name));
    for (auto const other : registry.entities_of(device->id)) {
      auto const* state = self.mirror().state(other);
      if (state == nullptr || state->text_attribute("device_class") != "battery") continue;
      auto const level = as_number(state->state);
      checks.battery = level ? state->state + " %" : state->state;
      if ((level && *level < 10) || (!level && state->state == "on"))
        out.findings.push_back(fmt::format("the battery of its device is low: {}", *checks.battery));
    }
  }
  if (entry == nullptr) co_return Result<void>{};
  auto const record = entry->json;
  checks.integration = text_or_none(raw::member(record, "platform"));
  checks.disabled_by = text_or_none(raw::member(record, "disabled_by"));
  checks.hidden_by = text_or_none(raw::member(record, "hidden_by"));
  if (checks.disabled_by)
    out.findings.push_back(
        fmt::format("it is disabled by {}, so it has no state; ha_set_entity with disabled_by null "
                    "enables it",
                    *checks.disabled_by));
  auto const entry_id = raw::text(raw::member(record, "config_entry_id"));
  if (entry_id.empty()) co_return Result<void>{};
  auto asking = self.session().command(call, Command{"config_entries/get_single"}.text("entry_id", entry_id));
  Result<Frame> config = co_await std::move(asking);
  if (!config) co_return Result<void>{};  // gone meanwhile
  auto const found = raw::member(config->result(), "config_entry");
  checks.config_entry_state = text_or_none(raw::member(found, "state"));
  checks.config_entry_reason = text_or_none(raw::member(found, "reason"));
  if (checks.config_entry_state.value_or("loaded") != "loaded")
    out.findings.push_back(fmt::format("its integration {} is in state {}{}", checks.integration.value_or("?"),
                                       *checks.config_entry_state,
                                       checks.config_entry_reason ? ": " + *checks.config_entry_reason : ""));
  co_return Result<void>{};
}

Tool<DiagnoseResult> diagnose(HomeAssistant& self, sdk::Call& call, DiagnoseArgs args) {
  auto filling = self.mirror().ready(call);
  Result<void> filled = co_await std::move(filling);
  if (!filled) co_return filled.error();
  auto const* state = self.mirror().state(args.entity_id);
  if (state == nullptr && self.mirror().registry().entity(args.entity_id) == nullptr)
    co_return self.mirror().unknown(args.entity_id, "/entity_id");
  sdk::Answer<DiagnoseResult> out;
  auto& data = out.data;
  auto const now = seconds_now();
  data.entity_id = args.entity_id;
  if (state != nullptr) {
    data.current_state.text = json::quoted(state->state);
    data.attributes.text = state->attributes();
    data.last_changed = state->last_changed();
    data.last_updated = state->last_updated();
    data.diagnostics.available = state->state != "unavailable";
    // 2026 tells also of reports that changed nothing.
    auto const reported = raw::text(raw::member(state->json, "last_reported"));
    if (auto const at = seconds_of(reported.empty() ? *data.last_updated : reported))
      data.diagnostics.last_update_age_s = std::round(now - *at);
    data.diagnostics.recently_updated = data.diagnostics.last_update_age_s.value_or(1e9) < 3600;
    if (state->state == "unavailable")
      data.findings.emplace_back("it is unavailable: its device or integration does not answer");
    if (state->state == "unknown")
      data.findings.emplace_back("its state is unknown: it has not told one since the start");
    if (raw::is_true(state->attribute("restored")))
      data.findings.emplace_back("its integration does not provide it any more: only the registry remembers it");
  } else {
    data.findings.emplace_back("it has no state");
  }
  auto looking = look_at_registry(self, call, data);
  Result<void> looked = co_await std::move(looking);
  if (!looked) co_return looked.error();
  auto asking = self.session().command(
      call, Command{"search/related"}.text("item_type", "entity").text("item_id", args.entity_id));
  Result<Frame> related = co_await std::move(asking);
  if (!related) co_return related.error();
  for (auto const& [key, list] : {std::pair{"automation", &data.related_automations},
                                  std::pair{"script", &data.related_scripts}, std::pair{"scene", &data.related_scenes}})
    raw::each_item(raw::member(related->result(), key),
                   [list = list](std::string_view one) { list->push_back(raw::text(one)); });
  for (auto const& automation : data.related_automations) {
    auto const* one = self.mirror().state(automation);
    if (one != nullptr && one->state != "on")
      data.findings.push_back(fmt::format("{}, which uses it, is {}", automation, one->state));
  }
  if (args.include_history) {
    auto const from = now - 25 * 3600.0;
    auto reading = past_of(self, call, {args.entity_id}, from, now);
    Result<Past> past = co_await std::move(reading);
    if (!past) co_return past.error();
    data.history.emplace();
    data.history->from = iso_of_seconds(from);
    look_at_history((*past)[args.entity_id], now, *data.history);
    auto const usual = data.history->median_interval_s;
    auto const age = data.diagnostics.last_update_age_s;
    if (usual && age && *age > std::max(600.0, 10 * *usual))
      data.findings.push_back(
          fmt::format("its last update is {} old; usual are {}", span_text(*age), span_text(*usual)));
    if (data.history->unavailable_times >= 3)
      data.findings.push_back(
          fmt::format("it became unavailable {} in 25 hours", plural(data.history->unavailable_times, "time")));
  }
  if (call.may("ha.admin") && data.diagnostics.integration) {
    auto reading = read_log(self, call, rank_of("warning"));
    Result<Log> log = co_await std::move(reading);
    if (log) {
      data.log_entries.emplace();
      for (auto& entry : log->entries)
        if (data.log_entries->size() < 10 &&
            (entry.component.find("." + *data.diagnostics.integration) != std::string::npos ||
             entry.message.find(args.entity_id) != std::string::npos))
          data.log_entries->push_back(std::move(entry));
      if (!data.log_entries->empty())
        data.findings.push_back(
            fmt::format("the log has {} about its integration", plural(data.log_entries->size(), "entry", "entries")));
    }
  }
  out.message = data.findings.empty() ? fmt::format("Nothing is wrong with {}", args.entity_id)
                                      : fmt::format("{}: {}", args.entity_id, data.findings.front());
  co_return out;
}

}  // namespace

void declare_diagnose(sdk::Table<HomeAssistant>& table) { add_tool<diagnose_op, &diagnose>(table); }

}  // namespace patchbay::home_assistant
