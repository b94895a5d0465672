// What became of messages: receipts, messages kept for users who are away, routed messages with confirmation.
#include "core/hub/receipts.hpp"

#include "tests/core/hub/hub_fixture.hpp"

namespace patchbay::hub::test {
namespace {

class HubReceipts : public HubTest {
 protected:
  HubReceipts() : HubTest(3) {}

  static constexpr auto notice = R"({"type":"notification","data":{"title":"t"}})";
  std::string id_in(std::string const& frame) {
    auto const parsed = json::parse(frame);
    return parsed ? std::string{json::find_text(parsed->document, "message_id")} : std::string{};
  }
  void written(FakeConnection* client, std::string const& id) {
    client->on_shard([&] { client->hub().written(id, *client); });
    settle();
  }
  void dropped(FakeConnection* client, std::string const& id) {
    client->on_shard([&] { client->hub().dropped(id, *client, "queue_full"); });
    settle();
  }
  std::map<std::string, ReceiptState> states(std::string const& id, PrincipalPtr as = host_principal()) {
    auto const shown = run(get_receipt, {id}, std::move(as));
    EXPECT_TRUE(shown) << (shown ? "" : shown.error().message);
    std::map<std::string, ReceiptState> out;
    if (shown)
      for (auto const& one : shown->targets) out[one.connection_id] = one.state;
    return out;
  }
  RouteArgs to_user(std::string user, Confirm confirm, std::int32_t timeout_ms = 5000, std::uint32_t queue_ms = 0) {
    RouteArgs args;
    args.target.user_id = std::move(user);
    args.message.text = notice;
    args.confirm = confirm;
    args.timeout_ms = timeout_ms;
    args.queue_ms = queue_ms;
    return args;
  }
};

TEST_F(HubReceipts, GoFromQueuedToSentToAcknowledged) {
  auto* one = welcomed("/ws/notifications/anna", who("anna"), 0);
  auto* two = welcomed("/ws/notifications/anna", who("anna"), 1);
  auto const sent = run(send_to_user, {.user_id = "anna", .message = {notice}, .receipt = true});
  ASSERT_TRUE(sent);
  EXPECT_EQ(sent->connections, 2U);
  auto const id = *sent->message_id;
  auto const frame = one->next();
  EXPECT_EQ(id_in(frame), id);
  EXPECT_NE(frame.find(R"("ack":true)"), std::string::npos);
  two->next();
  settle();
  EXPECT_EQ(states(id), (std::map<std::string, ReceiptState>{{one->id(), ReceiptState::queued},
                                                             {two->id(), ReceiptState::queued}}));
  written(one, id);
  EXPECT_EQ(states(id)[one->id()], ReceiptState::sent);
  one->say(R"({"type":"ack","message_id":")" + id + "\"}");
  dropped(two, id);
  EXPECT_EQ(states(id), (std::map<std::string, ReceiptState>{{one->id(), ReceiptState::acknowledged},
                                                             {two->id(), ReceiptState::dropped}}));
  written(one, id);  // late news change nothing
  EXPECT_EQ(states(id)[one->id()], ReceiptState::acknowledged);
}

TEST_F(HubReceipts, BelongToWhoGotTheId) {
  welcomed("/ws/notifications/anna", who("anna"), 1);
  auto sender = who("sender");
  auto const sent = run(send_to_user, {.user_id = "anna", .message = {notice}, .receipt = true}, sender);
  auto const id = *sent->message_id;
  settle();  // the other shard reports whom it reached
  EXPECT_EQ(states(id, sender).size(), 1U);
  EXPECT_EQ(states(id, who("boss", {"admin"})).size(), 1U);
  auto const other = run(get_receipt, {id}, who("other"));
  ASSERT_TRUE(other.has_error());
  EXPECT_EQ(other.error().code, Code::not_found);
  EXPECT_EQ(run(get_receipt, {"0-unknown"}).error().code, Code::not_found);
  EXPECT_EQ(run(get_receipt, {"zz"}).error().code, Code::not_found);
  EXPECT_EQ(run(get_receipt, {"ff-1"}).error().code, Code::not_found);
}

TEST_F(HubReceipts, NobodyElseAcknowledges) {
  auto* anna = welcomed("/ws/notifications/anna", who("anna"), 0);
  auto* berta = welcomed("/ws/notifications/berta", who("berta"), 1);
  auto const id = *run(send_to_user, {.user_id = "anna", .message = {notice}, .receipt = true})->message_id;
  anna->next();
  berta->say(R"({"type":"ack","message_id":")" + id + "\"}");
  settle();
  EXPECT_EQ(states(id), (std::map<std::string, ReceiptState>{{anna->id(), ReceiptState::queued}}));
}

TEST_F(HubReceipts, OfAPublicationNameItsSubscribers) {
  auto* anna = welcomed("/ws/connect", who("anna"), 0);
  auto* berta = welcomed("/ws/connect", who("berta"), 1);
  for (auto* client : {anna, berta}) {
    client->say(R"({"type":"subscribe","channel":"news"})");
    client->next();
  }
  auto const done = run(publish, {.channel = "news", .data = {"1"}, .receipt = true});
  ASSERT_TRUE(done->message_id);
  EXPECT_EQ(id_in(anna->next()), *done->message_id);
  settle();
  EXPECT_EQ(states(*done->message_id).size(), 2U);
  EXPECT_FALSE(run(publish, {.channel = "news", .data = {"1"}})->message_id);
}

TEST_F(HubReceipts, AUserWhoIsAwayIsOffline) {
  auto const sent = run(send_to_user, {.user_id = "anna", .message = {notice}, .receipt = true});
  EXPECT_EQ(sent->connections, 0U);
  EXPECT_EQ(states(*sent->message_id)[""], ReceiptState::offline);
}

TEST_F(HubReceipts, AKeptMessageReachesWhoComesBackInTime) {
  SendToUserArgs args{.user_id = "anna", .message = {notice}, .receipt = true, .queue_ms = 10'000};
  auto const sent = run(send_to_user, args);
  EXPECT_EQ(sent->connections, 0U);
  EXPECT_EQ(states(*sent->message_id)[""], ReceiptState::queued);
  args.message.text = R"({"type":"second"})";
  run(send_to_user, args);
  advance(std::chrono::seconds{5});
  auto* anna = welcomed("/ws/notifications/anna", who("anna"), 2);
  EXPECT_EQ(id_in(anna->next()), *sent->message_id);
  EXPECT_NE(anna->next().find("second"), std::string::npos);
  settle();
  EXPECT_EQ(states(*sent->message_id), (std::map<std::string, ReceiptState>{{anna->id(), ReceiptState::queued}}));
}

TEST_F(HubReceipts, AKeptMessageExpires) {
  auto const sent = run(send_to_user, {.user_id = "anna", .message = {notice}, .receipt = true, .queue_ms = 3000});
  advance(std::chrono::seconds{5});
  settle();
  EXPECT_EQ(states(*sent->message_id)[""], ReceiptState::expired);
  auto* anna = welcomed("/ws/notifications/anna", who("anna"));
  settle();
  EXPECT_EQ(anna->waiting(), 0U);
}

// --- hub_route

TEST_F(HubReceipts, ARouteWaitsUntilAllHaveConfirmed) {
  auto* one = welcomed("/ws/notifications/anna", who("anna"), 0);
  auto* two = welcomed("/ws/notifications/anna", who("anna"), 1);
  auto done = start(route_message, to_user("anna", Confirm::acknowledged), host_principal(), 2);
  auto const id = id_in(one->next());
  EXPECT_EQ(id_in(two->next()), id);
  written(one, id);
  one->say(R"({"type":"ack","message_id":")" + id + "\"}");
  EXPECT_EQ(done.wait_for(std::chrono::milliseconds{0}), std::future_status::timeout);
  two->say(R"({"type":"ack","message_id":")" + id + "\"}");
  auto const result = done.get();
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->message_id, id);
  EXPECT_EQ(result->targets, 2U);
  EXPECT_EQ(result->sent, 2U);
  EXPECT_EQ(result->acknowledged, 2U);
  EXPECT_TRUE(result->failed.empty());
}

TEST_F(HubReceipts, ARouteThatAsksForSentShowsTheClientNoId) {
  auto* anna = welcomed("/ws/notifications/anna", who("anna"), 0);
  auto done = start(route_message, to_user("anna", Confirm::sent));
  auto const frame = anna->next();
  EXPECT_EQ(frame.find("message_id"), std::string::npos) << frame;
  settle();
  std::string id;
  for (std::size_t i = 0; i < 3; ++i)
    on(i, [&] {
      if (auto const one = hub->shard(i).receipts().newest_for_test(); !one.empty()) id = one;
    });
  written(anna, id);
  auto const result = done.get();
  ASSERT_TRUE(result);
  EXPECT_EQ(result->sent, 1U);
  EXPECT_EQ(result->acknowledged, 0U);
}

TEST_F(HubReceipts, WhoDoesNotConfirmInTimeIsNamed) {
  auto* one = welcomed("/ws/notifications/anna", who("anna"), 0);
  auto* two = welcomed("/ws/notifications/anna", who("anna"), 1);
  auto* three = welcomed("/ws/notifications/anna", who("anna"), 2);
  auto done = start(route_message, to_user("anna", Confirm::acknowledged, 2000));
  auto const id = id_in(one->next());
  two->next(), three->next();
  one->say(R"({"type":"ack","message_id":")" + id + "\"}");
  dropped(three, id);
  advance(std::chrono::milliseconds{2500});
  auto const result = done.get();
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->acknowledged, 1U);
  std::map<std::string, std::string> failed;
  for (auto const& each : result->failed) failed[each.connection_id] = each.reason;
  EXPECT_EQ(failed,
            (std::map<std::string, std::string>{{two->id(), "deadline_exceeded"}, {three->id(), "queue_full"}}));
}

TEST_F(HubReceipts, NobodyConfirmingIsAnError) {
  auto* anna = welcomed("/ws/notifications/anna", who("anna"), 0);
  auto done = start(route_message, to_user("anna", Confirm::acknowledged, 1000));
  anna->next();
  settle();
  advance(std::chrono::milliseconds{1500});
  auto const result = done.get();
  ASSERT_TRUE(result.has_error());
  EXPECT_EQ(result.error().code, Code::deadline_exceeded);
}

TEST_F(HubReceipts, NobodyThereIsNotFound) {
  auto const not_found = [&](RouteArgs args, char const* pointer) {
    auto const result = run(route_message, std::move(args));
    ASSERT_TRUE(result.has_error());
    EXPECT_EQ(result.error().code, Code::not_found);
    EXPECT_EQ(result.error().pointer, pointer);
  };
  not_found(to_user("anna", Confirm::none), "/target/user_id");
  RouteArgs args;
  args.message.text = notice;
  args.target.connection_id = "c9";
  not_found(args, "/target/connection_id");
  args.target = {.channel = "news"};
  not_found(args, "/target/channel");
  args.target = {.chat = RouteChat{"assistant", "a", "1"}};
  not_found(args, "/target/chat");
  args.target.user_id = "anna";
  EXPECT_EQ(run(route_message, args).error().code, Code::invalid_argument);
  args.target = {};
  EXPECT_EQ(run(route_message, args).error().code, Code::invalid_argument);
}

TEST_F(HubReceipts, ARouteMayWaitForAUserWhoComesBack) {
  auto done = start(route_message, to_user("anna", Confirm::acknowledged, 60'000, 30'000));
  settle();
  advance(std::chrono::seconds{3});
  auto* anna = welcomed("/ws/notifications/anna", who("anna"), 1);
  auto const id = id_in(anna->next());
  EXPECT_EQ(done.wait_for(std::chrono::milliseconds{0}), std::future_status::timeout);
  settle();
  anna->say(R"({"type":"ack","message_id":")" + id + "\"}");
  auto const result = done.get();
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->targets, 1U);
  EXPECT_EQ(result->acknowledged, 1U);
  EXPECT_TRUE(result->failed.empty());
}

TEST_F(HubReceipts, RoutesReachConnectionsChannelsAndChats) {
  auto* one = welcomed("/ws/connect", who("anna"), 1);
  auto* chat = welcomed("/ws/assistant/app/7/berta", who("berta"), 2);
  one->say(R"({"type":"subscribe","channel":"news"})");
  one->next();
  RouteArgs args;
  args.message.text = R"({"type":"note","data":{"n":1}})";
  args.confirm = Confirm::none;
  args.target.connection_id = one->id();
  EXPECT_EQ(run(route_message, args)->targets, 1U);
  EXPECT_NE(one->next().find(R"("type":"note")"), std::string::npos);
  args.target = {.channel = "news"};
  EXPECT_EQ(run(route_message, args)->targets, 1U);
  EXPECT_EQ(one->next(), timed(R"({"type":"note","channel":"news","data":{"n":1},"timestamp":@})"));
  args.target = {.chat = RouteChat{"assistant", "app", "7"}};
  EXPECT_EQ(run(route_message, args)->targets, 1U);
  EXPECT_NE(chat->next().find(R"("type":"note")"), std::string::npos);
}

TEST_F(HubReceipts, BroadcastsReachEverybody) {
  auto* one = welcomed("/ws/connect", who("anna"), 1);
  auto* two = welcomed("/ws/notifications/berta", who("berta"), 2);
  EXPECT_EQ(run(broadcast, {{R"({"type":"system_announcement","data":{"message":"m"}})"}})->connections, 2U);
  EXPECT_EQ(two->next(),
            timed(R"({"type":"system_announcement","data":{"message":"m"},"message":"m","timestamp":"#"})"));
  EXPECT_NE(one->next().find("system_announcement"), std::string::npos);
  auto const all = run(broadcast_all, {.type = "note", .data = {"1"}});
  EXPECT_EQ(all->status, "broadcasted");
  EXPECT_EQ(all->connections, 2U);
}

// --- the table of receipts by itself

TEST(Receipts, AreBoundedAndForgotten) {
  ManualClock clock;
  Receipts receipts{5, clock};
  auto const first = receipts.open("me");
  EXPECT_EQ(Receipts::shard_of(first), 5U);
  for (std::size_t i = 0; i < Receipts::most; ++i) receipts.open("me");
  EXPECT_EQ(receipts.size(), Receipts::most);
  EXPECT_EQ(receipts.find(first), nullptr);
  clock.advance(Receipts::kept_for);
  receipts.sweep();
  EXPECT_EQ(receipts.size(), 0U);
}

}  // namespace
}  // namespace patchbay::hub::test
