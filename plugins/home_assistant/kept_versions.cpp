#include "plugins/home_assistant/kept_versions.hpp"

#include <spdlog/fmt/fmt.h>

#include "plugins/home_assistant/automation_config.hpp"
#include "plugins/home_assistant/dashboard_fields.hpp"
#include "plugins/home_assistant/items.hpp"
#include "plugins/home_assistant/raw_json.hpp"

namespace patchbay::home_assistant {
namespace {

constexpr char const* restoring_tool = "ha_restore_version";

// Makes a deleted dashboard again, as its record says.
sdk::Task<Result<Dashboard>> make_again(HomeAssistant& self, sdk::Call& call, std::string name, std::string record) {
  auto was = dashboard_of(record);
  if (was.title.empty()) was.title = name;
  auto creating = self.session().command(call, create_command(name, was, true));
  Result<Frame> created = co_await std::move(creating);
  if (!created) co_return created.error();
  co_return dashboard_of(created->result());
}

sdk::Task<Result<Restored>> restore_dashboard(HomeAssistant& self, sdk::Call& call, std::string name,
                                              KeptVersion version, std::optional<std::string> expected_hash) {
  Restored out;
  auto finding = self.dashboards().find(call, name);
  Result<Dashboard> found = co_await std::move(finding);
  if (!found && found.error().code == Code::not_found) {
    Change change{restoring_tool, expected_hash};
    if (auto same = check_expected(change, {}); !same) co_return same.error();
    auto making = make_again(self, call, name, version.record.text);
    found = co_await std::move(making);
    out.created = true;
    expected_hash.reset();
  }
  if (!found) co_return found.error();
  Change change{restoring_tool, std::move(expected_hash)};
  Dashboards::Make make = [&version](Stored&) -> Result<std::string> { return version.config.text; };
  auto writing = self.dashboards().write(call, *found, std::move(change), std::move(make));
  Result<Written> written = co_await std::move(writing);
  if (!written) co_return written.error();
  out.previous_hash = written->previous_hash;
  out.hash = written->hash;
  out.previous_version = written->version;
  co_return out;
}

Result<std::string> in_present_words(Kept kind, std::string const& config, bool plural_keys) {
  auto parsed = json::parse(config, json::upstream_limits);
  if (!parsed || !parsed->document.IsObject()) return Error{Code::internal, "the kept version is damaged"};
  json::Document document;
  document.CopyFrom(parsed->document, document.GetAllocator());
  if (kind == Kept::automation) in_words_of(document, plural_keys);
  if (kind == Kept::script && json::find(document, "sequence") != nullptr)
    actions_in_words_of(member_of(document, "sequence", document.GetAllocator()), plural_keys, document.GetAllocator());
  return json::to_text(document);
}

sdk::Task<Result<Restored>> restore_edited(HomeAssistant& self, sdk::Call& call, Kept kind, std::string name,
                                           KeptVersion version, std::optional<std::string> expected_hash) {
  auto opening = self.session().ready(&call);  // the version of Home Assistant decides the words
  Result<std::string> connected = co_await std::move(opening);
  if (!connected) co_return connected.error();
  bool const plural_keys = self.session().features().plural_automation_keys();
  auto const entity_id = raw::text(raw::member(version.record.text, "entity_id"));
  Editor::Make make = [&version, kind, plural_keys](Stored&) {
    return in_present_words(kind, version.config.text, plural_keys);
  };
  Thing thing{kind, name, entity_id};
  Change change{restoring_tool, std::move(expected_hash)};
  auto writing = self.editor().write(call, std::move(thing), std::move(change), std::move(make));
  Result<Edited> written = co_await std::move(writing);
  if (!written) co_return written.error();
  Restored out{
      std::move(written->previous_hash), std::move(written->hash), std::move(written->version), {}, written->created};
  if (kind == Kept::script) {
    auto const script = entity_id.empty() ? "script." + name : entity_id;
    auto there = [&script](std::string_view states) { return !state_in(states, script).empty(); };
    auto waiting = await_states(self, call, there, std::chrono::seconds{10});
    Result<bool> loaded = co_await std::move(waiting);
    if (loaded && *loaded) out.entity_id = script;
  } else {
    auto waiting = await_item(self, call, kind, name, std::chrono::seconds{10});
    Result<std::string> loaded = co_await std::move(waiting);
    if (loaded && !loaded->empty()) out.entity_id = *loaded;
  }
  co_return out;
}

Result<Restored> restore_file(HomeAssistant& self, KeptVersion const& version,
                              std::optional<std::string> expected_hash) {
  auto content = Files::content_of(version.config.text);
  if (!content) return content.error();
  FileChange change;
  change.path = raw::text(raw::member(version.record.text, "path"));
  change.bytes = std::move(*content);
  change.tool = restoring_tool;
  change.expected_hash = std::move(expected_hash);
  change.pointer = "/name";
  auto written = self.files().write(std::move(change));
  if (!written) return written.error();
  return Restored{
      written->previous_hash.value_or(""), std::move(written->hash), std::move(written->version), {}, written->created};
}

}  // namespace

Result<void> check_kind_scope(sdk::Call const& call, std::string_view kind) {
  if (kind != "file" || call.may("ha.files")) return {};
  return Error{Code::forbidden, "versions of files take the scope ha.files", "/kind"};
}

sdk::Task<Result<std::string>> version_name(HomeAssistant& self, sdk::Call& call, std::string kind, std::string given) {
  if (kind == "dashboard") co_return is_default_dashboard(given) ? std::string{"lovelace"} : given;
  if (given.empty())
    co_return Error{Code::invalid_argument, fmt::format("says which {}: an id, or an entity id", kind), "/name"};
  if (kind == "file") co_return version_name_of(given);
  auto names = self.versions().names(kind);
  if (!names) co_return names.error();
  if (std::binary_search(names->begin(), names->end(), given)) co_return given;
  auto const entity_id = given.find('.') == std::string::npos ? kind + "." + given : given;
  for (auto const& name : *names) {  // also of one that is gone
    auto versions = self.versions().list(kind, name);
    if (!versions || versions->empty()) continue;
    auto newest = self.versions().get(kind, name, versions->front().version);
    if (newest && raw::text(raw::member(newest->record.text, "entity_id")) == entity_id) co_return name;
  }
  auto const which = *kept_kind(kind);
  auto finding = find_item(self, call, which, given, "/name");
  Result<Item> item = co_await std::move(finding);
  if (!item) co_return item.error();
  if (!item->key.empty() || which != Kept::script) co_return item->key;
  auto asking = key_of(self, call, item->entity_id);
  Result<std::string> key = co_await std::move(asking);
  co_return key;
}

sdk::Task<Result<CurrentContent>> current_content(HomeAssistant& self, sdk::Call& call, std::string kind,
                                                  std::string name) {
  CurrentContent out;
  if (kind == "dashboard") {
    auto finding = self.dashboards().find(call, name);
    Result<Dashboard> found = co_await std::move(finding);
    if (!found && found.error().code == Code::not_found) co_return out;
    if (!found) co_return found.error();
    auto loading = self.dashboards().load(call, *found);
    Result<Stored> stored = co_await std::move(loading);
    if (!stored) co_return stored.error();
    out.text = std::move(stored->text);
    out.hash = std::move(stored->hash);
    co_return out;
  }
  if (auto const which = kept_kind(kind)) {
    auto loading = self.editor().load(call, *which, name);
    Result<Stored> stored = co_await std::move(loading);
    if (!stored) co_return stored.error();
    out.text = std::move(stored->text);
    out.hash = std::move(stored->hash);
    co_return out;
  }
  auto folder = self.files().folder();
  if (!folder) co_return folder.error();
  auto content = (*folder)->read(name, most_version_bytes, "/name");
  if (!content && content.error().code == Code::not_found) co_return out;
  if (!content) co_return content.error();
  out.text = json::quoted(content->bytes);
  co_return out;
}

sdk::Task<Result<Restored>> restore_content(HomeAssistant& self, sdk::Call& call, std::string kind, std::string name,
                                            KeptVersion version, std::optional<std::string> expected_hash) {
  if (kind == "dashboard") {
    auto restoring = restore_dashboard(self, call, std::move(name), std::move(version), std::move(expected_hash));
    Result<Restored> restored = co_await std::move(restoring);
    co_return restored;
  }
  if (auto const which = kept_kind(kind)) {
    auto restoring = restore_edited(self, call, *which, std::move(name), std::move(version), std::move(expected_hash));
    Result<Restored> restored = co_await std::move(restoring);
    co_return restored;
  }
  co_return restore_file(self, version, std::move(expected_hash));
}

}  // namespace patchbay::home_assistant
