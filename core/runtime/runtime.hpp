// Runtime: the shards, the pool for blocking work, root tasks, and the order in which all of it stops.
//
//   Runtime runtime{{.shards = 2}, clock, log};
//   runtime.start();
//   runtime.spawn("listener", runtime.shard(0), listen(...));      // a root task: joined at stop
//   auto lines = co_await runtime.blocking([&] { return read_file(path); });
//   runtime.stop();                                                 // from the thread that started it
//
// A root task's exception is logged, not thrown. stop() asks every root task to end (cancellation, in reverse order of
// their start), waits for them, then ends the threads. Nothing else in the process makes a thread, but for a plugin's
// own one and the log writer.
#pragma once

#include <atomic>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>
#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/base/sinks.hpp"
#include "core/runtime/shard.hpp"

namespace patchbay {

class Runtime {
 public:
  struct Options {
    unsigned shards = 1;
    unsigned blocking_threads = 2;
  };

  Runtime(Options options, Clock const& clock, LogSink& log);
  ~Runtime();
  Runtime(Runtime const&) = delete;
  Runtime& operator=(Runtime const&) = delete;

  void start();
  // Ends root tasks and threads. Idempotent; not from a shard's thread.
  void stop();
  bool stopping() const { return stopping_.load(std::memory_order_relaxed); }

  std::size_t size() const { return shards_.size(); }
  Shard& shard(std::size_t index) { return *shards_[index]; }
  Shard& home() { return *shards_[0]; }  // of state that is one for the process
  // The running shard, or the home shard on other threads.
  Shard& here() { return Shard::current() != nullptr ? *Shard::current() : home(); }
  Clock const& clock() const { return clock_; }
  LogSink& log() { return log_; }

  // Any thread. After stop() has begun the task is dropped unstarted.
  void spawn(std::string name, Shard& shard, Task<void> task);

  // Runs a function that may block on the pool and comes back with its value; an exception is thrown again here.
  template <class Function>
  Task<std::invoke_result_t<Function&>> blocking(Function function);

 private:
  struct Root {
    std::string name;
    Shard* shard;
    asio::cancellation_signal signal;
  };
  void ended(std::shared_ptr<Root> const& root, std::exception_ptr error);

  Clock const& clock_;
  LogSink& log_;
  std::vector<std::unique_ptr<Shard>> shards_;
  asio::thread_pool pool_;
  std::atomic<bool> stopping_{false};
  bool started_ = false;
  std::mutex mutex_;  // of roots_
  std::condition_variable all_ended_;
  std::list<std::shared_ptr<Root>> roots_;
};

template <class Function>
Task<std::invoke_result_t<Function&>> Runtime::blocking(Function function) {
  using Value = std::invoke_result_t<Function&>;
  auto work = [](Function inner) -> asio::awaitable<Value, asio::thread_pool::executor_type> { co_return inner(); };
  auto running = work(std::move(function));
  if constexpr (std::is_void_v<Value>) {
    co_await asio::co_spawn(pool_.get_executor(), std::move(running), use_task);
  } else {
    Value value = co_await asio::co_spawn(pool_.get_executor(), std::move(running), use_task);
    co_return value;
  }
}

}  // namespace patchbay
