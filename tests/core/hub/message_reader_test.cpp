// A client's message: what is read of it, and what is said when it is wrong.
#include <gtest/gtest.h>

#include "core/hub/dialects/message_reader.hpp"

namespace patchbay::hub {
namespace {

TEST(HubMessageReader, ReadsTypeIdAndMembers) {
  std::string const text = R"( {"type":"publish", "id" : 7.50, "channel":"c","data": {"a" : [1, 2]} ,"flag":true} )";
  ClientMessage const message{text};
  ASSERT_FALSE(message.error());
  EXPECT_EQ(message.type(), "publish");
  EXPECT_EQ(message.id(), "7.50");
  EXPECT_EQ(message.raw("data"), R"({"a" : [1, 2]})");
  EXPECT_EQ(*message.text("channel"), "c");
  EXPECT_TRUE(*message.flag("flag"));
  EXPECT_FALSE(*message.flag("other"));
  EXPECT_EQ(*message.text_or("event", "message"), "message");
  EXPECT_EQ(message.context().channel, "c");
  EXPECT_EQ(message.context().request, "publish");
}

TEST(HubMessageReader, TextIdsComeBackAsTheyCame) {
  ClientMessage const message{R"({"type":"x","id":"a\u00e9\"b"})"};
  ASSERT_FALSE(message.error());
  EXPECT_EQ(message.id(), R"("a\u00e9\"b")");
  EXPECT_TRUE(ClientMessage{R"({"type":"x","id":null})"}.id().empty());
}

TEST(HubMessageReader, MembersOfTheWrongKind) {
  ClientMessage const message{R"({"type":"x","channel":5,"empty":"","flag":1})"};
  EXPECT_EQ(message.text("channel").error().pointer, "/channel");
  EXPECT_NE(message.text("channel").error().message.find("a string, not an integer"), std::string::npos);
  EXPECT_EQ(message.text("empty").error().pointer, "/empty");
  EXPECT_EQ(message.text("missing").error().code, Code::invalid_argument);
  EXPECT_EQ(message.text_or("channel", "d").error().pointer, "/channel");
  EXPECT_EQ(message.flag("flag").error().pointer, "/flag");
}

struct Row {
  char const* name;
  std::string text;
  char const* pointer;
  char const* id;
};
void PrintTo(Row const& row, std::ostream* out) { *out << row.name; }
class HubMessageReaderRefuses : public testing::TestWithParam<Row> {};
TEST_P(HubMessageReaderRefuses, WithPointer) {
  ClientMessage const message{GetParam().text};
  ASSERT_TRUE(message.error());
  EXPECT_EQ(message.error()->code, Code::invalid_argument);
  EXPECT_EQ(message.error()->pointer, GetParam().pointer);
  EXPECT_EQ(message.id(), GetParam().id);
}
INSTANTIATE_TEST_SUITE_P(
    Table, HubMessageReaderRefuses,
    testing::Values(Row{"nothing", "", "", ""}, Row{"no_json", "hello", "", ""}, Row{"half", R"({"type":"x")", "", ""},
                    Row{"array", "[]", "", ""}, Row{"text", "\"subscribe\"", "", ""},
                    Row{"twice", R"({"type":"x","type":"y"})", "/type", ""},
                    Row{"deep", R"({"type":"x","data":)" + std::string(70, '[') + std::string(70, ']') + "}", "", ""},
                    Row{"no_type", R"({"id":1})", "/type", "1"}, Row{"type_is_null", R"({"type":null})", "/type", ""},
                    Row{"type_is_number", R"({"type":1,"id":"a"})", "/type", "\"a\""},
                    Row{"id_is_object", R"({"type":"x","id":{}})", "/id", ""},
                    Row{"id_is_true", R"({"type":"x","id":true})", "/id", ""},
                    Row{"id_too_long", R"({"type":"x","id":")" + std::string(254, 'i') + "\"}", "/id", ""},
                    Row{"nul", std::string{"{\"type\":\"x\"}\0", 13}, "", ""}),
    [](auto const& row) { return std::string{row.param.name}; });

TEST(HubErrorReply, NamesTheRequest) {
  auto const at = WallTime{std::chrono::milliseconds{1'500}};
  Error const error{Code::rate_limited, "slower \"please\"", "/channel", 20};
  ErrorContext const context{.request = "subscribe", .id = "7", .channel = "audit"};
  EXPECT_EQ(error_reply(Form::channel, error, context, at)->bytes.substr(4),
            R"({"type":"error","id":7,"code":"rate_limited","message":"slower \"please\"","pointer":"/channel",)"
            R"("retry_after_ms":20,"request":"subscribe","channel":"audit","timestamp":1.500})");
  EXPECT_EQ(error_reply(Form::user, {Code::forbidden, "no"}, {}, at)->bytes.substr(2),
            R"({"type":"error","code":"forbidden","message":"no","timestamp":"1970-01-01T00:00:01.500Z"})");
}

TEST(HubErrorReply, IsAlwaysValidUtf8) {
  std::string out;
  append_quoted(out, "bad \xff byte");
  EXPECT_EQ(out, R"("bad ? byte")");
}

}  // namespace
}  // namespace patchbay::hub
