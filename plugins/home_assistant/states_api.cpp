// States from the mirror: ha_get_entity_state, ha_get_device_state, ha_list_entities, ha_get_states.
#include <spdlog/fmt/fmt.h>

#include "plugins/home_assistant/plugin.hpp"
#include "plugins/home_assistant/raw_json.hpp"
#include "plugins/home_assistant/state_answers.hpp"
#include "plugins/home_assistant/text.hpp"

namespace patchbay::home_assistant {

struct EntityStateArgs {
  RawJson entity_id;
  std::optional<std::vector<std::string>> fields;
};
struct EntityStateResult {
  std::optional<std::string> entity_id, state;
  std::optional<RawJson> attributes;
  std::optional<std::string> last_changed, last_updated, last_reported;
  std::optional<RawJson> context;
  std::optional<std::vector<RawJson>> states;
  std::optional<std::uint64_t> count, mirror_age_ms;
};
struct ListEntitiesArgs {
  std::optional<std::string> domain, area, search;
  std::optional<std::int64_t> limit;
  std::optional<std::string> cursor;
  std::optional<std::vector<std::string>> fields;
  bool summary = false;
};
struct EntityLine {
  std::optional<std::string> entity_id, state, friendly_name;
};
struct ListEntitiesResult {
  std::optional<std::vector<RawJson>> entities;
  std::uint64_t count = 0, total = 0;
  std::optional<std::map<std::string, std::uint64_t>> domains;
  std::optional<std::string> next_cursor;
  std::optional<std::uint64_t> mirror_age_ms;
};
struct GetStatesArgs {
  std::optional<std::string> domain, area;
  std::optional<std::int64_t> limit;
  std::int64_t offset = 0;
  std::optional<std::string> cursor;
  std::optional<std::vector<std::string>> fields;
  bool summary = false;
};
struct GetStatesResult {
  std::optional<std::vector<RawJson>> states;
  std::uint64_t count = 0, total = 0;
  std::optional<std::map<std::string, std::uint64_t>> domains;
  std::optional<std::string> next_cursor;
  std::optional<std::uint64_t> mirror_age_ms;
};

}  // namespace patchbay::home_assistant

namespace patchbay {
namespace ha = home_assistant;

inline constexpr auto age_text = "How old this is in milliseconds; only while Home Assistant does not answer";

template <>
struct Describe<ha::EntityStateArgs> {
  using A = ha::EntityStateArgs;
  static constexpr std::tuple fields{
      field("entity_id", &A::entity_id, "Entity id, such as light.bed_light, or a list of up to 500")
          .type("string", "array"),
      field("fields", &A::fields, "Members to return, such as state or attributes.brightness; absent: all")
          .nullable()
          .length(1, 50)};
};
template <>
struct Describe<ha::EntityStateResult> {
  using R = ha::EntityStateResult;
  static constexpr std::tuple fields{
      field("entity_id", &R::entity_id, "The entity"),
      field("state", &R::state, "Its state"),
      field("attributes", &R::attributes, "Its attributes").type("object"),
      field("last_changed", &R::last_changed, "When the state last changed"),
      field("last_updated", &R::last_updated, "When state or attributes last changed"),
      field("last_reported", &R::last_reported, "When it was last written, where Home Assistant tells"),
      field("context", &R::context, "What changed it").type("object", "null"),
      field("states", &R::states, "For a list of ids: such objects, in its order"),
      field("count", &R::count, "For a list of ids: how many"),
      field("mirror_age_ms", &R::mirror_age_ms, age_text)};
};
template <>
struct Describe<ha::ListEntitiesArgs> {
  using A = ha::ListEntitiesArgs;
  static constexpr std::tuple fields{
      field("domain", &A::domain, "Keep only this domain, such as light; also several with commas")
          .nullable()
          .length(0, 256),
      field("area", &A::area, "Keep only entities in this area (name or id)").nullable().length(0, 255),
      field("search", &A::search, "Keep only entities whose id or name has this in it").nullable().length(0, 255),
      field("limit", &A::limit, "Greatest number of entities to return; absent: what fits into 32 KB")
          .nullable()
          .range(1, 10'000),
      field("cursor", &A::cursor, "next_cursor of the page before").nullable().length(0, 255),
      field("fields", &A::fields,
            "What to return of each: entity_id, state, friendly_name, domain, area, last_changed, device_class, unit; "
            "absent: the first three")
          .nullable()
          .length(1, 8),
      field("summary", &A::summary, "Only how many there are of each domain").nullable()};
};
template <>
struct Describe<ha::ListEntitiesResult> {
  using R = ha::ListEntitiesResult;
  static constexpr std::tuple fields{
      field("entities", &R::entities, "By entity id: {entity_id, state, friendly_name} or the fields asked for"),
      field("count", &R::count, "How many are here"),
      field("total", &R::total, "How many there are in all"),
      field("domains", &R::domains, "With summary: how many of each domain"),
      field("next_cursor", &R::next_cursor, "For the next page; absent on the last"),
      field("mirror_age_ms", &R::mirror_age_ms, age_text)};
};
template <>
struct Describe<ha::GetStatesArgs> {
  using A = ha::GetStatesArgs;
  static constexpr std::tuple fields{
      field("domain", &A::domain, "Keep only this domain, such as light; also several with commas")
          .nullable()
          .length(0, 256),
      field("area", &A::area, "Keep only entities in this area (name or id)").nullable().length(0, 255),
      field("limit", &A::limit, "Greatest number of states to return; absent: what fits into 256 KB")
          .nullable()
          .range(0, 1'000'000),
      field("offset", &A::offset, "How many to leave out first").nullable().range(0, 1'000'000),
      field("cursor", &A::cursor, "next_cursor of the page before").nullable().length(0, 255),
      field("fields", &A::fields,
            "Members of each state to return, such as entity_id, state or attributes.brightness; absent: all")
          .nullable()
          .length(1, 50),
      field("summary", &A::summary, "Only how many there are of each domain").nullable()};
};
template <>
struct Describe<ha::GetStatesResult> {
  using R = ha::GetStatesResult;
  static constexpr std::tuple fields{
      field("states", &R::states, "State objects as Home Assistant gives them, by entity id"),
      field("count", &R::count, "How many are here"),
      field("total", &R::total, "How many there are in all"),
      field("domains", &R::domains, "With summary: how many of each domain"),
      field("next_cursor", &R::next_cursor, "For the next page; absent on the last"),
      field("mirror_age_ms", &R::mirror_age_ms, age_text)};
};
}  // namespace patchbay

namespace patchbay::home_assistant {
namespace {

constexpr std::size_t small_page = 32 * 1024, large_page = 256 * 1024;

template <class A, class R>
constexpr sdk::Operation<A, R> read_op(char const* name, char const* summary, char const* category,
                                       char const* example) {
  return {.name = name,
          .summary = summary,
          .scope = "ha.read",
          .category = category,
          .errors = upstream_errors,
          .example = example,
          .reaches_out = true};
}
constexpr auto entity_state_op = read_op<EntityStateArgs, EntityStateResult>(
    "get_entity_state", "Return state and attributes of one entity, or of several.", "core_api",
    R"({"entity_id":"light.bed_light"})");
constexpr auto device_state_op = read_op<EntityStateArgs, EntityStateResult>(
    "get_device_state", "Return the full state object of one entity, or of several.", "discovery",
    R"({"entity_id":"light.bed_light"})");
constexpr auto list_entities_op = read_op<ListEntitiesArgs, ListEntitiesResult>(
    "list_entities", "List entities with state and name, by domain, area or a part of the name.", "core_api",
    R"({"domain":"light"})");
constexpr auto get_states_op = read_op<GetStatesArgs, GetStatesResult>(
    "get_states", "Return full state objects of all entities, of one domain or of one area.", "discovery",
    R"({"domain":"light","fields":["entity_id","state"]})");

using Ids = std::vector<std::string>;

// A text or a list of texts.
Result<Ids> ids_of(RawJson const& given) {
  Ids ids;
  bool wrong = false;
  auto const take = [&](std::string_view value) {
    if (!value.starts_with('"')) wrong = true;
    ids.push_back(raw::text(value));
  };
  if (raw::trimmed(given.text).starts_with('['))
    raw::each_item(given.text, take);
  else
    take(raw::trimmed(given.text));
  if (ids.empty() || ids.size() > 500)
    return Error{Code::invalid_argument, "takes an entity id or a list of 1 to 500 of them", "/entity_id"};
  for (auto const& id : ids)
    if (wrong || !is_entity_id(id))
      return Error{Code::invalid_argument, "not an entity id: it has the form domain.name, such as light.bed_light",
                   "/entity_id"};
  return ids;
}

sdk::Task<Result<sdk::Raw>> get_entity_state(HomeAssistant& self, sdk::Call& call, EntityStateArgs args) {
  auto ids = ids_of(args.entity_id);
  if (!ids) co_return ids.error();
  auto filling = self.mirror().ready(call);
  Result<void> filled = co_await std::move(filling);
  if (!filled) co_return filled.error();
  auto const& mirror = self.mirror();
  auto const access = self.access(call);
  bool const several = raw::trimmed(args.entity_id.text).starts_with('[');
  auto const fields = args.fields.value_or(Ids{});
  sdk::Raw out;
  auto& text = out.data.text;
  text = several ? "{\"states\":[" : "";
  for (std::size_t i = 0; i < ids->size(); ++i) {
    auto const& id = (*ids)[i];
    auto const* one = mirror.state(id);
    if (one == nullptr) {
      auto const pointer = several ? fmt::format("/entity_id/{}", i) : std::string{"/entity_id"};
      co_return mirror.unknown(id, pointer, [&](std::string_view near) { return access.sees(near); });
    }
    if (i > 0) text += ',';
    text += access.cleaned(picked(one->json, fields));
    out.message = fmt::format("{} is {}{}", id, one->state, age_note(mirror));
  }
  if (several) {
    text += fmt::format("],\"count\":{}}}", ids->size());
    out.message = fmt::format("{} states{}", ids->size(), age_note(mirror));
  }
  if (auto const age = age_member(mirror); !age.empty())
    text.insert(text.size() - 1, text == "{}" ? std::string_view{age}.substr(1) : std::string_view{age});
  co_return out;
}

struct Choice {
  std::vector<EntityState const*> states;
  std::string cursor;
};

Result<Choice> choose(HomeAssistant& self, sdk::Call& call, std::optional<std::string> const& domain,
                      std::optional<std::string> const& area, std::string search,
                      std::optional<std::string> const& cursor) {
  auto const access = self.access(call);
  EntityFilter filter{domain.value_or(""), {}, std::move(search)};
  if (area && !area->empty()) {
    auto named = area_named(self.mirror(), access, *area, "/area");
    if (!named) return named.error();
    filter.area_id = (*named)->area_id;
  }
  return Choice{found(self.mirror(), access, filter), cursor.value_or("")};
}

// Most texts have nothing to escape.
std::string as_text(std::string_view text) {
  bool const plain = std::none_of(text.begin(), text.end(),
                                  [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\'; });
  if (!plain) return json::quoted(text);
  std::string out;
  out.reserve(text.size() + 2);
  return out.append("\"").append(text).append("\"");
}

std::string line_of(Mirror const& mirror, EntityState const& one, Ids const& fields) {
  std::string out = "{";
  for (auto const& field : fields) {
    std::string value;
    if (field == "entity_id") value = as_text(one.entity_id);
    if (field == "state") value = as_text(one.state);
    if (field == "friendly_name") value = as_text(one.name);
    if (field == "domain") value = json::quoted(one.domain());
    if (field == "area") {
      auto const* area = mirror.registry().area_of(one.entity_id);
      value = area == nullptr ? "null" : json::quoted(area->name);
    }
    if (field == "last_changed") value = raw::member(one.json, "last_changed");
    if (field == "device_class") value = one.attribute("device_class");
    if (field == "unit") value = one.attribute("unit_of_measurement");
    if (value.empty()) continue;
    if (out.size() > 1) out += ',';
    out.append("\"").append(field).append("\":").append(value);
  }
  return out + "}";
}

sdk::Task<Result<sdk::Raw>> list_entities(HomeAssistant& self, sdk::Call& call, ListEntitiesArgs args) {
  static Ids const usual{"entity_id", "state", "friendly_name"};
  static Ids const known{"entity_id", "state",        "friendly_name", "domain",
                         "area",      "last_changed", "device_class",  "unit"};
  auto const& fields = args.fields ? *args.fields : usual;
  for (auto const& field : fields)
    if (std::find(known.begin(), known.end(), field) == known.end())
      co_return Error{Code::invalid_argument,
                      fmt::format("there is no field {}; there are entity_id, state, friendly_name, domain, area, "
                                  "last_changed, device_class and unit",
                                  field),
                      "/fields"};
  auto filling = self.mirror().ready(call);
  Result<void> filled = co_await std::move(filling);
  if (!filled) co_return filled.error();
  auto chosen = choose(self, call, args.domain, args.area, args.search.value_or(""), args.cursor);
  if (!chosen) co_return chosen.error();
  auto const& mirror = self.mirror();
  auto const total = chosen->states.size();
  sdk::Raw out;
  auto& text = out.data.text;
  out.message = fmt::format("Found {} entit{}{}", total, total == 1 ? "y" : "ies", age_note(mirror));
  if (args.summary) {
    text = fmt::format("{{\"count\":0,\"total\":{},\"domains\":{}{}}}", total, domain_counts(chosen->states),
                       age_member(mirror));
    co_return out;
  }
  text = "{\"entities\":[";
  std::size_t count = 0;
  std::string_view last;
  bool more = false;
  for (auto const* one : chosen->states) {
    if (!chosen->cursor.empty() && one->entity_id <= chosen->cursor) continue;
    auto const line = line_of(mirror, *one, fields);
    more = args.limit ? count == static_cast<std::size_t>(*args.limit) : text.size() + line.size() > small_page;
    if (more) break;
    if (count++ > 0) text += ',';
    text += line;
    last = one->entity_id;
  }
  text += fmt::format("],\"count\":{},\"total\":{}", count, total);
  if (more) text += ",\"next_cursor\":" + json::quoted(last);
  text += age_member(mirror) + "}";
  co_return out;
}

sdk::Task<Result<sdk::Raw>> get_states(HomeAssistant& self, sdk::Call& call, GetStatesArgs args) {
  auto filling = self.mirror().ready(call);
  Result<void> filled = co_await std::move(filling);
  if (!filled) co_return filled.error();
  auto chosen = choose(self, call, args.domain, args.area, {}, args.cursor);
  if (!chosen) co_return chosen.error();
  auto const& mirror = self.mirror();
  auto const access = self.access(call);
  auto const total = chosen->states.size();
  sdk::Raw out;
  auto& text = out.data.text;
  if (args.summary) {
    text = fmt::format("{{\"count\":0,\"total\":{},\"domains\":{}{}}}", total, domain_counts(chosen->states),
                       age_member(mirror));
    out.message = fmt::format("There are {} states{}", total, age_note(mirror));
    co_return out;
  }
  auto const fields = args.fields.value_or(Ids{});
  text = "{\"states\":[";
  std::size_t skip = static_cast<std::size_t>(args.offset), count = 0;
  std::string_view last;
  bool more = false;
  for (auto const* one : chosen->states) {
    if (!chosen->cursor.empty() && one->entity_id <= chosen->cursor) continue;
    if (skip > 0) {
      --skip;
      continue;
    }
    if (args.limit && count == static_cast<std::size_t>(*args.limit)) {
      more = count > 0;
      break;
    }
    auto const state = access.cleaned(picked(one->json, fields));
    more = !args.limit && count > 0 && text.size() + state.size() > large_page;
    if (more) break;
    if (count++ > 0) text += ',';
    text += state;
    last = one->entity_id;
  }
  text += fmt::format("],\"count\":{},\"total\":{}", count, total);
  if (more) text += ",\"next_cursor\":" + json::quoted(last);
  text += age_member(mirror) + "}";
  out.message = fmt::format("Found {} state{}{}", count, count == 1 ? "" : "s", age_note(mirror));
  co_return out;
}

}  // namespace

void declare_states_api(sdk::Table<HomeAssistant>& table) {
  add_tool<entity_state_op, &get_entity_state, Reach::entities>(table);
  add_tool<device_state_op, &get_entity_state, Reach::entities>(table);
  add_tool<list_entities_op, &list_entities, Reach::filtered>(table);
  add_tool<get_states_op, &get_states, Reach::filtered>(table);
}

}  // namespace patchbay::home_assistant
