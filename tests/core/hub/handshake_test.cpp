// How many sessions are admitted: in all, of one address, of one user; a ticket gives its place back.
#include "core/hub/handshake.hpp"

#include <gtest/gtest.h>

namespace patchbay::hub {
namespace {

Settings few() {
  Settings settings;
  settings.max_connections = 4;
  settings.address_connections = 2;
  settings.user_connections = 2;
  return settings;
}

TEST(HubAdmission, TheProcessHasItsLimitOnLoopbackToo) {
  auto const admission = std::make_shared<Admission>();
  std::vector<Admission::Ticket> held;
  for (int i = 0; i < 4; ++i) held.push_back(std::move(*admission->admit("127.0.0.1", true, few())));
  auto const refused = admission->admit("127.0.0.1", true, few());
  ASSERT_TRUE(refused.has_error());
  EXPECT_EQ(refused.error().code, Code::unavailable);
  EXPECT_GT(refused.error().retry_after_ms, 0U);
  held.pop_back();
  EXPECT_TRUE(admission->admit("127.0.0.1", true, few()).has_value());
  held.clear();
  EXPECT_EQ(admission->sessions(), 0U);
}

TEST(HubAdmission, AnAddressHasItsLimitAndOthersTheirs) {
  auto const admission = std::make_shared<Admission>();
  auto a = admission->admit("192.0.2.1", false, few());
  auto b = admission->admit("192.0.2.1", false, few());
  ASSERT_TRUE(a.has_value() && b.has_value());
  EXPECT_TRUE(admission->admit("192.0.2.1", false, few()).has_error());
  EXPECT_TRUE(admission->admit("192.0.2.2", false, few()).has_value());
  *a = Admission::Ticket{};
  EXPECT_TRUE(admission->admit("192.0.2.1", false, few()).has_value());
}

TEST(HubAdmission, AUserHasItsLimitWhereverItComesFrom) {
  auto const admission = std::make_shared<Admission>();
  auto a = admission->admit("192.0.2.1", false, few());
  auto b = admission->admit("192.0.2.2", false, few());
  auto c = admission->admit("192.0.2.3", false, few());
  EXPECT_TRUE(a->belongs_to("anna", few()).has_value());
  EXPECT_TRUE(a->belongs_to("anna", few()).has_value()) << "the same once more takes no second place";
  EXPECT_TRUE(b->belongs_to("anna", few()).has_value());
  auto const refused = c->belongs_to("anna", few());
  ASSERT_TRUE(refused.has_error());
  EXPECT_EQ(refused.error().code, Code::unavailable);
  EXPECT_TRUE(c->belongs_to("bert", few()).has_value());
  EXPECT_TRUE(b->belongs_to("bert", few()).has_value()) << "who becomes another gives the place back";
  EXPECT_TRUE(admission->admit("192.0.2.4", false, few())->belongs_to("anna", few()).has_value());
}

TEST(HubAdmission, AMovedTicketCountsOnce) {
  auto const admission = std::make_shared<Admission>();
  {
    auto first = std::move(*admission->admit("192.0.2.1", false, few()));
    auto second = std::move(first);
    EXPECT_EQ(admission->sessions(), 1U);
  }
  EXPECT_EQ(admission->sessions(), 0U);
}

}  // namespace
}  // namespace patchbay::hub
