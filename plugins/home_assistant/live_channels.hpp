// LiveChannels: what the mirror hears, on hub channels, so that thousands of listeners cost Home Assistant nothing
// more.
//
//   ha.states               event state_changed, data: the state object with "previous", the state before
//   ha.state.<entity_id>    the same for one entity; who subscribes gets the newest
//   ha.events.<type>        event <type>, data: the event as Home Assistant sent it
//
// An entity that was removed: event state_removed, data {"entity_id","state":null,"previous"}. One publication after
// the other, in Home Assistant's order. At most 16 MiB wait; beyond that what waits is dropped, and each entity it was
// about is published as it is then, after an event states_skipped on ha.states. Also tells the hub which entity lies in
// which area, for tokens that are limited to areas. On the plugin's thread.
#pragma once

#include <deque>

#include "plugins/home_assistant/mirror.hpp"

namespace patchbay::home_assistant {

class LiveChannels {
 public:
  LiveChannels(sdk::Host& host, Mirror& mirror) : host_(host), mirror_(mirror), more_(host.executor()) {}

  void start();
  void stop();

 private:
  static constexpr std::size_t most_bytes = 16 * 1024 * 1024;

  sdk::Task<void> publish_all();
  sdk::Task<void> tell_areas();
  void add(std::string channel, std::string_view event, std::string_view data);
  void add_state(StateChange const& change);
  void queue_state(StateChange const& change);
  void skip();
  void catch_up();
  std::string areas() const;

  sdk::Host& host_;
  Mirror& mirror_;
  std::deque<std::string> waiting_;  // arguments of hub_publish
  std::size_t bytes_ = 0;
  std::set<std::string, std::less<>> skipped_;  // entities whose changes were dropped
  std::uint64_t dropped_ = 0;
  bool areas_changed_ = false, telling_ = false;
  std::shared_ptr<sdk::Background> publishing_, areas_task_;
  Waiters more_;
};

// Whether the hub has such channel names: A-Z a-z 0-9 _ . : and -, at most 255.
bool is_channel(std::string_view name);

}  // namespace patchbay::home_assistant
