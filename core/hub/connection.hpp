// Connection: what a dialect sees of one WebSocket connection; hub::Session implements it. Conversation: the dialect's
// side of it, which the session owns.
//
//   class Pong final : public Conversation {
//     void received(std::string_view text, bool) override { connection().send(text_frame(R"({"type":"pong"})")); }
//   };
//
// The connection's shard's thread only. A conversation dies before its connection.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/call.hpp"
#include "core/hub/endpoint.hpp"
#include "core/hub/frame.hpp"
#include "core/hub/message.hpp"
#include "core/hub/subscriber.hpp"

namespace patchbay::hub {

class HubShard;
class Conversation;

// Close codes (RFC 6455, 7.4.1, and the error table's).
namespace close_code {
inline constexpr std::uint16_t normal = 1000, going_away = 1001, protocol_error = 1002, unsupported_data = 1003,
                               bad_payload = 1007, policy = 1008, too_big = 1009, internal = 1011,
                               service_restart = 1012, try_again_later = 1013, unauthenticated = 3000, forbidden = 3003,
                               timeout = 3008;
}

// What HUB.connection shows.
struct ConnectionFigures {
  WallTime since{};
  std::chrono::nanoseconds round_trip{0};  // 0: not measured yet
  std::uint64_t messages_in = 0, messages_out = 0, bytes_in = 0, bytes_out = 0, dropped = 0;
};

class Connection {
 public:
  virtual ~Connection() = default;

  virtual std::string const& id() const = 0;  // a uuid
  virtual HubShard& hub() = 0;                // of this shard; settings, subscriptions, operations
  virtual Endpoint const& endpoint() const = 0;
  virtual std::string const& peer() const = 0;  // address, as text; failed logins are counted for it
  virtual bool forwarded() const = 0;           // by a proxy: never anonymous rights
  // Who it is; null until it has authenticated. A new one after the token was renewed.
  virtual PrincipalPtr const& who() const = 0;
  virtual void set_who(PrincipalPtr who, std::optional<WallTime> expires) = 0;
  virtual std::optional<WallTime> expires() const = 0;
  // Any frame of the client counts.
  virtual SteadyTime last_seen() const = 0;

  // Queues a reply or a control message of the dialect. Beyond the bound the connection is a slow consumer: closed with
  // 1013. Never blocks.
  virtual void send(FramePtr frame) = 0;
  // Queues what a subscription brought; when there is no room, by its policy.
  virtual void send(FramePtr frame, Subscription const& through) = 0;
  // Queues what was published before this connection asked for it, or has waited for the queue: as send(frame), but how
  // long it took counts as nobody's delivery.
  virtual void send_late(FramePtr frame) = 0;
  // How far back a compressed message may refer, in bytes; 0: the client has not negotiated compression.
  virtual std::size_t deflate_window() const = 0;
  virtual std::size_t queued_bytes() const = 0;
  // More than half of the bound is queued: a stream should wait for Conversation::drained().
  virtual bool congested() const = 0;
  // Sends a close frame after what is queued, at most `reason` of 123 bytes; received() is not called any more.
  virtual void close(std::uint16_t code, std::string_view reason) = 0;
  // The client's round trip, as the dialect measured it from its ping and pong.
  virtual void round_trip(std::chrono::nanoseconds took) = 0;
  // Puts another conversation in this one's place (after the first message has authenticated), which is deleted at the
  // end of this turn.
  virtual void become(std::unique_ptr<Conversation> next) = 0;
  // --- for the hub
  virtual Conversation& conversation() = 0;
  virtual ConnectionFigures figures() const = 0;
};

class Conversation : public Subscriber {
 public:
  explicit Conversation(Connection& connection) : connection_(connection) {}

  // The handshake is done, or this conversation has just taken another's place.
  virtual void opened() = 0;
  // One whole message; valid UTF-8 when it is text. Rate limits have been looked at.
  virtual void received(std::string_view message, bool binary) = 0;
  // A message was dropped before it got here: more than commands_per_second. Told once a second at most.
  virtual void refused(Error const& why) { static_cast<void>(why); }
  // A message sent directly: to the user, the chat, this connection or to everyone.
  virtual void direct(MessagePtr const& message) = 0;
  // The queue is below half of its bound again.
  virtual void drained() {}
  // The gateway is stopping: a hint when to come back; the session closes by itself later.
  virtual void draining(std::chrono::milliseconds come_back_after) = 0;
  // A call is running whose answer the client waits for: while the gateway drains, the connection stays for it.
  virtual bool busy() const { return false; }
  // The drain's time is over: such calls end as `unavailable`.
  virtual void give_up_calls() {}
  // The connection is gone: end calls and subscriptions; nothing more can be sent.
  virtual void closed() = 0;

  Connection& connection() const { return connection_; }
  std::string_view member_id() const override { return connection_.id(); }
  Connection* member_connection() override { return &connection_; }

 private:
  Connection& connection_;
};

}  // namespace patchbay::hub
