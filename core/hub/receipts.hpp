// Receipts: what became of messages that were sent with an id, connection by connection.
//
//   auto id = receipts.open("token:app");                       // on the shard that spreads the message
//   receipts.expect(id, 2);                                     // two shards will report whom they reached
//   receipts.reached(id, {{connection_id, user_id}});           // one of them
//   receipts.mark(id, connection_id, ReceiptState::sent);       // later, from the sessions
//
// The id names the shard at which its receipt is kept. A receipt is kept for 5 minutes (longer while the message waits
// for its user), at most 10,000 a shard and 200,000 targets; the oldest go first. One shard's thread only.
#pragma once

#include <deque>
#include <memory>
#include <random>
#include <string>

#include "core/base/clock.hpp"
#include "core/hub/directory.hpp"
#include "core/hub/operations.hpp"

namespace patchbay::hub {

struct Reached {
  std::string connection_id, user_id;
};

class Receipts {
 public:
  static constexpr std::chrono::minutes kept_for{5};
  static constexpr std::size_t most = 10'000, most_targets = 200'000;

  Receipts(unsigned shard, Clock const& clock) : shard_(shard), clock_(clock) {}

  struct Target {
    std::string connection_id, user_id;
    ReceiptState state = ReceiptState::queued;
    std::string reason{};
    WallTime at{};
  };
  struct Receipt {
    std::string owner;
    SteadyTime until{};
    unsigned awaited = 0;  // reports of shards
    bool parked = false;   // in a user's queue
    std::vector<Target> targets{};
    std::function<void()> changed{};  // somebody waits for it
  };

  std::string open(std::string owner);
  // The shard that keeps an id's receipt; nothing when it is no id.
  static std::optional<unsigned> shard_of(std::string_view message_id);

  void expect(std::string_view id, unsigned reports);
  void reached(std::string_view id, std::vector<Reached> targets);
  void mark(std::string_view id, std::string_view connection_id, std::string_view user_id, ReceiptState state,
            std::string_view reason = {});
  // The message waits for a user who is away, or is given up.
  void park(std::string_view id, std::string_view user_id, std::chrono::milliseconds patience);
  void unpark(std::string_view id);
  void give_up(std::string_view id, std::string_view user_id, ReceiptState state);
  Receipt* find(std::string_view id);
  // Errors: not_found, also for what belongs to another.
  Result<ReceiptResult> show(std::string_view id, Principal const& who);
  void sweep();
  std::size_t size() const { return receipts_.size(); }
  std::string newest_for_test() const { return order_.empty() ? std::string{} : order_.back(); }

 private:
  Target& target(Receipt& receipt, std::string_view connection_id, std::string_view user_id);
  void changed(Receipt& receipt) {
    if (receipt.changed) receipt.changed();
  }
  void drop(std::string const& id);

  unsigned const shard_;
  Clock const& clock_;
  ByName<Receipt> receipts_;
  std::deque<std::string> order_;
  std::size_t targets_ = 0;
  std::mt19937_64 random_{std::random_device{}()};
};

}  // namespace patchbay::hub
