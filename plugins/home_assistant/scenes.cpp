// Category scenes: making, applying and listing them.
#include <spdlog/fmt/fmt.h>

#include "plugins/home_assistant/dashboard_fields.hpp"
#include "plugins/home_assistant/items.hpp"
#include "plugins/home_assistant/raw_json.hpp"
#include "plugins/home_assistant/states.hpp"
#include "plugins/home_assistant/tool_kinds.hpp"

namespace patchbay::home_assistant {

struct CreateSceneArgs {
  std::string scene_id;
  RawJson entities;
  bool persistent = false;
  std::optional<std::vector<std::string>> snapshot_entities;
  std::optional<std::string> name, icon, expected_hash;
};
struct SceneCreated {
  std::string entity_id;
  bool persistent = false;
  bool replaced = false;
  std::optional<std::string> id, hash, previous_version;
  RawJson entities;
};
struct ActivateSceneArgs {
  std::string scene_id;
  std::optional<double> transition;
  std::int64_t wait_ms = 2000;
};
struct SceneActivated {
  std::string entity_id;
  bool finished = false;
  std::vector<std::string> entities;
  std::vector<RawJson> changed_states;
  std::uint64_t count = 0;
};
struct ListScenesArgs {
  std::int64_t limit = 200;
  std::optional<std::string> cursor;
};
struct SceneLine {
  std::string entity_id, friendly_name;
  std::optional<std::string> id, last_activated;
  std::uint64_t entity_count = 0;
};
struct ListScenesResult {
  std::vector<SceneLine> scenes;
  std::uint64_t count = 0, total = 0;
  std::optional<std::string> next_cursor;
};

}  // namespace patchbay::home_assistant

namespace patchbay {
namespace ha = home_assistant;

template <>
struct Describe<ha::CreateSceneArgs> {
  using A = ha::CreateSceneArgs;
  static constexpr std::tuple fields{
      field("scene_id", &A::scene_id, "Object id of the scene, such as movie_time; \"scene.\" in front is cut off")
          .length(1, 255),
      field("entities", &A::entities, "By entity id the wanted state, or an object with state and attributes")
          .type("object"),
      field("persistent", &A::persistent, "true: kept in scenes.yaml; false: lost when Home Assistant restarts")
          .nullable(),
      field("snapshot_entities", &A::snapshot_entities, "Entities whose present state is taken into the scene too")
          .nullable()
          .length(0, 500),
      field("name", &A::name, "Name to show; only for a persistent one").nullable().length(1, 255),
      field("icon", &A::icon, "Icon in the form prefix:name; only for a persistent one").nullable().length(1, 255),
      ha::expected_hash_field(&A::expected_hash)};
};
template <>
struct Describe<ha::SceneCreated> {
  using R = ha::SceneCreated;
  static constexpr std::tuple fields{
      field("entity_id", &R::entity_id, "The scene"),
      field("persistent", &R::persistent, "Whether it survives a restart"),
      field("replaced", &R::replaced, "Whether there was one of this name before"),
      field("id", &R::id, "Its id in the editor"),
      field("hash", &R::hash, "Hash of what is stored now"),
      field("previous_version", &R::previous_version, "For ha_restore_version: what was there"),
      field("entities", &R::entities, "What it holds").type("object")};
};
template <>
struct Describe<ha::ActivateSceneArgs> {
  using A = ha::ActivateSceneArgs;
  static constexpr std::tuple fields{
      field("scene_id", &A::scene_id, "Scene entity id, such as scene.movie_time").alias("entity_id").length(1, 255),
      field("transition", &A::transition, "Seconds that lights take to get there").nullable().range(0, 300),
      field("wait_ms", &A::wait_ms, "How long to wait for its end").nullable().range(0, 25'000)};
};
template <>
struct Describe<ha::SceneActivated> {
  using R = ha::SceneActivated;
  static constexpr std::tuple fields{
      field("entity_id", &R::entity_id, "The scene"),
      field("finished", &R::finished, "Whether Home Assistant has applied all of it by now"),
      field("entities", &R::entities, "The entities that it sets, where Home Assistant tells"),
      field("changed_states", &R::changed_states, "The states that it has changed by now"),
      field("count", &R::count, "How many")};
};
template <>
struct Describe<ha::ListScenesArgs> {
  using A = ha::ListScenesArgs;
  static constexpr std::tuple fields{
      field("limit", &A::limit, "Greatest number of scenes to return").nullable().range(1, 10'000),
      field("cursor", &A::cursor, "next_cursor of the page before").nullable().length(0, 255)};
};
template <>
struct Describe<ha::SceneLine> {
  using R = ha::SceneLine;
  static constexpr std::tuple fields{field("entity_id", &R::entity_id, "The scene"),
                                     field("friendly_name", &R::friendly_name, "Its name"),
                                     field("id", &R::id, "Its id in the editor, where it has one"),
                                     field("last_activated", &R::last_activated, "When it was last applied"),
                                     field("entity_count", &R::entity_count, "How many entities it sets")};
};
template <>
struct Describe<ha::ListScenesResult> {
  using R = ha::ListScenesResult;
  static constexpr std::tuple fields{field("scenes", &R::scenes, "By entity id"),
                                     field("count", &R::count, "How many are here"),
                                     field("total", &R::total, "How many there are in all"),
                                     field("next_cursor", &R::next_cursor, "For the next page; absent on the last")};
};
}  // namespace patchbay

namespace patchbay::home_assistant {
namespace {

constexpr auto create_scene_op = changing_tool<CreateSceneArgs, SceneCreated>(
    "scenes", "create_scene", "Create a scene that holds given states of entities.",
    R"({"scene_id":"movie_time","entities":{"light.bed_light":{"state":"on","brightness":60}},"persistent":true})");
constexpr auto activate_op = changing_tool<ActivateSceneArgs, SceneActivated>(
    "scenes", "activate_scene", "Apply a scene.", R"({"scene_id":"scene.movie_time"})", nullptr, "ha.control");
constexpr auto list_scenes_op =
    reading_tool<ListScenesArgs, ListScenesResult>("scenes", "list_scenes", "List all scenes.", "{}");

std::vector<std::string> members_of(Item const& scene) {
  std::vector<std::string> out;
  raw::each_item(raw::member(scene.attributes.text, "entity_id"),
                 [&](std::string_view id) { out.push_back(raw::text(id)); });
  return out;
}

// A state that is not a text means itself written out: 21 is "21", true is "on".
Result<void> settle_states(json::Value& entities, json::Document::AllocatorType& allocator) {
  auto settle = [&](json::Value& state) {
    if (state.IsBool())
      state = text_value(state.GetBool() ? "on" : "off", allocator);
    else if (state.IsNumber())
      state = text_value(json::to_text(state), allocator);
    return state.IsString();
  };
  for (auto& member : entities.GetObject()) {
    auto const id = json::text_of(member.name);
    auto const pointer = "/entities" + json::pointer_token(id);
    if (!is_entity_id(id))
      return Error{Code::invalid_argument, "not an entity id: it has the form domain.name, such as light.bed_light",
                   pointer};
    if (!member.value.IsObject()) {
      if (!settle(member.value))
        return Error{Code::invalid_argument, "takes a state, or an object with state and attributes", pointer};
      continue;
    }
    json::Value* state = nullptr;
    for (auto& one : member.value.GetObject())
      if (json::text_of(one.name) == "state") state = &one.value;
    if (state == nullptr || !settle(*state))
      return Error{Code::invalid_argument, "needs the member state, such as \"on\"", pointer + "/state"};
  }
  return {};
}

// Puts the present states of further entities into those that a persistent scene holds.
void take_snapshot(json::Document& entities, std::string_view states, std::vector<std::string> const& names) {
  auto& allocator = entities.GetAllocator();
  for (auto const& name : names) {
    auto const state = state_in(states, name);
    auto parsed = json::parse(raw::member(state, "attributes"), json::upstream_limits);
    auto& slot = member_of(entities, name, allocator);
    slot.SetObject();
    if (parsed && parsed->document.IsObject()) slot.CopyFrom(parsed->document, allocator);
    member_of(slot, "state", allocator) = text_value(raw::text(raw::member(state, "state")), allocator);
  }
}

Tool<SceneCreated> create_scene(HomeAssistant& self, sdk::Call& call, CreateSceneArgs args) {
  auto const object_id = args.scene_id.starts_with("scene.") ? args.scene_id.substr(6) : args.scene_id;
  if (!is_slug(object_id))
    co_return Error{Code::invalid_argument,
                    "an object id is lower-case letters, digits and underscores, such as "
                    "movie_time",
                    "/scene_id"};
  if (!args.persistent && (args.name || args.icon || args.expected_hash))
    co_return Error{Code::invalid_argument, "only a scene that is kept has this: set persistent true",
                    args.name   ? "/name"
                    : args.icon ? "/icon"
                                : "/expected_hash"};
  auto parsed = json::parse(args.entities.text, json::upstream_limits);
  if (!parsed) co_return parsed.error();
  json::Document entities;
  entities.CopyFrom(parsed->document, entities.GetAllocator());
  if (auto fine = settle_states(entities, entities.GetAllocator()); !fine) co_return fine.error();
  auto const snapshot = args.snapshot_entities.value_or(std::vector<std::string>{});
  if (entities.MemberCount() == 0 && snapshot.empty())
    co_return Error{Code::invalid_argument, "a scene holds at least one entity", "/entities"};
  for (auto const& one : snapshot)
    if (json::find(entities, one) != nullptr)
      co_return Error{Code::invalid_argument, one + " is among entities, too", "/snapshot_entities"};
  std::vector<std::string> names = snapshot;
  for (auto const& member : entities.GetObject()) names.emplace_back(json::text_of(member.name));
  auto checking = check_entities(self.session(), call, names, "/entities");
  Result<void> known = co_await std::move(checking);
  if (!known) co_return known.error();
  auto asking = self.session().command(call, Command{"get_states"});
  Result<Frame> before = co_await std::move(asking);
  if (!before) co_return before.error();

  sdk::Answer<SceneCreated> out;
  out.data.persistent = args.persistent;
  std::string entity_id = "scene." + object_id;
  if (args.persistent) {
    take_snapshot(entities, before->result(), snapshot);
    auto const was = state_in(before->result(), entity_id);
    auto key = was.empty() ? std::string{} : item_of(was).key;
    if (!was.empty() && key.empty())
      co_return Error{
          Code::conflict,
          fmt::format("{} is there already and is not kept by Home Assistant's editor; choose another name", entity_id),
          "/scene_id"};
    if (key.empty()) key = object_id;
    Editor::Make make = [&](Stored& now) -> Result<std::string> {
      auto& config = now.config;
      if (config.IsNull()) config.SetObject();
      auto& allocator = config.GetAllocator();
      // The entity id is made from the name: without one it is the object id in words.
      auto words = object_id;
      std::replace(words.begin(), words.end(), '_', ' ');
      if (args.name || json::find(config, "name") == nullptr)
        member_of(config, "name", allocator) = text_value(args.name.value_or(words), allocator);
      if (args.icon) member_of(config, "icon", allocator) = text_value(*args.icon, allocator);
      member_of(config, "entities", allocator).CopyFrom(entities, allocator);
      return json::to_text(config);
    };
    Thing thing{Kept::scene, key, entity_id};
    Change change{"ha_create_scene", args.expected_hash};
    auto writing = self.editor().write(call, std::move(thing), std::move(change), std::move(make));
    Result<Edited> written = co_await std::move(writing);
    if (!written) co_return written.error();
    auto waiting = await_item(self, call, Kept::scene, key, std::chrono::seconds{10});
    Result<std::string> made = co_await std::move(waiting);
    if (!made) co_return made.error();
    if (made->empty())
      co_return Error{Code::upstream_failed,
                      fmt::format("the scene {} is stored, but Home Assistant has not loaded it: see its log, and "
                                  "whether configuration.yaml has \"scene: !include scenes.yaml\"",
                                  key)};
    if (written->created && *made != entity_id && was.empty()) {  // Home Assistant names it by its name
      auto naming = self.session().command(
          call, Command{"config/entity_registry/update"}.text("entity_id", *made).text("new_entity_id", entity_id));
      Result<Frame> named = co_await std::move(naming);
      if (named) *made = entity_id;
    }
    entity_id = std::move(*made);
    out.data.replaced = !written->created;
    out.data.id = key;
    out.data.hash = written->hash;
    out.data.previous_version = written->version;
  } else {
    out.data.replaced = !state_in(before->result(), entity_id).empty();
    std::string list = "[";
    for (auto const& one : snapshot) list += (list.size() > 1 ? "," : "") + json::quoted(one);
    auto const data = fmt::format(R"({{"scene_id":{},"entities":{},"snapshot_entities":{}]}})", json::quoted(object_id),
                                  json::to_text(entities), list);
    auto calling = self.session().command(call, service_command("scene", "create", {}, data));
    Result<Frame> called = co_await std::move(calling);
    if (!called) co_return called.error();
    auto there = [&entity_id](std::string_view states) { return !state_in(states, entity_id).empty(); };
    auto waiting = await_states(self, call, there, std::chrono::seconds{5});
    Result<bool> made = co_await std::move(waiting);
    if (!made) co_return made.error();
    if (!*made)
      co_return Error{Code::upstream_failed, fmt::format("Home Assistant took {}, but did not make it: a scene of this "
                                                         "name that is kept in a file stands in the way",
                                                         entity_id)};
  }
  out.data.entities.text = json::to_text(entities);
  out.message = fmt::format("{} {}", out.data.replaced ? "Replaced" : "Created", entity_id);
  out.data.entity_id = std::move(entity_id);
  co_return out;
}

Tool<SceneActivated> activate(HomeAssistant& self, sdk::Call& call, ActivateSceneArgs args) {
  auto finding = find_item(self, call, Kept::scene, std::move(args.scene_id), "/scene_id");
  Result<Item> scene = co_await std::move(finding);
  if (!scene) co_return scene.error();
  auto const data = args.transition ? fmt::format(R"({{"transition":{}}})", *args.transition) : std::string{};
  auto command = service_command("scene", "turn_on", scene->entity_id, data);
  auto running = run_service(self, call, std::move(command), std::chrono::milliseconds{args.wait_ms});
  Result<ServiceDone> done = co_await std::move(running);
  if (!done) co_return done.error();
  sdk::Answer<SceneActivated> out;
  auto asking = self.session().command(call, Command{"get_states"});
  Result<Frame> states = co_await std::move(asking);
  if (states) {  // the scene itself has worked
    out.data.changed_states = changed_by(states->result(), done->context_id);
    std::erase_if(out.data.changed_states, [&scene](RawJson const& one) {
      return raw::text(raw::member(one.text, "entity_id")) == scene->entity_id;
    });
  }
  out.data.count = out.data.changed_states.size();
  out.data.finished = done->finished;
  out.data.entities = members_of(*scene);
  out.message = fmt::format("Applied {}; {} changed", scene->entity_id, plural(out.data.count, "state"));
  out.data.entity_id = std::move(scene->entity_id);
  co_return out;
}

Tool<ListScenesResult> list_scenes(HomeAssistant& self, sdk::Call& call, ListScenesArgs args) {
  auto listing = list_items(self, call, Kept::scene);
  Result<std::vector<Item>> items = co_await std::move(listing);
  if (!items) co_return items.error();
  sdk::Answer<ListScenesResult> out;
  for (auto const& one : *items) {
    SceneLine line{one.entity_id, one.name, {}, {}, members_of(one).size()};
    if (!one.key.empty()) line.id = one.key;
    if (one.state != "unknown" && one.state != "unavailable") line.last_activated = one.state;
    out.data.scenes.push_back(std::move(line));
  }
  out.data.total = out.data.scenes.size();
  out.data.next_cursor = cut_page(out.data.scenes, static_cast<std::size_t>(args.limit), args.cursor,
                                  [](SceneLine const& one) { return std::string_view{one.entity_id}; });
  out.data.count = out.data.scenes.size();
  out.message = "Found " + plural(out.data.total, "scene");
  co_return out;
}

}  // namespace

void declare_scenes(sdk::Table<HomeAssistant>& table) {
  add_tool<create_scene_op, &create_scene>(table);
  add_tool<activate_op, &activate>(table);
  add_tool<list_scenes_op, &list_scenes>(table);
}

}  // namespace patchbay::home_assistant
