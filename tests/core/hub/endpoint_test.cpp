// What a handshake's path asks for, and who may have it.
#include <gtest/gtest.h>

#include "core/hub/endpoint.hpp"

namespace patchbay::hub {
namespace {

Settings some() {
  Settings settings;
  settings.workflows = {{"assistant", {.operation = "echo_chat"}}};
  return settings;
}

TEST(HubEndpoint, ChannelPaths) {
  auto const plain = endpoint_of("/ws/connect", some());
  ASSERT_TRUE(plain);
  EXPECT_EQ(plain->dialect, Dialect::channel);
  EXPECT_EQ(plain->channel, "");
  auto const named = endpoint_of("/ws/channel/ha.state.light%2Dx?a=1&token=a%2Bb+c", some());
  ASSERT_TRUE(named);
  EXPECT_EQ(named->channel, "ha.state.light-x");
  EXPECT_EQ(named->token, "a+b+c");
  EXPECT_EQ(endpoint_of("/ws/channel/a.*", some())->channel, "a.*");
}

TEST(HubEndpoint, UserAndChatPaths) {
  auto const user = endpoint_of("/ws/notifications/J%C3%BCrgen%2F1", some());
  ASSERT_TRUE(user);
  EXPECT_EQ(user->dialect, Dialect::user);
  EXPECT_EQ(user->user_id, "J\xC3\xBCrgen/1");
  auto const chat = endpoint_of("/ws/assistant/app/chat-7/user_1", some());
  ASSERT_TRUE(chat);
  EXPECT_EQ(chat->dialect, Dialect::chat);
  EXPECT_EQ(chat->workflow, "assistant");
  EXPECT_EQ(chat->app_id, "app");
  EXPECT_EQ(chat->chat_id, "chat-7");
  EXPECT_EQ(chat->user_id, "user_1");
}

TEST(HubEndpoint, EchoOnlyWhenItIsSwitchedOn) {
  EXPECT_EQ(endpoint_of("/ws/echo", some()).error().code, Code::not_found);
  auto settings = some();
  settings.echo = true;
  EXPECT_EQ(endpoint_of("/ws/echo", settings)->dialect, Dialect::echo);
}

struct Refused {
  char const* name;
  char const* target;
  Code code;
};
void PrintTo(Refused const& row, std::ostream* out) { *out << row.name; }
class HubEndpointRefuses : public testing::TestWithParam<Refused> {};
TEST_P(HubEndpointRefuses, WithItsCode) {
  auto const found = endpoint_of(GetParam().target, some());
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, GetParam().code);
}
INSTANTIATE_TEST_SUITE_P(
    Table, HubEndpointRefuses,
    testing::Values(Refused{"nothing", "", Code::not_found}, Refused{"root", "/", Code::not_found},
                    Refused{"no_endpoint", "/ws", Code::not_found}, Refused{"slash", "/ws/", Code::not_found},
                    Refused{"other", "/ws/other", Code::not_found},
                    Refused{"connect_and_more", "/ws/connect/x", Code::not_found},
                    Refused{"connect_slash", "/ws/connect/", Code::not_found},
                    Refused{"channel_without_name", "/ws/channel", Code::not_found},
                    Refused{"channel_with_empty_name", "/ws/channel/", Code::invalid_argument},
                    Refused{"channel_with_space", "/ws/channel/a%20b", Code::invalid_argument},
                    Refused{"star_in_the_middle", "/ws/channel/a.*.b", Code::invalid_argument},
                    Refused{"bad_escape", "/ws/channel/a%2", Code::invalid_argument},
                    Refused{"no_hex", "/ws/notifications/%zz", Code::invalid_argument},
                    Refused{"not_utf8", "/ws/notifications/%ff", Code::invalid_argument},
                    Refused{"control_character", "/ws/notifications/a%0ab", Code::invalid_argument},
                    Refused{"nul", "/ws/notifications/a%00b", Code::invalid_argument},
                    Refused{"empty_user", "/ws/assistant/a/b/", Code::invalid_argument},
                    Refused{"unknown_workflow", "/ws/painter/a/b/c", Code::not_found},
                    Refused{"workflow_named_connect", "/ws/connect/a/b/c", Code::not_found},
                    Refused{"too_deep", "/ws/assistant/a/b/c/d", Code::not_found},
                    Refused{"token_twice", "/ws/connect?token=a&token=b", Code::invalid_argument},
                    Refused{"bad_token", "/ws/connect?token=%4", Code::invalid_argument}),
    [](auto const& row) { return std::string{row.param.name}; });

TEST(HubEndpoint, NamesAreBounded) {
  EXPECT_TRUE(endpoint_of("/ws/notifications/" + std::string(255, 'u'), some()));
  EXPECT_EQ(endpoint_of("/ws/notifications/" + std::string(256, 'u'), some()).error().code, Code::invalid_argument);
  EXPECT_TRUE(is_channel_name(std::string(255, 'c')));
  EXPECT_FALSE(is_channel_name(std::string(256, 'c')));
  EXPECT_FALSE(is_channel_name("a.*"));
  EXPECT_TRUE(is_channel_pattern("a.*"));
  EXPECT_FALSE(is_channel_pattern("*"));
  EXPECT_FALSE(is_channel_pattern(".*.*"));
}

TEST(HubEndpoint, ARefusalNamesWhatThereIs) {
  auto const found = endpoint_of("/ws/painter/a/b/c", some());
  EXPECT_NE(found.error().message.find("assistant"), std::string::npos) << found.error().message;
}

// --- who may have it

Principal one(std::string name, std::string user_id, std::vector<std::string> scopes) {
  Principal principal{.name = std::move(name), .scopes = std::move(scopes)};
  principal.user_id = std::move(user_id);
  return principal;
}

TEST(HubEndpointRights, TheUserOfThePathIsTheTokens) {
  auto const anna = *endpoint_of("/ws/notifications/anna", some());
  auto const annas_chat = *endpoint_of("/ws/assistant/a/b/anna", some());
  auto const open = *endpoint_of("/ws/connect", some());
  auto const self = one("token:1", "anna", {"hub.subscribe"});
  auto const other = one("token:2", "berta", {"hub.subscribe"});
  auto const nameless = one("token:3", "", {"hub.subscribe"});
  for (auto const& endpoint : {anna, annas_chat}) {
    EXPECT_FALSE(refuse(endpoint, self));
    EXPECT_EQ(refuse(endpoint, other)->code, Code::forbidden);
    EXPECT_EQ(refuse(endpoint, nameless)->code, Code::forbidden);
    EXPECT_FALSE(refuse(endpoint, one("token:4", "berta", {"hub.subscribe", "hub.impersonate"})));
    EXPECT_FALSE(refuse(endpoint, one("token:5", "", {"admin"})));
    EXPECT_FALSE(refuse(endpoint, one("anonymous", "", {"hub.subscribe"})));
  }
  EXPECT_FALSE(refuse(open, other));
  EXPECT_FALSE(refuse(open, nameless));
}

TEST(HubEndpointRights, NobodyComesInWithoutTheScope) {
  for (auto const* target : {"/ws/connect", "/ws/notifications/anna", "/ws/assistant/a/b/anna"}) {
    auto const endpoint = *endpoint_of(target, some());
    EXPECT_EQ(refuse(endpoint, one("token:1", "anna", {"hub.publish"}))->code, Code::forbidden);
    EXPECT_EQ(refuse(endpoint, one("anonymous", "", {}))->code, Code::forbidden);
  }
}

}  // namespace
}  // namespace patchbay::hub
