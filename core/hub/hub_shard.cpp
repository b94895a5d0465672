#include "core/hub/hub_shard.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

#include "core/hub/gathering.hpp"
#include "core/hub/home.hpp"
#include "core/hub/hub.hpp"
#include "core/hub/namespaces.hpp"
#include "core/hub/receipts.hpp"

namespace patchbay::hub {
namespace {

constexpr auto drain_step_time = std::chrono::milliseconds{20};

Member member_of(Subscription const& subscription) {
  return {std::string{subscription.to().member_id()}, subscription.who() ? subscription.who()->user_id : std::string{}};
}

}  // namespace

Subscription::Subscription(Subscriber& to) : to_(to) {}

Subscription::~Subscription() {
  if (shard_ != nullptr) shard_->unsubscribe(*this);
}

HubShard::HubShard(Hub& hub, Shard& shard, SettingsPtr settings)
    : hub_(hub), shard_(shard), settings_(std::move(settings)), drain_timer_([this] { drain_step(); }) {
  receipts_ = std::make_unique<Receipts>(shard.index(), hub.clock());
  home_ = std::make_unique<Home>(*this, hub.shard_count(), hub.broker_factory());
  tick_timer_.on_expiry([this] {
    home_->tick();
    shard_.wheel().arm(tick_timer_, std::chrono::seconds{1});
  });
  sweep_timer_.on_expiry([this] {
    home_->sweep();
    shard_.wheel().arm(sweep_timer_, settings_->cleanup);
  });
}

HubShard::~HubShard() = default;

void HubShard::start() {
  shard_.wheel().arm(tick_timer_, std::chrono::seconds{1});
  shard_.wheel().arm(sweep_timer_, settings_->cleanup);
}

void HubShard::stop() {
  tick_timer_.disarm();
  sweep_timer_.disarm();
  drain_timer_.disarm();
  home_->stop();
}

Caller& HubShard::caller() { return hub_.caller(); }
LogSink& HubShard::log() { return hub_.log(); }
Clock const& HubShard::clock() { return hub_.clock(); }
HubCounters const& HubShard::counters() { return hub_.counters(); }

// --- channels

void HubShard::subscribe(Subscription& subscription, PrincipalPtr const& who, std::string channel,
                         std::optional<Position> recover, Answer done) {
  if (subscription.shard_ != nullptr)
    return done(Error{Code::conflict, "this subscription is in use for " + subscription.channel_, "/channel"});
  if (!is_channel_name(channel) && !is_channel_pattern(channel))
    return done(Error{Code::invalid_argument,
                      "a channel's name has 1 to 255 of A-Z a-z 0-9 _ . : and -, a prefix ends with .*", "/channel"});
  if (auto refused = refuse(*settings_, *who, Right::to_subscribe, channel, "/channel")) return done(*refused);
  subscription.channel_ = std::move(channel);
  subscription.who_ = who;
  subscription.shard_ = this;
  if (subscription.channel_.ends_with('*')) return ask_all(subscription, std::move(done));
  subscription.asking_ = std::make_shared<bool>(true);
  ask_home(subscription, std::move(recover), std::move(done));
}

void HubShard::ask_home(Subscription& subscription, std::optional<Position> recover, Answer done) {
  auto& there = hub_.home_of(subscription.channel_);
  auto const index = shard_.index();
  auto answered = [this, &subscription, asking = subscription.asking_,
                   done = std::move(done)](Result<Subscribed> answer) {
    if (!*asking) return;  // it left meanwhile and has told so
    *asking = false;
    subscription.asking_.reset();
    if (!answer) {
      subscription.shard_ = nullptr;
      return done(std::move(answer));
    }
    begin(subscription, std::move(*answer), done);
  };
  if (&there == this)
    return home_->join(subscription.channel_, index, member_of(subscription), std::move(recover), std::move(answered));
  there.shard_.post([&there, this, index, channel = subscription.channel_, member = member_of(subscription),
                     recover = std::move(recover), answered = std::move(answered)]() mutable {
    auto back = [this, answered = std::move(answered)](Result<Subscribed> answer) {
      shard_.post([answered, answer = std::move(answer)]() mutable { answered(std::move(answer)); });
    };
    there.home_->join(channel, index, std::move(member), std::move(recover), std::move(back));
  });
}

// A channel below the prefix may be at home anywhere: the subscription begins when all homes know of it.
void HubShard::ask_all(Subscription& subscription, Answer done) {
  auto const index = shard_.index();
  gatherings_.push_back(std::make_shared<Gathering>(subscription, hub_.shard_count(), std::move(done)));
  auto answered = [this, asked = std::weak_ptr{gatherings_.back()}](std::vector<MessagePtr> const& newest) {
    take(asked.lock(), newest);
  };
  for (std::size_t i = 0; i < hub_.shard_count(); ++i) {
    auto& there = hub_.shard(i);
    if (&there == this) continue;
    there.shard_.post([&there, this, index, pattern = subscription.channel_, answered] {
      auto back = [this, answered](std::vector<MessagePtr> newest) {
        shard_.post([answered, newest = std::move(newest)] { answered(newest); });
      };
      there.home_->join_prefix(pattern, index, std::move(back));
    });
  }
  home_->join_prefix(subscription.channel_, index, answered);
}

void HubShard::take(std::shared_ptr<Gathering> const& gathering, std::vector<MessagePtr> const& newest) {
  if (gathering == nullptr) return;
  for (auto const& message : newest) gathering->add(message);
  if (!gathering->answered()) return;
  std::erase(gatherings_, gathering);
  Subscribed answer;
  answer.missed = gathering->take();
  begin(gathering->subscription(), std::move(answer), gathering->done());
}

// A message that comes while homes are being asked: of a home that has answered it is newer than the answer, of one
// that has not it is in the answer too, or older.
void HubShard::gather(MessagePtr const& message) {
  for (auto const& gathering : gatherings_)
    if (gathering->is_about(message->channel) && gives_newest(rule_of(*settings_, message->channel)))
      gathering->add(message);
}

// While it was asked for a reload may have taken the right away.
void HubShard::begin(Subscription& subscription, Subscribed answer, Answer const& done) {
  if (auto refused = refuse(*settings_, *subscription.who_, Right::to_subscribe, subscription.channel_, "/channel")) {
    unsubscribe(subscription);
    return done(*refused);
  }
  join(subscription, answer);
  done(std::move(answer));
}

void HubShard::join(Subscription& subscription, Subscribed& answer) {
  auto const& rule = rule_of(*settings_, subscription.channel_);
  subscription.slow_consumer_ = rule.slow_consumer;
  set_pace(subscription, rule);
  if (answer.at && answer.at->offset > 0) {
    subscription.after_ = answer.at->offset;
    subscription.after_epoch_ = TextHash{}(answer.at->epoch);
  }
  directory_.topic(subscription.channel_).add(subscription);
  hub_.counters().subscriptions(1);
}

void HubShard::set_pace(Subscription& subscription, ChannelRule const& rule) {
  if (rule.max_rate == 0) {
    subscription.pace_.reset();
    return;
  }
  if (subscription.pace_ == nullptr) subscription.pace_ = std::make_unique<Pace>();
  subscription.pace_->gap = std::chrono::nanoseconds{std::chrono::seconds{1}} / rule.max_rate;
}

void HubShard::unsubscribe(Subscription& subscription) {
  if (subscription.shard_ == nullptr) return;
  auto member = member_of(subscription);
  if (subscription.asking_ != nullptr) {
    *subscription.asking_ = false;
    subscription.asking_.reset();
  }
  if (!gatherings_.empty())
    std::erase_if(gatherings_, [&](auto const& one) { return &one->subscription() == &subscription; });
  if (auto* topic = subscription.topic_) {
    topic->remove(subscription);
    directory_.drop_if_empty(subscription.channel_);
    hub_.counters().subscriptions(-1);
  }
  subscription.shard_ = nullptr;
  subscription.pace_.reset();
  subscription.after_ = 0;
  tell_homes_left(subscription.channel_, std::move(member));
}

// Comes after what was asked before, since posts keep their order.
void HubShard::tell_homes_left(std::string const& channel, Member member) {
  auto const index = shard_.index();
  if (!channel.ends_with('*')) {
    auto& there = hub_.home_of(channel);
    if (&there == this) return home_->leave(channel, index, member);
    there.shard_.post(
        [&there, index, channel, member = std::move(member)] { there.home_->leave(channel, index, member); });
    return;
  }
  for (std::size_t i = 0; i < hub_.shard_count(); ++i) {
    auto& there = hub_.shard(i);
    if (&there == this)
      home_->leave_prefix(channel, index);
    else
      there.shard_.post([&there, index, channel] { there.home_->leave_prefix(channel, index); });
  }
}

// --- connections

std::string const& HubShard::user_of(Connection const& connection) {
  static std::string const nobody;
  if (!connection.endpoint().user_id.empty()) return connection.endpoint().user_id;
  return connection.who() ? connection.who()->user_id : nobody;
}

Connection* HubShard::find(std::string_view connection_id) const {
  auto const found = connections_.find(connection_id);
  return found == connections_.end() ? nullptr : found->second.connection;
}

template <class Function>
void HubShard::at_home(std::string const& name, Function function) {
  auto& there = hub_.home_of(name);
  if (&there == this) return function(*home_);
  there.shard_.post([&there, function = std::move(function)] { function(*there.home_); });
}

void HubShard::enter(Connection& connection) {
  auto const is_new = connections_.try_emplace(connection.id(), Known{&connection, {}, {}}).second;
  if (!is_new) return;
  hub_.count_connections(1);
  hub_.counters().connections(connection.endpoint().dialect, 1);
  identified(connection);
}

void HubShard::identified(Connection& connection) {
  auto const found = connections_.find(connection.id());
  if (found == connections_.end() || connection.who() == nullptr) return;
  auto const index = shard_.index();
  auto& known = found->second;
  auto const& user = user_of(connection);
  if (user != known.user) {
    unlist_user(known);
    known.user = user;
    if (!user.empty()) {
      Directory::add(directory_.users, user, connection);
      at_home(user, [user, index](Home& home) { home.user_came(user, index); });
    }
  }
  auto const& endpoint = connection.endpoint();
  if (endpoint.dialect == Dialect::chat && known.chat.empty()) {
    known.chat = chat_key(endpoint.workflow, endpoint.app_id, endpoint.chat_id);
    Directory::add(directory_.chats, known.chat, connection);
    at_home(known.chat, [chat = known.chat, index](Home& home) { home.chat_came(chat, index); });
  }
}

void HubShard::unlist_user(Known& known) {
  if (known.user.empty()) return;
  Directory::remove(directory_.users, known.user, *known.connection);
  at_home(known.user, [user = known.user, index = shard_.index()](Home& home) { home.user_left(user, index); });
  known.user.clear();
}

void HubShard::leave(Connection& connection) {
  auto const found = connections_.find(connection.id());
  if (found == connections_.end()) return;
  auto known = std::move(found->second);
  connections_.erase(found);
  unlist_user(known);
  if (!known.chat.empty()) {
    Directory::remove(directory_.chats, known.chat, connection);
    at_home(known.chat, [chat = known.chat, index = shard_.index()](Home& home) { home.chat_left(chat, index); });
  }
  hub_.counters().connections(connection.endpoint().dialect, -1);
  hub_.count_connections(-1);
}

// --- receipts

template <class Function>
bool HubShard::at_receipts(std::string const& message_id, Function function) {
  auto const index = Receipts::shard_of(message_id);
  if (!index || *index >= hub_.shard_count()) return false;
  auto& there = hub_.shard(*index);
  if (&there == this)
    function(*receipts_);
  else
    there.shard_.post([&there, function = std::move(function)]() mutable { function(*there.receipts_); });
  return true;
}

void HubShard::mark(std::string const& message_id, Connection const& connection, ReceiptState state,
                    std::string_view reason) {
  at_receipts(message_id,
              [message_id, id = connection.id(), user = user_of(connection), state, reason = std::string{reason}](
                  Receipts& receipts) { receipts.mark(message_id, id, user, state, reason); });
}

void HubShard::written(std::string const& message_id, Connection const& connection) {
  mark(message_id, connection, ReceiptState::sent, {});
}
void HubShard::dropped(std::string const& message_id, Connection const& connection, std::string_view reason) {
  mark(message_id, connection, ReceiptState::dropped, reason);
}
bool HubShard::acknowledged(std::string const& message_id, Connection const& connection) {
  auto const index = Receipts::shard_of(message_id);
  if (!index || *index >= hub_.shard_count()) return false;
  mark(message_id, connection, ReceiptState::acknowledged, {});
  return true;
}

void HubShard::report(std::string const& message_id, std::vector<Reached> reached) {
  at_receipts(message_id, [message_id, reached = std::move(reached)](Receipts& receipts) mutable {
    receipts.reached(message_id, std::move(reached));
  });
}

// --- delivering

std::size_t HubShard::deliver(MessagePtr const& message) {
  std::size_t count = 0;
  if (!gatherings_.empty()) gather(message);
  if (!message->message_id.empty()) {
    std::vector<Reached> reached;
    directory_.each_of(message->channel, [&](Topic& topic) {
      topic.each([&](Subscription& member) {
        if (auto* connection = member.to().member_connection())
          reached.push_back({connection->id(), user_of(*connection)});
      });
    });
    report(message->message_id, std::move(reached));
  }
  directory_.each_of(message->channel,
                     [&](Topic& topic) { count += topic.deliver(message, shard_.wheel(), hub_.counters()); });
  return count;
}

std::size_t HubShard::deliver_to(Directory::Connections const* list, MessagePtr const& message) {
  auto const none = list == nullptr || list->empty();
  if (!message->message_id.empty()) {
    std::vector<Reached> reached;
    if (!none)
      for (auto* connection : *list) reached.push_back({connection->id(), user_of(*connection)});
    report(message->message_id, std::move(reached));
  }
  if (none) return 0;
  for (auto* connection : *list) connection->conversation().direct(message);
  return list->size();
}

std::size_t HubShard::deliver_to_user(std::string const& user_id, MessagePtr const& message) {
  auto const found = directory_.users.find(user_id);
  return deliver_to(found == directory_.users.end() ? nullptr : &found->second, message);
}

std::size_t HubShard::deliver_to_chat(std::string const& chat, MessagePtr const& message) {
  auto const found = directory_.chats.find(chat);
  return deliver_to(found == directory_.chats.end() ? nullptr : &found->second, message);
}

std::size_t HubShard::deliver_to_all(MessagePtr const& message) {
  Directory::Connections all;
  for (auto const& [id, known] : connections_)
    if (known.connection->endpoint().dialect != Dialect::echo && known.connection->who() != nullptr)
      all.push_back(known.connection);
  return deliver_to(&all, message);
}

bool HubShard::deliver_to_connection(std::string_view connection_id, MessagePtr const& message) {
  auto* const connection = find(connection_id);
  if (connection == nullptr) return false;
  Directory::Connections const one{connection};
  return deliver_to(&one, message) == 1;
}

// --- settings

void HubShard::apply(SettingsPtr settings) {
  settings_ = std::move(settings);
  recheck();
}

// Subscriptions whose right is gone end, the others follow their new rule.
void HubShard::renew(Subscription& subscription, PrincipalPtr const& who) {
  subscription.who_ = who;
  if (may(*settings_, *who, Right::to_subscribe, subscription.channel_)) return;
  end_for_want_of_right(subscription);
}

void HubShard::end_for_want_of_right(Subscription& subscription) {
  auto const channel = subscription.channel_;
  unsubscribe(subscription);
  subscription.to().ended(subscription,
                          Error{Code::forbidden, "the right to subscribe " + channel + " is gone", "/channel"});
}

void HubShard::recheck() {
  std::vector<Subscription*> gone;
  directory_.each_topic([&](Topic& topic) {
    topic.each([&](Subscription& member) {
      if (!may(*settings_, *member.who_, Right::to_subscribe, member.channel_)) return gone.push_back(&member);
      auto const& rule = rule_of(*settings_, member.channel_);
      member.slow_consumer_ = rule.slow_consumer;
      set_pace(member, rule);
    });
  });
  for (auto* member : gone) end_for_want_of_right(*member);
}

// --- the end

void HubShard::drain(std::chrono::milliseconds within) {
  if (draining_) return;
  draining_ = true;
  auto const now = clock().now();
  drain_end_ = now + within;
  // Each hears when to come back: spread, so that they do not all come at once.
  std::size_t turn = 0;
  auto const count = std::max<std::size_t>(1, connections_.size());
  for (auto const& [id, known] : connections_) {
    auto const after =
        std::chrono::milliseconds{500} + within * static_cast<std::int64_t>(turn++) / static_cast<std::int64_t>(count);
    known.connection->conversation().draining(after);
  }
  // What is on its way to everybody gets a moment.
  if (within.count() > 0) return shard_.wheel().arm(drain_timer_, drain_step_time);
  give_up_calls();
  drain_step();
}

void HubShard::drain_step() {
  auto const left = std::chrono::ceil<std::chrono::milliseconds>(drain_end_ - clock().now());
  if (left.count() <= 0) {
    if (gave_up_) return close_all();
    // What the calls' end says gets a moment to be written.
    give_up_calls();
    drain_end_ = clock().now() + drain_step_time;
  }
  if (gave_up_) return shard_.wheel().arm(drain_timer_, drain_step_time);
  // So many at once that the last ones go when the time is over.
  auto const steps = std::max<std::int64_t>(1, left / drain_step_time);
  constexpr std::size_t least = 50;
  auto const batch =
      std::max(least, (connections_.size() + static_cast<std::size_t>(steps) - 1) / static_cast<std::size_t>(steps));
  close_some(batch, false);
  if (!connections_.empty()) shard_.wheel().arm(drain_timer_, drain_step_time);
}

void HubShard::give_up_calls() {
  gave_up_ = true;
  for (auto const& [id, known] : connections_) known.connection->conversation().give_up_calls();
  hub_.chats().stop();
}

void HubShard::close_some(std::size_t count, bool busy_too) {
  std::vector<Connection*> chosen;
  for (auto const& [id, known] : connections_) {
    if (chosen.size() >= count) break;
    if (!known.closing && (busy_too || !known.connection->conversation().busy())) chosen.push_back(known.connection);
  }
  for (auto* connection : chosen) {
    if (auto const found = connections_.find(connection->id()); found != connections_.end())
      found->second.closing = true;
    connection->close(close_code::service_restart, "the gateway is stopping");
  }
}

void HubShard::close_all() { close_some(connections_.size(), true); }

std::size_t HubShard::disconnect(std::function<bool(Connection&)> const& which, std::uint16_t code,
                                 std::string_view reason) {
  std::vector<Connection*> chosen;
  for (auto const& [id, known] : connections_)
    if (which(*known.connection)) chosen.push_back(known.connection);
  for (auto* connection : chosen) connection->close(code, reason);
  return chosen.size();
}

std::size_t HubShard::end_streams(std::function<bool(Principal const&)> const& whose) {
  std::vector<Subscription*> chosen;
  directory_.each_topic([&](Topic& topic) {
    topic.each([&](Subscription& member) {
      if (member.to_.member_connection() == nullptr && whose(*member.who_)) chosen.push_back(&member);
    });
  });
  for (auto* member : chosen) {
    unsubscribe(*member);
    member->to().ended(*member, Error{Code::cancelled, "an administrator has ended the subscription"});
  }
  return chosen.size();
}

}  // namespace patchbay::hub
