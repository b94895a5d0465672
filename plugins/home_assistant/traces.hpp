// Runs of automations and scripts that Home Assistant has traced.
#pragma once

#include "plugins/home_assistant/plugin.hpp"

namespace patchbay::home_assistant {

// The short records of runs, newest first, as Home Assistant gives them; of all when `key` is empty. `domain`:
// automation or script. Takes an administrator's token.
sdk::Task<Result<std::vector<RawJson>>> list_traces(HomeAssistant& self, sdk::Call& call, std::string domain,
                                                    std::string key);

}  // namespace patchbay::home_assistant
