// The operations of HUB, declared once.
//
//   hub::PublishArgs args{.channel = "missions", .data = {R"({"mission_id":"7"})"}, .event = "mission_started"};
//   auto done = co_await caller.call(hub::publish, call, std::move(args));
//
// Data and messages are raw JSON text in C++ as well. The scope of the row is asked for on every surface, and besides
// it the right of the channel's namespace. The rows named after their route answer as that route is documented, bare.
#pragma once

#include <map>

#include "core/base/operation.hpp"

namespace patchbay::hub {

struct PositionArgs {
  std::string epoch;
  std::uint64_t offset = 0;
};

// --- sending

struct PublishArgs {
  std::string channel;
  RawJson data{};
  std::string event = "message";
  std::optional<std::string> idempotency_key{};
  bool receipt = false;
};
struct PublishResult {
  std::uint32_t subscribers = 0;
  std::optional<std::uint64_t> offset{};
  std::optional<std::string> epoch{};
  std::optional<std::string> message_id{};
};
inline constexpr Operation<PublishArgs, PublishResult> publish{
    .name = "HUB.publish",
    .summary = "Send one message to everyone on a channel.",
    .effect = Effect::write,
    .scope = "hub.publish",
    .audited = false,
    .timeout = std::chrono::seconds{2},
    .errors = codes(Code::invalid_argument, Code::forbidden, Code::too_large, Code::unavailable),
    .example = R"({"channel":"missions","event":"mission_created","data":{"mission_id":"7"}})"};

struct BroadcastArgs {
  RawJson message{};
};
struct ConnectionsReached {
  std::uint32_t connections = 0;
};
inline constexpr Operation<BroadcastArgs, ConnectionsReached> broadcast{
    .name = "HUB.broadcast",
    .summary = "Send one message to every connection of the hub.",
    .effect = Effect::write,
    .scope = "hub.publish",
    .audited = false,
    .timeout = std::chrono::seconds{2},
    .errors = codes(Code::invalid_argument, Code::too_large),
    .example = R"({"message":{"type":"system_announcement","data":{"message":"Back at noon"}}})"};

struct SendToUserArgs {
  std::string user_id;
  RawJson message{};
  bool receipt = false;
  std::uint32_t queue_ms = 0;
};
struct SendResult {
  std::uint32_t connections = 0;
  std::optional<std::string> message_id{};
};
inline constexpr Operation<SendToUserArgs, SendResult> send_to_user{
    .name = "HUB.send_to_user",
    .summary = "Send one message to all connections of a user, or keep it until the user comes back.",
    .effect = Effect::write,
    .scope = "hub.publish",
    .audited = false,
    .timeout = std::chrono::seconds{2},
    .errors = codes(Code::invalid_argument, Code::too_large),
    .example = R"({"user_id":"user_123","message":{"type":"notification","data":{"title":"Hello"}}})"};

struct SendToChatArgs {
  std::string workflow, app_id, chat_id;
  RawJson message{};
};
inline constexpr Operation<SendToChatArgs, ConnectionsReached> send_to_chat{
    .name = "HUB.send_to_chat",
    .summary = "Send one message to all connections of a chat.",
    .effect = Effect::write,
    .scope = "hub.publish",
    .audited = false,
    .timeout = std::chrono::seconds{2},
    .errors = codes(Code::invalid_argument, Code::too_large),
    .example = R"({"workflow":"assistant","app_id":"a","chat_id":"1","message":{"type":"chat_message","data":{}}})"};

enum class Confirm : std::uint8_t { none, sent, acknowledged };
struct RouteChat {
  std::string workflow, app_id, chat_id;
};
struct RouteTarget {
  std::optional<std::string> connection_id{}, user_id{}, channel{};
  std::optional<RouteChat> chat{};
};
struct RouteArgs {
  RouteTarget target{};
  RawJson message{};
  Confirm confirm = Confirm::sent;
  std::int32_t timeout_ms = 5000;
  std::uint32_t queue_ms = 0;
};
struct RouteFailure {
  std::string connection_id;
  std::string reason;
};
struct RouteResult {
  std::string message_id;
  std::uint32_t targets = 0, sent = 0, acknowledged = 0;
  std::vector<RouteFailure> failed{};
  double duration_ms = 0;
};
inline constexpr Operation<RouteArgs, RouteResult> route_message{
    .name = "HUB.route",
    .summary = "Send one message to a connection, user, channel or chat and wait until it is confirmed.",
    .effect = Effect::write,
    .scope = "hub.publish",
    .audited = false,
    .timeout = std::chrono::seconds{6},
    .errors = codes(Code::invalid_argument, Code::forbidden, Code::too_large, Code::not_found, Code::deadline_exceeded),
    .timeout_from_args = true,
    .example = R"({"target":{"user_id":"user_123"},"message":{"type":"notification","data":{}},"confirm":"sent"})"};

enum class ReceiptState : std::uint8_t { queued, sent, acknowledged, dropped, expired, offline };
struct ReceiptArgs {
  std::string message_id;
};
struct ReceiptTarget {
  std::string connection_id, user_id;
  ReceiptState state = ReceiptState::queued;
  std::string at;
};
struct ReceiptResult {
  std::vector<ReceiptTarget> targets{};
};
inline constexpr Operation<ReceiptArgs, ReceiptResult> get_receipt{
    .name = "HUB.receipt",
    .summary = "Tell for each connection what became of a message that was sent with a receipt.",
    .scope = "hub.publish",
    .timeout = std::chrono::seconds{2},
    .errors = codes(Code::not_found),
    .example = R"({"message_id":"0-8d0f3a1c"})"};

struct EmitArgs {
  std::string channel, event_type;
  RawJson data{};
};
struct EmitResult {
  std::uint32_t subscribers = 0;
};
inline constexpr Operation<EmitArgs, EmitResult> emit{
    .name = "HUB.emit",
    .summary = "Publish an event, one of a standard type only on its own channel and with its data complete.",
    .effect = Effect::write,
    .scope = "hub.publish",
    .audited = false,
    .timeout = std::chrono::seconds{2},
    .errors = codes(Code::invalid_argument, Code::forbidden, Code::too_large, Code::unavailable),
    .example = R"({"channel":"tasks","event_type":"task_queued","data":{"task_id":"1","task_name":"sweep"}})"};

// --- receiving

struct SubscribeArgs {
  std::string channel;
  std::optional<PositionArgs> recover{};
  std::optional<std::string> last_event_id{};
};
struct SubscribeResult {
  std::uint64_t events = 0;
};
inline constexpr Operation<SubscribeArgs, SubscribeResult> subscribe{
    .name = "HUB.subscribe",
    .summary = "Pass on what is published on a channel, or on all below a prefix, as it comes.",
    .scope = "hub.subscribe",
    .errors = codes(Code::invalid_argument, Code::forbidden, Code::backpressure, Code::unavailable),
    .streaming = true,
    .routes = {Route{"GET", "/events/{channel}"}},
    .example = R"({"channel":"missions"})"};

// --- looking

struct ChannelNameArgs {
  std::string channel;
};
struct PresenceUser {
  std::string user_id;
  std::uint32_t connections = 0;
};
struct PresenceResult {
  std::vector<PresenceUser> users{};
  std::uint32_t connections = 0;
};
inline constexpr Operation<ChannelNameArgs, PresenceResult> get_presence{
    .name = "HUB.presence",
    .summary = "Tell which users are on a channel.",
    .scope = "hub.read",
    .timeout = std::chrono::seconds{2},
    .errors = codes(Code::invalid_argument, Code::forbidden),
    .example = R"({"channel":"missions"})"};

struct HistoryArgs {
  std::string channel;
  std::uint32_t limit = 50;
  std::optional<PositionArgs> since{};
};
struct HistoryMessage {
  std::string event;
  RawJson data{};
  std::uint64_t offset = 0;
  double timestamp = 0;
};
struct HistoryResult {
  std::vector<HistoryMessage> messages{};
  std::optional<std::string> epoch{};
  std::optional<std::uint64_t> offset{};
  std::optional<bool> recovered{};
};
inline constexpr Operation<HistoryArgs, HistoryResult> get_history{
    .name = "HUB.history",
    .summary = "Give the messages that a channel keeps, the newest or those since a position.",
    .scope = "hub.read",
    .timeout = std::chrono::seconds{2},
    .errors = codes(Code::invalid_argument, Code::forbidden),
    .example = R"({"channel":"missions","limit":10})"};

struct ListArgs {
  std::string cursor{};
  std::uint32_t limit = 100;
};
struct ConnectionInfo {
  std::string connection_id, dialect, user_id, principal, peer;
  std::string connected_at;
  double last_seen_s = 0;
  std::optional<double> round_trip_ms{};
  std::uint64_t queue_bytes = 0, messages_in = 0, messages_out = 0, bytes_in = 0, bytes_out = 0, dropped = 0;
  std::optional<std::vector<std::string>> channels{};
};
struct ConnectionsResult {
  std::vector<ConnectionInfo> connections{};
  std::optional<std::string> next{};
};
inline constexpr Operation<ListArgs, ConnectionsResult> list_connections{.name = "HUB.connections",
                                                                         .summary = "List the hub's connections.",
                                                                         .timeout = std::chrono::seconds{5},
                                                                         .errors = codes(Code::invalid_argument)};
struct ConnectionArgs {
  std::string connection_id;
};
inline constexpr Operation<ConnectionArgs, ConnectionInfo> get_connection{
    .name = "HUB.connection",
    .summary = "Show one connection of the hub with its channels.",
    .timeout = std::chrono::seconds{5},
    .errors = codes(Code::not_found),
    .example = R"({"connection_id":"5f0c6f3e-7f0f-4f43-9a2f-0f3f6f1c9d11"})"};

struct ChannelInfo {
  std::string channel;
  std::uint32_t subscribers = 0;
};
struct ChannelsResult {
  std::vector<ChannelInfo> channels{};
  std::optional<std::string> next{};
};
inline constexpr Operation<ListArgs, ChannelsResult> list_channels{
    .name = "HUB.channels",
    .summary = "List the channels and prefixes that somebody has subscribed.",
    .scope = "hub.read",
    .timeout = std::chrono::seconds{5},
    .errors = codes(Code::invalid_argument)};
struct ChannelArgs {
  std::string channel;
  std::string cursor{};
  std::uint32_t limit = 1000;
};
struct ChannelHistory {
  std::string epoch;
  std::uint64_t offset = 0;
  std::uint32_t size = 0;
};
struct ChannelResult {
  std::string channel;
  std::uint32_t subscribers = 0;
  std::vector<std::string> connection_ids{};
  std::optional<std::string> next{};
  std::optional<ChannelHistory> history{};
};
inline constexpr Operation<ChannelArgs, ChannelResult> get_channel{
    .name = "HUB.channel",
    .summary = "Show one channel: how many and which connections are on it, what it keeps.",
    .scope = "hub.read",
    .timeout = std::chrono::seconds{5},
    .errors = codes(Code::invalid_argument),
    .routes = {Route{"GET", "/api/ws/channels/{channel}", true}},
    .example = R"({"channel":"missions"})"};

struct StatsResult {
  std::uint64_t total_connections = 0, total_users = 0, total_channels = 0;
  std::map<std::string, std::uint32_t> channels{};
};
inline constexpr Operation<Nothing, StatsResult> get_stats{
    .name = "HUB.stats",
    .summary = "Count connections, users and the subscribers of each channel.",
    .scope = "hub.read",
    .timeout = std::chrono::seconds{5},
    .routes = {Route{"GET", "/api/ws/stats", true}}};

struct DialectInfo {
  std::string path, name;
};
struct InfoResult {
  std::string id, name, version;
  std::vector<std::string> capabilities{}, relationships{};
  std::vector<DialectInfo> dialects{};
  std::vector<std::string> channels{};
  std::map<std::string, std::int64_t> limits{};
  std::int64_t heartbeat_interval = 30;
};
inline constexpr Operation<Nothing, InfoResult> get_info{
    .name = "HUB.info",
    .summary = "Tell what this hub is, which dialects it speaks and where, and its limits.",
    .scope = "hub.read",
    .routes = {Route{"GET", "/api/ws/info", true}}};

// --- ending

struct DisconnectArgs {
  std::optional<std::string> connection_id{}, user_id{}, token_id{};
  std::uint16_t code = 1000;
  std::string reason{};
};
inline constexpr Operation<DisconnectArgs, ConnectionsReached> disconnect{
    .name = "HUB.disconnect",
    .summary = "Close one connection, or all of a user or of a token, with their subscriptions and calls.",
    .effect = Effect::destructive,
    .timeout = std::chrono::seconds{5},
    .errors = codes(Code::invalid_argument, Code::not_found),
    .example = R"({"user_id":"user_123","code":1000,"reason":"signed out"})"};

// --- the HTTP side (hub_protocol, section 4)

struct BroadcastChannelArgs {
  std::string channel;
  RawJson message{};
  std::string type = "message";
  std::optional<std::string> idempotency_key{};
  bool receipt = false;
};
struct BroadcastChannelResult {
  std::string status = "broadcasted";
  std::string channel;
  std::uint32_t subscribers = 0;
  std::optional<std::string> message_id{};
};
inline constexpr Operation<BroadcastChannelArgs, BroadcastChannelResult> broadcast_channel{
    .name = "HUB.broadcast_channel",
    .summary = "Publish on a channel, as POST /api/ws/broadcast has it.",
    .effect = Effect::write,
    .scope = "hub.publish",
    .audited = false,
    .timeout = std::chrono::seconds{2},
    .errors = codes(Code::invalid_argument, Code::forbidden, Code::too_large, Code::unavailable),
    .routes = {Route{"POST", "/api/ws/broadcast", true}},
    .example = R"({"channel":"missions","message":{"mission_id":"7"},"type":"mission_update"})"};

struct BroadcastAllArgs {
  std::string type;
  RawJson data{"{}"};
};
struct BroadcastAllResult {
  std::string status = "broadcasted";
  std::uint32_t connections = 0;
};
inline constexpr Operation<BroadcastAllArgs, BroadcastAllResult> broadcast_all{
    .name = "HUB.broadcast_all",
    .summary = "Send a message to every connection, as POST /api/ws/broadcast/all has it.",
    .effect = Effect::write,
    .scope = "hub.publish",
    .audited = false,
    .timeout = std::chrono::seconds{2},
    .errors = codes(Code::invalid_argument, Code::too_large),
    .routes = {Route{"POST", "/api/ws/broadcast/all", true}},
    .example = R"({"type":"system_announcement","data":{"message":"Back at noon"}})"};

struct ExecutePluginArgs {
  std::string plugin, operation;
  RawJson data{"{}"};
  std::optional<std::string> user_id{};
};
// An answer of its own making: failures too are bodies with their status.
struct ExecutePluginResult {
  std::string content_type = "application/json";
  RawJson body{};
  std::uint16_t status = 200;
};
inline constexpr Operation<ExecutePluginArgs, ExecutePluginResult> execute_plugin{
    .name = "HUB.execute_plugin",
    .summary = "Call a plugin's operation for a user, as POST /api/execute/plugin has it.",
    .effect = Effect::write,
    .scope = "public",  // the operation's own scope is what counts
    .audited = false,   // its own call is
    .timeout = std::chrono::minutes{10},
    .errors =
        codes(Code::not_found, Code::conflict, Code::too_large, Code::cancelled, Code::unsupported,
              Code::upstream_failed, Code::auth_failed, Code::tls_failed, Code::connect_failed, Code::connection_lost,
              Code::unavailable, Code::circuit_open, Code::backpressure, Code::deadline_exceeded),
    .routes = {Route{"POST", "/api/execute/plugin", true}},
    .example = R"({"plugin":"echo","operation":"say","data":{"text":"hello"}})"};

}  // namespace patchbay::hub

template <>
struct patchbay::EnumNames<patchbay::hub::Confirm> {
  using E = patchbay::hub::Confirm;
  static constexpr std::array names{std::pair{std::string_view{"none"}, E::none},
                                    std::pair{std::string_view{"sent"}, E::sent},
                                    std::pair{std::string_view{"acknowledged"}, E::acknowledged}};
};
template <>
struct patchbay::EnumNames<patchbay::hub::ReceiptState> {
  using E = patchbay::hub::ReceiptState;
  static constexpr std::array names{std::pair{std::string_view{"queued"}, E::queued},
                                    std::pair{std::string_view{"sent"}, E::sent},
                                    std::pair{std::string_view{"acknowledged"}, E::acknowledged},
                                    std::pair{std::string_view{"dropped"}, E::dropped},
                                    std::pair{std::string_view{"expired"}, E::expired},
                                    std::pair{std::string_view{"offline"}, E::offline}};
};
template <>
struct patchbay::Describe<patchbay::hub::PositionArgs> {
  using A = hub::PositionArgs;
  static constexpr std::tuple fields{field("epoch", &A::epoch, "Epoch of the channel's history").length(0, 64),
                                     field("offset", &A::offset, "Offset of the last message that was seen")};
};
template <>
struct patchbay::Describe<patchbay::hub::PublishArgs> {
  using A = hub::PublishArgs;
  static constexpr std::tuple fields{
      field("channel", &A::channel, "Channel to publish on").length(1, 255),
      field("data", &A::data, "Any JSON; passed on as it came"),
      field("event", &A::event, "Event type the subscribers see").optional().length(1, 128),
      field("idempotency_key", &A::idempotency_key,
            "A second publication with the same key within 5 minutes is answered as the first and not sent")
          .length(1, 255),
      field("receipt", &A::receipt, "Ask for acknowledgements").optional()};
};
template <>
struct patchbay::Describe<patchbay::hub::PublishResult> {
  using A = hub::PublishResult;
  static constexpr std::tuple fields{
      field("subscribers", &A::subscribers, "How many subscriptions it goes to"),
      field("offset", &A::offset, "Where it stands in the channel's history, if that is kept"),
      field("epoch", &A::epoch, "The epoch of that offset"),
      field("message_id", &A::message_id, "For receipt, when one was asked for")};
};
template <>
struct patchbay::Describe<patchbay::hub::BroadcastArgs> {
  static constexpr std::tuple fields{
      field("message", &hub::BroadcastArgs::message, "A JSON object with a type, passed on as it came").type("object")};
};
template <>
struct patchbay::Describe<patchbay::hub::ConnectionsReached> {
  static constexpr std::tuple fields{
      field("connections", &hub::ConnectionsReached::connections, "How many connections it concerned")};
};
template <>
struct patchbay::Describe<patchbay::hub::SendToUserArgs> {
  using A = hub::SendToUserArgs;
  static constexpr std::tuple fields{
      field("user_id", &A::user_id, "The user").length(1, 255),
      field("message", &A::message, "A JSON object with a type, passed on as it came").type("object"),
      field("receipt", &A::receipt, "Ask for acknowledgements").optional(),
      field("queue_ms", &A::queue_ms, "How long it is kept for a user who is not connected; 0: not at all")
          .optional()
          .range(0, 86'400'000)};
};
template <>
struct patchbay::Describe<patchbay::hub::SendResult> {
  using A = hub::SendResult;
  static constexpr std::tuple fields{field("connections", &A::connections, "How many connections it goes to"),
                                     field("message_id", &A::message_id, "For receipt, when one was asked for")};
};
template <>
struct patchbay::Describe<patchbay::hub::SendToChatArgs> {
  using A = hub::SendToChatArgs;
  static constexpr std::tuple fields{
      field("workflow", &A::workflow, "As in the chat's path").length(1, 255),
      field("app_id", &A::app_id, "As in the chat's path").length(1, 255),
      field("chat_id", &A::chat_id, "As in the chat's path").length(1, 255),
      field("message", &A::message, "A JSON object with a type, passed on as it came").type("object")};
};
template <>
struct patchbay::Describe<patchbay::hub::RouteChat> {
  using A = hub::RouteChat;
  static constexpr std::tuple fields{field("workflow", &A::workflow, "As in the chat's path").length(1, 255),
                                     field("app_id", &A::app_id, "As in the chat's path").length(1, 255),
                                     field("chat_id", &A::chat_id, "As in the chat's path").length(1, 255)};
};
template <>
struct patchbay::Describe<patchbay::hub::RouteTarget> {
  using A = hub::RouteTarget;
  static constexpr std::tuple fields{field("connection_id", &A::connection_id, "One connection").length(1, 64),
                                     field("user_id", &A::user_id, "All connections of a user").length(1, 255),
                                     field("channel", &A::channel, "All subscribers of a channel").length(1, 255),
                                     field("chat", &A::chat, "All connections of a chat")};
  static constexpr std::array<std::string_view, 4> required_one_of{"connection_id", "user_id", "channel", "chat"};
};
template <>
struct patchbay::Describe<patchbay::hub::RouteArgs> {
  using A = hub::RouteArgs;
  static constexpr std::tuple fields{
      field("target", &A::target, "Exactly one of connection_id, user_id, channel and chat"),
      field("message", &A::message, "A JSON object with a type, passed on as it came").type("object"),
      field("confirm", &A::confirm, "What to wait for").optional(),
      field("timeout_ms", &A::timeout_ms, "How long to wait for it").optional().range(1, 600'000),
      field("queue_ms", &A::queue_ms, "How long it is kept for a user who is not connected")
          .optional()
          .range(0, 86'400'000)};
};
template <>
struct patchbay::Describe<patchbay::hub::RouteFailure> {
  using A = hub::RouteFailure;
  static constexpr std::tuple fields{
      field("connection_id", &A::connection_id, "The connection; empty: a user who is not connected"),
      field("reason", &A::reason, "Why it is not confirmed")};
};
template <>
struct patchbay::Describe<patchbay::hub::RouteResult> {
  using A = hub::RouteResult;
  static constexpr std::tuple fields{field("message_id", &A::message_id, "For receipt"),
                                     field("targets", &A::targets, "How many connections it goes to"),
                                     field("sent", &A::sent, "To how many it has been written"),
                                     field("acknowledged", &A::acknowledged, "How many have acknowledged it"),
                                     field("failed", &A::failed, "Who has not confirmed, and why"),
                                     field("duration_ms", &A::duration_ms, "How long that took")};
};
template <>
struct patchbay::Describe<patchbay::hub::ReceiptArgs> {
  static constexpr std::tuple fields{
      field("message_id", &hub::ReceiptArgs::message_id, "From the sending").length(1, 64)};
};
template <>
struct patchbay::Describe<patchbay::hub::ReceiptTarget> {
  using A = hub::ReceiptTarget;
  static constexpr std::tuple fields{
      field("connection_id", &A::connection_id, "The connection; empty: a user who is not connected"),
      field("user_id", &A::user_id, "Its user, if it has one"),
      field("state", &A::state, "What became of the message there"), field("at", &A::at, "Since when, UTC")};
};
template <>
struct patchbay::Describe<patchbay::hub::ReceiptResult> {
  static constexpr std::tuple fields{field("targets", &hub::ReceiptResult::targets, "One entry a connection")};
};
template <>
struct patchbay::Describe<patchbay::hub::EmitArgs> {
  using A = hub::EmitArgs;
  static constexpr std::tuple fields{
      field("channel", &A::channel, "Channel to publish on").length(1, 255),
      field("event_type", &A::event_type, "Event type the subscribers see").length(1, 128),
      field("data", &A::data, "What the type asks for; any JSON for a type of your own")};
};
template <>
struct patchbay::Describe<patchbay::hub::EmitResult> {
  static constexpr std::tuple fields{
      field("subscribers", &hub::EmitResult::subscribers, "How many subscriptions it goes to")};
};
template <>
struct patchbay::Describe<patchbay::hub::SubscribeArgs> {
  using A = hub::SubscribeArgs;
  static constexpr std::tuple fields{
      field("channel", &A::channel, "Channel, or a prefix and .* (ha.state.light.*)").length(1, 255),
      field("recover", &A::recover, "Last position seen: what was missed comes first, when it is still kept"),
      field("last_event_id", &A::last_event_id, "The same as <epoch>:<offset>; the header Last-Event-ID")
          .length(0, 128)};
};
template <>
struct patchbay::Describe<patchbay::hub::SubscribeResult> {
  static constexpr std::tuple fields{field("events", &hub::SubscribeResult::events, "How many events were passed on")};
};
template <>
struct patchbay::Describe<patchbay::hub::ChannelNameArgs> {
  static constexpr std::tuple fields{field("channel", &hub::ChannelNameArgs::channel, "The channel").length(1, 255)};
};
template <>
struct patchbay::Describe<patchbay::hub::PresenceUser> {
  using A = hub::PresenceUser;
  static constexpr std::tuple fields{field("user_id", &A::user_id, "The user"),
                                     field("connections", &A::connections, "Connections of the user on the channel")};
};
template <>
struct patchbay::Describe<patchbay::hub::PresenceResult> {
  using A = hub::PresenceResult;
  static constexpr std::tuple fields{
      field("users", &A::users, "Those who are known by a user_id"),
      field("connections", &A::connections, "All connections on the channel, also without a user")};
};
template <>
struct patchbay::Describe<patchbay::hub::HistoryArgs> {
  using A = hub::HistoryArgs;
  static constexpr std::tuple fields{
      field("channel", &A::channel, "The channel").length(1, 255),
      field("limit", &A::limit, "At most so many messages").optional().range(1, 1000),
      field("since", &A::since, "Only messages after this position, the oldest first; without it the newest")};
};
template <>
struct patchbay::Describe<patchbay::hub::HistoryMessage> {
  using A = hub::HistoryMessage;
  static constexpr std::tuple fields{
      field("event", &A::event, "Event type"), field("data", &A::data, "As it was published"),
      field("offset", &A::offset, "Where it stands"), field("timestamp", &A::timestamp, "Seconds since 1970")};
};
template <>
struct patchbay::Describe<patchbay::hub::HistoryResult> {
  using A = hub::HistoryResult;
  static constexpr std::tuple fields{
      field("messages", &A::messages, "In the order in which they were published"),
      field("epoch", &A::epoch, "Absent where the channel keeps no history"),
      field("offset", &A::offset, "The channel's newest offset"),
      field("recovered", &A::recovered, "With since: false when messages after it are gone")};
};
template <>
struct patchbay::Describe<patchbay::hub::ListArgs> {
  using A = hub::ListArgs;
  static constexpr std::tuple fields{field("cursor", &A::cursor, "From the page before").optional().length(0, 255),
                                     field("limit", &A::limit, "At most so many").optional().range(1, 1000)};
};
template <>
struct patchbay::Describe<patchbay::hub::ConnectionInfo> {
  using A = hub::ConnectionInfo;
  static constexpr std::tuple fields{
      field("connection_id", &A::connection_id, "Its id"),
      field("dialect", &A::dialect, "channel, user, chat or echo"),
      field("user_id", &A::user_id, "Its user, if it has one"),
      field("principal", &A::principal, "Who it is"),
      field("peer", &A::peer, "Address it comes from"),
      field("connected_at", &A::connected_at, "UTC"),
      field("last_seen_s", &A::last_seen_s, "Seconds since anything came from it"),
      field("round_trip_ms", &A::round_trip_ms, "From ping and pong, once measured"),
      field("queue_bytes", &A::queue_bytes, "Bytes waiting to be sent"),
      field("messages_in", &A::messages_in, "Messages from it"),
      field("messages_out", &A::messages_out, "Messages to it"),
      field("bytes_in", &A::bytes_in, "Bytes from it"),
      field("bytes_out", &A::bytes_out, "Bytes to it"),
      field("dropped", &A::dropped, "Messages that it did not get"),
      field("channels", &A::channels, "What it has subscribed; only of a single connection")};
};
template <>
struct patchbay::Describe<patchbay::hub::ConnectionsResult> {
  using A = hub::ConnectionsResult;
  static constexpr std::tuple fields{field("connections", &A::connections, "By connection id"),
                                     field("next", &A::next, "Cursor of the next page, if there is one")};
};
template <>
struct patchbay::Describe<patchbay::hub::ConnectionArgs> {
  static constexpr std::tuple fields{
      field("connection_id", &hub::ConnectionArgs::connection_id, "From its welcome").length(1, 64)};
};
template <>
struct patchbay::Describe<patchbay::hub::ChannelInfo> {
  using A = hub::ChannelInfo;
  static constexpr std::tuple fields{field("channel", &A::channel, "Its name, a prefix with its .*"),
                                     field("subscribers", &A::subscribers, "Subscriptions of exactly this name")};
};
template <>
struct patchbay::Describe<patchbay::hub::ChannelsResult> {
  using A = hub::ChannelsResult;
  static constexpr std::tuple fields{field("channels", &A::channels, "By name"),
                                     field("next", &A::next, "Cursor of the next page, if there is one")};
};
template <>
struct patchbay::Describe<patchbay::hub::ChannelArgs> {
  using A = hub::ChannelArgs;
  static constexpr std::tuple fields{
      field("channel", &A::channel, "The channel").length(1, 255),
      field("cursor", &A::cursor, "From the page before").optional().length(0, 255),
      field("limit", &A::limit, "At most so many connection ids").optional().range(1, 1000)};
};
template <>
struct patchbay::Describe<patchbay::hub::ChannelHistory> {
  using A = hub::ChannelHistory;
  static constexpr std::tuple fields{field("epoch", &A::epoch, "Offsets are of this epoch"),
                                     field("offset", &A::offset, "The newest"),
                                     field("size", &A::size, "Messages kept now")};
};
template <>
struct patchbay::Describe<patchbay::hub::ChannelResult> {
  using A = hub::ChannelResult;
  static constexpr std::tuple fields{
      field("channel", &A::channel, "Its name"),
      field("subscribers", &A::subscribers, "Subscriptions of exactly this name"),
      field("connection_ids", &A::connection_ids, "Ids of the connections on it, in order"),
      field("next", &A::next, "Cursor of the next page, if there is one"),
      field("history", &A::history, "Where the channel keeps history")};
};
template <>
struct patchbay::Describe<patchbay::hub::StatsResult> {
  using A = hub::StatsResult;
  static constexpr std::tuple fields{
      field("total_connections", &A::total_connections, "Connections of all dialects"),
      field("total_users", &A::total_users, "Users with at least one connection"),
      field("total_channels", &A::total_channels, "Channels and prefixes with at least one subscriber"),
      field("channels", &A::channels, "Subscribers by channel, of at most 1000 channels")};
};
template <>
struct patchbay::Describe<patchbay::hub::DialectInfo> {
  using A = hub::DialectInfo;
  static constexpr std::tuple fields{field("path", &A::path, "Where it is spoken"),
                                     field("name", &A::name, "Its name")};
};
template <>
struct patchbay::Describe<patchbay::hub::InfoResult> {
  using A = hub::InfoResult;
  static constexpr std::tuple fields{field("id", &A::id, "websocket_server.id"),
                                     field("name", &A::name, "websocket_server.name"),
                                     field("version", &A::version, "Of the gateway"),
                                     field("capabilities", &A::capabilities, "websocket_server.capabilities"),
                                     field("relationships", &A::relationships, "websocket_server.relationships"),
                                     field("dialects", &A::dialects, "Which protocol is spoken at which path"),
                                     field("channels", &A::channels, "Standard channels"),
                                     field("limits", &A::limits, "By name"),
                                     field("heartbeat_interval", &A::heartbeat_interval, "Seconds")};
};
template <>
struct patchbay::Describe<patchbay::hub::DisconnectArgs> {
  using A = hub::DisconnectArgs;
  static constexpr std::tuple fields{
      field("connection_id", &A::connection_id, "One connection").length(1, 64),
      field("user_id", &A::user_id, "All connections of a user").length(1, 255),
      field("token_id", &A::token_id, "All connections that came with this token").length(1, 255),
      field("code", &A::code, "Close code that the client sees: 1000 or 3000 to 4999").optional().range(1000, 4999),
      field("reason", &A::reason, "Reason that the client sees, at most 123 bytes").optional().length(0, 123)};
  static constexpr std::array<std::string_view, 3> required_one_of{"connection_id", "user_id", "token_id"};
};
template <>
struct patchbay::Describe<patchbay::hub::BroadcastChannelArgs> {
  using A = hub::BroadcastChannelArgs;
  static constexpr std::tuple fields{
      field("channel", &A::channel, "Channel to publish on").length(1, 255),
      field("message", &A::message, "Any JSON; the event's data"),
      field("type", &A::type, "Event type the subscribers see").optional().length(1, 128),
      field("idempotency_key", &A::idempotency_key,
            "A second publication with the same key within 5 minutes is answered as the first and not sent")
          .length(1, 255),
      field("receipt", &A::receipt, "Ask for acknowledgements").optional()};
};
template <>
struct patchbay::Describe<patchbay::hub::BroadcastChannelResult> {
  using A = hub::BroadcastChannelResult;
  static constexpr std::tuple fields{field("status", &A::status, "broadcasted"),
                                     field("channel", &A::channel, "As given"),
                                     field("subscribers", &A::subscribers, "How many subscriptions it goes to"),
                                     field("message_id", &A::message_id, "For receipt, when one was asked for")};
};
template <>
struct patchbay::Describe<patchbay::hub::BroadcastAllArgs> {
  using A = hub::BroadcastAllArgs;
  static constexpr std::tuple fields{field("type", &A::type, "Type of the message").length(1, 128),
                                     field("data", &A::data, "Its data").optional()};
};
template <>
struct patchbay::Describe<patchbay::hub::BroadcastAllResult> {
  using A = hub::BroadcastAllResult;
  static constexpr std::tuple fields{field("status", &A::status, "broadcasted"),
                                     field("connections", &A::connections, "How many connections it goes to")};
};
template <>
struct patchbay::Describe<patchbay::hub::ExecutePluginArgs> {
  using A = hub::ExecutePluginArgs;
  static constexpr std::tuple fields{
      field("plugin", &A::plugin, "Name of the plugin").length(1, 64),
      field("operation", &A::operation, "Its operation, without the prefix").length(1, 128),
      field("data", &A::data, "Its arguments").optional().type("object"),
      field("user_id", &A::user_id, "The user for whom it is called; another's needs hub.impersonate").length(1, 255)};
};
template <>
struct patchbay::Describe<patchbay::hub::ExecutePluginResult> {
  using A = hub::ExecutePluginResult;
  static constexpr std::tuple fields{field("content_type", &A::content_type, "application/json"),
                                     field("body", &A::body, "{success, id, data} or {success, error}"),
                                     field("status", &A::status, "HTTP status")};
};
