// Category dashboards: list and read.
#include <spdlog/fmt/fmt.h>

#include "plugins/home_assistant/dashboard_fields.hpp"
#include "plugins/home_assistant/plugin.hpp"

namespace patchbay::home_assistant {

struct ListDashboardsResult {
  std::vector<Dashboard> dashboards;
  std::uint64_t count = 0;
  std::string source{websocket_source};
};
struct GetConfigArgs {
  std::optional<std::string> url_path{"lovelace"};
};
struct GetConfigResult {
  std::string url_path;
  RawJson config;
  std::uint64_t views_count = 0;
  RawJson hash;
  std::string mode;
  std::string title;
  std::string source{websocket_source};
};
}  // namespace patchbay::home_assistant

namespace patchbay {
namespace ha = home_assistant;

template <>
struct Describe<ha::ListDashboardsResult> {
  using R = ha::ListDashboardsResult;
  static constexpr std::tuple fields{field("dashboards", &R::dashboards, "All dashboards, the default one first"),
                                     field("count", &R::count, "How many"), ha::source_field(&R::source)};
};
template <>
struct Describe<ha::GetConfigArgs> {
  static constexpr std::tuple fields{
      ha::dashboard_field("url_path", &ha::GetConfigArgs::url_path).alias("dashboard_id")};
};
template <>
struct Describe<ha::GetConfigResult> {
  using R = ha::GetConfigResult;
  static constexpr std::tuple fields{
      field("url_path", &R::url_path, "The dashboard; lovelace for the default one"),
      field("config", &R::config, "The whole configuration; null while none was saved"),
      field("views_count", &R::views_count, "Number of views; 0 for a strategy"),
      field("hash", &R::hash, "For expected_hash of a write; null while none was saved").type("string", "null"),
      field("mode", &R::mode, "storage, yaml, or auto-gen while none was saved"),
      field("title", &R::title, "Title"),
      ha::source_field(&R::source)};
};
}  // namespace patchbay

namespace patchbay::home_assistant {
namespace {

constexpr sdk::Operation<Nothing, ListDashboardsResult> list_dashboards_op{
    .name = "list_dashboards",
    .summary = "List the dashboards of Home Assistant, the default one first.",
    .scope = "ha.read",
    .category = "dashboards",
    .errors = upstream_errors,
    .reaches_out = true};
constexpr sdk::Operation<GetConfigArgs, GetConfigResult> get_dashboard_config_op{
    .name = "get_dashboard_config",
    .summary = "Return the whole configuration of a dashboard.",
    .scope = "ha.read",
    .category = "dashboards",
    .errors = upstream_errors,
    .example = R"({"url_path":"lovelace"})",
    .reaches_out = true};
Tool<ListDashboardsResult> list_dashboards(HomeAssistant& self, sdk::Call& call, Nothing) {
  auto listing = self.dashboards().list(call);
  Result<std::vector<Dashboard>> all = co_await std::move(listing);
  if (!all) co_return all.error();
  sdk::Answer<ListDashboardsResult> out;
  out.data.count = all->size();
  out.data.dashboards = std::move(*all);
  out.message = fmt::format("Found {} dashboard{}", out.data.count, out.data.count == 1 ? "" : "s");
  co_return out;
}

Tool<GetConfigResult> get_dashboard_config(HomeAssistant& self, sdk::Call& call, GetConfigArgs args) {
  auto finding = self.dashboards().find(call, std::move(args.url_path));
  Result<Dashboard> found = co_await std::move(finding);
  if (!found) co_return found.error();
  auto loading = self.dashboards().load(call, *found);
  Result<Stored> stored = co_await std::move(loading);
  if (!stored) co_return stored.error();
  sdk::Answer<GetConfigResult> out;
  bool const saved = !stored->config.IsNull();
  out.data.url_path = found->name();
  out.data.views_count = count_views(stored->config);
  out.data.hash = text_or_null(stored->hash);
  out.data.mode = saved ? found->mode : "auto-gen";
  out.data.title = found->title;
  out.data.config.text = std::move(stored->text);
  out.message = saved ? fmt::format("Dashboard \"{}\" has {} view{}", out.data.url_path, out.data.views_count,
                                    out.data.views_count == 1 ? "" : "s")
                      : fmt::format("Dashboard \"{}\" has no saved configuration: Home Assistant generates it",
                                    out.data.url_path);
  co_return out;
}

}  // namespace

void declare_dashboards(sdk::Table<HomeAssistant>& table) {
  add_tool<list_dashboards_op, &list_dashboards>(table);
  add_tool<get_dashboard_config_op, &get_dashboard_config>(table);
}

}  // namespace patchbay::home_assistant
