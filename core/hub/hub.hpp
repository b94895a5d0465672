// Hub: the server side of WebSocket: connections, channels, users and chats. Answers HUB's operations.
//
//   Hub hub{runtime, caller, counters, log, settings};
//   runtime.start(); hub.start();                            // before the listener
//   hub.shard(Shard::current()->index())                     // the part of it that belongs to this shard
//   auto done = caller.start(hub::publish, call, args);      // any shard or thread
//   hub.drain(7s); ...; hub.stop();                          // before the runtime's stop
//
// Operations may be called from any thread: what needs a home shard goes there itself and is answered at once when it
// is there already. Costs nothing until somebody connects.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "core/base/caller.hpp"
#include "core/base/interface.hpp"
#include "core/base/sinks.hpp"
#include "core/hub/broker.hpp"
#include "core/hub/chat_rooms.hpp"
#include "core/hub/entity_channels.hpp"
#include "core/hub/hub_shard.hpp"
#include "core/hub/operations.hpp"
#include "core/hub/settings.hpp"
#include "core/runtime/runtime.hpp"

namespace patchbay::hub {

struct Publication;
class Watch;

class Hub {
 public:
  // `broker` makes the broker of each home; null: memory.
  Hub(Runtime& runtime, Caller& caller, Counters& counters, LogSink& log, Settings settings, BrokerFactory broker = {});
  ~Hub();
  Hub(Hub const&) = delete;
  Hub& operator=(Hub const&) = delete;

  // After the runtime's.
  void start();
  // Nothing new; hints, then closes paced over that time. Does not wait.
  void drain(std::chrono::milliseconds within);
  // Closes what is left and waits until all have gone, two seconds at most; not from a shard.
  void stop();
  bool draining() const { return draining_.load(std::memory_order_relaxed); }

  HubShard& shard(std::size_t index) { return *shards_[index]; }
  std::size_t shard_count() const { return shard_count_; }
  // The home of a name: of a channel, user or chat.
  HubShard& home_of(std::string_view name) { return *shards_[TextHash{}(name) % shards_.size()]; }
  // The part of the running shard; null on other threads.
  HubShard* here();

  // New settings for all that follows; subscriptions without a right end. Any thread. Errors: none now.
  Result<void> apply(Settings settings);
  SettingsPtr settings() const;
  // Those of the running shard, without a lock; elsewhere the newest.
  SettingsPtr rules();
  PartHealth health() const;
  // Connections that may be admitted, and that there are.
  std::int64_t connections() const { return connections_.load(std::memory_order_relaxed); }
  void count_connections(std::int64_t by) { connections_.fetch_add(by, std::memory_order_relaxed); }

  // --- what the gateway itself says: no right is asked for, nobody waits
  void post_event(std::string channel, std::string event, std::string data, bool only_if_heard = false);
  // A message for all connections of a chat; any shard, in the order of the calls.
  void post_to_chat(std::string chat, std::string data);

  // --- operations, one function each (operations.hpp)
  Reply<PublishResult> publish(Call& call, PublishArgs args);
  Reply<ConnectionsReached> broadcast(Call& call, BroadcastArgs args);
  Reply<SendResult> send_to_user(Call& call, SendToUserArgs args);
  Reply<ConnectionsReached> send_to_chat(Call& call, SendToChatArgs args);
  Task<Result<RouteResult>> route(Call& call, RouteArgs args);
  Reply<ReceiptResult> receipt(Call& call, ReceiptArgs args);
  Reply<EmitResult> emit(Call& call, EmitArgs args);
  Task<Result<SubscribeResult>> subscribe(Call& call, SubscribeArgs args);
  Reply<PresenceResult> presence(Call& call, ChannelNameArgs args);
  Reply<HistoryResult> history(Call& call, HistoryArgs args);
  Task<Result<ConnectionsResult>> list_connections(Call& call, ListArgs args);
  Task<Result<ConnectionInfo>> connection(Call& call, ConnectionArgs args);
  Task<Result<ChannelsResult>> list_channels(Call& call, ListArgs args);
  Task<Result<ChannelResult>> channel(Call& call, ChannelArgs args);
  Task<Result<ConnectionsReached>> disconnect(Call& call, DisconnectArgs args);
  Task<Result<StatsResult>> stats(Call& call);
  Result<SetEntityAreasResult> set_entity_areas(Call& call, SetEntityAreasArgs args);
  InfoResult info(Call& call);
  Reply<BroadcastChannelResult> broadcast_channel(Call& call, BroadcastChannelArgs args);
  Reply<BroadcastAllResult> broadcast_all(Call& call, BroadcastAllArgs args);
  Task<Result<ExecutePluginResult>> execute_plugin(Call& call, ExecutePluginArgs args);

  // --- for its shards
  Runtime& runtime() { return runtime_; }
  Caller& caller() { return caller_; }
  LogSink& log() { return log_; }
  Clock const& clock() { return runtime_.clock(); }
  HubCounters const& counters() const { return counters_; }
  BrokerFactory const& broker_factory() const { return broker_; }
  ChatRooms& chats() { return chats_; }
  // What SYSTEM.health says now, as JSON.
  std::string health_text();

 private:
  friend class Watch;
  Reply<PublishResult> publish_checked(Call& call, Publication publication);
  Reply<ConnectionsReached> to_all(std::string text);
  Task<Result<RouteResult>> route_at(HubShard& there, RouteArgs args, std::string owner, SteadyTime began);
  std::optional<Error> too_large(std::string const& data, std::string_view pointer);

  Runtime& runtime_;
  Caller& caller_;
  LogSink& log_;
  HubCounters counters_;
  BrokerFactory broker_;
  ChatRooms chats_;
  Counters& all_counters_;
  std::vector<std::uint64_t> limit_gauges_;
  std::unique_ptr<Watch> watch_;
  std::size_t const shard_count_;
  void spread(SettingsPtr const& fresh);

  mutable std::mutex settings_mutex_;  // of settings_, entity_areas_
  SettingsPtr settings_;
  std::map<std::string, std::shared_ptr<EntityAreas const>> entity_areas_;
  std::vector<std::unique_ptr<HubShard>> shards_;
  std::atomic<std::int64_t> connections_{0};
  std::atomic<bool> draining_{false};
  SteadyTime drained_by_{};
  std::atomic<std::uint64_t> next_stream_{1};
  bool started_ = false, stopped_ = false;
};

}  // namespace patchbay::hub
