// The hub's named wrappers: what a host program sends to its browsers. Each is a line or two over Gateway::call.
//
//   patchbay::hub_publish(gateway, "rooms.one", R"({"text":"hello"})", "note");
//   patchbay::hub_send_to_user(gateway, "user_123", R"({"type":"notification","data":{"title":"Done"}})");
//   patchbay::emit_mission_created(gateway, "7", R"({"name":"sweep"})");
//   patchbay::emit_system_alert(gateway, "warning", "disk is nearly full", R"({"free":"2 %"})");
//
// Any of the host's threads; blocking. Data, results and details are JSON text, checked here; the rest is plain text.
// Errors: invalid_argument (not JSON, a name that is no channel, a standard type on another standard channel or with
// its data incomplete), too_large. The value of an emitter is how many subscriptions it goes to.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "core/hub/operations.hpp"
#include "gateway/gateway.hpp"

namespace patchbay {

Result<hub::PublishResult> hub_publish(Gateway& gateway, std::string channel, std::string data,
                                       std::string event = "message", bool receipt = false,
                                       std::string idempotency_key = {});
// How many connections it goes to.
Result<std::uint32_t> hub_broadcast(Gateway& gateway, std::string message);
// Kept for a user who is away for as long as `queue` says.
Result<hub::SendResult> hub_send_to_user(Gateway& gateway, std::string user_id, std::string message,
                                         bool receipt = false, std::chrono::milliseconds queue = {});
Result<std::uint32_t> hub_send_to_chat(Gateway& gateway, std::string workflow, std::string app_id, std::string chat_id,
                                       std::string message);

// --- emitters
using Emitted = Result<std::uint32_t>;

Emitted emit_event(Gateway& gateway, std::string channel, std::string event_type, std::string data);

Emitted emit_mission_created(Gateway& gateway, std::string_view mission_id, std::string_view mission_data = "{}");
Emitted emit_mission_started(Gateway& gateway, std::string_view mission_id);
Emitted emit_mission_completed(Gateway& gateway, std::string_view mission_id, std::string_view result = "null");
Emitted emit_mission_failed(Gateway& gateway, std::string_view mission_id, std::string_view error);

Emitted emit_agent_started(Gateway& gateway, std::string_view agent_id);
Emitted emit_agent_stopped(Gateway& gateway, std::string_view agent_id);
Emitted emit_agent_heartbeat(Gateway& gateway, std::string_view agent_id, std::string_view status = "ok");
Emitted emit_agent_error(Gateway& gateway, std::string_view agent_id, std::string_view error);

Emitted emit_system_startup(Gateway& gateway, std::string_view health = "{}");
Emitted emit_system_shutdown(Gateway& gateway, std::string_view health = "{}");
Emitted emit_system_health(Gateway& gateway, std::string_view health);
Emitted emit_system_alert(Gateway& gateway, std::string_view level, std::string_view message,
                          std::string_view details = "{}");

Emitted emit_task_queued(Gateway& gateway, std::string_view task_id, std::string_view task_name);
Emitted emit_task_started(Gateway& gateway, std::string_view task_id, std::string_view task_name);
Emitted emit_task_completed(Gateway& gateway, std::string_view task_id, std::string_view task_name,
                            std::string_view result = "null");
Emitted emit_task_failed(Gateway& gateway, std::string_view task_id, std::string_view task_name,
                         std::string_view error);

Emitted emit_audit_log(Gateway& gateway, std::string_view who, std::string_view operation, std::string_view effect,
                       std::string_view outcome, std::string_view trace = {});
Emitted emit_metrics_update(Gateway& gateway, std::string_view connections, std::string_view rates,
                            std::string_view latencies);

}  // namespace patchbay
