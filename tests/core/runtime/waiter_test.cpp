// Who waits is woken, also when a cancellation and a notification meet.
#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>

#include "core/runtime/waiter.hpp"

namespace patchbay {
namespace {

// Waits until it is notified, whatever else wakes it.
Task<int> until_notified(Waiter& waiter) {
  co_await asio::this_coro::throw_if_cancelled(false);
  Deadline const none;
  int turns = 1;
  while (co_await waiter.wait(none, use_task) != Waiter::Why::notified) ++turns;
  co_return turns;
}

struct Waiting {
  Waiting() {
    auto task = until_notified(waiter);
    asio::co_spawn(
        context.get_executor(), std::move(task),
        asio::bind_cancellation_slot(signal.slot(), [this](std::exception_ptr, int count) { turns = count; }));
    context.poll();
    context.restart();
  }
  void run() { context.run_for(std::chrono::seconds{5}); }
  asio::io_context context{1};
  Waiter waiter;
  asio::cancellation_signal signal;
  int turns = 0;
};

TEST(Waiter, IsNotified) {
  Waiting one;
  one.waiter.notify();
  one.run();
  EXPECT_EQ(one.turns, 1);
}

TEST(Waiter, ANotificationBeforeTheCancelledOneHasRunIsKept) {
  Waiting one;
  asio::post(one.context, [&] {  // on its own thread, else Asio posts the cancellation
    one.signal.emit(asio::cancellation_type::all);
    one.waiter.notify();
  });
  one.run();
  EXPECT_EQ(one.turns, 2);
}

TEST(Waiter, ACancellationAfterTheNotificationChangesNothing) {
  Waiting one;
  asio::post(one.context, [&] {
    one.waiter.notify();
    one.signal.emit(asio::cancellation_type::all);
  });
  one.run();
  EXPECT_EQ(one.turns, 1);
}

}  // namespace
}  // namespace patchbay
