// What a subscription of a prefix begins with: the newest message of each channel below it whose namespace says
// last_value; once, nothing lost and nothing older afterwards, however many shards there are.
#include <gmock/gmock.h>

#include "core/hub/namespaces.hpp"
#include "tests/core/hub/hub_fixture.hpp"

namespace patchbay::hub::test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;
using Texts = std::vector<std::string>;

std::string shown(Message const& message) { return message.channel + "=" + message.data; }
std::string shown(std::string const& text) {
  auto const parsed = json::parse(text);
  if (!parsed) return "?";
  auto const* data = json::find(parsed->document, "data");
  return std::string{json::find_text(parsed->document, "channel")} + "=" + (data ? json::to_text(*data) : "?");
}
Texts shown(std::vector<Events::Event> const& events) {
  Texts out;
  for (auto const& one : events)
    if (one.name != "subscribed") out.push_back(shown(one.text));
  return out;
}

class HubLastValues : public HubTest {
 protected:
  explicit HubLastValues(unsigned shards = 4) : HubTest(shards) {}

  // A name that begins so and is at home on the shard.
  std::string at_home(std::size_t shard, std::string const& beginning) {
    begin();
    for (int i = 0;; ++i)
      if (auto name = beginning + std::to_string(i); &hub->home_of(name) == &hub->shard(shard)) return name;
  }
  ChannelRule& rule(std::string_view pattern) {
    return *std::find_if(settings.rules.begin(), settings.rules.end(),
                         [&](auto const& one) { return one.pattern == pattern; });
  }
};

// A subscriber on shard 0, looked at there.
struct Listening final : Subscriber {
  void deliver(Subscription&, MessagePtr const& message) override { later.push_back(shown(*message)); }
  void ended(Subscription&, Error const& why) override { end = why.code; }

  void ask(Hub& hub, std::string channel, PrincipalPtr const& as = host_principal()) {
    hub.shard(0).subscribe(subscription, as, std::move(channel), std::nullopt, [this](Result<Subscribed> done) {
      ++answers;
      if (!done) return static_cast<void>(end = done.error().code);
      for (auto const& one : done->missed) first.push_back(shown(*one));
    });
  }

  Subscription subscription{*this};
  Texts first, later;
  int answers = 0;
  std::optional<Code> end;
};

// The shard does nothing until this goes.
class Held {
 public:
  explicit Held(Shard& shard) {
    shard.post([go = go_.get_future().share()] { go.wait(); });
  }
  ~Held() { release(); }
  void release() {
    if (!std::exchange(released_, true)) go_.set_value();
  }

 private:
  std::promise<void> go_;
  bool released_ = false;
};

class HubLastValuesOn : public HubLastValues, public testing::WithParamInterface<unsigned> {
 protected:
  HubLastValuesOn() : HubLastValues(GetParam()) {}
};

TEST_P(HubLastValuesOn, ComeFirstInOrderOfTimeThenChanges) {
  for (auto const* name : {"last.a.z", "last.a.m", "last.b", "last.a.z", "last.a.deep.down", "last.a", "kept.a"}) {
    published(name, std::to_string(sinks.size()));
    clock.advance(std::chrono::milliseconds{1});
  }
  for (std::size_t shard = 0; shard < GetParam(); ++shard) {
    auto& sink = listening("last.a.*", shard);
    EXPECT_EQ(shown(sink.wait_for(4)), (Texts{"last.a.m=0", "last.a.z=0", "last.a.deep.down=0"}));
  }
  published("last.a.new", "1");
  published("last.a.m", "2");
  settle();
  for (auto& sink : sinks) {
    auto const texts = shown(sink->wait_for(6));
    EXPECT_EQ(texts.size(), 5U);
    EXPECT_THAT(Texts(texts.begin() + 3, texts.end()), UnorderedElementsAre("last.a.new=1", "last.a.m=2"));
  }
}

TEST_P(HubLastValuesOn, ComeOnceEachWhileOthersPublish) {
  constexpr std::size_t channels = 5000, changing = 1000, publishers = 2;
  settings.history_bytes = 256 << 20;
  begin();
  auto const name = [](std::size_t i) { return "last.many." + std::to_string(i); };
  // A hundred under way at a time, so that who subscribes does not wait behind thousands.
  auto const round = [&](std::size_t publisher, std::string const& data, std::size_t count) {
    std::deque<std::future<Result<PublishResult>>> under_way;
    for (auto i = publisher; i < count; i += publishers) {
      under_way.push_back(
          start(publish, {.channel = name(i), .data = {data}}, host_principal(), publisher % GetParam()));
      if (under_way.size() < 100) continue;
      EXPECT_TRUE(under_way.front().get());
      under_way.pop_front();
    }
    for (auto& one : under_way) EXPECT_TRUE(one.get());
  };
  for (std::size_t i = 0; i < publishers; ++i) round(i, "0", channels);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < publishers; ++i)
    threads.emplace_back([&, i] {
      for (auto const* data : {"1", "2"}) round(i, data, changing);
    });
  std::vector<Events*> came;
  for (std::size_t i = 0; i < 3; ++i) came.push_back(&listening("last.many.*", i % GetParam()));
  for (auto& thread : threads) thread.join();
  settle();
  for (auto* sink : came) {
    auto const events = sink->wait_for(1 + channels);
    std::map<std::string, char> newest;
    for (auto const& text : shown(events)) {
      auto const sign = text.find('=');
      auto& known = newest[text.substr(0, sign)];
      // The first is the newest of its time; each that follows is the next.
      ASSERT_TRUE(known == 0 || text[sign + 1] == known + 1) << text << " after " << known;
      known = text[sign + 1];
    }
    ASSERT_EQ(newest.size(), channels);
    for (std::size_t i = 0; i < channels; ++i) ASSERT_EQ(newest[name(i)], i < changing ? '2' : '0') << i;
  }
}

TEST_P(HubLastValuesOn, AreThoseOfTheNamespacesThatSaySo) {
  settings.rules.insert(settings.rules.begin(),
                        {ChannelRule{.pattern = "last.not.*", .history_size = 5},
                         ChannelRule{.pattern = "last.no_room.*", .last_value = true},
                         ChannelRule{.pattern = "mixed.one", .history_size = 2, .last_value = true}});
  for (auto const* name : {"last.not.a", "last.no_room.a", "last.b", "mixed.one", "mixed.two", "kept.a", "news.a"})
    published(name, "1");
  EXPECT_EQ(shown(listening("last.*").wait_for(2)), (Texts{"last.b=1"}));
  EXPECT_EQ(shown(listening("mixed.*").wait_for(2)), (Texts{"mixed.one=1"}));
  for (auto const* prefix : {"last.not.*", "last.no_room.*", "kept.*", "news.*", "mixed.one.*", "last.b.*"})
    listening(prefix);
  settle();
  for (std::size_t i = 2; i < sinks.size(); ++i) EXPECT_EQ(sinks[i]->size(), 1U);
}

TEST_P(HubLastValuesOn, AreKeptForAnyTime) {
  published("last.a.x", "1");
  advance(std::chrono::seconds{30});
  EXPECT_EQ(shown(listening("last.a.*").wait_for(2)), (Texts{"last.a.x=1"}));
}

TEST_P(HubLastValuesOn, ComeToEachWhoSubscribesAndToNobodyElse) {
  published("last.a.x", "1");
  auto& first = listening("last.a.*");
  auto& second = listening("last.a.*");
  auto& wider = listening("last.*", GetParam() - 1);
  for (auto* sink : {&first, &second, &wider}) EXPECT_EQ(shown(sink->wait_for(2)), (Texts{"last.a.x=1"}));
  published("last.a.x", "2");
  settle();
  for (auto& sink : sinks) EXPECT_EQ(shown(sink->wait_for(3)), (Texts{"last.a.x=1", "last.a.x=2"}));
}

INSTANTIATE_TEST_SUITE_P(Shards, HubLastValuesOn, testing::Values(1U, 4U),
                         [](auto const& shards) { return std::to_string(shards.param); });

TEST_F(HubLastValues, WhatIsPublishedWhileHomesAreAskedComesOnce) {
  auto const late = at_home(1, "last.g.late"), early = at_home(2, "last.g.early"), own = at_home(0, "last.g.own"),
             fresh = at_home(3, "last.g.fresh"), other = at_home(2, "last.other");
  for (auto const& name : {late, early, own}) published(name, "1");
  Listening listener;
  {
    Held held{runtime.shard(1)};
    on(0, [&] { listener.ask(*hub, "last.g.*"); });
    on(2, [] {});
    on(3, [] {});
    // After their homes have answered.
    published(early, "2", "message", 2);
    published(early, "3", "message", 2);
    published(own, "2", "message", 0);
    published(fresh, "2", "message", 3);
    published(other, "2", "message", 2);
    on(0, [&] {
      EXPECT_EQ(listener.answers, 0);
      EXPECT_FALSE(listener.subscription.joined());
    });
  }
  settle();
  published(late, "4");
  published(early, "4");
  settle();
  on(0, [&] {
    EXPECT_EQ(listener.answers, 1);
    EXPECT_THAT(listener.first, UnorderedElementsAre(late + "=1", early + "=3", own + "=2", fresh + "=2"));
    EXPECT_THAT(listener.later, UnorderedElementsAre(late + "=4", early + "=4"));
    hub->shard(0).unsubscribe(listener.subscription);
  });
}

TEST_F(HubLastValues, AnotherWithTheSamePrefixGoesOnHearingMeanwhile) {
  auto const late = at_home(1, "last.g.late"), early = at_home(2, "last.g.early");
  published(late, "1");
  published(early, "1");
  Listening before, after;
  on(0, [&] { before.ask(*hub, "last.g.*"); });
  settle();
  {
    Held held{runtime.shard(1)};
    on(0, [&] { after.ask(*hub, "last.g.*"); });
    published(early, "2", "message", 2);
    on(0, [&] { EXPECT_EQ(before.later, Texts{early + "=2"}); });
  }
  settle();
  on(0, [&] {
    EXPECT_THAT(before.first, UnorderedElementsAre(late + "=1", early + "=1"));
    EXPECT_THAT(after.first, UnorderedElementsAre(late + "=1", early + "=2"));
    EXPECT_THAT(after.later, IsEmpty());
    hub->shard(0).unsubscribe(before.subscription);
    hub->shard(0).unsubscribe(after.subscription);
  });
}

TEST_F(HubLastValues, WhoLeavesWhileHomesAreAskedGetsNothing) {
  auto const late = at_home(1, "last.g.late"), early = at_home(2, "last.g.early");
  published(early, "1");
  Listening listener;
  auto gone = std::make_unique<Listening>();
  {
    Held held{runtime.shard(1)};
    on(0, [&] {
      listener.ask(*hub, "last.g.*");
      gone->ask(*hub, "last.g.*");
    });
    on(2, [] {});
    on(0, [&] {
      hub->shard(0).unsubscribe(listener.subscription);
      gone.reset();
    });
    published(early, "2", "message", 2);
  }
  settle();
  EXPECT_EQ(published(early, "3").subscribers, 0U);
  settle();
  on(0, [&] {
    EXPECT_EQ(listener.answers, 0);
    EXPECT_THAT(listener.later, IsEmpty());
  });
  // And it may ask again, also before its first question has been answered everywhere.
  {
    Held held{runtime.shard(1)};
    on(0, [&] {
      listener.ask(*hub, "last.g.*");
      hub->shard(0).unsubscribe(listener.subscription);
      listener.ask(*hub, "last.g.*");
    });
  }
  settle();
  on(0, [&] {
    EXPECT_EQ(listener.answers, 1);
    EXPECT_EQ(listener.first, Texts{early + "=3"});
  });
  EXPECT_EQ(published(early, "4").subscribers, 1U);
  settle();
  on(0, [&] { hub->shard(0).unsubscribe(listener.subscription); });
}

// --- rights

class HubLastValuesRights : public HubLastValues {
 protected:
  HubLastValuesRights() {
    settings.entity_channels = {{"ha.", "ha.state."}};
    settings.rules.insert(
        settings.rules.begin(),
        {ChannelRule{.pattern = "ha.state.*", .subscribe = "hub.subscribe", .history_size = 5, .last_value = true},
         ChannelRule{.pattern = "last.secret.*", .subscribe = "admin", .history_size = 5, .last_value = true}});
  }
  static PrincipalPtr limited(std::string entities) {
    Principal out = *who("anna");
    out.entities.text = std::move(entities);
    return std::make_shared<Principal const>(std::move(out));
  }
  // What a prefix gives at once, or the refusal.
  Texts given(std::string const& prefix, PrincipalPtr const& as) {
    Listening listener;
    Texts out;
    begin();
    on(0, [&] { listener.ask(*hub, prefix, as); });
    settle();
    on(0, [&] {
      EXPECT_EQ(listener.answers, 1);
      EXPECT_EQ(listener.subscription.joined(), !listener.end);
      out = listener.end == Code::forbidden ? Texts{"forbidden"} : listener.first;
      hub->shard(0).unsubscribe(listener.subscription);
    });
    return out;
  }
};

TEST_F(HubLastValuesRights, AreThoseOfWhatIsPublished) {
  for (auto const* name : {"ha.state.light.a", "ha.state.light.b", "ha.state.lock.door", "last.secret.x", "last.y"})
    published(name, "1");
  auto const lights = limited(R"({"allow":["light.*"]})"), one = limited(R"({"allow":["light.a"]})"),
             no_locks = limited(R"({"deny":["lock.*"]})"), area = limited(R"({"allow":["area:hall"]})");
  Texts const both{"ha.state.light.a=1", "ha.state.light.b=1"}, no{"forbidden"};
  EXPECT_EQ(given("ha.state.light.*", lights), both);
  EXPECT_EQ(given("ha.state.light.*", no_locks), both);
  EXPECT_EQ(given("ha.state.light.*", who("anna")), both);
  for (auto const* prefix : {"ha.state.*", "ha.*", "ha.state.lock.*"}) EXPECT_EQ(given(prefix, lights), no) << prefix;
  for (auto const* prefix : {"ha.state.*", "ha.state.lock.*"}) EXPECT_EQ(given(prefix, no_locks), no) << prefix;
  for (auto const& as : {one, area}) EXPECT_EQ(given("ha.state.light.*", as), no);
  // Of a namespace that one may not hear nothing comes by a wider prefix either.
  EXPECT_EQ(given("last.*", who("anna")), no);
  EXPECT_EQ(given("last.secret.*", who("anna")), no);
  EXPECT_THAT(given("last.*", host_principal()), UnorderedElementsAre("last.secret.x=1", "last.y=1"));
}

TEST_F(HubLastValuesRights, MayGoWhileHomesAreAsked) {
  auto const name = at_home(2, "last.g.x");
  published(name, "1");
  Listening listener, renewed;
  {
    Held held{runtime.shard(1)};
    on(0, [&] {
      listener.ask(*hub, "last.g.*", who("anna"));
      renewed.ask(*hub, "last.g.*", who("berta"));
    });
    rule("last.*").subscribe = "admin";
    hub->apply(settings);
    on(0, [&] {
      hub->shard(0).renew(renewed.subscription, who("berta", {}));
      EXPECT_EQ(renewed.end, Code::forbidden);
    });
  }
  settle();
  on(0, [&] {
    EXPECT_EQ(listener.end, Code::forbidden);
    EXPECT_FALSE(listener.subscription.joined());
    EXPECT_THAT(listener.first, IsEmpty());
    EXPECT_EQ(renewed.answers, 0);
  });
  EXPECT_EQ(published(name, "2").subscribers, 0U);
}

TEST(HubNamespaces, KnowsWhetherAnyChannelBelowAPrefixGivesItsNewest) {
  Settings settings;
  settings.rules = {{.pattern = "a.plain.*"},
                    {.pattern = "a.b.c", .history_size = 1, .last_value = true},
                    {.pattern = "a.none.*", .last_value = true},
                    {.pattern = "d.*", .history_size = 1, .last_value = true},
                    {.pattern = "*", .history_size = 1}};
  for (auto const* yes : {"a.*", "a.b.*", "d.*", "d.e.*"}) EXPECT_TRUE(gives_newest_below(settings, yes)) << yes;
  for (auto const* no : {"a.plain.*", "a.b.c.*", "a.none.*", "c.*", "dd.*"})
    EXPECT_FALSE(gives_newest_below(settings, no)) << no;
}

// --- on a connection

class HubLastValuesOfAClient : public HubLastValues {
 protected:
  HubLastValuesOfAClient() : HubLastValues(1) {}
  // So many channels with values that are larger together than any bound of a connection's.
  void much(int channels = 100) {
    settings.queue_bytes = 4096;
    for (int i = 0; i < channels; ++i) {
      published("last.m." + std::to_string(i), json::quoted(std::string(1000, 'x')));
      clock.advance(std::chrono::milliseconds{1});
    }
  }
  FakeConnection* congested_subscriber() {
    auto* client = welcomed();
    client->congest(true);
    client->say(R"({"type":"subscribe","channel":"last.m.*"})");
    EXPECT_NE(client->next().find(R"("type":"subscribed","channel":"last.m.*")"), std::string::npos);
    return client;
  }
  static void expect_promised(FakeConnection& client, int channels = 100) {
    for (int i = 0; i < channels; ++i)
      ASSERT_EQ(shown(client.next()).substr(0, 16), ("last.m." + std::to_string(i) + "=\"xxxxxxxxx").substr(0, 16));
  }
};

TEST_F(HubLastValuesOfAClient, FollowTheConfirmation) {
  published("last.m.a", "1");
  published("last.m.a", "2");
  auto* client = welcomed();
  client->say(R"({"type":"subscribe","channel":"last.m.*","id":7})");
  EXPECT_EQ(client->next(), timed(R"({"type":"subscribed","id":7,"channel":"last.m.*","timestamp":@})"));
  EXPECT_EQ(client->next(), timed(R"({"type":"message","channel":"last.m.a","data":2,"timestamp":@,"offset":2})"));
  published("last.m.a", "3");
  EXPECT_EQ(client->next(), timed(R"({"type":"message","channel":"last.m.a","data":3,"timestamp":@,"offset":3})"));
  // Who has it already is told so, and gets nothing twice.
  client->say(R"({"type":"subscribe","channel":"last.m.*","id":8})");
  EXPECT_EQ(client->next(), timed(R"({"type":"subscribed","id":8,"channel":"last.m.*","timestamp":@})"));
  settle();
  EXPECT_EQ(client->waiting(), 0U);
}

TEST_F(HubLastValuesOfAClient, AreNoOverflowHoweverManyTheyAre) {
  much();
  auto* client = congested_subscriber();
  for (int i = 0; i < 5; ++i) published("last.m.7", std::to_string(i));
  EXPECT_EQ(client->waiting(), 0U);
  client->congest(false);
  expect_promised(*client);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(shown(client->next()), "last.m.7=" + std::to_string(i));
  published("last.m.7", "5");
  EXPECT_EQ(shown(client->next()), "last.m.7=5");
}

TEST_F(HubLastValuesOfAClient, GoOutAsTheQueueTakesThem) {
  much();
  auto* client = welcomed();
  client->congested_after(10);
  client->say(R"({"type":"subscribe","channel":"last.m.*"})");
  published("last.m.7", "1");
  client->next();
  std::string last;
  for (std::size_t got = 0; got < 101;) {
    client->on_shard([&] { client->conversation().drained(); });
    ASSERT_GE(client->waiting(), 1U);
    EXPECT_LE(client->waiting(), 10U);
    for (; client->waiting() > 0; ++got) last = shown(client->next());
  }
  EXPECT_EQ(last, "last.m.7=1");
}

TEST_F(HubLastValuesOfAClient, WhatComesBehindThemIsBounded) {
  much();
  auto* client = congested_subscriber();
  auto const large = json::quoted(std::string(1000, 'y'));
  for (int i = 0; i < 7; ++i) published("last.m.7", large);
  EXPECT_EQ(client->waiting(), 0U);
  for (int i = 0; i < 4; ++i) published("last.m.7", large);
  // All of it is handed over: the queue's bound decides, as for everybody.
  EXPECT_GE(client->waiting(), 100U);
}

TEST_F(HubLastValuesOfAClient, WhatComesBehindThemGoesByThePolicy) {
  auto const large = [](int i) { return json::quoted(std::to_string(i) + std::string(1000, 'y')); };
  for (auto const policy : {SlowConsumer::drop_oldest, SlowConsumer::latest_only}) {
    rule("last.*").slow_consumer = policy;
    if (hub) hub->apply(settings);
    much();
    auto* client = congested_subscriber();
    for (int i = 1; i < 50; ++i) published("last.m.7", large(i));
    EXPECT_EQ(client->waiting(), 0U);
    client->congest(false);
    expect_promised(*client);
    settle();
    EXPECT_LE(client->waiting(), 9U);
    EXPECT_GE(client->waiting(), 1U);
    std::string last;
    while (client->waiting() > 0) last = client->next();
    EXPECT_EQ(shown(last), "last.m.7=" + large(49));
    client->disconnect();
  }
}

TEST_F(HubLastValuesOfAClient, AreNotThinnedByAGreatestRate) {
  rule("last.*").max_rate = 2;
  for (int i = 0; i < 5; ++i) published("last.m." + std::to_string(i), "0");
  auto* client = welcomed();
  client->say(R"({"type":"subscribe","channel":"last.m.*"})");
  EXPECT_EQ(client->next(6).size(), 6U);
  for (int i = 1; i <= 3; ++i) published("last.m.1", std::to_string(i));
  EXPECT_EQ(shown(client->next()), "last.m.1=1");
  settle();
  EXPECT_EQ(client->waiting(), 0U);
  advance(std::chrono::milliseconds{600});
  EXPECT_EQ(shown(client->next()), "last.m.1=3");
}

// --- as a stream

// Takes one event, then none until told.
class SlowEvents final : public EventSink {
 public:
  Taken emit(std::string_view event, std::string_view json) override {
    events.push_back({{}, std::string{event}, std::string{json}});
    return Taken::wait;
  }
  Task<bool> ready() override {
    ++waits;
    Deadline const none;
    auto const why = co_await waiter.wait(none, use_task);
    co_return why != Waiter::Why::cancelled;
  }
  std::vector<Events::Event> events;
  int waits = 0;
  Waiter waiter;
};

class HubLastValuesOfAStream : public HubLastValues {
 protected:
  HubLastValuesOfAStream() : HubLastValues(1) {}
  void open(std::string const& channel) {
    begin();
    runtime.shard(0).post([this, channel] {
      call_.set_events(&sink);
      auto reply = caller.start(subscribe, call_, SubscribeArgs{.channel = channel});
      asio::co_spawn(
          runtime.shard(0).executor(), reply.task(),
          asio::bind_cancellation_slot(call_.signal().slot(), [this](std::exception_ptr, Result<SubscribeResult> done) {
            end.set_value(std::move(done));
          }));
    });
    settle();
  }
  void go_on(int events) {
    for (int i = 0; i < events; ++i) on(0, [&] { sink.waiter.notify(); });
    settle();
  }
  Texts got() {
    Texts out;
    on(0, [&] { out = shown(sink.events); });
    return out;
  }
  // The error it ends with; none: the listener went.
  std::optional<Code> finish() {
    on(0, [&] { call_.stop(Stopped::cancelled); });
    auto const done = end.get_future().get();
    return done ? std::nullopt : std::optional{done.error().code};
  }
  Call call_{who("anna")};
  SlowEvents sink;
  std::promise<Result<SubscribeResult>> end;
};

TEST_F(HubLastValuesOfAStream, ArePacedAndKeepTheirOrder) {
  for (int i = 0; i < 5; ++i) published("last.m." + std::to_string(i), "0");
  open("last.m.*");
  EXPECT_THAT(got(), IsEmpty());
  go_on(2);
  published("last.m.0", "1");
  EXPECT_EQ(got(), (Texts{"last.m.0=0", "last.m.1=0"}));
  go_on(3);
  EXPECT_EQ(got(), (Texts{"last.m.0=0", "last.m.1=0", "last.m.2=0", "last.m.3=0", "last.m.4=0"}));
  go_on(1);
  EXPECT_EQ(got().back(), "last.m.0=1");
  EXPECT_EQ(finish(), std::nullopt);
}

TEST_F(HubLastValuesOfAStream, AllComeBeforeAFullQueueIsTold) {
  settings.queue_bytes = 4096;
  for (int i = 0; i < 5; ++i) published("last.m." + std::to_string(i), "0");
  open("last.m.*");
  for (int i = 0; i < 10; ++i) published("last.m.0", json::quoted(std::string(1000, 'x')));
  go_on(6);
  EXPECT_EQ(got().size(), 5U);
  EXPECT_EQ(finish(), Code::backpressure);
}

TEST_F(HubLastValuesOfAStream, EndWithTheRight) {
  for (int i = 0; i < 5; ++i) published("last.m." + std::to_string(i), "0");
  open("last.m.*");
  go_on(2);
  rule("last.*").subscribe = "admin";
  hub->apply(settings);
  settle();
  go_on(2);
  EXPECT_EQ(got().size(), 2U);
  EXPECT_EQ(finish(), Code::forbidden);
}

}  // namespace
}  // namespace patchbay::hub::test
