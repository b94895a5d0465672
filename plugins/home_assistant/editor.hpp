// The editor of Home Assistant: automations, scripts and scenes that it keeps in automations.yaml, scripts.yaml and
// scenes.yaml. It validates, writes and reloads by itself; a copy of what was there is kept before.
//
//   auto loading = editor.load(call, Kept::automation, key);
//   Result<Stored> now = co_await std::move(loading);                      // null when there is none
//   auto writing = editor.write(call, thing, change, [&](Stored& now) { return edited(now); });
//
// The key is the automation's or scene's id and the script's object id. A write takes its turn, compares the hash the
// caller expects, keeps the old configuration, and reads back what Home Assistant made of it. On the plugin's thread.
#pragma once

#include "plugins/home_assistant/dashboard_access.hpp"

namespace patchbay::home_assistant {

enum class Kept : std::uint8_t { automation, script, scene };
std::string_view name_of(Kept kind);
std::optional<Kept> kept_kind(std::string_view name);

struct Thing {
  Kept kind = Kept::automation;
  std::string key;
  std::string entity_id;  // kept beside the versions, so that they are found by it
};
struct Edited {
  std::string previous_hash, hash;
  std::optional<std::string> version;
  std::string text;  // as Home Assistant stores it now; of remove: what was there
  bool created = false;
};

class Editor {
 public:
  Editor(sdk::Host& host, Session& session, VersionStore& versions)
      : session_(session), versions_(versions), turns_(host.executor()) {}

  sdk::Task<Result<Stored>> load(sdk::Call& call, Kept kind, std::string key);
  // `make` gives the new configuration as JSON text. Errors: invalid_argument with Home Assistant's reason, conflict.
  using Make = std::function<Result<std::string>(Stored&)>;
  sdk::Task<Result<Edited>> write(sdk::Call& call, Thing thing, Change change, Make make);
  // Errors: not_found.
  sdk::Task<Result<Edited>> remove(sdk::Call& call, Thing thing, Change change);

 private:
  sdk::Task<Result<Turns::Turn>> enter(sdk::Call& call, Thing const& thing);
  Result<std::optional<std::string>> keep(Thing const& thing, std::string_view text, std::string_view hash,
                                          std::string_view tool);

  Session& session_;
  VersionStore& versions_;
  Turns turns_;
};

}  // namespace patchbay::home_assistant
