// The counters of the WebSocket client: handles made once, and totals that `stats` can read back. Any thread.
#pragma once

#include <atomic>
#include <string_view>

#include "core/base/counters.hpp"
#include "core/base/error.hpp"
#include "core/websocket/operations.hpp"

namespace patchbay::websocket {

class Metrics {
 public:
  explicit Metrics(Counters& counters);

  void moved(std::optional<State> from, std::optional<State> to);
  void received(std::size_t bytes);
  void sent(std::size_t bytes);
  void reconnected(std::string_view reason);
  void failed(Code code);
  void requested() { requests_.fetch_add(1, std::memory_order_relaxed); }

  Histogram request_duration;
  UpDown queue_bytes;
  StatsResult totals() const;

 private:
  static constexpr std::array<std::string_view, 6> reasons{"closed",   "lost",      "dead_peer",
                                                           "protocol", "too_large", "flood"};
  std::array<UpDown, 5> by_state_;
  std::array<Counter, code_count> by_code_;
  std::array<Counter, reasons.size()> by_reason_;
  Counter messages_in_, messages_out_, bytes_in_, bytes_out_;
  std::atomic<std::uint64_t> connections_{0}, total_messages_in_{0}, total_messages_out_{0}, total_bytes_in_{0},
      total_bytes_out_{0}, requests_{0}, reconnects_{0}, errors_{0};
};

}  // namespace patchbay::websocket
