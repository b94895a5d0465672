// 64 threads on a few breakers at once; what must hold holds in the end and at every moment. Meant for the thread
// sanitizer, true without it too.
#include <barrier>
#include <random>
#include <thread>

#include "tests/core/circuit_breaker/table.hpp"

namespace patchbay::circuit_breaker {
namespace {

constexpr int threads = 64;
constexpr int rounds = 400;

template <class Work>
void on_all_threads(Work work) {
  std::barrier begin{threads};
  std::vector<std::thread> all;
  for (int i = 0; i < threads; ++i)
    all.emplace_back([&, i] {
      begin.arrive_and_wait();
      work(i);
    });
  for (auto& thread : all) thread.join();
}

double total(BreakerTable const& table, char const* outcome) {
  return table.sample("patchbay_circuit_breaker_calls_total", {{"rule", "default"}, {"result", outcome}});
}

TEST(BreakerRace, NeverMoreProbesOrCallsThanAllowed) {
  BreakerTable table;
  table.call("circuit_breaker_configure",
             R"({"name":"b","consecutive_failures":3,"open_ms":1,"open_max_ms":1,"half_open_permits":1,
                 "max_concurrent":16,"half_open_timeout_ms":86400000})");
  std::atomic<int> probes{0}, under_way{0}, given{0}, refused{0}, unknown{0}, too_many_probes{0}, too_many_calls{0};
  on_all_threads([&](int thread) {
    std::mt19937 random{static_cast<unsigned>(thread)};
    for (int i = 0; i < rounds; ++i) {
      auto const leave = table.breakers.acquire(host_principal(), "b");
      if (!leave) {
        ++refused;
        table.clock.advance(std::chrono::microseconds{300});
        std::this_thread::yield();
        continue;
      }
      ++given;
      bool const probe = leave->state == State::half_open;
      if (under_way.fetch_add(1) >= 16) ++too_many_calls;
      if (probe && probes.fetch_add(1) >= 1) ++too_many_probes;
      if (random() % 4 == 0) std::this_thread::yield();
      if (probe) --probes;
      --under_way;
      if (!table.breakers.record(*host_principal(), {leave->permit, random() % 3 != 0, 0.01, "connect_failed"}))
        ++unknown;
    }
  });
  EXPECT_EQ(too_many_probes, 0);
  EXPECT_EQ(too_many_calls, 0);
  EXPECT_EQ(unknown, 0);
  EXPECT_EQ(given + refused, threads * rounds);
  EXPECT_EQ(table.breakers.get({"b", false})->in_flight, 0U);
  EXPECT_EQ(total(table, "ok") + total(table, "error"), given);
  EXPECT_EQ(total(table, "rejected"), refused);
  EXPECT_GT(given, 0);
  EXPECT_GT(refused, 0);
}

TEST(BreakerRace, EveryOperationAtOnce) {
  BreakerTable table;
  std::atomic<int> given{0}, recorded{0}, late{0};
  on_all_threads([&](int thread) {
    std::mt19937 random{static_cast<unsigned>(thread) + 1000};
    for (int i = 0; i < rounds; ++i) {
      auto const name = "b" + std::to_string(random() % 5);
      switch (random() % 24) {
        case 0: (void)table.breakers.reset({name}); break;
        case 1: (void)table.breakers.force({name, static_cast<Force>(random() % 5)}); break;
        case 2: {
          ConfigureArgs args;
          args.name = name;
          args.window_size = 1 + random() % 50;
          args.window = random() % 2 == 0 ? WindowKind::count : WindowKind::time;
          args.half_open_permits = 1 + random() % 3;
          EXPECT_TRUE(table.breakers.configure(std::move(args)));
          break;
        }
        case 3: (void)table.breakers.list({}); break;
        case 4: (void)table.counters.sample(); break;
        case 5: (void)table.breakers.stats(); break;
        case 6: {
          Settings settings;
          settings.defaults.open_ms = 1 + random() % 1000;
          EXPECT_TRUE(table.breakers.apply(std::move(settings)));
          break;
        }
        case 7: table.breakers.reset_all(); break;
        default: {
          table.clock.advance(std::chrono::milliseconds{random() % 20});
          auto const leave = table.breakers.acquire(host_principal(), name);
          if (!leave) break;
          ++given;
          auto const told =
              table.breakers.record(*host_principal(), {leave->permit, random() % 2 == 0, 1, "connect_failed"});
          ++(told ? recorded : late);
        }
      }
    }
  });
  EXPECT_EQ(given, recorded + late);
  auto const stats_now = table.breakers.stats();
  EXPECT_EQ(stats_now.breakers, 5U);
  EXPECT_EQ(stats_now.closed + stats_now.open + stats_now.half_open + stats_now.disabled + stats_now.forced_open +
                stats_now.metrics_only,
            5U);
  EXPECT_EQ(stats_now.permits_out, 0U);
  EXPECT_EQ(stats_now.ok + stats_now.errors, static_cast<std::uint64_t>(recorded));
}

TEST(BreakerRace, OneNameIsOneBreaker) {
  BreakerTable table;
  on_all_threads([&](int) {
    for (int i = 0; i < 50; ++i) {
      auto const leave = table.breakers.acquire(host_principal(), "fresh" + std::to_string(i));
      ASSERT_TRUE(leave);
      ASSERT_TRUE(table.breakers.record(*host_principal(), {leave->permit, true, 1, ""}));
    }
  });
  EXPECT_EQ(table.breakers.stats().breakers, 50U);
  EXPECT_EQ(table.breakers.stats().ok, static_cast<std::uint64_t>(threads) * 50);
}

}  // namespace
}  // namespace patchbay::circuit_breaker
