// The named wrappers: what a host program calls. Each is a line or two over Gateway::call.
//
//   patchbay::Gateway gateway;
//   gateway.start().value();
//   auto id = patchbay::websocket_connect(gateway, "wss://example.org/socket");
//   if (!id) return report(id.error());
//   auto answer = patchbay::websocket_request(gateway, *id, R"({"type": "ping"})", std::chrono::seconds{5});
//   patchbay::log_info(gateway, "asked", {{"answer", answer ? answer->text : "none"}});
//
// Any of the host's threads; blocking, unless said. A Result<T> is true in a condition when it worked, `.value()`
// throws an ErrorException otherwise. Times are durations here, milliseconds at the JSON edge.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/circuit_breaker/guard.hpp"
#include "core/metrics/operations.hpp"
#include "core/websocket/operations.hpp"
#include "gateway/gateway.hpp"

namespace patchbay {

// --- WEBSOCKET ---

struct WebSocketOptions {
  std::chrono::milliseconds timeout = std::chrono::seconds{10};  // for each attempt, the opening included
  std::map<std::string, std::string> headers{};
  std::vector<std::string> subprotocols{};
  bool reconnect = true;
  std::chrono::milliseconds ping_interval = std::chrono::seconds{30};
  std::uint64_t max_message = 16'777'216;  // bytes
  std::uint64_t max_queue = 1'048'576;     // bytes waiting to be sent
  bool compression = false;
  websocket::TlsArgs tls{};
  std::string proxy{};    // http://host:port
  std::string opening{};  // JSON list of steps: {"expect": {...}, "refuse": {...}} or {"send": {...}}
  std::string id_field = "id";
  std::string breaker{};  // default: ws:<host>:<port>
};
struct WebSocketMessage {
  enum class Kind { json, text, binary } kind = Kind::json;
  std::string data;  // JSON text, text, or bytes
};

// The id of the new connection. Errors: invalid_argument, connect_failed, tls_failed, auth_failed (an opening step was
// refused), upstream_failed, deadline_exceeded, circuit_open.
Result<std::string> websocket_connect(Gateway& gateway, std::string_view url, WebSocketOptions const& options = {});
// One message as JSON text (checked), queued in order. Errors: invalid_argument, not_found, connection_lost,
// backpressure.
Result<void> websocket_send(Gateway& gateway, std::string_view id, std::string_view json);
Result<void> websocket_send_text(Gateway& gateway, std::string_view id, std::string_view text);
Result<void> websocket_send_binary(Gateway& gateway, std::string_view id, std::string_view bytes);
// The next message that no request or subscription has asked for. Errors: deadline_exceeded, not_found,
// connection_lost.
Result<WebSocketMessage> websocket_receive(Gateway& gateway, std::string_view id,
                                           std::chrono::milliseconds timeout = std::chrono::seconds{10});
// Closes and forgets the connection. Errors: not_found.
Result<void> websocket_close(Gateway& gateway, std::string_view id);
// Sends the JSON object under a new id and gives back the whole frame that answers it. The other side's own
// `success: false` is no error of ours. Errors: deadline_exceeded, connection_lost (never repeated), not_found.
Result<RawJson> websocket_request(Gateway& gateway, std::string_view id, std::string_view json,
                                  std::chrono::milliseconds timeout = std::chrono::seconds{10});

// --- LOGGING: straight to the log, by the same levels as LOGGING.log; never fail, never block ---

using LogFields = std::vector<LogField>;
inline void log_debug(Gateway& gateway, std::string_view message, LogFields const& fields = {}) {
  gateway.log().write(LogLevel::debug, "app", message, fields);
}
inline void log_info(Gateway& gateway, std::string_view message, LogFields const& fields = {}) {
  gateway.log().write(LogLevel::info, "app", message, fields);
}
inline void log_warning(Gateway& gateway, std::string_view message, LogFields const& fields = {}) {
  gateway.log().write(LogLevel::warning, "app", message, fields);
}
inline void log_error(Gateway& gateway, std::string_view message, LogFields const& fields = {}) {
  gateway.log().write(LogLevel::error, "app", message, fields);
}
inline void log_critical(Gateway& gateway, std::string_view message, LogFields const& fields = {}) {
  gateway.log().write(LogLevel::critical, "app", message, fields);
}
void log_operation_start(Gateway& gateway, std::string_view name, LogFields const& fields = {});
void log_operation_success(Gateway& gateway, std::string_view name, std::chrono::nanoseconds duration,
                           LogFields const& fields = {});
void log_operation_failure(Gateway& gateway, std::string_view name, Error const& error,
                           std::chrono::nanoseconds duration, LogFields const& fields = {});

// --- METRICS: names and label names as Prometheus takes them; errors: invalid_argument, conflict, rate_limited ---

using MetricLabels = std::map<std::string, std::string>;
Result<void> metrics_increment(Gateway& gateway, std::string name, double value = 1, MetricLabels labels = {});
Result<void> metrics_set_gauge(Gateway& gateway, std::string name, double value, MetricLabels labels = {});
Result<void> metrics_add_gauge(Gateway& gateway, std::string name, double value, MetricLabels labels = {});
Result<void> metrics_observe(Gateway& gateway, std::string name, double value, MetricLabels labels = {},
                             std::vector<double> buckets = {});
Result<void> metrics_record_operation(Gateway& gateway, std::string operation, std::chrono::nanoseconds duration,
                                      bool success = true, std::string error_code = {});
Result<std::string> metrics_scrape(Gateway& gateway);  // the text that Prometheus reads

// --- CIRCUIT_BREAKER ---

// Runs the function under the breaker, on this thread. It may return a value, nothing, or a Result; a returned Error
// and an exception count as failures, the exception goes on to the caller. Errors: circuit_open (the function was not
// called, retry_after_ms says when to try again), backpressure, the function's own.
template <class Function>
auto execute_with_circuit_breaker(Gateway& gateway, std::string name, Function&& function) {
  return circuit_breaker::execute(gateway.caller(), std::move(name), std::forward<Function>(function));
}
Result<circuit_breaker::State> get_circuit_breaker_state(Gateway& gateway, std::string name);
bool is_circuit_breaker_open(Gateway& gateway, std::string name);
Result<std::map<std::string, circuit_breaker::State>> get_all_circuit_breaker_states(Gateway& gateway);
Result<std::uint64_t> reset_all_circuit_breakers(Gateway& gateway);  // how many

}  // namespace patchbay
