// HubShard: the hub on one shard: its connections, the members of channels, users and chats that are connected here,
// and, as home of some of the names, what is one for the process (home.hpp): who is interested in them, history,
// presence.
//
//   HubShard& here = connection.hub();
//   here.subscribe(subscription, who, "missions", std::nullopt, [](Result<Subscribed> done) { ... });
//
// Every name has one home shard (by its hash). A publication goes to its channel's home, which gives it an offset and
// posts the shared message to the shards that have members; since home answers a subscription by a post too, what comes
// after the answer is exactly what was published after it. No message takes a lock. Own shard's thread only, but for
// what says otherwise. Owned by the Hub.
#pragma once

#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "core/base/caller.hpp"
#include "core/base/sinks.hpp"
#include "core/hub/connection.hpp"
#include "core/hub/directory.hpp"
#include "core/hub/hub_counters.hpp"
#include "core/runtime/runtime.hpp"

namespace patchbay::hub {

class Hub;
class Gathering;
class Home;
class Receipts;
struct Member;
struct Reached;
enum class ReceiptState : std::uint8_t;

class HubShard {
 public:
  HubShard(Hub& hub, Shard& shard, SettingsPtr settings);
  ~HubShard();
  HubShard(HubShard const&) = delete;
  HubShard& operator=(HubShard const&) = delete;

  // --- what a session or dialect needs of its surroundings
  Hub& hub() { return hub_; }
  Shard& shard() { return shard_; }
  Caller& caller();
  LogSink& log();
  Clock const& clock();
  HubCounters const& counters();
  SettingsPtr const& settings() const { return settings_; }
  bool draining() const { return draining_; }

  // --- channels
  // `done` comes once, perhaps before this returns; never after the subscription was destroyed or left. Errors:
  // invalid_argument (name), forbidden, conflict (this subscription is in use); that a subscriber has the channel
  // already is for the caller to look after.
  void subscribe(Subscription& subscription, PrincipalPtr const& who, std::string channel,
                 std::optional<Position> recover, std::function<void(Result<Subscribed>)> done);
  void unsubscribe(Subscription& subscription);
  // Its connection's principal is another one: the subscription is that one's from now on, or ends for want of a right.
  void renew(Subscription& subscription, PrincipalPtr const& who);

  // --- connections: one enters when its handshake is done and leaves when it is gone
  void enter(Connection& connection);
  void leave(Connection& connection);
  // The principal was found or has changed (first message, renewal): the user's list follows. Its conversation renews
  // the subscriptions.
  void identified(Connection& connection);
  Connection* find(std::string_view connection_id) const;
  std::size_t connection_count() const { return connections_.size(); }
  template <class Function>
  void each_connection(Function function) const {
    for (auto const& [id, known] : connections_) function(*known.connection);
  }

  // --- receipts: what became of a message that carries an id
  void written(std::string const& message_id, Connection const& connection);
  void dropped(std::string const& message_id, Connection const& connection, std::string_view reason);
  // False: this connection has no such message (as far as can be told here: the id is malformed).
  bool acknowledged(std::string const& message_id, Connection const& connection);

  // --- from homes and the hub, on this shard
  // A message for the members of a topic that are connected here; gives how many there are.
  std::size_t deliver(MessagePtr const& message);  // a publication: channel and prefixes
  std::size_t deliver_to_user(std::string const& user_id, MessagePtr const& message);
  std::size_t deliver_to_chat(std::string const& chat, MessagePtr const& message);  // chat_key()
  std::size_t deliver_to_all(MessagePtr const& message);
  bool deliver_to_connection(std::string_view connection_id, MessagePtr const& message);
  void apply(SettingsPtr settings);
  // Sends hints, then closes in paced batches, those with a running call when it has ended; when `within` is over calls
  // end as `unavailable` and all that is left is closed.
  void drain(std::chrono::milliseconds within);
  // Closes what is left at once.
  void close_all();
  // How many it closed.
  std::size_t disconnect(std::function<bool(Connection&)> const& which, std::uint16_t code, std::string_view reason);
  // Subscriptions of others than connections; they end as cancelled.
  std::size_t end_streams(std::function<bool(Principal const&)> const& whose);
  void start();
  void stop();

  Home& home() { return *home_; }
  Receipts& receipts() { return *receipts_; }
  Directory& directory() { return directory_; }
  // The user whose messages a connection gets: the one in its path, else the principal's; may be empty.
  static std::string const& user_of(Connection const& connection);

 private:
  struct Known {
    Connection* connection;
    std::string user, chat;  // under which it is listed
    bool closing = false;
  };
  using Answer = std::function<void(Result<Subscribed>)>;
  void ask_home(Subscription& subscription, std::optional<Position> recover, Answer done);
  void ask_all(Subscription& subscription, Answer done);
  // A home has answered; null: the subscription has left meanwhile.
  void take(std::shared_ptr<Gathering> const& gathering, std::vector<MessagePtr> const& newest);
  void gather(MessagePtr const& message);
  void begin(Subscription& subscription, Subscribed answer, Answer const& done);
  void join(Subscription& subscription, Subscribed& answer);
  static void set_pace(Subscription& subscription, ChannelRule const& rule);
  void tell_homes_left(std::string const& channel, Member member);
  template <class Function>
  void at_home(std::string const& name, Function function);
  template <class Function>
  bool at_receipts(std::string const& message_id, Function function);
  void unlist_user(Known& known);
  void mark(std::string const& message_id, Connection const& connection, ReceiptState state, std::string_view reason);
  std::size_t deliver_to(Directory::Connections const* list, MessagePtr const& message);
  // Whom it goes to here, for its receipt; before it goes.
  void report(std::string const& message_id, std::vector<Reached> reached);
  void recheck();
  void end_for_want_of_right(Subscription& subscription);

  void drain_step();
  void give_up_calls();
  void close_some(std::size_t count, bool busy_too);

  Hub& hub_;
  Shard& shard_;
  SettingsPtr settings_;
  std::unique_ptr<Home> home_;
  std::unique_ptr<Receipts> receipts_;
  Directory directory_;
  std::vector<std::shared_ptr<Gathering>> gatherings_;       // of prefixes of which homes are being asked
  std::unordered_map<std::string_view, Known> connections_;  // by connection id
  bool draining_ = false, gave_up_ = false;
  SteadyTime drain_end_{};
  Timer drain_timer_, tick_timer_, sweep_timer_;
};

}  // namespace patchbay::hub
