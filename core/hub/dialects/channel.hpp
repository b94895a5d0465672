// Channel: the dialect of /ws/connect and /ws/channel/{name}: subscriptions, publishing, presence, history,
// acknowledgements and operation calls over one connection (hub_protocol, section 1).
//
//   {"type":"subscribe","channel":"missions"}  ->  {"type":"subscribed","channel":"missions","timestamp":...}
//   {"type":"mission_created","channel":"missions","data":{...},"timestamp":...}
//
// An event costs one look at its membership before it is in the connection's queue. The server pings every heartbeat
// interval; a client that has not answered two in a row is gone one interval, at most 5 s, after the second. Own shard
// only; owned by its session. An idle one with one subscription takes about 500 bytes.
#pragma once

#include <memory>
#include <vector>

#include "core/base/timer_wheel.hpp"
#include "core/hub/connection.hpp"
#include "core/hub/dialects/backlog.hpp"
#include "core/hub/dialects/calls.hpp"
#include "core/hub/dialects/requests.hpp"
#include "core/hub/hub_counters.hpp"

namespace patchbay::hub {

class ClientMessage;

class Channel final : public Conversation {
 public:
  explicit Channel(Connection& connection);
  ~Channel() override;

  void opened() override;
  void received(std::string_view text, bool binary) override;
  void refused(Error const& why) override { refuse({}, {}, {}, why); }
  void deliver(Subscription& through, MessagePtr const& message) override;
  void ended(Subscription& through, Error const& why) override;
  void direct(MessagePtr const& message) override { connection().send(message->frame(Form::channel)); }
  void drained() override;
  void draining(std::chrono::milliseconds come_back_after) override;
  bool busy() const override;
  void give_up_calls() override;
  void closed() override;

 private:
  struct Membership;
  struct Waiting;
  struct Row {
    std::string_view type;
    void (Channel::*answer)(ClientMessage const&);
  };
  static std::vector<Row> const& rows();

  void on_ping(ClientMessage const& message);
  void on_pong(ClientMessage const& message);
  void on_subscribe(ClientMessage const& message);
  void on_unsubscribe(ClientMessage const& message);
  void on_publish(ClientMessage const& message);
  void on_presence(ClientMessage const& message);
  void on_history(ClientMessage const& message);
  void on_ack(ClientMessage const& message);
  void on_call(ClientMessage const& message) { calls().begin(message); }
  void on_cancel(ClientMessage const& message) { calls().cancel(message); }
  void on_refresh(ClientMessage const& message);

  void subscribe(std::string channel, std::string id, std::optional<Position> recover);
  void ask(Membership& membership, std::string id, std::optional<Position> recover);
  void answered(Membership& membership, Result<Subscribed>& done);
  void confirm(Membership& membership, std::string_view id, Subscribed const* answer);
  void pump(Membership& membership);
  void wait_in_line(Membership& membership, FramePtr frame);
  void drop_oldest(Backlog& backlog, std::size_t most, Dropped why);
  // Takes it out of the list; it is deleted in a later turn, since its hub may be calling through it.
  void drop(Membership& membership);
  Membership* find(std::string_view channel);
  // Answers by an operation with JSON arguments: {"type":<type>,"channel":...,"data":<its result>}.
  void query(ClientMessage const& message, std::string_view tool, std::string arguments);
  // Whether one more request may wait for its answer; else that is said.
  bool may_wait(ClientMessage const& message, std::size_t bytes);

  Calls& calls();
  void refuse(ClientMessage const& message, Error const& error);
  void refuse(std::string_view request, std::string_view id, std::string_view channel, Error const& error);
  void reply(FramePtr frame) { connection().send(std::move(frame)); }
  WallTime now() const;
  void ping();
  void beat();

  std::vector<std::unique_ptr<Membership>> memberships_;
  Requests requests_;
  std::size_t waiting_bytes_ = 0;  // of requests that are not answered
  std::unique_ptr<Calls> calls_;
  Timer beat_;
  SteadyTime pinged_{};
  bool answered_ = true;  // the last ping; its round trip has been taken
  std::uint8_t missed_ = 0;
};

}  // namespace patchbay::hub
