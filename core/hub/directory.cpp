#include "core/hub/directory.hpp"

#include <algorithm>

#include "core/hub/connection.hpp"
#include "core/hub/hub_counters.hpp"

namespace patchbay::hub {
namespace {

void append_escaped(std::string& out, std::string_view part) {
  for (char c : part) {
    if (c == '/')
      out += "%2F";
    else if (c == '%')
      out += "%25";
    else
      out += c;
  }
}

// Passes the message on when its slot has come, else keeps it as the newest.
void paced(Subscription& member, Pace& pace, MessagePtr const& message, TimerWheel& wheel,
           HubCounters const& counters) {
  auto const now = wheel.clock().now();
  if (pace.kept == nullptr && now >= pace.next) {
    pace.next = now + pace.gap;
    return member.to().deliver(member, message);
  }
  if (pace.kept != nullptr) counters.dropped(Dropped::rate);
  pace.kept = message;
  if (pace.timer.armed()) return;
  pace.timer.on_expiry([&member, &pace, &wheel] {
    pace.next = wheel.clock().now() + pace.gap;
    auto const kept = std::move(pace.kept);
    pace.kept = nullptr;
    member.to().deliver(member, kept);
  });
  wheel.arm_at(pace.timer, pace.next);
}

}  // namespace

std::string chat_key(std::string_view workflow, std::string_view app_id, std::string_view chat_id) {
  std::string out;
  append_escaped(out, workflow);
  out += '/';
  append_escaped(out, app_id);
  out += '/';
  append_escaped(out, chat_id);
  return out;
}

void Topic::add(Subscription& member) {
  member.topic_ = this;
  member.index_ = static_cast<std::uint32_t>(members_.size());
  members_.push_back(&member);
}

void Topic::remove(Subscription& member) {
  auto const index = member.index_;
  member.topic_ = nullptr;
  if (depth_ > 0) {
    members_[index] = nullptr;
    ++gaps_;
    return;
  }
  members_[index] = members_.back();
  members_[index]->index_ = index;
  members_.pop_back();
  if (members_.capacity() > 64 && members_.size() < members_.capacity() / 4) members_.shrink_to_fit();
}

void Topic::close_up() {
  std::erase(members_, nullptr);
  gaps_ = 0;
  for (std::uint32_t i = 0; i < members_.size(); ++i) members_[i]->index_ = i;
}

std::size_t Topic::deliver(MessagePtr const& message, TimerWheel& wheel, HubCounters const& counters) {
  auto const count = size();
  ++depth_;
  // Who joins meanwhile gets the next one.
  for (std::size_t i = 0, end = members_.size(); i < end; ++i) {
    auto* const member = members_[i];
    if (member == nullptr) continue;
    if (message->at.offset <= member->after_ && message->at.offset != 0 &&
        TextHash{}(message->at.epoch) == member->after_epoch_)
      continue;
    if (member->pace_ != nullptr)
      paced(*member, *member->pace_, message, wheel, counters);
    else
      member->to_.deliver(*member, message);
  }
  if (--depth_ == 0 && gaps_ > 0) close_up();
  return count;
}

void Topic::release() {
  for (auto* member : members_)
    if (member != nullptr) member->topic_ = nullptr, member->shard_ = nullptr, member->pace_.reset();
  members_.clear();
}

Directory::~Directory() {
  for (auto& [name, topic] : topics_) topic->release();
}

Topic& Directory::topic(std::string_view name) {
  if (auto* known = find(name)) return *known;
  auto& topic = topics_[std::string{name}];
  topic = std::make_unique<Topic>(std::string{name});
  if (name.ends_with('*')) ++prefixes_;
  return *topic;
}

Topic* Directory::find(std::string_view name) {
  auto const found = topics_.find(name);
  return found == topics_.end() ? nullptr : found->second.get();
}

void Directory::drop_if_empty(std::string_view name) {
  auto const found = topics_.find(name);
  if (found == topics_.end() || found->second->size() > 0 || found->second->delivering()) return;
  if (name.ends_with('*')) --prefixes_;
  topics_.erase(found);
}

void Directory::add(ByName<Connections>& lists, std::string const& name, Connection& connection) {
  lists[name].push_back(&connection);
}

void Directory::remove(ByName<Connections>& lists, std::string const& name, Connection& connection) {
  auto const found = lists.find(name);
  if (found == lists.end()) return;
  std::erase(found->second, &connection);
  if (found->second.empty()) lists.erase(found);
}

}  // namespace patchbay::hub
