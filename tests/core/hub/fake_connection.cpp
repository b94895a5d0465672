#include "tests/core/hub/fake_connection.hpp"

namespace patchbay::hub::test {

std::string timed(std::string_view text) {
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

std::string payload_of(std::string_view bytes) {
  auto const mark = static_cast<unsigned char>(bytes[1]);
  return std::string{bytes.substr(mark < 126 ? 2 : mark == 126 ? 4 : 10)};
}

PrincipalPtr who(std::string user_id, std::vector<std::string> scopes) {
  Principal principal{.name = "token:" + user_id, .scopes = std::move(scopes)};
  principal.user_id = std::move(user_id);
  return std::make_shared<Principal const>(std::move(principal));
}

void FakeConnection::say(std::string text) {
  on_shard([&] {
    seen_ = hub_.clock().now();
    conversation_->received(text, false);
  });
}

void FakeConnection::say_binary(std::string_view bytes) {
  on_shard([&] { conversation_->received(bytes, true); });
}

std::string FakeConnection::next() {
  std::unique_lock lock{mutex_};
  EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds{20}, [&] { return !frames_.empty(); })) << "no frame came";
  if (frames_.empty()) return {};
  auto text = std::move(frames_.front());
  frames_.pop_front();
  return text;
}

std::vector<std::string> FakeConnection::next(std::size_t count) {
  std::vector<std::string> out;
  while (out.size() < count) out.push_back(next());
  return out;
}

std::uint16_t FakeConnection::closed_with() {
  std::unique_lock lock{mutex_};
  EXPECT_TRUE(changed_.wait_for(lock, std::chrono::seconds{20}, [&] { return code_ != 0; })) << "it was not closed";
  return code_;
}

void FakeConnection::start() {
  on_shard([&] {
    seen_ = hub_.clock().now();
    conversation_ = make_conversation(*this);
    hub_.enter(*this);
    conversation_->opened();
  });
}

void FakeConnection::disconnect() {
  on_shard([&] {
    if (!conversation_) return;
    conversation_->closed();
    conversation_.reset();
    hub_.leave(*this);
  });
}

void FakeConnection::congest(bool yes) {
  on_shard([&] {
    congested_ = yes;
    if (!yes) conversation_->drained();
  });
}

void FakeConnection::set_who(PrincipalPtr who, std::optional<WallTime> expires) {
  who_ = std::move(who);
  expires_ = expires;
  hub_.identified(*this);
}

void FakeConnection::send(FramePtr frame) {
  std::lock_guard const lock{mutex_};
  if (code_ != 0) return;
  frames_.push_back(payload_of(frame->bytes));
  changed_.notify_all();
}

void FakeConnection::become(std::unique_ptr<Conversation> next) {
  std::shared_ptr<Conversation> before = std::move(conversation_);
  conversation_ = std::move(next);
  conversation_->opened();
  hub_.shard().post([before = std::move(before)]() mutable { before.reset(); });
}

DialectTest::DialectTest(unsigned shards) : runtime{{.shards = shards}, clock, log} {
  OperationTable table;
  table.add(publish, [this](Call& call, PublishArgs args) { return hub->publish(call, std::move(args)); });
  table.add(get_presence, [this](Call& call, ChannelNameArgs args) { return hub->presence(call, std::move(args)); });
  table.add(get_history, [this](Call& call, HistoryArgs args) { return hub->history(call, std::move(args)); });
  table.add(send_to_user, [this](Call& call, SendToUserArgs args) { return hub->send_to_user(call, std::move(args)); });
  table.add(send_to_chat, [this](Call& call, SendToChatArgs args) { return hub->send_to_chat(call, std::move(args)); });
  table.add(broadcast, [this](Call& call, BroadcastArgs args) { return hub->broadcast(call, std::move(args)); });
  table.add(get_receipt, [this](Call& call, ReceiptArgs args) { return hub->receipt(call, std::move(args)); });
  table.add(security::authenticate,
            [this](Call&, security::AuthenticateArgs args) { return authenticate(std::move(args)); });
  table.add(say, [](Call& call, SayArgs args) { return SayResult{std::move(args.text), call.user_id()}; });
  table.add(hold, [this](Call& call, SayArgs args) { return wait_and_say(call, std::move(args)); });
  table.add(words, [this](Call& call, WordsArgs args) { return speak(call, std::move(args)); });
  table.add(flood, [](Call& call, FloodArgs args) { return pour(call, args); });
  table.add(fill, [](Call&, FloodArgs args) { return SayResult{std::string(args.bytes, 'x'), {}}; });
  caller.publish(std::move(table));
  settings.rules = {
      ChannelRule{.pattern = "audit", .subscribe = "admin"},
      ChannelRule{.pattern = "last.*",
                  .subscribe = "hub.subscribe",
                  .publish = "hub.publish",
                  .presence = "hub.subscribe",
                  .history_size = 5,
                  .history_ttl = std::chrono::seconds{1},
                  .last_value = true},
      ChannelRule{.pattern = "kept.*",
                  .subscribe = "hub.subscribe",
                  .publish = "hub.publish",
                  .presence = "hub.subscribe",
                  .history_size = 4,
                  .history_ttl = std::chrono::hours{1}},
      ChannelRule{.pattern = "*", .subscribe = "hub.subscribe", .publish = "hub.publish", .presence = "hub.subscribe"}};
  settings.workflows = {{"assistant", {.operation = "test_words"}},
                        {"team", {.operation = "test_words", .shared = true}}};
  runtime.start();
}

DialectTest::~DialectTest() {
  for (auto& client : clients) client->disconnect();
  if (hub) hub->stop();
  runtime.stop();
  clients.clear();
}

void DialectTest::begin() {
  if (hub) return;
  hub = std::make_unique<Hub>(runtime, caller, counters, log, settings);
  hub->start();
}

FakeConnection* DialectTest::connect(std::string_view target, PrincipalPtr principal, unsigned shard) {
  begin();
  auto endpoint = endpoint_of(target, settings);
  EXPECT_TRUE(endpoint) << target;
  auto id = "c" + std::to_string(clients.size() + 1);
  clients.push_back(
      std::make_unique<FakeConnection>(hub->shard(shard), *endpoint, std::move(principal), std::move(id)));
  clients.back()->start();
  return clients.back().get();
}

FakeConnection* DialectTest::welcomed(std::string_view target, PrincipalPtr principal, unsigned shard) {
  auto* client = connect(target, std::move(principal), shard);
  client->next();
  return client;
}

void DialectTest::advance(std::chrono::milliseconds by) {
  auto const step = std::chrono::milliseconds{100};
  // A timer fires up to two ticks late.
  for (by += 2 * TimerWheel::tick; by.count() > 0; by -= step) {
    clock.advance(std::min(by, step));
    for (std::size_t i = 0; i < runtime.size(); ++i) on(i, [&] { runtime.shard(i).wheel().advance(); });
  }
}

void DialectTest::settle() {
  for (int round = 0; round < 4; ++round)
    for (std::size_t i = 0; i < runtime.size(); ++i) on(i, [] {});
}

void DialectTest::resume() {
  on(0, [&] {
    paused = false;
    for (auto* waiter : waiters) waiter->notify();
    waiters.clear();
  });
}

// Tokens read user:scopes, such as "anna:hub.*".
Result<security::AuthenticateResult> DialectTest::authenticate(security::AuthenticateArgs args) {
  if (args.peer != "192.0.2.1") return Error{Code::internal, "the peer is not passed on"};
  auto const colon = args.token.find(':');
  if (colon == std::string::npos) return Error{Code::unauthenticated, "the token is not known"};
  security::AuthenticateResult found;
  found.who = who(args.token.substr(0, colon), {args.token.substr(colon + 1)});
  found.expires = clock.wall() + std::chrono::hours{1};
  return found;
}

// Until resume(); false when the call was stopped before.
Task<bool> DialectTest::resumed() {
  Waiter waiter;
  waiters.push_back(&waiter);
  Deadline const none;
  auto const why = co_await waiter.wait(none, use_task);
  std::erase(waiters, &waiter);
  co_return why != Waiter::Why::cancelled;
}

namespace {

// Sends an event, and waits until the next one is welcome; false when nobody listens.
Task<bool> given(Call& call, std::string_view event, std::string text) {
  auto const taken = call.events()->emit(event, text);
  if (taken != EventSink::Taken::wait) co_return taken == EventSink::Taken::ok;
  auto const more = co_await call.events()->ready();
  co_return more;
}

Error nobody_listens() { return {Code::cancelled, "nobody listens"}; }

}  // namespace

Task<Result<WordsResult>> DialectTest::speak(Call& call, WordsArgs args) {
  std::string_view rest{args.message};
  while (!rest.empty()) {
    auto const end = std::min(rest.find(' '), rest.size());
    auto const word = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (word == "pause") {
      if (!paused) continue;
      auto const goes_on = co_await resumed();
      if (!goes_on) co_return Error{Code::cancelled, "stopped"};
      continue;
    }
    if (word == "fail") co_return Error{Code::upstream_failed, "no more words"};
    auto text = R"({"content":)" + json::quoted(word) + "}";
    auto giving = given(call, "token", std::move(text));
    auto const taken = co_await std::move(giving);
    if (!taken) co_return nobody_listens();
  }
  WordsResult result{args.message, "test", call.user_id()};
  co_return result;
}

Task<Result<SayResult>> DialectTest::wait_and_say(Call& call, SayArgs args) {
  auto const goes_on = co_await resumed();
  if (!goes_on) co_return Error{Code::cancelled, "stopped"};
  SayResult result{std::move(args.text), call.user_id()};
  co_return result;
}

Task<Result<Nothing>> DialectTest::pour(Call& call, FloodArgs args) {
  auto const text = json::quoted(std::string(args.bytes, 'x'));
  for (std::uint32_t i = 0; i < args.count; ++i) {
    auto giving = given(call, "drop", text);
    auto const taken = co_await std::move(giving);
    if (!taken) co_return nobody_listens();
  }
  co_return Nothing{};
}

}  // namespace patchbay::hub::test
