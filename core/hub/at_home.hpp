// at_home(): an operation's work on the shard where a name is at home.
//
//   return at_home<PublishResult>(home_of(channel), [p = std::move(p)](HubShard& home, auto done) mutable {
//     home.home().publish(std::move(p), std::move(done));
//   });
//
// On that shard itself, and when `done` is called at once (the memory broker does), the reply is ready and no coroutine
// is made. Elsewhere it is a task that goes there. `work` is called once.
#pragma once

#include <memory>
#include <optional>

#include "core/base/reply.hpp"
#include "core/hub/hub_shard.hpp"
#include "core/runtime/run_on.hpp"
#include "core/runtime/waiter.hpp"

namespace patchbay::hub {
namespace detail {

template <class T>
struct Pending {
  std::optional<Result<T>> result;
  Waiter done;
};

template <class T>
Task<Result<T>> wait_for(std::shared_ptr<Pending<T>> pending) {
  Deadline const none;
  while (!pending->result) {
    auto const why = co_await pending->done.wait(none, use_task);
    if (why == Waiter::Why::cancelled && !pending->result) co_return Error{Code::cancelled, "the call was cancelled"};
  }
  co_return std::move(*pending->result);
}

template <class T, class Work>
std::shared_ptr<Pending<T>> begin(HubShard& home, Work& work) {
  auto pending = std::make_shared<Pending<T>>();
  work(home, [pending](Result<T> result) {
    pending->result.emplace(std::move(result));
    pending->done.notify();
  });
  return pending;
}

template <class T, class Work>
Task<void> work_there(HubShard& home, Work work, std::shared_ptr<std::optional<Result<T>>> place) {
  auto pending = begin<T>(home, work);
  if (!pending->result) {
    auto waiting = wait_for<T>(pending);
    Result<T> result = co_await std::move(waiting);
    place->emplace(std::move(result));
    co_return;
  }
  place->emplace(std::move(*pending->result));
}

template <class T, class Work>
Task<Result<T>> go_there(HubShard& home, Work work) {
  auto place = std::make_shared<std::optional<Result<T>>>();
  auto there = run_there(home.shard(), work_there<T>(home, std::move(work), place));
  co_await std::move(there);
  co_return std::move(**place);
}

// A plain function, done on a shard.
Task<void> visit(HubShard& shard, void (*function)(HubShard&, void*), void* context);

}  // namespace detail

template <class T, class Work>
Reply<T> at_home(HubShard& home, Work work) {
  if (!home.shard().is_current()) return detail::go_there<T>(home, std::move(work));
  auto pending = detail::begin<T>(home, work);
  if (pending->result) return std::move(*pending->result);
  return detail::wait_for<T>(std::move(pending));
}

// A function's value on one shard; the function is used there by reference.
template <class T, class Function>
Task<Result<T>> ask(HubShard& shard, Function& function) {
  struct Question {
    Function& function;
    std::optional<Result<T>> answer{};
  };
  Question question{function};
  auto put = [](HubShard& there, void* context) {
    auto& asked = *static_cast<Question*>(context);
    asked.answer.emplace(asked.function(there));
  };
  auto visiting = detail::visit(shard, put, &question);
  co_await std::move(visiting);
  co_return std::move(*question.answer);
}

// What became of a reply, in the form that another operation answers in.
template <class To, class From, class Convert>
Task<Result<To>> converted_task(Task<Result<From>> task, Convert convert) {
  Result<From> result = co_await std::move(task);
  if (!result) co_return result.error();
  Result<To> out{convert(std::move(*result))};
  co_return out;
}
template <class To, class From, class Convert>
Reply<To> converted(Reply<From> reply, Convert convert) {
  if (!reply.ready()) return converted_task<To>(reply.task(), std::move(convert));
  auto result = reply.take();
  if (!result) return result.error();
  return To{convert(std::move(*result))};
}

}  // namespace patchbay::hub
