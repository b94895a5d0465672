// A real runtime, caller and plugin host over a plugin folder of the test's own, into which fixtures are copied.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <future>

#include "core/plugin_host/plugin_host.hpp"

namespace patchbay::plugin_host {

inline std::filesystem::path build_folder() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path().parent_path();
}

// A log that tests can read.
class MemoryLog final : public LogSink {
 public:
  bool enabled(LogLevel, std::string_view) const override { return true; }
  void write(LogLevel, std::string_view logger, std::string_view message,
             std::vector<LogField> const& fields) override {
    std::lock_guard lock{mutex_};
    text_ += std::string{logger} + ": " + std::string{message};
    for (auto const& [key, value] : fields) text_ += " " + std::string{key} + "=" + std::string{value};
    text_ += "\n";
  }
  std::string text() const {
    std::lock_guard lock{mutex_};
    return text_;
  }

 private:
  mutable std::mutex mutex_;
  std::string text_;
};

class PluginHostTest : public testing::Test {
 protected:
  PluginHostTest() {
    auto pattern = (std::filesystem::temp_directory_path() / "patchbay-test-XXXXXX").string();
    root = ::mkdtemp(pattern.data());
    folder = root / "plugins";
    std::filesystem::create_directory(folder);
    std::filesystem::permissions(folder, std::filesystem::perms{0755});
    settings.directory = folder;
    settings.state_directory = root / "state";
  }
  ~PluginHostTest() override {
    stop();
    std::error_code ignored;
    std::filesystem::remove_all(root, ignored);
  }

  // Writes beside the folder and moves in, as a careful installer does.
  void drop(std::string const& fixture, std::string const& as = {}, std::string const& from = "fixtures") {
    auto const name = "libpatchbay_" + fixture + ".so";
    auto const next = root / "next.so";
    std::filesystem::copy_file(build_folder() / from / name, next, std::filesystem::copy_options::overwrite_existing);
    std::filesystem::permissions(next, std::filesystem::perms{0755});
    std::filesystem::rename(next, folder / (as.empty() ? name : as));
  }
  void drop_echo() { drop("echo", {}, "plugins"); }

  void start(unsigned shards = 1) {
    runtime.emplace(Runtime::Options{shards, 2}, clock, log);
    caller.emplace(counters);
    caller->on_reply([this](Row const& row, Result<Answer> const& reply) { check_reply(row, reply); });
    runtime->start();
    host.emplace(*runtime, *caller, counters, log, settings);
    if (follower != nullptr) host->follow(followed, *follower);
    OperationTable table;
    table.add(list, [this](Call& call, Nothing args) { return host->list(call, args); });
    table.add(info, [this](Call& call, NameArgs args) { return host->info(call, std::move(args)); });
    table.add(load, [this](Call& call, FileArgs args) { return host->load(call, std::move(args)); });
    table.add(replace, [this](Call& call, FileArgs args) { return host->replace(call, std::move(args)); });
    table.add(unload, [this](Call& call, NameArgs args) { return host->unload(call, std::move(args)); });
    table.add(reload_all, [this](Call& call, Nothing args) { return host->reload_all(call, args); });
    table.add(stats, [this](Call& call, Nothing args) { return host->stats(call, args); });
    caller->publish(std::move(table));
    host->start();
  }
  void stop() {
    if (runtime) runtime->stop();
    host.reset();
    caller.reset();
    runtime.reset();
  }

  // A call from outside: on a shard, as a surface makes it.
  struct Asked {
    PrincipalPtr who = host_principal();
    EventSink* events = nullptr;
    std::chrono::milliseconds budget{0};
    std::string user_id{};
    std::size_t shard = 0;
  };
  std::future<Result<Answer>> ask(std::string tool, std::string args, Asked asked) {
    auto promise = std::make_shared<std::promise<Result<Answer>>>();
    auto done = promise->get_future();
    auto& shard = runtime->shard(asked.shard);
    shard.post([this, &shard, promise, asked, tool = std::move(tool), args = std::move(args)] {
      auto call = std::make_shared<Call>(asked.who);
      call->set_events(asked.events);
      call->set_user_id(asked.user_id);
      if (asked.budget.count() > 0) call->limit(Deadline::in(asked.budget));
      auto const* row = caller->table().find(tool);
      if (row == nullptr) return promise->set_value(caller->no_such_tool(tool));
      auto reply = caller->start_json(*row, *call, std::string_view{args});
      if (reply.ready()) return promise->set_value(reply.take());
      asio::co_spawn(shard.executor(), reply.task(),
                     asio::bind_cancellation_slot(call->signal().slot(),
                                                  [call, promise](std::exception_ptr error, Result<Answer> result) {
                                                    if (error)
                                                      promise->set_exception(error);
                                                    else
                                                      promise->set_value(std::move(result));
                                                  }));
    });
    return done;
  }
  std::future<Result<Answer>> ask(std::string tool, std::string args = "{}") {
    return ask(std::move(tool), std::move(args), Asked{});
  }
  Result<Answer> call(std::string tool, std::string args = "{}") { return ask(std::move(tool), std::move(args)).get(); }
  Result<Answer> call(std::string tool, std::string args, Asked asked) {
    return ask(std::move(tool), std::move(args), std::move(asked)).get();
  }
  static std::string shown(Result<Answer> const& result) {
    if (result) return result->data;
    auto const error = result.error();
    return std::string{name_of(error.code)} + " " + error.pointer + ": " + error.message;
  }
  // The reason for which a file of the folder was refused.
  std::string refusal(std::string const& file) {
    Call one{host_principal()};
    for (auto const& refused : host->list(one, Nothing{}).refused)
      if (refused.file == file) return refused.reason;
    return "not refused";
  }
  // Waits for what the home shard does by itself, such as following the folder.
  template <class Function>
  bool until(Function holds) {
    auto const limit = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    while (std::chrono::steady_clock::now() < limit) {
      if (holds()) return true;
      std::promise<void> turned;
      auto turn = turned.get_future();
      runtime->home().post([&turned] { turned.set_value(); });
      turn.get();
      std::this_thread::yield();
    }
    return false;
  }
  PluginSummary summary_of(std::string const& name) {
    Call one{host_principal()};
    for (auto const& plugin : host->list(one, Nothing{}).plugins)
      if (plugin.name == name) return plugin;
    return {};
  }
  StatsResult counts() {
    Call one{host_principal()};
    return host->stats(one, Nothing{});
  }

  std::filesystem::path root, folder;
  Settings settings;
  Follower* follower = nullptr;
  std::string followed;
  SystemClock clock;
  MemoryLog log;
  Counters counters;
  std::optional<Runtime> runtime;
  std::optional<Caller> caller;
  std::optional<PluginHost> host;

 private:
  void check_reply(Row const& row, Result<Answer> const& reply) {
    if (!reply) return;
    auto parsed = json::parse(reply->data, json::upstream_limits);
    ASSERT_TRUE(parsed.has_value()) << row.info.tool << ": " << reply->data;
    auto const problem = row.info.result.problem(parsed->document, "member");
    EXPECT_FALSE(problem.has_value()) << row.info.tool << ": " << problem->pointer << " " << problem->message;
  }
};

}  // namespace patchbay::plugin_host
