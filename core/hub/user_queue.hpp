// UserQueues: messages kept for users who are not connected, until they come back or the time is over.
//
//   queues.put("ada", message, now + 30s, given_up);
//   for (auto& message : queues.take("ada", now)) ...
//
// At most 100 messages a user and `most_bytes` in all; the oldest of that user, then of all, is dropped for a new one.
// One thread only.
#pragma once

#include <deque>
#include <functional>

#include "core/hub/directory.hpp"
#include "core/hub/message.hpp"

namespace patchbay::hub {

class UserQueues {
 public:
  static constexpr std::size_t most_of_one = 100;
  enum class Why { expired, dropped };
  // Called for each message that nobody will get.
  using GivenUp = std::function<void(std::string const& user_id, Message const& message, Why why)>;

  UserQueues(std::size_t most_bytes, GivenUp given_up) : most_bytes_(most_bytes), given_up_(std::move(given_up)) {}

  // False: it alone is larger than all may be.
  bool put(std::string const& user_id, MessagePtr message, SteadyTime until);
  // What has not expired, in order.
  std::vector<MessagePtr> take(std::string const& user_id, SteadyTime now);
  void sweep(SteadyTime now);
  std::size_t bytes() const { return bytes_; }

 private:
  struct Entry {
    MessagePtr message;
    SteadyTime until;
    std::uint64_t turn;
  };
  using Queue = std::deque<Entry>;
  static std::size_t cost(Message const& message) { return 3 * message.data.size() + 512; }
  void drop_front(std::string const& user_id, Queue& queue, Why why);
  void drop_oldest();

  ByName<Queue> queues_;
  std::size_t const most_bytes_;
  std::size_t bytes_ = 0;
  std::uint64_t turn_ = 0;
  GivenUp given_up_;
};

}  // namespace patchbay::hub
