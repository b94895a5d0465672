// FailedLogins: how often one address has failed within the last minute. Only failing attempts are counted and only
// failing attempts are refused: a good token always passes.
//
//   if (auto wait = failed.note(peer, clock.now())) return rate_limited(*wait);
//
// IPv6 addresses count by their /64, which is what one household or attacker has. Bounded: at most `most` addresses;
// the one whose window ends first gives way. Any thread; one lock, taken for failing attempts only.
#pragma once

#include <chrono>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "core/base/clock.hpp"

namespace patchbay::security {

class FailedLogins {
 public:
  static constexpr std::size_t most = 4096;
  static constexpr std::chrono::seconds window{60};

  // Counts one failure. When the address is over its limit: how long until it may fail again.
  std::optional<std::chrono::milliseconds> note(std::string_view peer, SteadyTime now, unsigned limit);
  // Addresses that failed within the last minute.
  std::size_t watched(SteadyTime now) const;

  static std::string key_of(std::string_view peer);

 private:
  struct Entry {
    std::string key;
    SteadyTime since;
    unsigned count = 0;
  };
  mutable std::mutex mutex_;
  std::list<Entry> entries_;  // the one whose window began first stands first
  std::unordered_map<std::string_view, std::list<Entry>::iterator> index_;
};

}  // namespace patchbay::security
