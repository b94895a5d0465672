#include "core/runtime/run_on.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>

#include "core/runtime/waiter.hpp"

namespace patchbay {
namespace {

struct Excursion {
  Excursion(Executor caller, Task<void> t) : work(caller), task(std::move(t)) {}
  asio::executor_work_guard<Executor> work;  // keeps the caller's loop running
  Task<void> task;
  asio::cancellation_signal signal;  // used on the shard
  Waiter done;                       // used where the caller is
  std::exception_ptr thrown;
};

}  // namespace

Task<void> run_there(Shard& shard, Task<void> task) {
  if (shard.is_current()) {
    co_await std::move(task);
    co_return;
  }
  auto const caller = co_await asio::this_coro::executor;
  auto const throwing = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  auto shared = std::make_shared<Excursion>(caller, std::move(task));
  shard.post([shared, caller, executor = shard.executor()] {
    auto ended = [shared, caller](std::exception_ptr thrown) {
      shared->thrown = thrown;
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
}

}  // namespace patchbay
