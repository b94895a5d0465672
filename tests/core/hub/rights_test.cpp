// Who may subscribe, publish and see who is there: the table.
#include "core/hub/namespaces.hpp"
#include "tests/core/hub/hub_fixture.hpp"

namespace patchbay::hub::test {
namespace {

std::vector<ChannelRule> standard_rules() {
  return {{.pattern = "private.*", .subscribe = "team.read", .publish = "team.write", .presence = "none"},
          {.pattern = "private.open.x", .subscribe = "hub.subscribe", .publish = "hub.publish"},
          {.pattern = "audit", .subscribe = "admin", .publish = "none", .presence = "admin"},
          {.pattern = "system", .subscribe = "hub.subscribe", .publish = "none", .presence = "hub.subscribe"},
          {.pattern = "ha.*", .subscribe = "ha.read", .publish = "none", .presence = "ha.read"},
          {.pattern = "*", .subscribe = "hub.subscribe", .publish = "hub.publish", .presence = "hub.subscribe"}};
}

struct Who {
  char const* name;
  std::vector<std::string> scopes;
  bool unrestricted = false;
};
Who const anonymous{"anonymous", {"hub.read", "hub.subscribe", "hub.publish", "ha.read"}};
Who const guest{"token:guest", anonymous.scopes};
Who const listener{"token:listener", {"hub.subscribe"}};
Who const team{"token:team", {"team.*"}};
Who const admin{"token:boss", {"admin"}};
Who const plugin{"plugin:home_assistant", {"hub.publish", "hub.prefix:ha"}};
Who const impostor{"token:impostor", {"hub.publish", "hub.prefix:ha"}};
Who const gateway_itself{"gateway", {}, true};

struct Row {
  char const* name;
  Who const& who;
  char const* channel;
  bool may_subscribe, may_publish, may_see;
};
void PrintTo(Row const& row, std::ostream* out) { *out << row.name; }

class HubRights : public testing::TestWithParam<Row> {};

TEST_P(HubRights, AreTheTable) {
  Settings settings;
  settings.rules = standard_rules();
  auto const& row = GetParam();
  Principal who{.name = row.who.name, .scopes = row.who.scopes, .unrestricted = row.who.unrestricted};
  EXPECT_EQ(may(settings, who, Right::to_subscribe, row.channel), row.may_subscribe);
  EXPECT_EQ(may(settings, who, Right::to_publish, row.channel), row.may_publish);
  EXPECT_EQ(may(settings, who, Right::to_see_presence, row.channel), row.may_see);
}

INSTANTIATE_TEST_SUITE_P(
    Table, HubRights,
    testing::Values(Row{"anonymous_on_any", anonymous, "missions", true, true, true},
                    Row{"anonymous_on_system", anonymous, "system", true, false, true},
                    Row{"anonymous_on_audit", anonymous, "audit", false, false, false},
                    Row{"anonymous_on_ha", anonymous, "ha.states", true, false, true},
                    Row{"anonymous_on_private", anonymous, "private.a", false, false, false},
                    Row{"listener_on_any", listener, "missions", true, false, true},
                    Row{"listener_on_ha", listener, "ha.states", false, false, false},
                    Row{"team_on_private", team, "private.a", true, true, false},
                    Row{"team_on_any", team, "missions", false, false, false},
                    Row{"first_match_wins", anonymous, "private.open.x", false, false, false},
                    Row{"admin_on_audit", admin, "audit", true, false, true},
                    Row{"admin_where_none_may_publish", admin, "ha.states", true, false, true},
                    Row{"admin_where_none_may_see", admin, "private.a", true, true, false},
                    Row{"plugin_on_its_own", plugin, "ha.states", true, true, true},
                    Row{"plugin_on_its_own_word", plugin, "ha", true, true, true},
                    Row{"plugin_on_a_name_that_only_begins_so", plugin, "hat.shop", false, true, false},
                    Row{"plugin_on_system", plugin, "system", false, false, false},
                    Row{"a_token_is_no_plugin", impostor, "ha.states", false, false, false},
                    Row{"the_gateway_on_audit", gateway_itself, "audit", true, true, true},
                    Row{"prefix_of_any", listener, "rooms.*", true, false, true},
                    Row{"prefix_of_ha_without_the_right", listener, "ha.*", false, false, false},
                    Row{"prefix_below_ha", anonymous, "ha.state.*", true, false, true},
                    Row{"prefix_that_holds_a_private_name", listener, "private.*", false, false, false},
                    Row{"prefix_of_its_own", plugin, "ha.state.*", true, true, true}),
    [](auto const& row) { return std::string{row.param.name}; });

TEST(HubRights, APrefixNeedsTheRightByEveryRuleThatMayHold) {
  Settings settings;
  settings.rules = {{.pattern = "a.secret", .subscribe = "admin"}, {.pattern = "*", .subscribe = "hub.subscribe"}};
  Principal const who{.name = "token:x", .scopes = {"hub.subscribe"}};
  EXPECT_FALSE(may(settings, who, Right::to_subscribe, "a.*"));
  EXPECT_TRUE(may(settings, who, Right::to_subscribe, "b.*"));
  EXPECT_TRUE(may(settings, who, Right::to_subscribe, "a.secret.*"));  // only names below it
}

TEST(HubRights, WithoutARuleOnlyTheGatewayMay) {
  Settings const settings;
  Principal const who{.name = "token:x", .scopes = {"admin"}};
  EXPECT_FALSE(may(settings, who, Right::to_subscribe, "c"));
  EXPECT_FALSE(may(settings, who, Right::to_subscribe, "c.*"));
  EXPECT_TRUE(may(settings, *host_principal(), Right::to_publish, "c"));
}

class HubOperationRights : public HubTest {
 protected:
  HubOperationRights() { settings.rules = standard_rules(); }
  static PrincipalPtr as(Who const& who) {
    return std::make_shared<Principal const>(Principal{.name = who.name, .scopes = who.scopes});
  }
};

TEST_F(HubOperationRights, AreAskedForOnEveryOperation) {
  auto const refused = [](auto const& result) {
    EXPECT_TRUE(result.has_error());
    if (result.has_value()) return std::string{"none"};
    EXPECT_EQ(result.error().code, Code::forbidden) << result.error().message;
    return result.error().pointer;
  };
  EXPECT_EQ(refused(run(publish, {.channel = "system", .data = {"1"}}, as(guest))), "/channel");
  EXPECT_EQ(refused(run(publish, {.channel = "missions", .data = {"1"}}, as(listener))), "");  // the row's scope
  EXPECT_EQ(refused(run(emit, {.channel = "ha.x", .event_type = "note", .data = {"1"}}, as(guest))), "/channel");
  EXPECT_EQ(refused(run(broadcast_channel, {.channel = "audit", .message = {"1"}}, as(guest))), "/channel");
  RouteArgs route;
  route.target.channel = "system";
  route.message.text = R"({"type":"x"})";
  EXPECT_EQ(refused(run(route_message, route, as(guest))), "/target/channel");
  EXPECT_EQ(refused(run(get_presence, {"audit"}, as(guest))), "/channel");
  EXPECT_EQ(refused(run(get_history, {.channel = "private.a"}, as(guest))), "/channel");
  EXPECT_EQ(refused(run(disconnect, {.user_id = "anna"}, as(guest))), "");
  EXPECT_EQ(refused(run(list_connections, {}, as(guest))), "");
  listen({.channel = "audit"}, as(guest));
  auto const ended = stream_ends.back().get();
  ASSERT_TRUE(ended.has_error());
  EXPECT_EQ(ended.error().code, Code::forbidden);

  EXPECT_TRUE(run(publish, {.channel = "ha.states", .data = {"1"}}, as(plugin)));
  EXPECT_TRUE(run(publish, {.channel = "missions", .data = {"1"}}, as(guest)));
  EXPECT_TRUE(run(get_history, {.channel = "ha.states"}, as(guest)));
}

TEST_F(HubOperationRights, APluginWithoutTheWideGrantStaysBelowItsPrefix) {
  Who const narrow{"plugin:echo", {"hub.publish:own", "hub.prefix:echo", "hub.publish"}};
  Who const wide{"plugin:echo", {"hub.prefix:echo", "hub.publish"}};
  Who const token{"token:echo", {"hub.publish:own", "hub.prefix:echo", "hub.publish"}};
  auto const refused = [&](auto const& result, std::string const& pointer) {
    ASSERT_TRUE(result.has_error());
    EXPECT_EQ(result.error().code, Code::forbidden);
    EXPECT_EQ(result.error().pointer, pointer);
    EXPECT_NE(result.error().message.find("needs the scope hub.publish under plugins.grants.echo"), std::string::npos)
        << result.error().message;
  };
  for (char const* channel : {"missions", "echoes", "echoes.x", "ha.states"})
    refused(run(publish, {.channel = channel, .data = {"1"}}, as(narrow)), "/channel");
  refused(run(emit, {.channel = "missions", .event_type = "note", .data = {"1"}}, as(narrow)), "/channel");
  refused(run(broadcast_channel, {.channel = "missions", .message = {"1"}}, as(narrow)), "/channel");
  refused(run(broadcast, {.message = {R"({"type":"x"})"}}, as(narrow)), "");
  refused(run(broadcast_all, {.type = "x", .data = {"{}"}}, as(narrow)), "");
  RouteArgs route;
  route.target.channel = "missions";
  route.message.text = R"({"type":"x"})";
  refused(run(route_message, route, as(narrow)), "/target/channel");

  EXPECT_TRUE(run(publish, {.channel = "echo.news", .data = {"1"}}, as(narrow)));
  EXPECT_TRUE(run(publish, {.channel = "echo", .data = {"1"}}, as(narrow)));
  EXPECT_TRUE(run(send_to_user, {.user_id = "anna", .message = {R"({"type":"x"})"}}, as(narrow)));
  EXPECT_TRUE(run(publish, {.channel = "missions", .data = {"1"}}, as(wide)));
  EXPECT_TRUE(run(broadcast, {.message = {R"({"type":"x"})"}}, as(wide)));
  EXPECT_TRUE(run(publish, {.channel = "missions", .data = {"1"}}, as(token))) << "only plugins are limited so";
}

TEST_F(HubOperationRights, ARightThatGoesWithAReloadEndsTheSubscription) {
  auto const who_may = as(guest);
  auto& stream = listen({.channel = "missions"}, who_may);
  auto& other = listen({.channel = "notes"}, who_may, 1);
  stream.wait_for(1);
  other.wait_for(1);
  auto changed = settings;
  changed.rules.insert(changed.rules.begin(), {.pattern = "missions", .subscribe = "admin", .publish = "none"});
  ASSERT_TRUE(hub->apply(changed));
  auto const ended = stream_ends[0].get();
  ASSERT_TRUE(ended.has_error());
  EXPECT_EQ(ended.error().code, Code::forbidden);
  settle();
  EXPECT_EQ(published("missions", "1").subscribers, 0U);
  EXPECT_EQ(published("notes", "1").subscribers, 1U);
  EXPECT_EQ(other.wait_for(2)[1].name, "message");
}

// Tokens with entity lists, on channels about entities.
struct ListRow {
  char const* name;
  char const* lists;
  char const* channel;
  bool may_hear;
};
void PrintTo(ListRow const& row, std::ostream* out) { *out << row.name; }
class HubEntityLists : public testing::TestWithParam<ListRow> {};

TEST_P(HubEntityLists, AreTheTable) {
  Settings settings;
  settings.rules = standard_rules();
  settings.entity_channels = {{"ha.", "ha.state."}};
  EntityAreas areas;
  areas["kitchen"].insert("light.sink");
  settings.entity_areas["ha."] = std::make_shared<EntityAreas const>(std::move(areas));
  auto const& row = GetParam();
  Principal who{.name = "token:x", .scopes = {"ha.read", "hub.*"}, .entities = {row.lists}};
  EXPECT_EQ(may(settings, who, Right::to_subscribe, row.channel), row.may_hear);
  auto const refused = refuse(settings, who, Right::to_subscribe, row.channel, "/channel");
  ASSERT_EQ(refused.has_value(), !row.may_hear);
  if (refused) {
    EXPECT_EQ(refused->code, Code::forbidden);
  }
}

constexpr auto lights = R"({"allow":["light.*"]})", kitchen = R"({"allow":["area:Kitchen"]})",
               no_kitchen = R"({"deny":["area:kitchen"]})";
INSTANTIATE_TEST_SUITE_P(Table, HubEntityLists,
                         testing::Values(ListRow{"his_own", lights, "ha.state.light.a", true},
                                         ListRow{"anothers", lights, "ha.state.lock.a", false},
                                         ListRow{"his_prefix", lights, "ha.state.light.*", true},
                                         ListRow{"a_wider_prefix", lights, "ha.state.*", false},
                                         ListRow{"all_states", lights, "ha.states", false},
                                         ListRow{"events", lights, "ha.events.state_changed", false},
                                         ListRow{"all_of_the_plugin", lights, "ha.*", false},
                                         ListRow{"all_that_begin_so", lights, "h.*", true},
                                         ListRow{"what_is_no_entity", lights, "missions", true},
                                         ListRow{"in_his_area", kitchen, "ha.state.light.sink", true},
                                         ListRow{"not_in_his_area", kitchen, "ha.state.light.a", false},
                                         ListRow{"in_a_denied_area", no_kitchen, "ha.state.light.sink", false},
                                         ListRow{"not_in_a_denied_area", no_kitchen, "ha.state.light.a", true},
                                         ListRow{"a_prefix_with_a_denied_area", no_kitchen, "ha.state.light.*", false},
                                         ListRow{"lists_that_cannot_be_read", "[]", "ha.state.light.a", false},
                                         ListRow{"no_lists", "null", "ha.states", true}),
                         [](auto const& row) { return std::string{row.param.name}; });

}  // namespace
}  // namespace patchbay::hub::test
