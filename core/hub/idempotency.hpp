// Idempotency: the answers to publications that carried a key, so that a repeated one is answered and not sent again.
//
//   if (auto* known = answers.find(key)) return known->answer(...);
//
// 5 minutes, at most 10,000 a shard, the oldest go first. The key is the caller's, together with its principal and the
// channel. One thread only.
#pragma once

#include <deque>
#include <functional>
#include <optional>

#include "core/base/clock.hpp"
#include "core/hub/directory.hpp"
#include "core/hub/operations.hpp"

namespace patchbay::hub {

class Idempotency {
 public:
  static constexpr std::chrono::minutes kept_for{5};
  static constexpr std::size_t most = 10'000;
  using Done = std::function<void(Result<PublishResult>)>;

  // True: it is known; `done` has been or will be called with the first one's answer. False: it is the first, to be
  // ended by finish().
  bool repeats(std::string const& key, SteadyTime now, Done const& done) {
    expire(now);
    auto const [at, is_new] = known_.try_emplace(key);
    if (is_new) {
      order_.emplace_back(now, key);
      return false;
    }
    if (at->second.answer)
      done(*at->second.answer);
    else
      at->second.waiting.push_back(done);
    return true;
  }
  void finish(std::string const& key, Result<PublishResult> const& answer) {
    auto const found = known_.find(key);
    if (found == known_.end()) return;
    auto const waiting = std::move(found->second.waiting);
    // A failure may be tried again.
    if (answer)
      found->second.answer = *answer;
    else
      known_.erase(found);
    for (auto const& done : waiting) done(answer);
  }
  void expire(SteadyTime now) {
    while (!order_.empty() && (order_.front().first + kept_for <= now || order_.size() > most)) {
      if (auto const found = known_.find(order_.front().second); found != known_.end() && found->second.waiting.empty())
        known_.erase(found);
      order_.pop_front();
    }
  }
  std::size_t size() const { return known_.size(); }

 private:
  struct Entry {
    std::optional<PublishResult> answer{};
    std::vector<Done> waiting{};
  };
  ByName<Entry> known_;
  std::deque<std::pair<SteadyTime, std::string>> order_;
};

}  // namespace patchbay::hub
