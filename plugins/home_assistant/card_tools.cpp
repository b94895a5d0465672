// Category dashboards: adding or replacing one card of a view.
#include <spdlog/fmt/fmt.h>

#include "plugins/home_assistant/card_arguments.hpp"
#include "plugins/home_assistant/card_resources.hpp"
#include "plugins/home_assistant/cards.hpp"
#include "plugins/home_assistant/yaml_card.hpp"

namespace patchbay::home_assistant {
namespace {

template <class A, class R>
constexpr auto card_op(char const* name, char const* summary, char const* example) {
  return dashboard_change<A, R>(name, summary, example, Effect::write);
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
  auto warning = missing_card_warnings(self, call, placed.type);
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
  add_tool<button_op, &create_button>(table);
  add_tool<mushroom_op, &create_mushroom>(table);
  add_tool<graph_op, &create_mini_graph>(table);
  add_tool<custom_op, &create_custom>(table);
  add_tool<manual_create_op, &manual_create>(table);
  add_tool<manual_edit_op, &manual_edit>(table);
}

}  // namespace patchbay::home_assistant
