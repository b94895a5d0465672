#include "plugins/home_assistant/dashboard_access.hpp"

#include <spdlog/fmt/fmt.h>

#include "plugins/home_assistant/raw_json.hpp"
#include "plugins/home_assistant/upstream_error.hpp"
#include "plugins/sdk/nearest.hpp"

namespace patchbay::home_assistant {
namespace {

// Home Assistant closes the connection on frames beyond 4 MiB.
constexpr std::size_t most_bytes = 4 * 1024 * 1024 - 4096;

Dashboard read_dashboard(std::string_view text) {
  Dashboard out;
  if (auto parsed = json::parse(text, json::upstream_limits)) describe::read(*parsed, out);
  return out;
}

Error not_found(std::string const& name, std::vector<Dashboard> const& all) {
  std::vector<std::string> names;
  for (auto const& one : all) names.push_back(one.name());
  std::vector<std::string_view> const views{names.begin(), names.end()};
  std::string near;
  for (auto candidate : nearest(name, views, 3)) near += fmt::format("{}\"{}\"", near.empty() ? "" : ", ", candidate);
  return Error{Code::not_found, fmt::format("no dashboard \"{}\"; the nearest are {}", name, near), "/url_path"};
}

}  // namespace

std::string Dashboard::name() const { return is_default ? "lovelace" : raw::text(url_path.text); }

RawJson text_or_null(std::string_view text) { return RawJson{text.empty() ? "null" : json::quoted(text)}; }

Error kept_in_yaml(Dashboard const& dashboard) {
  return Error{Code::unsupported, fmt::format("the dashboard \"{}\" is kept in YAML: Home Assistant reads it from a "
                                              "file and lets nobody else change it; edit the "
                                              "file, or make a dashboard with ha_create_dashboard",
                                              dashboard.name())};
}

Result<void> check_expected(Change const& change, std::string const& hash) {
  if (!change.expected_hash || *change.expected_hash == hash) return {};
  return Error{
      Code::conflict,
      hash.empty()
          ? "the dashboard has no saved configuration, so no hash: somebody reset it, or it was never saved"
          : fmt::format("the dashboard has changed: its hash is now {}; read it again and repeat the change on that",
                        hash),
      "/expected_hash"};
}

sdk::Task<Result<Dashboard>> Dashboards::default_one(sdk::Call& call) {
  if (!default_ || default_of_ != session_.generation()) {
    auto asking = session_.command(call, Command{"get_panels"});
    Result<Frame> panels = co_await std::move(asking);
    if (!panels) co_return panels.error();
    auto const panel = raw::member(panels->result(), "lovelace");
    Dashboard out;
    out.is_default = true;
    out.title = raw::text(raw::member(panel, "title"));
    if (out.title.empty()) out.title = "Overview";
    auto const icon = raw::text(raw::member(panel, "icon"));
    if (!icon.empty()) out.icon = icon;
    out.require_admin = raw::is_true(raw::member(panel, "require_admin"));
    out.show_in_sidebar = raw::member(panel, "show_in_sidebar") != "false";
    if (raw::text(raw::member(raw::member(panel, "config"), "mode")) == "yaml") out.mode = "yaml";
    default_ = std::move(out);
    default_of_ = session_.generation();
  }
  co_return *default_;
}

sdk::Task<Result<std::vector<Dashboard>>> Dashboards::list(sdk::Call& call) {
  auto asking_default = default_one(call);
  Result<Dashboard> first = co_await std::move(asking_default);
  if (!first) co_return first.error();
  auto asking = session_.command(call, Command{"lovelace/dashboards/list"});
  Result<Frame> listed = co_await std::move(asking);
  if (!listed) co_return listed.error();
  std::vector<Dashboard> out{std::move(*first)};
  raw::each_item(listed->result(), [&](std::string_view one) { out.push_back(read_dashboard(one)); });
  co_return out;
}

sdk::Task<Result<Dashboard>> Dashboards::find(sdk::Call& call, std::optional<std::string> name) {
  if (means_default(name)) {
    auto asking = default_one(call);
    Result<Dashboard> found = co_await std::move(asking);
    co_return found;
  }
  auto listing = list(call);
  Result<std::vector<Dashboard>> all = co_await std::move(listing);
  if (!all) co_return all.error();
  for (auto const& one : *all)
    if (!one.is_default && one.name() == *name) co_return one;
  for (auto const& one : *all)
    if (one.id && *one.id == *name) co_return one;
  co_return not_found(*name, *all);
}

Command Dashboards::command(std::string_view type, Dashboard const& dashboard) const {
  Command out{type};
  if (dashboard.is_default) return out;  // "lovelace" is not a name to Home Assistant
  return std::move(out).raw("url_path", dashboard.url_path.text);
}

sdk::Task<Result<Stored>> Dashboards::load(sdk::Call& call, Dashboard const& dashboard) {
  auto asking = session_.ask(call, command("lovelace/config", dashboard));
  Result<Frame> frame = co_await std::move(asking);
  if (!frame) co_return frame.error();
  Stored out;
  if (!frame->success()) {
    if (frame->error_code() == "config_not_found") co_return out;
    co_return from_command("lovelace/config", frame->error());
  }
  out.text = frame->result();
  auto parsed = json::parse(out.text, json::upstream_limits);
  if (!parsed) co_return Error{Code::upstream_failed, "the dashboard's configuration: " + parsed.error().message};
  out.config.CopyFrom(parsed->document, out.config.GetAllocator());  // what was parsed lives in memory of its own
  out.hash = config_hash(out.config);
  co_return out;
}

Result<std::optional<std::string>> Dashboards::keep(Dashboard const& dashboard, Stored const& stored,
                                                    std::string_view tool) {
  if (stored.config.IsNull()) return std::optional<std::string>{};
  auto kept = versions_.keep("dashboard", dashboard.name(), stored.hash, tool, stored.text,
                             describe::to_text(dashboard), std::chrono::system_clock::now());
  if (!kept)
    return Error{kept.error().code,
                 "nothing was changed, since the old version could not be kept: " + kept.error().message};
  return std::optional<std::string>{*kept};
}

sdk::Task<Result<Written>> Dashboards::write(sdk::Call& call, Dashboard const& dashboard, Change change, Make make) {
  if (dashboard.is_yaml()) co_return kept_in_yaml(dashboard);
  auto entering = turn(call, dashboard);
  Result<Turns::Turn> mine = co_await std::move(entering);
  if (!mine) co_return mine.error();
  auto loading = load(call, dashboard);
  Result<Stored> now = co_await std::move(loading);
  if (!now) co_return now.error();
  for (int attempt = 0; attempt < 3; ++attempt) {
    if (auto same = check_expected(change, now->hash); !same) co_return same.error();
    Written out;
    out.previous_hash = now->hash;
    auto const before = now->text;
    auto made = make(*now);
    if (!made) co_return made.error();
    if (made->size() > most_bytes)
      co_return Error{Code::too_large,
                      fmt::format("the configuration has {} bytes; Home Assistant takes at most 4 MiB", made->size()),
                      "/config"};
    auto parsed = json::parse(*made, json::upstream_limits);
    if (!parsed) co_return parsed.error();
    out.hash = config_hash(parsed->document);
    auto kept = keep(dashboard, *now, change.tool);
    if (!kept) co_return kept.error();
    out.version = *kept;
    auto looking = load(call, dashboard);
    Result<Stored> again = co_await std::move(looking);
    if (!again) co_return again.error();
    if (again->text != before) {  // somebody saved in between: the change is made anew, on what is there now
      now = std::move(again);
      continue;
    }
    auto saving = session_.command(call, command("lovelace/config/save", dashboard).raw("config", *made));
    Result<Frame> saved = co_await std::move(saving);
    if (!saved) co_return saved.error();
    co_return out;
  }
  co_return Error{Code::conflict, "somebody else keeps saving this dashboard; nothing was changed"};
}

}  // namespace patchbay::home_assistant
