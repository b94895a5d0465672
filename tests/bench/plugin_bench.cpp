// What a call into a plugin and back costs: runtime, table, plugin host and the echo plugin, without a listener.
//
//   ninja -C build/release bench && build/release/bin/bench/plugin_bench
//
// Needs the echo plugin, which the build puts into bin/plugins beside bin/bench. Coroutines on one shard each make one
// call after the other: with 64 of them there are always 64 calls in flight. Wall-clock time counts, since the work is
// on two threads.
#include <benchmark/benchmark.h>

#include <filesystem>
#include <future>

#include "core/plugin_host/plugin_host.hpp"

namespace patchbay {
namespace {

constexpr char const* say = R"({"text":"hello"})";

// A folder of its own with the one plugin in it.
class Folder {
 public:
  Folder() {
    namespace fs = std::filesystem;
    auto pattern = (fs::temp_directory_path() / "patchbay-bench-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
    fs::create_directory(path_ / "plugins");
    auto const built = fs::read_symlink("/proc/self/exe").parent_path().parent_path() / "plugins";
    fs::copy_file(built / "libpatchbay_echo.so", path_ / "plugins" / "libpatchbay_echo.so");
    for (auto const& each : {path_ / "plugins", path_ / "plugins" / "libpatchbay_echo.so"})
      fs::permissions(each, fs::perms{0755});
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::filesystem::path const& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

struct Hosted {
  Hosted() {
    runtime.start();
    plugin_host::Settings settings;
    settings.directory = folder.path() / "plugins";
    settings.state_directory = folder.path() / "state";
    host.emplace(runtime, caller, counters, log, std::move(settings));
    caller.publish(OperationTable{});
    host->start();
  }
  ~Hosted() { runtime.stop(); }

  Folder folder;
  SystemClock clock;
  NullLog log;
  Counters counters;
  Runtime runtime{Runtime::Options{1, 2}, clock, log};
  Caller caller{counters};
  std::optional<plugin_host::PluginHost> host;
};

struct Run {
  Caller& caller;
  Row const& row;
  std::int64_t left;
  int lanes;
  std::int64_t failed = 0;
};

Task<void> lane(Run& run) {
  while (run.left-- > 0) {
    Call call{host_principal()};
    auto reply = run.caller.start_json(run.row, call, std::string_view{say});
    Result<Answer> result{Error{}};
    if (reply.ready()) {
      result = reply.take();
    } else {
      auto task = reply.task();
      result = co_await std::move(task);
    }
    if (!result) ++run.failed;
    benchmark::DoNotOptimize(result);
  }
}

void plugin_call(benchmark::State& state, char const* tool) {
  Hosted hosted;
  auto const* row = hosted.caller.table().find(tool);
  if (row == nullptr) return state.SkipWithError("the echo plugin did not load");
  auto& shard = hosted.runtime.home();
  auto const lanes = static_cast<int>(state.range(0));
  std::int64_t const batch = lanes == 1 ? 4'000 : 128'000;
  for (auto _ : state) {
    Run run{hosted.caller, *row, batch, lanes};
    auto const ended = std::make_shared<std::promise<std::int64_t>>();  // gets the number of failures
    shard.post([&run, &shard, ended, lanes] {
      for (int i = 0; i < lanes; ++i)
        asio::co_spawn(shard.executor(), lane(run), [&run, ended](std::exception_ptr error) {
          if (error) ++run.failed;
          if (--run.lanes == 0) ended->set_value(run.failed);
        });
    });
    if (ended->get_future().get() > 0) return state.SkipWithError("calls failed");
  }
  state.SetItemsProcessed(state.iterations() * batch);
  state.counters["time_a_call"] = benchmark::Counter(
      static_cast<double>(batch), benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}
BENCHMARK_CAPTURE(plugin_call, inline, "echo_say")->Arg(1)->Arg(64)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(plugin_call, thread, "echo_say_later")->Arg(1)->Arg(64)->UseRealTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace patchbay
