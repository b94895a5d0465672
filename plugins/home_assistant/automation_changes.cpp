// Category automations: making, changing and deleting them with Home Assistant's own editor.
#include <spdlog/fmt/fmt.h>

#include "plugins/home_assistant/automation_config.hpp"
#include "plugins/home_assistant/dashboard_fields.hpp"
#include "plugins/home_assistant/items.hpp"
#include "plugins/home_assistant/raw_json.hpp"
#include "plugins/home_assistant/tool_kinds.hpp"

namespace patchbay::home_assistant {

struct AutomationFields {
  std::optional<std::string> description, mode;
  RawJson trigger, condition, action, variables;
  std::optional<std::int64_t> max;
};
struct CreateAutomationArgs : AutomationFields {
  std::string alias;
  std::string first_mode = "single";
  std::optional<std::string> id;
};
struct UpdateAutomationArgs : AutomationFields {
  std::string automation_id;
  std::optional<std::string> alias, expected_hash;
};
struct DeleteAutomationArgs {
  std::string automation_id;
  bool confirm = false;
  std::optional<std::string> expected_hash;
};
struct AutomationWritten {
  std::string id, entity_id;
  RawJson configuration;
  RawJson previous_hash;
  std::string hash;
  std::optional<std::string> previous_version;
};
struct AutomationDeleted {
  std::string entity_id, id;
  bool deleted = true;
  RawJson configuration;
  std::optional<std::string> previous_version;
};

}  // namespace patchbay::home_assistant

namespace patchbay {
namespace ha = home_assistant;

template <class A>
constexpr auto automation_part(std::string_view name, std::string_view many, RawJson ha::AutomationFields::*member,
                               std::string_view help) {
  return field(name, static_cast<RawJson A::*>(member), help).alias(many).type("array", "object").length(1, 500);
}
template <class A, class M>
constexpr auto automation_mode(M A::*member) {
  return field("mode", member, "What to do when triggered while running")
      .nullable()
      .one_of("single", "restart", "queued", "parallel");
}
template <class A>
constexpr auto further_automation_fields() {
  using F = ha::AutomationFields;
  return std::tuple{
      field("description", static_cast<std::optional<std::string> A::*>(&F::description), "What it is for")
          .nullable()
          .length(0, 4096),
      field("max", static_cast<std::optional<std::int64_t> A::*>(&F::max), "Runs at once, in mode queued or parallel")
          .nullable()
          .range(1, 1000),
      field("condition", static_cast<RawJson A::*>(&F::condition), "Condition list; an empty one clears them")
          .alias("conditions")
          .type("array", "object", "string")
          .nullable(),
      field("variables", static_cast<RawJson A::*>(&F::variables), "Variables by name").type("object").nullable()};
}
template <>
struct Describe<ha::CreateAutomationArgs> {
  using A = ha::CreateAutomationArgs;
  static constexpr auto fields = std::tuple_cat(
      std::tuple{
          field("alias", &A::alias, "Name to show").length(1, 255),
          automation_part<A>("trigger", "triggers", &ha::AutomationFields::trigger, "Trigger list"),
          automation_part<A>("action", "actions", &ha::AutomationFields::action, "Action list"),
          automation_mode(&A::first_mode),
          field("id", &A::id, "Id of its own, not in use; absent: made from the time").nullable().length(1, 100)},
      further_automation_fields<A>());
};
template <>
struct Describe<ha::UpdateAutomationArgs> {
  using A = ha::UpdateAutomationArgs;
  static constexpr auto fields = std::tuple_cat(
      std::tuple{field("automation_id", &A::automation_id,
                       "Entity id such as automation.morning, or the automation's id or name")
                     .alias("entity_id")
                     .length(1, 255),
                 field("alias", &A::alias, "New name").nullable().length(1, 255),
                 automation_mode(static_cast<std::optional<std::string> A::*>(&ha::AutomationFields::mode)),
                 automation_part<A>("trigger", "triggers", &ha::AutomationFields::trigger, "New triggers").nullable(),
                 automation_part<A>("action", "actions", &ha::AutomationFields::action, "New actions").nullable(),
                 ha::expected_hash_field(&A::expected_hash)},
      further_automation_fields<A>());
};
template <>
struct Describe<ha::DeleteAutomationArgs> {
  using A = ha::DeleteAutomationArgs;
  static constexpr std::tuple fields{
      field("automation_id", &A::automation_id, "Entity id such as automation.morning, or the automation's id or name")
          .alias("entity_id")
          .length(1, 255),
      field("confirm", &A::confirm, "Must be true"), ha::expected_hash_field(&A::expected_hash)};
};
template <>
struct Describe<ha::AutomationWritten> {
  using R = ha::AutomationWritten;
  static constexpr std::tuple fields{
      field("id", &R::id, "Its id in the editor"),
      field("entity_id", &R::entity_id, "The automation"),
      field("configuration", &R::configuration, "As Home Assistant stores it now").type("object"),
      field("previous_hash", &R::previous_hash, "Hash of what was there; null: nothing").type("string", "null"),
      field("hash", &R::hash, "Hash of what is stored now"),
      field("previous_version", &R::previous_version, "For ha_restore_version: what was there")};
};
template <>
struct Describe<ha::AutomationDeleted> {
  using R = ha::AutomationDeleted;
  static constexpr std::tuple fields{
      field("entity_id", &R::entity_id, "The automation that is gone"), field("id", &R::id, "Its id"),
      field("deleted", &R::deleted, "true"),
      field("configuration", &R::configuration, "The configuration it had").type("object"),
      field("previous_version", &R::previous_version, "For ha_restore_version")};
};
}  // namespace patchbay

namespace patchbay::home_assistant {
namespace {

constexpr auto create_automation_op = changing_tool<CreateAutomationArgs, AutomationWritten>(
    "automations", "create_automation", "Create an automation from triggers, conditions and actions and load it.",
    R"({"alias":"Lamp off at noon","trigger":[{"platform":"time","at":"12:00:00"}],"action":[{"service":"light.turn_off","target":{"entity_id":"light.bed_light"}}]})");
constexpr auto update_automation_op = changing_tool<UpdateAutomationArgs, AutomationWritten>(
    "automations", "update_automation",
    "Change name, triggers, conditions, actions or mode of an automation; what is not given stays, and the old one is "
    "kept as a version.",
    R"({"automation_id":"automation.morning","mode":"restart"})");
constexpr auto delete_automation_op = changing_tool<DeleteAutomationArgs, AutomationDeleted>(
    "automations", "delete_automation", "Delete an automation; its configuration is returned and kept as a version.",
    R"({"automation_id":"automation.morning","confirm":true})", nullptr, "ha.write", Effect::destructive);

// What was given, put into the configuration; the words are those of the version.
Result<std::string> edited(json::Document& config, AutomationFields const& given,
                           std::optional<std::string> const& alias, bool plural_keys) {
  auto& allocator = config.GetAllocator();
  auto text = [&](std::string_view key, std::optional<std::string> const& value) {
    if (value) member_of(config, key, allocator) = text_value(*value, allocator);
  };
  text("alias", alias);
  text("description", given.description);
  text("mode", given.mode);
  if (given.max) member_of(config, "max", allocator).SetInt64(*given.max);
  for (auto const& [part, value] : {std::pair{"trigger", &given.trigger}, std::pair{"condition", &given.condition},
                                    std::pair{"action", &given.action}}) {
    if (value->text == "null") continue;
    auto parsed = json::parse(value->text, json::upstream_limits);
    if (!parsed) return parsed.error();
    set_part(config, part, parsed->document);
  }
  if (given.variables.text != "null") {
    auto parsed = json::parse(given.variables.text, json::upstream_limits);
    if (!parsed) return parsed.error();
    member_of(config, "variables", allocator).CopyFrom(parsed->document, allocator);
  }
  if (find_part(config, "condition") == nullptr)
    member_of(config, "condition", allocator).SetArray();  // as the editor of Home Assistant does
  in_words_of(config, plural_keys);
  return json::to_text(config);
}

void tell(AutomationWritten& out, Edited&& edited, std::string key) {
  out.id = std::move(key);
  out.configuration.text = std::move(edited.text);
  out.previous_hash = text_or_null(edited.previous_hash);
  out.hash = std::move(edited.hash);
  out.previous_version = std::move(edited.version);
}

Tool<AutomationWritten> create_automation(HomeAssistant& self, sdk::Call& call, CreateAutomationArgs args) {
  auto opening = self.session().ready(&call);  // the version decides the words
  Result<std::string> connected = co_await std::move(opening);
  if (!connected) co_return connected.error();
  auto const milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch());
  auto const key = args.id ? *args.id : std::to_string(milliseconds.count());
  args.mode = args.first_mode;
  if (!args.description) args.description = "";
  bool const plural_keys = self.session().features().plural_automation_keys();
  Editor::Make make = [&args, plural_keys](Stored& now) -> Result<std::string> {
    if (!now.config.IsNull())
      return Error{Code::conflict, "an automation has this id already; choose another, or change that one", "/id"};
    now.config.SetObject();
    return edited(now.config, args, args.alias, plural_keys);
  };
  Thing thing{Kept::automation, key, {}};
  Change change{"ha_create_automation", {}};
  auto writing = self.editor().write(call, std::move(thing), std::move(change), std::move(make));
  Result<Edited> written = co_await std::move(writing);
  if (!written) co_return written.error();
  auto waiting = await_item(self, call, Kept::automation, key, std::chrono::seconds{10});
  Result<std::string> entity_id = co_await std::move(waiting);
  if (!entity_id) co_return entity_id.error();
  if (entity_id->empty())
    co_return Error{Code::upstream_failed,
                    fmt::format("the automation {} is stored, but Home Assistant has not loaded it: see its log, and "
                                "whether configuration.yaml has \"automation: !include automations.yaml\"",
                                key)};
  sdk::Answer<AutomationWritten> out;
  tell(out.data, std::move(*written), key);
  out.data.entity_id = std::move(*entity_id);
  out.message = fmt::format("Created {}", out.data.entity_id);
  co_return out;
}

// Home Assistant answers before it has loaded what it stored.
sdk::Task<Result<void>> await_loaded(HomeAssistant& self, sdk::Call& call, std::string entity_id, std::string hash) {
  auto const until = std::chrono::steady_clock::now() + std::chrono::seconds{5};
  for (auto pause = std::chrono::milliseconds{10};; pause *= 2) {
    auto asking = self.session().command(call, Command{"automation/config"}.text("entity_id", entity_id));
    Result<Frame> config = co_await std::move(asking);
    if (!config && config.error().code != Code::not_found) co_return config.error();
    auto parsed = json::parse(config ? raw::member(config->result(), "config") : "null", json::upstream_limits);
    if (parsed && config_hash(parsed->document) == hash) co_return Result<void>{};
    if (std::chrono::steady_clock::now() + pause > until || call.cancelled())
      co_return Error{
          Code::upstream_failed,
          fmt::format("the change of {} is stored, but Home Assistant has not loaded it: see its log", entity_id)};
    sdk::SteadyTimer timer{self.host().executor()};
    timer.expires_after(pause);
    co_await timer.async_wait(sdk::use_task_tuple);
  }
}

Error has_no_id(Item const& item) {
  return Error{Code::unsupported,
               fmt::format("{} has no id, so Home Assistant's editor cannot change it: give it an id in the YAML file "
                           "that it is written in",
                           item.entity_id),
               "/automation_id"};
}
Error kept_elsewhere(Item const& item) {
  return Error{Code::unsupported,
               fmt::format("{} is not in automations.yaml, so Home Assistant's editor cannot change it: edit the file "
                           "that it is written in",
                           item.entity_id),
               "/automation_id"};
}

Tool<AutomationWritten> update_automation(HomeAssistant& self, sdk::Call& call, UpdateAutomationArgs args) {
  auto finding = find_item(self, call, Kept::automation, args.automation_id, "/automation_id");
  Result<Item> item = co_await std::move(finding);
  if (!item) co_return item.error();
  if (item->key.empty()) co_return has_no_id(*item);
  bool const plural_keys = self.session().features().plural_automation_keys();
  Editor::Make make = [&args, &item, plural_keys](Stored& now) -> Result<std::string> {
    if (now.config.IsNull()) return kept_elsewhere(*item);
    if (json::find(now.config, "use_blueprint") != nullptr &&
        (args.trigger.text != "null" || args.condition.text != "null" || args.action.text != "null"))
      return Error{Code::unsupported, "this automation is made from a blueprint and has no parts of its own"};
    if (json::find(now.config, "use_blueprint") != nullptr) {
      json::Document config;
      config.CopyFrom(now.config, config.GetAllocator());
      auto made = edited(config, args, args.alias, plural_keys);
      remove_member(config, plural_keys ? "conditions" : "condition");
      return json::to_text(config);
    }
    return edited(now.config, args, args.alias, plural_keys);
  };
  Thing thing{Kept::automation, item->key, item->entity_id};
  Change change{"ha_update_automation", std::move(args.expected_hash)};
  auto writing = self.editor().write(call, std::move(thing), std::move(change), std::move(make));
  Result<Edited> written = co_await std::move(writing);
  if (!written) co_return written.error();
  auto waiting = await_loaded(self, call, item->entity_id, written->hash);
  Result<void> loaded = co_await std::move(waiting);
  if (!loaded) co_return loaded.error();
  sdk::Answer<AutomationWritten> out;
  tell(out.data, std::move(*written), item->key);
  out.data.entity_id = std::move(item->entity_id);
  out.message = fmt::format("Changed {}", out.data.entity_id);
  co_return out;
}

Tool<AutomationDeleted> remove_automation(HomeAssistant& self, sdk::Call& call, DeleteAutomationArgs args) {
  if (auto sure = check_confirmed(args.confirm, "this deletes the automation"); !sure) co_return sure.error();
  auto finding = find_item(self, call, Kept::automation, args.automation_id, "/automation_id");
  Result<Item> item = co_await std::move(finding);
  if (!item) co_return item.error();
  if (item->key.empty()) co_return has_no_id(*item);
  Thing thing{Kept::automation, item->key, item->entity_id};
  Change change{"ha_delete_automation", std::move(args.expected_hash)};
  auto removing = self.editor().remove(call, std::move(thing), std::move(change));
  Result<Edited> removed = co_await std::move(removing);
  if (!removed && removed.error().code == Code::not_found) co_return kept_elsewhere(*item);
  if (!removed) co_return removed.error();
  auto const entity_id = item->entity_id;
  auto gone = [&entity_id](std::string_view states) { return state_in(states, entity_id).empty(); };
  auto waiting = await_states(self, call, gone, std::chrono::seconds{5});
  Result<bool> left = co_await std::move(waiting);
  if (!left) co_return left.error();
  sdk::Answer<AutomationDeleted> out;
  out.data.entity_id = entity_id;
  out.data.id = std::move(item->key);
  out.data.configuration.text = std::move(removed->text);
  out.data.previous_version = std::move(removed->version);
  out.message = fmt::format("Deleted {}", entity_id);
  co_return out;
}

}  // namespace

void declare_automation_changes(sdk::Table<HomeAssistant>& table) {
  add_tool<create_automation_op, &create_automation>(table);
  add_tool<update_automation_op, &update_automation>(table);
  add_tool<delete_automation_op, &remove_automation>(table);
}

}  // namespace patchbay::home_assistant
