// Category automations: looking at them, running them, switching them on and off, loading them again.
#include <spdlog/fmt/fmt.h>

#include "plugins/home_assistant/automation_config.hpp"
#include "plugins/home_assistant/items.hpp"
#include "plugins/home_assistant/raw_json.hpp"
#include "plugins/home_assistant/tool_kinds.hpp"
#include "plugins/home_assistant/traces.hpp"
#include "plugins/home_assistant/values.hpp"

namespace patchbay::home_assistant {

struct ListAutomationsArgs {
  bool enabled_only = false;
  std::int64_t limit = 200;
  std::optional<std::string> cursor;
};
struct AutomationLine {
  std::string entity_id, friendly_name, state;
  RawJson last_triggered;
  std::optional<std::string> id, mode;
};
struct ListAutomationsResult {
  std::vector<AutomationLine> automations;
  std::uint64_t count = 0, total = 0;
  std::optional<std::string> next_cursor;
};
struct AutomationNameArgs {
  std::string automation_id;
};
struct DetailsResult {
  std::string entity_id, state;
  std::optional<std::string> id;
  RawJson attributes{"{}"};
  RawJson configuration;
  RawJson last_triggered;
  bool editable = false;
  std::optional<std::string> hash;
  std::vector<RawJson> traces;
};
struct TriggerArgs {
  std::string automation_id;
  bool skip_condition = false;
  std::int64_t wait_ms = 2000;
};
struct TriggerResult {
  std::string entity_id;
  bool finished = false;
  std::optional<std::string> run_id, script_execution;
  std::vector<RawJson> changed_states;
};
struct ToggleArgs {
  std::string automation_id;
  std::optional<std::string> action;
  std::optional<bool> enable;
  std::int64_t wait_ms = 2000;
};
struct ToggleResult {
  std::string entity_id, previous, state;
  bool changed = false;
  std::vector<RawJson> changed_states;
};
struct ReloadArgs {
  bool validate_only = false;
};
struct InvalidAutomation {
  std::string entity_id, friendly_name, error;
};
struct ReloadResult {
  bool reloaded = false;
  std::optional<bool> valid;
  std::uint64_t automation_count = 0;
  std::vector<AutomationLine> automations;
  std::vector<InvalidAutomation> invalid;
  std::vector<std::string> errors;
};

}  // namespace patchbay::home_assistant

namespace patchbay {
namespace ha = home_assistant;

template <>
struct Describe<ha::ListAutomationsArgs> {
  using A = ha::ListAutomationsArgs;
  static constexpr std::tuple fields{
      field("enabled_only", &A::enabled_only, "Leave out automations that are switched off").nullable(),
      field("limit", &A::limit, "Greatest number of automations to return").nullable().range(1, 10'000),
      field("cursor", &A::cursor, "next_cursor of the page before").nullable().length(0, 255)};
};
template <>
struct Describe<ha::AutomationLine> {
  using R = ha::AutomationLine;
  static constexpr std::tuple fields{
      field("entity_id", &R::entity_id, "The automation"),
      field("friendly_name", &R::friendly_name, "Its name"),
      field("state", &R::state, "on, off or unavailable"),
      field("last_triggered", &R::last_triggered, "When it last ran; null: never").type("string", "null"),
      field("id", &R::id, "Its id in the editor; absent: it has none and cannot be edited"),
      field("mode", &R::mode, "What happens when it is triggered while it runs")};
};
template <>
struct Describe<ha::ListAutomationsResult> {
  using R = ha::ListAutomationsResult;
  static constexpr std::tuple fields{field("automations", &R::automations, "By entity id"),
                                     field("count", &R::count, "How many are here"),
                                     field("total", &R::total, "How many there are in all"),
                                     field("next_cursor", &R::next_cursor, "For the next page; absent on the last")};
};
template <>
struct Describe<ha::AutomationNameArgs> {
  using A = ha::AutomationNameArgs;
  static constexpr std::tuple fields{
      field("automation_id", &A::automation_id, "Entity id such as automation.morning, or the automation's id or name")
          .alias("entity_id")
          .length(1, 255)};
};
template <>
struct Describe<ha::DetailsResult> {
  using R = ha::DetailsResult;
  static constexpr std::tuple fields{
      field("entity_id", &R::entity_id, "The automation"),
      field("state", &R::state, "on, off or unavailable"),
      field("id", &R::id, "Its id in the editor"),
      field("attributes", &R::attributes, "Its attributes").type("object"),
      field("configuration", &R::configuration, "As Home Assistant holds it").type("object", "null"),
      field("last_triggered", &R::last_triggered, "When it last ran; null: never").type("string", "null"),
      field("editable", &R::editable, "Whether ha_update_automation can change it"),
      field("hash", &R::hash, "Of the stored configuration, for expected_hash"),
      field("traces", &R::traces, "Its last runs, newest first; ha_get_automation_traces shows one in full")};
};
template <>
struct Describe<ha::TriggerArgs> {
  using A = ha::TriggerArgs;
  static constexpr std::tuple fields{
      field("automation_id", &A::automation_id, "Entity id such as automation.morning, or the automation's id or name")
          .alias("entity_id")
          .length(1, 255),
      field("skip_condition", &A::skip_condition, "Run without checking the conditions").nullable(),
      field("wait_ms", &A::wait_ms, "How long to wait for its end").nullable().range(0, 25'000)};
};
template <>
struct Describe<ha::TriggerResult> {
  using R = ha::TriggerResult;
  static constexpr std::tuple fields{
      field("entity_id", &R::entity_id, "The automation"),
      field("finished", &R::finished, "Whether it came to its end; false: it still runs"),
      field("run_id", &R::run_id, "Of this run, for ha_get_automation_traces; absent: Home Assistant traced none"),
      field("script_execution", &R::script_execution, "How it ended, such as finished or failed_conditions"),
      field("changed_states", &R::changed_states, "The states that this run has changed by now")};
};
template <>
struct Describe<ha::ToggleArgs> {
  using A = ha::ToggleArgs;
  static constexpr std::array<std::string_view, 2> required_one_of{"action", "enable"};
  static constexpr std::tuple fields{
      field("automation_id", &A::automation_id, "Entity id such as automation.morning, or the automation's id or name")
          .alias("entity_id")
          .length(1, 255),
      field("action", &A::action, "Wanted state").nullable().one_of("enable", "disable"),
      field("enable", &A::enable, "The same as a truth value").nullable(),
      field("wait_ms", &A::wait_ms, "How long to wait for the new state").nullable().range(0, 25'000)};
};
template <>
struct Describe<ha::ToggleResult> {
  using R = ha::ToggleResult;
  static constexpr std::tuple fields{
      field("entity_id", &R::entity_id, "The automation"), field("previous", &R::previous, "Its state before"),
      field("state", &R::state, "Its state now"), field("changed", &R::changed, "Whether that is another"),
      field("changed_states", &R::changed_states, "The states that the call has changed")};
};
template <>
struct Describe<ha::ReloadArgs> {
  using A = ha::ReloadArgs;
  static constexpr std::tuple fields{
      field("validate_only", &A::validate_only, "Check only, change nothing").nullable()};
};
template <>
struct Describe<ha::InvalidAutomation> {
  using R = ha::InvalidAutomation;
  static constexpr std::tuple fields{field("entity_id", &R::entity_id, "The automation"),
                                     field("friendly_name", &R::friendly_name, "Its name"),
                                     field("error", &R::error, "What is wrong")};
};
template <>
struct Describe<ha::ReloadResult> {
  using R = ha::ReloadResult;
  static constexpr std::tuple fields{field("reloaded", &R::reloaded, "Whether they were loaded again"),
                                     field("valid", &R::valid, "Whether all is well"),
                                     field("automation_count", &R::automation_count, "How many there are"),
                                     field("automations", &R::automations, "The first 200 of them, after a reload"),
                                     field("invalid", &R::invalid, "Those that Home Assistant cannot use"),
                                     field("errors", &R::errors, "What the check of the configuration files says")};
};
}  // namespace patchbay

namespace patchbay::home_assistant {
namespace {

constexpr auto list_automations_op = reading_tool<ListAutomationsArgs, ListAutomationsResult>(
    "automations", "list_automations", "List automations with on/off state and time of last run.",
    R"({"enabled_only":true})");
constexpr auto details_op = reading_tool<AutomationNameArgs, DetailsResult>(
    "automations", "get_automation_details", "Return state, stored configuration and last runs of an automation.",
    R"({"automation_id":"automation.morning"})");
constexpr auto trigger_automation_op = changing_tool<TriggerArgs, TriggerResult>(
    "automations", "trigger_automation", "Run the actions of an automation now.",
    R"({"automation_id":"automation.morning"})", nullptr, "ha.control");
constexpr auto toggle_op = changing_tool<ToggleArgs, ToggleResult>(
    "automations", "enable_disable_automation", "Turn an automation on or off.",
    R"({"automation_id":"automation.morning","action":"disable"})", "toggle_automation", "ha.control");
constexpr auto reload_op = changing_tool<ReloadArgs, ReloadResult>(
    "automations", "reload_automations", "Load automations again from YAML without a restart, or only check them.",
    R"({"validate_only":true})", nullptr, "ha.write", Effect::write, std::chrono::seconds{120});

constexpr std::size_t most_told = 200;  // automations in the answer of a reload

AutomationLine line_of(Item const& item) {
  AutomationLine out{
      item.entity_id, item.name, item.state, or_null(raw::member(item.attributes.text, "last_triggered")), {}, {}};
  if (!item.key.empty()) out.id = item.key;
  auto mode = raw::text(raw::member(item.attributes.text, "mode"));
  if (!mode.empty()) out.mode = std::move(mode);
  return out;
}

Tool<ListAutomationsResult> list_automations(HomeAssistant& self, sdk::Call& call, ListAutomationsArgs args) {
  auto listing = list_items(self, call, Kept::automation);
  Result<std::vector<Item>> items = co_await std::move(listing);
  if (!items) co_return items.error();
  sdk::Answer<ListAutomationsResult> out;
  for (auto const& one : *items)
    if (!args.enabled_only || one.state == "on") out.data.automations.push_back(line_of(one));
  out.data.total = out.data.automations.size();
  out.data.next_cursor = cut_page(out.data.automations, static_cast<std::size_t>(args.limit), args.cursor,
                                  [](AutomationLine const& one) { return std::string_view{one.entity_id}; });
  out.data.count = out.data.automations.size();
  out.message = "Found " + plural(out.data.total, "automation");
  co_return out;
}

Tool<DetailsResult> details(HomeAssistant& self, sdk::Call& call, AutomationNameArgs args) {
  auto finding = find_item(self, call, Kept::automation, std::move(args.automation_id), "/automation_id");
  Result<Item> item = co_await std::move(finding);
  if (!item) co_return item.error();
  sdk::Answer<DetailsResult> out;
  auto asking = self.session().ask(call, Command{"automation/config"}.text("entity_id", item->entity_id));
  Result<Frame> config = co_await std::move(asking);
  if (!config) co_return config.error();
  if (config->success()) out.data.configuration = or_null(raw::member(config->result(), "config"));
  if (!item->key.empty()) {
    out.data.id = item->key;
    auto loading = self.editor().load(call, Kept::automation, item->key);
    Result<Stored> stored = co_await std::move(loading);
    out.data.editable = stored && !stored->config.IsNull();
    if (out.data.editable) out.data.hash = stored->hash;
    auto tracing = list_traces(self, call, "automation", item->key);
    Result<std::vector<RawJson>> traces = co_await std::move(tracing);
    if (traces) out.data.traces = std::move(*traces);  // an administrator's right: the rest is told to all
  }
  out.message = fmt::format("{} is {}", item->entity_id, item->state);
  out.data.entity_id = std::move(item->entity_id);
  out.data.state = std::move(item->state);
  out.data.last_triggered = or_null(raw::member(item->attributes.text, "last_triggered"));
  out.data.attributes = std::move(item->attributes);
  co_return out;
}

std::string run_of(std::string_view trace) { return raw::text(raw::member(trace, "run_id")); }

Tool<TriggerResult> trigger(HomeAssistant& self, sdk::Call& call, TriggerArgs args) {
  auto finding = find_item(self, call, Kept::automation, std::move(args.automation_id), "/automation_id");
  Result<Item> item = co_await std::move(finding);
  if (!item) co_return item.error();
  if (item->state == "unavailable")
    co_return Error{
        Code::unavailable,
        fmt::format("{} cannot run: Home Assistant refuses its configuration or has it not any more", item->entity_id)};
  std::vector<std::string> before;
  if (!item->key.empty()) {
    auto tracing = list_traces(self, call, "automation", item->key);
    Result<std::vector<RawJson>> traces = co_await std::move(tracing);
    if (traces)
      for (auto const& one : *traces) before.push_back(run_of(one.text));
  }
  auto command = service_command("automation", "trigger", item->entity_id,
                                 args.skip_condition ? R"({"skip_condition":true})" : R"({"skip_condition":false})");
  auto running = run_service(self, call, std::move(command), std::chrono::milliseconds{args.wait_ms});
  Result<ServiceDone> done = co_await std::move(running);
  if (!done) co_return done.error();
  sdk::Answer<TriggerResult> out;
  out.data.finished = done->finished;
  if (!item->key.empty()) {
    auto tracing = list_traces(self, call, "automation", item->key);
    Result<std::vector<RawJson>> traces = co_await std::move(tracing);
    if (traces)
      for (auto const& one : *traces) {  // newest first
        auto run = run_of(one.text);
        if (std::find(before.begin(), before.end(), run) != before.end()) continue;
        auto execution = raw::text(raw::member(one.text, "script_execution"));
        out.data.run_id = std::move(run);
        if (!execution.empty()) out.data.script_execution = std::move(execution);
        break;
      }
  }
  auto asking = self.session().command(call, Command{"get_states"});
  Result<Frame> states = co_await std::move(asking);
  if (states) out.data.changed_states = changed_by(states->result(), done->context_id);
  out.message = fmt::format("{} {}{}", done->finished ? "Ran" : "Started", item->entity_id,
                            out.data.script_execution.value_or("") == "failed_conditions"
                                ? "; its conditions did not hold, so it did nothing"
                                : "");
  out.data.entity_id = std::move(item->entity_id);
  co_return out;
}

Tool<ToggleResult> toggle(HomeAssistant& self, sdk::Call& call, ToggleArgs args) {
  bool const wanted = args.action ? *args.action == "enable" : args.enable.value_or(true);
  if (args.action && args.enable && *args.enable != wanted)
    co_return Error{Code::invalid_argument, "says the opposite of action; give one of them", "/enable"};
  auto finding = find_item(self, call, Kept::automation, std::move(args.automation_id), "/automation_id");
  Result<Item> item = co_await std::move(finding);
  if (!item) co_return item.error();
  auto calling =
      self.session().command(call, service_command("automation", wanted ? "turn_on" : "turn_off", item->entity_id));
  Result<Frame> called = co_await std::move(calling);
  if (!called) co_return called.error();
  auto const context = raw::text(raw::member(raw::member(called->result(), "context"), "id"));
  sdk::Answer<ToggleResult> out;
  out.data.previous = item->state;
  auto const entity_id = item->entity_id;
  auto holds = [&out, &context, &entity_id, wanted](std::string_view states) {
    out.data.state = raw::text(raw::member(state_in(states, entity_id), "state"));
    out.data.changed_states = changed_by(states, context);
    return out.data.state == (wanted ? "on" : "off");
  };
  auto waiting = await_states(self, call, holds, std::chrono::milliseconds{args.wait_ms});
  Result<bool> held = co_await std::move(waiting);
  if (!held) co_return held.error();
  if (!*held)
    co_return Error{Code::upstream_failed,
                    fmt::format("{} was told to be {}, but is {}", entity_id, wanted ? "on" : "off", out.data.state)};
  out.data.changed = out.data.state != out.data.previous;
  out.data.entity_id = entity_id;
  out.message = fmt::format("{} is {}{}", entity_id, out.data.state, out.data.changed ? "" : ", as it was");
  co_return out;
}

// What is wrong with the parts of one automation; empty when nothing is.
sdk::Task<Result<std::string>> problem_of(HomeAssistant& self, sdk::Call& call, std::string config) {
  auto parsed = json::parse(config, json::upstream_limits);
  if (!parsed || !parsed->document.IsObject()) co_return std::string{"it has no configuration"};
  if (json::find(parsed->document, "use_blueprint") != nullptr) co_return std::string{};
  json::Document automation;
  automation.CopyFrom(parsed->document, automation.GetAllocator());
  bool const plural_keys = self.session().features().plural_automation_keys();
  in_words_of(automation, plural_keys);
  Command command{"validate_config"};
  for (std::string part : {"trigger", "condition", "action"})
    if (auto const* value = find_part(automation, part))
      command = std::move(command).raw(plural_keys ? part + "s" : part, json::to_text(*value));
  auto asking = self.session().command(call, std::move(command));
  Result<Frame> checked = co_await std::move(asking);
  if (!checked) co_return checked.error();
  std::string out;
  raw::each_member(checked->result(), [&](std::string_view part, std::string_view verdict) {
    if (raw::member(verdict, "valid") == "false")
      out +=
          fmt::format("{}{}: {}", out.empty() ? "" : "; ", raw::text(part), raw::text(raw::member(verdict, "error")));
  });
  co_return out;
}

sdk::Task<Result<void>> check_all(HomeAssistant& self, sdk::Call& call, ReloadResult& out) {
  auto checking = self.session().rest(call, "POST", "/config/core/check_config");
  Result<RestAnswer> checked = co_await std::move(checking);
  if (!checked) co_return checked.error();
  if (auto const text = raw::text(raw::member(checked->text, "errors")); !text.empty()) out.errors.push_back(text);
  auto listing = list_items(self, call, Kept::automation);
  Result<std::vector<Item>> items = co_await std::move(listing);
  if (!items) co_return items.error();
  out.automation_count = items->size();
  for (auto const& one : *items) {
    auto asking = self.session().ask(call, Command{"automation/config"}.text("entity_id", one.entity_id));
    Result<Frame> config = co_await std::move(asking);
    if (!config) co_return config.error();
    std::string problem = "Home Assistant has no configuration of it";
    if (config->success()) {
      auto looking = problem_of(self, call, std::string{raw::member(config->result(), "config")});
      Result<std::string> found = co_await std::move(looking);
      if (!found) co_return found.error();
      problem = std::move(*found);
    }
    if (!problem.empty()) out.invalid.push_back({one.entity_id, one.name, std::move(problem)});
  }
  co_return Result<void>{};
}

Tool<ReloadResult> reload(HomeAssistant& self, sdk::Call& call, ReloadArgs args) {
  sdk::Answer<ReloadResult> out;
  if (args.validate_only) {
    auto checking = check_all(self, call, out.data);
    Result<void> checked = co_await std::move(checking);
    if (!checked) co_return checked.error();
    out.data.valid = out.data.invalid.empty() && out.data.errors.empty();
    out.message =
        fmt::format("Checked {}: {}", plural(out.data.automation_count, "automation"),
                    *out.data.valid ? "all are valid" : plural(out.data.invalid.size(), "is", "are") + " not");
    co_return out;
  }
  auto calling = self.session().command(call, service_command("automation", "reload", {}));
  Result<Frame> called = co_await std::move(calling);
  if (!called) co_return called.error();
  auto listing = list_items(self, call, Kept::automation);
  Result<std::vector<Item>> items = co_await std::move(listing);
  if (!items) co_return items.error();
  out.data.reloaded = true;
  for (auto const& one : *items) {
    if (out.data.automations.size() < most_told) out.data.automations.push_back(line_of(one));
    if (one.state == "unavailable")
      out.data.invalid.push_back(
          {one.entity_id, one.name,
           raw::is_true(raw::member(one.attributes.text, "restored"))
               ? "its configuration is gone; only the entity is left"
               : "Home Assistant refuses its configuration; ha_get_startup_errors and the log say why"});
  }
  out.data.automation_count = items->size();
  out.message =
      fmt::format("Loaded {} again{}", plural(items->size(), "automation"),
                  out.data.invalid.empty() ? "" : fmt::format("; {} of them unusable", out.data.invalid.size()));
  co_return out;
}

}  // namespace

void declare_automations(sdk::Table<HomeAssistant>& table) {
  add_tool<list_automations_op, &list_automations>(table);
  add_tool<details_op, &details>(table);
  add_tool<trigger_automation_op, &trigger>(table);
  add_tool<toggle_op, &toggle>(table);
  add_tool<reload_op, &reload>(table);
}

}  // namespace patchbay::home_assistant
