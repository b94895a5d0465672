// Commands of Home Assistant that answer by events: all of them until the last, or until the time is up.
//
//   auto collecting = collect_events(self, call, Command{"system_health/info"}, is_last, std::chrono::seconds{5});
//   Result<Collected> events = co_await std::move(collecting);
//
// The subscription ends with it. On the plugin's thread.
#pragma once

#include "plugins/home_assistant/plugin.hpp"

namespace patchbay::home_assistant {

struct Collected {
  std::vector<std::string> events;
  bool complete = false;  // the last one came in time
};
using IsLast = std::function<bool(std::string_view event)>;
sdk::Task<Result<Collected>> collect_events(HomeAssistant& self, sdk::Call& call, Command command, IsLast is_last,
                                            std::chrono::milliseconds span);

}  // namespace patchbay::home_assistant
