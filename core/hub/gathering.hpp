// Gathering: what a subscription of a prefix begins with, while the homes of the channels below it are asked: of each
// channel the newest message, whether a home told it or it was published meanwhile.
//
//   Gathering gathering{subscription, homes, done};
//   gathering.add(message);                     // of a home's answer, or one that came in between
//   if (gathering.answered()) ... gathering.take() ...        // the last home: in order of time
//
// What a home publishes after its answer comes to the shard after that answer, so that nothing is lost between the two,
// and since one message of a channel takes the place of the other nothing comes twice. Costs a search by name for each
// message. One shard's thread only; owned by the HubShard, and gone when the subscription leaves.
#pragma once

#include <algorithm>
#include <functional>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "core/hub/directory.hpp"

namespace patchbay::hub {

class Gathering {
 public:
  using Done = std::function<void(Result<Subscribed>)>;

  Gathering(Subscription& subscription, std::size_t homes, Done done)
      : subscription_(subscription), homes_(homes), done_(std::move(done)) {}

  Subscription& subscription() const { return subscription_; }
  Done const& done() const { return done_; }
  bool is_about(std::string_view channel) const {
    std::string_view const pattern{subscription_.channel()};
    return channel.starts_with(pattern.substr(0, pattern.size() - 1));
  }
  void add(MessagePtr const& message) {
    auto& newest = newest_[message->channel];
    if (newest == nullptr || !is_older(*message, *newest)) newest = message;
  }
  // Of one home; whether it was the last.
  bool answered() { return --homes_ == 0; }
  std::vector<MessagePtr> take() {
    std::vector<MessagePtr> out;
    out.reserve(newest_.size());
    for (auto& [channel, message] : newest_) out.push_back(std::move(message));
    newest_.clear();
    std::sort(out.begin(), out.end(), [](MessagePtr const& a, MessagePtr const& b) {
      return std::tie(a->time, a->channel) < std::tie(b->time, b->channel);
    });
    return out;
  }

 private:
  static bool is_older(Message const& message, Message const& than) {
    return message.at.offset < than.at.offset && message.at.epoch == than.at.epoch;
  }

  Subscription& subscription_;
  std::size_t homes_;  // that have not answered
  Done const done_;
  ByName<MessagePtr> newest_;
};

}  // namespace patchbay::hub
