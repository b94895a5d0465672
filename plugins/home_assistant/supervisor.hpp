// The Supervisor of a Home Assistant OS or supervised system: directly, where its token is in the environment (an
// add-on has one), else through Home Assistant's own socket with an administrator's token. Most installations have
// none.
//
//   auto asking = ask_supervisor(self, call, {.method = "post", .endpoint = "/addons/core_mosquitto/start"});
//   Result<RawJson> data = co_await std::move(asking);           // the `data` of its answer
//
// On the plugin's thread. Errors: unavailable (there is none, saying how one is reached), not_found, invalid_argument,
// auth_failed, forbidden, conflict, upstream_failed with the Supervisor's words.
#pragma once

#include "plugins/home_assistant/plugin.hpp"

namespace patchbay::home_assistant {

struct SupervisorQuestion {
  std::string method = "get";
  std::string endpoint;
  std::string body{};  // JSON, or empty
};

sdk::Task<Result<RawJson>> ask_supervisor(HomeAssistant& self, sdk::Call& call, SupervisorQuestion question);
// The same for an endpoint that answers with text.
sdk::Task<Result<std::string>> supervisor_text(HomeAssistant& self, sdk::Call& call, std::string endpoint);

// The slug of the add-on that the gateway runs in; empty when it runs in none, or that cannot be told.
sdk::Task<std::string> own_addon(HomeAssistant& self, sdk::Call& call);

}  // namespace patchbay::home_assistant
