// Hub: the server side of WebSocket: connections, channels, users and chats. Answers HUB's operations.
//
//   Hub hub{runtime, caller, counters, log, settings};
//   hub.start();                                             // makes its shards; before the listener
//   hub.shard(Shard::current()->index())                     // the part of it that belongs to this shard
//   auto done = caller.start(hub::publish, call, args);      // any shard or thread
//   hub.drain(7s); hub.stop();
//
// Operations may be called from any thread: what needs a home shard goes there itself and is answered at once when it
// is there already. Costs nothing until somebody connects.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "core/base/caller.hpp"
#include "core/base/sinks.hpp"
#include "core/hub/hub_shard.hpp"
#include "core/hub/operations.hpp"
#include "core/hub/settings.hpp"
#include "core/runtime/runtime.hpp"

namespace patchbay::hub {

class Hub {
 public:
  Hub(Runtime& runtime, Caller& caller, Counters& counters, LogSink& log, Settings settings);
  ~Hub();
  Hub(Hub const&) = delete;
  Hub& operator=(Hub const&) = delete;

  HubShard& shard(std::size_t index);
  // The home of a name: of a channel, user or chat.
  HubShard& home_of(std::string_view name);
  Result<void> apply(Settings settings);
  SettingsPtr settings() const;

  // --- operations, one function each (operations.hpp) ---
};

}  // namespace patchbay::hub
