// The kept versions of all kinds behind one face: what a version is called, what stands there now, and putting it in
// force again.
//
//   auto naming = version_name(self, call, "automation", "automation.morning");     // -> its key in the store
//   auto reading = current_content(self, call, "automation", name);                 // null: nothing is there
//   auto restoring = restore_content(self, call, "automation", name, version, expected_hash);
//
// On the plugin's thread.
#pragma once

#include "plugins/home_assistant/editor.hpp"
#include "plugins/home_assistant/plugin.hpp"

namespace patchbay::home_assistant {

// A dashboard's url_path (nothing: the default one), an automation's, script's or scene's id or entity id (also of one
// that is gone), a file's path.
sdk::Task<Result<std::string>> version_name(HomeAssistant& self, sdk::Call& call, std::string kind, std::string given);

struct CurrentContent {
  std::string text = "null";  // JSON; of a file: its content as a JSON string
  std::string hash;
};
sdk::Task<Result<CurrentContent>> current_content(HomeAssistant& self, sdk::Call& call, std::string kind,
                                                  std::string name);

struct Restored {
  std::string previous_hash, hash;
  std::optional<std::string> previous_version, entity_id;
  bool created = false;
};
sdk::Task<Result<Restored>> restore_content(HomeAssistant& self, sdk::Call& call, std::string kind, std::string name,
                                            KeptVersion version, std::optional<std::string> expected_hash);

// What a kind takes besides the tool's own scope.
Result<void> check_kind_scope(sdk::Call const& call, std::string_view kind);

}  // namespace patchbay::home_assistant
