// The pure parts of the mirror: one state, the registries, what is picked of them.
#include <gtest/gtest.h>

#include "plugins/home_assistant/live_channels.hpp"
#include "plugins/home_assistant/mirror.hpp"
#include "plugins/home_assistant/state_answers.hpp"
#include "plugins/home_assistant/verified_action.hpp"

namespace patchbay::home_assistant {
namespace {

constexpr std::string_view lamp =
    R"({"entity_id":"light.l","state":"on","attributes":{"friendly_name":"L\u00e4mp \"x\"","brightness":7},"last_changed":"2026-11-21T10:00:00+00:00","last_updated":"2026-11-21T10:00:00.5+00:00","context":{"id":"c"}})";

TEST(EntityState, IsReadFromWhatHomeAssistantSends) {
  auto const state = EntityState::read(lamp);
  EXPECT_EQ(state.entity_id, "light.l");
  EXPECT_EQ(state.domain(), "light");
  EXPECT_EQ(state.state, "on");
  EXPECT_EQ(state.name, "Lämp \"x\"");
  EXPECT_EQ(state.attribute("brightness"), "7");
  EXPECT_EQ(state.text_attribute("brightness"), "");
  EXPECT_EQ(state.last_changed(), "2026-11-21T10:00:00+00:00");
  EXPECT_LT(state.last_changed(), state.last_updated());  // they sort as texts, with and without fractions
  EXPECT_EQ(EntityState::read(R"({"entity_id":"sun.sun","state":"x","attributes":{}})").name, "sun.sun");
}

TEST(EntityState, DiffersByStateOrAttributes) {
  auto const before = EntityState::read(R"({"entity_id":"a.b","state":"1","attributes":{"x":1},"last_changed":"1"})");
  EXPECT_FALSE(is_different(EntityState::read(R"({"entity_id":"a.b","state":"1","attributes":{"x":1}})"), before));
  EXPECT_TRUE(is_different(EntityState::read(R"({"entity_id":"a.b","state":"2","attributes":{"x":1}})"), before));
  EXPECT_TRUE(is_different(EntityState::read(R"({"entity_id":"a.b","state":"1","attributes":{"x":2}})"), before));
}

TEST(Picked, TakesMembersAndSingleAttributes) {
  EXPECT_EQ(picked(lamp, {"state", "attributes.brightness"}), R"({"state":"on","attributes":{"brightness":7}})");
  EXPECT_EQ(picked(lamp, {"entity_id", "nothing"}), R"({"entity_id":"light.l"})");
  EXPECT_EQ(picked(lamp, {}), lamp);
}

class Registries : public testing::Test {
 protected:
  Registries() {
    mirror.replace(Registry::areas,
                   R"([{"area_id":"kitchen","name":"Kitchen","aliases":["Cook house"],"floor_id":"ground"},
                       {"area_id":"hall_2","name":"Hall","aliases":[]}])");
    mirror.replace(Registry::devices,
                   R"([{"id":"d1","name":"Maker's","name_by_user":"Mine","area_id":"kitchen","disabled_by":null},
                       {"id":"d2","name":"Two","name_by_user":null,"area_id":null,"disabled_by":"user"}])");
    mirror.replace(Registry::entities,
                   R"([{"entity_id":"light.of_device","device_id":"d1","area_id":null},
                       {"entity_id":"light.moved","device_id":"d1","area_id":"hall_2"},
                       {"entity_id":"light.alone","device_id":null,"area_id":null,"hidden_by":"user"}])");
  }
  RegistryMirror mirror;
};

TEST_F(Registries, AnEntityIsInItsOwnAreaOrThatOfItsDevice) {
  ASSERT_NE(mirror.area_of("light.of_device"), nullptr);
  EXPECT_EQ(mirror.area_of("light.of_device")->name, "Kitchen");
  EXPECT_EQ(mirror.area_of("light.moved")->name, "Hall");
  EXPECT_EQ(mirror.area_of("light.alone"), nullptr);
  EXPECT_EQ(mirror.area_of("light.unknown"), nullptr);
  EXPECT_EQ(mirror.entities_in("kitchen"), std::vector<std::string_view>{"light.of_device"});
  EXPECT_EQ(mirror.entities_of("d1"), (std::vector<std::string_view>{"light.moved", "light.of_device"}));
  EXPECT_EQ(mirror.device("d1")->name, "Mine");
  EXPECT_EQ(mirror.device("d2")->name, "Two");
  EXPECT_TRUE(mirror.device("d2")->disabled);
  EXPECT_TRUE(mirror.entity("light.alone")->hidden);
}

TEST_F(Registries, AnAreaIsFoundByIdNameAndAliasInAnySpelling) {
  for (auto const* name : {"kitchen", "Kitchen", " KITCHEN ", "cook_house", "Cook-House"}) {
    ASSERT_NE(mirror.find_area(name), nullptr) << name;
    EXPECT_EQ(mirror.find_area(name)->area_id, "kitchen");
  }
  EXPECT_EQ(mirror.find_area("hall")->area_id, "hall_2");
  EXPECT_EQ(mirror.find_area("hall 2")->area_id, "hall_2");
  EXPECT_EQ(mirror.find_area("kitch"), nullptr);
}

TEST_F(Registries, ANewListTakesThePlaceOfTheOld) {
  auto const before = mirror.revision();
  mirror.replace(Registry::areas, "[]");
  EXPECT_GT(mirror.revision(), before);
  EXPECT_EQ(mirror.area_of("light.of_device"), nullptr);
  EXPECT_TRUE(mirror.areas().empty());
}

TEST(LiveChannelNames, AreThoseOfTheHub) {
  EXPECT_TRUE(is_channel("ha.state.light.a_1"));
  EXPECT_FALSE(is_channel("ha.events.a b"));
  EXPECT_FALSE(is_channel("ha.events.ä"));
  EXPECT_FALSE(is_channel(std::string(256, 'a')));
}

TEST(TargetIds, AreTextsOrLists) {
  auto const ids = [](char const* json) { return target_ids(RawJson{json}, {"light"}); };
  EXPECT_EQ(*ids(R"("light.a")"), (std::vector<std::string>{"light.a"}));
  EXPECT_EQ(*ids(R"(["light.a","light.b, light.a"])"), (std::vector<std::string>{"light.a", "light.b"}));
  for (auto const* wrong : {"[]", "5", "[5]", "null", R"("light")", R"("switch.a")", R"(["light.a","switch.b"])"})
    EXPECT_EQ(ids(wrong).error().pointer, "/entity_id") << wrong;
}

TEST(ServiceDataText, IsJson) {
  EXPECT_EQ(ServiceData{}.json(), "{}");
  EXPECT_EQ(ServiceData{}.text("a", "x\"").number("n", 3).real("r", 0.3).flag("f", true).json(),
            R"({"a":"x\"","n":3,"r":0.3,"f":true})");
}

}  // namespace
}  // namespace patchbay::home_assistant
