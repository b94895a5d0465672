// Automations, scripts and scenes as entities: found by entity id, by the key of Home Assistant's editor, or by name.
//
//   auto finding = find_item(self, call, Kept::automation, args.automation_id, "/automation_id");
//   Result<Item> item = co_await std::move(finding);
//
// On the plugin's thread.
#pragma once

#include "plugins/home_assistant/editor.hpp"
#include "plugins/home_assistant/plugin.hpp"

namespace patchbay::home_assistant {

struct Item {
  std::string entity_id;
  std::string key;  // of the editor; empty for what was written by hand without an id
  std::string name;
  std::string state;
  RawJson attributes{"{}"};
  std::string last_changed;
};

Item item_of(std::string_view state);

// All entities of a kind, by entity id.
sdk::Task<Result<std::vector<Item>>> list_items(HomeAssistant& self, sdk::Call& call, Kept kind);
// Errors: not_found with the nearest ids; conflict when a name fits several.
sdk::Task<Result<Item>> find_item(HomeAssistant& self, sdk::Call& call, Kept kind, std::string given,
                                  std::string pointer);
// The key that the registry has for an entity; empty when it has none.
sdk::Task<Result<std::string>> key_of(HomeAssistant& self, sdk::Call& call, std::string entity_id);
// Waits until an entity of the kind with this key is there; empty when it does not come in `span`.
sdk::Task<Result<std::string>> await_item(HomeAssistant& self, sdk::Call& call, Kept kind, std::string key,
                                          std::chrono::milliseconds span);
// Waits until `holds` says yes to the states; false when it does not in `span`.
using Holds = std::function<bool(std::string_view states)>;
sdk::Task<Result<bool>> await_states(HomeAssistant& self, sdk::Call& call, Holds holds, std::chrono::milliseconds span);

// The state of one entity in a list of states, or empty.
std::string_view state_in(std::string_view states, std::string_view entity_id);
std::vector<RawJson> changed_by(std::string_view states, std::string_view context_id);

// A service that may take long, such as one that runs an automation: waits at most `span` for its end.
struct ServiceDone {
  bool finished = false;
  std::string context_id;  // known when finished
};
sdk::Task<Result<ServiceDone>> run_service(HomeAssistant& self, sdk::Call& call, Command command,
                                           std::chrono::milliseconds span);
Command service_command(std::string_view domain, std::string_view service, std::string_view entity_id,
                        std::string_view data = {});

}  // namespace patchbay::home_assistant
