// What a call costs from a host program: the whole gateway in process, without a listener. A plain handler runs on the
// host's own thread; one on the plugin's thread wakes that thread, a shard and the host's thread again.
//
//   ninja -C build/release bench && build/release/bin/bench/gateway_bench
//
// Needs the echo plugin, which the build puts into bin/plugins beside bin/bench.
#include <benchmark/benchmark.h>

#include <filesystem>

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

}  // namespace
}  // namespace patchbay
