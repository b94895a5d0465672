// BrokerRequests: what a broker plugin has been asked and has not answered, within bounds: a server that takes requests
// and answers none must not fill the memory.
//
//   if (requests.full()) return done(...);                        // so much waits that no more is asked
//   auto const id = requests.add(now, bytes, std::move(done));
//   if (auto done = requests.take(id)) (*done)(std::move(answer));
//   for (auto& done : requests.overdue(now)) done(Error{...});    // now and then
//
// One thread only.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "core/base/clock.hpp"
#include "core/plugin_host/broker_link.hpp"

namespace patchbay {

class BrokerRequests {
 public:
  using Done = std::function<void(Result<plugin_host::BrokerAnswer>)>;
  static constexpr std::size_t most_bytes = 16 << 20;
  static constexpr std::chrono::seconds patience{30};  // longer than any call has by default

  bool full() const { return bytes_ >= most_bytes; }
  std::size_t size() const { return waiting_.size(); }

  // `bytes`: what it holds besides itself.
  std::uint64_t add(SteadyTime now, std::size_t bytes, Done done) {
    constexpr std::size_t own = 256;
    waiting_.emplace(++last_, Waiting{now + patience, bytes + own, std::move(done)});
    bytes_ += bytes + own;
    return last_;
  }
  // Nothing for one that is not (or no longer) waiting.
  std::optional<Done> take(std::uint64_t id) {
    auto const found = waiting_.find(id);
    if (found == waiting_.end()) return std::nullopt;
    auto done = std::move(found->second.done);
    bytes_ -= found->second.bytes;
    waiting_.erase(found);
    return done;
  }
  // Those that have waited for too long, the oldest first.
  std::vector<Done> overdue(SteadyTime now) {
    std::vector<Done> out;
    while (!waiting_.empty() && waiting_.begin()->second.until <= now) out.push_back(*take(waiting_.begin()->first));
    return out;
  }
  std::vector<Done> take_all() { return overdue(SteadyTime::max()); }

 private:
  struct Waiting {
    SteadyTime until;
    std::size_t bytes;
    Done done;
  };
  std::map<std::uint64_t, Waiting> waiting_;  // by age
  std::uint64_t last_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace patchbay
