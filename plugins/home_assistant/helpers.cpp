// Helpers of the storage kind: toggles, numbers, texts, lists, dates, buttons, counters, timers and schedules.
#include <spdlog/fmt/fmt.h>

#include "plugins/home_assistant/plugin.hpp"
#include "plugins/home_assistant/raw_json.hpp"
#include "plugins/home_assistant/tool_kinds.hpp"
#include "plugins/sdk/nearest.hpp"

namespace patchbay::home_assistant {

struct ListHelpersArgs {
  std::optional<std::string> type;
};
struct HelperLine {
  std::string type, id, name;
  std::optional<std::string> entity_id;
  RawJson config;
};
struct ListHelpersResult {
  std::vector<HelperLine> helpers;
  std::uint64_t count = 0;
};
struct SetHelperArgs {
  std::string type;
  std::optional<std::string> id, name;
  RawJson config;
};
struct HelperWritten {
  std::string type, id, name;
  std::optional<std::string> entity_id;
  bool created = false;
  RawJson config, previous;
};
struct RemoveHelperArgs {
  std::string type, id;
  bool confirm = false;
};
struct HelperRemoved {
  std::string type, id;
  bool removed = true;
  RawJson config;
};

}  // namespace patchbay::home_assistant

namespace patchbay {
namespace ha = home_assistant;

template <class A, class M>
constexpr auto helper_type(M A::*member) {
  return field("type", member, "Kind of helper")
      .one_of("input_boolean", "input_number", "input_text", "input_select", "input_datetime", "input_button",
              "counter", "timer", "schedule");
}
template <>
struct Describe<ha::ListHelpersArgs> {
  static constexpr std::tuple fields{helper_type(&ha::ListHelpersArgs::type).nullable()};
};
template <>
struct Describe<ha::HelperLine> {
  using R = ha::HelperLine;
  static constexpr std::tuple fields{
      field("type", &R::type, "Kind of helper"), field("id", &R::id, "Its id"), field("name", &R::name, "Its name"),
      field("entity_id", &R::entity_id, "Its entity"), field("config", &R::config, "Its settings").type("object")};
};
template <>
struct Describe<ha::ListHelpersResult> {
  using R = ha::ListHelpersResult;
  static constexpr std::tuple fields{
      field("helpers", &R::helpers,
            "Helpers that were made in Home Assistant's pages; those of YAML are not among them"),
      field("count", &R::count, "How many")};
};
template <>
struct Describe<ha::SetHelperArgs> {
  using A = ha::SetHelperArgs;
  static constexpr std::array<std::string_view, 2> required_one_of{"id", "name"};
  static constexpr std::tuple fields{
      helper_type(&A::type),
      field("id", &A::id, "Helper to change, by id or entity id; absent: a new one is made")
          .alias("helper_id", "entity_id")
          .nullable()
          .length(1, 255),
      field("name", &A::name, "Its name; a new one needs it").nullable().length(1, 255),
      field("config", &A::config,
            "Further settings, such as icon; min, max, step; options; has_date, has_time; initial; duration; monday")
          .type("object")
          .nullable()};
};
template <>
struct Describe<ha::HelperWritten> {
  using R = ha::HelperWritten;
  static constexpr std::tuple fields{
      field("type", &R::type, "Kind of helper"),
      field("id", &R::id, "Its id"),
      field("name", &R::name, "Its name"),
      field("entity_id", &R::entity_id, "Its entity"),
      field("created", &R::created, "Whether it is new"),
      field("config", &R::config, "Its settings now").type("object"),
      field("previous", &R::previous, "Its settings before; null: it is new").type("object", "null")};
};
template <>
struct Describe<ha::RemoveHelperArgs> {
  using A = ha::RemoveHelperArgs;
  static constexpr std::tuple fields{
      helper_type(&A::type), field("id", &A::id, "Its id or entity id").alias("helper_id", "entity_id").length(1, 255),
      field("confirm", &A::confirm, "Must be true").nullable()};
};
template <>
struct Describe<ha::HelperRemoved> {
  using R = ha::HelperRemoved;
  static constexpr std::tuple fields{field("type", &R::type, "Kind of helper"), field("id", &R::id, "Its id"),
                                     field("removed", &R::removed, "true"),
                                     field("config", &R::config, "The settings it had").type("object")};
};
}  // namespace patchbay

namespace patchbay::home_assistant {
namespace {

constexpr auto list_helpers_op = reading_tool<ListHelpersArgs, ListHelpersResult>(
    "helpers", "list_helpers", "List the helpers that were made in Home Assistant's pages, with their settings.",
    R"({"type":"input_number"})");
constexpr auto set_helper_op = changing_tool<SetHelperArgs, HelperWritten>(
    "helpers", "set_helper", "Make a helper or change one; settings that are not given stay.",
    R"({"type":"input_number","name":"Target","config":{"min":0,"max":30,"step":0.5}})");
constexpr auto remove_helper_op = changing_tool<RemoveHelperArgs, HelperRemoved>(
    "helpers", "remove_helper", "Remove a helper; its settings are returned.",
    R"({"type":"input_number","id":"target","confirm":true})", nullptr, "ha.write", Effect::destructive);

constexpr std::array<std::string_view, 9> helper_types{"input_boolean", "input_number",   "input_text",
                                                       "input_select",  "input_datetime", "input_button",
                                                       "counter",       "timer",          "schedule"};

// The entity of a helper: the registry has its id as the unique id.
std::optional<std::string> entity_of(RegistryMirror const& registry, std::string_view type, std::string_view id) {
  for (auto const& [entity_id, entry] : registry.entities())
    if (domain_of(entity_id) == type && raw::text(raw::member(entry.json, "unique_id")) == id) return entity_id;
  return std::nullopt;
}

sdk::Task<Result<std::vector<HelperLine>>> list_of(HomeAssistant& self, sdk::Call& call, std::string type) {
  auto filling = self.mirror().ready(call);
  Result<void> filled = co_await std::move(filling);
  if (!filled) co_return filled.error();
  std::vector<HelperLine> out;
  auto asking = self.session().command(call, Command{type + "/list"});
  Result<Frame> listed = co_await std::move(asking);
  if (!listed && listed.error().code == Code::unsupported) co_return out;  // nothing of the kind is set up
  if (!listed) co_return listed.error();
  raw::each_item(listed->result(), [&](std::string_view one) {
    HelperLine line{
        type, raw::text(raw::member(one, "id")), raw::text(raw::member(one, "name")), {}, RawJson{std::string{one}}};
    line.entity_id = entity_of(self.mirror().registry(), type, line.id);
    out.push_back(std::move(line));
  });
  co_return out;
}

sdk::Task<Result<HelperLine>> find_helper(HomeAssistant& self, sdk::Call& call, std::string type, std::string given) {
  auto listing = list_of(self, call, type);
  Result<std::vector<HelperLine>> all = co_await std::move(listing);
  if (!all) co_return all.error();
  for (auto& one : *all)
    if (one.id == given || one.entity_id == given) co_return std::move(one);
  std::vector<std::string_view> names;
  for (auto const& one : *all) names.emplace_back(one.id);
  bool const in_yaml = self.mirror().state(given) != nullptr || self.mirror().state(type + "." + given) != nullptr;
  co_return Error{in_yaml ? Code::unsupported : Code::not_found,
                  in_yaml ? fmt::format("{} is written in YAML, so it can only be changed there", given)
                          : fmt::format("no {} \"{}\"; {}", type, given, did_you_mean(given, names)),
                  "/id"};
}

Tool<ListHelpersResult> list_helpers(HomeAssistant& self, sdk::Call& call, ListHelpersArgs args) {
  sdk::Answer<ListHelpersResult> out;
  for (auto const type : helper_types) {
    if (args.type && *args.type != type) continue;
    auto listing = list_of(self, call, std::string{type});
    Result<std::vector<HelperLine>> some = co_await std::move(listing);
    if (!some) co_return some.error();
    for (auto& one : *some) out.data.helpers.push_back(std::move(one));
  }
  out.data.count = out.data.helpers.size();
  out.message = "Found " + plural(out.data.count, "helper");
  co_return out;
}

// Home Assistant replaces a helper's settings as a whole, so what is not given is taken from those there are.
Result<std::string> settings_of(SetHelperArgs const& args, std::string const& before) {
  json::Document out;
  out.SetObject();
  auto& allocator = out.GetAllocator();
  auto take = [&](std::string const& text) -> Result<void> {
    if (text == "null") return {};
    auto parsed = json::parse(text, json::upstream_limits);
    if (!parsed) return parsed.error();
    for (auto const& member : parsed->document.GetObject()) {
      auto const key = json::text_of(member.name);
      if (key != "id") member_of(out, key, allocator).CopyFrom(member.value, allocator);
    }
    return {};
  };
  if (auto done = take(before); !done) return done.error();
  if (auto done = take(args.config.text); !done) return done.error();
  if (args.name) member_of(out, "name", allocator) = text_value(*args.name, allocator);
  if (json::find(out, "type") != nullptr)
    return Error{Code::invalid_argument, "is no setting of a helper", "/config/type"};
  return json::to_text(out);
}

Tool<HelperWritten> set_helper(HomeAssistant& self, sdk::Call& call, SetHelperArgs args) {
  sdk::Answer<HelperWritten> out;
  out.data.created = !args.id;
  Command command{args.type + (args.id ? "/update" : "/create")};
  if (args.id) {
    auto finding = find_helper(self, call, args.type, *args.id);
    Result<HelperLine> found = co_await std::move(finding);
    if (!found) co_return found.error();
    command = std::move(command).text(args.type + "_id", found->id);
    out.data.previous = std::move(found->config);
  }
  auto settings = settings_of(args, out.data.previous.text);
  if (!settings) co_return settings.error();
  raw::each_member(*settings, [&](std::string_view key, std::string_view value) {
    command = std::move(command).raw(raw::text(key), value);
  });
  auto asking = self.session().command(call, std::move(command));
  Result<Frame> written = co_await std::move(asking);
  if (!written) {
    auto error = written.error();
    if (error.code == Code::invalid_argument) error.pointer = "/config";
    co_return error;
  }
  out.data.type = args.type;
  out.data.config.text = written->result();
  out.data.id = raw::text(raw::member(written->result(), "id"));
  out.data.name = raw::text(raw::member(written->result(), "name"));
  auto listing = self.session().command(call, Command{"config/entity_registry/list"});
  Result<Frame> entries = co_await std::move(listing);
  if (!entries) co_return entries.error();
  raw::each_item(entries->result(), [&](std::string_view entry) {
    auto const entity_id = raw::text(raw::member(entry, "entity_id"));
    if (domain_of(entity_id) == args.type && raw::text(raw::member(entry, "unique_id")) == out.data.id)
      out.data.entity_id = entity_id;
  });
  out.message = fmt::format("{} the {} \"{}\"", out.data.created ? "Made" : "Changed", args.type, out.data.name);
  co_return out;
}

Tool<HelperRemoved> remove_helper(HomeAssistant& self, sdk::Call& call, RemoveHelperArgs args) {
  if (auto sure = check_confirmed(args.confirm, "this removes the helper"); !sure) co_return sure.error();
  auto finding = find_helper(self, call, args.type, args.id);
  Result<HelperLine> found = co_await std::move(finding);
  if (!found) co_return found.error();
  auto asking = self.session().command(call, Command{args.type + "/delete"}.text(args.type + "_id", found->id));
  Result<Frame> removed = co_await std::move(asking);
  if (!removed) co_return removed.error();
  sdk::Answer<HelperRemoved> out;
  out.message = fmt::format("Removed the {} \"{}\"", args.type, found->name);
  out.data.type = args.type;
  out.data.id = std::move(found->id);
  out.data.config = std::move(found->config);
  co_return out;
}

}  // namespace

void declare_helpers(sdk::Table<HomeAssistant>& table) {
  add_tool<list_helpers_op, &list_helpers>(table);
  add_tool<set_helper_op, &set_helper>(table);
  add_tool<remove_helper_op, &remove_helper>(table);
}

}  // namespace patchbay::home_assistant
