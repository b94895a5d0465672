// Category dashboards: create, replace, delete.
#include <spdlog/fmt/fmt.h>

#include "plugins/home_assistant/dashboard_fields.hpp"
#include "plugins/home_assistant/plugin.hpp"
#include "plugins/home_assistant/raw_json.hpp"

namespace patchbay::home_assistant {

struct CreateArgs {
  std::string url_path;
  std::string title;
  std::string icon = "mdi:view-dashboard";
  RawJson config;
  bool show_in_sidebar = true;
  bool require_admin = false;
};
struct CreateResult {
  std::string url_path;
  Dashboard dashboard;
  bool created = true;
  std::string hash;
  std::string source{websocket_source};
};
struct UpdateArgs {
  std::optional<std::string> url_path;
  RawJson config;
  std::optional<std::string> expected_hash;
};
struct UpdateResult {
  std::string url_path;
  bool updated = true;
  RawJson previous_hash;
  std::string hash;
  std::optional<std::string> previous_version;
  std::uint64_t views_count = 0;
  std::string source{websocket_source};
};
struct DeleteArgs {
  std::string url_path;
  bool confirm = true;
  std::optional<std::string> expected_hash;
};
struct DeleteResult {
  std::string url_path;
  bool deleted = true;
  Dashboard dashboard;
  RawJson config;
  RawJson previous_hash;
  std::optional<std::string> previous_version;
  std::string source{websocket_source};
};

}  // namespace patchbay::home_assistant

namespace patchbay {
namespace ha = home_assistant;

template <>
struct Describe<ha::CreateArgs> {
  using A = ha::CreateArgs;
  static constexpr std::tuple fields{
      field("url_path", &A::url_path, "New url path, such as living-room").alias("dashboard_id").length(1, 100),
      field("title", &A::title, "Title").length(1, 255),
      field("icon", &A::icon, "Icon in the form prefix:name").nullable().length(0, 255),
      field("config", &A::config, "First configuration with views; absent: an empty dashboard")
          .type("object")
          .nullable(),
      field("show_in_sidebar", &A::show_in_sidebar, "Whether it is listed in the sidebar").nullable(),
      field("require_admin", &A::require_admin, "Whether only administrators see it").nullable()};
};
template <>
struct Describe<ha::CreateResult> {
  using R = ha::CreateResult;
  static constexpr std::tuple fields{
      field("url_path", &R::url_path, "Where it is: /<url_path>"), field("dashboard", &R::dashboard, "The new record"),
      field("created", &R::created, "true"), field("hash", &R::hash, "Hash of the stored configuration"),
      ha::source_field(&R::source)};
};
template <>
struct Describe<ha::UpdateArgs> {
  using A = ha::UpdateArgs;
  static constexpr std::tuple fields{
      ha::dashboard_field("url_path", &A::url_path).alias("dashboard_id"),
      field("config", &A::config, "The whole new configuration, with views or strategy").type("object"),
      ha::expected_hash_field(&A::expected_hash)};
};
template <>
struct Describe<ha::UpdateResult> {
  using R = ha::UpdateResult;
  static constexpr std::tuple fields{
      field("url_path", &R::url_path, "The dashboard"),
      field("updated", &R::updated, "true"),
      field("previous_hash", &R::previous_hash, "Hash of what was there; null: nothing was saved")
          .type("string", "null"),
      field("hash", &R::hash, "Hash of what is there now"),
      field("previous_version", &R::previous_version, "For ha_restore_version: what was there"),
      field("views_count", &R::views_count, "Number of views"),
      ha::source_field(&R::source)};
};
template <>
struct Describe<ha::DeleteArgs> {
  using A = ha::DeleteArgs;
  static constexpr std::tuple fields{
      field("url_path", &A::url_path, "Url path or id of the dashboard").alias("dashboard_id").length(0, 255),
      field("confirm", &A::confirm, "Only an explicit false refuses").nullable(),
      ha::expected_hash_field(&A::expected_hash)};
};
template <>
struct Describe<ha::DeleteResult> {
  using R = ha::DeleteResult;
  static constexpr std::tuple fields{field("url_path", &R::url_path, "The dashboard that is gone"),
                                     field("deleted", &R::deleted, "true"),
                                     field("dashboard", &R::dashboard, "Its record"),
                                     field("config", &R::config, "The configuration it had; null: none"),
                                     field("previous_hash", &R::previous_hash, "Hash of that").type("string", "null"),
                                     field("previous_version", &R::previous_version, "For ha_restore_version"),
                                     ha::source_field(&R::source)};
};
}  // namespace patchbay

namespace patchbay::home_assistant {
namespace {

constexpr auto create_dashboard_op = dashboard_change<CreateArgs, CreateResult>(
    "create_dashboard", "Create a dashboard and store its first configuration.",
    R"({"url_path":"living-room","title":"Living room"})", Effect::write);
constexpr auto update_dashboard_op = dashboard_change<UpdateArgs, UpdateResult>(
    "update_dashboard_config", "Replace the whole configuration of a dashboard; the old one is kept as a version.",
    R"({"url_path":"living-room","config":{"views":[{"title":"Home","cards":[]}]}})", Effect::destructive, "dashboards",
    "save_dashboard_config");
constexpr auto delete_dashboard_op = dashboard_change<DeleteArgs, DeleteResult>(
    "delete_dashboard", "Delete a dashboard; its configuration is returned and kept as a version.",
    R"({"url_path":"living-room"})", Effect::destructive);

// Whether a panel or dashboard of this path is there already.
sdk::Task<Result<void>> check_free(HomeAssistant& self, sdk::Call& call, std::string url_path) {
  auto asking = self.session().command(call, Command{"get_panels"});
  Result<Frame> panels = co_await std::move(asking);
  if (!panels) co_return panels.error();
  auto listing = self.dashboards().list(call);
  Result<std::vector<Dashboard>> all = co_await std::move(listing);
  if (!all) co_return all.error();
  bool taken = !raw::member(panels->result(), url_path).empty();
  for (auto const& one : *all) taken = taken || one.name() == url_path;
  if (taken)
    co_return Error{Code::conflict,
                    fmt::format("the url_path \"{}\" is in use; choose another, or change that dashboard", url_path),
                    "/url_path"};
  co_return Result<void>{};
}

Tool<CreateResult> create_dashboard(HomeAssistant& self, sdk::Call& call, CreateArgs args) {
  auto opening = self.session().ready(&call);  // the version decides what a url_path may be
  Result<std::string> connected = co_await std::move(opening);
  if (!connected) co_return connected.error();
  auto const& features = self.session().features();
  if (auto fine = check_new_url_path(args.url_path, features.single_word_dashboards()); !fine) co_return fine.error();
  std::string text = R"({"views":[]})";
  if (args.config.text != "null") text = std::move(args.config.text);
  auto config = json::parse(text, json::upstream_limits);
  if (!config) co_return config.error();
  if (auto fine = check_config(config->document); !fine) co_return fine.error();

  Dashboard wanted;
  wanted.url_path = RawJson{json::quoted(args.url_path)};
  wanted.title = args.title;
  wanted.icon = args.icon;
  wanted.show_in_sidebar = args.show_in_sidebar;
  wanted.require_admin = args.require_admin;
  auto entering = self.dashboards().turn(call, wanted);
  Result<Turns::Turn> mine = co_await std::move(entering);
  if (!mine) co_return mine.error();
  auto checking = check_free(self, call, args.url_path);
  Result<void> free = co_await std::move(checking);
  if (!free) co_return free.error();

  auto creating =
      self.session().command(call, create_command(args.url_path, wanted, features.single_word_dashboards()));
  Result<Frame> created = co_await std::move(creating);
  if (!created) co_return created.error();

  sdk::Answer<CreateResult> out;
  out.data.url_path = args.url_path;
  out.data.dashboard = dashboard_of(created->result());
  out.data.hash = config_hash(config->document);
  auto saving =
      self.session().command(call, Command{"lovelace/config/save"}.text("url_path", args.url_path).raw("config", text));
  Result<Frame> saved = co_await std::move(saving);
  if (!saved) {  // no dashboard without its configuration
    auto removing = self.session().command(
        call, Command{"lovelace/dashboards/delete"}.text("dashboard_id", out.data.dashboard.id.value_or("")));
    Result<Frame> removed = co_await std::move(removing);
    auto error = saved.error();
    error.message += removed ? " (the dashboard was not made)" : " (the dashboard is there, but empty)";
    co_return error;
  }
  out.message = fmt::format("Created dashboard \"{}\" at /{}", args.title, args.url_path);
  co_return out;
}

Tool<UpdateResult> update_dashboard(HomeAssistant& self, sdk::Call& call, UpdateArgs args) {
  auto config = json::parse(args.config.text, json::upstream_limits);
  if (!config) co_return config.error();
  if (auto fine = check_config(config->document); !fine) co_return fine.error();
  auto finding = self.dashboards().find(call, std::move(args.url_path));
  Result<Dashboard> found = co_await std::move(finding);
  if (!found) co_return found.error();
  Change change{"ha_update_dashboard_config", std::move(args.expected_hash)};
  Dashboards::Make make = [&args](Stored&) -> Result<std::string> { return args.config.text; };
  auto writing = self.dashboards().write(call, *found, std::move(change), std::move(make));
  Result<Written> written = co_await std::move(writing);
  if (!written) co_return written.error();
  sdk::Answer<UpdateResult> out;
  out.data.url_path = found->name();
  out.data.previous_hash = text_or_null(written->previous_hash);
  out.data.hash = written->hash;
  out.data.previous_version = written->version;
  out.data.views_count = count_views(config->document);
  out.message = fmt::format("Updated dashboard \"{}\"", out.data.url_path);
  co_return out;
}

Tool<DeleteResult> remove_dashboard(HomeAssistant& self, sdk::Call& call, DeleteArgs args) {
  if (!args.confirm)
    co_return Error{Code::invalid_argument, "confirm is false, so nothing was deleted; leave it out or set it to true",
                    "/confirm"};
  if (is_default_dashboard(args.url_path))
    co_return Error{Code::invalid_argument,
                    "the default dashboard cannot be deleted; ha_update_dashboard_config changes it", "/url_path"};
  auto finding = self.dashboards().find(call, std::move(args.url_path));
  Result<Dashboard> found = co_await std::move(finding);
  if (!found) co_return found.error();
  if (found->is_yaml() || !found->id) co_return kept_in_yaml(*found);
  auto entering = self.dashboards().turn(call, *found);
  Result<Turns::Turn> mine = co_await std::move(entering);
  if (!mine) co_return mine.error();
  auto loading = self.dashboards().load(call, *found);
  Result<Stored> stored = co_await std::move(loading);
  if (!stored) co_return stored.error();
  Change change{"ha_delete_dashboard", std::move(args.expected_hash)};
  if (auto same = check_expected(change, stored->hash); !same) co_return same.error();
  auto kept = self.dashboards().keep(*found, *stored, change.tool);
  if (!kept) co_return kept.error();
  auto deleting = self.session().command(call, Command{"lovelace/dashboards/delete"}.text("dashboard_id", *found->id));
  Result<Frame> deleted = co_await std::move(deleting);
  if (!deleted) co_return deleted.error();
  sdk::Answer<DeleteResult> out;
  out.data.url_path = found->name();
  out.data.dashboard = *found;
  out.data.config.text = std::move(stored->text);
  out.data.previous_hash = text_or_null(stored->hash);
  out.data.previous_version = *kept;
  out.message = fmt::format("Deleted dashboard \"{}\"", out.data.url_path);
  co_return out;
}

}  // namespace

void declare_dashboard_changes(sdk::Table<HomeAssistant>& table) {
  add_tool<create_dashboard_op, &create_dashboard>(table);
  add_tool<update_dashboard_op, &update_dashboard>(table);
  add_tool<delete_dashboard_op, &remove_dashboard>(table);
}

}  // namespace patchbay::home_assistant
