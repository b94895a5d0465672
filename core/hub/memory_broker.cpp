#include "core/hub/memory_broker.hpp"

namespace patchbay::hub {

BrokerFactory memory_broker_factory() {
  return [](BrokerSink& sink, Clock const& clock, std::size_t history_bytes) -> std::unique_ptr<Broker> {
    return std::make_unique<MemoryBroker>(sink, clock, history_bytes);
  };
}

bool MemoryBroker::is_interesting(std::string_view channel) const {
  if (interests_.contains(channel)) return true;
  bool found = false;
  if (prefixes_ > 0)
    each_prefix(channel, [&](std::string_view pattern) { found = found || interests_.contains(pattern); });
  return found;
}

void MemoryBroker::publish(std::shared_ptr<Message> message, HistoryRule keep, Done<Position> done) {
  Position at;
  if (keep.size > 0) at = histories_.append(message->channel, message, keep, clock_.now());
  if (is_interesting(message->channel)) sink_.published(std::move(message));
  done(std::move(at));
}

void MemoryBroker::subscribe(std::string const& channel, Done<void> done) {
  if (interests_.insert(channel).second && channel.ends_with('*')) ++prefixes_;
  done({});
}

void MemoryBroker::unsubscribe(std::string const& channel) {
  if (interests_.erase(channel) > 0 && channel.ends_with('*')) --prefixes_;
}

void MemoryBroker::history(std::string const& channel, std::optional<Position> since, std::size_t limit,
                           HistoryRule keep, Done<HistoryPage> done) {
  done(histories_.page(channel, since, limit, keep, clock_.now()));
}

void MemoryBroker::newest(std::string const& prefix, KeepOf keep, Done<std::vector<std::shared_ptr<Message>>> done) {
  done(histories_.newest(prefix, keep));
}

void MemoryBroker::join(std::string const& channel, Member member) {
  present_[channel].insert_or_assign(std::move(member.id), std::move(member.user_id));
}

void MemoryBroker::leave(std::string const& channel, Member const& member) {
  auto const found = present_.find(channel);
  if (found == present_.end()) return;
  found->second.erase(member.id);
  if (found->second.empty()) present_.erase(found);
}

void MemoryBroker::presence(std::string const& channel, Done<std::vector<Member>> done) {
  std::vector<Member> out;
  if (auto const found = present_.find(channel); found != present_.end())
    for (auto const& [id, user] : found->second) out.push_back({id, user});
  done(std::move(out));
}

}  // namespace patchbay::hub
