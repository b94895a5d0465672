// Category security: ha_vacation_mode. A plan is a few automations in Home Assistant's editor, so that it works while
// the gateway does not: one lowers the temperatures when the absence begins, one sets them back after it, one for each
// light repeats its habits, and one tells of doors and motion.
#include <spdlog/fmt/fmt.h>

#include <cmath>

#include "plugins/home_assistant/automation_config.hpp"
#include "plugins/home_assistant/home_view.hpp"
#include "plugins/home_assistant/items.hpp"
#include "plugins/home_assistant/raw_json.hpp"
#include "plugins/home_assistant/tool_kinds.hpp"

namespace patchbay::home_assistant {

struct VacationArgs {
  std::optional<std::string> start_date, end_date, plan_id;
  bool simulate_presence = true;
  std::string security_mode = "medium";
  bool dry_run = true;
  std::optional<double> target_temp;
  bool cancel = false;
};
struct VacationAction {
  std::string what, entity_id, status, detail;
};
struct VacationResult {
  std::string plan_id;
  std::optional<std::string> start_date, end_date;
  std::optional<std::int64_t> duration_days;
  bool dry_run = true, cancelled = false;
  std::vector<VacationAction> actions;
  std::vector<std::string> automations;
  std::vector<std::string> plans;
  std::vector<std::string> insufficient_data;
};

}  // namespace patchbay::home_assistant

namespace patchbay {
namespace ha = home_assistant;

template <>
struct Describe<ha::VacationArgs> {
  using A = ha::VacationArgs;
  static constexpr std::tuple fields{
      field("start_date", &A::start_date, "First day of the absence, YYYY-MM-DD").nullable().length(10, 10),
      field("end_date", &A::end_date, "Last day of the absence, YYYY-MM-DD").nullable().length(10, 10),
      field("simulate_presence", &A::simulate_presence, "Repeat the evening habits of lights, with some chance")
          .nullable(),
      field("security_mode", &A::security_mode,
            "What is told of: low: doors; medium: windows, too; high: motion and presence, too")
          .nullable()
          .one_of("low", "medium", "high"),
      field("dry_run", &A::dry_run, "Only say what would be done; false: do it").nullable(),
      field("target_temp", &A::target_temp,
            "Temperature meanwhile, in degrees as Home Assistant shows them; absent: 16 °C where it is heated, 28 °C "
            "where it is cooled")
          .nullable()
          .range(0, 120),
      field("cancel", &A::cancel, "Remove a plan and set back what it has changed").nullable(),
      field("plan_id", &A::plan_id, "The plan to cancel, where there are several").nullable().length(1, 64)};
};
template <>
struct Describe<ha::VacationAction> {
  using R = ha::VacationAction;
  static constexpr std::tuple fields{
      field("what", &R::what, "temperature, restore, presence, watch, removed"),
      field("entity_id", &R::entity_id, "On what"),
      field("status", &R::status, "done, or planned: it happens at its time, or was only asked for by dry_run"),
      field("detail", &R::detail, "In words")};
};
template <>
struct Describe<ha::VacationResult> {
  using R = ha::VacationResult;
  static constexpr std::tuple fields{
      field("plan_id", &R::plan_id, "Name of the plan"),
      field("start_date", &R::start_date, "First day"),
      field("end_date", &R::end_date, "Last day"),
      field("duration_days", &R::duration_days, "Days, both counted"),
      field("dry_run", &R::dry_run, "true: nothing was changed"),
      field("cancelled", &R::cancelled, "Whether the plan was removed"),
      field("actions", &R::actions, "What was or will be done"),
      field("automations", &R::automations, "Entity ids of the automations of the plan"),
      field("plans", &R::plans, "All plans there are now"),
      field("insufficient_data", &R::insufficient_data, "What is not simulated, and why")};
};
}  // namespace patchbay

namespace patchbay::home_assistant {
namespace {

constexpr auto vacation_op = changing_tool<VacationArgs, VacationResult>(
    "security", "vacation_mode",
    "Prepare the home for an absence: saving temperatures, lights as on other evenings, alerts; or cancel such a plan.",
    R"({"start_date":"2027-01-10","end_date":"2027-01-20","dry_run":true})", nullptr, "ha.write", Effect::write,
    std::chrono::seconds{60});

constexpr std::string_view key_prefix = "patchbay_vacation_";

Result<std::chrono::sys_days> date_of(std::optional<std::string> const& text, std::string_view pointer) {
  if (!text) return Error{Code::invalid_argument, "is needed, in the form YYYY-MM-DD", std::string{pointer}};
  auto const time = parse_iso(*text, pointer);
  if (!time || text->size() != 10)
    return Error{Code::invalid_argument, "takes the form YYYY-MM-DD", std::string{pointer}};
  return std::chrono::floor<std::chrono::days>(time->fields);
}
std::string text_of(std::chrono::sys_days date) {
  std::chrono::year_month_day const day{date};
  return fmt::format("{:04}-{:02}-{:02}", int{day.year()}, unsigned{day.month()}, unsigned{day.day()});
}
std::string clock_of(double minute) {
  auto const whole = std::clamp(static_cast<int>(minute), 0, 24 * 60 - 1);
  return fmt::format("{:02}:{:02}:00", whole / 60, whole % 60);
}

struct PlanPart {
  std::string name;    // of the automation's key
  std::string config;  // JSON
};
struct Setting {
  std::string entity_id;
  double before = 0, meanwhile = 0;
};
struct Plan {
  std::string id, start, end, day_after;
  std::vector<Setting> settings;
  std::vector<PlanPart> parts;

  std::string key(std::string_view part) const { return fmt::format("{}{}_{}", key_prefix, id, part); }
  std::string during() const {
    return fmt::format(R"([{{"condition":"template","value_template":{}}}])",
                       json::quoted(fmt::format("{{{{ '{}' <= now().date().isoformat() <= '{}' }}}}", start, end)));
  }
  static std::string on_day(std::string const& date) {
    return fmt::format(R"([{{"condition":"template","value_template":{}}}])",
                       json::quoted(fmt::format("{{{{ now().date().isoformat() == '{}' }}}}", date)));
  }
};

std::string automation_json(Plan const& plan, std::string_view alias, std::string const& trigger,
                            std::string const& condition, std::string const& action, std::string_view mode) {
  return fmt::format(
      R"({{"alias":{},"description":{},"trigger":{},"condition":{},"action":{},"mode":{}}})",
      json::quoted(fmt::format("Vacation {}: {}", plan.id, alias)),
      json::quoted("Made by ha_vacation_mode; its argument cancel removes it and sets back what it changed."), trigger,
      condition, action, json::quoted(mode));
}

std::string set_temperature(Setting const& one, double value) {
  return fmt::format(
      R"({{"service":"climate.set_temperature","target":{{"entity_id":{}}},"data":{{"temperature":{}}}}})",
      json::quoted(one.entity_id), describe::to_text(value));
}

std::vector<Setting> settings_of(HomeAssistant& self, std::optional<double> wanted, bool fahrenheit) {
  std::vector<Setting> out;
  for (auto const& one : home_of(self)) {
    auto const& state = *one.state;
    if (state.domain() != "climate" || !one.available() || state.state == "off") continue;
    auto const before = as_number(state.attribute("temperature"));
    if (!before) continue;
    bool const cools = state.state == "cool" || state.text_attribute("hvac_action") == "cooling";
    auto meanwhile = wanted.value_or(cools ? (fahrenheit ? 82 : 28) : (fahrenheit ? 61 : 16));
    meanwhile = std::clamp(meanwhile, as_number(state.attribute("min_temp")).value_or(meanwhile),
                           as_number(state.attribute("max_temp")).value_or(meanwhile));
    if (meanwhile != *before) out.push_back({state.entity_id, *before, meanwhile});
  }
  return out;
}

void plan_temperatures(Plan& plan, VacationResult& out) {
  if (plan.settings.empty()) {
    out.insufficient_data.emplace_back("temperature: no climate device is on and has a target temperature");
    return;
  }
  std::string lower = "[", restore = "[";
  for (auto const& one : plan.settings) {
    auto const comma = lower.size() > 1 ? "," : "";
    lower += comma + set_temperature(one, one.meanwhile);
    restore += comma + set_temperature(one, one.before);
    out.actions.push_back({"temperature", one.entity_id, "planned",
                           fmt::format("to {:g} on {} instead of {:g}", one.meanwhile, plan.start, one.before)});
    out.actions.push_back(
        {"restore", one.entity_id, "planned", fmt::format("back to {:g} on {}", one.before, plan.day_after)});
  }
  constexpr auto at = R"([{"platform":"time","at":"00:01:00"}])";
  plan.parts.push_back({"begin", automation_json(plan, "begin", at, Plan::on_day(plan.start), lower + "]", "single")});
  plan.parts.push_back(
      {"end", automation_json(plan, "end", at, Plan::on_day(plan.day_after), restore + "]", "single")});
}

// Lights that were on in at least three of the last seven evenings do the same, up to twenty minutes later.
sdk::Task<Result<void>> plan_presence(HomeAssistant& self, sdk::Call& call, Plan& plan, VacationResult& out,
                                      double offset) {
  std::vector<std::string> lights;
  for (auto const& one : home_of(self))
    if (one.state->domain() == "light" && one.available() && lights.size() < 50) lights.push_back(one.state->entity_id);
  auto const now = seconds_now();
  auto asking = past_of(self, call, lights, now - 7 * 86'400.0, now);
  Result<Past> past = co_await std::move(asking);
  if (!past) co_return past.error();
  struct Habit {
    std::string entity_id;
    Evening evening;
  };
  std::vector<Habit> habits;
  for (auto const& id : lights) {
    auto const evening = evening_of(intervals_of(switches_of((*past)[id])), offset, now, 17 * 60, 23 * 60 + 59);
    if (evening.days >= 3 && evening.off_minute - evening.on_minute >= 5) habits.push_back({id, evening});
  }
  std::stable_sort(habits.begin(), habits.end(),
                   [](Habit const& a, Habit const& b) { return a.evening.days > b.evening.days; });
  if (habits.size() > 8) habits.resize(8);
  if (habits.empty())
    out.insufficient_data.emplace_back("presence: no light was on in at least three of the last seven evenings");
  for (auto const& one : habits) {
    auto const on = clock_of(one.evening.on_minute), off = clock_of(one.evening.off_minute);
    auto const trigger = fmt::format(
        R"([{{"platform":"time","at":"{}","id":"on"}},{{"platform":"time","at":"{}","id":"off"}}])", on, off);
    auto const action = fmt::format(
        R"([{{"delay":{{"seconds":"{{{{ range(0, 1200) | random }}}}"}}}},{{"service":"light.turn_{{{{ trigger.id }}}}","target":{{"entity_id":{}}}}}])",
        json::quoted(one.entity_id));
    plan.parts.push_back({"light_" + one.entity_id.substr(one.entity_id.find('.') + 1),
                          automation_json(plan, one.entity_id, trigger, plan.during(), action, "parallel")});
    out.actions.push_back({"presence", one.entity_id, "planned",
                           fmt::format("on at about {}, off at about {}, as on {} of the last seven evenings", on, off,
                                       one.evening.days)});
  }
  co_return Result<void>{};
}

bool is_watched(std::string_view kind, std::string_view mode) {
  if (kind == "door" || kind == "garage_door") return true;
  if (mode == "low") return false;
  if (kind == "window" || kind == "opening" || kind == "smoke" || kind == "moisture") return true;
  return mode == "high" && (kind == "motion" || kind == "occupancy" || kind == "presence");
}

void plan_watch(HomeAssistant& self, Plan& plan, std::string_view mode, VacationResult& out) {
  std::vector<std::string> sensors;
  for (auto const& one : home_of(self))
    if (one.state->domain() == "binary_sensor" && is_watched(one.device_class, mode))
      sensors.push_back(one.state->entity_id);
  if (sensors.empty()) {
    out.insufficient_data.push_back(fmt::format("watch: there is no sensor that the mode {} watches", mode));
    return;
  }
  auto const trigger = fmt::format(R"([{{"platform":"state","entity_id":{},"to":"on"}}])", describe::to_text(sensors));
  constexpr auto action =
      R"([{"service":"persistent_notification.create","data":{"title":"While you are away","message":"{{ trigger.to_state.name }} at {{ now().strftime('%Y-%m-%d %H:%M') }}"}}])";
  plan.parts.push_back({"watch", automation_json(plan, "watch", trigger, plan.during(), action, "queued")});
  for (auto const& one : sensors)
    out.actions.push_back({"watch", one, "planned", "a notification in Home Assistant when it opens or fires"});
}

// Keys of the automations of plans, by plan.
sdk::Task<Result<std::map<std::string, std::vector<Item>>>> list_plans(HomeAssistant& self, sdk::Call& call) {
  auto listing = list_items(self, call, Kept::automation);
  Result<std::vector<Item>> items = co_await std::move(listing);
  if (!items) co_return items.error();
  std::map<std::string, std::vector<Item>> out;
  for (auto& one : *items) {
    if (!one.key.starts_with(key_prefix)) continue;
    auto const rest = one.key.substr(key_prefix.size());
    auto const second = rest.find('_', rest.find('_') + 1);  // "20270110_20270120_watch"
    out[rest.substr(0, second)].push_back(std::move(one));
  }
  co_return out;
}

std::string compact(std::string date) {
  std::erase(date, '-');
  return date;
}

// Runs the actions of the automation that sets the temperatures back.
sdk::Task<Result<void>> restore_temperatures(HomeAssistant& self, sdk::Call& call, Item const& end,
                                             VacationResult& out) {
  auto loading = self.editor().load(call, Kept::automation, end.key);
  Result<Stored> stored = co_await std::move(loading);
  if (!stored) co_return stored.error();
  auto const* actions = stored->config.IsObject() ? find_part(stored->config, "action") : nullptr;
  if (actions == nullptr || !actions->IsArray()) co_return Result<void>{};
  for (auto const& action : actions->GetArray()) {
    auto const text = json::to_text(action);
    auto const entity = raw::text(raw::member(raw::member(text, "target"), "entity_id"));
    auto const data = raw::member(text, "data");
    auto calling = self.session().command(call, service_command("climate", "set_temperature", entity, data));
    Result<Frame> called = co_await std::move(calling);
    if (!called) co_return called.error();
    out.actions.push_back({"restore", entity, "done", fmt::format("back to {}", raw::member(data, "temperature"))});
  }
  co_return Result<void>{};
}

Tool<VacationResult> cancel(HomeAssistant& self, sdk::Call& call, VacationArgs args) {
  auto listing = list_plans(self, call);
  Result<std::map<std::string, std::vector<Item>>> plans = co_await std::move(listing);
  if (!plans) co_return plans.error();
  std::string names;
  for (auto const& [id, items] : *plans) names += fmt::format("{}{}", names.empty() ? "" : ", ", id);
  std::string id = args.plan_id.value_or("");
  if (id.empty() && args.start_date && args.end_date) id = compact(*args.start_date) + "_" + compact(*args.end_date);
  if (id.empty() && plans->size() == 1) id = plans->begin()->first;
  if (plans->find(id) == plans->end())
    co_return Error{plans->empty() || !id.empty() ? Code::not_found : Code::conflict,
                    plans->empty() ? "there is no vacation plan" : fmt::format("say which plan: there are {}", names),
                    "/plan_id"};
  sdk::Answer<VacationResult> out;
  auto const& items = plans->at(id);
  auto timing = local_time(self, call);
  Result<LocalTime> local = co_await std::move(timing);
  if (!local) co_return local.error();
  auto const today = compact(local->date);
  bool const begun = id.substr(0, 8) <= today && today <= id.substr(9, 8);
  for (auto const& one : items)
    if (begun && !args.dry_run && one.key.ends_with("_end")) {
      auto restoring = restore_temperatures(self, call, one, out.data);
      Result<void> restored = co_await std::move(restoring);
      if (!restored) co_return restored.error();
    }
  for (auto const& one : items) {
    out.data.automations.push_back(one.entity_id);
    out.data.actions.push_back({"removed", one.entity_id, args.dry_run ? "planned" : "done", one.name});
    if (args.dry_run) continue;
    Thing thing{Kept::automation, one.key, one.entity_id};
    Change change{"ha_vacation_mode", {}};
    auto removing = self.editor().remove(call, std::move(thing), std::move(change));
    Result<Edited> removed = co_await std::move(removing);
    if (!removed) co_return removed.error();
  }
  for (auto const& [name, list] : *plans)
    if (name != id || args.dry_run) out.data.plans.push_back(name);
  out.data.plan_id = id;
  out.data.dry_run = args.dry_run;
  out.data.cancelled = !args.dry_run;
  out.message = fmt::format("{} the plan {}", args.dry_run ? "Would cancel" : "Cancelled", id);
  co_return out;
}

sdk::Task<Result<void>> carry_out(HomeAssistant& self, sdk::Call& call, Plan const& plan, std::string const& today,
                                  VacationResult& out) {
  bool const plural_keys = self.session().features().plural_automation_keys();
  for (auto const& part : plan.parts) {
    auto const key = plan.key(part.name);
    Editor::Make make = [&part, plural_keys](Stored&) -> Result<std::string> {
      auto parsed = json::parse(part.config, json::upstream_limits);
      if (!parsed) return parsed.error();
      json::Document config;
      config.CopyFrom(parsed->document, config.GetAllocator());
      in_words_of(config, plural_keys);
      return json::to_text(config);
    };
    Thing thing{Kept::automation, key, {}};
    Change change{"ha_vacation_mode", {}};
    auto writing = self.editor().write(call, std::move(thing), std::move(change), std::move(make));
    Result<Edited> written = co_await std::move(writing);
    if (!written) co_return written.error();
    auto waiting = await_item(self, call, Kept::automation, key, std::chrono::seconds{10});
    Result<std::string> entity_id = co_await std::move(waiting);
    if (!entity_id) co_return entity_id.error();
    out.automations.push_back(std::move(*entity_id));
  }
  if (plan.start > today) co_return Result<void>{};
  // The absence has begun: the automation of its first minute does not run any more.
  for (auto const& one : plan.settings) {
    auto const data = fmt::format(R"({{"temperature":{}}})", describe::to_text(one.meanwhile));
    auto calling = self.session().command(call, service_command("climate", "set_temperature", one.entity_id, data));
    Result<Frame> called = co_await std::move(calling);
    if (!called) co_return called.error();
    for (auto& action : out.actions)
      if (action.what == "temperature" && action.entity_id == one.entity_id) action.status = "done";
  }
  co_return Result<void>{};
}

sdk::Task<void> withdraw(HomeAssistant& self, sdk::Call& call, Plan const& plan) {
  for (auto const& part : plan.parts) {
    Thing thing{Kept::automation, plan.key(part.name), {}};
    Change change{"ha_vacation_mode", {}};
    auto removing = self.editor().remove(call, std::move(thing), std::move(change));
    Result<Edited> removed = co_await std::move(removing);
    static_cast<void>(removed);  // what was not made yet is not there
  }
}

Tool<VacationResult> vacation(HomeAssistant& self, sdk::Call& call, VacationArgs args) {
  auto filling = self.mirror().ready(call);
  Result<void> filled = co_await std::move(filling);
  if (!filled) co_return filled.error();
  if (args.cancel) {
    auto cancelling = cancel(self, call, std::move(args));
    Result<sdk::Answer<VacationResult>> cancelled = co_await std::move(cancelling);
    co_return cancelled;
  }
  auto const start = date_of(args.start_date, "/start_date");
  if (!start) co_return start.error();
  auto const end = date_of(args.end_date, "/end_date");
  if (!end) co_return end.error();
  if (*end < *start) co_return Error{Code::invalid_argument, "is before start_date", "/end_date"};
  auto timing = local_time(self, call);
  Result<LocalTime> local = co_await std::move(timing);
  if (!local) co_return local.error();
  if (text_of(*end) < local->date)
    co_return Error{Code::invalid_argument, fmt::format("is over: today is {}", local->date), "/end_date"};
  auto const days = (*end - *start).count() + 1;
  if (days > 366) co_return Error{Code::invalid_argument, "is more than a year after start_date", "/end_date"};
  auto listing = list_plans(self, call);
  Result<std::map<std::string, std::vector<Item>>> plans = co_await std::move(listing);
  if (!plans) co_return plans.error();
  auto asking = self.session().command(call, Command{"get_config"});
  Result<Frame> config = co_await std::move(asking);
  if (!config) co_return config.error();
  bool const fahrenheit = raw::text(raw::member(raw::member(config->result(), "unit_system"), "temperature")) == "°F";
  Plan plan;
  plan.start = text_of(*start);
  plan.end = text_of(*end);
  plan.day_after = text_of(*end + std::chrono::days{1});
  plan.id = compact(plan.start) + "_" + compact(plan.end);
  if (plans->contains(plan.id))
    co_return Error{Code::conflict, fmt::format("there is a plan {} already; cancel it first", plan.id), "/start_date"};
  sdk::Answer<VacationResult> out;
  out.data.plan_id = plan.id;
  out.data.start_date = plan.start;
  out.data.end_date = plan.end;
  out.data.duration_days = days;
  out.data.dry_run = args.dry_run;
  plan.settings = settings_of(self, args.target_temp, fahrenheit);
  plan_temperatures(plan, out.data);
  if (args.simulate_presence) {
    auto planning = plan_presence(self, call, plan, out.data, local->offset);
    Result<void> planned = co_await std::move(planning);
    if (!planned) co_return planned.error();
  }
  plan_watch(self, plan, args.security_mode, out.data);
  for (auto const& [id, items] : *plans) out.data.plans.push_back(id);
  if (!args.dry_run) {
    auto carrying = carry_out(self, call, plan, local->date, out.data);
    Result<void> carried = co_await std::move(carrying);
    if (!carried) {  // half a plan is none
      auto withdrawing = withdraw(self, call, plan);
      co_await std::move(withdrawing);
      co_return carried.error();
    }
    out.data.plans.push_back(plan.id);
  }
  out.message = args.dry_run
                    ? fmt::format("Would do {}; nothing was changed", plural(out.data.actions.size(), "thing"))
                    : fmt::format("Plan {} stands: {}", plan.id, plural(out.data.automations.size(), "automation"));
  co_return out;
}

}  // namespace

void declare_vacation(sdk::Table<HomeAssistant>& table) { add_tool<vacation_op, &vacation>(table); }

}  // namespace patchbay::home_assistant
