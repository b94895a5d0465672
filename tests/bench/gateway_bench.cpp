// What a call costs from a host program and into a plugin: the whole gateway in process, without a listener.
//
//   ninja -C build/release bench && build/release/bin/bench/gateway_bench
//
// Needs the echo plugin, which the build puts into bin/plugins beside bin/bench.
#include <benchmark/benchmark.h>

#include <filesystem>
#include <future>

#include "core/system/operations.hpp"
#include "gateway/gateway.hpp"

namespace patchbay {
namespace {

constexpr char const* say = R"({"text":"hello"})";

// Started once: loading and stopping take longer than what is measured.
Gateway& gateway() {
  static auto const started = [] {
    GatewayOptions options;
    options.plugin_directory = std::filesystem::canonical("/proc/self/exe").parent_path().parent_path() / "plugins";
    auto made = std::make_unique<Gateway>(std::move(options));
    made->start().value();
    return made;
  }();
  return *started;
}

void host_typed(benchmark::State& state) {
  auto& host = gateway();
  for (auto _ : state) {
    auto result = host.call(system::live, {});
    if (!result) return state.SkipWithError(result.error().message.c_str());
    benchmark::DoNotOptimize(result);
  }
}
BENCHMARK(host_typed);

void host_json(benchmark::State& state, char const* tool, char const* args) {
  auto& host = gateway();
  for (auto _ : state) {
    auto result = host.call_json(tool, args);
    if (!result) return state.SkipWithError(result.error().message.c_str());
    benchmark::DoNotOptimize(result);
  }
}
BENCHMARK_CAPTURE(host_json, live, "system_live", "{}");
BENCHMARK_CAPTURE(host_json, echo_inline, "echo_say", say);
BENCHMARK_CAPTURE(host_json, echo_thread, "echo_say_later", say)->UseRealTime();

// `lanes` coroutines on the home shard, each making one call after the other until the total is reached.
Task<void> lane(Caller& caller, char const* tool, std::atomic<std::int64_t>& left, std::atomic<int>& failed) {
  Call call{host_principal()};
  while (left.fetch_sub(1, std::memory_order_relaxed) > 0) {
    std::string args{say};
    auto result = co_await caller.call_json(tool, call, std::move(args));
    if (!result) failed.fetch_add(1, std::memory_order_relaxed);
    benchmark::DoNotOptimize(result);
  }
}
void run_lanes(Gateway& host, char const* tool, int lanes, std::int64_t total, std::atomic<int>& failed) {
  std::atomic<std::int64_t> left{total};
  std::atomic<int> open{lanes};
  std::promise<void> ended;
  auto const executor = host.runtime().home().executor();
  for (int i = 0; i < lanes; ++i)
    asio::co_spawn(executor, lane(host.caller(), tool, left, failed), [&](std::exception_ptr error) {
      if (error) ++failed;
      if (--open == 0) ended.set_value();
    });
  ended.get_future().wait();
}

// A call into the plugin and back, from a coroutine: one at a time, and many in flight.
void plugin_call(benchmark::State& state, char const* tool) {
  auto& host = gateway();
  auto const lanes = static_cast<int>(state.range(0));
  std::int64_t const batch = lanes == 1 ? 2'000 : 64'000;
  std::atomic<int> failed{0};
  for (auto _ : state) run_lanes(host, tool, lanes, batch, failed);
  if (failed > 0) return state.SkipWithError("calls failed");
  state.SetItemsProcessed(state.iterations() * batch);
  state.counters["us_a_call"] = benchmark::Counter(
      static_cast<double>(batch) * 1e-6, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}
BENCHMARK_CAPTURE(plugin_call, inline, "echo_say")->Arg(1)->Arg(64)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(plugin_call, thread, "echo_say_later")->Arg(1)->Arg(64)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace patchbay
