// Subscriber: whoever gets what is published on a channel: a conversation of a connection, a stream of server-sent
// events. Subscription: its membership in one channel (or prefix), a node that the directory of its shard links.
//
//   Subscription subscription{*this};
//   shard.subscribe(subscription, who, "missions", std::nullopt, [this](Result<Subscribed> done) { ... });
//   ... deliver(subscription, message) for each publication, in order, beginning after `done` ...
//   subscription leaves by itself when it is destroyed, or by shard.unsubscribe(subscription)
//
// One shard's thread only. The node does not move in memory.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/call.hpp"
#include "core/base/result.hpp"
#include "core/hub/message.hpp"
#include "core/hub/settings.hpp"

namespace patchbay::hub {

class Connection;
class HubShard;
class Subscription;
class Topic;  // in directory.hpp: one channel or prefix with its members on this shard
struct Pace;  // of a subscription with a greatest rate (directory.hpp)

class Subscriber {
 public:
  virtual ~Subscriber() = default;
  // Must not leave or join anything in here: the members are being gone through. Post that.
  virtual void deliver(Subscription& through, MessagePtr const& message) = 0;
  // The hub ended the subscription: the right is gone after a reload. It has left already.
  virtual void ended(Subscription& through, Error const& why) = 0;
  // What presence and receipts call it by; empty: it is in neither. And its connection, if it has one.
  virtual std::string_view member_id() const { return {}; }
  virtual Connection* member_connection() { return nullptr; }
};

class Subscription {
 public:
  explicit Subscription(Subscriber& to);
  ~Subscription();  // leaves
  Subscription(Subscription const&) = delete;
  Subscription& operator=(Subscription const&) = delete;

  Subscriber& to() const { return to_; }
  bool joined() const { return topic_ != nullptr; }
  std::string const& channel() const { return channel_; }  // as asked for, a prefix with its ".*"
  SlowConsumer slow_consumer() const { return slow_consumer_; }
  void policy_for_test(SlowConsumer policy) { slow_consumer_ = policy; }
  PrincipalPtr const& who() const { return who_; }

 private:
  friend class Topic;
  friend class HubShard;
  Subscriber& to_;
  std::string channel_;
  PrincipalPtr who_;
  HubShard* shard_ = nullptr;  // while joined or asking
  Topic* topic_ = nullptr;
  std::uint32_t index_ = 0;  // among the topic's members
  SlowConsumer slow_consumer_ = SlowConsumer::close;
  std::uint64_t after_ = 0;       // offsets up to here, of this epoch, came with the answer
  std::size_t after_epoch_ = 0;   // its hash
  std::shared_ptr<bool> asking_;  // false once it is gone while its channel's home is being asked
  std::unique_ptr<Pace> pace_;
};

// What one who has subscribed gets to know.
struct Subscribed {
  std::optional<Position> at{};     // the channel keeps history: its newest position
  std::optional<bool> recovered{};  // only when recovery was asked for
  // In order; of a prefix the newest of each channel below it whose rule says so, in order of time. What is published
  // from now on comes by deliver().
  std::vector<MessagePtr> missed{};
};

}  // namespace patchbay::hub
