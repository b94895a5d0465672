// Dashboards as the tools see them: finding one by its url_path or id, reading its configuration, and the one way in
// which a configuration is written.
//
//   auto finding = dashboards.find(call, args.url_path);
//   Result<Dashboard> found = co_await std::move(finding);
//   auto writing = dashboards.write(call, *found, change, [&](Stored& now) { return edited(now); });
//
// A write takes its turn among the plugin's own, compares the hash the caller expects, keeps the old configuration as a
// version, looks once more whether somebody else has saved meanwhile, and only then saves. All on the plugin's thread.
#pragma once

#include <functional>

#include "plugins/home_assistant/dashboard_config.hpp"
#include "plugins/home_assistant/session.hpp"
#include "plugins/home_assistant/version_store.hpp"

namespace patchbay::home_assistant {

struct Dashboard {
  std::optional<std::string> id;  // Home Assistant's own, where there is one
  RawJson url_path;               // null: the default one
  std::string title;
  std::optional<std::string> icon;
  bool show_in_sidebar = true;
  bool require_admin = false;
  std::string mode = "storage";  // or yaml: kept in a file
  bool is_default = false;

  // "lovelace" for the default one.
  std::string name() const;
  bool is_yaml() const { return mode == "yaml"; }
};

// A configuration as it is now; null when it was never saved.
struct Stored {
  json::Document config;
  std::string text = "null";
  std::string hash;  // empty for null
};

struct Change {
  std::string tool;
  std::optional<std::string> expected_hash;
};
struct Written {
  std::string previous_hash, hash;
  std::optional<std::string> version;  // under which the previous configuration is kept
};

class Dashboards {
 public:
  Dashboards(sdk::Host& host, Session& session, VersionStore& versions)
      : session_(session), versions_(versions), turns_(host.executor()) {}

  // The default one first.
  sdk::Task<Result<std::vector<Dashboard>>> list(sdk::Call& call);
  // By url_path or id; nothing, "" and "lovelace" mean the default one. Errors: not_found with the nearest ones.
  sdk::Task<Result<Dashboard>> find(sdk::Call& call, std::optional<std::string> name);
  sdk::Task<Result<Stored>> load(sdk::Call& call, Dashboard const& dashboard);
  // `make` gives the new configuration as JSON text, from the one that is there. Errors: unsupported for YAML,
  // conflict.
  using Make = std::function<Result<std::string>(Stored&)>;
  sdk::Task<Result<Written>> write(sdk::Call& call, Dashboard const& dashboard, Change change, Make make);
  // One change of a dashboard at a time, for those who delete and create.
  sdk::Task<Result<Turns::Turn>> turn(sdk::Call& call, Dashboard const& dashboard) {
    return turns_.enter(call, "dashboard " + dashboard.name());
  }
  Result<std::optional<std::string>> keep(Dashboard const& dashboard, Stored const& stored, std::string_view tool);

 private:
  sdk::Task<Result<Dashboard>> default_one(sdk::Call& call);
  Command command(std::string_view type, Dashboard const& dashboard) const;

  Session& session_;
  VersionStore& versions_;
  Turns turns_;
  std::optional<Dashboard> default_;
  std::uint64_t default_of_ = 0;  // the session's generation that it was read in
};

Error kept_in_yaml(Dashboard const& dashboard);
Result<void> check_expected(Change const& change, std::string const& hash);
// The words of an argument that may be absent, null, "" or "lovelace".
inline bool means_default(std::optional<std::string> const& name) { return !name || is_default_dashboard(*name); }

inline constexpr std::string_view websocket_source = "WebSocket API";
RawJson text_or_null(std::string_view text);

// What any tool that asks Home Assistant may answer.
inline constexpr CodeSet upstream_errors =
    codes(Code::invalid_argument, Code::forbidden, Code::not_found, Code::too_large, Code::unsupported,
          Code::upstream_failed, Code::auth_failed, Code::tls_failed, Code::connect_failed, Code::connection_lost,
          Code::unavailable, Code::circuit_open, Code::backpressure, Code::deadline_exceeded);
inline constexpr CodeSet write_errors = upstream_errors | codes(Code::conflict, Code::internal);

}  // namespace patchbay::home_assistant

template <>
struct patchbay::Describe<patchbay::home_assistant::Dashboard> {
  using D = home_assistant::Dashboard;
  static constexpr std::tuple fields{
      field("id", &D::id, "Home Assistant's id; absent for the default one and those kept in YAML"),
      field("url_path", &D::url_path, "Where it is; null for the default dashboard").type("string", "null"),
      field("title", &D::title, "Title").optional(),
      field("icon", &D::icon, "Icon"),
      field("show_in_sidebar", &D::show_in_sidebar, "Whether it is listed in the sidebar").optional(),
      field("require_admin", &D::require_admin, "Whether only administrators see it").optional(),
      field("mode", &D::mode, "storage, or yaml: kept in a file and not changed from here").optional(),
      field("is_default", &D::is_default, "Whether this is the default dashboard").optional()};
};
