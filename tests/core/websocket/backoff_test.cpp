#include "core/websocket/backoff.hpp"

#include <gtest/gtest.h>

#include "core/base/trace.hpp"

namespace patchbay::websocket {
namespace {

using namespace std::chrono_literals;

TEST(WebSocketBackoff, DoublesItsBoundUpToTheLast) {
  Backoff backoff{500ms, 30s};
  std::vector<std::int64_t> bounds;
  for (int i = 0; i < 9; ++i) {
    bounds.push_back(backoff.bound().count());
    backoff.next(0);
  }
  EXPECT_EQ(bounds, (std::vector<std::int64_t>{500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000}));
  backoff.reset();
  EXPECT_EQ(backoff.bound(), 500ms);
}

TEST(WebSocketBackoff, WaitsARandomTimeBelowTheBound) {
  std::int64_t least = 1'000'000, most = -1;
  for (int i = 0; i < 20'000; ++i) {
    Backoff backoff{500ms, 30s};
    auto const wait = backoff.next(cheap_random()).count();
    least = std::min(least, wait);
    most = std::max(most, wait);
  }
  EXPECT_GE(least, 0);
  EXPECT_LE(least, 5);
  EXPECT_LE(most, 500);
  EXPECT_GE(most, 495);
}

TEST(WebSocketBackoff, ASmallLastBoundHoldsFromTheStart) {
  Backoff backoff{500ms, 100ms};
  EXPECT_EQ(backoff.bound(), 100ms);
  EXPECT_LE(backoff.next(~0ULL), 100ms);
}

}  // namespace
}  // namespace patchbay::websocket
