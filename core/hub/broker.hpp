// Broker: what carries publications between processes, and keeps history and presence for all of them. The memory
// broker (memory_broker.hpp) serves one process; a plugin may provide another.
//
//   class Redis final : public Broker { ... };
//   broker->publish(message, {.size = 100, .ttl = 60s}, [](Result<Position> at) { ... });
//   ... sink.published(message) for every publication on a channel in which this process has an interest, its own too
//
// Each home shard has a broker object of its own, which serves the channels at home there. Its functions are called on
// that shard's thread only, and it calls back (and calls its sink) on that thread only, perhaps before the function
// returns. Every `done` is called exactly once, unless the broker is destroyed before. What must hold of any broker
// is written down as tests: tests/core/hub/broker_conformance.hpp.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/result.hpp"
#include "core/hub/message.hpp"

namespace patchbay::hub {

struct Member {
  std::string id;       // of a connection, or of another subscriber
  std::string user_id;  // may be empty
  friend bool operator==(Member const&, Member const&) = default;
};

// What a channel keeps: so many messages (0: none), so long (0: any time).
struct HistoryRule {
  std::uint32_t size = 0;
  std::chrono::seconds ttl{0};
  bool keep_newest = false;  // of messages that are too old the newest stays
};

struct HistoryPage {
  std::vector<std::shared_ptr<Message>> messages{};  // in the order of their offsets
  Position newest{};                                 // offset 0: nothing was ever published in this epoch
  bool complete = false;                             // with `since`: nothing after it is missing
  std::uint32_t kept = 0;                            // how many there are in all
};

class BrokerSink {
 public:
  virtual ~BrokerSink() = default;
  // In the order of the offsets of one channel. The sink may encode the message, nothing else.
  virtual void published(std::shared_ptr<Message> message) = 0;
};

class Broker {
 public:
  template <class T>
  using Done = std::function<void(Result<T>)>;

  virtual ~Broker() = default;

  // Gives it an offset if the channel keeps history, keeps it, hands it to all who are interested: published() comes
  // before `done` in the process that publishes. Errors: unavailable (nothing was published).
  virtual void publish(std::shared_ptr<Message> message, HistoryRule keep, Done<Position> done) = 0;
  // Interest of this process in a channel or prefix (`a.b.*`). What is published after `done` comes to the sink.
  virtual void subscribe(std::string const& channel, Done<void> done) = 0;
  virtual void unsubscribe(std::string const& channel) = 0;
  // With `since`: what came after it, the oldest first; else the newest `limit`. `complete` is true only when all of it
  // is there: same epoch, none gone, not more than `limit`.
  virtual void history(std::string const& channel, std::optional<Position> since, std::size_t limit, HistoryRule keep,
                       Done<HistoryPage> done) = 0;
  // What a channel keeps; `size` 0: nothing.
  using KeepOf = std::function<HistoryRule(std::string_view channel)>;
  // The newest kept message of each channel below a prefix (`a.b.*`) that keeps something and of which `keep` says
  // keep_newest, in any order. All of them have gone to the sink before, where there was an interest, and what is
  // published later comes to it later. A broker that cannot tell which channels it has answers none: a subscription of
  // a prefix then begins with what is published next.
  virtual void newest(std::string const& prefix, KeepOf keep, Done<std::vector<std::shared_ptr<Message>>> done) = 0;
  // Presence of all processes. Joining twice under one id is joining once.
  virtual void join(std::string const& channel, Member member) = 0;
  virtual void leave(std::string const& channel, Member const& member) = 0;
  virtual void presence(std::string const& channel, Done<std::vector<Member>> done) = 0;
  // Now and then: forgets what is too old.
  virtual void sweep() = 0;
};

// `history_bytes`: what all channels at home there may keep together.
using BrokerFactory = std::function<std::unique_ptr<Broker>(BrokerSink&, Clock const&, std::size_t history_bytes)>;

}  // namespace patchbay::hub
