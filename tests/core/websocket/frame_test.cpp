#include "core/websocket/frame.hpp"

#include <gtest/gtest.h>

#include "core/websocket/base64.hpp"

namespace patchbay::websocket {
namespace {

struct FrameRow {
  char const* name;
  std::string text;
  Scan::Kind kind;
  std::optional<std::uint64_t> id;
};
void PrintTo(FrameRow const& row, std::ostream* out) { *out << row.name; }
class WebSocketFrame : public testing::TestWithParam<FrameRow> {};

TEST_P(WebSocketFrame, IsScannedForItsId) {
  auto const scan = scan_frame(GetParam().text, "id");
  EXPECT_EQ(scan.kind, GetParam().kind) << scan.problem;
  EXPECT_EQ(scan.id, GetParam().id);
}
INSTANTIATE_TEST_SUITE_P(
    Table, WebSocketFrame,
    testing::Values(
        FrameRow{"first", R"({"id":7,"type":"result"})", Scan::Kind::object, 7},
        FrameRow{"last", R"({"type":"result","id":18446744073709551615})", Scan::Kind::object, 18446744073709551615ULL},
        FrameRow{"nested_ids_do_not_count", R"({"event":{"id":3},"list":[{"id":4}],"id":5})", Scan::Kind::object, 5},
        FrameRow{"only_nested", R"({"event":{"id":3}})", Scan::Kind::object, std::nullopt},
        FrameRow{"text_id", R"({"id":"7"})", Scan::Kind::object, std::nullopt},
        FrameRow{"negative_id", R"({"id":-7})", Scan::Kind::object, std::nullopt},
        FrameRow{"fraction", R"({"id":7.5})", Scan::Kind::object, std::nullopt},
        FrameRow{"object_id", R"({"id":{"id":1}})", Scan::Kind::object, std::nullopt},
        FrameRow{"null_then_number", R"({"id":null,"x":3})", Scan::Kind::object, std::nullopt},
        FrameRow{"string_named_id", R"({"x":"id","y":7})", Scan::Kind::object, std::nullopt},
        FrameRow{"empty_object", "{}", Scan::Kind::object, std::nullopt},
        FrameRow{"number", "7", Scan::Kind::other, std::nullopt},
        FrameRow{"text", R"("id")", Scan::Kind::other, std::nullopt},
        FrameRow{"spaces", " \r\n{ \"id\" : 9 } ", Scan::Kind::object, 9},
        FrameRow{"nothing", "", Scan::Kind::broken, std::nullopt},
        FrameRow{"no_json", "hello", Scan::Kind::broken, std::nullopt},
        FrameRow{"two_values", R"({"id":1}{"id":2})", Scan::Kind::broken, 1},
        FrameRow{"cut", R"({"id":7,"result":[1,2)", Scan::Kind::broken, 7},
        FrameRow{"too_deep", R"({"id":7,"x":)" + std::string(100, '[') + std::string(100, ']') + "}",
                 Scan::Kind::broken, 7},
        FrameRow{"invalid_utf8", "{\"id\":7,\"x\":\"\xff\"}", Scan::Kind::broken, std::nullopt},
        FrameRow{"nul_byte", std::string("{\"id\":7}\0", 9), Scan::Kind::broken, 7}),
    [](auto const& row) { return std::string{row.param.name}; });

TEST(WebSocketFrameArray, IsTakenApart) {
  auto const text = std::string{R"( [ {"id":1,"t":"a]\"b,"} ,{"x":[1,{"id":9}]}, 5 ,"z",[],{"y":{"id":8},"id":2}] )"};
  auto const scan = scan_frame(text, "id");
  ASSERT_EQ(scan.kind, Scan::Kind::array) << scan.problem;
  std::vector<std::pair<std::string, std::optional<std::uint64_t>>> got;
  for (auto const& part : scan.parts) got.emplace_back(std::string{part.text}, part.id);
  std::vector<std::pair<std::string, std::optional<std::uint64_t>>> const expected{
      {R"({"id":1,"t":"a]\"b,"})", 1}, {R"({"x":[1,{"id":9}]})", {}}, {"5", {}}, {R"("z")", {}}, {"[]", {}},
      {R"({"y":{"id":8},"id":2})", 2}};
  EXPECT_EQ(got, expected);
  EXPECT_TRUE(scan_frame("[]", "id").parts.empty());
  EXPECT_EQ(scan_frame("[]", "id").kind, Scan::Kind::array);
}

TEST(WebSocketFrameArray, OfTooManyMessagesIsRefused) {
  std::string text = "[1";
  for (int i = 0; i < 20'000; ++i) text += ",1";
  auto const scan = scan_frame(text + "]", "id");
  EXPECT_EQ(scan.kind, Scan::Kind::broken);
  EXPECT_NE(scan.problem.find("10000 messages"), std::string::npos) << scan.problem;
}

TEST(WebSocketNumbering, PutsTheIdInFront) {
  auto joined = [](std::string_view message, std::string_view field = "id") {
    auto const numbered = with_id(message, field, 12);
    return numbered ? numbered->head + std::string{numbered->tail} : "error at " + numbered.error().pointer;
  };
  EXPECT_EQ(joined(R"({"type":"ping"})"), R"({"id":12,"type":"ping"})");
  EXPECT_EQ(joined(" { } "), R"({"id":12 } )");
  EXPECT_EQ(joined(R"({"x":{"id":1}})"), R"({"id":12,"x":{"id":1}})");
  EXPECT_EQ(joined(R"({"a":1})", "req\"no"), R"({"req\"no":12,"a":1})");
  EXPECT_EQ(joined(R"({"id":1})"), "error at /message/id");
  EXPECT_EQ(joined(R"({"a":1,"id":null})"), "error at /message/id");
  EXPECT_EQ(joined("[1]"), "error at /message");
  EXPECT_EQ(joined("{"), "error at /message");
}

TEST(WebSocketNumbering, PutsTheOwnIdWhereItIsAskedFor) {
  EXPECT_EQ(*with_own_id(R"({"type":"unsubscribe_events","subscription":"$id","x":["$id","$idx"]})", 5),
            R"({"type":"unsubscribe_events","subscription":5,"x":[5,"$idx"]})");
}

TEST(WebSocketBase64, IsStrict) {
  for (std::string bytes : {std::string{}, std::string{"a"}, std::string{"ab"}, std::string("\0\xff\x80", 3)})
    EXPECT_EQ(from_base64(to_base64(bytes)), bytes);
  for (auto const* wrong : {"a", "YQ", "YQ=", "Y Q=", "YQ==YQ==", "YR==", "-_==", "YQ==\n"})
    EXPECT_FALSE(from_base64(wrong)) << wrong;
}

}  // namespace
}  // namespace patchbay::websocket
