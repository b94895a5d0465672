// Areas, floors and labels: made, changed and removed.
#include <spdlog/fmt/fmt.h>

#include "plugins/home_assistant/plugin.hpp"
#include "plugins/home_assistant/raw_json.hpp"
#include "plugins/home_assistant/tool_kinds.hpp"
#include "plugins/sdk/nearest.hpp"

namespace patchbay::home_assistant {

struct SetAreaArgs {
  std::optional<std::string> area_id, name;
  std::optional<RawJson> icon, floor_id, picture;
  std::optional<std::vector<std::string>> aliases, labels;
};
struct SetFloorArgs {
  std::optional<std::string> floor_id, name;
  std::optional<RawJson> icon, level;
  std::optional<std::vector<std::string>> aliases;
};
struct SetLabelArgs {
  std::optional<std::string> label_id, name;
  std::optional<RawJson> icon, color, description;
};
struct RemovePlaceArgs {
  std::string id;
};
struct PlaceWritten {
  std::string id, name;
  bool created = false;
  RawJson record, previous;
};
struct PlaceRemoved {
  std::string id;
  bool removed = true;
  RawJson record;
};
struct PlaceList {
  std::vector<RawJson> items;
  std::uint64_t count = 0;
};

}  // namespace patchbay::home_assistant

namespace patchbay {
namespace ha = home_assistant;

template <>
struct Describe<ha::SetAreaArgs> {
  using A = ha::SetAreaArgs;
  static constexpr std::array<std::string_view, 2> required_one_of{"area_id", "name"};
  static constexpr std::tuple fields{
      field("area_id", &A::area_id, "Area to change, by id or name; absent: a new one is made")
          .nullable()
          .length(1, 255),
      field("name", &A::name, "Its name; a new one needs it").nullable().length(1, 255),
      field("icon", &A::icon, "Icon in the form prefix:name; null: none").type("string", "null"),
      field("picture", &A::picture, "Address of a picture; null: none").type("string", "null"),
      field("floor_id", &A::floor_id, "Its floor; null: none; since 2024.4").type("string", "null"),
      field("aliases", &A::aliases, "Further names; replaces those there are").length(0, 100),
      field("labels", &A::labels, "Label ids; replaces those there are; since 2024.4").length(0, 100)};
};
template <>
struct Describe<ha::SetFloorArgs> {
  using A = ha::SetFloorArgs;
  static constexpr std::array<std::string_view, 2> required_one_of{"floor_id", "name"};
  static constexpr std::tuple fields{
      field("floor_id", &A::floor_id, "Floor to change, by id or name; absent: a new one is made")
          .nullable()
          .length(1, 255),
      field("name", &A::name, "Its name; a new one needs it").nullable().length(1, 255),
      field("level", &A::level, "Its number: 0 is the ground floor; null: none").type("integer", "null"),
      field("icon", &A::icon, "Icon in the form prefix:name; null: none").type("string", "null"),
      field("aliases", &A::aliases, "Further names; replaces those there are; since 2024.4").length(0, 100)};
};
template <>
struct Describe<ha::SetLabelArgs> {
  using A = ha::SetLabelArgs;
  static constexpr std::array<std::string_view, 2> required_one_of{"label_id", "name"};
  static constexpr std::tuple fields{
      field("label_id", &A::label_id, "Label to change, by id or name; absent: a new one is made")
          .nullable()
          .length(1, 255),
      field("name", &A::name, "Its name; a new one needs it").nullable().length(1, 255),
      field("color", &A::color, "#RRGGBB, or since 2024.4 a name such as red; null: none").type("string", "null"),
      field("icon", &A::icon, "Icon in the form prefix:name; null: none").type("string", "null"),
      field("description", &A::description, "What it is for; null: nothing").type("string", "null")};
};
template <>
struct Describe<ha::RemovePlaceArgs> {
  static constexpr std::tuple fields{field("id", &ha::RemovePlaceArgs::id, "Its id or name")
                                         .alias("area_id", "floor_id", "label_id", "name")
                                         .length(1, 255)};
};
template <>
struct Describe<ha::PlaceWritten> {
  using R = ha::PlaceWritten;
  static constexpr std::tuple fields{
      field("id", &R::id, "Its id"), field("name", &R::name, "Its name"),
      field("created", &R::created, "Whether it is new"),
      field("record", &R::record, "As Home Assistant has it now").type("object"),
      field("previous", &R::previous, "As it was; null: it is new").type("object", "null")};
};
template <>
struct Describe<ha::PlaceRemoved> {
  using R = ha::PlaceRemoved;
  static constexpr std::tuple fields{field("id", &R::id, "Its id"), field("removed", &R::removed, "true"),
                                     field("record", &R::record, "As it was").type("object")};
};
template <>
struct Describe<ha::PlaceList> {
  using R = ha::PlaceList;
  static constexpr std::tuple fields{field("items", &R::items, "Records as Home Assistant has them, by id"),
                                     field("count", &R::count, "How many")};
};
}  // namespace patchbay

namespace patchbay::home_assistant {
namespace {

constexpr auto set_area_op = changing_tool<SetAreaArgs, PlaceWritten>(
    "area_registry", "set_area", "Make an area or change one; what is not given stays, null clears.",
    R"({"name":"Attic","icon":"mdi:home-roof"})");
constexpr auto remove_area_op =
    changing_tool<RemovePlaceArgs, PlaceRemoved>("area_registry", "remove_area", "Remove an area; what is in it stays.",
                                                 R"({"id":"attic"})", nullptr, "ha.write", Effect::destructive);
constexpr auto set_floor_op = changing_tool<SetFloorArgs, PlaceWritten>(
    "area_registry", "set_floor", "Make a floor or change one; what is not given stays, null clears.",
    R"({"name":"First floor","level":1})");
constexpr auto remove_floor_op =
    changing_tool<RemovePlaceArgs, PlaceRemoved>("area_registry", "remove_floor", "Remove a floor; its areas stay.",
                                                 R"({"id":"first_floor"})", nullptr, "ha.write", Effect::destructive);
constexpr auto set_label_op = changing_tool<SetLabelArgs, PlaceWritten>(
    "area_registry", "set_label", "Make a label or change one; what is not given stays, null clears.",
    R"({"name":"Needs care","color":"#ff0000"})");
constexpr auto remove_label_op =
    changing_tool<RemovePlaceArgs, PlaceRemoved>("area_registry", "remove_label", "Remove a label from everything.",
                                                 R"({"id":"needs_care"})", nullptr, "ha.write", Effect::destructive);
constexpr auto list_floors_op =
    reading_tool<Nothing, PlaceList>("area_registry", "list_floors", "List the floors of the home.", "{}");
constexpr auto list_labels_op =
    reading_tool<Nothing, PlaceList>("area_registry", "list_labels", "List the labels.", "{}");

// One of the three registries, and how its things are called.
struct PlaceKind {
  std::string word;  // area, floor, label
  std::string key() const { return word + "_id"; }
  std::string command(std::string_view verb) const { return fmt::format("config/{}_registry/{}", word, verb); }
};
struct PlaceRecord {
  std::string id, name, json;
};

sdk::Task<Result<std::vector<PlaceRecord>>> list_records(HomeAssistant& self, sdk::Call& call, PlaceKind kind) {
  auto asking = self.session().command(call, Command{kind.command("list")});
  Result<Frame> listed = co_await std::move(asking);
  if (!listed) co_return listed.error();
  std::vector<PlaceRecord> out;
  raw::each_item(listed->result(), [&](std::string_view one) {
    out.push_back({raw::text(raw::member(one, kind.key())), raw::text(raw::member(one, "name")), std::string{one}});
  });
  std::sort(out.begin(), out.end(), [](auto const& a, auto const& b) { return a.id < b.id; });
  co_return out;
}

// By id, then by name. Errors: not_found with the nearest.
sdk::Task<Result<PlaceRecord>> find_record(HomeAssistant& self, sdk::Call& call, PlaceKind kind, std::string given,
                                           std::string pointer) {
  auto listing = list_records(self, call, kind);
  Result<std::vector<PlaceRecord>> all = co_await std::move(listing);
  if (!all) co_return all.error();
  for (auto& one : *all)
    if (one.id == given) co_return std::move(one);
  for (auto& one : *all)
    if (folded_name(one.name) == folded_name(given)) co_return std::move(one);
  std::vector<std::string_view> names;
  for (auto const& one : *all) names.emplace_back(one.name);
  co_return Error{Code::not_found, fmt::format("no {} \"{}\"; {}", kind.word, given, did_you_mean(given, names)),
                  std::move(pointer)};
}

class Members {
 public:
  template <class T>
  void set(std::string_view key, std::optional<T> const& value) {
    if (value) members_.emplace_back(key, describe::to_text(*value));
  }
  std::vector<std::pair<std::string, std::string>> const& all() const { return members_; }

 private:
  std::vector<std::pair<std::string, std::string>> members_;
};

Tool<PlaceWritten> write_place(HomeAssistant& self, sdk::Call& call, PlaceKind kind, std::optional<std::string> given,
                               Members members) {
  sdk::Answer<PlaceWritten> out;
  out.data.created = !given;
  if (given && members.all().empty())
    co_return Error{Code::invalid_argument, "nothing to change was given; a field is cleared by giving it as null"};
  Command command{kind.command(given ? "update" : "create")};
  if (given) {
    auto finding = find_record(self, call, kind, *given, "/" + kind.key());
    Result<PlaceRecord> found = co_await std::move(finding);
    if (!found) co_return found.error();
    command = std::move(command).text(kind.key(), found->id);
    out.data.previous.text = std::move(found->json);
  }
  for (auto const& [key, value] : members.all()) command = std::move(command).raw(key, value);
  auto asking = self.session().command(call, std::move(command));
  Result<Frame> written = co_await std::move(asking);
  if (!written) co_return written.error();
  out.data.record.text = written->result();
  out.data.id = raw::text(raw::member(written->result(), kind.key()));
  out.data.name = raw::text(raw::member(written->result(), "name"));
  out.message = fmt::format("{} the {} \"{}\"", out.data.created ? "Made" : "Changed", kind.word, out.data.name);
  co_return out;
}

Error needs_newer(std::string_view what, std::string_view pointer) {
  return Error{Code::unsupported,
               fmt::format("this version of Home Assistant has no {} here: they came with 2024.4", what),
               std::string{pointer}};
}

Tool<PlaceWritten> set_area(HomeAssistant& self, sdk::Call& call, SetAreaArgs args) {
  auto opening = self.session().ready(&call);
  Result<std::string> connected = co_await std::move(opening);
  if (!connected) co_return connected.error();
  bool const old = self.session().features().version < Version{2024, 4};
  if (old && args.floor_id) co_return needs_newer("floors of areas", "/floor_id");
  if (old && args.labels) co_return needs_newer("labels", "/labels");
  Members members;
  members.set("name", args.name);
  members.set("icon", args.icon);
  members.set("picture", args.picture);
  members.set("floor_id", args.floor_id);
  members.set("aliases", args.aliases);
  members.set("labels", args.labels);
  auto writing = write_place(self, call, PlaceKind{"area"}, std::move(args.area_id), std::move(members));
  Result<sdk::Answer<PlaceWritten>> written = co_await std::move(writing);
  co_return written;
}

Tool<PlaceWritten> set_floor(HomeAssistant& self, sdk::Call& call, SetFloorArgs args) {
  auto opening = self.session().ready(&call);
  Result<std::string> connected = co_await std::move(opening);
  if (!connected) co_return connected.error();
  if (args.aliases && self.session().features().version < Version{2024, 4})
    co_return needs_newer("aliases of floors", "/aliases");
  Members members;
  members.set("name", args.name);
  members.set("level", args.level);
  members.set("icon", args.icon);
  members.set("aliases", args.aliases);
  auto writing = write_place(self, call, PlaceKind{"floor"}, std::move(args.floor_id), std::move(members));
  Result<sdk::Answer<PlaceWritten>> written = co_await std::move(writing);
  co_return written;
}

Tool<PlaceWritten> set_label(HomeAssistant& self, sdk::Call& call, SetLabelArgs args) {
  Members members;
  members.set("name", args.name);
  members.set("color", args.color);
  members.set("icon", args.icon);
  members.set("description", args.description);
  auto writing = write_place(self, call, PlaceKind{"label"}, std::move(args.label_id), std::move(members));
  Result<sdk::Answer<PlaceWritten>> written = co_await std::move(writing);
  co_return written;
}

Tool<PlaceRemoved> remove_place(HomeAssistant& self, sdk::Call& call, PlaceKind kind, std::string given) {
  auto finding = find_record(self, call, kind, given, "/id");
  Result<PlaceRecord> found = co_await std::move(finding);
  if (!found) co_return found.error();
  auto asking = self.session().command(call, Command{kind.command("delete")}.text(kind.key(), found->id));
  Result<Frame> removed = co_await std::move(asking);
  if (!removed) co_return removed.error();
  sdk::Answer<PlaceRemoved> out;
  out.message = fmt::format("Removed the {} \"{}\"", kind.word, found->name);
  out.data.id = std::move(found->id);
  out.data.record.text = std::move(found->json);
  co_return out;
}
Tool<PlaceRemoved> remove_area(HomeAssistant& self, sdk::Call& call, RemovePlaceArgs args) {
  return remove_place(self, call, PlaceKind{"area"}, std::move(args.id));
}
Tool<PlaceRemoved> remove_floor(HomeAssistant& self, sdk::Call& call, RemovePlaceArgs args) {
  return remove_place(self, call, PlaceKind{"floor"}, std::move(args.id));
}
Tool<PlaceRemoved> remove_label(HomeAssistant& self, sdk::Call& call, RemovePlaceArgs args) {
  return remove_place(self, call, PlaceKind{"label"}, std::move(args.id));
}

Tool<PlaceList> list_places(HomeAssistant& self, sdk::Call& call, PlaceKind kind) {
  auto listing = list_records(self, call, kind);
  Result<std::vector<PlaceRecord>> all = co_await std::move(listing);
  if (!all) co_return all.error();
  sdk::Answer<PlaceList> out;
  for (auto& one : *all) out.data.items.push_back(RawJson{std::move(one.json)});
  out.data.count = out.data.items.size();
  out.message = "Found " + plural(out.data.count, kind.word);
  co_return out;
}
Tool<PlaceList> list_floors(HomeAssistant& self, sdk::Call& call, Nothing) {
  return list_places(self, call, PlaceKind{"floor"});
}
Tool<PlaceList> list_labels(HomeAssistant& self, sdk::Call& call, Nothing) {
  return list_places(self, call, PlaceKind{"label"});
}

}  // namespace

void declare_places(sdk::Table<HomeAssistant>& table) {
  add_tool<set_area_op, &set_area>(table);
  add_tool<remove_area_op, &remove_area>(table);
  add_tool<set_floor_op, &set_floor>(table);
  add_tool<remove_floor_op, &remove_floor>(table);
  add_tool<set_label_op, &set_label>(table);
  add_tool<remove_label_op, &remove_label>(table);
  add_tool<list_floors_op, &list_floors>(table);
  add_tool<list_labels_op, &list_labels>(table);
}

}  // namespace patchbay::home_assistant
