// run_on(): a task runs on another shard, its result comes back to the calling coroutine.
//
//   auto work = connection->request(std::move(message), deadline);
//   Result<RawJson> answer = co_await run_on(shard, std::move(work));
//
// From any executor of Executor type, a host's own included. On the shard itself the task is simply awaited.
// Cancellation is passed on to the task, and its end is waited for all the same, so references into the caller stay
// good. (co_spawn alone is not used across shards: cancelling it may meet a task that is just ending on the other
// thread.) Costs one allocation and two posts.
#pragma once

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <memory>
#include <optional>

#include "core/base/result.hpp"
#include "core/runtime/shard.hpp"
#include "core/runtime/waiter.hpp"

namespace patchbay {

template <class T>
Task<Result<T>> run_on(Shard& shard, Task<Result<T>> task) {
  if (shard.is_current()) {
    Result<T> result = co_await std::move(task);
    co_return result;
  }
  struct Shared {
    explicit Shared(Executor caller, Task<Result<T>> t) : work(caller), task(std::move(t)) {}
    asio::executor_work_guard<Executor> work;  // keeps the caller's loop running
    Task<Result<T>> task;
    asio::cancellation_signal signal;  // used on the shard
    Waiter done;                       // used where the caller is
    std::exception_ptr thrown;
    std::optional<Result<T>> result;
  };
  auto const caller = co_await asio::this_coro::executor;
  auto const throwing = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  auto shared = std::make_shared<Shared>(caller, std::move(task));
  shard.post([shared, caller, executor = shard.executor()] {
    auto ended = [shared, caller](std::exception_ptr thrown, Result<T> result) {
      shared->thrown = thrown;
      shared->result.emplace(std::move(result));
      asio::post(caller, [shared] {
        shared->work.reset();
        shared->done.notify();
      });
    };
    asio::co_spawn(executor, std::move(shared->task),
                   asio::bind_cancellation_slot(shared->signal.slot(), std::move(ended)));
  });
  Deadline const none;
  while (co_await shared->done.wait(none, use_task) != Waiter::Why::notified)
    shard.post([shared] { shared->signal.emit(asio::cancellation_type::all); });
  co_await asio::this_coro::throw_if_cancelled(throwing);
  if (shared->thrown) std::rethrow_exception(shared->thrown);
  co_return std::move(*shared->result);
}

}  // namespace patchbay
