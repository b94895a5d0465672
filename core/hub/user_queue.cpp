#include "core/hub/user_queue.hpp"

namespace patchbay::hub {

void UserQueues::drop_front(std::string const& user_id, Queue& queue, Why why) {
  auto const message = std::move(queue.front().message);
  queue.pop_front();
  bytes_ -= cost(*message);
  if (given_up_) given_up_(user_id, *message, why);
}

void UserQueues::drop_oldest() {
  auto oldest = queues_.end();
  for (auto at = queues_.begin(); at != queues_.end(); ++at)
    if (oldest == queues_.end() || at->second.front().turn < oldest->second.front().turn) oldest = at;
  if (oldest == queues_.end()) return;
  drop_front(oldest->first, oldest->second, Why::dropped);
  if (oldest->second.empty()) queues_.erase(oldest);
}

bool UserQueues::put(std::string const& user_id, MessagePtr message, SteadyTime until) {
  auto const size = cost(*message);
  if (size > most_bytes_) return false;
  while (bytes_ + size > most_bytes_) drop_oldest();
  auto& queue = queues_[user_id];
  if (queue.size() >= most_of_one) drop_front(user_id, queue, Why::dropped);
  queue.push_back({std::move(message), until, ++turn_});
  bytes_ += size;
  return true;
}

std::vector<MessagePtr> UserQueues::take(std::string const& user_id, SteadyTime now) {
  std::vector<MessagePtr> out;
  auto const found = queues_.find(user_id);
  if (found == queues_.end()) return out;
  auto& queue = found->second;
  while (!queue.empty()) {
    if (queue.front().until <= now) {
      drop_front(user_id, queue, Why::expired);
      continue;
    }
    bytes_ -= cost(*queue.front().message);
    out.push_back(std::move(queue.front().message));
    queue.pop_front();
  }
  queues_.erase(found);
  return out;
}

void UserQueues::sweep(SteadyTime now) {
  for (auto at = queues_.begin(); at != queues_.end();) {
    auto& queue = at->second;
    // Each message has a time of its own.
    for (auto entry = queue.begin(); entry != queue.end();) {
      if (entry->until > now) {
        ++entry;
        continue;
      }
      auto const message = std::move(entry->message);
      entry = queue.erase(entry);
      bytes_ -= cost(*message);
      if (given_up_) given_up_(at->first, *message, Why::expired);
    }
    at = queue.empty() ? queues_.erase(at) : std::next(at);
  }
}

}  // namespace patchbay::hub
