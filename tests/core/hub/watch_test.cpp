// Alerts with their thresholds, and what the gateway says on `metrics`.
#include "tests/core/hub/hub_fixture.hpp"

namespace patchbay::hub::test {
namespace {

class HubWatch : public HubTest {
 protected:
  HubWatch() : HubTest(1) {
    settings.rules = {{.pattern = "*", .subscribe = "hub.subscribe", .publish = "none"}};
    settings.max_connections = 4;
    settings.alerts = {
        .connection_latency_ms = 100, .message_latency_ms = 50, .error_rate = 0.1, .connection_limit = 0.7};
    // Nothing pings here.
    settings.heartbeat = std::chrono::hours{1};
  }
  double active(std::string const& alert) {
    for (auto const& family : counters.sample())
      if (family.name == "patchbay_alerts_active")
        for (auto const& one : family.series)
          if (one.labels[0].second == alert) return one.value;
    return -1;
  }
  // Those told on `system` until now.
  static std::size_t alerts(Events& system) {
    std::size_t count = 0;
    for (auto const& event : system.wait_for(1)) count += event.name == "system_alert" ? 1 : 0;
    return count;
  }
  void seconds(int count) {
    advance(std::chrono::seconds{count});
    settle();
  }
};

TEST_F(HubWatch, AnAlertIsRaisedOnceAndClearsWithHysteresis) {
  auto& system = listening("system");
  auto* one = welcomed();
  welcomed();
  seconds(5);
  EXPECT_EQ(alerts(system), 0U);
  EXPECT_EQ(active("connection_limit"), 0);
  auto* three = welcomed();
  welcomed();
  seconds(60);
  EXPECT_EQ(active("connection_limit"), 1);
  ASSERT_EQ(alerts(system), 1U);
  Events::Event alert;
  for (auto const& event : system.wait_for(1))
    if (event.name == "system_alert") alert = event;
  EXPECT_NE(alert.text.find(R"("level":"warning")"), std::string::npos);
  EXPECT_NE(alert.text.find(R"("threshold":0.7)"), std::string::npos);
  three->disconnect();
  seconds(90);  // three quarters: below the threshold would be below 0.7, hysteresis ends at 0.56
  EXPECT_EQ(active("connection_limit"), 1);
  one->disconnect();
  seconds(90);
  EXPECT_EQ(active("connection_limit"), 0);
  EXPECT_EQ(alerts(system), 1U);
}

TEST_F(HubWatch, LatenciesAndFailuresAreAverages) {
  auto& system = listening("system");
  hub->counters().delivered(std::chrono::milliseconds{40}, 10);
  hub->counters().welcomed(std::chrono::milliseconds{10});
  hub->counters().dropped(Dropped::queue_full, 1);
  hub->counters().dropped(Dropped::latest_only, 1000);  // asked for: no failure
  seconds(2);
  EXPECT_EQ(alerts(system), 0U);
  hub->counters().delivered(std::chrono::milliseconds{200}, 10);
  hub->counters().welcomed(std::chrono::milliseconds{400});
  hub->counters().dropped(Dropped::queue_full, 2);
  seconds(2);
  EXPECT_EQ(alerts(system), 3U);
  EXPECT_EQ(active("message_latency"), 1);
  EXPECT_EQ(active("connection_latency"), 1);
  EXPECT_EQ(active("error_rate"), 1);
  seconds(70);  // out of the window
  EXPECT_EQ(active("message_latency"), 0);
  EXPECT_EQ(active("error_rate"), 0);
}

TEST_F(HubWatch, MetricsAreToldWhileSomebodyListens) {
  begin();
  seconds(30);
  auto const before = hub->counters().sums().publications;
  auto& metrics = listening("metrics");
  seconds(11);
  auto const update = metrics.wait_for(2)[1];
  EXPECT_EQ(update.name, "metrics_update");
  for (auto const* key : {"\"connections\":{", "\"rates\":{", "\"latencies\":{"})
    EXPECT_NE(update.text.find(key), std::string::npos) << update.text;
  EXPECT_EQ(hub->counters().sums().publications, before + metrics.size() - 1);
}

}  // namespace
}  // namespace patchbay::hub::test
