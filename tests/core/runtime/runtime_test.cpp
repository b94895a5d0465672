#include "core/runtime/runtime.hpp"

#include <gtest/gtest.h>

#include <future>

#include "core/runtime/mailbox.hpp"

namespace patchbay {
namespace {

class RuntimeTest : public testing::Test {
 protected:
  SystemClock clock;
  NullLog log;
  Runtime runtime{{.shards = 3}, clock, log};
};

TEST_F(RuntimeTest, StopEndsRootTasksAndJoinsThem) {
  std::atomic<int> started{0}, ended{0};
  runtime.start();
  for (std::size_t i = 0; i < 30; ++i) {
    auto task = [](std::atomic<int>& begun, std::atomic<int>& over) -> Task<void> {
      ++begun;
      SteadyTimer timer{co_await asio::this_coro::executor};
      timer.expires_after(std::chrono::hours{1});
      static_cast<void>(co_await timer.async_wait(use_task_tuple));
      ++over;
    };
    runtime.spawn("waits", runtime.shard(i % runtime.size()), task(started, ended));
  }
  runtime.stop();
  EXPECT_EQ(started, ended);
  EXPECT_EQ(ended, 30);
  runtime.spawn("late", runtime.home(), [](std::atomic<int>& over) -> Task<void> {
    ++over;
    co_return;
  }(ended));
  EXPECT_EQ(ended, 30);
}

TEST_F(RuntimeTest, ArmedTimersKeepNoShard) {
  runtime.start();
  std::vector<std::unique_ptr<Timer>> timers;
  std::promise<void> armed;
  auto& home = runtime.home();
  home.post([&] {
    timers.push_back(std::make_unique<Timer>());
    home.wheel().arm(*timers.back(), std::chrono::hours{1});
    // One that fires at every tick, so that one is always about to be handled when the end comes.
    timers.push_back(std::make_unique<Timer>());
    auto* const again = timers.back().get();
    again->on_expiry([again, &home] { home.wheel().arm(*again, TimerWheel::tick); });
    home.wheel().arm(*again, TimerWheel::tick);
    armed.set_value();
  });
  armed.get_future().wait();
  runtime.stop();  // comes back
  for (auto& timer : timers) EXPECT_TRUE(timer->armed());
  timers.clear();
}

TEST_F(RuntimeTest, RootTasksRunOnTheirShard) {
  runtime.start();
  std::promise<unsigned> index;
  auto task = [](std::promise<unsigned>& out) -> Task<void> {
    out.set_value(Shard::current()->index());
    co_return;
  };
  runtime.spawn("where", runtime.shard(2), task(index));
  EXPECT_EQ(index.get_future().get(), 2U);
}

TEST_F(RuntimeTest, BlockingWorkLeavesTheShardAndComesBack) {
  runtime.start();
  std::promise<bool> good;
  auto task = [](Runtime& rt, std::promise<bool>& out) -> Task<void> {
    auto const* before = Shard::current();
    auto work = [] { return Shard::current() == nullptr ? 42 : 0; };
    int const value = co_await rt.blocking(work);
    bool thrown = false;
    try {
      auto fails = [] { throw std::runtime_error("reason"); };
      co_await rt.blocking(fails);
    } catch (std::runtime_error const&) {
      thrown = true;
    }
    out.set_value(value == 42 && thrown && Shard::current() == before);
  };
  runtime.spawn("blocking", runtime.shard(1), task(runtime, good));
  EXPECT_TRUE(good.get_future().get());
}

TEST_F(RuntimeTest, MailboxCarriesItemsInOrderAndCountsWhatItDropped) {
  runtime.start();
  auto box = std::make_shared<Mailbox<int>>(runtime.home().executor(), 1000);
  std::promise<std::vector<int>> got;
  auto task = [](std::shared_ptr<Mailbox<int>> from, std::promise<std::vector<int>>& out) -> Task<void> {
    std::vector<int> items;
    for (;;) {
      auto item = co_await from->pop();
      if (!item) break;
      items.push_back(*item);
    }
    out.set_value(std::move(items));
  };
  runtime.spawn("reader", runtime.home(), task(box, got));
  std::vector<int> sent;
  for (int i = 0; i < 5000; ++i)
    if (box->push(i)) sent.push_back(i);
  auto const dropped = box->take_dropped();
  box->close();
  EXPECT_EQ(got.get_future().get(), sent);
  EXPECT_EQ(dropped, 5000 - sent.size());
  EXPECT_FALSE(box->push(1));
}

TEST_F(RuntimeTest, WheelTimersFireOnTheirShard) {
  runtime.start();
  std::promise<unsigned> fired;
  Timer timer{};
  runtime.shard(1).post([&] {
    timer.on_expiry([&] { fired.set_value(Shard::current()->index()); });
    TimerWheel::current()->arm(timer, std::chrono::milliseconds{20});
  });
  EXPECT_EQ(fired.get_future().get(), 1U);
}

}  // namespace
}  // namespace patchbay
