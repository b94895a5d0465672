#include "core/base/timer_wheel.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace patchbay {
namespace {

using std::chrono::milliseconds;

struct TimerWheelTest : testing::Test {
  ManualClock clock;
  TimerWheel wheel{clock};
  void pass(milliseconds time) {
    clock.advance(time);
    wheel.advance();
  }
};

TEST_F(TimerWheelTest, NeverEarlyAndAtMostOneTickLate) {
  for (int ms : {0, 1, 9, 10, 11, 99, 100, 5119, 5120, 5121, 30'000}) {
    int fired_after = -1;
    int passed = 0;
    Timer timer{[&] { fired_after = passed; }};
    wheel.arm(timer, milliseconds{ms});
    while (fired_after < 0 && passed < ms + 100) {
      ++passed;
      pass(milliseconds{1});
    }
    EXPECT_GE(fired_after, ms);
    EXPECT_LE(fired_after, ms + 2 * TimerWheel::tick.count()) << ms;
  }
  EXPECT_EQ(wheel.size(), 0U);
}

TEST_F(TimerWheelTest, ALongPauseFiresEverythingDueOnce) {
  int fired = 0;
  std::vector<std::unique_ptr<Timer>> timers;
  for (int i = 0; i < 1000; ++i) {
    timers.push_back(std::make_unique<Timer>([&] { ++fired; }));
    wheel.arm(*timers.back(), milliseconds{i * 7});
  }
  pass(std::chrono::hours{1});
  EXPECT_EQ(fired, 1000);
  pass(std::chrono::hours{1});
  EXPECT_EQ(fired, 1000);
}

TEST_F(TimerWheelTest, CallbacksMayArmDisarmAndDestroy) {
  int fired = 0;
  auto doomed = std::make_unique<Timer>([&] { fired += 100; });
  Timer self{};
  self.on_expiry([&] {
    if (++fired < 3) wheel.arm(self, milliseconds{10});
    doomed.reset();
  });
  wheel.arm(self, milliseconds{10});
  wheel.arm(*doomed, milliseconds{500});
  for (int i = 0; i < 100; ++i) pass(milliseconds{10});
  EXPECT_EQ(fired, 3);
  auto own = std::make_shared<std::unique_ptr<Timer>>();
  *own = std::make_unique<Timer>([own, &fired] {
    own->reset();
    ++fired;
  });
  wheel.arm(**own, milliseconds{10});
  pass(milliseconds{50});
  EXPECT_EQ(fired, 4);
}

TEST_F(TimerWheelTest, TellsWhenItIsDueNext) {
  int told = 0;
  wheel.on_earlier([&] { ++told; });
  EXPECT_FALSE(wheel.next_due());
  Timer late{[] {}}, soon{[] {}};
  wheel.arm(late, milliseconds{1000});
  auto const far = *wheel.next_due();
  wheel.arm(soon, milliseconds{20});
  EXPECT_LT(*wheel.next_due(), far);
  EXPECT_EQ(told, 2);
  Timer later{[] {}};
  wheel.arm(later, milliseconds{3000});
  EXPECT_EQ(told, 2);
}

}  // namespace
}  // namespace patchbay
