#include "core/websocket/opening.hpp"

#include <gtest/gtest.h>

namespace patchbay::websocket {
namespace {

OpeningStep expecting(std::string expect, std::optional<std::string> refuse = {}) {
  OpeningStep step;
  step.expect.emplace(RawJson{std::move(expect)});
  if (refuse) step.refuse.emplace(RawJson{std::move(*refuse)});
  return step;
}
OpeningStep sending(std::string text) {
  OpeningStep step;
  step.send.emplace(RawJson{std::move(text)});
  return step;
}

TEST(WebSocketOpening, WaitsAndSendsInTurn) {
  auto const opening =
      Opening::make({expecting(R"({"type":"auth_required"})"), sending(R"({"type":"auth"})"), sending(R"({"more":1})"),
                     expecting(R"({"type":"auth_ok"})", R"({"type":"auth_invalid"})")});
  ASSERT_TRUE(opening.has_value());
  Opening::Play play{*opening};
  EXPECT_EQ(play.to_send(), nullptr);
  EXPECT_EQ(play.feed(R"({"type":"news"})"), Opening::Fed::other);
  EXPECT_EQ(play.feed("no json"), Opening::Fed::other);
  EXPECT_EQ(play.feed(R"({"type":"auth_required","ha_version":"2026.11.0"})"), Opening::Fed::matched);
  EXPECT_EQ(*play.to_send(), R"({"type":"auth"})");
  EXPECT_EQ(*play.to_send(), R"({"more":1})");
  EXPECT_EQ(play.to_send(), nullptr);
  EXPECT_FALSE(play.done());
  EXPECT_EQ(play.feed(R"({"type":"auth_invalid","message":"no"})"), Opening::Fed::refused);
  EXPECT_EQ(play.feed(R"({"type":"auth_ok"})"), Opening::Fed::matched);
  EXPECT_TRUE(play.done());
  EXPECT_EQ(play.feed(R"({"type":"auth_ok"})"), Opening::Fed::other);
}

TEST(WebSocketOpening, MatchesByTheFieldsGiven) {
  struct Row {
    char const *pattern, *frame;
    bool match;
  };
  for (auto const& row :
       {Row{R"({"a":{"b":1}})", R"({"a":{"b":1,"c":2},"d":3})", true},
        Row{R"({"a":{"b":1}})", R"({"a":{"b":2}})", false}, Row{R"({"a":{}})", R"({"a":5})", false},
        Row{R"({"a":[1,2]})", R"({"a":[1,2]})", true}, Row{R"({"a":[1]})", R"({"a":[1,2]})", false},
        Row{R"({"a":null})", R"({"b":1})", false}, Row{R"({"a":1})", R"({"a":1.0})", true},
        Row{R"({})", R"({"a":1})", true}, Row{R"({})", R"([1])", false}, Row{R"({"a":"1"})", R"({"a":1})", false}}) {
    auto const opening = Opening::make({expecting(row.pattern)});
    ASSERT_TRUE(opening.has_value());
    Opening::Play play{*opening};
    EXPECT_EQ(play.feed(row.frame) == Opening::Fed::matched, row.match) << row.pattern << " and " << row.frame;
  }
}

TEST(WebSocketOpening, RefusesAScriptThatMakesNoSense) {
  OpeningStep both = expecting("{}");
  both.send.emplace(RawJson{"{}"});
  OpeningStep refuse_with_send = sending("{}");
  refuse_with_send.refuse.emplace(RawJson{"{}"});
  struct Row {
    std::vector<OpeningStep> steps;
    char const* pointer;
  };
  for (auto const& row :
       {Row{{OpeningStep{}}, "/opening/0"}, Row{{both}, "/opening/0"},
        Row{{sending("1"), refuse_with_send}, "/opening/1/refuse"}, Row{{expecting("[1]")}, "/opening/0/expect"},
        Row{{sending("{")}, "/opening/0/send"}, Row{{expecting("{}", "3")}, "/opening/0/refuse"},
        Row{std::vector<OpeningStep>(65, sending("1")), "/opening"}}) {
    auto const opening = Opening::make(row.steps);
    ASSERT_TRUE(opening.has_error()) << row.pointer;
    EXPECT_EQ(opening.error().code, Code::invalid_argument);
    EXPECT_EQ(opening.error().pointer, row.pointer);
  }
}

}  // namespace
}  // namespace patchbay::websocket
