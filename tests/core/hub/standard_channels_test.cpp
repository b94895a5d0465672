// Standard event types belong to their channels, with their data complete.
#include <gtest/gtest.h>

#include "core/base/json.hpp"
#include "core/hub/standard_channels.hpp"

namespace patchbay::hub {
namespace {

std::string complete(StandardType const& type, std::string_view without = {}) {
  std::string data{"{"};
  for (auto const field : type.fields)
    if (!field.empty() && field != without) data += (data.size() > 1 ? ",\"" : "\"") + std::string{field} + "\":\"x\"";
  return data + "}";
}

TEST(HubStandardChannels, EachTypeOnItsChannelWithItsData) {
  for (auto const& type : standard_types) {
    EXPECT_FALSE(check_standard(type.channel, type.type, complete(type), "/event")) << type.type;
    EXPECT_FALSE(check_standard("my.own", type.type, complete(type), "/event")) << type.type;
    for (auto const channel : standard_channels) {
      if (channel == type.channel) continue;
      auto const wrong = check_standard(channel, type.type, complete(type), "/event");
      ASSERT_TRUE(wrong) << type.type << " on " << channel;
      EXPECT_EQ(wrong->code, Code::invalid_argument);
      EXPECT_EQ(wrong->pointer, "/event");
    }
    for (auto const field : type.fields) {
      if (field.empty()) break;
      auto const wrong = check_standard(type.channel, type.type, complete(type, field), "/event");
      ASSERT_TRUE(wrong) << type.type << " without " << field;
      EXPECT_EQ(wrong->pointer, "/data/" + std::string{field});
    }
    EXPECT_EQ(check_standard(type.channel, type.type, "[]", "/event")->pointer, "/data") << type.type;
  }
}

TEST(HubStandardChannels, OtherTypesAreFree) {
  for (auto const channel : standard_channels) EXPECT_FALSE(check_standard(channel, "note", "5", "/event"));
}

TEST(HubStandardChannels, ResultsMayBeNullIdsMayNot) {
  EXPECT_FALSE(check_standard("missions", "mission_completed", R"({"mission_id":"7","result":null})", "/event"));
  EXPECT_TRUE(check_standard("missions", "mission_completed", R"({"mission_id":"","result":1})", "/event"));
  EXPECT_TRUE(check_standard("missions", "mission_completed", R"({"mission_id":null,"result":1})", "/event"));
}

}  // namespace
}  // namespace patchbay::hub
