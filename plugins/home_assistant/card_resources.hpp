// The dashboard resources, which bring custom cards.
//
//   auto asking = missing_card_warnings(self, call, "custom:button-card");
//   std::vector<std::string> warnings = co_await std::move(asking);
//
// On the plugin's thread; one question to Home Assistant.
#pragma once

#include "plugins/home_assistant/plugin.hpp"

namespace patchbay::home_assistant {

// Warns when no resource seems to bring a custom card: the dashboard would show an error in its place.
sdk::Task<std::vector<std::string>> missing_card_warnings(HomeAssistant& self, sdk::Call& call, std::string type);

}  // namespace patchbay::home_assistant
