// Entity and device registry: what the user may change of entities and devices, and which assistants may use them.
#include <spdlog/fmt/fmt.h>

#include "plugins/home_assistant/plugin.hpp"
#include "plugins/home_assistant/raw_json.hpp"
#include "plugins/home_assistant/tool_kinds.hpp"
#include "plugins/sdk/nearest.hpp"

namespace patchbay::home_assistant {

// Members that may be null: given as null they clear what is set.
struct SetEntityArgs {
  std::string entity_id;
  std::optional<RawJson> name, icon, area_id, disabled_by, hidden_by, device_class;
  std::optional<std::string> new_entity_id;
  std::optional<std::vector<std::string>> aliases, labels;
};
struct SetEntityResult {
  std::string entity_id;
  RawJson entity;
  std::map<std::string, RawJson> previous;
  std::vector<std::string> changed;
  std::optional<std::int64_t> reload_delay;
  bool require_restart = false;
};
struct RemoveEntityArgs {
  std::string entity_id;
};
struct RemoveEntityResult {
  std::string entity_id;
  bool removed = true;
  RawJson entity;
};
struct ExposureArgs {
  RawJson entity_id;
  std::optional<std::string> assistant;
  std::int64_t limit = 200;
  std::optional<std::string> cursor;
};
struct ExposureLine {
  std::string entity_id;
  std::map<std::string, bool> assistants;
};
struct ExposureResult {
  std::vector<ExposureLine> entities;
  std::uint64_t count = 0, total = 0;
  std::optional<std::string> next_cursor;
};
struct ExposeArgs {
  RawJson entity_id;
  bool expose = true;
  std::vector<std::string> assistants{"conversation"};
};
struct ExposeResult {
  std::vector<ExposureLine> entities;
  std::vector<std::string> changed;
  bool exposed = true;
};
struct UpdateDeviceArgs {
  std::string device_id;
  std::optional<RawJson> name_by_user, area_id, disabled_by;
  std::optional<std::vector<std::string>> labels;
};
struct UpdateDeviceResult {
  std::string device_id;
  RawJson device;
  std::map<std::string, RawJson> previous;
  std::vector<std::string> changed;
};

}  // namespace patchbay::home_assistant

namespace patchbay {
namespace ha = home_assistant;

template <>
struct Describe<ha::SetEntityArgs> {
  using A = ha::SetEntityArgs;
  static constexpr std::tuple fields{
      field("entity_id", &A::entity_id, "Entity to change").length(3, 255),
      field("name", &A::name, "New name; null: the integration's").type("string", "null"),
      field("icon", &A::icon, "New icon in the form prefix:name; null: the default one").type("string", "null"),
      field("area_id", &A::area_id, "New area by id or name; null: that of its device").type("string", "null"),
      field("disabled_by", &A::disabled_by, "\"user\" disables, null enables").type("string", "null"),
      field("hidden_by", &A::hidden_by, "\"user\" hides, null shows").type("string", "null"),
      field("device_class", &A::device_class, "New device class; null: the integration's").type("string", "null"),
      field("new_entity_id", &A::new_entity_id, "New id in the same domain").length(3, 255),
      field("aliases", &A::aliases, "Further names for voice assistants; replaces those there are").length(0, 100),
      field("labels", &A::labels, "Label ids; replaces those there are; since 2024.4").length(0, 100)};
};
template <>
struct Describe<ha::SetEntityResult> {
  using R = ha::SetEntityResult;
  static constexpr std::tuple fields{
      field("entity_id", &R::entity_id, "The entity, by its new id if it has one"),
      field("entity", &R::entity, "Its record now").type("object"),
      field("previous", &R::previous, "What was there, by field"),
      field("changed", &R::changed, "The fields that are another now"),
      field("reload_delay", &R::reload_delay, "Seconds until an entity that was enabled appears"),
      field("require_restart", &R::require_restart, "Whether it takes a restart of Home Assistant")};
};
template <>
struct Describe<ha::RemoveEntityArgs> {
  using A = ha::RemoveEntityArgs;
  static constexpr std::tuple fields{field("entity_id", &A::entity_id, "Entity to remove").length(3, 255)};
};
template <>
struct Describe<ha::RemoveEntityResult> {
  using R = ha::RemoveEntityResult;
  static constexpr std::tuple fields{
      field("entity_id", &R::entity_id, "The entity that is gone"), field("removed", &R::removed, "true"),
      field("entity", &R::entity, "The record it had; its integration may bring it back at its next start")
          .type("object")};
};
template <>
struct Describe<ha::ExposureArgs> {
  using A = ha::ExposureArgs;
  static constexpr std::tuple fields{
      field("entity_id", &A::entity_id, "One entity or a list of them; absent: all").type("string", "array").nullable(),
      field("assistant", &A::assistant, "Only entities that this one may use")
          .nullable()
          .suggests("conversation", "cloud.alexa", "cloud.google_assistant"),
      field("limit", &A::limit, "Greatest number of entities to return").nullable().range(1, 10'000),
      field("cursor", &A::cursor, "next_cursor of the page before").nullable().length(0, 255)};
};
template <>
struct Describe<ha::ExposureLine> {
  using R = ha::ExposureLine;
  static constexpr std::tuple fields{
      field("entity_id", &R::entity_id, "The entity"),
      field("assistants", &R::assistants, "By assistant whether it may use it; one that is missing may not")};
};
template <>
struct Describe<ha::ExposureResult> {
  using R = ha::ExposureResult;
  static constexpr std::tuple fields{field("entities", &R::entities, "By entity id"),
                                     field("count", &R::count, "How many are here"),
                                     field("total", &R::total, "How many there are in all"),
                                     field("next_cursor", &R::next_cursor, "For the next page; absent on the last")};
};
template <>
struct Describe<ha::ExposeArgs> {
  using A = ha::ExposeArgs;
  static constexpr std::tuple fields{
      field("entity_id", &A::entity_id, "One entity or a list of them").alias("entity_ids").type("string", "array"),
      field("expose", &A::expose, "Whether they may use it").alias("should_expose").optional(),
      field("assistants", &A::assistants, "conversation, cloud.alexa, cloud.google_assistant")
          .optional()
          .length(1, 10)};
};
template <>
struct Describe<ha::ExposeResult> {
  using R = ha::ExposeResult;
  static constexpr std::tuple fields{field("entities", &R::entities, "What holds now"),
                                     field("changed", &R::changed, "Entities where that is new"),
                                     field("exposed", &R::exposed, "As asked")};
};
template <>
struct Describe<ha::UpdateDeviceArgs> {
  using A = ha::UpdateDeviceArgs;
  static constexpr std::tuple fields{
      field("device_id", &A::device_id, "Registry id of the device").length(1, 255),
      field("name_by_user", &A::name_by_user, "New name; null: the integration's").alias("name").type("string", "null"),
      field("area_id", &A::area_id, "Area to put it in, by id or name; null: none").type("string", "null"),
      field("disabled_by", &A::disabled_by, "\"user\" disables, null enables").type("string", "null"),
      field("labels", &A::labels, "Label ids; replaces those there are; since 2024.4").length(0, 100)};
};
template <>
struct Describe<ha::UpdateDeviceResult> {
  using R = ha::UpdateDeviceResult;
  static constexpr std::tuple fields{field("device_id", &R::device_id, "The device"),
                                     field("device", &R::device, "Its record now").type("object"),
                                     field("previous", &R::previous, "What was there, by field"),
                                     field("changed", &R::changed, "The fields that are another now")};
};
}  // namespace patchbay

namespace patchbay::home_assistant {
namespace {

constexpr auto set_entity_op = changing_tool<SetEntityArgs, SetEntityResult>(
    "entity_registry", "set_entity",
    "Change name, icon, area, aliases, enabled or hidden state, or the id of an entity; null clears a field.",
    R"({"entity_id":"light.bed_light","name":"Bedside lamp","area_id":"bedroom"})");
constexpr auto remove_entity_op = changing_tool<RemoveEntityArgs, RemoveEntityResult>(
    "entity_registry", "remove_entity", "Remove an entity from the registry.", R"({"entity_id":"light.old_lamp"})",
    nullptr, "ha.write", Effect::destructive);
constexpr auto exposure_op = reading_tool<ExposureArgs, ExposureResult>(
    "entity_registry", "get_entity_exposure", "Show which voice assistants may use which entities.",
    R"({"entity_id":"light.bed_light"})");
constexpr auto expose_op = changing_tool<ExposeArgs, ExposeResult>(
    "entity_registry", "expose_entity", "Let voice assistants use entities, or keep them from it.",
    R"({"entity_id":["light.bed_light"],"expose":true})");
constexpr auto update_device_op = changing_tool<UpdateDeviceArgs, UpdateDeviceResult>(
    "device_registry", "update_device", "Rename a device, move it to another area, or disable it.",
    R"({"device_id":"a1b2c3","name_by_user":"Hall lamp","area_id":"hall"})");

Error no_area(RegistryMirror const& registry, std::string const& given) {
  std::vector<std::string_view> names;
  for (auto const& [id, area] : registry.areas()) names.emplace_back(area.name);
  std::string near;
  for (auto candidate : nearest(given, names, 3)) near += fmt::format("{}\"{}\"", near.empty() ? "" : ", ", candidate);
  return Error{Code::not_found, fmt::format("no area \"{}\"; the nearest are {}", given, near), "/area_id"};
}

// The id of an area that is named somehow, or null.
Result<RawJson> area_id_of(RegistryMirror const& registry, RawJson const& given) {
  auto const name = raw::text(given.text);
  if (name.empty()) return RawJson{};
  if (auto const* area = registry.find_area(name)) return RawJson{json::quoted(area->area_id)};
  return no_area(registry, name);
}

Result<void> check_by_user(std::optional<RawJson> const& value, std::string_view pointer) {
  if (!value || value->text == "null" || value->text == "\"user\"") return {};
  return Error{Code::invalid_argument, "takes \"user\" or null; the other words are Home Assistant's own",
               std::string{pointer}};
}

Result<void> check_labels(HomeAssistant& self, std::optional<std::vector<std::string>> const& labels) {
  if (!labels) return {};
  if (self.session().features().version < Version{2024, 4})
    return Error{Code::unsupported,
                 "this version of Home Assistant has no labels on entities and devices: they came "
                 "with 2024.4",
                 "/labels"};
  for (std::size_t i = 0; i < labels->size(); ++i)
    if (!self.mirror().registry().labels().contains((*labels)[i]))
      return Error{Code::not_found, fmt::format("no label with the id \"{}\"", (*labels)[i]),
                   fmt::format("/labels/{}", i)};
  return {};
}

std::string list_text(std::vector<std::string> const& list) { return describe::to_text(list); }

// Puts what was given into a command, and says what was there before and whether it is another now.
class Changes {
 public:
  explicit Changes(Command command) : command_(std::move(command)) {}
  void set(std::string_view key, std::optional<RawJson> const& value) {
    if (!value) return;
    command_ = std::move(command_).raw(key, value->text);
    keys_.emplace_back(key);
  }
  void set(std::string_view key, std::optional<std::vector<std::string>> const& value) {
    if (value) set(key, std::optional<RawJson>{RawJson{list_text(*value)}});
  }
  bool empty() const { return keys_.empty(); }
  Command take() { return std::move(command_); }
  void compare(std::string_view before, std::string_view after, std::map<std::string, RawJson>& previous,
               std::vector<std::string>& changed) const {
    for (auto const& key : keys_) {
      auto const name = key == "new_entity_id" ? std::string{"entity_id"} : key;
      auto const was = raw::member(before, name);
      previous[name] = RawJson{was.empty() ? "null" : std::string{was}};
      if (was != raw::member(after, name)) changed.push_back(name);
    }
  }

 private:
  Command command_;
  std::vector<std::string> keys_;
};

Error nothing_given() {
  return Error{Code::invalid_argument, "nothing to change was given; a field is cleared by giving it as null"};
}

// The registry's record of an entity. Errors: not_found, saying whether there is such an entity at all.
sdk::Task<Result<std::string>> record_of(HomeAssistant& self, sdk::Call& call, std::string entity_id) {
  if (!is_entity_id(entity_id))
    co_return Error{Code::invalid_argument, "not an entity id: it has the form domain.name, such as light.bed_light",
                    "/entity_id"};
  auto filling = self.mirror().ready(call);
  Result<void> filled = co_await std::move(filling);
  if (!filled) co_return filled.error();
  auto asking = self.session().command(call, Command{"config/entity_registry/get"}.text("entity_id", entity_id));
  Result<Frame> entry = co_await std::move(asking);
  if (entry) co_return std::string{entry->result()};
  if (entry.error().code != Code::not_found) co_return entry.error();
  if (self.mirror().state(entity_id) != nullptr)
    co_return Error{Code::unsupported,
                    fmt::format("{} is not in the registry: its integration gives it no unique id, so it can only be "
                                "changed where it is defined",
                                entity_id),
                    "/entity_id"};
  co_return self.mirror().unknown(entity_id, "/entity_id");
}

Tool<SetEntityResult> set_entity(HomeAssistant& self, sdk::Call& call, SetEntityArgs args) {
  auto reading = record_of(self, call, args.entity_id);
  Result<std::string> before = co_await std::move(reading);
  if (!before) co_return before.error();
  if (auto fine = check_by_user(args.disabled_by, "/disabled_by"); !fine) co_return fine.error();
  if (auto fine = check_by_user(args.hidden_by, "/hidden_by"); !fine) co_return fine.error();
  if (auto fine = check_labels(self, args.labels); !fine) co_return fine.error();
  if (args.new_entity_id &&
      (!is_entity_id(*args.new_entity_id) || domain_of(*args.new_entity_id) != domain_of(args.entity_id)))
    co_return Error{Code::invalid_argument,
                    fmt::format("a new id stays in its domain: {}.something", domain_of(args.entity_id)),
                    "/new_entity_id"};
  if (args.area_id) {
    auto area = area_id_of(self.mirror().registry(), *args.area_id);
    if (!area) co_return area.error();
    args.area_id = std::move(*area);
  }
  Changes changes{Command{"config/entity_registry/update"}.text("entity_id", args.entity_id)};
  changes.set("name", args.name);
  changes.set("icon", args.icon);
  changes.set("area_id", args.area_id);
  changes.set("disabled_by", args.disabled_by);
  changes.set("hidden_by", args.hidden_by);
  changes.set("device_class", args.device_class);
  changes.set("aliases", args.aliases);
  changes.set("labels", args.labels);
  if (args.new_entity_id)
    changes.set("new_entity_id", std::optional<RawJson>{RawJson{json::quoted(*args.new_entity_id)}});
  if (changes.empty()) co_return nothing_given();
  auto asking = self.session().command(call, changes.take());
  Result<Frame> updated = co_await std::move(asking);
  if (!updated) co_return updated.error();
  sdk::Answer<SetEntityResult> out;
  auto const record = raw::member(updated->result(), "entity_entry");
  changes.compare(*before, record, out.data.previous, out.data.changed);
  out.data.entity.text = record;
  out.data.entity_id = raw::text(raw::member(record, "entity_id"));
  auto const delay = raw::member(updated->result(), "reload_delay");
  if (!delay.empty()) out.data.reload_delay = std::atoll(std::string{delay}.c_str());
  out.data.require_restart = raw::is_true(raw::member(updated->result(), "require_restart"));
  out.message = out.data.changed.empty()
                    ? fmt::format("{} was so already", out.data.entity_id)
                    : fmt::format("Changed {} of {}", fmt::join(out.data.changed, ", "), out.data.entity_id);
  co_return out;
}

Tool<RemoveEntityResult> remove_entity(HomeAssistant& self, sdk::Call& call, RemoveEntityArgs args) {
  auto reading = record_of(self, call, args.entity_id);
  Result<std::string> before = co_await std::move(reading);
  if (!before) co_return before.error();
  auto asking =
      self.session().command(call, Command{"config/entity_registry/remove"}.text("entity_id", args.entity_id));
  Result<Frame> removed = co_await std::move(asking);
  if (!removed) co_return removed.error();
  sdk::Answer<RemoveEntityResult> out;
  out.data.entity.text = std::move(*before);
  out.message = fmt::format("Removed {} from the registry", args.entity_id);
  out.data.entity_id = std::move(args.entity_id);
  co_return out;
}

// One id or a list of them. Errors: not_found, invalid_argument.
Result<std::vector<std::string>> known_entities(HomeAssistant& self, RawJson const& given) {
  std::vector<std::string> out;
  if (given.text == "null") return out;
  if (given.text[0] == '[')
    raw::each_item(given.text, [&](std::string_view one) { out.push_back(raw::text(one)); });
  else
    out.push_back(raw::text(given.text));
  for (auto const& one : out)
    if (self.mirror().state(one) == nullptr && self.mirror().registry().entity(one) == nullptr)
      return self.mirror().unknown(one, "/entity_id");
  return out;
}

sdk::Task<Result<std::vector<ExposureLine>>> exposures(HomeAssistant& self, sdk::Call& call) {
  auto filling = self.mirror().ready(call);
  Result<void> filled = co_await std::move(filling);
  if (!filled) co_return filled.error();
  auto asking = self.session().command(call, Command{"homeassistant/expose_entity/list"});
  Result<Frame> listed = co_await std::move(asking);
  if (!listed) co_return listed.error();
  std::vector<ExposureLine> out;
  raw::each_member(raw::member(listed->result(), "exposed_entities"),
                   [&](std::string_view entity_id, std::string_view assistants) {
                     ExposureLine line{raw::text(entity_id), {}};
                     raw::each_member(assistants, [&](std::string_view assistant, std::string_view may) {
                       line.assistants[raw::text(assistant)] = raw::is_true(may);
                     });
                     out.push_back(std::move(line));
                   });
  co_return out;
}

std::vector<ExposureLine> of_entities(std::vector<ExposureLine> const& all, std::vector<std::string> const& wanted) {
  std::vector<ExposureLine> out;
  for (auto const& one : wanted) {
    auto const found = std::find_if(all.begin(), all.end(), [&](auto const& line) { return line.entity_id == one; });
    out.push_back(found == all.end() ? ExposureLine{one, {}} : *found);
  }
  return out;
}

Tool<ExposureResult> get_exposure(HomeAssistant& self, sdk::Call& call, ExposureArgs args) {
  auto listing = exposures(self, call);
  Result<std::vector<ExposureLine>> all = co_await std::move(listing);
  if (!all) co_return all.error();
  auto wanted = known_entities(self, args.entity_id);
  if (!wanted) co_return wanted.error();
  sdk::Answer<ExposureResult> out;
  auto& lines = out.data.entities;
  lines = wanted->empty() ? std::move(*all) : of_entities(*all, *wanted);
  if (args.assistant)
    std::erase_if(lines, [&args](ExposureLine const& line) {
      auto const found = line.assistants.find(*args.assistant);
      return found == line.assistants.end() || !found->second;
    });
  out.data.total = lines.size();
  out.data.next_cursor = cut_page(lines, static_cast<std::size_t>(args.limit), args.cursor,
                                  [](ExposureLine const& one) { return std::string_view{one.entity_id}; });
  out.data.count = lines.size();
  out.message = "Found " + plural(out.data.total, "entity", "entities");
  co_return out;
}

Tool<ExposeResult> expose(HomeAssistant& self, sdk::Call& call, ExposeArgs args) {
  auto listing = exposures(self, call);
  Result<std::vector<ExposureLine>> before = co_await std::move(listing);
  if (!before) co_return before.error();
  auto wanted = known_entities(self, args.entity_id);
  if (!wanted) co_return wanted.error();
  if (wanted->empty()) co_return Error{Code::invalid_argument, "names no entity", "/entity_id"};
  auto asking = self.session().command(call, Command{"homeassistant/expose_entity"}
                                                 .raw("assistants", list_text(args.assistants))
                                                 .raw("entity_ids", list_text(*wanted))
                                                 .flag("should_expose", args.expose));
  Result<Frame> done = co_await std::move(asking);
  if (!done) co_return done.error();
  auto again = exposures(self, call);
  Result<std::vector<ExposureLine>> after = co_await std::move(again);
  if (!after) co_return after.error();
  sdk::Answer<ExposeResult> out;
  out.data.exposed = args.expose;
  out.data.entities = of_entities(*after, *wanted);
  auto const was = of_entities(*before, *wanted);
  for (std::size_t i = 0; i < was.size(); ++i)
    if (was[i].assistants != out.data.entities[i].assistants) out.data.changed.push_back(was[i].entity_id);
  out.message = fmt::format("{} {} for {}", args.expose ? "Exposed" : "Hid",
                            plural(wanted->size(), "entity", "entities"), fmt::join(args.assistants, ", "));
  co_return out;
}

Tool<UpdateDeviceResult> update_device(HomeAssistant& self, sdk::Call& call, UpdateDeviceArgs args) {
  auto filling = self.mirror().ready(call);
  Result<void> filled = co_await std::move(filling);
  if (!filled) co_return filled.error();
  auto const& registry = self.mirror().registry();
  auto const* device = registry.device(args.device_id);
  if (device == nullptr) {
    std::vector<std::string_view> named;
    for (auto const& [id, one] : registry.devices())
      if (one.name == args.device_id) named.emplace_back(id);
    co_return Error{Code::not_found,
                    named.empty() ? fmt::format("no device with the id {}; ha_list_devices lists them", args.device_id)
                                  : fmt::format("no device with the id {}; the device of that name has the id {}",
                                                args.device_id, named.front()),
                    "/device_id"};
  }
  auto const before = device->json;
  if (auto fine = check_by_user(args.disabled_by, "/disabled_by"); !fine) co_return fine.error();
  if (auto fine = check_labels(self, args.labels); !fine) co_return fine.error();
  if (args.area_id) {
    auto area = area_id_of(registry, *args.area_id);
    if (!area) co_return area.error();
    args.area_id = std::move(*area);
  }
  Changes changes{Command{"config/device_registry/update"}.text("device_id", args.device_id)};
  changes.set("name_by_user", args.name_by_user);
  changes.set("area_id", args.area_id);
  changes.set("disabled_by", args.disabled_by);
  changes.set("labels", args.labels);
  if (changes.empty()) co_return nothing_given();
  auto asking = self.session().command(call, changes.take());
  Result<Frame> updated = co_await std::move(asking);
  if (!updated) co_return updated.error();
  sdk::Answer<UpdateDeviceResult> out;
  changes.compare(before, updated->result(), out.data.previous, out.data.changed);
  out.data.device.text = updated->result();
  out.data.device_id = std::move(args.device_id);
  out.message = out.data.changed.empty() ? "The device was so already"
                                         : fmt::format("Changed {} of the device", fmt::join(out.data.changed, ", "));
  co_return out;
}

}  // namespace

void declare_registry_tools(sdk::Table<HomeAssistant>& table) {
  add_tool<set_entity_op, &set_entity>(table);
  add_tool<remove_entity_op, &remove_entity>(table);
  add_tool<exposure_op, &get_exposure>(table);
  add_tool<expose_op, &expose>(table);
  add_tool<update_device_op, &update_device>(table);
}

}  // namespace patchbay::home_assistant
