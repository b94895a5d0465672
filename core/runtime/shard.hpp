// Shard: one thread with one single-threaded io_context and one timer wheel, and all that was created there.
//
//   Shard& home = *Shard::current();                 // null on other threads
//   home.post([&] { ... });                          // from any thread
//   asio::co_spawn(shard.executor(), std::move(task), token);
//
// Everything but post(), executor() and index() is for the shard's own thread. Owned by the Runtime.
#pragma once

#include <boost/asio/post.hpp>
#include <thread>

#include "core/base/task.hpp"
#include "core/base/timer_wheel.hpp"

namespace patchbay {

class Shard {
 public:
  Shard(unsigned index, Clock const& clock);
  ~Shard();
  Shard(Shard const&) = delete;
  Shard& operator=(Shard const&) = delete;

  unsigned index() const { return index_; }
  Executor executor() { return context_.get_executor(); }
  asio::io_context& context() { return context_; }
  TimerWheel& wheel() { return wheel_; }
  bool is_current() const { return current_ == this; }
  static Shard* current() { return current_; }
  template <class Function>
  void post(Function function) {
    asio::post(context_, std::move(function));
  }

 private:
  friend class Runtime;
  void start();
  void finish();  // lets the thread end when it has nothing left to do
  void join();
  void run();
  void rearm();

  unsigned const index_;
  asio::io_context context_{1};
  asio::executor_work_guard<Executor> work_;
  TimerWheel wheel_;
  SteadyTimer tick_;
  SteadyTime tick_at_ = SteadyTime::max();
  std::thread thread_;
  static thread_local Shard* current_;
};

}  // namespace patchbay
