// run_on(): a task runs on another shard, its result comes back to the calling coroutine.
//
//   auto work = connection->request(std::move(message), deadline);
//   Result<RawJson> answer = co_await run_on(shard, std::move(work));
//
// From any executor of Executor type, a host's own included. On the shard itself the task is simply awaited.
// Cancellation is passed on to the task, and its end is waited for all the same, so references into the caller stay
// good. (co_spawn alone is not used across shards: cancelling it may meet a task that is just ending on the other
// thread.) Costs two frames and two posts.
#pragma once

#include <memory>
#include <optional>

#include "core/base/result.hpp"
#include "core/base/task.hpp"
#include "core/runtime/shard.hpp"

namespace patchbay {

// The same for a task that leaves its result somewhere: what it refers to must live until run_there() comes back.
Task<void> run_there(Shard& shard, Task<void> task);

namespace detail {
template <class T>
Task<void> put_into(std::shared_ptr<std::optional<Result<T>>> place, Task<Result<T>> task) {
  Result<T> result = co_await std::move(task);
  place->emplace(std::move(result));
}
}  // namespace detail

template <class T>
Task<Result<T>> run_on(Shard& shard, Task<Result<T>> task) {
  if (shard.is_current()) {
    Result<T> result = co_await std::move(task);
    co_return result;
  }
  auto place = std::make_shared<std::optional<Result<T>>>();
  auto there = run_there(shard, detail::put_into(place, std::move(task)));
  co_await std::move(there);
  co_return std::move(**place);
}

}  // namespace patchbay
