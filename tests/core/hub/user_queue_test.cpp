#include "core/hub/user_queue.hpp"

#include <gtest/gtest.h>

namespace patchbay::hub::test {
namespace {

class HubUserQueue : public testing::Test {
 protected:
  bool put(std::string const& user, std::string data, std::chrono::seconds within = std::chrono::seconds{60}) {
    auto message = std::make_shared<Message>();
    message->data = std::move(data);
    return queues.put(user, std::move(message), clock.now() + within);
  }
  std::vector<std::string> take(std::string const& user) {
    std::vector<std::string> out;
    for (auto const& one : queues.take(user, clock.now())) out.push_back(one->data);
    return out;
  }
  using Texts = std::vector<std::string>;
  ManualClock clock;
  Texts given_up;
  UserQueues queues{100'000, [this](std::string const& user, Message const& message, UserQueues::Why why) {
                      given_up.push_back(user + ":" + message.data.substr(0, 5) +
                                         (why == UserQueues::Why::expired ? ":expired" : ":dropped"));
                    }};
};

TEST_F(HubUserQueue, GivesInOrderAndOnce) {
  put("anna", "1");
  put("berta", "x");
  put("anna", "2");
  EXPECT_EQ(take("anna"), (Texts{"1", "2"}));
  EXPECT_EQ(take("anna"), Texts{});
  EXPECT_EQ(take("berta"), Texts{"x"});
  EXPECT_EQ(queues.bytes(), 0U);
  EXPECT_TRUE(given_up.empty());
}

TEST_F(HubUserQueue, EachHasItsOwnTime) {
  put("anna", "long", std::chrono::seconds{60});
  put("anna", "short", std::chrono::seconds{10});
  clock.advance(std::chrono::seconds{20});
  queues.sweep(clock.now());
  EXPECT_EQ(given_up, Texts{"anna:short:expired"});
  EXPECT_EQ(take("anna"), Texts{"long"});
}

TEST_F(HubUserQueue, TheOldestMakesRoom) {
  for (int i = 0; i <= 100; ++i) put("anna", std::to_string(i));
  EXPECT_EQ(given_up, Texts{"anna:0:dropped"});
  given_up.clear();
  put("berta", std::string(30'000, 'b'));
  EXPECT_GE(given_up.size(), 60U);
  EXPECT_EQ(given_up[0], "anna:1:dropped");
  EXPECT_LE(queues.bytes(), 100'000U);
  EXPECT_FALSE(put("carla", std::string(40'000, 'c')));
  EXPECT_EQ(take("berta").size(), 1U);
}

}  // namespace
}  // namespace patchbay::hub::test
