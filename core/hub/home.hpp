// Home: what is one for the process, for the names that are at home on one shard: which shards have members of a
// channel, its history and presence (by the broker), users and chats and where they are connected.
//
//   home.join("missions", shard_index, {connection_id, user_id}, recover, [](Result<Subscribed> done) { ... });
//   home.publish(std::move(publication), [](Result<PublishResult> done) { ... });
//
// A publication gets its offset here and is posted to each shard that has members, so that all of them see one order.
// Its shard's thread only; callbacks are called there, perhaps before the function returns. Owned by the HubShard.
#pragma once

#include "core/hub/broker.hpp"
#include "core/hub/directory.hpp"
#include "core/hub/idempotency.hpp"
#include "core/hub/operations.hpp"
#include "core/hub/receipts.hpp"
#include "core/hub/user_queue.hpp"

namespace patchbay::hub {

class HubShard;

// What is to be published; the right has been checked.
struct Publication {
  std::string channel, event, data;
  std::string owner{};  // the principal's name: whose the receipt and the idempotency key are
  std::string idempotency_key{};
  std::string message_id{};  // an open receipt's
  bool receipt = false;      // or: open one
  bool ack = true;           // with a receipt: clients are asked to acknowledge
};
// A message that is no publication, for a user or chat.
struct Direct {
  std::string to;  // user, or chat_key()
  std::string data;
  std::string owner{};
  std::string message_id{};
  bool receipt = false, ack = true;
  std::chrono::milliseconds queue{0};
};

class Home final : public BrokerSink {
 public:
  template <class T>
  using Done = std::function<void(Result<T>)>;

  Home(HubShard& shard, std::size_t shards, BrokerFactory const& broker);
  ~Home() override;

  // --- channels
  void join(std::string const& channel, unsigned shard, Member member, std::optional<Position> recover,
            Done<Subscribed> done);
  void leave(std::string const& channel, unsigned shard, Member const& member);
  // A prefix is asked for at every home. `done` gets the newest message of each channel below it that is at home here
  // and whose rule says so; what is published after them comes to the shard after them.
  using NewestDone = std::function<void(std::vector<MessagePtr>)>;
  void join_prefix(std::string const& pattern, unsigned shard, NewestDone done);
  void leave_prefix(std::string const& pattern, unsigned shard);
  void publish(Publication publication, Done<PublishResult> done);
  void history(std::string const& channel, std::optional<Position> since, std::size_t limit, Done<HistoryPage> done);
  void presence(std::string const& channel, Done<std::vector<Member>> done);
  std::uint32_t subscribers(std::string_view channel) const;  // of exactly this name
  std::uint32_t listeners(std::string_view channel);          // those of prefixes too
  template <class Function>
  void each_channel(Function function) const {
    for (auto const& [name, group] : channels_)
      if (group.total > 0) function(name, group.total);
    for (auto const& [name, group] : prefixes_) function(name, group.total);
  }

  // --- users and chats
  void user_came(std::string const& user_id, unsigned shard);
  void user_left(std::string const& user_id, unsigned shard);
  void chat_came(std::string const& chat, unsigned shard);
  void chat_left(std::string const& chat, unsigned shard);
  SendResult send_to_user(Direct direct);
  SendResult send_to_chat(Direct direct);
  std::size_t users() const { return users_.size(); }

  // --- from time to time
  void tick();   // each second: what has a time of its own
  void sweep();  // what is only too old
  void stop();
  Broker& broker() { return *broker_; }

  void published(std::shared_ptr<Message> message) override;

 private:
  struct Group {
    std::vector<std::uint32_t> by_shard{};
    std::uint32_t total = 0;
  };
  // Who has asked for a history that has not come yet, and what was published meanwhile.
  struct Asking {
    std::vector<std::shared_ptr<Message>> meanwhile{};
  };
  struct Channel : Group {
    std::vector<std::shared_ptr<Asking>> asking{};
  };
  struct Presence {
    std::uint32_t connections = 0;
    bool announced = false, looked_at = false;
  };

  template <class T>
  T& entered(ByName<T>& groups, std::string const& name, unsigned shard);
  // Whether it was the last.
  template <class T>
  bool left(ByName<T>& groups, std::string const& name, unsigned shard);
  void answer_with_history(std::string const& channel, std::optional<Position> recover, Done<Subscribed> done);
  void answer_with_newest(std::string const& pattern, NewestDone const& done);
  void encode_if_needed(Message& message) const;
  std::shared_ptr<Message> direct_message(Direct& direct);
  // To the shards of which `by_shard` is not 0, here last; `deliver` is called there.
  template <class Deliver>
  void spread(MessagePtr const& message, std::vector<std::uint32_t> const& by_shard, Deliver deliver);
  void presence_changed(std::string const& channel, std::string const& user_id, bool came);
  void announce();

  HubShard& shard_;
  std::size_t const shards_;
  std::unique_ptr<Broker> broker_;
  ByName<Channel> channels_;
  ByName<Group> prefixes_, users_, chats_;
  std::vector<std::uint32_t> scratch_;
  Idempotency idempotency_;
  UserQueues queues_;
  // Join and leave events: who came or went a moment ago.
  ByName<Presence> present_;  // "channel\nuser"
  std::deque<std::pair<SteadyTime, std::string>> to_announce_;
  Timer announce_timer_;
};

}  // namespace patchbay::hub
