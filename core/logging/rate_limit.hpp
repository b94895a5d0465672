// RateLimit: lets a line through so many times in a while, counts the rest, and says later how many there were.
// Keyed by logger and message; a fixed table, so a stranger's messages cannot grow it (two keys that fall on one place
// share it). Not safe by itself: its owner holds a lock.
#pragma once

#include <array>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/clock.hpp"

namespace patchbay::logging {

class RateLimit {
 public:
  static constexpr std::uint32_t lines = 50;
  static constexpr std::chrono::seconds window{5};

  struct Suppressed {
    std::string logger, message;
    std::uint64_t count;
  };

  bool admit(std::string_view logger, std::string_view message, SteadyTime now) {
    auto& place =
        table_[(std::hash<std::string_view>{}(logger)*31 + std::hash<std::string_view>{}(message)) % table_.size()];
    if (now >= place.ends) {
      if (place.suppressed > 0) ended_.push_back({std::move(place.logger), std::move(place.message), place.suppressed});
      place = Place{now + window, 0, 0, {}, {}};
    }
    if (++place.seen <= lines) return true;
    if (place.suppressed++ == 0) {
      place.logger = logger;
      place.message = message.substr(0, 200);
      ++waiting_;
    }
    return false;
  }

  // What was held back in windows that have ended; cheap when there is nothing.
  std::vector<Suppressed> take_ended(SteadyTime now) {
    if (waiting_ > 0 && now >= next_sweep_) {
      next_sweep_ = now + std::chrono::seconds{1};
      for (auto& place : table_)
        if (place.suppressed > 0 && now >= place.ends) {
          ended_.push_back({std::move(place.logger), std::move(place.message), place.suppressed});
          place = Place{};
        }
    }
    waiting_ -= std::min(waiting_, ended_.size());
    return std::exchange(ended_, {});
  }

 private:
  struct Place {
    SteadyTime ends{};
    std::uint32_t seen = 0;
    std::uint64_t suppressed = 0;
    std::string logger, message;
  };
  std::array<Place, 512> table_{};
  std::vector<Suppressed> ended_;
  std::size_t waiting_ = 0;
  SteadyTime next_sweep_{};
};

}  // namespace patchbay::logging
