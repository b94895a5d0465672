// What the tests of the dialects stand on: a real hub on its shards, behind a table with the hub's own rows, a SECURITY
// that knows a few tokens, and some operations to call; and a connection without a socket whose frames can be read.
//
//   auto client = connect("/ws/connect", who("anna"));
//   EXPECT_EQ(client->next(), R"({"type":"connected",...})");
//   client->say(R"({"type":"subscribe","channel":"c"})");
//
// The clock stands still until advance() is called, which also fires the timers.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>

#include "core/base/caller.hpp"
#include "core/hub/dialects/conversation.hpp"
#include "core/hub/hub.hpp"
#include "core/runtime/waiter.hpp"
#include "core/security/operations.hpp"

namespace patchbay::hub::test {

// --- operations to call

struct WordsArgs {
  std::string workflow{}, app_id{}, chat_id{}, user_id{};
  std::string message{};
};
struct WordsResult {
  std::string content, agent, user;
};
// One event a word of the message; the word `pause` waits until resume() or the call's end.
inline constexpr Operation<WordsArgs, WordsResult> words{.name = "TEST.words",
                                                         .summary = "Give the words of a message one by one.",
                                                         .scope = "test.words",
                                                         .streaming = true};
struct SayArgs {
  std::string text;
};
struct SayResult {
  std::string text, user;
};
inline constexpr Operation<SayArgs, SayResult> say{
    .name = "TEST.say", .summary = "Give the text back.", .scope = "test.say"};
struct FloodArgs {
  std::uint32_t count = 1, bytes = 1;
};
inline constexpr Operation<FloodArgs, Nothing> flood{
    .name = "TEST.flood", .summary = "Give events of some size.", .scope = "test.say", .streaming = true};
inline constexpr Operation<FloodArgs, SayResult> fill{
    .name = "TEST.fill", .summary = "Give a text of some size.", .scope = "test.say"};

}  // namespace patchbay::hub::test

template <>
struct patchbay::Describe<patchbay::hub::test::WordsArgs> {
  using T = hub::test::WordsArgs;
  static constexpr std::tuple fields{
      field("workflow", &T::workflow, "Workflow").optional(), field("app_id", &T::app_id, "Application").optional(),
      field("chat_id", &T::chat_id, "Chat").optional(), field("user_id", &T::user_id, "User").optional(),
      field("message", &T::message, "Words")};
};
template <>
struct patchbay::Describe<patchbay::hub::test::WordsResult> {
  using T = hub::test::WordsResult;
  static constexpr std::tuple fields{field("content", &T::content, "All"), field("agent", &T::agent, "Who"),
                                     field("user", &T::user, "For whom")};
};
template <>
struct patchbay::Describe<patchbay::hub::test::SayArgs> {
  static constexpr std::tuple fields{field("text", &hub::test::SayArgs::text, "Text").length(1, 1000)};
};
template <>
struct patchbay::Describe<patchbay::hub::test::SayResult> {
  static constexpr std::tuple fields{field("text", &hub::test::SayResult::text, "Text"),
                                     field("user", &hub::test::SayResult::user, "User")};
};
template <>
struct patchbay::Describe<patchbay::hub::test::FloodArgs> {
  static constexpr std::tuple fields{field("count", &hub::test::FloodArgs::count, "How many").optional(),
                                     field("bytes", &hub::test::FloodArgs::bytes, "How long").optional()};
};

namespace patchbay::hub::test {

// Stands still; steady times are near the real ones, so that a shard's own timer sleeps.
class SteppedClock final : public Clock {
 public:
  SteadyTime now() const override { return begun_ + std::chrono::nanoseconds{offset_.load()}; }
  WallTime wall() const override {
    return WallTime{std::chrono::milliseconds{1'700'000'000'250}} +
           std::chrono::duration_cast<WallTime::duration>(std::chrono::nanoseconds{offset_.load()});
  }
  void advance(std::chrono::nanoseconds by) { offset_ += by.count(); }

 private:
  SteadyTime const begun_ = std::chrono::steady_clock::now();
  std::atomic<std::int64_t> offset_{0};
};
inline constexpr std::string_view float_now = "1700000000.250", iso_now = "2023-11-14T22:13:20.250Z";

// Replaces every "@" by the float time and "#" by the ISO one.
inline std::string timed(std::string_view text) {
  std::string out;
  for (char c : text)
    if (c == '@')
      out += float_now;
    else if (c == '#')
      out += iso_now;
    else
      out += c;
  return out;
}

inline std::string payload_of(std::string_view bytes) {
  auto const mark = static_cast<unsigned char>(bytes[1]);
  return std::string{bytes.substr(mark < 126 ? 2 : mark == 126 ? 4 : 10)};
}

inline PrincipalPtr who(std::string user_id, std::vector<std::string> scopes = {"hub.*", "test.*"}) {
  Principal principal{.name = "token:" + user_id, .scopes = std::move(scopes)};
  principal.user_id = std::move(user_id);
  return std::make_shared<Principal const>(std::move(principal));
}

class FakeConnection final : public Connection {
 public:
  FakeConnection(HubShard& hub, Endpoint endpoint, PrincipalPtr who, std::string id)
      : id_(std::move(id)), hub_(hub), endpoint_(std::move(endpoint)), who_(std::move(who)) {}

  // --- for tests, on the test's thread
  void say(std::string text) {
    on_shard([&] {
      seen_ = hub_.clock().now();
      conversation_->received(text, false);
    });
  }
  void say_binary(std::string_view bytes) {
    on_shard([&] { conversation_->received(bytes, true); });
  }
  // The next frame; waits for it, and fails the test when none comes.
  std::string next() {
    std::unique_lock lock{mutex_};
    EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds{20}, [&] { return !frames_.empty(); })) << "no frame came";
    if (frames_.empty()) return {};
    auto text = std::move(frames_.front());
    frames_.pop_front();
    return text;
  }
  std::vector<std::string> next(std::size_t count) {
    std::vector<std::string> out;
    while (out.size() < count) out.push_back(next());
    return out;
  }
  // The code it was closed with; waits for it.
  std::uint16_t closed_with() {
    std::unique_lock lock{mutex_};
    EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds{20}, [&] { return code_ != 0; })) << "it was not closed";
    return code_;
  }
  bool is_open() {
    std::lock_guard const lock{mutex_};
    return code_ == 0;
  }
  std::size_t waiting() {
    std::lock_guard const lock{mutex_};
    return frames_.size();
  }
  template <class Work>
  void on_shard(Work work) {
    std::promise<void> done;
    hub_.shard().post([&] {
      work();
      done.set_value();
    });
    done.get_future().get();
  }
  void start() {
    on_shard([&] {
      seen_ = hub_.clock().now();
      conversation_ = make_conversation(*this);
      hub_.enter(*this);
      conversation_->opened();
    });
  }
  // As a session that has lost its peer.
  void disconnect() {
    on_shard([&] {
      if (!conversation_) return;
      conversation_->closed();
      conversation_.reset();
      hub_.leave(*this);
    });
  }
  void congest(bool yes) {
    on_shard([&] {
      congested_ = yes;
      if (!yes) conversation_->drained();
    });
  }
  // Beyond so many frames it says that it is congested.
  void congested_after(std::size_t frames) { limit_ = frames; }
  void expire_in(std::chrono::seconds after) { expires_ = hub_.clock().wall() + after; }
  std::chrono::nanoseconds measured() const { return round_trip_; }

  // --- Connection
  std::string const& id() const override { return id_; }
  HubShard& hub() override { return hub_; }
  Endpoint const& endpoint() const override { return endpoint_; }
  std::string const& peer() const override { return peer_; }
  bool forwarded() const override { return false; }
  PrincipalPtr const& who() const override { return who_; }
  void set_who(PrincipalPtr who, std::optional<WallTime> expires) override {
    who_ = std::move(who);
    expires_ = expires;
    hub_.identified(*this);
  }
  std::optional<WallTime> expires() const override { return expires_; }
  SteadyTime last_seen() const override { return seen_; }
  void send(FramePtr frame) override {
    std::lock_guard const lock{mutex_};
    if (code_ != 0) return;
    frames_.push_back(payload_of(frame->bytes));
    changed_.notify_all();
  }
  void send(FramePtr frame, Subscription const&) override { send(std::move(frame)); }
  std::size_t deflate_window() const override { return 0; }
  std::size_t queued_bytes() const override { return 0; }
  bool congested() const override {
    std::lock_guard const lock{mutex_};
    return congested_ || frames_.size() >= limit_;
  }
  void close(std::uint16_t code, std::string_view) override {
    std::lock_guard const lock{mutex_};
    if (code_ == 0) code_ = code;
    changed_.notify_all();
  }
  void round_trip(std::chrono::nanoseconds took) override { round_trip_ = took; }
  void become(std::unique_ptr<Conversation> next) override {
    std::shared_ptr<Conversation> before = std::move(conversation_);
    conversation_ = std::move(next);
    conversation_->opened();
    hub_.shard().post([before = std::move(before)]() mutable { before.reset(); });
  }
  Conversation& conversation() override { return *conversation_; }
  ConnectionFigures figures() const override { return {}; }

 private:
  std::string const id_;
  HubShard& hub_;
  Endpoint const endpoint_;
  PrincipalPtr who_;
  std::optional<WallTime> expires_;
  std::string const peer_ = "192.0.2.1";
  SteadyTime seen_{};
  std::chrono::nanoseconds round_trip_{0};
  bool congested_ = false;
  std::size_t limit_ = std::numeric_limits<std::size_t>::max();
  std::unique_ptr<Conversation> conversation_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> frames_;
  std::uint16_t code_ = 0;
};

class DialectTest : public testing::Test {
 protected:
  explicit DialectTest(unsigned shards = 1) : runtime{{.shards = shards}, clock, log} {
    OperationTable table;
    table.add(publish, [this](Call& call, PublishArgs args) { return hub->publish(call, std::move(args)); });
    table.add(get_presence, [this](Call& call, ChannelNameArgs args) { return hub->presence(call, std::move(args)); });
    table.add(get_history, [this](Call& call, HistoryArgs args) { return hub->history(call, std::move(args)); });
    table.add(send_to_user,
              [this](Call& call, SendToUserArgs args) { return hub->send_to_user(call, std::move(args)); });
    table.add(send_to_chat,
              [this](Call& call, SendToChatArgs args) { return hub->send_to_chat(call, std::move(args)); });
    table.add(broadcast, [this](Call& call, BroadcastArgs args) { return hub->broadcast(call, std::move(args)); });
    table.add(get_receipt, [this](Call& call, ReceiptArgs args) { return hub->receipt(call, std::move(args)); });
    table.add(security::authenticate,
              [this](Call&, security::AuthenticateArgs args) { return authenticate(std::move(args)); });
    table.add(say, [](Call& call, SayArgs args) { return SayResult{std::move(args.text), call.user_id()}; });
    table.add(words, [this](Call& call, WordsArgs args) { return speak(call, std::move(args)); });
    table.add(flood, [](Call& call, FloodArgs args) { return pour(call, args); });
    table.add(fill, [](Call&, FloodArgs args) { return SayResult{std::string(args.bytes, 'x'), {}}; });
    caller.publish(std::move(table));
    settings.rules = {
        ChannelRule{.pattern = "audit", .subscribe = "admin"},
        ChannelRule{.pattern = "kept.*",
                    .subscribe = "hub.subscribe",
                    .publish = "hub.publish",
                    .presence = "hub.subscribe",
                    .history_size = 4,
                    .history_ttl = std::chrono::hours{1}},
        ChannelRule{
            .pattern = "*", .subscribe = "hub.subscribe", .publish = "hub.publish", .presence = "hub.subscribe"}};
    settings.workflows = {{"assistant", {.operation = "test_words"}},
                          {"team", {.operation = "test_words", .shared = true}}};
    runtime.start();
  }
  ~DialectTest() override {
    for (auto& client : clients) client->disconnect();
    if (hub) hub->stop();
    runtime.stop();
    clients.clear();
  }

  void begin() {
    if (hub) return;
    hub = std::make_unique<Hub>(runtime, caller, counters, log, settings);
    hub->start();
  }
  // A connection whose principal is known already, or with null the one that has to say.
  FakeConnection* connect(std::string_view target, PrincipalPtr principal, unsigned shard = 0) {
    begin();
    auto endpoint = endpoint_of(target, settings);
    EXPECT_TRUE(endpoint) << target;
    auto id = "c" + std::to_string(clients.size() + 1);
    clients.push_back(
        std::make_unique<FakeConnection>(hub->shard(shard), *endpoint, std::move(principal), std::move(id)));
    clients.back()->start();
    return clients.back().get();
  }
  // Connected and welcomed.
  FakeConnection* welcomed(std::string_view target = "/ws/connect", PrincipalPtr principal = who("anna"),
                           unsigned shard = 0) {
    auto* client = connect(target, std::move(principal), shard);
    client->next();
    return client;
  }
  // Time goes by on all shards, in steps that no timer jumps over.
  void advance(std::chrono::milliseconds by) {
    auto const step = std::chrono::milliseconds{100};
    // A timer fires up to two ticks late.
    for (by += 2 * TimerWheel::tick; by.count() > 0; by -= step) {
      clock.advance(std::min(by, step));
      for (std::size_t i = 0; i < runtime.size(); ++i) on(i, [&] { runtime.shard(i).wheel().advance(); });
    }
  }
  template <class Work>
  void on(std::size_t shard, Work work) {
    std::promise<void> done;
    runtime.shard(shard).post([&] {
      work();
      done.set_value();
    });
    done.get_future().get();
  }
  // What was posted has been done, also what that posted.
  void settle() {
    for (int round = 0; round < 4; ++round)
      for (std::size_t i = 0; i < runtime.size(); ++i) on(i, [] {});
  }
  // By name, as host code; waits for the end.
  template <class A, class R>
  Result<R> call(Operation<A, R> const& operation, std::type_identity_t<A> args) {
    begin();
    auto place = std::make_shared<Call>(host_principal());
    std::promise<Result<R>> done;
    runtime.shard(0).post([&] {
      auto reply = caller.start(operation, *place, std::move(args));
      if (reply.ready()) return done.set_value(reply.take());
      asio::co_spawn(runtime.shard(0).executor(), reply.task(),
                     [&done](std::exception_ptr, Result<R> result) { done.set_value(std::move(result)); });
    });
    return done.get_future().get();
  }
  // Lets every `pause` go on.
  void resume() {
    on(0, [&] {
      paused = false;
      for (auto* waiter : waiters) waiter->notify();
      waiters.clear();
    });
  }

  SteppedClock clock;
  NullLog log;
  Runtime runtime;
  Counters counters;
  Caller caller{counters};
  Settings settings;
  std::unique_ptr<Hub> hub;
  std::vector<std::unique_ptr<FakeConnection>> clients;
  bool paused = true;  // shard 0 only, as the next one: pauses are for tests with one shard
  std::vector<Waiter*> waiters;

 private:
  // Tokens read user:scopes, such as "anna:hub.*".
  Result<security::AuthenticateResult> authenticate(security::AuthenticateArgs args) {
    if (args.peer != "192.0.2.1") return Error{Code::internal, "the peer is not passed on"};
    auto const colon = args.token.find(':');
    if (colon == std::string::npos) return Error{Code::unauthenticated, "the token is not known"};
    security::AuthenticateResult found;
    found.who = who(args.token.substr(0, colon), {args.token.substr(colon + 1)});
    found.expires = clock.wall() + std::chrono::hours{1};
    return found;
  }
  Task<Result<WordsResult>> speak(Call& call, WordsArgs args) {
    std::string_view rest{args.message};
    while (!rest.empty()) {
      auto const end = std::min(rest.find(' '), rest.size());
      auto const word = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      if (word == "pause") {
        if (!paused) continue;
        Waiter waiter;
        waiters.push_back(&waiter);
        Deadline const none;
        auto const why = co_await waiter.wait(none, use_task);
        std::erase(waiters, &waiter);
        if (why == Waiter::Why::cancelled) co_return Error{Code::cancelled, "stopped"};
        continue;
      }
      if (word == "fail") co_return Error{Code::upstream_failed, "no more words"};
      auto const text = R"({"content":)" + json::quoted(word) + "}";
      auto const taken = call.events()->emit("token", text);
      if (taken == EventSink::Taken::gone) co_return Error{Code::cancelled, "nobody listens"};
      if (taken == EventSink::Taken::wait) {
        auto const more = co_await call.events()->ready();
        if (!more) co_return Error{Code::cancelled, "nobody listens"};
      }
    }
    WordsResult result{args.message, "test", call.user_id()};
    co_return result;
  }
  static Task<Result<Nothing>> pour(Call& call, FloodArgs args) {
    auto const text = json::quoted(std::string(args.bytes, 'x'));
    for (std::uint32_t i = 0; i < args.count; ++i) {
      auto const taken = call.events()->emit("drop", text);
      if (taken == EventSink::Taken::gone) co_return Error{Code::cancelled, "nobody listens"};
      if (taken == EventSink::Taken::wait) {
        auto const more = co_await call.events()->ready();
        if (!more) co_return Error{Code::cancelled, "nobody listens"};
      }
    }
    co_return Nothing{};
  }
};

}  // namespace patchbay::hub::test
