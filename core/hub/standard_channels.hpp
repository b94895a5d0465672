// The standard channels, the event types that belong to each, and what their data must hold (hub_protocol, section 1).
//
//   if (auto wrong = check_standard("tasks", "mission_created", data, "/event")) return *wrong;
//
// A standard type is free on any channel that is not another standard one, but its data must be complete everywhere;
// any other type is free. Pure; any thread. Costs a search among some twenty names, and a parse of the data of a
// standard type.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "core/base/error.hpp"

namespace patchbay::hub {

struct StandardType {
  std::string_view channel;
  std::string_view type;
  std::array<std::string_view, 5> fields;  // of the data; unused ones are empty
};

inline constexpr std::array<std::string_view, 6> standard_channels{"missions", "agents", "system",
                                                                   "tasks",    "audit",  "metrics"};
inline constexpr std::array standard_types{
    StandardType{"missions", "mission_created", {"mission_id", "mission_data"}},
    StandardType{"missions", "mission_started", {"mission_id"}},
    StandardType{"missions", "mission_completed", {"mission_id", "result"}},
    StandardType{"missions", "mission_failed", {"mission_id", "error"}},
    StandardType{"agents", "agent_started", {"agent_id"}},
    StandardType{"agents", "agent_stopped", {"agent_id"}},
    StandardType{"agents", "agent_heartbeat", {"agent_id", "status"}},
    StandardType{"agents", "agent_error", {"agent_id", "error"}},
    StandardType{"system", "system_startup", {}},
    StandardType{"system", "system_shutdown", {}},
    StandardType{"system", "system_health", {}},
    StandardType{"system", "system_alert", {"level", "message", "details"}},
    StandardType{"tasks", "task_queued", {"task_id", "task_name"}},
    StandardType{"tasks", "task_started", {"task_id", "task_name"}},
    StandardType{"tasks", "task_completed", {"task_id", "task_name", "result"}},
    StandardType{"tasks", "task_failed", {"task_id", "task_name", "error"}},
    StandardType{"audit", "audit_log", {"who", "operation", "effect", "outcome", "trace"}},
    StandardType{"metrics", "metrics_update", {"connections", "rates", "latencies"}},
};

// `data`: valid JSON text. Errors: invalid_argument, at `type_pointer` or in "/data".
std::optional<Error> check_standard(std::string_view channel, std::string_view type, std::string_view data,
                                    std::string_view type_pointer);

}  // namespace patchbay::hub
