// Watch: holds the averages of the last minute against the thresholds of the configuration, and tells on `system` and
// `metrics` how the hub is doing.
//
//   Watch watch{hub, counters};
//   watch.start();                 // on the first shard: looks once a second
//
// An alert is raised when its value is above the threshold (a `system_alert`, a log line, patchbay_alerts_active 1) and
// ends below 80 % of it. A threshold of 0 switches it off. Its shard's thread only; owned by the Hub.
#pragma once

#include <array>
#include <deque>

#include "core/base/counters.hpp"
#include "core/base/timer_wheel.hpp"
#include "core/hub/hub_counters.hpp"
#include "core/hub/settings.hpp"

namespace patchbay::hub {

class Hub;

class Watch {
 public:
  static constexpr std::size_t samples = 60;  // one a second
  static constexpr double clears_at = 0.8;

  Watch(Hub& hub, Counters& counters);
  void start();
  void stop() { timer_.disarm(); }
  // One look; start() does so once a second.
  void tick();

 private:
  enum Alert : std::size_t { connection_latency, message_latency, error_rate, connection_limit, alert_count };
  struct Sample {
    HubCounters::Sums sums;
    std::int64_t connections = 0;
  };
  std::array<double, alert_count> averages() const;
  void judge(std::size_t alert, double value, double threshold);
  void tell_metrics();
  void tell_health();

  Hub& hub_;
  std::deque<Sample> samples_;
  std::array<bool, alert_count> active_{};
  std::array<UpDown, alert_count> gauges_;
  std::uint64_t ticks_ = 0;
  std::string last_status_;
  Timer timer_;
};

}  // namespace patchbay::hub
