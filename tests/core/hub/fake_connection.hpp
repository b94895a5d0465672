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
// Waits until resume() or the call's end, and streams nothing.
inline constexpr Operation<SayArgs, SayResult> hold{
    .name = "TEST.hold", .summary = "Give the text back later.", .scope = "test.say"};
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
std::string timed(std::string_view text);

std::string payload_of(std::string_view bytes);

PrincipalPtr who(std::string user_id, std::vector<std::string> scopes = {"hub.*", "test.*"});

class FakeConnection final : public Connection {
 public:
  FakeConnection(HubShard& hub, Endpoint endpoint, PrincipalPtr who, std::string id)
      : id_(std::move(id)), hub_(hub), endpoint_(std::move(endpoint)), who_(std::move(who)) {}

  // --- for tests, on the test's thread
  void say(std::string text);
  void say_binary(std::string_view bytes);
  // The next frame; waits for it, and fails the test when none comes.
  std::string next();
  std::vector<std::string> next(std::size_t count);
  // The code it was closed with; waits for it.
  std::uint16_t closed_with();
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
  void start();
  // As a session that has lost its peer.
  void disconnect();
  void congest(bool yes);
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
  void set_who(PrincipalPtr who, std::optional<WallTime> expires) override;
  std::optional<WallTime> expires() const override { return expires_; }
  SteadyTime last_seen() const override { return seen_; }
  void send(FramePtr frame) override;
  void send(FramePtr frame, Subscription const&) override { send(std::move(frame)); }
  void send_late(FramePtr frame) override { send(std::move(frame)); }
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
  void become(std::unique_ptr<Conversation> next) override;
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
  explicit DialectTest(unsigned shards = 1);
  ~DialectTest() override;

  void begin();
  // A connection whose principal is known already, or with null the one that has to say.
  FakeConnection* connect(std::string_view target, PrincipalPtr principal, unsigned shard = 0);
  // Connected and welcomed.
  FakeConnection* welcomed(std::string_view target = "/ws/connect", PrincipalPtr principal = who("anna"),
                           unsigned shard = 0);
  // Time goes by on all shards, in steps that no timer jumps over.
  void advance(std::chrono::milliseconds by);
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
  void settle();
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
  void resume();

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
  Result<security::AuthenticateResult> authenticate(security::AuthenticateArgs args);
  Task<bool> resumed();
  Task<Result<WordsResult>> speak(Call& call, WordsArgs args);
  Task<Result<SayResult>> wait_and_say(Call& call, SayArgs args);
  static Task<Result<Nothing>> pour(Call& call, FloodArgs args);
};

}  // namespace patchbay::hub::test
