// The operations of WEBSOCKET, the client side, declared once.
//
//   websocket::ConnectArgs args{.url = "ws://127.0.0.1:8123/api/websocket"};
//   args.opening = {{.expect = RawJson{R"({"type":"auth_required"})"}},
//                   {.send = RawJson{R"({"type":"auth","access_token":"..."})"}},
//                   {.expect = RawJson{R"({"type":"auth_ok"})"}, .refuse = RawJson{R"({"type":"auth_invalid"})"}}};
//   auto made = co_await caller.call(websocket::connect, call, std::move(args));
//   websocket::RequestArgs ask{.connection_id = made->connection_id, .message = {R"({"type":"get_states"})"}};
//   auto answer = co_await caller.call(websocket::request, call, std::move(ask));
//
// A connection belongs to the principal that made it. Messages are raw JSON text in C++ as well; binary is base64.
#pragma once

#include <map>

#include "core/base/operation.hpp"

namespace patchbay::websocket {

struct TlsArgs {
  std::string ca{};
  bool verify = true;
  std::string server_name{};
};
// One step of the opening script: either `expect` (with or without `refuse`) or `send`.
struct OpeningStep {
  std::optional<RawJson> expect{};
  std::optional<RawJson> refuse{};
  std::optional<RawJson> send{};
};
struct ConnectArgs {
  std::string url{};
  std::int32_t timeout_ms = 10'000;
  std::map<std::string, std::string> headers{};
  std::vector<std::string> subprotocols{};
  bool reconnect = true;
  std::int32_t reconnect_max_ms = 30'000;
  std::int32_t ping_interval_ms = 30'000;
  std::uint64_t max_message = 16'777'216;
  std::uint64_t max_queue = 1'048'576;
  bool compression = false;
  TlsArgs tls{};
  std::string proxy{};
  std::vector<OpeningStep> opening{};
  std::string id_field = "id";
  std::string breaker{};
};
struct ConnectResult {
  std::string connection_id;
  std::optional<std::string> subprotocol{};
  std::vector<RawJson> opening{};
};
inline constexpr Operation<ConnectArgs, ConnectResult> connect{
    .name = "WEBSOCKET.connect",
    .summary = "Open a WebSocket connection to another server and keep it open.",
    .effect = Effect::write,
    .timeout = std::chrono::seconds{11},
    .errors = codes(Code::invalid_argument, Code::forbidden, Code::connect_failed, Code::tls_failed, Code::auth_failed,
                    Code::upstream_failed, Code::too_large, Code::deadline_exceeded, Code::circuit_open,
                    Code::backpressure, Code::rate_limited),
    .reaches_out = true,
    .timeout_from_args = true,
    .example = R"({"url":"ws://127.0.0.1:8123/api/websocket"})"};

struct SendArgs {
  std::string connection_id;
  std::optional<RawJson> message{};
  std::optional<std::string> text{};
  std::optional<std::string> binary{};
};
struct SendResult {
  std::uint64_t queued_bytes = 0;
};
inline constexpr Operation<SendArgs, SendResult> send{
    .name = "WEBSOCKET.send",
    .summary = "Send one message on a connection, as JSON, text or binary.",
    .effect = Effect::write,
    .errors = codes(Code::not_found, Code::connection_lost, Code::auth_failed, Code::circuit_open, Code::backpressure,
                    Code::too_large),
    .reaches_out = true,
    .example = R"({"connection_id":"w0-0","message":{"type":"hello"}})"};

struct ReceiveArgs {
  std::string connection_id;
  std::int32_t timeout_ms = 10'000;
};
// Exactly one of them.
struct ReceiveResult {
  std::optional<RawJson> message{};
  std::optional<std::string> text{};
  std::optional<std::string> binary{};
};
inline constexpr Operation<ReceiveArgs, ReceiveResult> receive{
    .name = "WEBSOCKET.receive",
    .summary = "Take the next message that no request or subscription has asked for.",
    .effect = Effect::write,  // the message is gone from the queue
    .audited = false,
    .timeout = std::chrono::seconds{11},
    .errors = codes(Code::not_found, Code::connection_lost, Code::auth_failed, Code::deadline_exceeded),
    .reaches_out = true,
    .timeout_from_args = true,
    .example = R"({"connection_id":"w0-0","timeout_ms":1000})"};

struct RequestArgs {
  std::string connection_id;
  RawJson message{};
  std::int32_t timeout_ms = 10'000;
};
struct RequestResult {
  RawJson message{};
};
inline constexpr Operation<RequestArgs, RequestResult> request{
    .name = "WEBSOCKET.request",
    .summary = "Send a message under a new id and wait for the answer that carries it.",
    .effect = Effect::write,
    .timeout = std::chrono::seconds{11},
    .errors = codes(Code::not_found, Code::connection_lost, Code::auth_failed, Code::circuit_open, Code::backpressure,
                    Code::too_large, Code::upstream_failed, Code::deadline_exceeded),
    .reaches_out = true,
    .timeout_from_args = true,
    .example = R"({"connection_id":"w0-0","message":{"type":"get_states"}})"};

struct SubscribeArgs {
  std::string connection_id;
  RawJson message{};
  bool restore = true;
  std::optional<RawJson> unsubscribe{};
  std::int32_t timeout_ms = 10'000;
};
struct SubscribeResult {
  std::uint64_t events = 0;
};
inline constexpr Operation<SubscribeArgs, SubscribeResult> subscribe{
    .name = "WEBSOCKET.subscribe",
    .summary = "Send a message under a new id and pass on every frame that carries that id.",
    .effect = Effect::write,
    .errors = codes(Code::not_found, Code::connection_lost, Code::auth_failed, Code::circuit_open, Code::backpressure,
                    Code::too_large, Code::upstream_failed, Code::deadline_exceeded),
    .streaming = true,
    .reaches_out = true,
    .example = R"({"connection_id":"w0-0","message":{"type":"subscribe_events"}})"};

struct CloseArgs {
  std::string connection_id;
  std::uint16_t code = 1000;
  std::string reason{};
};
inline constexpr Operation<CloseArgs, Nothing> close{.name = "WEBSOCKET.close",
                                                     .summary = "Close a connection and forget it.",
                                                     .effect = Effect::write,
                                                     .errors = codes(Code::not_found),
                                                     .reaches_out = true,
                                                     .example = R"({"connection_id":"w0-0"})"};

enum class State : std::uint8_t { connecting, open, reconnecting, closing, closed };

struct ConnectionInfo {
  std::string id;
  std::string url{};
  State state = State::connecting;
  std::string owner;
  std::optional<double> latency_ms{};
  std::uint64_t queued_bytes = 0;
  std::uint64_t received_queued = 0;
  std::uint64_t dropped = 0;
  std::uint64_t reconnects = 0;
  std::uint64_t subscriptions = 0;
  std::uint64_t in_flight = 0;
  std::optional<std::string> subprotocol{};
  std::optional<std::string> last_error{};
  std::vector<RawJson> opening{};
};
struct ListResult {
  std::vector<ConnectionInfo> connections{};
};
inline constexpr Operation<Nothing, ListResult> list{
    .name = "WEBSOCKET.list", .summary = "List the caller's connections; an admin sees all.", .effect = Effect::read};
struct StatusArgs {
  std::optional<std::string> connection_id{};
};
inline constexpr Operation<StatusArgs, ListResult> status{
    .name = "WEBSOCKET.status",
    .summary = "Show one connection, with the frames of its last opening, or all of the caller's.",
    .effect = Effect::read,
    .errors = codes(Code::not_found),
    .example = R"({"connection_id":"w0-0"})"};

struct StatsResult {
  std::uint64_t connections = 0;
  std::uint64_t messages_in = 0;
  std::uint64_t messages_out = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t requests = 0;
  std::uint64_t reconnects = 0;
  std::uint64_t errors = 0;
};
inline constexpr Operation<Nothing, StatsResult> stats{
    .name = "WEBSOCKET.stats",
    .summary = "Count connections, messages, bytes, requests and reconnects of the WebSocket client.",
    .scope = "metrics.read"};

}  // namespace patchbay::websocket

template <>
struct patchbay::EnumNames<patchbay::websocket::State> {
  using State = patchbay::websocket::State;
  static constexpr std::array names{
      std::pair{std::string_view{"connecting"}, State::connecting}, std::pair{std::string_view{"open"}, State::open},
      std::pair{std::string_view{"reconnecting"}, State::reconnecting},
      std::pair{std::string_view{"closing"}, State::closing}, std::pair{std::string_view{"closed"}, State::closed}};
};
template <>
struct patchbay::Describe<patchbay::websocket::TlsArgs> {
  using A = websocket::TlsArgs;
  static constexpr std::tuple fields{
      field("ca", &A::ca, "Certificate authority to trust: PEM text or the path of a file").optional(),
      field("verify", &A::verify, "false: any certificate passes").optional(),
      field("server_name", &A::server_name, "Name to ask for and to verify; default: the host of the url")
          .optional()
          .length(0, 255)};
};
template <>
struct patchbay::Describe<patchbay::websocket::OpeningStep> {
  using A = websocket::OpeningStep;
  static constexpr std::tuple fields{
      field("expect", &A::expect, "Wait for a frame that has these fields with these values").type("object"),
      field("refuse", &A::refuse, "Beside expect: a frame that has these fields ends the connection with auth_failed")
          .type("object"),
      field("send", &A::send, "Send this frame")};
};
template <>
struct patchbay::Describe<patchbay::websocket::ConnectArgs> {
  using A = websocket::ConnectArgs;
  static constexpr std::tuple fields{
      field("url", &A::url, "Absolute ws or wss url").length(1, 4096),
      field("timeout_ms", &A::timeout_ms, "Time for each attempt, the opening included").optional().range(1, 600'000),
      field("headers", &A::headers, "Further header fields of the handshake").optional(),
      field("subprotocols", &A::subprotocols, "Subprotocols to offer, the best first").optional(),
      field("reconnect", &A::reconnect, "Whether a lost connection is opened again").optional(),
      field("reconnect_max_ms", &A::reconnect_max_ms, "Longest wait between two attempts")
          .optional()
          .range(100, 3'600'000),
      field("ping_interval_ms", &A::ping_interval_ms, "Time between pings; a peer silent for two is gone; 0: no pings")
          .optional()
          .range(0, 3'600'000),
      field("max_message", &A::max_message, "Largest message in either direction, bytes after inflating")
          .optional()
          .range(1, 268'435'456),
      field("max_queue", &A::max_queue, "Bytes that may wait to be sent, and bytes that may wait for receive")
          .optional()
          .range(1024, 268'435'456),
      field("compression", &A::compression, "Offer permessage-deflate").optional(),
      field("tls", &A::tls, "How a wss server is verified").optional(),
      field("proxy", &A::proxy, "http://host:port of a proxy to go through by CONNECT").optional().length(0, 4096),
      field("opening", &A::opening, "Script that is played after each handshake, before anything else").optional(),
      field("id_field", &A::id_field, "Member that carries the id of a request and of its answer")
          .optional()
          .length(1, 64),
      field("breaker", &A::breaker, "Circuit breaker to ask; default ws:<host>:<port>").optional().length(0, 255)};
};
template <>
struct patchbay::Describe<patchbay::websocket::ConnectResult> {
  using A = websocket::ConnectResult;
  static constexpr std::tuple fields{
      field("connection_id", &A::connection_id, "To be used with the other operations"),
      field("subprotocol", &A::subprotocol, "What the server chose, if anything was offered"),
      field("opening", &A::opening, "The frames that the opening script expected, as they came")};
};
template <>
struct patchbay::Describe<patchbay::websocket::SendArgs> {
  using A = websocket::SendArgs;
  static constexpr std::tuple fields{field("connection_id", &A::connection_id, "From connect").length(1, 64),
                                     field("message", &A::message, "Any JSON value, sent as JSON text"),
                                     field("text", &A::text, "Text, sent as it is"),
                                     field("binary", &A::binary, "Bytes as base64, sent as a binary message")};
  static constexpr std::array<std::string_view, 3> required_one_of{"message", "text", "binary"};
};
template <>
struct patchbay::Describe<patchbay::websocket::SendResult> {
  static constexpr std::tuple fields{
      field("queued_bytes", &websocket::SendResult::queued_bytes, "Bytes waiting to be sent, this message included")};
};
template <>
struct patchbay::Describe<patchbay::websocket::ReceiveArgs> {
  using A = websocket::ReceiveArgs;
  static constexpr std::tuple fields{
      field("connection_id", &A::connection_id, "From connect").length(1, 64),
      field("timeout_ms", &A::timeout_ms, "How long to wait").optional().range(0, 600'000)};
};
template <>
struct patchbay::Describe<patchbay::websocket::ReceiveResult> {
  using A = websocket::ReceiveResult;
  static constexpr std::tuple fields{field("message", &A::message, "The message, when it is JSON"),
                                     field("text", &A::text, "The message, when it is text but not JSON"),
                                     field("binary", &A::binary, "The message as base64, when it is binary")};
};
template <>
struct patchbay::Describe<patchbay::websocket::RequestArgs> {
  using A = websocket::RequestArgs;
  static constexpr std::tuple fields{
      field("connection_id", &A::connection_id, "From connect").length(1, 64),
      field("message", &A::message, "A JSON object without an id; the id is put in").type("object"),
      field("timeout_ms", &A::timeout_ms, "How long to wait for the answer").optional().range(1, 600'000)};
};
template <>
struct patchbay::Describe<patchbay::websocket::RequestResult> {
  static constexpr std::tuple fields{field("message", &websocket::RequestResult::message, "The whole answering frame")};
};
template <>
struct patchbay::Describe<patchbay::websocket::SubscribeArgs> {
  using A = websocket::SubscribeArgs;
  static constexpr std::tuple fields{
      field("connection_id", &A::connection_id, "From connect").length(1, 64),
      field("message", &A::message, "A JSON object without an id; the id is put in").type("object"),
      field("restore", &A::restore, "Send the message again after a reconnect").optional(),
      field("unsubscribe", &A::unsubscribe,
            "A JSON object to send when the subscriber leaves; a value \"$id\" in it becomes the subscription's id")
          .type("object"),
      field("timeout_ms", &A::timeout_ms, "How long to wait for the first answer").optional().range(1, 600'000)};
};
template <>
struct patchbay::Describe<patchbay::websocket::SubscribeResult> {
  static constexpr std::tuple fields{
      field("events", &websocket::SubscribeResult::events, "How many frames were passed on")};
};
template <>
struct patchbay::Describe<patchbay::websocket::CloseArgs> {
  using A = websocket::CloseArgs;
  static constexpr std::tuple fields{
      field("connection_id", &A::connection_id, "From connect").length(1, 64),
      field("code", &A::code, "Close code, 1000 or 3000 to 4999").optional().range(1000, 4999),
      field("reason", &A::reason, "Short text for the other side").optional().length(0, 123)};
};
template <>
struct patchbay::Describe<patchbay::websocket::ConnectionInfo> {
  using A = websocket::ConnectionInfo;
  static constexpr std::tuple fields{
      field("id", &A::id, "The connection's id"),
      field("url", &A::url, "Where it goes, without query and user"),
      field("state", &A::state, "What it is doing"),
      field("owner", &A::owner, "The principal that made it"),
      field("latency_ms", &A::latency_ms, "Round trip of the last ping"),
      field("queued_bytes", &A::queued_bytes, "Bytes waiting to be sent"),
      field("received_queued", &A::received_queued, "Messages waiting for receive"),
      field("dropped", &A::dropped, "Messages that receive has lost because nobody took them"),
      field("reconnects", &A::reconnects, "How often it was opened again"),
      field("subscriptions", &A::subscriptions, "Subscriptions on it"),
      field("in_flight", &A::in_flight, "Requests that wait for their answer"),
      field("subprotocol", &A::subprotocol, "What the server chose"),
      field("last_error", &A::last_error, "Why it was last lost or refused"),
      field("opening", &A::opening, "Frames of the last opening; only from status with a connection_id")};
};
template <>
struct patchbay::Describe<patchbay::websocket::ListResult> {
  static constexpr std::tuple fields{field("connections", &websocket::ListResult::connections, "One entry each")};
};
template <>
struct patchbay::Describe<patchbay::websocket::StatusArgs> {
  static constexpr std::tuple fields{
      field("connection_id", &websocket::StatusArgs::connection_id, "From connect; absent: all").length(1, 64)};
};
template <>
struct patchbay::Describe<patchbay::websocket::StatsResult> {
  using A = websocket::StatsResult;
  static constexpr std::tuple fields{field("connections", &A::connections, "Connections there are"),
                                     field("messages_in", &A::messages_in, "Messages received"),
                                     field("messages_out", &A::messages_out, "Messages sent"),
                                     field("bytes_in", &A::bytes_in, "Payload bytes received"),
                                     field("bytes_out", &A::bytes_out, "Payload bytes sent"),
                                     field("requests", &A::requests, "Requests sent"),
                                     field("reconnects", &A::reconnects, "Connections opened again"),
                                     field("errors", &A::errors, "Connections lost or refused")};
};
