#include "core/websocket/target.hpp"

#include <gtest/gtest.h>

#include "core/websocket/connection.hpp"

namespace patchbay::websocket {
namespace {

TEST(WebSocketTarget, TakesAUrlApart) {
  auto const target = Target::parse("wss://user:p%40ss@Example.ORG/feed/a?token=secret");
  ASSERT_TRUE(target.has_value());
  EXPECT_TRUE(target->tls);
  EXPECT_EQ(target->host, "example.org");
  EXPECT_EQ(target->port, 443);
  EXPECT_EQ(target->host_field, "example.org");
  EXPECT_EQ(target->path, "/feed/a?token=secret");
  EXPECT_EQ(target->credentials, "user:p@ss");
  EXPECT_EQ(target->shown, "wss://example.org:443/feed/a");
  EXPECT_EQ(target->breaker, "ws:example.org:443");
  auto const v6 = Target::parse("WS://[::1]:8123");
  ASSERT_TRUE(v6.has_value());
  EXPECT_EQ(v6->host, "::1");
  EXPECT_EQ(v6->host_field, "[::1]:8123");
  EXPECT_EQ(v6->path, "/");
  EXPECT_EQ(Target::parse("ws://h?x=1")->path, "/?x=1");
}

TEST(WebSocketTarget, RefusesWhatIsNoWebSocketUrl) {
  for (auto const* wrong : {"", "example.org", "/path", "http://example.org/", "ws:///x", "ws://h/#frag", "ws://h:0/",
                            "ws://h:99999/", "ws://a b/", "ws://h/\r\nX: y", "ws:h"}) {
    auto const target = Target::parse(wrong);
    ASSERT_TRUE(target.has_error()) << wrong;
    EXPECT_EQ(target.error().code, Code::invalid_argument);
    EXPECT_EQ(target.error().pointer, "/url");
  }
}

TEST(WebSocketPlan, RefusesWithThePointer) {
  auto pointer_of = [](ConnectArgs args) {
    args.url = args.url.empty() ? "ws://h/" : args.url;
    auto const plan = Plan::make(std::move(args));
    return plan ? std::string{"fine"} : plan.error().pointer;
  };
  EXPECT_EQ(pointer_of({}), "fine");
  EXPECT_EQ(pointer_of({.headers = {{"X-A", "b"}, {"Authorization", "Bearer t"}}}), "fine");
  EXPECT_EQ(pointer_of({.headers = {{"X A", "b"}}}), "/headers/X A");
  EXPECT_EQ(pointer_of({.headers = {{"X", "b\r\nHost: evil"}}}), "/headers/X");
  EXPECT_EQ(pointer_of({.headers = {{"sec-websocket-Key", "b"}}}), "/headers/sec-websocket-Key");
  EXPECT_EQ(pointer_of({.headers = {{"HOST", "b"}}}), "/headers/HOST");
  EXPECT_EQ(pointer_of({.subprotocols = {"ok", "not ok"}}), "/subprotocols/1");
  EXPECT_EQ(pointer_of({.tls = {.ca = "/x"}}), "/tls");
  EXPECT_EQ(pointer_of({.proxy = "socks5://h:1"}), "/proxy");
  EXPECT_EQ(pointer_of({.opening = {OpeningStep{}}}), "/opening/0");
}

TEST(WebSocketPlan, MakesAHeaderOfTheUser) {
  auto const plan = Plan::make({.url = "ws://user:pass@h/"});
  ASSERT_TRUE(plan.has_value());
  EXPECT_EQ(plan->link.headers.at("Authorization"), "Basic dXNlcjpwYXNz");
  auto const given = Plan::make({.url = "ws://user:pass@h/", .headers = {{"authorization", "Bearer x"}}});
  EXPECT_FALSE(given->link.headers.contains("Authorization"));
}

}  // namespace
}  // namespace patchbay::websocket
