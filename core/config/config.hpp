// Config: the settings of a running gateway. Answers CONFIG's operations, reads the file again, tells subscribers.
//
//   Config config{runtime, counters, log, std::move(loaded)};
//   config.on_change([&](Values const& old, Values const& now) { logging.apply(...); });
//   config.reload();                                 // SIGHUP; from any thread that may block
//   std::shared_ptr<Values const> now = config.values();
//
// A change is all or nothing: what can change while running is applied and announced, what cannot keeps its running
// value and is named as waiting for a restart. Subscribers are called one change at a time, on the thread that made it
// (one of the pool for operations), without a lock that values() needs; they must not change settings themselves.
// Any thread. Files are read and written on the blocking pool.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <set>

#include "core/base/call.hpp"
#include "core/base/counters.hpp"
#include "core/base/sinks.hpp"
#include "core/config/load.hpp"
#include "core/config/operations.hpp"
#include "core/runtime/runtime.hpp"

namespace patchbay::config {

class Config {
 public:
  using Subscriber = std::function<void(Values const& old, Values const& now)>;

  Config(Runtime& runtime, Counters& counters, LogSink& log, Loaded loaded);
  ~Config();
  Config(Config const&) = delete;
  Config& operator=(Config const&) = delete;

  // --- for the gateway ---
  std::shared_ptr<Values const> values() const;
  // Called after each change that was applied; add subscribers before the gateway runs.
  void on_change(Subscriber subscriber) { subscribers_.push_back(std::move(subscriber)); }
  // Called after each reload that was accepted, also one that changed nothing: for what stands in files that settings
  // only name (certificates, key sets). Its error becomes the reload's. Add before the gateway runs; any thread.
  void on_reload(std::function<Result<void>()> look) { looks_.push_back(std::move(look)); }
  // Reads the file and the environment again. Blocks for the time of a small read.
  // Errors: invalid_argument with every problem; nothing has changed then.
  Result<ReloadResult> reload_now(bool strict = true);
  // For the log's redaction; reads secret files.
  std::vector<std::string> secrets() const;

  // --- operations ---
  Result<GetResult> get(Call& call, GetArgs args) const;
  Task<Result<SetResult>> set(Call& call, SetArgs args);
  Result<GetCategoryResult> get_category(Call& call, GetCategoryArgs args) const;
  Task<Result<ReloadResult>> reload(Call& call, ReloadArgs args);
  Result<ChangedResult> switch_preset(Call& call, SwitchPresetArgs args);
  Task<Result<LoadResult>> load_file(Call& call, LoadFileArgs args);
  Result<LoadResult> load_environment(Call& call, LoadEnvironmentArgs args);
  Task<Result<ValidateResult>> validate(Call& call, ValidateArgs args) const;
  StatsResult stats(Call& call, Nothing args) const;

 private:
  struct State {
    LoadOptions options;
    Layers layers;
    Effective effective;  // running: keys that need a restart keep the value they started with
    std::shared_ptr<Values const> values;
    std::set<std::string> restart_needed;
  };
  struct Change {
    std::vector<std::string> changed, restart_needed;
  };
  State snapshot() const;
  // Takes over new layers or refuses them all.
  Result<Change> apply(State next, Problems problems);
  static Error refused(Problems const& problems, std::string_view what);
  Result<SetResult> do_set(SetArgs args);
  Result<LoadResult> do_load_file(std::string path);
  ValidateResult do_validate(std::optional<RawJson> config) const;

  Runtime& runtime_;
  Counters& counters_;
  LogSink& log_;
  std::vector<Subscriber> subscribers_;
  std::vector<std::function<Result<void>()>> looks_;
  std::mutex change_mutex_;   // one change at a time; held while subscribers run
  mutable std::mutex mutex_;  // of state_; a few instructions
  State state_;
  Counter reloads_ok_, reloads_refused_;
  std::atomic<std::int64_t> last_reload_{0};
  std::uint64_t gauge_ = 0;
};

}  // namespace patchbay::config
