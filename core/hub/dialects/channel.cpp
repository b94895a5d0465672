#include "core/hub/dialects/channel.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

#include "core/hub/dialects/message_reader.hpp"
#include "core/hub/dialects/sign_in.hpp"
#include "core/hub/hub_shard.hpp"
#include "core/hub/operations.hpp"
#include "core/hub/standard_channels.hpp"

namespace patchbay::hub {

using namespace std::chrono_literals;

// Missed messages have been promised, however many they are: they go out as fast as the client reads. What comes
// meanwhile waits behind them, bounded.
struct Channel::Waiting {
  Backlog missed, later;
};

struct Channel::Membership : Subscription {
  explicit Membership(Channel& to) : Subscription(to) {}
  std::string name;
  std::vector<std::string> asking{};   // ids of requests that wait for the channel's home; one may be empty
  std::unique_ptr<Position> at{};      // newest that this client has, where the channel keeps history
  std::unique_ptr<Waiting> waiting{};  // while missed messages or later ones wait
};

Channel::Channel(Connection& connection) : Conversation(connection), requests_(connection.hub().shard()) {}
Channel::~Channel() = default;

std::vector<Channel::Row> const& Channel::rows() {
  static std::vector<Row> const all{
      {"pong", &Channel::on_pong},       {"publish", &Channel::on_publish},
      {"ack", &Channel::on_ack},         {"subscribe", &Channel::on_subscribe},
      {"call", &Channel::on_call},       {"unsubscribe", &Channel::on_unsubscribe},
      {"cancel", &Channel::on_cancel},   {"presence", &Channel::on_presence},
      {"history", &Channel::on_history}, {"refresh", &Channel::on_refresh},
      {"ping", &Channel::on_ping},
  };
  return all;
}

WallTime Channel::now() const { return connection().hub().clock().wall(); }

Calls& Channel::calls() {
  if (!calls_) calls_ = std::make_unique<Calls>(connection());
  return *calls_;
}

// --- life

void Channel::opened() {
  ReplyText welcome{"connected"};
  reply(welcome.text("connection_id", connection().id()).time("timestamp", Form::channel, now()).frame());
  beat_.on_expiry([this] { beat(); });
  connection().hub().shard().wheel().arm(beat_, connection().hub().settings()->heartbeat);
  if (auto const& channel = connection().endpoint().channel; !channel.empty()) subscribe(channel, {}, std::nullopt);
}

void Channel::received(std::string_view text, bool binary) {
  if (binary) return connection().close(close_code::unsupported_data, "messages are JSON text");
  ClientMessage const message{text};
  if (message.error()) return refuse(message, *message.error());
  for (auto const& row : rows())
    if (row.type == message.type()) return (this->*row.answer)(message);
  std::string known;
  for (auto const& row : rows()) known += fmt::format("{}{}", known.empty() ? "" : ", ", row.type);
  refuse(message, {Code::invalid_argument,
                   fmt::format("unknown type \"{}\"; there are {}", message.type().substr(0, 64), known), "/type"});
}

void Channel::drained() {
  for (auto& membership : memberships_) pump(*membership);
  if (calls_) calls_->drained();
}

void Channel::draining(std::chrono::milliseconds come_back_after) {
  ReplyText hint{"reconnect"};
  reply(hint.number("after_ms", static_cast<std::uint64_t>(come_back_after.count())).frame());
  if (calls_) calls_->draining();
}

bool Channel::busy() const { return calls_ && calls_->busy(); }

void Channel::give_up_calls() {
  if (calls_) calls_->give_up();
}

void Channel::closed() {
  beat_.disarm();
  requests_.stop(Stopped::cancelled);
  if (calls_) calls_->stop(Stopped::cancelled);
  for (auto& membership : memberships_) connection().hub().unsubscribe(*membership);
}

void Channel::refuse(ClientMessage const& message, Error const& error) {
  reply(error_reply(Form::channel, error, message.context(), now()));
}
void Channel::refuse(std::string_view request, std::string_view id, std::string_view channel, Error const& error) {
  ErrorContext const context{.request = request, .id = id, .channel = channel};
  reply(error_reply(Form::channel, error, context, now()));
}

// --- heartbeat

void Channel::ping() {
  ReplyText text{"ping"};
  reply(text.time("timestamp", Form::channel, now()).frame());
  pinged_ = connection().hub().clock().now();
  answered_ = false;
}

void Channel::beat() {
  auto& wheel = connection().hub().shard().wheel();
  auto const interval = connection().hub().settings()->heartbeat;
  auto const heard = pinged_ == SteadyTime{} || connection().last_seen() >= pinged_;
  if (heard) {
    // After a second ping that was answered the next is due one whole interval after it.
    auto const early = missed_ > 0 ? std::min<std::chrono::nanoseconds>(interval, 5s) : 0ns;
    missed_ = 0;
    if (early > 0ns && early < interval) {
      pinged_ = SteadyTime{};
      return wheel.arm(beat_, interval - early);
    }
  } else if (++missed_ == 2) {
    return connection().close(close_code::timeout, "two pings were not answered");
  }
  ping();
  wheel.arm(beat_, missed_ > 0 ? std::min<std::chrono::nanoseconds>(interval, 5s) : interval);
}

void Channel::on_pong(ClientMessage const&) {
  if (answered_) return;
  answered_ = true;
  if (pinged_ != SteadyTime{}) connection().round_trip(connection().hub().clock().now() - pinged_);
}

void Channel::on_ping(ClientMessage const& message) {
  ReplyText pong{"pong", message.id()};
  reply(pong.time("timestamp", Form::channel, now()).frame());
}

// --- subscriptions

namespace {

Result<std::string> channel_of(ClientMessage const& message, bool pattern) {
  auto channel = message.text("channel");
  if (!channel) return channel.error();
  if (pattern ? is_channel_pattern(*channel) : is_channel_name(*channel)) return channel;
  return Error{Code::invalid_argument,
               fmt::format("a channel is named by 1 to 255 characters of A-Z a-z 0-9 _ . : -{}",
                           pattern ? "; a subscription may end with .* for all that begin so" : ""),
               "/channel"};
}

// {"epoch":"..","offset":41}, or nothing when it is absent.
Result<std::optional<Position>> position_of(ClientMessage const& message, std::string_view key) {
  std::optional<Position> none;
  auto const* given = message.find(key);
  if (given == nullptr || given->IsNull()) return none;
  auto const wrong = [&](std::string_view member, std::string_view wanted) {
    return Error{Code::invalid_argument, fmt::format("{} must be an object with epoch and offset: {}", key, wanted),
                 fmt::format("/{}{}{}", key, member.empty() ? "" : "/", member)};
  };
  if (!given->IsObject()) return wrong("", fmt::format("not {}", json::kind_of(*given)));
  auto const* epoch = json::find(*given, "epoch");
  if (epoch == nullptr || !epoch->IsString()) return wrong("epoch", "epoch is the text that subscribed told");
  auto const* offset = json::find(*given, "offset");
  if (offset == nullptr || !offset->IsUint64()) return wrong("offset", "offset is an integer from 0 on");
  return std::optional<Position>{Position{std::string{json::text_of(*epoch)}, offset->GetUint64()}};
}

}  // namespace

Channel::Membership* Channel::find(std::string_view channel) {
  for (auto& membership : memberships_)
    if (membership->name == channel) return membership.get();
  return nullptr;
}

void Channel::drop(Membership& membership) {
  auto const found =
      std::find_if(memberships_.begin(), memberships_.end(), [&](auto const& one) { return one.get() == &membership; });
  if (found == memberships_.end()) return;
  std::shared_ptr<Membership> gone = std::move(*found);
  memberships_.erase(found);
  connection().hub().shard().post([gone = std::move(gone)]() mutable { gone.reset(); });
}

void Channel::on_subscribe(ClientMessage const& message) {
  auto channel = channel_of(message, true);
  if (!channel) return refuse(message, channel.error());
  auto recover = position_of(message, "recover");
  if (!recover) return refuse(message, recover.error());
  subscribe(std::move(*channel), std::string{message.id()}, std::move(*recover));
}

void Channel::subscribe(std::string channel, std::string id, std::optional<Position> recover) {
  if (auto* membership = find(channel)) {
    if (!membership->asking.empty()) {
      if (membership->asking.size() >= 16)
        return refuse("subscribe", id, channel, {Code::conflict, "this channel is being subscribed to already"});
      membership->asking.push_back(std::move(id));
      return;
    }
    if (!recover) return confirm(*membership, id, nullptr);
    // It says what it has: it gets what came after that once more, exactly.
    connection().hub().unsubscribe(*membership);
    membership->waiting.reset();
    return ask(*membership, std::move(id), std::move(recover));
  }
  auto const most = connection().hub().settings()->subscriptions;
  if (static_cast<std::int64_t>(memberships_.size()) >= most)
    return refuse("subscribe", id, channel,
                  {Code::rate_limited, fmt::format("a connection has at most {} subscriptions", most)});
  auto& membership = *memberships_.emplace_back(std::make_unique<Membership>(*this));
  membership.name = std::move(channel);
  ask(membership, std::move(id), std::move(recover));
}

void Channel::ask(Membership& membership, std::string id, std::optional<Position> recover) {
  membership.asking.push_back(std::move(id));
  connection().hub().subscribe(membership, connection().who(), membership.name, std::move(recover),
                               [this, &membership](Result<Subscribed> done) { answered(membership, done); });
}

void Channel::answered(Membership& membership, Result<Subscribed>& done) {
  auto const ids = std::move(membership.asking);
  membership.asking.clear();
  if (!done) {
    for (auto const& id : ids) refuse("subscribe", id, membership.name, done.error());
    return drop(membership);
  }
  if (done->at) membership.at = std::make_unique<Position>(*done->at);
  bool first = true;
  for (auto const& id : ids) {
    confirm(membership, id, first ? &*done : nullptr);
    first = false;
  }
  if (done->missed.empty()) return;
  membership.waiting = std::make_unique<Waiting>();
  for (auto const& missed : done->missed) membership.waiting->missed.add(missed->frame(Form::channel));
  pump(membership);
}

void Channel::pump(Membership& membership) {
  if (!membership.waiting) return;
  auto& [missed, later] = *membership.waiting;
  missed.pump(connection());
  if (missed.empty()) later.pump(connection());
  if (missed.empty() && later.empty()) membership.waiting.reset();
}

// Too much for a client that reads too slowly even for that: the channel's policy decides, as for everybody.
void Channel::wait_in_line(Membership& membership, FramePtr frame) {
  auto& [missed, later] = *membership.waiting;
  auto const size = frame->size();
  auto const most = 2 * static_cast<std::size_t>(connection().hub().settings()->queue_bytes) + size;
  later.add(std::move(frame));
  if (later.bytes() <= most) return;
  switch (membership.slow_consumer()) {
    case SlowConsumer::latest_only: return drop_oldest(later, size, Dropped::latest_only);
    case SlowConsumer::drop_oldest: return drop_oldest(later, most, Dropped::drop_oldest);
    case SlowConsumer::close: break;
  }
  missed.flush(connection());
  later.flush(connection());
  membership.waiting.reset();
}

void Channel::drop_oldest(Backlog& backlog, std::size_t most, Dropped why) {
  auto& hub = connection().hub();
  backlog.drop_oldest(most, [&](Frame const& frame) {
    hub.counters().dropped(why);
    if (!frame.message_id.empty())
      hub.dropped(frame.message_id, connection(), dropped_names[static_cast<std::size_t>(why)]);
  });
}

void Channel::confirm(Membership& membership, std::string_view id, Subscribed const* answer) {
  ReplyText text{"subscribed", id};
  text.text("channel", membership.name);
  if (membership.at) text.text("epoch", membership.at->epoch).number("offset", membership.at->offset);
  if (answer != nullptr && answer->recovered) text.flag("recovered", *answer->recovered);
  reply(text.time("timestamp", Form::channel, now()).frame());
}

void Channel::on_unsubscribe(ClientMessage const& message) {
  auto channel = channel_of(message, true);
  if (!channel) return refuse(message, channel.error());
  if (auto* membership = find(*channel)) {
    for (auto const& id : membership->asking)
      refuse("subscribe", id, *channel, {Code::cancelled, "the channel was unsubscribed from before it was joined"});
    connection().hub().unsubscribe(*membership);
    drop(*membership);
  }
  ReplyText text{"unsubscribed", message.id()};
  reply(text.text("channel", *channel).time("timestamp", Form::channel, now()).frame());
}

void Channel::deliver(Subscription& through, MessagePtr const& message) {
  auto& membership = static_cast<Membership&>(through);
  if (membership.at) {
    membership.at->offset = message->at.offset;
    if (membership.at->epoch != message->at.epoch) membership.at->epoch = message->at.epoch;
  }
  auto const& frame = message->frame(Form::channel);
  if (!membership.waiting) return connection().send(frame, through);
  wait_in_line(membership, frame);
}

void Channel::ended(Subscription& through, Error const& why) {
  auto& membership = static_cast<Membership&>(through);
  refuse("subscribe", {}, membership.name, why);
  drop(membership);
}

// --- requests

bool Channel::may_wait(ClientMessage const& message, std::size_t bytes) {
  auto const most = static_cast<std::size_t>(connection().hub().settings()->queue_bytes);
  if (waiting_bytes_ == 0 || waiting_bytes_ + bytes <= most) return true;
  refuse(message, {Code::backpressure, "too many requests of this connection wait for their answers", {}, 100});
  return false;
}

void Channel::on_publish(ClientMessage const& message) {
  auto channel = channel_of(message, false);
  if (!channel) return refuse(message, channel.error());
  auto event = message.text_or("event", "message");
  if (!event) return refuse(message, event.error());
  if (event->size() > 255)
    return refuse(message, {Code::invalid_argument, "event must be at most 255 bytes long", "/event"});
  auto const data = message.raw("data");
  if (data.empty()) return refuse(message, {Code::invalid_argument, "data is missing: any JSON value", "/data"});
  if (auto wrong = check_standard(*channel, *event, data, "/event")) return refuse(message, *wrong);
  auto receipt = message.flag("receipt");
  if (!receipt) return refuse(message, receipt.error());
  PublishArgs args;
  if (message.has("idempotency_key")) {
    auto key = message.text("idempotency_key");
    if (!key) return refuse(message, key.error());
    if (key->size() > 255)
      return refuse(message,
                    {Code::invalid_argument, "idempotency_key must be at most 255 bytes long", "/idempotency_key"});
    args.idempotency_key = std::move(*key);
  }
  auto const bytes = data.size() + 512;
  if (!may_wait(message, bytes)) return;
  args.channel = *channel;
  args.event = std::move(*event);
  args.data.text = data;
  args.receipt = *receipt;
  auto request = std::make_shared<Request>(connection().who());
  auto answer = connection().hub().caller().start(publish, request->call, std::move(args));
  waiting_bytes_ += bytes;
  auto done = [this, bytes, id = std::string{message.id()},
               channel = std::move(*channel)](Result<PublishResult> result) {
    waiting_bytes_ -= bytes;
    if (!result) return refuse("publish", id, channel, result.error());
    ReplyText text{"published", id};
    text.text("channel", channel).number("subscribers", result->subscribers);
    if (result->offset) text.number("offset", *result->offset);
    if (result->epoch) text.text("epoch", *result->epoch);
    if (result->message_id) text.text("message_id", *result->message_id);
    reply(text.frame());
  };
  requests_.run(std::move(request), std::move(answer), std::move(done));
}

void Channel::query(ClientMessage const& message, std::string_view tool, std::string arguments) {
  auto const bytes = arguments.size() + 512;
  if (!may_wait(message, bytes)) return;
  auto& caller = connection().hub().caller();
  auto const* row = caller.table().find(tool);
  if (row == nullptr) return refuse(message, caller.no_such_tool(tool));
  auto request = std::make_shared<Request>(connection().who());
  auto answer = caller.start_json(*row, request->call, arguments);
  waiting_bytes_ += bytes;
  auto done = [this, bytes, type = std::string{message.type()}, id = std::string{message.id()},
               channel = std::string{message.context().channel}](Result<Answer> result) {
    waiting_bytes_ -= bytes;
    if (!result) return refuse(type, id, channel, result.error());
    ReplyText text{type, id};
    auto frame = text.text("channel", channel).raw("data", result->data).frame();
    if (frame->size() > static_cast<std::size_t>(connection().hub().settings()->queue_bytes))
      return refuse(type, id, channel, {Code::too_large, "the answer does not fit a connection's queue; ask for less"});
    reply(std::move(frame));
  };
  requests_.run(std::move(request), std::move(answer), std::move(done));
}

void Channel::on_presence(ClientMessage const& message) {
  auto channel = channel_of(message, false);
  if (!channel) return refuse(message, channel.error());
  query(message, "hub_presence", fmt::format(R"({{"channel":"{}"}})", *channel));
}

void Channel::on_history(ClientMessage const& message) {
  auto channel = channel_of(message, false);
  if (!channel) return refuse(message, channel.error());
  auto arguments = fmt::format(R"({{"channel":"{}")", *channel);
  for (std::string_view const key : {"limit", "since"})
    if (auto const* value = message.find(key); value != nullptr && !value->IsNull())
      arguments += fmt::format(R"(,"{}":{})", key, message.raw(key));
  arguments += '}';
  query(message, "hub_history", std::move(arguments));
}

void Channel::on_ack(ClientMessage const& message) {
  auto id = message.text("message_id");
  if (!id) return refuse(message, id.error());
  if (!connection().hub().acknowledged(*id, connection()))
    refuse(message, {Code::not_found, "no message with this message_id was sent to this connection", "/message_id"});
}

void Channel::on_refresh(ClientMessage const& message) {
  renew(connection(), requests_, message, Form::channel, [this] {
    auto const who = connection().who();
    std::vector<Membership*> all;
    for (auto const& membership : memberships_) all.push_back(membership.get());
    for (auto* membership : all) connection().hub().renew(*membership, who);
  });
}

}  // namespace patchbay::hub
