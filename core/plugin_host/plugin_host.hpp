// PluginHost: the module PLUGINS. Loads plugins from one folder, puts their operations into the table, replaces and
// unloads them while calls run.
//
//   PluginHost plugins{runtime, caller, counters, log, settings};
//   plugins.start();              // after the gateway's own table is published; returns when the folder has been
//   loaded auto health = plugins.health(); runtime.stop();               // ends the plugins too: start() left a root
//   task behind
//
// All control runs on the home shard, one change at a time, and publishes the table there; the gateway publishes its
// own rows before start(). Operations may be called from any thread. create and destroy of a plugin, which may block,
// run on a thread of their own, so that a plugin that hangs there stops nothing but itself. A plugin that is replaced
// finishes its calls (streams end `unavailable`) before it is destroyed; one that does not is left behind, never
// unmapped.
#pragma once

#include <future>
#include <list>
#include <map>
#include <set>

#include "core/base/interface.hpp"
#include "core/plugin_host/folder_watch.hpp"
#include "core/plugin_host/instance.hpp"
#include "core/plugin_host/operations.hpp"

namespace patchbay::plugin_host {

struct Settings {
  std::filesystem::path directory;  // where plugins are loaded from; empty: none are
  bool watch = true;                // load what is dropped in
  // By plugin name: what its own calls may do, as scopes or `<interface>.<verb>`, `<interface>.*`. A name that is not
  // here has its shipped default, if any.
  std::map<std::string, std::vector<std::string>> grants;
  // By plugin name: its configuration, a JSON object with secrets filled in. A name here that is not loaded makes the
  // gateway not ready, unless all its keys are empty, as the defaults of a shipped plugin are that nobody has set up.
  std::map<std::string, std::string> configurations;
  std::filesystem::path state_directory;  // each plugin gets a folder of its own below; empty: none
  std::chrono::milliseconds create_limit = std::chrono::seconds{30};
  std::chrono::milliseconds drain_limit = std::chrono::seconds{10};           // for the calls of a replaced plugin
  std::chrono::milliseconds destroy_limit = std::chrono::milliseconds{2500};  // also at the gateway's stop
  std::chrono::milliseconds stall_limit = std::chrono::seconds{1};            // a queue that waits longer: degraded
};

// What plugins that are shipped with the gateway may call without a line of configuration.
std::vector<std::string> default_grants(std::string const& plugin);

// Told of the instances of one plugin, on the home shard: what the gateway uses a plugin for besides its operations.
class Follower {
 public:
  virtual ~Follower() = default;
  virtual void began(std::shared_ptr<Instance> const& instance) = 0;  // serves from now on
  virtual void ending(Instance const& instance) = 0;                  // let it go: it waits for that
};

class PluginHost {
 public:
  PluginHost(Runtime& runtime, Caller& caller, Counters& counters, LogSink& log, Settings settings);
  ~PluginHost();
  PluginHost(PluginHost const&) = delete;
  PluginHost& operator=(PluginHost const&) = delete;

  // From a thread that is no shard; blocks until the plugins found in the folder are loaded or refused.
  void start();
  // Before start(); the follower lives as long as the host's runtime.
  void follow(std::string plugin, Follower& follower);
  // Grants and configurations change live (a plugin whose configuration changed is started anew); the folder does not.
  void apply(Settings settings);

  // The operations.
  ListResult list(Call& call, Nothing);
  Result<InfoResult> info(Call& call, NameArgs args);
  Task<Result<LoadResult>> load(Call& call, FileArgs args);
  Task<Result<LoadResult>> replace(Call& call, FileArgs args);
  Task<Result<UnloadResult>> unload(Call& call, NameArgs args);
  Task<Result<ReloadResult>> reload_all(Call& call, Nothing);
  StatsResult stats(Call& call, Nothing);

  // One part for the host and one a plugin. Any thread.
  std::vector<PartHealth> health() const;

 private:
  struct Route;    // the way from rows to the instance that runs now
  struct Handler;  // of a row
  struct Plugin {  // a loaded one; replaced as a whole
    std::string name, file;
    std::shared_ptr<Library const> library;
    std::shared_ptr<Instance> instance;
    std::shared_ptr<Route> route;
    std::string configuration;
    WallTime loaded_at;
    std::int64_t replacements = 0;
  };
  enum class Wish { if_changed, reload, new_only, existing_only };
  class Turn;  // one change at a time

  // On the home shard, to its end: a change is not broken off in the middle.
  template <class T>
  Task<T> at_home(Task<T> task);
  Task<void> live(std::shared_ptr<std::promise<void>> loaded);
  Task<void> watch_folder(FolderWatch& watch);
  Task<void> end_all();
  Task<void> load_folder();
  Task<Result<std::string>> load_file(std::string file, Wish wish);  // the plugin's name; with the turn held
  Task<Result<std::string>> install(std::shared_ptr<Library const> library, std::string file);
  Task<Result<LoadResult>> do_load(std::string file, Wish wish);
  Task<Result<UnloadResult>> do_unload(std::string name);
  Task<Result<ReloadResult>> do_reload_all();
  Task<void> do_apply(Settings settings);
  Task<bool> retire(std::shared_ptr<Instance> instance, std::chrono::milliseconds limit);
  Task<bool> with_limit(std::function<void()> work, std::chrono::milliseconds limit);

  Result<void> admissible(Library const& library) const;
  Result<void> publish(Library const& library, std::shared_ptr<Instance> const& instance,
                       std::shared_ptr<Route> const& route);
  std::shared_ptr<Grants const> grants_of(std::string const& name, std::string_view prefix) const;
  std::string configuration_of(std::string const& name) const;
  std::vector<std::string> files() const;
  std::filesystem::path folder_for_copies() const;
  void refuse(std::string const& file, Error const& error);
  void set_plugin(Plugin plugin);
  void collect(std::vector<FamilySample>& out) const;
  PluginSummary summary(Plugin const& plugin) const;
  std::string complaint(Plugin const& plugin) const;  // empty: all is well

  Runtime& runtime_;
  Caller& caller_;
  Counters& counters_;
  LogSink& log_;
  Services services_;
  Counter refusals_, replacements_;
  std::uint64_t collector_ = 0;
  std::filesystem::path copies_;  // where libraries are copied to before they are mapped
  std::string followed_;
  Follower* follower_ = nullptr;
  // Home shard only.
  bool busy_ = false;
  bool ending_ = false;
  std::list<SteadyTimer*> queue_for_turn_;
  std::vector<std::shared_ptr<Instance>> instances_;  // all that ever were
  std::list<SteadyTimer*> retiring_;                  // one for each instance that is on its way out
  SteadyTime retire_until_ = SteadyTime::max();
  // Read from any thread, changed on the home shard only.
  mutable std::mutex mutex_;
  Settings settings_;
  std::map<std::string, Plugin> plugins_;
  std::map<std::string, std::string> refused_;
};

}  // namespace patchbay::plugin_host
