// HubShard: the hub on one shard: its connections, the members of channels, users and chats that are connected here,
// and, as home of some of the names, what is one for the process: who is interested in them, history, presence.
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
class Session;

class HubShard {
 public:
  HubShard(Hub& hub, Shard& shard);
  ~HubShard();
  HubShard(HubShard const&) = delete;
  HubShard& operator=(HubShard const&) = delete;

  // --- what a session or dialect needs of its surroundings
  Hub& hub() { return hub_; }
  Shard& shard() { return shard_; }
  Caller& caller();
  LogSink& log();
  Clock const& clock();
  HubCounters& counters();
  SettingsPtr const& settings() const { return settings_; }
  bool draining() const { return draining_; }

  // --- channels
  // `done` comes once, perhaps before this returns; never after the subscription was destroyed or left. Errors:
  // invalid_argument (name), forbidden, conflict (this subscriber has it already is for the caller to look after).
  void subscribe(Subscription& subscription, PrincipalPtr const& who, std::string channel,
                 std::optional<Position> recover, std::function<void(Result<Subscribed>)> done);
  void unsubscribe(Subscription& subscription);

  // --- connections: a session enters when its handshake is done and leaves when it is gone
  void enter(Session& session);
  void leave(Session& session);
  // The principal was found or has changed (first message, renewal): user and token lists follow.
  void identified(Session& session);
  std::unordered_map<std::string_view, Session*> const& sessions() const { return sessions_; }

  // --- receipts; any of them may be called on any shard
  void written(std::string const& message_id, Connection const& connection);
  void dropped(std::string const& message_id, Connection const& connection, std::string_view reason);
  void acknowledged(std::string const& message_id, Connection const& connection);

  // --- from the hub, on this shard
  // A message for the members of a topic that are connected here; gives how many got it.
  std::size_t deliver(MessagePtr const& message);                              // a publication: channel and prefixes
  std::size_t deliver_to_user(std::string const& user_id, MessagePtr const& message);
  std::size_t deliver_to_chat(std::string const& chat, MessagePtr const& message);  // "workflow/app/chat", escaped
  std::size_t deliver_to_all(MessagePtr const& message);
  void apply(SettingsPtr settings);
  void drain(std::chrono::milliseconds within);

 private:
  Hub& hub_;
  Shard& shard_;
  SettingsPtr settings_;
  bool draining_ = false;
  std::unordered_map<std::string_view, Session*> sessions_;  // by connection id
};

}  // namespace patchbay::hub
