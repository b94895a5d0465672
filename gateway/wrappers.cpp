#include "gateway/wrappers.hpp"

#include <openssl/evp.h>
#include <spdlog/fmt/fmt.h>

namespace patchbay {
namespace {

std::string base64(std::string_view bytes) {
  std::string out(4 * ((bytes.size() + 2) / 3), '\0');
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), reinterpret_cast<unsigned char const*>(bytes.data()),
                  static_cast<int>(bytes.size()));
  return out;
}
std::string from_base64(std::string_view text) {
  std::string out(text.size() / 4 * 3, '\0');
  auto const size = EVP_DecodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                    reinterpret_cast<unsigned char const*>(text.data()), static_cast<int>(text.size()));
  if (size < 0) return {};
  out.resize(static_cast<std::size_t>(size));
  for (auto at = text.rbegin(); at != text.rend() && *at == '=' && !out.empty(); ++at) out.pop_back();
  return out;
}

std::int32_t ms(std::chrono::milliseconds time) {
  return static_cast<std::int32_t>(std::clamp<std::int64_t>(time.count(), 1, 86'400'000));
}

template <class T>
Result<void> done(Result<T> const& result) {
  if (!result) return result.error();
  return {};
}

Result<void> send_any(Gateway& gateway, websocket::SendArgs args) {
  return done(gateway.call(websocket::send, std::move(args)));
}

}  // namespace

Result<std::string> websocket_connect(Gateway& gateway, std::string_view url, WebSocketOptions const& options) {
  websocket::ConnectArgs args;
  args.url = url;
  args.timeout_ms = ms(options.timeout);
  args.headers = options.headers;
  args.subprotocols = options.subprotocols;
  args.reconnect = options.reconnect;
  args.ping_interval_ms = ms(options.ping_interval);
  args.max_message = options.max_message;
  args.max_queue = options.max_queue;
  args.compression = options.compression;
  args.tls = options.tls;
  args.proxy = options.proxy;
  args.id_field = options.id_field;
  args.breaker = options.breaker;
  if (!options.opening.empty()) {
    auto parsed = json::parse(options.opening);
    if (!parsed) return parsed.error();
    static Schema const schema = Schema::compile(describe::schema_text<std::vector<websocket::OpeningStep>>()).value();
    if (auto problem = schema.problem(parsed->document, "member")) {
      problem->pointer = "/opening" + problem->pointer;
      return *problem;
    }
    describe::read(parsed->document, args.opening);
  }
  auto made = gateway.call(websocket::connect, std::move(args));
  if (!made) return made.error();
  return std::move(made->connection_id);
}

Result<void> websocket_send(Gateway& gateway, std::string_view id, std::string_view text) {
  if (auto checked = json::check(text); !checked) return checked.error();
  websocket::SendArgs args;
  args.connection_id = id;
  args.message = RawJson{std::string{text}};
  return send_any(gateway, std::move(args));
}
Result<void> websocket_send_text(Gateway& gateway, std::string_view id, std::string_view text) {
  if (!is_utf8(text))
    return Error{Code::invalid_argument, "the text is not valid UTF-8; send bytes with websocket_send_binary", "/text"};
  websocket::SendArgs args;
  args.connection_id = id;
  args.text = std::string{text};
  return send_any(gateway, std::move(args));
}
Result<void> websocket_send_binary(Gateway& gateway, std::string_view id, std::string_view bytes) {
  websocket::SendArgs args;
  args.connection_id = id;
  args.binary = base64(bytes);
  return send_any(gateway, std::move(args));
}

Result<WebSocketMessage> websocket_receive(Gateway& gateway, std::string_view id, std::chrono::milliseconds timeout) {
  websocket::ReceiveArgs args;
  args.connection_id = id;
  args.timeout_ms = ms(timeout);
  auto got = gateway.call(websocket::receive, std::move(args));
  if (!got) return got.error();
  using Kind = WebSocketMessage::Kind;
  if (got->message) return WebSocketMessage{Kind::json, std::move(got->message->text)};
  if (got->text) return WebSocketMessage{Kind::text, std::move(*got->text)};
  return WebSocketMessage{Kind::binary, from_base64(got->binary.value_or(""))};
}

Result<void> websocket_close(Gateway& gateway, std::string_view id) {
  websocket::CloseArgs args;
  args.connection_id = id;
  return done(gateway.call(websocket::close, std::move(args)));
}

Result<RawJson> websocket_request(Gateway& gateway, std::string_view id, std::string_view text,
                                  std::chrono::milliseconds timeout) {
  if (auto checked = json::check(text); !checked) return checked.error();
  websocket::RequestArgs args;
  args.connection_id = id;
  args.message = RawJson{std::string{text}};
  args.timeout_ms = ms(timeout);
  auto answer = gateway.call(websocket::request, std::move(args));
  if (!answer) return answer.error();
  return std::move(answer->message);
}

namespace {
void log_outcome(Gateway& gateway, LogLevel level, std::string_view what, std::string_view name,
                 std::optional<std::chrono::nanoseconds> duration, Error const* error, LogFields fields) {
  if (!gateway.log().enabled(level, "operation")) return;
  auto const took =
      duration ? fmt::format("{:.3f}", std::chrono::duration<double, std::milli>(*duration).count()) : std::string{};
  fields.insert(fields.begin(), {"operation", name});
  if (duration) fields.emplace_back("duration_ms", took);
  if (error != nullptr) {
    fields.emplace_back("code", name_of(error->code));
    fields.emplace_back("reason", error->message);
  }
  gateway.log().write(level, "operation", what, fields);
}
}  // namespace

void log_operation_start(Gateway& gateway, std::string_view name, LogFields const& fields) {
  log_outcome(gateway, LogLevel::debug, "operation started", name, std::nullopt, nullptr, fields);
}
void log_operation_success(Gateway& gateway, std::string_view name, std::chrono::nanoseconds duration,
                           LogFields const& fields) {
  log_outcome(gateway, LogLevel::info, "operation succeeded", name, duration, nullptr, fields);
}
void log_operation_failure(Gateway& gateway, std::string_view name, Error const& error,
                           std::chrono::nanoseconds duration, LogFields const& fields) {
  log_outcome(gateway, LogLevel::error, "operation failed", name, duration, &error, fields);
}

Result<circuit_breaker::State> get_circuit_breaker_state(Gateway& gateway, std::string name) {
  auto info = gateway.call(circuit_breaker::get, {std::move(name), true});
  if (!info) return info.error();
  return info->state;
}
bool is_circuit_breaker_open(Gateway& gateway, std::string name) {
  auto const info = gateway.call(circuit_breaker::get, {std::move(name), false});
  return info && (info->state == circuit_breaker::State::open || info->state == circuit_breaker::State::forced_open);
}
Result<std::map<std::string, circuit_breaker::State>> get_all_circuit_breaker_states(Gateway& gateway) {
  auto list = gateway.call(circuit_breaker::list, {});
  if (!list) return list.error();
  std::map<std::string, circuit_breaker::State> out;
  for (auto const& breaker : list->breakers) out.emplace(breaker.name, breaker.state);
  return out;
}
Result<std::uint64_t> reset_all_circuit_breakers(Gateway& gateway) {
  auto result = gateway.call(circuit_breaker::reset_all, {});
  if (!result) return result.error();
  return std::uint64_t{result->count};
}

}  // namespace patchbay
