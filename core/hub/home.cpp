#include "core/hub/home.hpp"

#include <spdlog/fmt/fmt.h>

#include "core/hub/hub.hpp"
#include "core/hub/namespaces.hpp"

namespace patchbay::hub {
namespace {

constexpr auto debounce = std::chrono::seconds{1};

void add_up(std::vector<std::uint32_t>& sums, std::vector<std::uint32_t> const& by_shard) {
  for (std::size_t i = 0; i < by_shard.size(); ++i) sums[i] += by_shard[i];
}

HistoryRule keep_of(ChannelRule const& rule) { return {rule.history_size, rule.history_ttl, rule.last_value}; }

}  // namespace

Home::Home(HubShard& shard, std::size_t shards, BrokerFactory const& broker)
    : shard_(shard),
      shards_(shards),
      broker_(broker(*this, shard.clock(),
                     static_cast<std::size_t>(shard.settings()->history_bytes) / std::max<std::size_t>(1, shards))),
      scratch_(shards),
      queues_(static_cast<std::size_t>(shard.settings()->user_queue_bytes) / std::max<std::size_t>(1, shards),
              [this](std::string const& user, Message const& message, UserQueues::Why why) {
                auto const expired = why == UserQueues::Why::expired;
                shard_.counters().dropped(expired ? Dropped::expired : Dropped::drop_oldest);
                if (!message.message_id.empty())
                  shard_.receipts().give_up(message.message_id, user,
                                            expired ? ReceiptState::expired : ReceiptState::dropped);
              }),
      announce_timer_([this] { announce(); }) {}

Home::~Home() = default;

template <class T>
T& Home::entered(ByName<T>& groups, std::string const& name, unsigned shard) {
  auto& group = groups[name];
  if (group.by_shard.empty()) group.by_shard.resize(shards_);
  ++group.by_shard[shard];
  ++group.total;
  return group;
}

template <class T>
bool Home::left(ByName<T>& groups, std::string const& name, unsigned shard) {
  auto const found = groups.find(name);
  if (found == groups.end() || found->second.by_shard[shard] == 0) return false;
  --found->second.by_shard[shard];
  if (--found->second.total > 0) return false;
  groups.erase(found);
  return true;
}

template <class Deliver>
void Home::spread(MessagePtr const& message, std::vector<std::uint32_t> const& by_shard, Deliver deliver) {
  auto const here = shard_.shard().index();
  if (!message->message_id.empty()) {
    auto const reports = std::count_if(by_shard.begin(), by_shard.end(), [](auto count) { return count > 0; });
    shard_.receipts().expect(message->message_id, static_cast<unsigned>(reports));
  }
  auto const local = by_shard[here] > 0;
  for (std::size_t i = 0; i < by_shard.size(); ++i) {
    if (by_shard[i] == 0 || i == here) continue;
    auto& there = shard_.hub().shard(i);
    there.shard().post([&there, deliver, message] { deliver(there, message); });
  }
  if (local) deliver(shard_, message);
}

void Home::encode_if_needed(Message& message) const {
  auto const& frame = message.channel.empty() ? message.frame(Form::user) : message.frame(Form::channel);
  if (frame != nullptr) return;
  auto const& settings = *shard_.settings();
  encode(message, settings.deflate ? settings.deflate_threshold : 0);
}

// --- channels

void Home::join(std::string const& channel, unsigned shard, Member member, std::optional<Position> recover,
                Done<Subscribed> done) {
  auto const is_first = entered(channels_, channel, shard).total == 1;
  if (!member.id.empty()) {
    presence_changed(channel, member.user_id, true);
    broker_->join(channel, std::move(member));
  }
  if (!is_first) return answer_with_history(channel, std::move(recover), std::move(done));
  // A broker that is not there now takes the interest over when it is back; what is published here comes anyway.
  broker_->subscribe(channel, [this, channel, recover = std::move(recover), done = std::move(done)](Result<void>) {
    answer_with_history(channel, recover, done);
  });
}

void Home::answer_with_history(std::string const& channel, std::optional<Position> recover, Done<Subscribed> done) {
  auto const& rule = rule_of(*shard_.settings(), channel);
  Subscribed plain;
  if (recover) plain.recovered = false;
  if (rule.history_size == 0) {
    if (recover) shard_.counters().recovered(false);
    return done(std::move(plain));
  }
  auto asking = std::make_shared<Asking>();
  if (auto const found = channels_.find(channel); found != channels_.end()) found->second.asking.push_back(asking);
  auto const wanted = recover.has_value();
  auto const last_value = rule.last_value;
  broker_->history(channel, std::move(recover), wanted ? rule.history_size : 1, keep_of(rule),
                   [this, channel, wanted, last_value, asking, done = std::move(done)](Result<HistoryPage> page) {
                     if (auto const found = channels_.find(channel); found != channels_.end())
                       std::erase(found->second.asking, asking);
                     Subscribed out;
                     if (wanted) {
                       out.recovered = page.has_value() && page->complete;
                       shard_.counters().recovered(*out.recovered);
                     }
                     if (!page) return done(std::move(out));
                     out.at = page->newest;
                     auto const take = [&](std::shared_ptr<Message> const& message) {
                       encode_if_needed(*message);
                       out.missed.push_back(message);
                     };
                     if (out.recovered.value_or(false))
                       for (auto const& message : page->messages) take(message);
                     else if (last_value && !page->messages.empty())
                       take(page->messages.back());
                     for (auto const& message : asking->meanwhile) {
                       if (message->at.epoch != out.at->epoch || message->at.offset <= out.at->offset) continue;
                       out.at = message->at;
                       if (!out.recovered.value_or(false)) {
                         if (!last_value) continue;
                         out.missed.clear();  // only the newest
                       }
                       take(message);
                     }
                     done(std::move(out));
                   });
}

void Home::leave(std::string const& channel, unsigned shard, Member const& member) {
  if (!member.id.empty()) {
    presence_changed(channel, member.user_id, false);
    broker_->leave(channel, member);
  }
  if (left(channels_, channel, shard)) broker_->unsubscribe(channel);
}

void Home::join_prefix(std::string const& pattern, unsigned shard, NewestDone done) {
  auto const is_first = entered(prefixes_, pattern, shard).total == 1;
  if (!is_first) return answer_with_newest(pattern, done);
  broker_->subscribe(pattern,
                     [this, pattern, done = std::move(done)](Result<void>) { answer_with_newest(pattern, done); });
}

void Home::answer_with_newest(std::string const& pattern, NewestDone const& done) {
  auto const& settings = shard_.settings();
  if (!gives_newest_below(*settings, pattern)) return done({});
  auto keep = [settings](std::string_view channel) { return keep_of(rule_of(*settings, channel)); };
  broker_->newest(pattern, std::move(keep), [this, done](Result<std::vector<std::shared_ptr<Message>>> newest) {
    std::vector<MessagePtr> out;
    if (newest)
      for (auto const& message : *newest) {
        encode_if_needed(*message);
        out.push_back(message);
      }
    done(std::move(out));
  });
}

void Home::leave_prefix(std::string const& pattern, unsigned shard) {
  if (left(prefixes_, pattern, shard)) broker_->unsubscribe(pattern);
}

std::uint32_t Home::subscribers(std::string_view channel) const {
  auto const& groups = channels_;
  if (auto const found = groups.find(channel); found != groups.end()) return found->second.total;
  auto const prefix = prefixes_.find(channel);
  return prefix == prefixes_.end() ? 0 : prefix->second.total;
}

std::uint32_t Home::listeners(std::string_view channel) {
  auto count = subscribers(channel);
  if (!prefixes_.empty())
    each_prefix(channel, [&](std::string_view pattern) {
      if (auto const found = prefixes_.find(pattern); found != prefixes_.end()) count += found->second.total;
    });
  return count;
}

void Home::publish(Publication publication, Done<PublishResult> done) {
  if (!publication.idempotency_key.empty()) {
    auto const key = publication.owner + '\n' + publication.channel + '\n' + publication.idempotency_key;
    if (idempotency_.repeats(key, shard_.clock().now(), done)) return;
    done = [this, key, inner = std::move(done)](Result<PublishResult> answer) {
      idempotency_.finish(key, answer);
      inner(std::move(answer));
    };
  }
  auto message = std::make_shared<Message>();
  message->channel = std::move(publication.channel);
  message->event = std::move(publication.event);
  message->data = std::move(publication.data);
  message->time = shard_.clock().wall();
  message->made = shard_.clock().now();
  message->message_id = std::move(publication.message_id);
  if (publication.receipt) message->message_id = shard_.receipts().open(publication.owner);
  message->ack = publication.ack && !message->message_id.empty();
  auto const& rule = rule_of(*shard_.settings(), message->channel);
  PublishResult out;
  out.subscribers = listeners(message->channel);
  if (!message->message_id.empty()) out.message_id = message->message_id;
  shard_.counters().published();
  auto const keep = keep_of(rule);
  broker_->publish(std::move(message), keep, [out = std::move(out), done = std::move(done)](Result<Position> at) {
    if (!at) return done(at.error());
    auto answer = out;
    if (at->offset != 0) {
      answer.offset = at->offset;
      answer.epoch = at->epoch;
    }
    done(std::move(answer));
  });
}

void Home::published(std::shared_ptr<Message> message) {
  encode_if_needed(*message);
  std::fill(scratch_.begin(), scratch_.end(), 0);
  if (auto const found = channels_.find(message->channel); found != channels_.end()) {
    add_up(scratch_, found->second.by_shard);
    for (auto const& asking : found->second.asking) asking->meanwhile.push_back(message);
  }
  if (!prefixes_.empty())
    each_prefix(message->channel, [this](std::string_view pattern) {
      if (auto const found = prefixes_.find(pattern); found != prefixes_.end())
        add_up(scratch_, found->second.by_shard);
    });
  spread(message, scratch_, [](HubShard& there, MessagePtr const& what) { there.deliver(what); });
}

void Home::history(std::string const& channel, std::optional<Position> since, std::size_t limit,
                   Done<HistoryPage> done) {
  auto const& rule = rule_of(*shard_.settings(), channel);
  if (rule.history_size == 0) return done(HistoryPage{});
  broker_->history(channel, std::move(since), limit, keep_of(rule), std::move(done));
}

void Home::presence(std::string const& channel, Done<std::vector<Member>> done) {
  broker_->presence(channel, std::move(done));
}

// --- join and leave events

void Home::presence_changed(std::string const& channel, std::string const& user_id, bool came) {
  auto const is_on = rule_of(*shard_.settings(), channel).join_leave && !user_id.empty();
  auto const key = channel + '\n' + user_id;
  auto found = present_.find(key);
  if (found == present_.end()) {
    if (!is_on || !came) return;
    found = present_.try_emplace(key).first;
  }
  auto& user = found->second;
  if (came)
    ++user.connections;
  else if (user.connections > 0)
    --user.connections;
  if (user.looked_at || (user.connections > 0) == user.announced) return;
  user.looked_at = true;
  auto const due = shard_.clock().now() + debounce;
  to_announce_.emplace_back(due, key);
  if (!announce_timer_.armed()) shard_.shard().wheel().arm_at(announce_timer_, due);
}

void Home::announce() {
  auto const now = shard_.clock().now();
  while (!to_announce_.empty() && to_announce_.front().first <= now) {
    auto const key = std::move(to_announce_.front().second);
    to_announce_.pop_front();
    auto const found = present_.find(key);
    if (found == present_.end()) continue;
    auto& user = found->second;
    user.looked_at = false;
    auto const is_there = user.connections > 0;
    auto const line = key.find('\n');
    Publication event{.channel = key.substr(0, line), .event = is_there ? "join" : "leave", .data = {}};
    event.data =
        fmt::format(R"({{"user_id":{},"connections":{}}})", json::quoted(key.substr(line + 1)), user.connections);
    auto const is_news = is_there != user.announced;
    user.announced = is_there;
    if (!is_there) present_.erase(found);
    if (is_news) publish(std::move(event), [](Result<PublishResult>) {});
  }
  if (!to_announce_.empty()) shard_.shard().wheel().arm_at(announce_timer_, to_announce_.front().first);
}

// --- users and chats

void Home::user_came(std::string const& user_id, unsigned shard) {
  entered(users_, user_id, shard);
  auto& there = shard_.hub().shard(shard);
  for (auto& message : queues_.take(user_id, shard_.clock().now())) {
    if (!message->message_id.empty()) {
      shard_.receipts().unpark(message->message_id);
      shard_.receipts().expect(message->message_id, 1);
    }
    // Posted also here: the welcome goes first.
    there.shard().post([&there, user_id, message = std::move(message)] { there.deliver_to_user(user_id, message); });
  }
}

void Home::user_left(std::string const& user_id, unsigned shard) { left(users_, user_id, shard); }
void Home::chat_came(std::string const& chat, unsigned shard) { entered(chats_, chat, shard); }
void Home::chat_left(std::string const& chat, unsigned shard) { left(chats_, chat, shard); }

std::shared_ptr<Message> Home::direct_message(Direct& direct) {
  auto message = std::make_shared<Message>();
  message->data = std::move(direct.data);
  message->time = shard_.clock().wall();
  message->made = shard_.clock().now();
  message->message_id = std::move(direct.message_id);
  if (direct.receipt) message->message_id = shard_.receipts().open(std::move(direct.owner));
  message->ack = direct.ack && !message->message_id.empty();
  encode_if_needed(*message);
  return message;
}

SendResult Home::send_to_user(Direct direct) {
  auto const queue = direct.queue;
  auto const message = direct_message(direct);
  SendResult out;
  if (!message->message_id.empty()) out.message_id = message->message_id;
  auto const found = users_.find(direct.to);
  if (found != users_.end()) {
    out.connections = found->second.total;
    auto const by_shard = found->second.by_shard;
    spread(message, by_shard, [user = std::move(direct.to)](HubShard& there, MessagePtr const& what) {
      there.deliver_to_user(user, what);
    });
    return out;
  }
  auto& receipts = shard_.receipts();
  if (queue.count() > 0 && queues_.put(direct.to, message, shard_.clock().now() + queue)) {
    if (out.message_id) receipts.park(*out.message_id, direct.to, queue);
  } else if (out.message_id) {
    receipts.give_up(*out.message_id, direct.to, ReceiptState::offline);
  }
  return out;
}

SendResult Home::send_to_chat(Direct direct) {
  auto const message = direct_message(direct);
  SendResult out;
  if (!message->message_id.empty()) out.message_id = message->message_id;
  auto const found = chats_.find(direct.to);
  if (found == chats_.end()) return out;
  out.connections = found->second.total;
  auto const by_shard = found->second.by_shard;
  spread(message, by_shard,
         [chat = std::move(direct.to)](HubShard& there, MessagePtr const& what) { there.deliver_to_chat(chat, what); });
  return out;
}

void Home::tick() {
  auto const now = shard_.clock().now();
  if (queues_.bytes() > 0) queues_.sweep(now);
  idempotency_.expire(now);
}

void Home::sweep() {
  broker_->sweep();
  shard_.receipts().sweep();
}

void Home::stop() { announce_timer_.disarm(); }

}  // namespace patchbay::hub
