// Session: one WebSocket connection on its shard. Beast reads it and keeps the protocol right; everything that is sent
// goes by the Outbox; what is said is the Conversation's.
//
//   Session::start(hub_shard, std::move(handshake));      // answers 101, enters the hub, owns itself from then on
//
// A chain of callbacks: while a message is awaited, one read is pending, into a small buffer of the session's own; only
// a message that does not fit gets memory, for as long as it lasts. One timer serves all its time limits. It lives
// until both sides have said goodbye or the time for that is over. Shard's thread only. Idle: under 4 KiB.
#pragma once

#include <boost/intrusive/list_hook.hpp>
#include <memory>
#include <string>

#include "core/base/timer_wheel.hpp"
#include "core/hub/connection.hpp"
#include "core/hub/frame_walk.hpp"
#include "core/hub/handshake.hpp"
#include "core/hub/outbox.hpp"

namespace patchbay {
class Shard;
}

namespace patchbay::hub {

class Wire;

class Session final : public Connection,
                      public std::enable_shared_from_this<Session>,
                      private Outbox::Owner,
                      public boost::intrusive::list_base_hook<> {
  struct Private {};

 public:
  using ErrorCode = boost::system::error_code;
  using Make = std::unique_ptr<Conversation> (*)(Connection&);

  // On the shard's thread. `make` gives the conversation: that of the endpoint's dialect, but for tests.
  static std::shared_ptr<Session> start(HubShard& hub, Handshake handshake, Make make = nullptr);
  Session(Private, HubShard& hub, Handshake handshake, Make make);
  ~Session() override;
  Session(Session const&) = delete;
  Session& operator=(Session const&) = delete;

  // --- Connection
  std::string const& id() const override { return id_; }
  HubShard& hub() override { return hub_; }
  Endpoint const& endpoint() const override { return *endpoint_; }
  std::string const& peer() const override { return peer_; }
  bool forwarded() const override { return forwarded_; }
  PrincipalPtr const& who() const override { return who_; }
  void set_who(PrincipalPtr who, std::optional<WallTime> expires) override;
  std::optional<WallTime> expires() const override { return expires_; }
  SteadyTime last_seen() const override { return last_seen_; }
  void send(FramePtr frame) override;
  void send(FramePtr frame, Subscription const& through) override;
  void send_late(FramePtr frame) override;
  std::size_t deflate_window() const override { return outbox_.deflate_window(); }
  std::size_t queued_bytes() const override { return outbox_.queued_bytes(); }
  bool congested() const override;
  void close(std::uint16_t code, std::string_view reason) override;
  void round_trip(std::chrono::nanoseconds took) override { round_trip_ = took; }
  void become(std::unique_ptr<Conversation> next) override;
  Conversation& conversation() override { return *conversation_; }
  ConnectionFigures figures() const override;

  // Ends the connection now, without a farewell.
  void abort();
  // Every session of a shard, also those that only wait for their peer's farewell. For the end of the gateway.
  static void abort_all(Shard& shard);

 private:
  friend class Wire;
  struct Stream;  // Beast's
  enum class Phase : std::uint8_t { handshake, open, closing, gone };

  // --- life
  void accept();
  void on_accepted(ErrorCode error);
  void open();
  void begin_closing();
  void begin_parting();
  void finish();
  void end_conversation();
  void slow_consumer(std::string_view reason = "slow consumer");
  void hold_memory();
  void set_expiry(SteadyTime now);

  // --- reading
  void read();
  void on_read(ErrorCode error, std::size_t count);
  void take(std::size_t count);
  void dispatch(std::string_view message, bool binary);
  bool within_rate();
  std::size_t take_early(asio::mutable_buffer into);
  // What the wire has read, before Beast gets it. False: Beast does not get it.
  bool inspect(std::string_view bytes);
  void count_in_second();
  std::size_t message_limit() const;
  void new_message_limit();

  // --- writing
  // What Beast sends: the handshake's answer, pongs, close frames.
  void write_control(std::string bytes);
  void send_pong(std::string bytes);
  std::shared_ptr<void> keep() override { return shared_from_this(); }
  SteadyTime now() override;
  void on_written(Frame const& frame) override;
  void on_delivered(std::chrono::nanoseconds took, std::uint32_t count) override;
  void on_dropped(Frame const& frame, Dropped why) override;
  void on_flushed() override;
  void on_broken(ErrorCode error) override;
  void tell_figures();

  // --- time
  void schedule();
  void on_timer();
  SteadyTime next_time() const;
  std::chrono::milliseconds stall_time() const;
  void heartbeat(SteadyTime now);
  bool pinged_by_us() const { return endpoint_->dialect != Dialect::channel; }
  bool is_echo() const { return endpoint_->dialect == Dialect::echo; }

  // Rare things of a session, made when they are needed.
  struct Extra {
    std::string pong;   // the newest that was held back
    std::string early;  // bytes that came with the handshake
    std::size_t early_at = 0;
    std::string key, extensions;  // of the handshake
    bool subprotocol = false;
    SteadyTime began{};
  };

  HubShard& hub_;
  std::unique_ptr<Stream> stream_;
  Outbox outbox_;
  std::unique_ptr<Conversation> conversation_;
  std::unique_ptr<Extra> extra_;
  Make const make_;
  std::string id_;
  std::shared_ptr<Endpoint const> endpoint_;  // that of /ws/connect is the same for all
  std::string peer_;
  PrincipalPtr who_;
  std::optional<WallTime> expires_;
  Admission::Ticket ticket_;
  std::shared_ptr<AddressLedger> ledger_;
  std::unique_ptr<AddressLedger::Hold> memory_;  // what is held against the address, if it is worth counting

  FrameWalk walk_;
  std::string message_;  // one that does not fit into small_, of which held_ bytes are here
  std::size_t held_ = 0;
  std::array<char, 192> small_;

  Phase phase_ = Phase::handshake;
  std::shared_ptr<Session> paused_;  // itself, while nothing is read
  bool forwarded_ = false;
  bool reading_ = false;
  bool partial_ = false;       // of a message a part is here, in message_
  bool discarding_ = false;    // nothing that comes is looked at but for the close frame
  bool said_goodbye_ = false;  // the other side
  bool saw_close_ = false;     // by a close frame
  bool half_closed_ = false;
  mutable bool was_congested_ = false;  // it was said so: Conversation::drained() is due
  bool ending_ = false;
  std::uint8_t unanswered_ = 0;  // pings of ours

  std::uint32_t pings_ = 0, pongs_ = 0;  // within the second that began at
  SteadyTime second_{};
  SteadyTime used_until_{};     // the share of the messages that came
  SteadyTime refused_until_{};  // and of those that were too many
  SteadyTime refused_at_{};

  WallTime since_{};
  SteadyTime last_seen_{};
  SteadyTime pinged_at_{};                   // by us
  SteadyTime deadline_ = SteadyTime::max();  // of what the phase waits for
  SteadyTime renewal_ = SteadyTime::max();   // the token has to be renewed until then
  SteadyTime armed_at_ = SteadyTime::max();
  std::chrono::nanoseconds round_trip_{0};
  std::uint64_t messages_in_ = 0, bytes_in_ = 0;
  std::uint64_t told_in_ = 0, told_out_ = 0;  // of the bytes, counted for the hub already
  std::size_t told_queue_ = 0;
  std::uint32_t told_frames_ = 0;
  Timer timer_;
};

}  // namespace patchbay::hub
