// Settings of the hub: what the configuration says under `hub`, `websocket_server` and `limits`.
//
// One immutable snapshot (SettingsPtr) is in force on each shard; a reload replaces it on all of them, no connection is
// closed for it.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.hpp"

namespace patchbay::hub {

enum class SlowConsumer : std::uint8_t { close, drop_oldest, latest_only };

// What holds for the channels whose names match the pattern: an exact name, or a beginning and `*`.
struct ChannelRule {
  std::string pattern;
  std::string subscribe = "none";  // scope; "none": only the gateway, host code and the plugin whose prefix it is
  std::string publish = "none";
  std::string presence = "none";
  std::uint32_t history_size = 0;
  std::chrono::seconds history_ttl{0};
  bool join_leave = false;
  SlowConsumer slow_consumer = SlowConsumer::close;
  std::uint32_t max_rate = 0;  // messages a second to one subscriber; 0: any number
  bool last_value = false;     // who subscribes gets the newest message that is kept
};

// Channels that are about single entities: below `prefix` a principal whose token has entity lists hears only of the
// entities that are its own, each on the channel `states` and its id.
struct EntityChannels {
  std::string prefix, states;  // "ha.", "ha.state."
};
// What lies in an area, by the area's folded name.
using EntityAreas = std::map<std::string, std::set<std::string, std::less<>>, std::less<>>;

struct Workflow {
  std::string operation;  // tool name of a streaming operation
  bool shared = false;
};

struct AlertThresholds {
  double connection_latency_ms = 100, message_latency_ms = 50, error_rate = 0.01, connection_limit = 0.8;
};

struct Settings {
  std::string server_id = "websocket-1", server_name = "WebSocketServer", version = "0";
  std::vector<std::string> capabilities{"connection_management", "message_routing", "monitoring"};
  std::vector<std::string> relationships{"all_components"};
  std::string broker = "memory";
  std::vector<ChannelRule> rules;  // first match wins
  std::vector<EntityChannels> entity_channels;
  std::map<std::string, std::shared_ptr<EntityAreas const>> entity_areas;  // by prefix; of others nothing is known yet
  std::map<std::string, Workflow> workflows;
  bool echo = false;
  bool deflate = false;
  std::size_t deflate_threshold = 1024;
  AlertThresholds alerts;
  std::chrono::milliseconds heartbeat{30'000};
  std::chrono::milliseconds cleanup{300'000};

  // Limits, by the names that patchbay_limit{name} shows.
  std::int64_t max_connections =
      10'000;  // websocket_server.settings.max_connections, lowered to what descriptors allow
  std::int64_t address_connections = 1'000;   // not for loopback
  std::int64_t user_connections = 32;         // hub.users.max_connections; not for loopback
  std::int64_t message_bytes = 64 << 10;      // from a channel client
  std::int64_t user_message_bytes = 1 << 20;  // from a user or chat client
  std::int64_t unauthenticated_bytes = 4096;  // before authentication
  std::int64_t echo_message_bytes = 17 << 20;
  std::int64_t fragments = 1024;               // of one message
  std::int64_t commands_per_second = 2'000;    // of one connection, burst twice that
  std::int64_t pings_per_second = 100;         // more: 1008; answered: 10 a second
  std::int64_t subscriptions = 128;            // of one connection
  std::int64_t queue_bytes = 1 << 20;          // send queue of one connection
  std::int64_t stall_ms = 5'000;               // without progress while something is queued
  std::int64_t close_ms = 5'000;               // our close unanswered
  std::int64_t authentication_ms = 10'000;     // to the first message with a token
  std::int64_t renewal_ms = 25'000;            // after a token expired
  std::int64_t running_calls = 64;             // of one connection at a time
  std::int64_t publication_bytes = 512 << 10;  // data of one publication or direct message
  std::int64_t history_bytes = 64 << 20;       // of all channels; the oldest go first
  std::int64_t user_queue_bytes = 16 << 20;    // messages kept for users who are away
};
using SettingsPtr = std::shared_ptr<Settings const>;

struct Limit {
  std::string_view name;
  std::int64_t Settings::*member;
  std::int64_t least, most;
};
inline constexpr std::array limits{
    Limit{"hub_address_connections", &Settings::address_connections, 1, 10'000'000},
    Limit{"message_bytes", &Settings::message_bytes, 1024, 64 << 20},
    Limit{"user_message_bytes", &Settings::user_message_bytes, 1024, 64 << 20},
    Limit{"unauthenticated_message_bytes", &Settings::unauthenticated_bytes, 512, 1 << 20},
    Limit{"echo_message_bytes", &Settings::echo_message_bytes, 1024, 64 << 20},
    Limit{"message_fragments", &Settings::fragments, 1, 1 << 20},
    Limit{"commands_per_second", &Settings::commands_per_second, 1, 10'000'000},
    Limit{"pings_per_second", &Settings::pings_per_second, 1, 1'000'000},
    Limit{"subscriptions", &Settings::subscriptions, 1, 1'000'000},
    Limit{"send_queue_bytes", &Settings::queue_bytes, 4096, std::int64_t{1} << 30},
    Limit{"send_stall_ms", &Settings::stall_ms, 50, 3'600'000},
    Limit{"close_timeout_ms", &Settings::close_ms, 50, 3'600'000},
    Limit{"authentication_timeout_ms", &Settings::authentication_ms, 50, 3'600'000},
    Limit{"renewal_timeout_ms", &Settings::renewal_ms, 50, 3'600'000},
    Limit{"running_calls", &Settings::running_calls, 1, 100'000},
    Limit{"publication_bytes", &Settings::publication_bytes, 256, 64 << 20},
    Limit{"history_bytes", &Settings::history_bytes, 1 << 16, std::int64_t{1} << 40},
    Limit{"user_queue_bytes", &Settings::user_queue_bytes, 1 << 16, std::int64_t{1} << 36},
};

}  // namespace patchbay::hub
