// Category scripts: reading, writing and deleting them with Home Assistant's own editor.
#include <spdlog/fmt/fmt.h>

#include "plugins/home_assistant/automation_config.hpp"
#include "plugins/home_assistant/dashboard_fields.hpp"
#include "plugins/home_assistant/items.hpp"
#include "plugins/home_assistant/raw_json.hpp"
#include "plugins/home_assistant/tool_kinds.hpp"

namespace patchbay::home_assistant {

struct GetScriptArgs {
  std::string script_id;
};
struct ScriptResult {
  std::string script_id, entity_id;
  std::optional<std::string> state;
  RawJson last_triggered;
  RawJson configuration;
  bool editable = false;
  std::optional<std::string> hash;
};
struct SetScriptArgs {
  std::string script_id;
  std::optional<std::string> alias, description, mode, icon, expected_hash;
  RawJson sequence, fields, variables;
  std::optional<std::int64_t> max;
};
struct ScriptWritten {
  std::string script_id, entity_id;
  bool created = false;
  RawJson configuration;
  RawJson previous_hash;
  std::string hash;
  std::optional<std::string> previous_version;
};
struct RemoveScriptArgs {
  std::string script_id;
  bool confirm = false;
  std::optional<std::string> expected_hash;
};
struct ScriptRemoved {
  std::string script_id, entity_id;
  bool deleted = true;
  RawJson configuration;
  std::optional<std::string> previous_version;
};

}  // namespace patchbay::home_assistant

namespace patchbay {
namespace ha = home_assistant;

template <class A>
constexpr auto script_name(std::string A::*member) {
  return field("script_id", member, "Script id with or without \"script.\"").alias("entity_id").length(1, 255);
}
template <>
struct Describe<ha::GetScriptArgs> {
  static constexpr std::tuple fields{script_name(&ha::GetScriptArgs::script_id)};
};
template <>
struct Describe<ha::ScriptResult> {
  using R = ha::ScriptResult;
  static constexpr std::tuple fields{
      field("script_id", &R::script_id, "Its id in the editor"),
      field("entity_id", &R::entity_id, "The script"),
      field("state", &R::state, "on while it runs; absent when it is not loaded"),
      field("last_triggered", &R::last_triggered, "When it last ran; null: never").type("string", "null"),
      field("configuration", &R::configuration, "As Home Assistant holds it").type("object", "null"),
      field("editable", &R::editable, "Whether ha_config_set_script can change it"),
      field("hash", &R::hash, "Of the stored configuration, for expected_hash")};
};
template <>
struct Describe<ha::SetScriptArgs> {
  using A = ha::SetScriptArgs;
  static constexpr std::tuple fields{
      script_name(&A::script_id),
      field("alias", &A::alias, "Name to show").nullable().length(1, 255),
      field("description", &A::description, "What it is for").nullable().length(0, 4096),
      field("sequence", &A::sequence, "List of actions; a new script needs it").type("array", "object").nullable(),
      field("mode", &A::mode, "What to do when started while running; single for a new one")
          .nullable()
          .one_of("single", "restart", "queued", "parallel"),
      field("max", &A::max, "Runs at once, in mode queued or parallel").nullable().range(1, 1000),
      field("icon", &A::icon, "Icon in the form prefix:name").nullable().length(1, 255),
      field("fields", &A::fields, "Inputs of the script by name").type("object").nullable(),
      field("variables", &A::variables, "Variables by name").type("object").nullable(),
      ha::expected_hash_field(&A::expected_hash)};
};
template <>
struct Describe<ha::ScriptWritten> {
  using R = ha::ScriptWritten;
  static constexpr std::tuple fields{
      field("script_id", &R::script_id, "Its id in the editor"),
      field("entity_id", &R::entity_id, "The script"),
      field("created", &R::created, "Whether there was none before"),
      field("configuration", &R::configuration, "As Home Assistant stores it now").type("object"),
      field("previous_hash", &R::previous_hash, "Hash of what was there; null: nothing").type("string", "null"),
      field("hash", &R::hash, "Hash of what is stored now"),
      field("previous_version", &R::previous_version, "For ha_restore_version: what was there")};
};
template <>
struct Describe<ha::RemoveScriptArgs> {
  using A = ha::RemoveScriptArgs;
  static constexpr std::tuple fields{script_name(&A::script_id),
                                     field("confirm", &A::confirm, "Must be true").nullable(),
                                     ha::expected_hash_field(&A::expected_hash)};
};
template <>
struct Describe<ha::ScriptRemoved> {
  using R = ha::ScriptRemoved;
  static constexpr std::tuple fields{
      field("script_id", &R::script_id, "Its id in the editor"), field("entity_id", &R::entity_id, "The script"),
      field("deleted", &R::deleted, "true"),
      field("configuration", &R::configuration, "The configuration it had").type("object"),
      field("previous_version", &R::previous_version, "For ha_restore_version")};
};
}  // namespace patchbay

namespace patchbay::home_assistant {
namespace {

constexpr auto get_op = reading_tool<GetScriptArgs, ScriptResult>(
    "scripts", "config_get_script", "Return the configuration of one script.", R"({"script_id":"good_night"})");
constexpr auto set_script_op = changing_tool<SetScriptArgs, ScriptWritten>(
    "scripts", "config_set_script",
    "Create a script or change one; of an existing one what is not given stays, and it is kept as a version.",
    R"({"script_id":"good_night","alias":"Good night","sequence":[{"service":"light.turn_off","target":{"entity_id":"all"}}]})");
constexpr auto remove_script_op = changing_tool<RemoveScriptArgs, ScriptRemoved>(
    "scripts", "config_remove_script", "Delete a script; its configuration is returned and kept as a version.",
    R"({"script_id":"good_night","confirm":true})", nullptr, "ha.write", Effect::destructive);

// A script by its entity id or its id in the editor, which differ when the entity was renamed.
struct Script {
  std::string key, entity_id;
  std::optional<Item> item;
};
sdk::Task<Result<Script>> locate(HomeAssistant& self, sdk::Call& call, std::string given) {
  auto const object_id = given.starts_with("script.") ? given.substr(7) : given;
  if (!is_slug(object_id))
    co_return Error{Code::invalid_argument,
                    "a script id is lower-case letters, digits and underscores, such as good_night", "/script_id"};
  Script out{object_id, "script." + object_id, {}};
  auto listing = list_items(self, call, Kept::script);
  Result<std::vector<Item>> items = co_await std::move(listing);
  if (!items) co_return items.error();
  for (auto& one : *items) {
    if (one.entity_id != out.entity_id) continue;
    auto asking = key_of(self, call, one.entity_id);
    Result<std::string> key = co_await std::move(asking);
    if (!key) co_return key.error();
    if (!key->empty()) out.key = *key;
    out.item = std::move(one);
    co_return out;
  }
  // Not an entity's name: the editor's key of one that was renamed?
  auto asking = self.session().command(call, Command{"config/entity_registry/list"});
  Result<Frame> entries = co_await std::move(asking);
  if (!entries) co_return entries.error();
  raw::each_item(entries->result(), [&](std::string_view entry) {
    if (raw::text(raw::member(entry, "platform")) == "script" &&
        raw::text(raw::member(entry, "unique_id")) == object_id)
      out.entity_id = raw::text(raw::member(entry, "entity_id"));
  });
  for (auto& one : *items)
    if (one.entity_id == out.entity_id) out.item = std::move(one);
  co_return out;
}

Tool<ScriptResult> get_script(HomeAssistant& self, sdk::Call& call, GetScriptArgs args) {
  auto locating = locate(self, call, args.script_id);
  Result<Script> script = co_await std::move(locating);
  if (!script) co_return script.error();
  auto loading = self.editor().load(call, Kept::script, script->key);
  Result<Stored> stored = co_await std::move(loading);
  if (!stored && stored.error().code != Code::forbidden) co_return stored.error();
  sdk::Answer<ScriptResult> out;
  if (stored && !stored->config.IsNull()) {
    out.data.configuration.text = std::move(stored->text);
    out.data.editable = true;
    out.data.hash = stored->hash;
  } else {
    auto asking = self.session().command(call, Command{"script/config"}.text("entity_id", script->entity_id));
    Result<Frame> config = co_await std::move(asking);
    if (!config && config.error().code == Code::not_found) {
      auto finding = find_item(self, call, Kept::script, args.script_id, "/script_id");
      Result<Item> item = co_await std::move(finding);
      if (!item) co_return item.error();
    }
    if (!config) co_return config.error();
    out.data.configuration.text = raw::member(config->result(), "config");
  }
  if (script->item) {
    out.data.state = script->item->state;
    auto const last = raw::member(script->item->attributes.text, "last_triggered");
    if (!last.empty()) out.data.last_triggered.text = last;
  }
  out.message = fmt::format("Configuration of {}", script->entity_id);
  out.data.script_id = std::move(script->key);
  out.data.entity_id = std::move(script->entity_id);
  co_return out;
}

Result<std::string> edited(json::Document& config, SetScriptArgs const& args, bool plural_keys) {
  if (config.IsNull()) {
    if (args.sequence.text == "null")
      return Error{Code::invalid_argument, "there is no such script yet, and a new one needs its actions", "/sequence"};
    config.SetObject();
    member_of(config, "mode", config.GetAllocator()) = text_value("single", config.GetAllocator());
  }
  auto& allocator = config.GetAllocator();
  for (auto const& [key, value] : {std::pair{"alias", &args.alias}, std::pair{"description", &args.description},
                                   std::pair{"mode", &args.mode}, std::pair{"icon", &args.icon}})
    if (*value) member_of(config, key, allocator) = text_value(**value, allocator);
  if (args.max) member_of(config, "max", allocator).SetInt64(*args.max);
  for (auto const& [key, value] : {std::pair{"sequence", &args.sequence}, std::pair{"fields", &args.fields},
                                   std::pair{"variables", &args.variables}}) {
    if (value->text == "null") continue;
    auto parsed = json::parse(value->text, json::upstream_limits);
    if (!parsed) return parsed.error();
    member_of(config, key, allocator).CopyFrom(parsed->document, allocator);
  }
  if (json::find(config, "use_blueprint") == nullptr)
    actions_in_words_of(member_of(config, "sequence", allocator), plural_keys, allocator);
  return json::to_text(config);
}

Tool<ScriptWritten> set_script(HomeAssistant& self, sdk::Call& call, SetScriptArgs args) {
  auto locating = locate(self, call, args.script_id);
  Result<Script> script = co_await std::move(locating);
  if (!script) co_return script.error();
  bool const plural_keys = self.session().features().plural_automation_keys();
  Editor::Make make = [&](Stored& now) -> Result<std::string> {
    if (now.config.IsNull() && script->item)
      return Error{Code::unsupported,
                   fmt::format("{} is not in scripts.yaml, so Home Assistant's editor cannot change it: edit the file "
                               "that it is written in",
                               script->entity_id),
                   "/script_id"};
    return edited(now.config, args, plural_keys);
  };
  Thing thing{Kept::script, script->key, script->entity_id};
  Change change{"ha_config_set_script", std::move(args.expected_hash)};
  auto writing = self.editor().write(call, std::move(thing), std::move(change), std::move(make));
  Result<Edited> written = co_await std::move(writing);
  if (!written) co_return written.error();
  auto const entity_id = script->entity_id;
  auto there = [&entity_id](std::string_view states) {
    auto const state = raw::text(raw::member(state_in(states, entity_id), "state"));
    return !state.empty() && state != "unavailable";
  };
  auto waiting = await_states(self, call, there, std::chrono::seconds{10});
  Result<bool> loaded = co_await std::move(waiting);
  if (!loaded) co_return loaded.error();
  if (!*loaded)
    co_return Error{Code::upstream_failed,
                    fmt::format("the script {} is stored, but Home Assistant has not loaded it: see its log, and "
                                "whether configuration.yaml has \"script: !include scripts.yaml\"",
                                script->key)};
  sdk::Answer<ScriptWritten> out;
  out.data.script_id = std::move(script->key);
  out.data.entity_id = entity_id;
  out.data.created = written->created;
  out.data.configuration.text = std::move(written->text);
  out.data.previous_hash = text_or_null(written->previous_hash);
  out.data.hash = std::move(written->hash);
  out.data.previous_version = std::move(written->version);
  out.message = fmt::format("{} {}", out.data.created ? "Created" : "Changed", entity_id);
  co_return out;
}

Tool<ScriptRemoved> remove_script(HomeAssistant& self, sdk::Call& call, RemoveScriptArgs args) {
  if (auto sure = check_confirmed(args.confirm, "this deletes the script"); !sure) co_return sure.error();
  auto locating = locate(self, call, args.script_id);
  Result<Script> script = co_await std::move(locating);
  if (!script) co_return script.error();
  Thing thing{Kept::script, script->key, script->entity_id};
  Change change{"ha_config_remove_script", std::move(args.expected_hash)};
  auto removing = self.editor().remove(call, std::move(thing), std::move(change));
  Result<Edited> removed = co_await std::move(removing);
  if (!removed && removed.error().code == Code::not_found && !script->item) {
    auto finding = find_item(self, call, Kept::script, args.script_id, "/script_id");  // names the nearest
    Result<Item> item = co_await std::move(finding);
    if (!item) co_return item.error();
  }
  if (!removed) co_return removed.error();
  auto const entity_id = script->entity_id;
  auto gone = [&entity_id](std::string_view states) { return state_in(states, entity_id).empty(); };
  auto waiting = await_states(self, call, gone, std::chrono::seconds{5});
  Result<bool> left = co_await std::move(waiting);
  if (!left) co_return left.error();
  sdk::Answer<ScriptRemoved> out;
  out.data.script_id = std::move(script->key);
  out.data.entity_id = entity_id;
  out.data.configuration.text = std::move(removed->text);
  out.data.previous_version = std::move(removed->version);
  out.message = fmt::format("Deleted {}", entity_id);
  co_return out;
}

}  // namespace

void declare_scripts(sdk::Table<HomeAssistant>& table) {
  add_tool<get_op, &get_script>(table);
  add_tool<set_script_op, &set_script>(table);
  add_tool<remove_script_op, &remove_script>(table);
}

}  // namespace patchbay::home_assistant
