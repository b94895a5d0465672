// Connection: one client connection for as long as its owner wants it, over as many links as it takes.
//
//   auto connection = std::make_shared<Connection>(context, shard, id, owner, std::move(plan));
//   auto made = co_await connection->open(call);                       // the first attempt, in the caller's time
//   runtime.spawn("websocket " + id, shard, connection->run());        // reads, pings, reconnects, until it is closed
//
// Lives on one shard; every function is for that shard's thread. Held by its own root task and by the module's list.
//
// Queues and what happens when they are full:
// - to be sent (max_queue bytes): send, request and subscribe answer backpressure; nothing is dropped;
// - waiting for receive (max_queue bytes): reading stops until somebody receives, so the other side is held up too.
//   While requests or subscriptions are waiting for their frames reading goes on, and the oldest unclaimed messages are
//   dropped and counted;
// - a subscription's own frames: see Feed.
// Nothing is kept for later while there is no link: send and request answer connection_lost (or circuit_open) at once.
// What was in flight when a link is lost fails with connection_lost and is never repeated. A frame with an id that was
// given out here but is no longer waited for (a late answer) is dropped; any other unclaimed frame waits for receive.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/base/caller.hpp"
#include "core/runtime/connect.hpp"
#include "core/runtime/runtime.hpp"
#include "core/runtime/waiter.hpp"
#include "core/websocket/backoff.hpp"
#include "core/websocket/frame.hpp"
#include "core/websocket/link.hpp"
#include "core/websocket/metrics.hpp"
#include "core/websocket/opening.hpp"
#include "core/websocket/subscription.hpp"
#include "core/websocket/target.hpp"

namespace patchbay::websocket {

struct Settings {
  std::size_t max_connections = 256;               // of all principals together
  std::chrono::milliseconds reconnect_first{500};  // bound of the first wait; it doubles up to reconnect_max_ms
  std::chrono::milliseconds lasting{10'000};       // a link that held this long starts the waits anew when it is lost
  std::chrono::milliseconds closed_kept{60'000};   // how long a connection that is over can still be asked about
  std::chrono::milliseconds close_time{2'000};     // how long close waits for the other side's answer
};

// What all connections share; outlives them.
struct Context {
  Runtime& runtime;
  Caller& caller;
  LogSink& log;
  Metrics& metrics;
  Settings const& settings;
};

// What a connection was asked to be, checked.
struct Plan {
  ConnectArgs args;
  Target target;
  Opening opening;
  LinkOptions link;

  // Errors: invalid_argument with the pointer.
  static Result<Plan> make(ConnectArgs args);
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Context const& context, Shard& shard, std::string id, PrincipalPtr owner, Plan plan);
  ~Connection();
  Connection(Connection const&) = delete;
  Connection& operator=(Connection const&) = delete;

  std::string const& id() const { return id_; }
  Principal const& owner() const { return *owner_; }
  bool over() const { return state_ == State::closed; }

  Task<Result<ConnectResult>> open(Call& call);
  // Ends when the connection is over for good; `forget` is called then, or a while later when nobody has closed it.
  Task<void> run(std::function<void()> forget);

  Result<SendResult> send(SendArgs const& args);
  Task<Result<ReceiveResult>> receive(Deadline deadline);
  Task<Result<RequestResult>> request(RawJson message, Deadline deadline);
  // The feed gets the answer, then each frame with the same id. The token names the subscription.
  Result<std::uint64_t> subscribe(SubscribeArgs args, std::shared_ptr<Feed> feed);
  void unsubscribe(std::uint64_t token);
  // Starts to close; waits for the other side's answer for a while.
  Task<Result<Nothing>> close(std::uint16_t code, std::string reason);
  ConnectionInfo info(bool with_opening) const;

 private:
  struct Pending {
    Waiter woken;
    std::string answer{};
    std::optional<Error> error{};
  };
  struct Incoming {
    enum class Kind : std::uint8_t { json, text, binary } kind = Kind::json;
    std::string data{};
  };
  struct Receiver {
    Waiter woken;
    std::optional<Incoming> item{};
    std::optional<Error> error{};
  };
  struct Subscription {
    std::uint64_t token = 0;  // its first id
    std::uint64_t id = 0;     // its id on the link
    SubscribeArgs args;
    std::shared_ptr<Feed> feed;
    bool answered = false, restored = false;
    Timer answer_in_time;
  };

  // --- one attempt ---
  Task<Result<void>> attempt(Call& call);
  Task<Result<void>> attempt_with_leave(Call& call, std::vector<asio::ip::address> addresses,
                                        std::vector<asio::ip::address> proxy_addresses, Deadline deadline);
  Task<Result<std::shared_ptr<Link>>> establish(std::vector<asio::ip::address> addresses,
                                                std::vector<asio::ip::address> proxy_addresses, Deadline deadline);
  Task<Result<void>> play_opening(Link& link, Deadline deadline);
  Task<Result<std::vector<asio::ip::address>>> allowed(Call& call, std::string url, std::string purpose);

  // --- while a link is up ---
  void link_up(std::shared_ptr<Link> link);
  Task<void> serve();
  void dispatch(Link::Message message);
  void route(std::optional<std::uint64_t> id, std::string text);
  void deliver(Incoming item);
  bool claimed() const { return !pending_.empty() || !subscriptions_.empty(); }
  bool must_pause() const { return inbox_bytes_ > plan_.args.max_queue && !claimed(); }
  void ping();
  void ponged();

  // --- between links ---
  void link_down();
  Task<bool> reconnect();
  void restore_subscriptions();
  void finish();

  std::optional<Error> unusable() const;
  Result<void> write(std::string_view a, std::string_view b, bool binary = false);
  void end_subscription(Subscription& subscription, Error error);
  void set_state(State state);
  void log(LogLevel level, std::string_view message, std::string_view reason = {}) const;

  Context const& context_;
  Shard& shard_;
  std::string const id_;
  PrincipalPtr const owner_;
  Plan const plan_;

  State state_ = State::connecting;
  std::shared_ptr<Link> link_;
  SteadyTime up_since_{};
  std::vector<RawJson> opening_;
  std::uint64_t next_id_ = 1;
  std::unordered_map<std::uint64_t, Pending*> pending_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Subscription>> subscriptions_;  // by their id on the link
  std::vector<std::unique_ptr<Subscription>> waiting_subscriptions_;                // while there is no link
  std::deque<Incoming> inbox_;
  std::size_t inbox_bytes_ = 0;
  std::uint64_t dropped_ = 0, reconnects_ = 0;
  std::deque<Receiver*> receivers_;
  Waiter room_;    // the reader pauses here
  Waiter wake_;    // the root task sleeps here between links
  Waiter closed_;  // close() waits here
  bool closing_ = false, forgotten_ = false;
  Backoff backoff_;
  std::optional<Error> last_error_;
  SteadyTime next_attempt_{};
  std::string loss_reason_;
  Timer ping_timer_{[this] { ping(); }};
  SteadyTime ping_sent_{};
  bool awaiting_pong_ = false;
  std::uint64_t heard_at_ping_ = 0;
  std::optional<double> latency_ms_;
};

}  // namespace patchbay::websocket
