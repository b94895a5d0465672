// HubCounters: the hub's hot counters, patchbay_hub_*. One for all shards: a count is a plain addition to integers of
// the calling thread.
//
//   shard.counters().sent(1, frame->size());
//   shard.counters().delivered(now - frame->made);
//
// Any thread; made by the Hub at start.
#pragma once

#include <array>
#include <chrono>

#include "core/base/counters.hpp"
#include "core/hub/endpoint.hpp"

namespace patchbay::hub {

// Why a message for a subscriber was not delivered.
enum class Dropped : std::uint8_t { queue_full, drop_oldest, latest_only, closed, rate, expired };
inline constexpr std::array<std::string_view, 6> dropped_names{"queue_full", "drop_oldest", "latest_only",
                                                               "closed",     "rate",        "expired"};

class HubCounters {
 public:
  explicit HubCounters(Counters& counters);

  void connections(Dialect dialect, std::int64_t by) const { connections_[static_cast<std::size_t>(dialect)].add(by); }
  // Messages of clients and to clients, bytes as on the wire.
  void received(std::uint64_t messages, std::uint64_t bytes) const {
    messages_in_.add(messages);
    bytes_in_.add(bytes);
  }
  void sent(std::uint64_t messages, std::uint64_t bytes) const {
    messages_out_.add(messages);
    bytes_out_.add(bytes);
  }
  // From publish to written; `weight`: one measurement that stands for so many (a batch, a sample).
  void delivered(std::chrono::nanoseconds took, std::uint64_t weight = 1) const {
    delivery_.observe_ns(took.count(), weight);
    deliveries_.add(weight);
    delivery_ns_.add(static_cast<std::uint64_t>(took.count()) * weight);
  }
  // From the handshake's request to the welcome.
  void welcomed(std::chrono::nanoseconds took) const {
    welcomes_.add();
    welcome_ns_.add(static_cast<std::uint64_t>(took.count()));
  }
  // Only what was lost by a fault counts as failed: not conflation, which a namespace asks for.
  void dropped(Dropped why, std::uint64_t count = 1) const {
    dropped_[static_cast<std::size_t>(why)].add(count);
    if (why != Dropped::latest_only && why != Dropped::rate) failed_.add(count);
  }
  void queued(std::int64_t bytes) const { queue_bytes_.add(bytes); }
  void subscriptions(std::int64_t by) const { subscriptions_.add(by); }
  void recovered(bool exact) const { recoveries_[exact ? 0 : 1].add(); }
  void published() const { publications_.add(); }

  // What the watch compares; sums since the start.
  struct Sums {
    std::uint64_t welcomes = 0, welcome_ns = 0, deliveries = 0, delivery_ns = 0, failed = 0, publications = 0,
                  messages_in = 0, messages_out = 0, bytes_in = 0, bytes_out = 0;
  };
  Sums sums() const;

 private:
  Counters& counters_;
  std::array<UpDown, dialect_count> connections_;
  Counter messages_in_, messages_out_, bytes_in_, bytes_out_;
  Histogram delivery_;
  std::array<Counter, dropped_names.size()> dropped_;
  std::array<Counter, 2> recoveries_;
  UpDown queue_bytes_, subscriptions_;
  Counter publications_;
  Counter deliveries_, delivery_ns_, welcomes_, welcome_ns_, failed_;  // of no family
};

}  // namespace patchbay::hub
