#include "gateway/hub_wrappers.hpp"

namespace patchbay {
namespace {

std::optional<Error> not_json(std::string_view text, std::string_view what) {
  auto const parsed = json::parse(text, json::upstream_limits);
  if (parsed) return std::nullopt;
  return Error{Code::invalid_argument, std::string{what} + " is not JSON: " + parsed.error().message,
               json::pointer_token(what)};
}

// The data of a standard event, member by member.
class Data {
 public:
  Data& text(std::string_view name, std::string_view value) { return add(name, json::quoted(value)); }
  Data& raw(std::string_view name, std::string_view value) {
    if (!error_) error_ = not_json(value, name);
    return add(name, value);
  }
  Emitted emit(Gateway& gateway, std::string channel, std::string type) {
    if (error_) return *error_;
    return emit_event(gateway, std::move(channel), std::move(type), '{' + members_ + '}');
  }

 private:
  Data& add(std::string_view name, std::string_view value) {
    if (!members_.empty()) members_ += ',';
    members_ += json::quoted(name) + ':';
    members_ += value;
    return *this;
  }
  std::string members_;
  std::optional<Error> error_;
};

Emitted health_event(Gateway& gateway, std::string type, std::string_view health) {
  return emit_event(gateway, "system", std::move(type), std::string{health});
}

}  // namespace

Result<hub::PublishResult> hub_publish(Gateway& gateway, std::string channel, std::string data, std::string event,
                                       bool receipt, std::string idempotency_key) {
  if (auto error = not_json(data, "data")) return *error;
  hub::PublishArgs args{.channel = std::move(channel), .data = {std::move(data)}, .event = std::move(event)};
  args.receipt = receipt;
  if (!idempotency_key.empty()) args.idempotency_key = std::move(idempotency_key);
  return gateway.call(hub::publish, std::move(args));
}

Result<std::uint32_t> hub_broadcast(Gateway& gateway, std::string message) {
  if (auto error = not_json(message, "message")) return *error;
  auto done = gateway.call(hub::broadcast, hub::BroadcastArgs{{std::move(message)}});
  if (!done) return done.error();
  return done->connections;
}

Result<hub::SendResult> hub_send_to_user(Gateway& gateway, std::string user_id, std::string message, bool receipt,
                                         std::chrono::milliseconds queue) {
  if (auto error = not_json(message, "message")) return *error;
  hub::SendToUserArgs args{.user_id = std::move(user_id), .message = {std::move(message)}, .receipt = receipt};
  args.queue_ms = static_cast<std::uint32_t>(std::clamp<std::int64_t>(queue.count(), 0, 86'400'000));
  return gateway.call(hub::send_to_user, std::move(args));
}

Result<std::uint32_t> hub_send_to_chat(Gateway& gateway, std::string workflow, std::string app_id, std::string chat_id,
                                       std::string message) {
  if (auto error = not_json(message, "message")) return *error;
  hub::SendToChatArgs args{std::move(workflow), std::move(app_id), std::move(chat_id), {std::move(message)}};
  auto done = gateway.call(hub::send_to_chat, std::move(args));
  if (!done) return done.error();
  return done->connections;
}

Emitted emit_event(Gateway& gateway, std::string channel, std::string event_type, std::string data) {
  if (auto error = not_json(data, "data")) return *error;
  hub::EmitArgs args{std::move(channel), std::move(event_type), {std::move(data)}};
  auto done = gateway.call(hub::emit, std::move(args));
  if (!done) return done.error();
  return done->subscribers;
}

Emitted emit_mission_created(Gateway& gateway, std::string_view mission_id, std::string_view mission_data) {
  return Data{}
      .text("mission_id", mission_id)
      .raw("mission_data", mission_data)
      .emit(gateway, "missions", "mission_created");
}
Emitted emit_mission_started(Gateway& gateway, std::string_view mission_id) {
  return Data{}.text("mission_id", mission_id).emit(gateway, "missions", "mission_started");
}
Emitted emit_mission_completed(Gateway& gateway, std::string_view mission_id, std::string_view result) {
  return Data{}.text("mission_id", mission_id).raw("result", result).emit(gateway, "missions", "mission_completed");
}
Emitted emit_mission_failed(Gateway& gateway, std::string_view mission_id, std::string_view error) {
  return Data{}.text("mission_id", mission_id).text("error", error).emit(gateway, "missions", "mission_failed");
}

Emitted emit_agent_started(Gateway& gateway, std::string_view agent_id) {
  return Data{}.text("agent_id", agent_id).emit(gateway, "agents", "agent_started");
}
Emitted emit_agent_stopped(Gateway& gateway, std::string_view agent_id) {
  return Data{}.text("agent_id", agent_id).emit(gateway, "agents", "agent_stopped");
}
Emitted emit_agent_heartbeat(Gateway& gateway, std::string_view agent_id, std::string_view status) {
  return Data{}.text("agent_id", agent_id).text("status", status).emit(gateway, "agents", "agent_heartbeat");
}
Emitted emit_agent_error(Gateway& gateway, std::string_view agent_id, std::string_view error) {
  return Data{}.text("agent_id", agent_id).text("error", error).emit(gateway, "agents", "agent_error");
}

Emitted emit_system_startup(Gateway& gateway, std::string_view health) {
  return health_event(gateway, "system_startup", health);
}
Emitted emit_system_shutdown(Gateway& gateway, std::string_view health) {
  return health_event(gateway, "system_shutdown", health);
}
Emitted emit_system_health(Gateway& gateway, std::string_view health) {
  return health_event(gateway, "system_health", health);
}
Emitted emit_system_alert(Gateway& gateway, std::string_view level, std::string_view message,
                          std::string_view details) {
  return Data{}
      .text("level", level)
      .text("message", message)
      .raw("details", details)
      .emit(gateway, "system", "system_alert");
}

Emitted emit_task_queued(Gateway& gateway, std::string_view task_id, std::string_view task_name) {
  return Data{}.text("task_id", task_id).text("task_name", task_name).emit(gateway, "tasks", "task_queued");
}
Emitted emit_task_started(Gateway& gateway, std::string_view task_id, std::string_view task_name) {
  return Data{}.text("task_id", task_id).text("task_name", task_name).emit(gateway, "tasks", "task_started");
}
Emitted emit_task_completed(Gateway& gateway, std::string_view task_id, std::string_view task_name,
                            std::string_view result) {
  return Data{}
      .text("task_id", task_id)
      .text("task_name", task_name)
      .raw("result", result)
      .emit(gateway, "tasks", "task_completed");
}
Emitted emit_task_failed(Gateway& gateway, std::string_view task_id, std::string_view task_name,
                         std::string_view error) {
  return Data{}
      .text("task_id", task_id)
      .text("task_name", task_name)
      .text("error", error)
      .emit(gateway, "tasks", "task_failed");
}

Emitted emit_audit_log(Gateway& gateway, std::string_view who, std::string_view operation, std::string_view effect,
                       std::string_view outcome, std::string_view trace) {
  return Data{}
      .text("who", who)
      .text("operation", operation)
      .text("effect", effect)
      .text("outcome", outcome)
      .text("trace", trace)
      .emit(gateway, "audit", "audit_log");
}
Emitted emit_metrics_update(Gateway& gateway, std::string_view connections, std::string_view rates,
                            std::string_view latencies) {
  return Data{}
      .raw("connections", connections)
      .raw("rates", rates)
      .raw("latencies", latencies)
      .emit(gateway, "metrics", "metrics_update");
}

}  // namespace patchbay
