// Snapshot: the present picture of a camera, as the tools that show or send it need it.
//
//   auto taking = snapshot_of(self, call, "camera.hall", "/entity_id");
//   Result<Snapshot> picture = co_await std::move(taking);
//
// On the plugin's thread. Errors: invalid_argument (no camera), not_found with the nearest, unavailable (the camera
// gives no picture), too_large, those of the session.
#pragma once

#include "plugins/home_assistant/plugin.hpp"

namespace patchbay::home_assistant {

struct Snapshot {
  std::string base64;
  std::string content_type;  // image/jpeg, also where Home Assistant says image/jpg
  std::uint64_t size = 0;
  std::string data_uri() const { return "data:" + content_type + ";base64," + base64; }
};

sdk::Task<Result<Snapshot>> snapshot_of(HomeAssistant& self, sdk::Call& call, std::string entity_id,
                                        std::string pointer);

}  // namespace patchbay::home_assistant
