// Publishing and what listeners get: counts, order, recovery, prefixes, pace, keys.
#include "tests/core/hub/hub_fixture.hpp"

namespace patchbay::hub::test {
namespace {

class HubPublish : public HubTest {
 protected:
  HubPublish() : HubTest(4) {}
  static std::string data_of(std::string const& text) {
    auto parsed = json::parse(text);
    auto const* data = parsed ? json::find(parsed->document, "data") : nullptr;
    return data == nullptr ? "?" : json::to_text(*data);
  }
  static std::vector<std::string> data_of(std::vector<Events::Event> const& events) {
    std::vector<std::string> out;
    for (auto const& one : events)
      if (one.name != "subscribed") out.push_back(data_of(one.text));
    return out;
  }
  using Texts = std::vector<std::string>;
};

TEST_F(HubPublish, ReachesListenersOnAllShards) {
  for (std::size_t shard = 0; shard < 4; ++shard) listening("news", shard);
  auto const done = published("news", R"({"n":1})", "note", 2);
  EXPECT_EQ(done.subscribers, 4U);
  EXPECT_FALSE(done.offset);
  EXPECT_FALSE(done.message_id);
  for (auto& sink : sinks) {
    auto const event = sink->wait_for(2)[1];
    EXPECT_EQ(event.name, "note");
    EXPECT_EQ(event.id, "");
    EXPECT_EQ(event.text, timed(R"({"type":"note","channel":"news","data":{"n":1},"timestamp":@})"));
  }
  EXPECT_EQ(published("quiet", "1").subscribers, 0U);
}

TEST_F(HubPublish, IsAnsweredAtOnceOnTheHomeShard) {
  begin();
  auto& home = hub->home_of("news");
  Call place{host_principal()};
  bool at_once = false, elsewhere = true;
  on(home.shard().index(),
     [&] { at_once = caller.start(publish, place, PublishArgs{.channel = "news", .data = {"1"}}).ready(); });
  Call other{host_principal()};
  on((home.shard().index() + 1) % 4,
     [&] { elsewhere = caller.start(publish, other, PublishArgs{.channel = "news", .data = {"1"}}).ready(); });
  EXPECT_TRUE(at_once);
  EXPECT_FALSE(elsewhere);
}

struct Refused {
  char const* name;
  PublishArgs args;
  Code code;
};
void PrintTo(Refused const& row, std::ostream* out) { *out << row.name; }
class HubPublishRefuses : public HubPublish, public testing::WithParamInterface<Refused> {};
TEST_P(HubPublishRefuses, WithTheCode) {
  settings.publication_bytes = 1000;
  auto const done = run(publish, GetParam().args);
  ASSERT_TRUE(done.has_error());
  EXPECT_EQ(done.error().code, GetParam().code) << done.error().message;
}
INSTANTIATE_TEST_SUITE_P(
    Table, HubPublishRefuses,
    testing::Values(Refused{"a_prefix", {.channel = "a.*", .data = {"1"}}, Code::invalid_argument},
                    Refused{"a_blank", {.channel = "a b", .data = {"1"}}, Code::invalid_argument},
                    Refused{"no_name", {.channel = "", .data = {"1"}}, Code::invalid_argument},
                    Refused{"a_long_name", {.channel = std::string(256, 'a'), .data = {"1"}}, Code::invalid_argument},
                    Refused{
                        "too_large", {.channel = "a", .data = {'"' + std::string(1000, 'x') + '"'}}, Code::too_large}),
    [](auto const& one) { return std::string{one.param.name}; });

TEST_F(HubPublish, APrefixGetsWhatIsBelowItWhereverThatIsAtHome) {
  auto& all = listening("rooms.*", 1);
  auto& deep = listening("rooms.a.*", 2);
  auto& one = listening("rooms.a.x", 3);
  for (auto const* name : {"rooms.a.x", "rooms.a.y", "rooms.b", "rooms", "roomsa.x"})
    published(name, json::quoted(name));
  EXPECT_EQ(published("rooms.a.x", "1").subscribers, 3U);
  EXPECT_EQ(published("rooms.b", "2").subscribers, 1U);
  EXPECT_EQ(data_of(deep.wait_for(4)), (Texts{R"("rooms.a.x")", R"("rooms.a.y")", "1"}));
  EXPECT_EQ(data_of(one.wait_for(3)), (Texts{R"("rooms.a.x")", "1"}));
  auto got = data_of(all.wait_for(6));
  EXPECT_EQ(got.size(), 5U);
  EXPECT_TRUE(all.wait_for(2)[1].text.find(R"("channel":"rooms.)") != std::string::npos);
}

TEST_F(HubPublish, WhoHasLeftIsNotCounted) {
  listening("news", 0);
  listening("rooms.*", 3);
  EXPECT_EQ(published("news", "1").subscribers, 1U);
  EXPECT_EQ(published("rooms.a", "1").subscribers, 1U);
  for (auto& stream : streams) end_stream(*stream);
  for (auto& ended : stream_ends) ended.wait();
  settle();
  EXPECT_EQ(published("news", "1").subscribers, 0U);
  EXPECT_EQ(published("rooms.a", "1").subscribers, 0U);
  EXPECT_EQ(run(get_stats, {})->total_channels, 0U);
}

TEST_F(HubPublish, HistoryIsRecoveredExactly) {
  auto& first = listening("kept.a", 1);
  EXPECT_NE(first.wait_for(1)[0].text.find(R"("offset":0)"), std::string::npos);
  for (int i = 1; i <= 3; ++i) EXPECT_EQ(published("kept.a", std::to_string(i)).offset, i);
  auto const seen = first.wait_for(4)[1];  // the first message
  auto& again = listen({.channel = "kept.a", .last_event_id = seen.id}, host_principal(), 2);
  auto const events = again.wait_for(3);
  EXPECT_NE(events[0].text.find(R"("recovered":true)"), std::string::npos) << events[0].text;
  EXPECT_EQ(events[0].id, seen.id);  // nothing of what is missed has been seen yet
  EXPECT_EQ(data_of(events), (Texts{"2", "3"}));
  published("kept.a", "4");
  EXPECT_EQ(data_of(again.wait_for(4)), (Texts{"2", "3", "4"}));
  EXPECT_EQ(again.wait_for(4)[3].id, seen.id.substr(0, seen.id.find(':')) + ":4");
}

TEST_F(HubPublish, WhatIsGoneIsNotCalledRecovered) {
  for (int i = 1; i <= 6; ++i) published("kept.a", std::to_string(i));
  auto const epoch = *published("kept.a", "7").epoch;
  auto const answer = [&](SubscribeArgs args) { return listen(std::move(args)).wait_for(1)[0].text; };
  EXPECT_NE(answer({.channel = "kept.a", .recover = PositionArgs{epoch, 2}}).find(R"("recovered":false)"),
            std::string::npos);
  EXPECT_NE(answer({.channel = "kept.a", .recover = PositionArgs{epoch, 3}}).find(R"("recovered":true)"),
            std::string::npos);
  EXPECT_NE(answer({.channel = "kept.a", .recover = PositionArgs{"other", 7}}).find(R"("recovered":false)"),
            std::string::npos);
  EXPECT_NE(answer({.channel = "kept.a", .recover = PositionArgs{epoch, 8}}).find(R"("recovered":false)"),
            std::string::npos);
  EXPECT_NE(answer({.channel = "news", .recover = PositionArgs{epoch, 1}}).find(R"("recovered":false)"),
            std::string::npos);
  EXPECT_NE(answer({.channel = "kept.a", .last_event_id = "nonsense"}).find(R"("recovered":false)"), std::string::npos);
}

TEST_F(HubPublish, HistoryIsReadByPosition) {
  for (int i = 1; i <= 6; ++i) published("kept.a", std::to_string(i), "note");
  auto const newest = run(get_history, {.channel = "kept.a", .limit = 2});
  ASSERT_TRUE(newest);
  ASSERT_EQ(newest->messages.size(), 2U);
  EXPECT_EQ(newest->messages[0].data.text, "5");
  EXPECT_EQ(newest->messages[0].event, "note");
  EXPECT_EQ(newest->messages[0].offset, 5U);
  EXPECT_DOUBLE_EQ(newest->messages[0].timestamp, 1700000000.250);
  EXPECT_EQ(newest->offset, 6U);
  EXPECT_FALSE(newest->recovered);
  auto const since = run(get_history, {.channel = "kept.a", .since = PositionArgs{*newest->epoch, 4}});
  ASSERT_EQ(since->messages.size(), 2U);
  EXPECT_TRUE(*since->recovered);
  auto const gone = run(get_history, {.channel = "kept.a", .since = PositionArgs{*newest->epoch, 1}});
  EXPECT_FALSE(*gone->recovered);
  EXPECT_FALSE(run(get_history, {.channel = "news"})->epoch);
}

TEST_F(HubPublish, AKeyIsGoodForOnePublicationInFiveMinutes) {
  auto& sink = listening("news");
  PublishArgs args{.channel = "news", .data = {"1"}, .idempotency_key = "k"};
  auto const first = run(publish, args);
  auto const second = run(publish, args, host_principal(), 3);
  EXPECT_EQ(first->subscribers, 1U);
  EXPECT_EQ(second->subscribers, 1U);
  auto other = who("berta");
  EXPECT_EQ(run(publish, args, other)->subscribers, 1U);  // another's key is another
  args.channel = "kept.b";
  EXPECT_EQ(run(publish, args)->offset, 1U);
  EXPECT_EQ(run(publish, args)->offset, 1U);
  published("news", "2");
  EXPECT_EQ(data_of(sink.wait_for(4)), (Texts{"1", "1", "2"}));
  advance(std::chrono::minutes{5});
  EXPECT_EQ(run(publish, args)->offset, 2U);
}

TEST_F(HubPublish, AGreatestRateKeepsTheNewestForTheNextSlot) {
  settings.rules.insert(settings.rules.begin(),
                        {.pattern = "fast", .subscribe = "hub.subscribe", .publish = "hub.publish", .max_rate = 2});
  auto& sink = listening("fast", 1);
  for (int i = 1; i <= 5; ++i) published("fast", std::to_string(i));
  EXPECT_EQ(data_of(sink.wait_for(2)), (Texts{"1"}));
  settle();
  EXPECT_EQ(sink.size(), 2U);
  advance(std::chrono::milliseconds{600});
  EXPECT_EQ(data_of(sink.wait_for(3)), (Texts{"1", "5"}));
  advance(std::chrono::milliseconds{2000});
  published("fast", "6");
  EXPECT_EQ(data_of(sink.wait_for(4)), (Texts{"1", "5", "6"}));
}

TEST_F(HubPublish, OneOrderForAllUnderChurn) {
  begin();
  constexpr int count = 200, rounds = 100;
  std::vector<Events*> steady;
  for (std::size_t shard = 0; shard < 4; ++shard) steady.push_back(&listening("kept.busy", shard));
  for (std::size_t shard = 0; shard < 4; ++shard) steady.push_back(&listening("kept.*", shard));
  // Two publishers on different shards, and listeners that come and go meanwhile.
  std::vector<std::thread> threads;
  for (std::size_t publisher = 0; publisher < 2; ++publisher)
    threads.emplace_back([&, publisher] {
      for (int i = 0; i < count; ++i)
        run(publish, {.channel = "kept.busy", .data = {std::to_string(publisher * 1000 + static_cast<std::size_t>(i))}},
            host_principal(), publisher * 2);
    });
  // Both sides have an end of their own: the one that spins must not starve the other where threads are slow.
  for (std::size_t at = 0; at < 4; ++at)
    threads.emplace_back([&, at] {
      for (int round = 0; round < rounds; ++round) {
        on(at, [&] {
          struct Quiet final : Subscriber {
            void deliver(Subscription&, MessagePtr const&) override {}
            void ended(Subscription&, Error const&) override {}
            std::string_view member_id() const override { return "quiet"; }
          };
          Quiet quiet;
          Subscription one{quiet}, two{quiet};
          auto& part = hub->shard(at);
          part.subscribe(one, host_principal(), "kept.busy", std::nullopt, [](Result<Subscribed>) {});
          part.subscribe(two, host_principal(), "kept.*", std::nullopt, [](Result<Subscribed>) {});
        });
      }
    });
  for (auto& thread : threads) thread.join();
  auto const expected = data_of(steady[0]->wait_for(1 + 2 * count));
  for (auto* sink : steady) EXPECT_EQ(data_of(sink->wait_for(1 + 2 * count)), expected);
  int last[2] = {-1, -1};
  for (auto const& text : expected) {
    auto const number = std::stoi(text);
    EXPECT_EQ(number % 1000, ++last[number / 1000]);
  }
  settle();
  EXPECT_EQ(published("kept.busy", "1").subscribers, 8U);
}

TEST_F(HubPublish, RecoversWithoutAGapWhileOthersPublish) {
  begin();
  auto const start = *published("kept.gap", "0").epoch;
  for (auto& rule : settings.rules)
    if (rule.pattern == "kept.*") rule.history_size = 10'000;
  hub->apply(settings);
  settle();
  std::atomic<bool> over{false};
  std::thread publisher{[&] {
    for (int i = 1; i <= 500; ++i) published("kept.gap", std::to_string(i), "message", 3);
    over = true;
  }};
  std::vector<Events*> came;
  while (!over && came.size() < 20) {
    came.push_back(
        &listen({.channel = "kept.gap", .recover = PositionArgs{start, 1}}, host_principal(), came.size() % 4));
    came.back()->wait_for(1);
  }
  publisher.join();
  for (auto* sink : came) {
    auto const got = data_of(sink->wait_for(501));
    ASSERT_EQ(got.size(), 500U);
    for (std::size_t i = 0; i < got.size(); ++i) ASSERT_EQ(got[i], std::to_string(i + 1));
  }
}

TEST_F(HubPublish, TheWholeStateIsListed) {
  auto* anna = welcomed("/ws/connect", who("anna"), 1);
  auto* berta = welcomed("/ws/notifications/berta", who("berta"), 2);
  anna->say(R"({"type":"subscribe","channel":"news"})");
  anna->next();
  listening("news", 3);
  listening("rooms.*", 3);
  auto const stats = run(get_stats, {});
  EXPECT_EQ(stats->total_connections, 2U);
  EXPECT_EQ(stats->total_users, 2U);
  EXPECT_EQ(stats->total_channels, 2U);
  EXPECT_EQ(stats->channels, (std::map<std::string, std::uint32_t>{{"news", 2}, {"rooms.*", 1}}));
  auto const one = run(get_channel, {.channel = "news"});
  EXPECT_EQ(one->subscribers, 2U);
  EXPECT_EQ(one->connection_ids, std::vector<std::string>{anna->id()});
  EXPECT_FALSE(one->next);
  EXPECT_FALSE(one->history);
  auto const all = run(list_connections, {});
  ASSERT_EQ(all->connections.size(), 2U);
  auto const page = run(list_connections, {.limit = 1});
  ASSERT_EQ(page->connections.size(), 1U);
  EXPECT_EQ(page->next, page->connections[0].connection_id);
  auto const rest = run(list_connections, {.cursor = *page->next, .limit = 1});
  ASSERT_EQ(rest->connections.size(), 1U);
  EXPECT_FALSE(rest->next);
  auto const shown = run(get_connection, {anna->id()});
  EXPECT_EQ(shown->user_id, "anna");
  EXPECT_EQ(shown->dialect, "channel");
  EXPECT_EQ(shown->channels, std::vector<std::string>{"news"});
  EXPECT_EQ(run(get_connection, {"nobody"}).error().code, Code::not_found);
  auto const names = run(list_channels, {.limit = 1});
  ASSERT_EQ(names->channels.size(), 1U);
  EXPECT_EQ(names->channels[0].channel, "news");
  EXPECT_EQ(names->next, "news");
  EXPECT_EQ(run(get_info, {})->channels.size(), 6U);

  EXPECT_EQ(run(disconnect, {.user_id = "berta", .code = 3000, .reason = "out"})->connections, 1U);
  EXPECT_EQ(berta->closed_with(), 3000);
  EXPECT_TRUE(anna->is_open());
  EXPECT_EQ(run(disconnect, {.user_id = "nobody"}).error().code, Code::not_found);
  EXPECT_EQ(run(disconnect, {.user_id = "anna", .code = 1002}).error().code, Code::invalid_argument);
}

TEST_F(HubPublish, AStandardEventIsCheckedOnlyByEmit) {
  auto& sink = listening("tasks");
  auto const wrong = run(emit, {.channel = "tasks", .event_type = "task_queued", .data = {R"({"task_id":"1"})"}});
  ASSERT_TRUE(wrong.has_error());
  EXPECT_EQ(wrong.error().code, Code::invalid_argument);
  EXPECT_EQ(run(emit, {.channel = "missions", .event_type = "task_queued", .data = {"{}"}}).error().code,
            Code::invalid_argument);
  EXPECT_EQ(
      run(emit, {.channel = "tasks", .event_type = "task_queued", .data = {R"({"task_id":"1","task_name":"sweep"})"}})
          ->subscribers,
      1U);
  EXPECT_EQ(run(publish, {.channel = "tasks", .data = {"{}"}, .event = "task_queued"})->subscribers, 1U);
  EXPECT_EQ(sink.wait_for(3)[1].name, "task_queued");
}

}  // namespace
}  // namespace patchbay::hub::test
