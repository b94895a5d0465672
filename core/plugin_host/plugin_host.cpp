#include "core/plugin_host/plugin_host.hpp"

#include <spdlog/fmt/chrono.h>
#include <spdlog/fmt/fmt.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace patchbay::plugin_host {

std::vector<std::string> default_grants(std::string const& plugin) {
  if (plugin == "home_assistant")
    return {"websocket.*", "http_client.*", "circuit_breaker.*", own_channels_grant, "hub.read", "metrics.read"};
  if (plugin == "echo") return {own_channels_grant};
  return {};
}

// ---- rows ----

struct PluginHost::Route {
  std::atomic<Instance*> current{nullptr};
};

// Goes to the instance it was made for; when that has closed, to the one that runs now.
struct PluginHost::Handler final : patchbay::Handler {
  Handler(std::shared_ptr<Instance> instance_in, std::shared_ptr<Route> route_in, std::uint32_t index_in)
      : instance(std::move(instance_in)), route(std::move(route_in)), index(index_in) {}

  Reply<Answer> start_json(Call& call, json::Parsed const& args) override {
    auto const& declared = instance->library().operations()[index];
    if (instance->enter()) return instance->start(index, declared, call, args);
    for (auto* now = route->current.load(); now != nullptr; now = route->current.load()) {
      auto const& operations = now->library().operations();
      auto found = std::find_if(operations.begin(), operations.end(),
                                [&](auto const& one) { return one.info.verb == declared.info.verb; });
      if (found == operations.end())
        return Error{Code::unavailable,
                     fmt::format("{} has gone: version {} of the plugin {} does not have it", declared.info.tool,
                                 now->library().version(), now->library().name())};
      if (now->enter()) return now->start(static_cast<std::uint32_t>(found - operations.begin()), *found, call, args);
      if (route->current.load() == now) break;
    }
    return Error{Code::unavailable, fmt::format("{} has gone: the plugin {} was unloaded", declared.info.tool,
                                                instance->library().name())};
  }

  std::shared_ptr<Instance> instance;
  std::shared_ptr<Route> route;
  std::uint32_t index;
};

// ---- one change at a time ----

class PluginHost::Turn {
 public:
  static Task<std::unique_ptr<Turn>> take(PluginHost& host) {
    while (host.busy_) {
      SteadyTimer timer{host.runtime_.home().executor()};
      timer.expires_at(SteadyTime::max());
      host.queue_for_turn_.push_back(&timer);
      auto waiting = timer.async_wait(use_task_tuple);
      co_await std::move(waiting);
      host.queue_for_turn_.remove(&timer);
    }
    host.busy_ = true;
    auto turn = std::make_unique<Turn>(host);
    co_return turn;
  }
  explicit Turn(PluginHost& host) : host_(host) {}
  ~Turn() {
    host_.busy_ = false;
    if (!host_.queue_for_turn_.empty()) host_.queue_for_turn_.front()->cancel();
  }

 private:
  PluginHost& host_;
};

// ---- life ----

PluginHost::PluginHost(Runtime& runtime, Caller& caller, Counters& counters, LogSink& log, Settings settings)
    : runtime_(runtime),
      caller_(caller),
      counters_(counters),
      log_(log),
      services_{
          runtime,
          caller,
          log,
          counters.counter("patchbay_plugin_late_answers_total", "Answers to calls that had ended"),
          counters.counter("patchbay_plugin_abandoned_calls_total", "Calls that ended before their plugin answered"),
          counters.counter("patchbay_plugin_calls_total", "Calls handed to plugins"),
          counters.counter("patchbay_plugin_calls_made_total", "Calls that plugins made"),
          {}},
      refusals_(counters.counter("patchbay_plugin_refusals_total", "Plugin files that were not loaded")),
      replacements_(counters.counter("patchbay_plugin_replacements_total", "Plugins replaced while running")),
      settings_(std::move(settings)) {
  for (std::size_t i = 0; i < runtime.size(); ++i)
    services_.queues.push_back(std::make_unique<HomeQueue>(runtime.shard(i)));
  collector_ = counters_.collect([this](std::vector<FamilySample>& out) { collect(out); });
}

PluginHost::~PluginHost() {
  counters_.forget(collector_);
  std::error_code ignored;
  if (!copies_.empty()) std::filesystem::remove_all(copies_, ignored);
}

// The first folder that programs may be mapped from.
std::filesystem::path PluginHost::folder_for_copies() const {
  std::error_code ignored;
  std::vector<std::filesystem::path> parents{std::filesystem::temp_directory_path(ignored)};
  if (auto const* runtime = ::getenv("XDG_RUNTIME_DIR")) parents.emplace_back(runtime);
  if (!settings_.state_directory.empty()) {
    std::filesystem::create_directories(settings_.state_directory, ignored);
    parents.push_back(settings_.state_directory);
  }
  for (auto const& parent : parents) {
    struct statvfs status {};
    if (::statvfs(parent.c_str(), &status) != 0 || (status.f_flag & ST_NOEXEC) != 0) continue;
    auto pattern = (parent / "patchbay-plugins-XXXXXX").string();
    if (::mkdtemp(pattern.data()) != nullptr) return pattern;
  }
  return {};
}

void PluginHost::follow(std::string plugin, Follower& follower) {
  followed_ = std::move(plugin);
  follower_ = &follower;
}

void PluginHost::start() {
  auto loaded = std::make_shared<std::promise<void>>();
  auto done = loaded->get_future();
  copies_ = folder_for_copies();
  runtime_.spawn("plugins", runtime_.home(), live(std::move(loaded)));
  try {
    done.get();
  } catch (std::future_error const&) {
    // the runtime is stopping: there is nothing to wait for
  }
}

Task<void> PluginHost::live(std::shared_ptr<std::promise<void>> loaded) {
  FolderWatch watch{runtime_.home().executor()};
  if (settings_.watch && !settings_.directory.empty()) {
    // Before the folder is read: nothing slips in between.
    auto opened = watch.open(settings_.directory.string());
    if (!opened) log_.write(LogLevel::warning, "plugins", opened.error().message);
  }
  try {
    auto loading = load_folder();
    co_await std::move(loading);
    loaded->set_value();
    loaded.reset();
    auto watching = watch_folder(watch);
    co_await std::move(watching);
  } catch (boost::system::system_error const&) {
    // the gateway stops
  }
  loaded.reset();
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  auto ending = end_all();
  co_await std::move(ending);
}

Task<void> PluginHost::watch_folder(FolderWatch& watch) {
  if (!watch.is_open()) {
    SteadyTimer forever{runtime_.home().executor()};
    forever.expires_at(SteadyTime::max());
    auto waiting = forever.async_wait(use_task);
    co_await std::move(waiting);
  }
  for (;;) {
    auto waiting = watch.next();
    std::set<std::string> changed = co_await std::move(waiting);
    if (changed.empty())
      for (auto& file : files()) changed.insert(file);
    auto taking = Turn::take(*this);
    auto const turn = co_await std::move(taking);
    for (auto const& file : changed) {
      if (!file.ends_with(".so") || file.starts_with('.')) continue;
      auto loading = load_file(file, Wish::if_changed);
      co_await std::move(loading);
    }
  }
}

Task<void> PluginHost::end_all() {
  auto taking = Turn::take(*this);
  auto const turn = co_await std::move(taking);
  ending_ = true;
  std::vector<std::shared_ptr<Instance>> last;
  for (auto& [name, plugin] : plugins_) {
    plugin.route->current = nullptr;
    last.push_back(plugin.instance);
  }
  // All at once, and those that are on their way out already: one that hangs must not take the time of the others.
  retire_until_ = std::chrono::steady_clock::now() + std::chrono::seconds{1};
  for (auto* timer : retiring_) timer->cancel();
  for (auto const& instance : last) {
    auto retiring = retire(instance, std::chrono::seconds{1});
    asio::co_spawn(runtime_.home().executor(), std::move(retiring), [](std::exception_ptr, bool) {});
  }
  SteadyTimer poll{runtime_.home().executor()};
  do {
    poll.expires_after(std::chrono::milliseconds{2});
    auto waiting = poll.async_wait(use_task_tuple);
    co_await std::move(waiting);
  } while (!retiring_.empty());
  std::lock_guard lock{mutex_};
  plugins_.clear();
}

namespace {
template <class T>
Task<T> to_the_end(Task<T> task) {
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  T value = co_await std::move(task);
  co_return value;
}
}  // namespace

template <class T>
Task<T> PluginHost::at_home(Task<T> task) {
  return asio::co_spawn(runtime_.home().executor(), to_the_end(std::move(task)), use_task);
}

// Runs work that may hang on a thread of its own. False: it has not ended in time, and is left to itself.
Task<bool> PluginHost::with_limit(std::function<void()> work, std::chrono::milliseconds limit) {
  struct Shared {
    std::mutex mutex;
    bool done = false;
    Shard* home;  // null: nobody waits any more
    SteadyTimer* timer;
  };
  SteadyTimer timer{runtime_.home().executor()};
  timer.expires_after(limit);
  auto shared = std::make_shared<Shared>();
  shared->home = &runtime_.home();
  shared->timer = &timer;
  std::thread thread{[shared, work = std::move(work)] {
    work();
    std::lock_guard lock{shared->mutex};
    shared->done = true;
    if (shared->home == nullptr) return;
    shared->home->post([shared] {
      if (shared->timer != nullptr) shared->timer->cancel();
    });
  }};
  co_await asio::this_coro::throw_if_cancelled(false);
  bool done = false;
  while (!done && timer.expiry() > std::chrono::steady_clock::now()) {
    auto waiting = timer.async_wait(use_task_tuple);
    co_await std::move(waiting);
    std::lock_guard lock{shared->mutex};
    done = shared->done;
  }
  {
    std::lock_guard lock{shared->mutex};
    shared->home = nullptr;
    shared->timer = nullptr;
    done = shared->done;
  }
  if (done)
    thread.join();
  else
    thread.detach();
  co_return done;
}

// ---- loading ----

std::vector<std::string> PluginHost::files() const {
  std::vector<std::string> out;
  std::error_code failure;
  for (auto const& entry : std::filesystem::directory_iterator(settings_.directory, failure)) {
    auto name = entry.path().filename().string();
    if (name.ends_with(".so") && !name.starts_with('.')) out.push_back(std::move(name));
  }
  std::sort(out.begin(), out.end());
  return out;
}

Task<void> PluginHost::load_folder() {
  if (settings_.directory.empty()) co_return;
  if (auto checked = Library::check_directory(settings_.directory); !checked) {
    auto const error = checked.error();
    log_.write(error.code == Code::not_found ? LogLevel::warning : LogLevel::error, "plugins", error.message);
    std::lock_guard lock{mutex_};
    if (error.code != Code::not_found) refused_["."] = error.message;
    co_return;
  }
  auto taking = Turn::take(*this);
  auto const turn = co_await std::move(taking);
  for (auto const& file : files()) {
    auto loading = load_file(file, Wish::if_changed);
    co_await std::move(loading);
  }
}

Task<Result<std::string>> PluginHost::load_file(std::string file, Wish wish) {
  auto const directory = settings_.directory;
  if (wish == Wish::if_changed) {
    auto const stamp = Library::stamp(directory / file);
    if (stamp.empty()) {  // it has gone; what runs from it runs on
      std::lock_guard lock{mutex_};
      refused_.erase(file);
      co_return Error{Code::not_found, "there is no file " + file};
    }
    for (auto const& [name, plugin] : plugins_)
      if (plugin.file == file && plugin.library->stamp() == stamp) co_return name;
  }
  auto opening = runtime_.blocking([this, directory, file] { return Library::open(directory, file, copies_); });
  Result<std::shared_ptr<Library const>> library = co_await std::move(opening);
  Result<std::string> out{Error{}};
  if (!library) {
    out = library.error();
  } else {
    auto const found = plugins_.find((*library)->name());
    auto const* running = found == plugins_.end() ? nullptr : &found->second;
    if (wish == Wish::new_only && running != nullptr) {
      // An answer to the caller only: the file itself is in order.
      co_return Error{Code::conflict, fmt::format("the plugin {} is running already, from {}: use plugins_replace",
                                                  running->name, running->file)};
    } else if (wish == Wish::existing_only && running == nullptr) {
      co_return Error{Code::not_found,
                      fmt::format("the plugin {} is not running: use plugins_load", (*library)->name())};
    } else if ((wish == Wish::reload || wish == Wish::if_changed) && running != nullptr && running->file != file &&
               compare_versions((*library)->version(), running->library->version()) <= 0) {
      out =
          Error{Code::conflict,
                fmt::format("{}: the plugin {} runs already from {} in version {}; this one has version {}, and only a "
                            "higher one takes its place",
                            file, running->name, running->file, running->library->version(), (*library)->version())};
    } else {
      auto installing = install(*library, file);
      out = co_await std::move(installing);
    }
  }
  // What an operation asked for is answered there; the list shows what the folder holds.
  if (!out && wish != Wish::if_changed && wish != Wish::reload) co_return out;
  if (!out && out.error().code == Code::not_found) co_return out;
  if (!out) {
    refuse(file, out.error());
  } else {
    std::lock_guard lock{mutex_};
    refused_.erase(file);
  }
  co_return out;
}

Result<void> PluginHost::admissible(Library const& library) const {
  static std::set<std::string, std::less<>> const reserved{"hub", "mcp", "api", "ws", "health", "metrics", "patchbay"};
  auto conflict = [&](std::string text) { return Error{Code::conflict, fmt::format("{}: {}", library.file(), text)}; };
  if (reserved.contains(library.prefix()))
    return conflict(fmt::format("the prefix {} is reserved for the gateway", library.prefix()));
  for (auto const& row : caller_.table().rows()) {
    auto const& info = row->info;
    if (info.owner == library.name()) continue;
    auto const prefix = info.tool.substr(0, info.tool.size() - info.verb.size() - 1);
    if (info.interface == library.interface() || prefix == library.prefix())
      return conflict(fmt::format("the {} {} belongs to {} already",
                                  prefix == library.prefix() ? "prefix" : "interface",
                                  prefix == library.prefix() ? library.prefix() : library.interface(),
                                  info.owner == "gateway" ? "the gateway" : "the plugin " + info.owner));
  }
  return {};
}

Task<Result<std::string>> PluginHost::install(std::shared_ptr<Library const> library, std::string file) {
  auto const name = library->name();
  if (ending_) co_return Error{Code::unavailable, "the gateway is stopping"};
  if (auto allowed = admissible(*library); !allowed) co_return allowed.error();
  auto const configuration = configuration_of(name);

  struct Made {
    Result<std::shared_ptr<Instance>> instance{Error{}};
  };
  auto made = std::make_shared<Made>();
  auto grants = grants_of(name, library->prefix());
  auto creating =
      with_limit([this, made, library, grants,
                  configuration] { made->instance = Instance::create(services_, library, grants, configuration); },
                 settings_.create_limit);
  bool const in_time = co_await std::move(creating);
  if (!in_time)
    co_return Error{Code::deadline_exceeded,
                    fmt::format("{}: the plugin {} did not start within {} s", file, name,
                                std::chrono::duration_cast<std::chrono::seconds>(settings_.create_limit).count())};
  if (!made->instance) co_return made->instance.error();
  auto instance = *made->instance;
  instances_.push_back(instance);

  auto const found = plugins_.find(name);
  auto route = found == plugins_.end() ? std::make_shared<Route>() : found->second.route;
  if (auto published = publish(*library, instance, route); !published) {
    auto retiring = retire(instance, settings_.drain_limit);
    co_await std::move(retiring);
    co_return published.error();
  }
  route->current = instance.get();
  Plugin plugin{name, file, library, instance, route, configuration, runtime_.clock().wall(), 0};
  std::shared_ptr<Instance> old;
  if (found != plugins_.end()) {
    old = found->second.instance;
    plugin.replacements = found->second.replacements + 1;
    replacements_.add();
  }
  log_.write(LogLevel::info, "plugins", old ? "plugin replaced" : "plugin loaded",
             {{"plugin", name}, {"version", library->version()}, {"file", file}});
  set_plugin(std::move(plugin));
  if (follower_ != nullptr && name == followed_) follower_->began(instance);
  if (old && old->library().file() != file && std::filesystem::exists(settings_.directory / old->library().file()))
    refuse(old->library().file(),
           Error{Code::conflict,
                 fmt::format("{} has the plugin {} in version {}; version {} from {} took its place",
                             old->library().file(), name, old->library().version(), library->version(), file)});
  if (old) {
    // In the background: the next change need not wait for the old one's calls.
    auto retiring = retire(old, settings_.drain_limit);
    asio::co_spawn(runtime_.home().executor(), std::move(retiring), [](std::exception_ptr, bool) {});
  }
  co_return name;
}

Result<void> PluginHost::publish(Library const& library, std::shared_ptr<Instance> const& instance,
                                 std::shared_ptr<Route> const& route) {
  try {
    auto table = OperationTable::without(caller_.table(), library.name());
    std::uint32_t index = 0;
    for (auto const& operation : library.operations()) {
      Row row;
      row.info = operation.info;
      row.handler = std::make_shared<Handler>(instance, route, index++);
      table.add(std::move(row));
    }
    caller_.publish(std::move(table));
  } catch (std::exception const& failure) {
    return Error{Code::conflict, fmt::format("{}: {}", library.file(), failure.what())};
  }
  return {};
}

// Ends an instance that gets no new calls. True when it was destroyed, false when it had to be left behind.
Task<bool> PluginHost::retire(std::shared_ptr<Instance> instance, std::chrono::milliseconds limit) {
  co_await asio::this_coro::throw_if_cancelled(false);
  if (follower_ != nullptr && instance->library().name() == followed_) follower_->ending(*instance);
  auto& home = runtime_.home();
  SteadyTimer timer{home.executor()};
  auto const place = retiring_.insert(retiring_.end(), &timer);
  // The timer is cancelled when the last call has ended, or the gateway stops.
  auto wait_idle = [this, &timer, &instance](std::chrono::milliseconds at_most) -> Task<bool> {
    auto const until = std::chrono::steady_clock::now() + at_most;
    while (!instance->idle() && std::chrono::steady_clock::now() < std::min(until, retire_until_)) {
      timer.expires_at(std::min(until, retire_until_));
      auto waiting = timer.async_wait(use_task_tuple);
      co_await std::move(waiting);
    }
    co_return instance->idle();
  };
  auto here = std::make_shared<SteadyTimer*>(&timer);
  instance->close([&home, here] {
    home.post([here] {
      if (*here != nullptr) (*here)->cancel();
    });
  });
  instance->cut_calls(true);
  auto first = wait_idle(limit);
  bool idle = co_await std::move(first);
  if (!idle) {
    instance->cut_calls(false);
    auto second = wait_idle(std::chrono::seconds{2});
    idle = co_await std::move(second);
  }
  *here = nullptr;
  bool destroyed = false;
  if (idle) {
    auto destroying = with_limit([instance] { instance->destroy(); }, settings_.destroy_limit);
    destroyed = co_await std::move(destroying);
  }
  if (!destroyed) {
    log_.write(LogLevel::error, "plugins",
               idle ? "a plugin did not end in time and is left behind" : "a plugin owes answers and is left behind",
               {{"plugin", instance->library().name()}, {"version", instance->library().version()}});
    Instance::orphan(instance);
  }
  retiring_.erase(place);
  co_return destroyed;
}

void PluginHost::refuse(std::string const& file, Error const& error) {
  refusals_.add();
  log_.write(LogLevel::error, "plugins", "plugin refused", {{"file", file}, {"reason", error.message}});
  std::lock_guard lock{mutex_};
  refused_[file] = error.message;
}
void PluginHost::set_plugin(Plugin plugin) {
  std::lock_guard lock{mutex_};
  plugins_.insert_or_assign(plugin.name, std::move(plugin));
}

// ---- configuration ----

std::shared_ptr<Grants const> PluginHost::grants_of(std::string const& name, std::string_view prefix) const {
  auto const found = settings_.grants.find(name);
  return Grants::make(name, prefix, found == settings_.grants.end() ? default_grants(name) : found->second);
}

std::string PluginHost::configuration_of(std::string const& name) const {
  auto const found = settings_.configurations.find(name);
  std::string text = found == settings_.configurations.end() ? "{}" : found->second;
  if (settings_.state_directory.empty()) return text;
  auto const folder = settings_.state_directory / name;
  std::error_code failure;
  std::filesystem::create_directories(settings_.state_directory, failure);
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    log_.write(LogLevel::warning, "plugins", "the state folder cannot be made",
               {{"plugin", name}, {"folder", folder.string()}});
    return text;
  }
  auto parsed = json::parse(text, json::upstream_limits);
  if (!parsed || !parsed->document.IsObject() || json::find(parsed->document, "state_directory") != nullptr)
    return text;
  auto& document = parsed->document;
  auto const path = folder.string();
  document.AddMember("state_directory", json::Value{path.c_str(), document.GetAllocator()}, document.GetAllocator());
  return json::to_text(document);
}

void PluginHost::apply(Settings settings) {
  runtime_.spawn("plugins: new settings", runtime_.home(), do_apply(std::move(settings)));
}

Task<void> PluginHost::do_apply(Settings settings) {
  auto taking = Turn::take(*this);
  auto const turn = co_await std::move(taking);
  if (ending_) co_return;
  {
    std::lock_guard lock{mutex_};
    settings.directory = settings_.directory;
    settings.watch = settings_.watch;
    settings.state_directory = settings_.state_directory;
    settings_ = std::move(settings);
  }
  std::vector<Plugin> changed;
  for (auto const& [name, plugin] : plugins_) {
    plugin.instance->set_grants(grants_of(name, plugin.instance->library().prefix()));
    if (plugin.configuration != configuration_of(name)) changed.push_back(plugin);
  }
  for (auto const& plugin : changed) {
    auto installing = install(plugin.library, plugin.file);
    Result<std::string> done = co_await std::move(installing);
    if (!done) refuse(plugin.file, done.error());  // the old one runs on
  }
}

// ---- operations ----

std::string PluginHost::complaint(Plugin const& plugin) const {
  auto const wait = plugin.instance->queue_wait();
  if (wait > settings_.stall_limit)
    return fmt::format("its queue has waited {:.1f} s: one of its operations blocks its thread",
                       std::chrono::duration<double>(wait).count());
  auto said = plugin.instance->said_health();
  if (said.ok) return {};
  return said.message.empty() ? "it says that it is not well, and not why" : std::move(said.message);
}

PluginSummary PluginHost::summary(Plugin const& plugin) const {
  auto const& library = *plugin.library;
  auto why = complaint(plugin);
  return {plugin.name,
          library.version(),
          library.interface(),
          library.prefix(),
          plugin.file,
          why.empty() ? "ok" : "degraded",
          static_cast<std::int64_t>(library.operations().size()),
          plugin.instance->calls_in_flight(),
          why.empty() ? plugin.instance->said_health().message : std::move(why)};
}

ListResult PluginHost::list(Call&, Nothing) {
  std::lock_guard lock{mutex_};
  ListResult out;
  for (auto const& [name, plugin] : plugins_) out.plugins.push_back(summary(plugin));
  for (auto const& [file, reason] : refused_) out.refused.push_back({file, reason});
  out.count = static_cast<std::int64_t>(out.plugins.size());
  return out;
}

Result<InfoResult> PluginHost::info(Call&, NameArgs args) {
  std::lock_guard lock{mutex_};
  auto const found = plugins_.find(args.name);
  if (found == plugins_.end()) {
    std::vector<std::string_view> names;
    for (auto const& [name, plugin] : plugins_) names.push_back(name);
    return Error{Code::not_found,
                 names.empty() ? fmt::format("no plugin {}: none is loaded", args.name)
                               : fmt::format("no plugin {}; loaded are {}", args.name, fmt::join(names, ", ")),
                 "/name"};
  }
  auto const& plugin = found->second;
  InfoResult out;
  out.plugin = summary(plugin);
  out.id = plugin.library->id();
  out.message = out.plugin.message;
  for (auto const& operation : plugin.library->operations()) out.tools.push_back(operation.info.tool);
  out.grants = plugin.instance->grants()->scopes;
  out.queue_wait_ms = std::chrono::duration_cast<std::chrono::milliseconds>(plugin.instance->queue_wait()).count();
  out.loaded_at =
      fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::chrono::system_clock::to_time_t(plugin.loaded_at)));
  out.replacements = plugin.replacements;
  return out;
}

Task<Result<LoadResult>> PluginHost::load(Call&, FileArgs args) {
  return at_home(do_load(std::move(args.file), Wish::new_only));
}
Task<Result<LoadResult>> PluginHost::replace(Call&, FileArgs args) {
  return at_home(do_load(std::move(args.file), Wish::existing_only));
}
Task<Result<UnloadResult>> PluginHost::unload(Call&, NameArgs args) { return at_home(do_unload(std::move(args.name))); }
Task<Result<ReloadResult>> PluginHost::reload_all(Call&, Nothing) { return at_home(do_reload_all()); }

Task<Result<LoadResult>> PluginHost::do_load(std::string file, Wish wish) {
  auto taking = Turn::take(*this);
  auto const turn = co_await std::move(taking);
  auto loading = load_file(std::move(file), wish);
  Result<std::string> name = co_await std::move(loading);
  if (!name) {
    auto error = name.error();
    if (error.code == Code::not_found || error.code == Code::invalid_argument) error.pointer = "/file";
    co_return error;
  }
  LoadResult out;
  std::lock_guard lock{mutex_};
  out.plugin = summary(plugins_.at(*name));
  co_return out;
}

Task<Result<UnloadResult>> PluginHost::do_unload(std::string name) {
  auto taking = Turn::take(*this);
  auto const turn = co_await std::move(taking);
  auto const found = plugins_.find(name);
  if (found == plugins_.end()) co_return Error{Code::not_found, fmt::format("no plugin {} is loaded", name), "/name"};
  auto const plugin = found->second;
  caller_.publish(OperationTable::without(caller_.table(), name));
  plugin.route->current = nullptr;
  {
    std::lock_guard lock{mutex_};
    plugins_.erase(name);
  }
  auto retiring = retire(plugin.instance, settings_.drain_limit);
  bool const drained = co_await std::move(retiring);
  log_.write(LogLevel::info, "plugins", "plugin unloaded", {{"plugin", name}});
  UnloadResult out{name, drained};
  co_return out;
}

Task<Result<ReloadResult>> PluginHost::do_reload_all() {
  auto taking = Turn::take(*this);
  auto const turn = co_await std::move(taking);
  for (auto const& file : files()) {
    auto loading = load_file(file, Wish::reload);
    co_await std::move(loading);
  }
  ReloadResult out;
  std::lock_guard lock{mutex_};
  auto const present = files();
  std::erase_if(refused_,
                [&](auto const& one) { return !std::binary_search(present.begin(), present.end(), one.first); });
  for (auto const& [name, plugin] : plugins_) out.loaded.push_back(name);
  for (auto const& [file, reason] : refused_) out.refused.push_back({file, reason});
  co_return out;
}

StatsResult PluginHost::stats(Call&, Nothing) {
  auto value = [this](Counter const& counter) { return static_cast<std::int64_t>(counters_.value(counter)); };
  StatsResult out;
  out.replacements = value(replacements_);
  out.calls = value(services_.calls);
  out.late_answers = value(services_.late_answers);
  out.abandoned = value(services_.abandoned);
  out.calls_made = value(services_.calls_made);
  std::lock_guard lock{mutex_};
  out.loaded = static_cast<std::int64_t>(plugins_.size());
  out.refused = static_cast<std::int64_t>(refused_.size());
  for (auto const& [name, plugin] : plugins_) out.calls_in_flight += plugin.instance->calls_in_flight();
  return out;
}

namespace {
bool is_empty(json::Value const& value) {
  if (value.IsNull() || value.IsFalse()) return true;
  if (value.IsString()) return value.GetStringLength() == 0;
  if (value.IsArray()) return value.Empty();
  if (!value.IsObject()) return false;
  return std::all_of(value.MemberBegin(), value.MemberEnd(), [](auto const& member) { return is_empty(member.value); });
}
// Keys without anything in them: nobody has set the plugin up.
bool is_unset(std::string const& configuration) {
  auto const parsed = json::parse(configuration, json::upstream_limits);
  return parsed && parsed->document.IsObject() && !parsed->document.ObjectEmpty() && is_empty(parsed->document);
}
}  // namespace

std::vector<PartHealth> PluginHost::health() const {
  std::lock_guard lock{mutex_};
  std::vector<PartHealth> out;
  PartHealth own{"PLUGINS"};
  if (!refused_.empty()) {
    own.status = "degraded";
    own.message = fmt::format("{} refused: {}", refused_.begin()->first, refused_.begin()->second);
    if (refused_.size() > 1) own.message += fmt::format(" (and {} more)", refused_.size() - 1);
  }
  for (auto const& [name, configuration] : settings_.configurations) {
    if (plugins_.contains(name) || is_unset(configuration)) continue;
    own.status = "unavailable";
    own.ready = false;
    own.message = fmt::format("the plugin {} is configured but not loaded{}{}", name, own.message.empty() ? "" : "; ",
                              own.message);
  }
  out.push_back(std::move(own));
  for (auto const& [name, plugin] : plugins_) {
    PartHealth part{plugin.library->interface()};
    part.message = complaint(plugin);
    if (!part.message.empty())
      part.status = "degraded";
    else
      part.message = plugin.instance->said_health().message;
    out.push_back(std::move(part));
  }
  return out;
}

void PluginHost::collect(std::vector<FamilySample>& out) const {
  using Kind = FamilySample::Kind;
  FamilySample info{"patchbay_plugin_info", "The loaded plugins", Kind::gauge, {}};
  FamilySample flight{"patchbay_plugin_calls_in_flight", "Calls that the plugin has not answered yet", Kind::gauge, {}};
  FamilySample queue{
      "patchbay_plugin_queue_seconds", "How long the plugin's oldest unfinished work has waited", Kind::gauge, {}};
  FamilySample refused{"patchbay_plugin_files_refused", "Files in the plugin folder that are refused", Kind::gauge, {}};
  std::lock_guard lock{mutex_};
  for (auto const& [name, plugin] : plugins_) {
    info.series.push_back({{{"name", name}, {"version", plugin.library->version()}}, 1, {}, 0});
    flight.series.push_back({{{"name", name}}, static_cast<double>(plugin.instance->calls_in_flight()), {}, 0});
    queue.series.push_back(
        {{{"name", name}}, std::chrono::duration<double>(plugin.instance->queue_wait()).count(), {}, 0});
  }
  refused.series.push_back({{}, static_cast<double>(refused_.size()), {}, 0});
  for (auto* family : {&info, &flight, &queue, &refused})
    if (!family->series.empty()) out.push_back(std::move(*family));
}

}  // namespace patchbay::plugin_host
