// Category dashboards: resources that bring custom cards, and adding or replacing one card of a view.
#include <spdlog/fmt/fmt.h>

#include "plugins/home_assistant/cards.hpp"
#include "plugins/home_assistant/plugin.hpp"
#include "plugins/home_assistant/raw_json.hpp"
#include "plugins/home_assistant/yaml_card.hpp"

namespace patchbay::home_assistant {

struct CardResource {
  std::string name;
  std::string url;
  std::string type;
  std::string id;
  std::string origin;
  bool from_hacs = false;
  std::optional<std::string> repository;
  std::optional<std::string> installed_version, available_version;
};
struct HacsCardsResult {
  std::vector<CardResource> cards;
  std::uint64_t count = 0;
  RawJson installed_resources{"[]"};
  std::string source{websocket_source};
};

struct CardTarget {
  std::optional<std::string> dashboard_id;
  std::int64_t view_index = 0;
  std::int64_t section_index = 0;
  std::optional<std::string> expected_hash;
};
struct ButtonCardArgs : CardTarget {
  std::string entity_id;
  std::optional<std::string> name, icon;
};
struct MushroomCardArgs : CardTarget {
  std::string card_type;
  std::string entity_id;
  std::optional<std::string> name;
};
struct MiniGraphCardArgs : CardTarget {
  std::vector<std::string> entities;
  std::optional<std::string> name;
  std::int64_t hours_to_show = 25;
};
struct CustomCardArgs : CardTarget {
  RawJson card_config;
};
struct ManualCreateArgs : CardTarget {
  std::string card_yaml;
  std::optional<std::int64_t> position;
};
struct ManualEditArgs : CardTarget {
  std::int64_t card_index = 0;
  std::string card_yaml;
};
// Of every tool that adds or replaces a card.
struct CardResult {
  std::string dashboard_id, url_path;
  std::int64_t view_index = 0;
  std::optional<std::uint64_t> section_index;
  std::uint64_t card_index = 0;
  std::uint64_t total_cards_in_view = 0;
  std::vector<std::string> warnings;
  RawJson previous_hash;
  std::string hash;
  std::optional<std::string> previous_version;
  std::string source{websocket_source};
};
struct AddedResult : CardResult {
  RawJson card;
  bool created = true;
};
struct ManualAddedResult : CardResult {
  RawJson card_config;
  bool created = true;
};
struct ReplacedResult : CardResult {
  RawJson old_card, new_card;
  bool updated = true;
};

}  // namespace patchbay::home_assistant

namespace patchbay {
namespace ha = home_assistant;

template <>
struct Describe<ha::CardResource> {
  using R = ha::CardResource;
  static constexpr std::tuple fields{
      field("name", &R::name, "Name of the card, from its file"),
      field("url", &R::url, "Where the file is"),
      field("type", &R::type, "module, js, css or html"),
      field("id", &R::id, "Id of the resource"),
      field("origin", &R::origin, "hacs, marketplace or manual"),
      field("from_hacs", &R::from_hacs, "Whether it was installed by HACS or by the Marketplace that took its place"),
      field("repository", &R::repository, "Its folder there"),
      field("installed_version", &R::installed_version, "Installed version, where known"),
      field("available_version", &R::available_version, "Newest version, where known")};
};
template <>
struct Describe<ha::HacsCardsResult> {
  using R = ha::HacsCardsResult;
  static constexpr std::tuple fields{
      field("cards", &R::cards, "Each dashboard resource, marked by where it comes from"),
      field("count", &R::count, "How many"),
      field("installed_resources", &R::installed_resources, "The resources as Home Assistant lists them").type("array"),
      field("source", &R::source, "Where it was asked")};
};

template <class A>
constexpr auto card_place() {
  return std::tuple{field("dashboard_id", static_cast<std::optional<std::string> A::*>(&ha::CardTarget::dashboard_id),
                          "Dashboard; absent, null, \"\" and \"lovelace\" mean the default one")
                        .nullable()
                        .alias("url_path")
                        .length(0, 255),
                    field("section_index", static_cast<std::int64_t A::*>(&ha::CardTarget::section_index),
                          "Section number from 0, in a view of type sections")
                        .nullable()
                        .range(0, 10'000),
                    field("expected_hash", static_cast<std::optional<std::string> A::*>(&ha::CardTarget::expected_hash),
                          "Refuse with conflict unless this is the hash of what is stored now")
                        .nullable()
                        .length(0, 255)};
}
template <class A>
constexpr auto view_index() {
  return field("view_index", static_cast<std::int64_t A::*>(&ha::CardTarget::view_index), "View number from 0")
      .range(0, 10'000);
}
template <>
struct Describe<ha::ButtonCardArgs> {
  using A = ha::ButtonCardArgs;
  static constexpr auto fields = std::tuple_cat(
      card_place<A>(),
      std::tuple{view_index<A>().nullable(), field("entity_id", &A::entity_id, "Entity of the card").length(3, 255),
                 field("name", &A::name, "Title; the entity id when absent").nullable(),
                 field("icon", &A::icon, "Icon; mdi:lightbulb when absent").nullable()});
};
template <>
struct Describe<ha::MushroomCardArgs> {
  using A = ha::MushroomCardArgs;
  static constexpr auto fields = std::tuple_cat(
      card_place<A>(), std::tuple{view_index<A>().nullable(),
                                  field("card_type", &A::card_type, "Kind of card: becomes custom:mushroom-<kind>-card")
                                      .length(1, 64)
                                      .suggests("alarm-control-panel", "chips", "climate", "cover", "empty", "entity",
                                                "fan", "humidifier", "light", "lock", "media-player", "number",
                                                "person", "select", "template", "title", "update", "vacuum"),
                                  field("entity_id", &A::entity_id, "Entity of the card").length(3, 255),
                                  field("name", &A::name, "Title; the entity id when absent").nullable()});
};
template <>
struct Describe<ha::MiniGraphCardArgs> {
  using A = ha::MiniGraphCardArgs;
  static constexpr auto fields = std::tuple_cat(
      card_place<A>(),
      std::tuple{view_index<A>().nullable(), field("entities", &A::entities, "Sensors to draw").length(1, 100),
                 field("name", &A::name, "Title").nullable(),
                 field("hours_to_show", &A::hours_to_show, "Hours of history").nullable().range(1, 8760)});
};
template <>
struct Describe<ha::CustomCardArgs> {
  using A = ha::CustomCardArgs;
  static constexpr auto fields =
      std::tuple_cat(card_place<A>(),
                     std::tuple{view_index<A>().nullable(),
                                field("card_config", &A::card_config, "The card, with at least type").type("object")});
};
template <>
struct Describe<ha::ManualCreateArgs> {
  using A = ha::ManualCreateArgs;
  static constexpr auto fields = std::tuple_cat(
      card_place<A>(),
      std::tuple{view_index<A>(),
                 field("card_yaml", &A::card_yaml, "The card as YAML, with at least type").length(1, 262'144),
                 field("position", &A::position, "Place from 0; at the end when absent").nullable().range(0, 100'000)});
};
template <>
struct Describe<ha::ManualEditArgs> {
  using A = ha::ManualEditArgs;
  static constexpr auto fields = std::tuple_cat(
      card_place<A>(),
      std::tuple{view_index<A>(),
                 field("card_index", &A::card_index, "Card number from 0, in its section where there are sections")
                     .range(0, 100'000),
                 field("card_yaml", &A::card_yaml, "The new card as YAML, with at least type").length(1, 262'144)});
};

template <class R>
constexpr auto card_result() {
  return std::tuple{
      field("dashboard_id", static_cast<std::string R::*>(&ha::CardResult::dashboard_id), "The dashboard"),
      field("url_path", static_cast<std::string R::*>(&ha::CardResult::url_path), "The same"),
      field("view_index", static_cast<std::int64_t R::*>(&ha::CardResult::view_index), "The view"),
      field("section_index", static_cast<std::optional<std::uint64_t> R::*>(&ha::CardResult::section_index),
            "The section, in a view of type sections"),
      field("card_index", static_cast<std::uint64_t R::*>(&ha::CardResult::card_index), "Where the card stands"),
      field("total_cards_in_view", static_cast<std::uint64_t R::*>(&ha::CardResult::total_cards_in_view),
            "Cards of the view, all sections together"),
      field("warnings", static_cast<std::vector<std::string> R::*>(&ha::CardResult::warnings),
            "What may keep the card from showing"),
      field("previous_hash", static_cast<RawJson R::*>(&ha::CardResult::previous_hash), "Hash of what was there")
          .type("string", "null"),
      field("hash", static_cast<std::string R::*>(&ha::CardResult::hash), "Hash of what is there now"),
      field("previous_version", static_cast<std::optional<std::string> R::*>(&ha::CardResult::previous_version),
            "For ha_restore_version: what was there"),
      field("source", static_cast<std::string R::*>(&ha::CardResult::source), "Where it was asked")};
}
template <>
struct Describe<ha::AddedResult> {
  using R = ha::AddedResult;
  static constexpr auto fields =
      std::tuple_cat(card_result<R>(), std::tuple{field("card", &R::card, "The card as it was stored").type("object"),
                                                  field("created", &R::created, "true")});
};
template <>
struct Describe<ha::ManualAddedResult> {
  using R = ha::ManualAddedResult;
  static constexpr auto fields = std::tuple_cat(
      card_result<R>(), std::tuple{field("card_config", &R::card_config, "The card as it was stored").type("object"),
                                   field("created", &R::created, "true")});
};
template <>
struct Describe<ha::ReplacedResult> {
  using R = ha::ReplacedResult;
  static constexpr auto fields = std::tuple_cat(
      card_result<R>(), std::tuple{field("old_card", &R::old_card, "What stood there"),
                                   field("new_card", &R::new_card, "What stands there now").type("object"),
                                   field("updated", &R::updated, "true")});
};
}  // namespace patchbay

namespace patchbay::home_assistant {
namespace {

constexpr sdk::Operation<Nothing, HacsCardsResult> hacs_op{
    .name = "list_hacs_cards",
    .summary = "List the dashboard resources, marking those that HACS or the Marketplace installed.",
    .scope = "ha.read",
    .category = "dashboards",
    .errors = upstream_errors,
    .reaches_out = true};
template <class A, class R>
constexpr sdk::Operation<A, R> card_op(char const* name, char const* summary, char const* example) {
  return {.name = name,
          .summary = summary,
          .effect = Effect::write,
          .scope = "ha.write",
          .category = "dashboards",
          .timeout = std::chrono::seconds{20},
          .errors = write_errors,
          .example = example,
          .reaches_out = true};
}
constexpr auto button_op =
    card_op<ButtonCardArgs, AddedResult>("create_button_card", "Add a custom button-card for an entity to a view.",
                                         R"({"dashboard_id":"living-room","entity_id":"light.bed_light"})");
constexpr auto mushroom_op = card_op<MushroomCardArgs, AddedResult>(
    "create_mushroom_card", "Add a Mushroom card of a given kind to a view.",
    R"({"dashboard_id":"living-room","card_type":"light","entity_id":"light.bed_light"})");
constexpr auto graph_op = card_op<MiniGraphCardArgs, AddedResult>(
    "create_mini_graph_card", "Add a mini-graph-card for one or more sensors to a view.",
    R"({"dashboard_id":"living-room","entities":["sensor.outside_temperature"]})");
constexpr auto custom_op = card_op<CustomCardArgs, AddedResult>(
    "create_custom_card", "Add a card with any configuration to a view.",
    R"({"dashboard_id":"living-room","card_config":{"type":"markdown","content":"Hello"}})");
constexpr auto manual_create_op = card_op<ManualCreateArgs, ManualAddedResult>(
    "manual_create_custom_card", "Add a card given as YAML text at a chosen place of a view.",
    R"({"dashboard_id":"living-room","view_index":0,"card_yaml":"type: markdown\ncontent: Hello"})");
constexpr auto manual_edit_op = card_op<ManualEditArgs, ReplacedResult>(
    "manual_edit_custom_card", "Replace one card of a view by YAML text.",
    R"({"dashboard_id":"living-room","view_index":0,"card_index":0,"card_yaml":"type: markdown\ncontent: Hello"})");

sdk::Task<Result<Frame>> resources(HomeAssistant& self, sdk::Call& call) {
  return self.session().command(call, Command{"lovelace/resources"});
}

// Adds what HACS or the Marketplace know of versions; without either of them nothing happens.
sdk::Task<void> add_versions(HomeAssistant& self, sdk::Call& call, std::vector<CardResource>& cards) {
  bool any = false;
  for (auto const& card : cards) any = any || card.from_hacs;
  if (!any) co_return;
  bool const marketplace = self.session().features().marketplace();
  Command command{marketplace ? "marketplace/repositories/list" : "hacs/repositories/list"};
  command = std::move(command).raw("categories", R"(["plugin"])");
  auto asking = self.session().ask(call, std::move(command));
  Result<Frame> listed = co_await std::move(asking);
  if (!listed || !listed->success()) co_return;
  raw::each_item(listed->result(), [&](std::string_view one) {
    auto const full_name = raw::text(raw::member(one, "full_name"));
    auto const folder = full_name.substr(full_name.find('/') == std::string::npos ? 0 : full_name.find('/') + 1);
    for (auto& card : cards) {
      if (!card.repository || *card.repository != folder) continue;
      auto keep = [&](std::string_view key, std::optional<std::string>& into) {
        auto version = raw::text(raw::member(one, key));
        if (!version.empty()) into = std::move(version);
      };
      keep("installed_version", card.installed_version);
      keep("available_version", card.available_version);
    }
  });
}

Tool<HacsCardsResult> list_hacs_cards(HomeAssistant& self, sdk::Call& call, Nothing) {
  auto asking = resources(self, call);
  Result<Frame> listed = co_await std::move(asking);
  if (!listed) co_return listed.error();
  sdk::Answer<HacsCardsResult> out;
  std::size_t from_hacs = 0;
  raw::each_item(listed->result(), [&](std::string_view one) {
    CardResource card;
    card.url = raw::text(raw::member(one, "url"));
    card.type = raw::text(raw::member(one, "type"));
    card.id = raw::text(raw::member(one, "id"));
    auto origin = origin_of(card.url);
    card.name = std::move(origin.name);
    card.origin = origin.origin;
    card.from_hacs = origin.from_store();
    if (!origin.repository.empty()) card.repository = std::move(origin.repository);
    from_hacs += card.from_hacs ? 1 : 0;
    out.data.cards.push_back(std::move(card));
  });
  auto adding = add_versions(self, call, out.data.cards);
  co_await std::move(adding);
  out.data.count = out.data.cards.size();
  out.data.installed_resources.text = listed->result();
  out.message =
      fmt::format("Found {} resource{}, {} from HACS", out.data.count, out.data.count == 1 ? "" : "s", from_hacs);
  co_return out;
}

// Warns when no resource seems to bring a custom card: the dashboard would show an error in its place.
sdk::Task<std::vector<std::string>> warnings_for(HomeAssistant& self, sdk::Call& call, std::string type) {
  std::vector<std::string> out;
  if (!type.starts_with("custom:")) co_return out;
  auto asking = resources(self, call);
  Result<Frame> listed = co_await std::move(asking);
  if (!listed) co_return out;  // a warning is not worth an error
  bool found = false;
  raw::each_item(listed->result(), [&](std::string_view one) {
    found = found || brings_card(origin_of(raw::text(raw::member(one, "url"))), type);
  });
  if (!found)
    out.push_back(fmt::format(
        "no dashboard resource seems to bring {}: install it (by HACS, say), else the card shows an error", type));
  co_return out;
}

struct Placed {
  std::string card;      // as JSON
  std::string old_card;  // of a replacement
  std::string type;
};

// The one way of all tools here. `make` gives the card, with the memory of the configuration it goes into.
using MakeCard = std::function<Result<json::Value>(json::Document&)>;
sdk::Task<Result<Placed>> place_card(HomeAssistant& self, sdk::Call& call, CardTarget target, CardPlace place,
                                     bool replace, char const* tool, MakeCard make, CardResult& out) {
  json::Document trial;  // what is wrong with the card itself is said before Home Assistant is asked
  auto card = make(trial);
  if (!card) co_return card.error();
  Placed placed{json::to_text(*card), "null", std::string{json::find_text(*card, "type")}};
  auto finding = self.dashboards().find(call, std::move(target.dashboard_id));
  Result<Dashboard> found = co_await std::move(finding);
  if (!found) {
    auto error = found.error();
    if (error.pointer == "/url_path") error.pointer = "/dashboard_id";
    co_return error;
  }
  place.view = target.view_index;
  place.section = target.section_index;
  Change change{tool, std::move(target.expected_hash)};
  Dashboards::Make edit = [&](Stored& stored) -> Result<std::string> {
    if (stored.config.IsNull())
      return Error{Code::unsupported,
                   fmt::format("the dashboard \"{}\" has no saved configuration: Home Assistant generates its cards; "
                               "save views with ha_update_dashboard_config to take it over",
                               found->name())};
    auto made = make(stored.config);
    if (!made) return made.error();
    auto done = replace ? replace_card(stored.config, place, std::move(*made))
                        : insert_card(stored.config, place, std::move(*made));
    if (!done) return done.error();
    out.card_index = done->card_index;
    out.total_cards_in_view = done->total_cards;
    if (done->section_index) out.section_index = *done->section_index;
    placed.old_card = json::to_text(done->old_card);
    return json::to_text(stored.config);
  };
  auto writing = self.dashboards().write(call, *found, std::move(change), std::move(edit));
  Result<Written> written = co_await std::move(writing);
  if (!written) co_return written.error();
  out.dashboard_id = out.url_path = found->name();
  out.view_index = target.view_index;
  out.previous_hash = text_or_null(written->previous_hash);
  out.hash = written->hash;
  out.previous_version = written->version;
  auto warning = warnings_for(self, call, placed.type);
  out.warnings = co_await std::move(warning);
  co_return placed;
}

std::string sentence(char const* verb, Placed const& placed, CardResult const& result) {
  return fmt::format("{} {} as card {} of view {} of \"{}\"", verb, placed.type, result.card_index, result.view_index,
                     result.url_path);
}

Result<void> check_entity(std::string const& entity_id, std::string pointer) {
  if (is_entity_id(entity_id)) return {};
  return Error{Code::invalid_argument, "not an entity id: it has the form domain.name, such as light.bed_light",
               std::move(pointer)};
}

Tool<AddedResult> add(HomeAssistant& self, sdk::Call& call, CardTarget target, char const* tool, MakeCard make) {
  sdk::Answer<AddedResult> out;
  auto placing = place_card(self, call, std::move(target), CardPlace{}, false, tool, std::move(make), out.data);
  Result<Placed> placed = co_await std::move(placing);
  if (!placed) co_return placed.error();
  out.message = sentence("Added", *placed, out.data);
  out.data.card.text = std::move(placed->card);
  co_return out;
}

Tool<AddedResult> create_button(HomeAssistant& self, sdk::Call& call, ButtonCardArgs args) {
  CardTarget target = args;
  return add(self, call, std::move(target), "ha_create_button_card",
             [args = std::move(args)](json::Document& document) -> Result<json::Value> {
               if (auto fine = check_entity(args.entity_id, "/entity_id"); !fine) return fine.error();
               return button_card(args.entity_id, args.name, args.icon, document.GetAllocator());
             });
}

Tool<AddedResult> create_mushroom(HomeAssistant& self, sdk::Call& call, MushroomCardArgs args) {
  CardTarget target = args;
  return add(
      self, call, std::move(target), "ha_create_mushroom_card",
      [args = std::move(args)](json::Document& document) -> Result<json::Value> {
        auto const kind = mushroom_kind(args.card_type);
        for (char c : kind)
          if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'))
            return Error{Code::invalid_argument, "a kind is one word such as light or media-player", "/card_type"};
        if (auto fine = check_entity(args.entity_id, "/entity_id"); !fine) return fine.error();
        return mushroom_card(kind, args.entity_id, args.name, document.GetAllocator());
      });
}

Tool<AddedResult> create_mini_graph(HomeAssistant& self, sdk::Call& call, MiniGraphCardArgs args) {
  CardTarget target = args;
  return add(self, call, std::move(target), "ha_create_mini_graph_card",
             [args = std::move(args)](json::Document& document) -> Result<json::Value> {
               for (std::size_t i = 0; i < args.entities.size(); ++i)
                 if (auto fine = check_entity(args.entities[i], fmt::format("/entities/{}", i)); !fine)
                   return fine.error();
               return mini_graph_card(args.entities, args.name, args.hours_to_show, document.GetAllocator());
             });
}

Tool<AddedResult> create_custom(HomeAssistant& self, sdk::Call& call, CustomCardArgs args) {
  CardTarget target = args;
  return add(self, call, std::move(target), "ha_create_custom_card",
             [args = std::move(args)](json::Document& document) -> Result<json::Value> {
               auto parsed = json::parse(args.card_config.text, json::upstream_limits);
               if (!parsed) return parsed.error();
               if (auto fine = check_card(parsed->document, "/card_config"); !fine) return fine.error();
               return json::Value{parsed->document, document.GetAllocator()};
             });
}

MakeCard from_yaml(std::string yaml) {
  return [yaml = std::move(yaml)](json::Document& document) { return card_from_yaml(yaml, document.GetAllocator()); };
}

Tool<ManualAddedResult> manual_create(HomeAssistant& self, sdk::Call& call, ManualCreateArgs args) {
  sdk::Answer<ManualAddedResult> out;
  CardPlace place;
  place.position = args.position;
  CardTarget target = args;
  auto placing = place_card(self, call, std::move(target), place, false, "ha_manual_create_custom_card",
                            from_yaml(std::move(args.card_yaml)), out.data);
  Result<Placed> placed = co_await std::move(placing);
  if (!placed) co_return placed.error();
  out.message = sentence("Added", *placed, out.data);
  out.data.card_config.text = std::move(placed->card);
  co_return out;
}

Tool<ReplacedResult> manual_edit(HomeAssistant& self, sdk::Call& call, ManualEditArgs args) {
  sdk::Answer<ReplacedResult> out;
  CardPlace place;
  place.position = args.card_index;
  CardTarget target = args;
  auto placing = place_card(self, call, std::move(target), place, true, "ha_manual_edit_custom_card",
                            from_yaml(std::move(args.card_yaml)), out.data);
  Result<Placed> placed = co_await std::move(placing);
  if (!placed) co_return placed.error();
  out.message = sentence("Stored", *placed, out.data);
  out.data.new_card.text = std::move(placed->card);
  out.data.old_card.text = std::move(placed->old_card);
  co_return out;
}

}  // namespace

void declare_cards(sdk::Table<HomeAssistant>& table) {
  add_tool<hacs_op, &list_hacs_cards>(table);
  add_tool<button_op, &create_button>(table);
  add_tool<mushroom_op, &create_mushroom>(table);
  add_tool<graph_op, &create_mini_graph>(table);
  add_tool<custom_op, &create_custom>(table);
  add_tool<manual_create_op, &manual_create>(table);
  add_tool<manual_edit_op, &manual_edit>(table);
}

}  // namespace patchbay::home_assistant
