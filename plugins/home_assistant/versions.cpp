// Versions: what tools have overwritten, listed and restored.
#include <spdlog/fmt/fmt.h>

#include "plugins/home_assistant/dashboard_fields.hpp"
#include "plugins/home_assistant/plugin.hpp"
#include "plugins/home_assistant/raw_json.hpp"

namespace patchbay::home_assistant {

struct ListVersionsArgs {
  std::string kind = "dashboard";
  std::optional<std::string> url_path;
};
struct ListVersionsResult {
  std::string kind;
  std::string url_path;
  std::vector<VersionInfo> versions;
  std::uint64_t count = 0;
  std::vector<std::string> kept_for;
};
struct RestoreVersionArgs {
  std::string kind = "dashboard";
  std::optional<std::string> url_path;
  std::string version;
  std::optional<std::string> expected_hash;
};
struct RestoreVersionResult {
  std::string kind;
  std::string url_path;
  std::string version;
  bool restored = true;
  bool created = false;
  RawJson previous_hash;
  std::string hash;
  std::optional<std::string> previous_version;
  std::string source{websocket_source};
};

}  // namespace patchbay::home_assistant

namespace patchbay {
namespace ha = home_assistant;

template <>
struct Describe<ha::VersionInfo> {
  using V = ha::VersionInfo;
  static constexpr std::tuple fields{field("version", &V::version, "Name for ha_restore_version"),
                                     field("saved_at", &V::saved_at, "When it was overwritten"),
                                     field("hash", &V::hash, "Hash of its content"),
                                     field("reason", &V::reason, "The tool that overwrote it"),
                                     field("size_bytes", &V::size_bytes, "Size of its content")};
};
template <>
struct Describe<ha::ListVersionsArgs> {
  using A = ha::ListVersionsArgs;
  static constexpr std::tuple fields{field("kind", &A::kind, "What it is a version of").optional().one_of("dashboard"),
                                     ha::dashboard_field("url_path", &A::url_path).alias("dashboard_id")};
};
template <>
struct Describe<ha::ListVersionsResult> {
  using R = ha::ListVersionsResult;
  static constexpr std::tuple fields{
      field("kind", &R::kind, "As asked"),
      field("url_path", &R::url_path, "The dashboard; lovelace for the default one"),
      field("versions", &R::versions, "Its versions, newest first; at most 20"), field("count", &R::count, "How many"),
      field("kept_for", &R::kept_for, "All dashboards that have versions, deleted ones too")};
};
template <>
struct Describe<ha::RestoreVersionArgs> {
  using A = ha::RestoreVersionArgs;
  static constexpr std::tuple fields{field("kind", &A::kind, "What it is a version of").optional().one_of("dashboard"),
                                     ha::dashboard_field("url_path", &A::url_path).alias("dashboard_id"),
                                     field("version", &A::version, "From ha_list_versions").length(1, 64),
                                     ha::expected_hash_field(&A::expected_hash)};
};
template <>
struct Describe<ha::RestoreVersionResult> {
  using R = ha::RestoreVersionResult;
  static constexpr std::tuple fields{
      field("kind", &R::kind, "As asked"),
      field("url_path", &R::url_path, "The dashboard"),
      field("version", &R::version, "The version that is in force again"),
      field("restored", &R::restored, "true"),
      field("created", &R::created, "Whether the dashboard had been deleted and was made again"),
      field("previous_hash", &R::previous_hash, "Hash of what was there; null: nothing").type("string", "null"),
      field("hash", &R::hash, "Hash of what is there now"),
      field("previous_version", &R::previous_version, "What was there, kept as a version"),
      ha::source_field(&R::source)};
};
}  // namespace patchbay

namespace patchbay::home_assistant {
namespace {

constexpr sdk::Operation<ListVersionsArgs, ListVersionsResult> list_op{
    .name = "list_versions",
    .summary = "List the kept versions of a dashboard, those that tools have overwritten or deleted.",
    .scope = "ha.read",
    .category = "versions",
    .errors = codes(Code::internal),
    .example = R"({"url_path":"living-room"})"};
constexpr auto restore_op = dashboard_change<RestoreVersionArgs, RestoreVersionResult>(
    "restore_version",
    "Put a kept version of a dashboard in force again, also of a deleted one; what is there is kept first.",
    R"({"url_path":"living-room","version":"20261121T081500.123456Z"})", Effect::destructive, "versions");

Result<sdk::Answer<ListVersionsResult>> list_versions(HomeAssistant& self, sdk::Call&, ListVersionsArgs args) {
  sdk::Answer<ListVersionsResult> out;
  out.data.kind = std::move(args.kind);
  out.data.url_path = means_default(args.url_path) ? "lovelace" : std::move(*args.url_path);
  auto versions = self.versions().list(out.data.kind, out.data.url_path);
  if (!versions) return versions.error();
  auto names = self.versions().names(out.data.kind);
  if (!names) return names.error();
  out.data.versions = std::move(*versions);
  out.data.kept_for = std::move(*names);
  out.data.count = out.data.versions.size();
  out.message =
      fmt::format("Found {} version{} of \"{}\"", out.data.count, out.data.count == 1 ? "" : "s", out.data.url_path);
  return out;
}

// Makes a deleted dashboard again, as its record says.
sdk::Task<Result<Dashboard>> make_again(HomeAssistant& self, sdk::Call& call, std::string name, std::string record) {
  auto was = dashboard_of(record);
  if (was.title.empty()) was.title = name;
  auto creating = self.session().command(call, create_command(name, was, true));
  Result<Frame> created = co_await std::move(creating);
  if (!created) co_return created.error();
  co_return dashboard_of(created->result());
}

Tool<RestoreVersionResult> restore_version(HomeAssistant& self, sdk::Call& call, RestoreVersionArgs args) {
  auto const name = means_default(args.url_path) ? std::string{"lovelace"} : *args.url_path;
  auto version = self.versions().get(args.kind, name, args.version);
  if (!version) co_return version.error();
  sdk::Answer<RestoreVersionResult> out;
  auto finding = self.dashboards().find(call, name);
  Result<Dashboard> found = co_await std::move(finding);
  if (!found && found.error().code == Code::not_found) {
    Change change{"ha_restore_version", args.expected_hash};
    if (auto same = check_expected(change, {}); !same) co_return same.error();
    auto making = make_again(self, call, name, version->record.text);
    found = co_await std::move(making);
    out.data.created = true;
    args.expected_hash.reset();
  }
  if (!found) co_return found.error();
  Change change{"ha_restore_version", std::move(args.expected_hash)};
  Dashboards::Make make = [&version](Stored&) -> Result<std::string> { return version->config.text; };
  auto writing = self.dashboards().write(call, *found, std::move(change), std::move(make));
  Result<Written> written = co_await std::move(writing);
  if (!written) co_return written.error();
  out.data.kind = std::move(args.kind);
  out.data.url_path = name;
  out.data.version = std::move(args.version);
  out.data.previous_hash = text_or_null(written->previous_hash);
  out.data.hash = written->hash;
  out.data.previous_version = written->version;
  out.message = fmt::format("Restored version {} of \"{}\"", out.data.version, name);
  co_return out;
}

}  // namespace

void declare_versions(sdk::Table<HomeAssistant>& table) {
  add_tool<list_op, &list_versions>(table);
  add_tool<restore_op, &restore_version>(table);
}

}  // namespace patchbay::home_assistant
