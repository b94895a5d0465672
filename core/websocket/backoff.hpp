// Backoff: how long to wait before the next attempt. Full jitter: a random time between nothing and a bound that
// doubles with each attempt, so that a thousand clients of a restarted server do not come back together.
//
//   Backoff backoff{500ms, 30s};
//   wait(backoff.next(cheap_random()));
//   backoff.reset();                    // after a connection that lasted
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace patchbay::websocket {

class Backoff {
 public:
  using Milliseconds = std::chrono::milliseconds;
  Backoff(Milliseconds first, Milliseconds most) : first_(std::min(first, most)), most_(most), bound_(first_) {}

  Milliseconds bound() const { return bound_; }
  // `random`: any 64 bits, evenly spread.
  Milliseconds next(std::uint64_t random) {
    Milliseconds const wait{static_cast<std::int64_t>(random % (static_cast<std::uint64_t>(bound_.count()) + 1))};
    bound_ = std::min(most_, bound_ * 2);
    return wait;
  }
  void reset() { bound_ = first_; }

 private:
  Milliseconds first_, most_, bound_;
};

}  // namespace patchbay::websocket
