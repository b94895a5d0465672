#include "core/hub/history.hpp"

#include <spdlog/fmt/fmt.h>

namespace patchbay::hub {
namespace {

constexpr std::size_t log_cost = 256;              // a channel without a message
constexpr auto idle_time = std::chrono::hours{1};  // of a channel that keeps its messages for any time

}  // namespace

std::size_t Histories::cost(Message const& message) {
  // Data, its frame and, roughly, what stands around them.
  return 2 * message.data.size() + message.channel.size() + message.event.size() + 512;
}

Histories::Log& Histories::log(std::string const& channel, SteadyTime now) {
  auto const [at, is_new] = logs_.try_emplace(channel);
  if (is_new) {
    at->second.epoch = fmt::format("{:016x}", random_());
    bytes_ += log_cost + channel.size();
  }
  at->second.used = now;
  return at->second;
}

void Histories::drop_front(Log& log) {
  bytes_ -= cost(*log.kept.front().message);
  --kept_;
  log.kept.pop_front();
}

void Histories::trim(Log& log, HistoryRule keep, SteadyTime now) {
  log.keep = keep;
  while (log.kept.size() > keep.size) drop_front(log);
  if (keep.ttl.count() > 0)
    while (log.kept.size() > (keep.keep_newest ? 1 : 0) && log.kept.front().at + keep.ttl <= now) drop_front(log);
}

Position Histories::append(std::string const& channel, std::shared_ptr<Message> const& message, HistoryRule keep,
                           SteadyTime now) {
  auto& to = log(channel, now);
  message->at = Position{to.epoch, ++to.newest};
  auto at = message->at;
  to.kept.push_back({message, now, ++turn_});
  bytes_ += cost(*message);
  ++kept_;
  order_.emplace_back(turn_, &logs_.find(channel)->first);
  trim(to, keep, now);
  keep_bound();
  return at;
}

void Histories::keep_bound() {
  while (bytes_ > most_bytes_ && !order_.empty()) {
    auto const [turn, channel] = order_.front();
    order_.pop_front();
    auto const found = logs_.find(*channel);
    if (found == logs_.end()) continue;
    auto& kept = found->second.kept;
    if (!kept.empty() && kept.front().turn == turn) drop_front(found->second);
  }
  // Most of it is stale: messages went by size or age.
  if (order_.size() > 2 * kept_ + 1024)
    std::erase_if(order_, [this](auto const& entry) {
      auto const found = logs_.find(*entry.second);
      return found == logs_.end() || found->second.kept.empty() || found->second.kept.front().turn > entry.first;
    });
}

HistoryPage Histories::page(std::string const& channel, std::optional<Position> const& since, std::size_t limit,
                            HistoryRule keep, SteadyTime now) {
  auto& from = log(channel, now);
  trim(from, keep, now);
  HistoryPage out;
  out.newest = {from.epoch, from.newest};
  out.kept = static_cast<std::uint32_t>(from.kept.size());
  if (!since) {
    auto const skip = from.kept.size() - std::min(limit, from.kept.size());
    for (auto i = skip; i < from.kept.size(); ++i) out.messages.push_back(from.kept[i].message);
    out.complete = skip == 0;
    return out;
  }
  if (since->epoch != from.epoch || since->offset > from.newest) {
    // Offsets of another life say nothing here; who asks for messages gets those that are there.
    for (auto const& one : from.kept)
      if (out.messages.size() < limit) out.messages.push_back(one.message);
    return out;
  }
  auto const missing = from.newest - since->offset;
  auto const first = from.kept.size() - std::min<std::uint64_t>(missing, from.kept.size());
  for (auto i = first; i < from.kept.size() && out.messages.size() < limit; ++i)
    out.messages.push_back(from.kept[i].message);
  out.complete = out.messages.size() == missing;
  return out;
}

std::vector<std::shared_ptr<Message>> Histories::newest(std::string_view prefix, Broker::KeepOf const& keep) const {
  std::vector<std::shared_ptr<Message>> out;
  auto const beginning = prefix.substr(0, prefix.size() - 1);
  for (auto const& [channel, log] : logs_) {
    if (log.kept.empty() || !channel.starts_with(beginning)) continue;
    auto const rule = keep(channel);
    if (rule.size > 0 && rule.keep_newest) out.push_back(log.kept.back().message);
  }
  return out;
}

void Histories::sweep(SteadyTime now) {
  for (auto at = logs_.begin(); at != logs_.end();) {
    auto& log = at->second;
    trim(log, log.keep, now);
    auto const patience = std::max<SteadyTime::duration>(2 * log.keep.ttl, idle_time);
    if (!log.kept.empty() || log.used + patience > now) {
      ++at;
      continue;
    }
    bytes_ -= log_cost + at->first.size();
    auto const* const name = &at->first;
    std::erase_if(order_, [&](auto const& entry) { return entry.second == name; });
    at = logs_.erase(at);
  }
}

}  // namespace patchbay::hub
