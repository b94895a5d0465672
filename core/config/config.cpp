#include "core/config/config.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <spdlog/fmt/fmt.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <system_error>

#include "core/base/nearest.hpp"
#include "core/config/write_back.hpp"

namespace patchbay::config {
namespace {

std::string folder_of(std::string const& path) {
  auto const slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// Opens beneath the folder only: no "..", no absolute path, no link that leads out, whatever changes meanwhile.
Result<std::string> read_beneath(std::string const& folder, std::string const& path) {
  int const root = ::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root < 0)
    return Error{Code::forbidden, fmt::format("the folder of the configuration cannot be opened: {}",
                                              std::generic_category().message(errno))};
  open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  auto const fd = static_cast<int>(::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how));
  auto const why = errno;
  ::close(root);
  if (fd < 0) {
    if (why == ENOENT || why == ENOTDIR)
      return Error{Code::not_found, fmt::format("there is no {} in the folder of the configuration", path), "/path"};
    if (why == EXDEV || why == ELOOP)
      return Error{Code::forbidden, "the path leads out of the folder of the configuration; name a file inside it",
                   "/path"};
    return Error{Code::forbidden, fmt::format("{} cannot be opened: {}", path, std::generic_category().message(why)),
                 "/path"};
  }
  struct stat about {};
  if (::fstat(fd, &about) != 0 || !S_ISREG(about.st_mode)) {
    ::close(fd);
    return Error{Code::forbidden, fmt::format("{} is not a regular file", path), "/path"};
  }
  std::string text(most_text_bytes + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    auto const got = ::read(fd, text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    size += static_cast<std::size_t>(got);
  }
  ::close(fd);
  if (size > most_text_bytes)
    return Error{Code::invalid_argument, fmt::format("{} has more than {} bytes", path, most_text_bytes), "/path"};
  text.resize(size);
  return text;
}

Error unknown_key(std::string_view key, std::string pointer) {
  auto near = did_you_mean(key, leaf_names());
  return Error{Code::not_found,
               fmt::format("there is no setting \"{}\"; {}", key.substr(0, 128),
                           near.empty() ? std::string{"config_get_category lists a section"} : near),
               std::move(pointer)};
}

}  // namespace

Config::Config(Runtime& runtime, Counters& counters, LogSink& log, Loaded loaded)
    : runtime_(runtime), counters_(counters), log_(log) {
  state_.options = std::move(loaded.options);
  state_.layers = std::move(loaded.layers);
  state_.effective = std::move(loaded.effective);
  state_.values = std::make_shared<Values const>(std::move(loaded.values));
  auto made = [&](std::string_view result) {
    return counters.counter("patchbay_config_reloads_total", "Times the configuration was read again, by result",
                            {{"result", std::string{result}}});
  };
  reloads_ok_ = made("ok");
  reloads_refused_ = made("refused");
  last_reload_ =
      std::chrono::duration_cast<std::chrono::milliseconds>(runtime.clock().wall().time_since_epoch()).count();
  gauge_ = counters.gauge_function("patchbay_config_last_reload_timestamp_seconds",
                                   "When the configuration was last read without a problem", {},
                                   [this] { return static_cast<double>(last_reload_.load()) / 1000; });
}

Config::~Config() { counters_.forget(gauge_); }

std::shared_ptr<Values const> Config::values() const {
  std::lock_guard lock{mutex_};
  return state_.values;
}

Config::State Config::snapshot() const {
  std::lock_guard lock{mutex_};
  return state_;
}

std::vector<std::string> Config::secrets() const {
  auto const state = snapshot();
  return known_secrets(state.effective);
}

Error Config::refused(Problems const& problems, std::string_view what) {
  std::string text = fmt::format("{} refused, nothing has changed: ", what);
  std::size_t shown = 0;
  for (auto const& problem : problems) {
    if (++shown > 20) {
      text += fmt::format("; and {} more", problems.size() - 20);
      break;
    }
    if (shown > 1) text += "; ";
    text += problem.text();
  }
  return Error{Code::invalid_argument, std::move(text)};
}

Result<Config::Change> Config::apply(State next, Problems problems) {
  Effective wanted;
  Values checked;
  settle(next.layers, next.options, wanted, checked, problems);
  if (!problems.empty()) return refused(problems, "the new settings are");
  Change change;
  next.restart_needed.clear();
  auto const& running = next.effective;
  Effective effective = wanted;
  std::set<std::string> paths;
  for (auto const& [path, setting] : running) paths.insert(path);
  for (auto const& [path, setting] : wanted) paths.insert(path);
  for (auto const& path : paths) {
    auto const before = running.find(path);
    auto const after = wanted.find(path);
    bool const same = before != running.end() && after != wanted.end() && before->second.json == after->second.json;
    if (same) continue;
    auto const place = place_of(path);
    if (place && place->key->applies == Applies::live) {
      change.changed.push_back(path);
      continue;
    }
    next.restart_needed.insert(path);
    change.restart_needed.push_back(path);
    if (before == running.end())
      effective.erase(path);
    else
      effective[path] = before->second;
  }
  next.effective = std::move(effective);
  next.values = std::make_shared<Values const>(make_values(next.effective));
  std::shared_ptr<Values const> old, now = next.values;
  {
    std::lock_guard lock{mutex_};
    old = state_.values;
    state_ = std::move(next);
  }
  if (!change.changed.empty())
    for (auto const& subscriber : subscribers_) {
      try {
        subscriber(*old, *now);
      } catch (std::exception const& error) {
        log_.write(LogLevel::error, "config", "a part of the gateway failed to take over new settings",
                   {{"reason", error.what()}});
      }
    }
  return change;
}

Result<ReloadResult> Config::reload_now(bool strict) {
  std::lock_guard turn{change_mutex_};
  auto next = snapshot();
  auto options = next.options;
  options.environment = current_environment();
  auto fresh = load(options);
  Problems problems;
  if (strict) {
    problems = fresh.problems;
  } else {
    for (auto const& problem : fresh.problems)
      log_.write(LogLevel::warning, "config", "a setting was left out", {{"problem", problem.text()}});
  }
  auto overrides = std::move(next.layers.override);  // what CONFIG.set and load_file laid over the file stays
  auto loaded = std::move(next.layers.loaded);
  next.options = std::move(fresh.options);
  next.layers = std::move(fresh.layers);
  next.layers.override = std::move(overrides);
  next.layers.loaded = std::move(loaded);
  auto change = apply(std::move(next), std::move(problems));
  if (!change) {
    reloads_refused_.add();
    log_.write(LogLevel::error, "config", "reload refused; the running settings stay",
               {{"problems", change.error().message}});
    return change.error();
  }
  reloads_ok_.add();
  last_reload_ =
      std::chrono::duration_cast<std::chrono::milliseconds>(runtime_.clock().wall().time_since_epoch()).count();
  log_.write(LogLevel::info, "config", "configuration read again",
             {{"changed", fmt::format("{}", fmt::join(change->changed, ", "))},
              {"restart_needed", fmt::format("{}", fmt::join(change->restart_needed, ", "))}});
  for (auto const& look : looks_)
    if (auto looked = look(); !looked) return looked.error();
  return ReloadResult{std::move(change->changed), std::move(change->restart_needed)};
}

Task<Result<ReloadResult>> Config::reload(Call&, ReloadArgs args) {
  auto work = runtime_.blocking([this, strict = args.validate] { return reload_now(strict); });
  Result<ReloadResult> result = co_await std::move(work);
  co_return result;
}

Result<GetResult> Config::get(Call&, GetArgs args) const {
  auto const place = place_of(args.key);
  auto const state = snapshot();
  auto fallback = [&](Error error) -> Result<GetResult> {
    if (args.fallback) return GetResult{*args.fallback, "default"};
    return error;
  };
  if (!place) return fallback(unknown_key(args.key, "/key"));
  auto const found = state.effective.find(place->leaf);
  if (found == state.effective.end())
    return fallback(Error{Code::not_found, fmt::format("\"{}\" has no value", place->leaf), "/key"});
  auto value = inside(*place, masked(place->leaf, found->second.json));
  if (!value)
    return fallback(Error{Code::not_found, fmt::format("\"{}\" has no \"{}\"", place->leaf, place->rest), "/key"});
  return GetResult{RawJson{std::move(*value)}, std::string{name_of(found->second.source)}};
}

Result<GetCategoryResult> Config::get_category(Call&, GetCategoryArgs args) const {
  auto const state = snapshot();
  GetCategoryResult out;
  for (auto const& [path, setting] : state.effective)
    if (path == args.prefix || (path.starts_with(args.prefix) && path[args.prefix.size()] == '.'))
      out.settings[path] = RawJson{masked(path, setting.json)};
  if (!out.settings.empty()) return out;
  std::vector<std::string_view> sections = root_branch().names();
  return Error{Code::not_found,
               fmt::format("there is no section \"{}\"; {}there are {}", args.prefix.substr(0, 128),
                           did_you_mean(args.prefix, sections), fmt::join(sections, ", ")),
               "/prefix"};
}

Task<Result<SetResult>> Config::set(Call&, SetArgs args) {
  auto work = runtime_.blocking([this, args = std::move(args)]() mutable { return do_set(std::move(args)); });
  Result<SetResult> result = co_await std::move(work);
  co_return result;
}

Result<SetResult> Config::do_set(SetArgs args) {
  std::lock_guard turn{change_mutex_};
  auto const place = place_of(args.key);
  if (!place) return unknown_key(args.key, "/key");
  if (place->key->applies == Applies::restart)
    return Error{Code::forbidden,
                 fmt::format("{} changes at the next start only: change it in the configuration file and start again",
                             place->leaf),
                 "/key"};
  if (place->key->secret)
    return Error{Code::forbidden,
                 fmt::format("{} is a secret: give it in the file, by env: or by file:, and reload", place->leaf),
                 "/key"};
  auto next = snapshot();
  Problems problems;
  auto parsed = json::parse(args.value.text);
  if (!parsed) return parsed.error();
  if (!read_into(next.layers.override, args.key, from_json(parsed->document), nullptr, false, problems)) {
    if (problems.empty()) return Error{Code::invalid_argument, "the value is refused", "/value"};
    return Error{Code::invalid_argument, problems.front().key + ": " + problems.front().reason, "/value"};
  }
  auto const path = next.options.path;
  auto const before = next.effective.find(place->leaf);
  auto previous = before == next.effective.end() ? std::optional<std::string>{}
                                                 : inside(*place, masked(place->leaf, before->second.json));
  std::string text;
  if (args.persist) {
    if (path.empty()) return Error{Code::forbidden, "there is no configuration file to write to", "/persist"};
    auto old_text = read_text_file(path);
    if (!old_text) return Error{Code::forbidden, old_text.error().message, "/persist"};
    auto new_text = with_value(*old_text, args.key, json::to_text(parsed->document));
    if (!new_text) return new_text.error();
    text = std::move(*new_text);
  }
  // Checked as a whole before the file is touched.
  Effective effective;
  Values values;
  settle(next.layers, next.options, effective, values, problems);
  if (args.persist) {
    // What stands in the file from now on comes from there, so that a later edit of the file counts; only where the
    // environment covers the file the override stays.
    auto as_file = next.layers;
    auto const rest = place->rest;
    std::erase_if(as_file.override.members,
                  [&](MemberEntry const& one) { return one.leaf == place->leaf && one.rest == rest; });
    if (rest.empty()) as_file.override.whole.erase(place->leaf);
    read_into(as_file.file, args.key, from_json(parsed->document), nullptr, false, problems);
    if (as_file.effective()[place->leaf].json == effective[place->leaf].json) next.layers = std::move(as_file);
  }
  if (!problems.empty()) return Error{Code::invalid_argument, problems.front().text(), "/value"};
  if (args.persist)
    if (auto written = replace_file(path, text); !written) return written.error();
  auto change = apply(std::move(next), {});
  if (!change) return change.error();
  return SetResult{RawJson{previous.value_or("null")}};
}

Result<ChangedResult> Config::switch_preset(Call&, SwitchPresetArgs args) {
  if (!preset(args.name))
    return Error{Code::not_found, fmt::format("no preset \"{}\"; there are {}", args.name, preset_names), "/name"};
  std::lock_guard turn{change_mutex_};
  auto next = snapshot();
  next.options.preset = args.name;
  next.layers.preset = preset_layer(args.name);
  auto change = apply(std::move(next), {});
  if (!change) return change.error();
  return ChangedResult{std::move(change->changed), std::move(change->restart_needed)};
}

Task<Result<LoadResult>> Config::load_file(Call&, LoadFileArgs args) {
  auto work = runtime_.blocking([this, path = std::move(args.path)] { return do_load_file(path); });
  Result<LoadResult> result = co_await std::move(work);
  co_return result;
}

Result<LoadResult> Config::do_load_file(std::string path) {
  std::lock_guard turn{change_mutex_};
  auto next = snapshot();
  if (next.options.path.empty())
    return Error{Code::forbidden, "the gateway runs without a configuration file, so there is no folder to load from"};
  auto text = read_beneath(folder_of(next.options.path), path);
  if (!text) return text.error();
  Problems problems;
  auto root = parse_yaml(*text, path, problems);
  if (!root) return refused(problems, path + " is");
  auto layer = read_layer(*root, Source::file, path, &next.options.environment, problems);
  if (!problems.empty()) return refused(problems, path + " is");
  auto const count = static_cast<std::uint32_t>(layer.size());
  for (auto& [leaf, entry] : layer.whole) next.layers.loaded.whole[leaf] = std::move(entry);
  next.layers.loaded.file = path;
  auto change = apply(std::move(next), {});
  if (!change) return change.error();
  return LoadResult{count, std::move(change->changed), std::move(change->restart_needed)};
}

Result<LoadResult> Config::load_environment(Call&, LoadEnvironmentArgs args) {
  std::lock_guard turn{change_mutex_};
  auto next = snapshot();
  Problems problems;
  auto layer = read_environment(current_environment(), args.prefix, problems);
  if (!problems.empty()) return refused(problems, "the environment is");
  auto const count = static_cast<std::uint32_t>(layer.size());
  next.layers.env = std::move(layer);
  auto change = apply(std::move(next), {});
  if (!change) return change.error();
  return LoadResult{count, std::move(change->changed), std::move(change->restart_needed)};
}

Task<Result<ValidateResult>> Config::validate(Call&, ValidateArgs args) const {
  auto work = runtime_.blocking([this, config = std::move(args.config)] { return do_validate(config); });
  ValidateResult found = co_await std::move(work);
  Result<ValidateResult> result{std::move(found)};
  co_return result;
}

ValidateResult Config::do_validate(std::optional<RawJson> config) const {
  auto options = snapshot().options;
  options.environment = current_environment();
  Loaded loaded;
  if (!config) {
    loaded = load(options);
  } else {
    auto parsed = json::parse(config->text);
    auto const text =
        parsed && parsed->document.IsString() ? std::string{json::text_of(parsed->document)} : config->text;
    options.path.clear();  // JSON is YAML's flow style
    loaded = load_text(text, options);
  }
  ValidateResult out;
  for (auto const& problem : loaded.problems) {
    FoundProblem one{problem.key, problem.reason, std::nullopt};
    if (problem.line > 0) one.line = static_cast<std::uint32_t>(problem.line);
    out.problems.push_back(std::move(one));
  }
  out.valid = out.problems.empty();
  return out;
}

StatsResult Config::stats(Call&, Nothing) const {
  auto const state = snapshot();
  StatsResult out;
  out.path = state.options.path;
  out.preset = state.options.preset;
  out.keys = static_cast<std::uint32_t>(state.effective.size());
  for (auto const& [path, setting] : state.effective) ++out.sources[std::string{name_of(setting.source)}];
  out.reloads = counters_.value(reloads_ok_);
  out.reloads_refused = counters_.value(reloads_refused_);
  out.restart_needed.assign(state.restart_needed.begin(), state.restart_needed.end());
  return out;
}

}  // namespace patchbay::config
