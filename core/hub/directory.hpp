// Directory: who is here, on one shard: the members of channels and prefixes, the connections of users and chats.
//
//   Topic& topic = directory.topic("missions");
//   topic.add(subscription);
//   directory.deliver(*message);             // to the members of the channel, then of the prefixes it falls under
//
// Membership is a pointer in a vector and an index in the member: joining, leaving and delivering allocate nothing but
// the vector. A member may leave while a message is being delivered (its place is emptied and closed up afterwards).
// One shard's thread only.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/base/timer_wheel.hpp"
#include "core/hub/subscriber.hpp"

namespace patchbay::hub {

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
template <class T>
using ByName = std::unordered_map<std::string, T, TextHash, std::equal_to<>>;

// One name for all connections of a chat; the parts may hold any characters.
std::string chat_key(std::string_view workflow, std::string_view app_id, std::string_view chat_id);

// Calls the function with each prefix pattern that the channel falls under: "a.b.c" -> "a.*", "a.b.*".
template <class Function>
void each_prefix(std::string_view channel, Function function) {
  std::string pattern;
  for (auto dot = channel.find('.'); dot != std::string_view::npos; dot = channel.find('.', dot + 1)) {
    pattern.assign(channel.substr(0, dot + 1));
    pattern += '*';
    function(std::string_view{pattern});
  }
}

// At most so many messages a second to one subscriber; of what comes too early the newest is kept for the next slot.
struct Pace {
  std::chrono::nanoseconds gap{};
  SteadyTime next{};  // slot
  MessagePtr kept{};
  Timer timer{};
};

class Topic {
 public:
  explicit Topic(std::string name) : name_(std::move(name)) {}

  std::string const& name() const { return name_; }
  std::size_t size() const { return members_.size() - gaps_; }
  void add(Subscription& member);
  void remove(Subscription& member);
  // How many there are to get it, those included that get it later or never by their pace.
  std::size_t deliver(MessagePtr const& message, TimerWheel& wheel, class HubCounters const& counters);
  template <class Function>
  void each(Function function) const {
    for (auto* member : members_)
      if (member != nullptr) function(*member);
  }
  bool delivering() const { return depth_ > 0; }
  void release();  // of all members, without a word

 private:
  void close_up();

  std::string const name_;
  std::vector<Subscription*> members_;
  std::uint32_t gaps_ = 0, depth_ = 0;
};

class Directory {
 public:
  ~Directory();  // whoever is still a member is one no longer

  Topic& topic(std::string_view name);
  Topic* find(std::string_view name);
  // A topic that nobody is in goes, unless it is being delivered to.
  void drop_if_empty(std::string_view name);
  bool has_prefixes() const { return prefixes_ > 0; }
  // The topic of the channel, then those of the prefixes.
  template <class Function>
  void each_of(std::string_view channel, Function function) {
    if (auto* topic = find(channel)) function(*topic);
    if (prefixes_ > 0)
      each_prefix(channel, [&](std::string_view pattern) {
        if (auto* topic = find(pattern)) function(*topic);
      });
  }
  template <class Function>
  void each_topic(Function function) {
    for (auto& [name, topic] : topics_) function(*topic);
  }

  // Lists of connections by user and by chat.
  using Connections = std::vector<Connection*>;
  ByName<Connections> users, chats;
  static void add(ByName<Connections>& lists, std::string const& name, Connection& connection);
  static void remove(ByName<Connections>& lists, std::string const& name, Connection& connection);

 private:
  ByName<std::unique_ptr<Topic>> topics_;
  std::size_t prefixes_ = 0;
};

}  // namespace patchbay::hub
