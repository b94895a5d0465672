#include "core/runtime/runtime.hpp"

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>

namespace patchbay {

Runtime::Runtime(Options options, Clock const& clock, LogSink& log)
    : clock_(clock), log_(log), pool_(std::max(1U, options.blocking_threads)) {
  auto const count = std::max(1U, options.shards);
  for (unsigned i = 0; i < count; ++i) shards_.push_back(std::make_unique<Shard>(i, clock));
}

Runtime::~Runtime() { stop(); }

void Runtime::start() {
  if (started_) return;
  started_ = true;
  for (auto& shard : shards_) shard->start();
}

void Runtime::spawn(std::string name, Shard& shard, Task<void> task) {
  auto root = std::make_shared<Root>();
  root->name = std::move(name);
  root->shard = &shard;
  {
    std::lock_guard lock{mutex_};
    if (stopping_) return;
    roots_.push_back(root);
  }
  // The signal belongs to the shard's thread; the spawn happens there too, so that both are in order.
  shard.post([this, root, task = std::make_shared<Task<void>>(std::move(task))] {
    auto done = [this, root](std::exception_ptr error) { ended(root, error); };
    asio::co_spawn(root->shard->executor(), std::move(*task),
                   asio::bind_cancellation_slot(root->signal.slot(), std::move(done)));
    // stop()'s own emission may have overtaken this: what a shard posts to itself is queued when its handler ends.
    if (stopping_) root->signal.emit(asio::cancellation_type::all);
  });
}

void Runtime::ended(std::shared_ptr<Root> const& root, std::exception_ptr error) {
  if (error) {
    std::string what = "unknown exception";
    bool quiet = false;
    try {
      std::rethrow_exception(error);
    } catch (boost::system::system_error const& failure) {
      quiet = stopping_ && failure.code() == asio::error::operation_aborted;
      what = failure.what();
    } catch (std::exception const& failure) {
      what = failure.what();
    } catch (...) {
    }
    if (!quiet)
      log_.write(LogLevel::error, "runtime", "a task ended by an exception", {{"task", root->name}, {"reason", what}});
  }
  std::lock_guard lock{mutex_};
  roots_.remove(root);
  if (roots_.empty()) all_ended_.notify_all();
}

void Runtime::stop() {
  if (stopping_.exchange(true) || !started_) {
    pool_.join();
    return;
  }
  {
    std::unique_lock lock{mutex_};
    for (auto it = roots_.rbegin(); it != roots_.rend(); ++it) {
      auto root = *it;
      root->shard->post([root] { root->signal.emit(asio::cancellation_type::all); });
    }
    all_ended_.wait(lock, [this] { return roots_.empty(); });
  }
  pool_.join();
  for (auto& shard : shards_) shard->finish();
  for (auto& shard : shards_) shard->join();
}

}  // namespace patchbay
