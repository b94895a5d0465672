// Category dashboards: the views of one, and how one would look with a card more.
#include <spdlog/fmt/fmt.h>

#include "plugins/home_assistant/dashboard_fields.hpp"
#include "plugins/home_assistant/plugin.hpp"
#include "plugins/home_assistant/tool_kinds.hpp"
#include "plugins/home_assistant/yaml_card.hpp"

namespace patchbay::home_assistant {

struct ListViewsArgs {
  std::optional<std::string> dashboard_id;
};
struct ViewLine {
  std::int64_t index = 0;
  std::optional<std::string> title, path, icon, type;
  std::uint64_t cards = 0;
  std::optional<std::uint64_t> sections;
};
struct ListViewsResult {
  std::string dashboard_id;
  std::vector<ViewLine> views;
  std::uint64_t count = 0;
  bool strategy = false;
  std::string hash;
};
struct PreviewArgs {
  std::optional<std::string> dashboard_id;
  std::int64_t view_index = 0;
  std::string card_yaml;
  std::optional<std::int64_t> position;
  std::int64_t section_index = 0;
  bool dry_run = false;
};
struct PreviewResult {
  std::string dashboard_id;
  std::int64_t view_index = 0;
  RawJson card;
  std::uint64_t card_index = 0, total_cards_in_view = 0;
  std::optional<std::uint64_t> section_index;
  RawJson view;
  bool saved = false;
  std::string hash;
};

}  // namespace patchbay::home_assistant

namespace patchbay {
namespace ha = home_assistant;

template <>
struct Describe<ha::ListViewsArgs> {
  static constexpr std::tuple fields{
      ha::dashboard_field("dashboard_id", &ha::ListViewsArgs::dashboard_id).alias("url_path")};
};
template <>
struct Describe<ha::ViewLine> {
  using R = ha::ViewLine;
  static constexpr std::tuple fields{
      field("index", &R::index, "For view_index"),
      field("title", &R::title, "Title"),
      field("path", &R::path, "Where it is beneath the dashboard"),
      field("icon", &R::icon, "Icon"),
      field("type", &R::type, "sections, masonry, panel or sidebar; absent: the default one"),
      field("cards", &R::cards, "Number of cards, all sections together"),
      field("sections", &R::sections, "Number of sections, in a view of that type")};
};
template <>
struct Describe<ha::ListViewsResult> {
  using R = ha::ListViewsResult;
  static constexpr std::tuple fields{
      field("dashboard_id", &R::dashboard_id, "The dashboard"), field("views", &R::views, "In their order"),
      field("count", &R::count, "How many"),
      field("strategy", &R::strategy, "Whether Home Assistant makes the views itself, so that none are stored"),
      field("hash", &R::hash, "Of the stored configuration, for expected_hash; empty: never saved")};
};
template <>
struct Describe<ha::PreviewArgs> {
  using A = ha::PreviewArgs;
  static constexpr std::tuple fields{
      ha::dashboard_field("dashboard_id", &A::dashboard_id).alias("url_path"),
      field("view_index", &A::view_index, "View number from 0").range(0, 10'000),
      field("card_yaml", &A::card_yaml, "The card as YAML, with at least type").length(1, 262'144),
      field("position", &A::position, "Place from 0; at the end when absent").nullable().range(0, 100'000),
      field("section_index", &A::section_index, "Section number from 0, in a view of type sections")
          .nullable()
          .range(0, 10'000),
      field("dry_run", &A::dry_run, "Nothing is ever saved, whatever this says").nullable()};
};
template <>
struct Describe<ha::PreviewResult> {
  using R = ha::PreviewResult;
  static constexpr std::tuple fields{
      field("dashboard_id", &R::dashboard_id, "The dashboard"),
      field("view_index", &R::view_index, "The view"),
      field("section_index", &R::section_index, "The section, in a view of type sections"),
      field("card", &R::card, "The card as it would be stored").type("object"),
      field("card_index", &R::card_index, "Where it would stand"),
      field("total_cards_in_view", &R::total_cards_in_view, "Cards of the view with it"),
      field("view", &R::view, "The view with it").type("object"),
      field("saved", &R::saved, "false"),
      field("hash", &R::hash, "Of what is stored, for expected_hash of ha_manual_create_custom_card")};
};
}  // namespace patchbay

namespace patchbay::home_assistant {
namespace {

constexpr auto views_op = reading_tool<ListViewsArgs, ListViewsResult>(
    "dashboards", "list_dashboard_views", "List the views of a dashboard with title, path, icon and number of cards.",
    R"({"dashboard_id":"living-room"})");
constexpr auto preview_op = reading_tool<PreviewArgs, PreviewResult>(
    "dashboards", "preview_card", "Show what a view would hold after adding a card, without saving.",
    R"({"dashboard_id":"living-room","view_index":0,"card_yaml":"type: markdown\ncontent: Hello"})");

std::optional<std::string> text_of(json::Value const& view, std::string_view key) {
  auto const text = json::find_text(view, key);
  if (text.empty()) return std::nullopt;
  return std::string{text};
}

std::size_t size_of(json::Value const& holder, std::string_view key) {
  auto const* list = json::find(holder, key);
  return list != nullptr && list->IsArray() ? list->Size() : 0;
}

Tool<ListViewsResult> list_views(HomeAssistant& self, sdk::Call& call, ListViewsArgs args) {
  auto finding = self.dashboards().find(call, args.dashboard_id);
  Result<Dashboard> found = co_await std::move(finding);
  if (!found) co_return found.error();
  auto loading = self.dashboards().load(call, *found);
  Result<Stored> stored = co_await std::move(loading);
  if (!stored) co_return stored.error();
  sdk::Answer<ListViewsResult> out;
  out.data.dashboard_id = found->name();
  out.data.hash = stored->hash;
  out.data.strategy = stored->config.IsNull() || json::find(stored->config, "strategy") != nullptr;
  auto const* views = stored->config.IsObject() ? json::find(stored->config, "views") : nullptr;
  if (views != nullptr && views->IsArray())
    for (auto const& view : views->GetArray()) {
      ViewLine line;
      line.index = static_cast<std::int64_t>(out.data.views.size());
      if (view.IsObject()) {
        line.title = text_of(view, "title");
        line.path = text_of(view, "path");
        line.icon = text_of(view, "icon");
        line.type = text_of(view, "type");
        line.cards = size_of(view, "cards");
        auto const* sections = json::find(view, "sections");
        if (sections != nullptr && sections->IsArray()) {
          line.sections = sections->Size();
          for (auto const& section : sections->GetArray())
            if (section.IsObject()) line.cards += size_of(section, "cards");
        }
      }
      out.data.views.push_back(std::move(line));
    }
  out.data.count = out.data.views.size();
  out.message = out.data.strategy
                    ? fmt::format("Home Assistant makes the views of \"{}\" itself", out.data.dashboard_id)
                    : fmt::format("\"{}\" has {}", out.data.dashboard_id, plural(out.data.count, "view"));
  co_return out;
}

Tool<PreviewResult> preview(HomeAssistant& self, sdk::Call& call, PreviewArgs args) {
  auto finding = self.dashboards().find(call, args.dashboard_id);
  Result<Dashboard> found = co_await std::move(finding);
  if (!found) co_return found.error();
  auto loading = self.dashboards().load(call, *found);
  Result<Stored> stored = co_await std::move(loading);
  if (!stored) co_return stored.error();
  auto& config = stored->config;
  if (config.IsNull())
    co_return Error{Code::unsupported,
                    fmt::format("\"{}\" was never saved: Home Assistant makes its views itself; store a configuration "
                                "with ha_update_dashboard_config first",
                                found->name())};
  auto card = card_from_yaml(args.card_yaml, config.GetAllocator());
  if (!card) co_return card.error();
  sdk::Answer<PreviewResult> out;
  out.data.card.text = json::to_text(*card);
  CardPlace place;
  place.view = args.view_index;
  place.section = args.section_index;
  place.position = args.position;
  auto placed = insert_card(config, place, std::move(*card));
  if (!placed) co_return placed.error();
  auto const& views = *json::find(config, "views");
  out.data.view.text = json::to_text(views[static_cast<rapidjson::SizeType>(args.view_index)]);
  out.data.dashboard_id = found->name();
  out.data.view_index = args.view_index;
  out.data.card_index = placed->card_index;
  if (placed->section_index) out.data.section_index = *placed->section_index;
  out.data.total_cards_in_view = placed->total_cards;
  out.data.hash = stored->hash;
  out.message =
      fmt::format("View {} would hold {}; nothing was saved", args.view_index, plural(placed->total_cards, "card"));
  co_return out;
}

}  // namespace

void declare_dashboard_views(sdk::Table<HomeAssistant>& table) {
  add_tool<views_op, &list_views>(table);
  add_tool<preview_op, &preview>(table);
}

}  // namespace patchbay::home_assistant
