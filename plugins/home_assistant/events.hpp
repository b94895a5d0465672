// EventSources: events of Home Assistant for any number of listeners, with one subscription there for each event type.
//
//   auto joining = events.join(call, "state_changed", "light.bed_light");
//   Result<std::shared_ptr<Listener>> listener = co_await std::move(joining);
//   while (auto event = co_await (*listener)->next(...)) ...
//
// The subscription begins with the first listener of a type and ends with the last; the gateway restores it after a
// reconnect. Each listener has a queue of 1,000 events and 4 MiB: when it is full the oldest go, and are counted. All
// on the plugin's thread.
#pragma once

#include <deque>
#include <map>

#include "plugins/home_assistant/session.hpp"

namespace patchbay::home_assistant {

class EventSource;

struct Event {
  std::string type;
  std::string json;
  bool ours = false;  // a note of the gateway, which no limit counts
};
using EventPtr = std::shared_ptr<Event const>;

class Listener {
 public:
  static constexpr std::size_t most_events = 1'000;
  static constexpr std::size_t most_bytes = 4 * 1024 * 1024;

  Listener(sdk::Executor executor, std::optional<std::string> entity_id)
      : entity_id_(std::move(entity_id)), changed_(executor) {}

  // The next event; nothing when the time is up, the call was cancelled or the source has ended.
  sdk::Task<EventPtr> next(sdk::Call& call, std::chrono::milliseconds at_most);
  // How many events were dropped since it was last asked.
  std::uint64_t take_dropped() { return std::exchange(dropped_, 0); }
  std::optional<Error> const& ended() const { return ended_; }

 private:
  friend class EventSource;
  friend class EventSources;
  bool wants(std::string_view event) const;
  void push(EventPtr const& event);
  void end(Error const& error);

  std::optional<std::string> entity_id_;
  std::deque<EventPtr> queue_;
  std::size_t bytes_ = 0;
  std::uint64_t dropped_ = 0;
  std::optional<Error> ended_;
  Waiters changed_;
};

class EventSources {
 public:
  EventSources(sdk::Host& host, Session& session) : host_(host), session_(session) {}

  // An empty type: all events. Waits until Home Assistant has accepted the subscription. Errors: its own.
  sdk::Task<Result<std::shared_ptr<Listener>>> join(sdk::Call& call, std::string type,
                                                    std::optional<std::string> entity_id);
  void leave(std::string const& type, std::shared_ptr<Listener> const& listener);
  // Ends all listeners: the plugin ends.
  void end();

 private:
  friend class EventSource;
  sdk::Host& host_;
  Session& session_;
  std::map<std::string, std::shared_ptr<EventSource>> sources_;
};

}  // namespace patchbay::home_assistant
