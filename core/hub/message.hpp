// Message: one publication on a channel, or one message sent directly to users, chats or connections; made once,
// encoded once for each form in which somebody gets it, then shared by all shards and subscribers.
//
//   auto message = std::make_shared<Message>();
//   message->channel = "missions"; message->event = "mission_started"; message->data = R"({"mission_id":"7"})";
//   encode(*message, deflate);                  // fills frames
//
// Immutable after encode(); any thread.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "core/base/clock.hpp"
#include "core/hub/frame.hpp"

namespace patchbay::hub {

// How the dialects write times and envelopes: the channel dialect one way, user and chat dialects another.
enum class Form : std::uint8_t { channel = 0, user = 1 };

// Where in a channel's history; an epoch is new whenever offsets begin anew.
struct Position {
  std::string epoch;
  std::uint64_t offset = 0;
  friend bool operator==(Position const&, Position const&) = default;
};

struct Message {
  std::string channel{};      // empty: sent directly
  std::string event{};        // of a publication
  std::string data = "null";  // JSON text: a publication's data, or the whole object of a direct message
  Position at{};              // offset 0: the channel keeps no history
  std::string message_id{};   // of a message with a receipt; every frame carries it
  bool ack = false;           // the client is shown the id and asked to acknowledge
  WallTime time{};
  SteadyTime made{};
  std::array<FramePtr, 2> frames{};  // by Form; null where that form is not needed

  FramePtr const& frame(Form form) const { return frames[static_cast<std::size_t>(form)]; }
};
using MessagePtr = std::shared_ptr<Message const>;

// Fills the frames: a publication gets the channel form, a direct message both. `deflate_from`: payloads of at least so
// many bytes also get a compressed form; 0: none do. (In dialects/encode.cpp.)
void encode(Message& message, std::size_t deflate_from);

}  // namespace patchbay::hub
