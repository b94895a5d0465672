#include "core/hub/watch.hpp"

#include <spdlog/fmt/fmt.h>

#include "core/hub/hub.hpp"

namespace patchbay::hub {
namespace {

constexpr std::string_view names[] = {"connection_latency", "message_latency", "error_rate", "connection_limit"};
constexpr std::string_view meanings[] = {"ms from handshake to welcome", "ms from publish to written",
                                         "share of failed deliveries", "share of max_connections in use"};
constexpr std::uint64_t metrics_every = 10, health_every = 30;  // seconds

double share(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

Watch::Watch(Hub& hub, Counters& counters) : hub_(hub) {
  for (std::size_t i = 0; i < alert_count; ++i)
    gauges_[i] =
        counters.gauge("patchbay_alerts_active", "1 while the alert is raised", {{"alert", std::string{names[i]}}});
}

void Watch::start() {
  samples_.push_back({hub_.counters().sums(), hub_.connections()});
  timer_.on_expiry([this] {
    tick();
    hub_.shard(0).shard().wheel().arm(timer_, std::chrono::seconds{1});
  });
  hub_.shard(0).shard().wheel().arm(timer_, std::chrono::seconds{1});
}

std::array<double, Watch::alert_count> Watch::averages() const {
  auto const& from = samples_.front().sums;
  auto const& to = samples_.back().sums;
  auto const deliveries = to.deliveries - from.deliveries, failed = to.failed - from.failed;
  double connections = 0;
  for (auto const& one : samples_) connections += static_cast<double>(one.connections);
  connections /= static_cast<double>(samples_.size());
  auto const most = static_cast<double>(std::max<std::int64_t>(1, hub_.settings()->max_connections));
  return {share(to.welcome_ns - from.welcome_ns, to.welcomes - from.welcomes) / 1e6,
          share(to.delivery_ns - from.delivery_ns, deliveries) / 1e6, share(failed, failed + deliveries),
          connections / most};
}

void Watch::tick() {
  ++ticks_;
  samples_.push_back({hub_.counters().sums(), hub_.connections()});
  if (samples_.size() > samples + 1) samples_.pop_front();
  auto const rules = hub_.settings();
  auto const values = averages();
  auto const& limit = rules->alerts;
  judge(connection_latency, values[connection_latency], limit.connection_latency_ms);
  judge(message_latency, values[message_latency], limit.message_latency_ms);
  judge(error_rate, values[error_rate], limit.error_rate);
  judge(connection_limit, values[connection_limit], limit.connection_limit);
  if (ticks_ % metrics_every == 0) tell_metrics();
  if (ticks_ % health_every == 0) tell_health();
}

void Watch::judge(std::size_t alert, double value, double threshold) {
  auto const was = active_[alert];
  auto const is = threshold > 0 && (was ? value >= threshold * clears_at : value > threshold);
  if (was == is) return;
  active_[alert] = is;
  gauges_[alert].add(is ? 1 : -1);
  auto const message =
      is ? fmt::format("{} is {:.4g} ({}), above its threshold {:g}", names[alert], value, meanings[alert], threshold)
         : fmt::format("{} is {:.4g} ({}) again", names[alert], value, meanings[alert]);
  auto const shown = fmt::format("{:.4g}", value), bound = fmt::format("{:g}", threshold);
  hub_.log().write(is ? LogLevel::warning : LogLevel::info, "hub", is ? "alert raised" : "alert cleared",
                   {{"alert", names[alert]}, {"value", shown}, {"threshold", bound}});
  if (is)
    hub_.post_event("system", "system_alert",
                    fmt::format(R"({{"level":"warning","alert":"{}","message":{},"threshold":{},"value":{},)"
                                R"("details":{{"alert":"{}","threshold":{},"value":{}}}}})",
                                names[alert], json::quoted(message), bound, shown, names[alert], bound, shown));
}

void Watch::tell_metrics() {
  auto const before = samples_.size() > metrics_every ? samples_.size() - 1 - metrics_every : 0;
  auto const& from = samples_[before].sums;
  auto const& to = samples_.back().sums;
  auto const seconds = static_cast<double>(std::max<std::size_t>(1, samples_.size() - 1 - before));
  auto const rate = [&](std::uint64_t HubCounters::Sums::*member) {
    return static_cast<double>(to.*member - from.*member) / seconds;
  };
  auto const values = averages();
  auto const rules = hub_.settings();
  using S = HubCounters::Sums;
  hub_.post_event(
      "metrics", "metrics_update",
      fmt::format(R"({{"connections":{{"total":{},"max":{}}},"rates":{{"published":{:.2f},"messages_in":{:.2f},)"
                  R"("messages_out":{:.2f},"bytes_in":{:.1f},"bytes_out":{:.1f},"failed":{:.4f}}},)"
                  R"("latencies":{{"connection_ms":{:.3f},"message_ms":{:.3f}}}}})",
                  hub_.connections(), rules->max_connections, rate(&S::publications), rate(&S::messages_in),
                  rate(&S::messages_out), rate(&S::bytes_in), rate(&S::bytes_out), rate(&S::failed),
                  values[connection_latency], values[message_latency]),
      true);
}

void Watch::tell_health() { hub_.post_event("system", "system_health", hub_.health_text(), true); }

}  // namespace patchbay::hub
