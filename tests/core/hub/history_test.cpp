#include "core/hub/history.hpp"

#include <gtest/gtest.h>

namespace patchbay::hub::test {
namespace {

class HubHistory : public testing::Test {
 protected:
  Position append(std::string const& channel, std::size_t bytes = 10, HistoryRule keep = {.size = 1000}) {
    auto message = std::make_shared<Message>();
    message->channel = channel;
    message->data = json::quoted(std::string(bytes, 'x'));
    return histories.append(channel, message, keep, clock.now());
  }
  std::size_t kept(std::string const& channel) {
    return histories.page(channel, std::nullopt, 10'000, {.size = 1000}, clock.now()).messages.size();
  }
  ManualClock clock;
  Histories histories{1 << 20};
};

TEST_F(HubHistory, TheOldestOfAllChannelsGoesFirstBeyondTheBound) {
  append("old", 300'000);
  append("middle", 100'000);
  append("new", 300'000);
  EXPECT_EQ(kept("old"), 0U);
  EXPECT_EQ(kept("middle"), 1U);
  EXPECT_EQ(kept("new"), 1U);
  EXPECT_LE(histories.bytes(), std::size_t{1} << 20);
}

TEST_F(HubHistory, TheBoundHoldsForAnyNumberOfMessages) {
  for (int i = 0; i < 20'000; ++i) append("c" + std::to_string(i % 7), 100);
  EXPECT_LE(histories.bytes(), std::size_t{1} << 20);
  EXPECT_GT(kept("c6"), 100U);
}

TEST_F(HubHistory, WhatWentByTheBoundIsNotCalledRecovered) {
  auto const first = append("a", 100);
  append("a", 100);
  append("b", 400'000);
  append("b", 400'000);
  EXPECT_FALSE(histories.page("a", first, 100, {.size = 1000}, clock.now()).complete);
}

TEST_F(HubHistory, AChannelThatKeepsNothingAnyMoreIsForgottenInTheEnd) {
  auto const keep = HistoryRule{.size = 10, .ttl = std::chrono::seconds{10}};
  auto const first = append("a", 10, keep);
  clock.advance(std::chrono::seconds{11});
  histories.sweep(clock.now());
  EXPECT_EQ(histories.channels(), 1U);  // its offset is still known
  EXPECT_TRUE(histories.page("a", first, 10, keep, clock.now()).complete);
  clock.advance(std::chrono::hours{2});
  histories.sweep(clock.now());
  EXPECT_EQ(histories.channels(), 0U);
  EXPECT_EQ(histories.bytes(), 0U);
  EXPECT_FALSE(histories.page("a", first, 10, keep, clock.now()).complete);  // another epoch
}

TEST_F(HubHistory, TheNewestStaysWhereItIsToStay) {
  auto const keep = HistoryRule{.size = 10, .ttl = std::chrono::seconds{10}, .keep_newest = true};
  append("a", 10, keep);
  auto const newest = append("a", 10, keep);
  clock.advance(std::chrono::hours{24});
  histories.sweep(clock.now());
  auto const page = histories.page("a", std::nullopt, 10, keep, clock.now());
  ASSERT_EQ(page.messages.size(), 1U);
  EXPECT_EQ(page.messages.front()->at, newest);
}

TEST_F(HubHistory, ASmallerSizeHoldsAtOnce) {
  for (int i = 0; i < 10; ++i) append("a");
  EXPECT_EQ(histories.page("a", std::nullopt, 100, {.size = 4}, clock.now()).messages.size(), 4U);
}

}  // namespace
}  // namespace patchbay::hub::test
