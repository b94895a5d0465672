// Versions: what tools have overwritten, listed, compared and restored.
#include <spdlog/fmt/fmt.h>

#include "plugins/home_assistant/dashboard_fields.hpp"
#include "plugins/home_assistant/difference.hpp"
#include "plugins/home_assistant/kept_versions.hpp"
#include "plugins/home_assistant/raw_json.hpp"
#include "plugins/home_assistant/tool_kinds.hpp"

namespace patchbay::home_assistant {

struct VersionOf {
  std::string kind = "dashboard";
  std::optional<std::string> url_path, name;

  std::string given() const { return name ? *name : url_path.value_or(""); }
};
struct ListVersionsArgs : VersionOf {};
struct ListVersionsResult {
  std::string kind, name;
  std::optional<std::string> url_path;
  std::vector<VersionInfo> versions;
  std::uint64_t count = 0;
  std::vector<std::string> kept_for;
};
struct DiffVersionArgs : VersionOf {
  std::string version;
  std::string against = "current";
  std::int64_t limit = 100;
};
struct DiffVersionResult {
  std::string kind, name, version, against;
  bool same = false;
  std::vector<Difference> changes;
  std::optional<std::vector<std::string>> lines;
  std::uint64_t count = 0, total = 0;
};
struct RestoreVersionArgs : VersionOf {
  std::string version;
  std::optional<std::string> expected_hash;
};
struct RestoreVersionResult {
  std::string kind, name;
  std::optional<std::string> url_path, entity_id;
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
template <class A>
constexpr auto version_of() {
  using V = ha::VersionOf;
  return std::tuple{field("kind", static_cast<std::string A::*>(&V::kind), "What it is a version of")
                        .optional()
                        .one_of("dashboard", "automation", "script", "scene", "file"),
                    field("name", static_cast<std::optional<std::string> A::*>(&V::name),
                          "Id or entity id of the automation, script or scene, also of one that is gone; path of the "
                          "file; url path of the dashboard")
                        .alias("entity_id", "file_path")
                        .nullable()
                        .length(1, 1024),
                    ha::dashboard_field<A>("url_path", static_cast<std::optional<std::string> A::*>(&V::url_path))
                        .alias("dashboard_id")};
}
template <>
struct Describe<ha::ListVersionsArgs> {
  static constexpr auto fields = version_of<ha::ListVersionsArgs>();
};
template <>
struct Describe<ha::ListVersionsResult> {
  using R = ha::ListVersionsResult;
  static constexpr std::tuple fields{
      field("kind", &R::kind, "As asked"),
      field("name", &R::name, "What the versions are of; empty: none was asked"),
      field("url_path", &R::url_path, "The dashboard; lovelace for the default one"),
      field("versions", &R::versions, "Its versions, newest first; at most 20"),
      field("count", &R::count, "How many"),
      field("kept_for", &R::kept_for, "All of this kind that have versions, deleted ones too")};
};
template <>
struct Describe<ha::DiffVersionArgs> {
  using A = ha::DiffVersionArgs;
  static constexpr auto fields = std::tuple_cat(
      version_of<A>(),
      std::tuple{field("version", &A::version, "From ha_list_versions").length(1, 64),
                 field("against", &A::against, "current, or another version to compare with").optional().length(1, 64),
                 field("limit", &A::limit, "Greatest number of differences to return").nullable().range(1, 10'000)});
};
template <>
struct Describe<ha::DiffVersionResult> {
  using R = ha::DiffVersionResult;
  static constexpr std::tuple fields{
      field("kind", &R::kind, "As asked"),
      field("name", &R::name, "What the versions are of"),
      field("version", &R::version, "What is before"),
      field("against", &R::against, "What is after"),
      field("same", &R::same, "Whether nothing differs"),
      field("changes", &R::changes, "From the version to what it is compared with"),
      field("lines", &R::lines, "For a file: lines that differ, with what is around; - gone, + new"),
      field("count", &R::count, "How many are here"),
      field("total", &R::total, "How many there are")};
};
template <>
struct Describe<ha::RestoreVersionArgs> {
  using A = ha::RestoreVersionArgs;
  static constexpr auto fields =
      std::tuple_cat(version_of<A>(), std::tuple{field("version", &A::version, "From ha_list_versions").length(1, 64),
                                                 ha::expected_hash_field(&A::expected_hash)});
};
template <>
struct Describe<ha::RestoreVersionResult> {
  using R = ha::RestoreVersionResult;
  static constexpr std::tuple fields{
      field("kind", &R::kind, "As asked"),
      field("name", &R::name, "What was restored"),
      field("url_path", &R::url_path, "The dashboard"),
      field("entity_id", &R::entity_id, "The automation, script or scene, once Home Assistant has loaded it"),
      field("version", &R::version, "The version that is in force again"),
      field("restored", &R::restored, "true"),
      field("created", &R::created, "Whether it had been deleted and was made again"),
      field("previous_hash", &R::previous_hash, "Hash of what was there; null: nothing").type("string", "null"),
      field("hash", &R::hash, "Hash of what is there now"),
      field("previous_version", &R::previous_version, "What was there, kept as a version"),
      ha::source_field(&R::source)};
};
}  // namespace patchbay

namespace patchbay::home_assistant {
namespace {

constexpr auto list_versions_op = reading_tool<ListVersionsArgs, ListVersionsResult>(
    "versions", "list_versions",
    "List the kept versions of a dashboard, automation, script, scene or file: what tools have overwritten or deleted.",
    R"({"kind":"automation","name":"automation.morning"})");
constexpr auto diff_op = reading_tool<DiffVersionArgs, DiffVersionResult>(
    "versions", "diff_version", "Show what differs between a kept version and what is there now, or another version.",
    R"({"kind":"dashboard","url_path":"living-room","version":"20261121T081500.123456Z"})");
constexpr auto restore_op = dashboard_change<RestoreVersionArgs, RestoreVersionResult>(
    "restore_version",
    "Put a kept version of a dashboard, automation, script, scene or file in force again, also of a deleted one; what "
    "is there is kept first.",
    R"({"url_path":"living-room","version":"20261121T081500.123456Z"})", Effect::destructive, "versions");

Tool<ListVersionsResult> list_versions(HomeAssistant& self, sdk::Call& call, ListVersionsArgs args) {
  if (auto may = check_kind_scope(call, args.kind); !may) co_return may.error();
  sdk::Answer<ListVersionsResult> out;
  out.data.kind = args.kind;
  auto names = self.versions().names(args.kind);
  if (!names) co_return names.error();
  out.data.kept_for = std::move(*names);
  if (args.kind == "dashboard" || !args.given().empty()) {
    auto naming = version_name(self, call, args.kind, args.given());
    Result<std::string> name = co_await std::move(naming);
    if (!name) co_return name.error();
    out.data.name = std::move(*name);
    auto versions = self.versions().list(args.kind, out.data.name);
    if (!versions) co_return versions.error();
    out.data.versions = std::move(*versions);
  }
  if (args.kind == "dashboard") out.data.url_path = out.data.name;
  out.data.count = out.data.versions.size();
  out.message = out.data.name.empty()
                    ? fmt::format("Versions of {} are kept", plural(out.data.kept_for.size(), args.kind))
                    : fmt::format("Found {} of \"{}\"", plural(out.data.count, "version"), out.data.name);
  co_return out;
}

// A JSON text, or a file's content, as a document.
Result<json::Document> document_of(std::string const& text) {
  auto parsed = json::parse(text, json::upstream_limits);
  if (!parsed) return parsed.error();
  json::Document out;
  out.CopyFrom(parsed->document, out.GetAllocator());
  return out;
}

Tool<DiffVersionResult> diff_version(HomeAssistant& self, sdk::Call& call, DiffVersionArgs args) {
  if (auto may = check_kind_scope(call, args.kind); !may) co_return may.error();
  auto naming = version_name(self, call, args.kind, args.given());
  Result<std::string> name = co_await std::move(naming);
  if (!name) co_return name.error();
  auto version = self.versions().get(args.kind, *name, args.version);
  if (!version) co_return version.error();
  std::string after_text;
  if (args.against == "current") {
    auto const where = args.kind == "file" ? raw::text(raw::member(version->record.text, "path")) : *name;
    auto reading = current_content(self, call, args.kind, where);
    Result<CurrentContent> now = co_await std::move(reading);
    if (!now) co_return now.error();
    after_text = std::move(now->text);
  } else {
    auto other = self.versions().get(args.kind, *name, args.against);
    if (!other) {
      auto error = other.error();
      error.pointer = "/against";
      co_return error;
    }
    after_text = std::move(other->config.text);
  }
  auto before = document_of(version->config.text);
  auto after = document_of(after_text);
  if (!before) co_return before.error();
  if (!after) co_return after.error();
  sdk::Answer<DiffVersionResult> out;
  auto const most = static_cast<std::size_t>(args.limit);
  if (before->IsString() && after->IsString()) {
    auto lines = line_difference(json::text_of(*before), json::text_of(*after));
    out.data.total = lines.size();
    if (lines.size() > most) lines.resize(most);
    out.data.count = lines.size();
    out.data.lines = std::move(lines);
  } else {
    out.data.changes = differences(*before, *after);
    out.data.total = out.data.changes.size();
    if (out.data.changes.size() > most) out.data.changes.resize(most);
    out.data.count = out.data.changes.size();
  }
  out.data.same = out.data.total == 0;
  out.data.kind = std::move(args.kind);
  out.data.name = std::move(*name);
  out.data.version = std::move(args.version);
  out.data.against = std::move(args.against);
  out.message = out.data.same ? "Nothing differs" : fmt::format("Found {}", plural(out.data.total, "difference"));
  co_return out;
}

Tool<RestoreVersionResult> restore_version(HomeAssistant& self, sdk::Call& call, RestoreVersionArgs args) {
  if (auto may = check_kind_scope(call, args.kind); !may) co_return may.error();
  auto naming = version_name(self, call, args.kind, args.given());
  Result<std::string> name = co_await std::move(naming);
  if (!name) co_return name.error();
  auto version = self.versions().get(args.kind, *name, args.version);
  if (!version) co_return version.error();
  auto restoring = restore_content(self, call, args.kind, *name, std::move(*version), std::move(args.expected_hash));
  Result<Restored> restored = co_await std::move(restoring);
  if (!restored) co_return restored.error();
  sdk::Answer<RestoreVersionResult> out;
  if (args.kind == "dashboard") out.data.url_path = *name;
  if (args.kind != "dashboard") out.data.source = args.kind == "file" ? "file" : "REST API";
  out.data.kind = std::move(args.kind);
  out.data.name = std::move(*name);
  out.data.version = std::move(args.version);
  out.data.created = restored->created;
  out.data.previous_hash = text_or_null(restored->previous_hash);
  out.data.hash = std::move(restored->hash);
  out.data.previous_version = std::move(restored->previous_version);
  out.data.entity_id = std::move(restored->entity_id);
  out.message = fmt::format("Restored version {} of \"{}\"", out.data.version, out.data.name);
  co_return out;
}

}  // namespace

void declare_versions(sdk::Table<HomeAssistant>& table) {
  add_tool<list_versions_op, &list_versions>(table);
  add_tool<diff_op, &diff_version>(table);
  add_tool<restore_op, &restore_version>(table);
}

}  // namespace patchbay::home_assistant
