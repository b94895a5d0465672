// Frame: one whole WebSocket message as the server sends it (RFC 6455, 5.2: not masked, FIN set), encoded once and
// shared by everyone who gets it.
//
//   FramePtr frame = text_frame(R"({"type":"pong"})");
//   outbox.append(frame);                                  // no copy
//
// Immutable; any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace patchbay::hub {

struct Frame {
  std::string bytes;       // header and payload
  std::string deflated;    // the same for those who negotiated permessage-deflate; empty: they get the plain one
  std::string message_id;  // of a message with a receipt: the session tells when it is written or dropped
  std::chrono::steady_clock::time_point made{};  // when it was published; zero: not measured

  std::size_t size() const { return bytes.size(); }
};
using FramePtr = std::shared_ptr<Frame const>;

enum class Opcode : std::uint8_t { text = 1, binary = 2 };

// Appends header and payload.
void append_frame(std::string& out, Opcode opcode, std::string_view payload, bool compressed = false);
FramePtr text_frame(std::string_view payload);
FramePtr binary_frame(std::string_view payload);
// Code 0: a close frame without a payload. Reasons longer than a control frame takes are cut.
FramePtr close_frame(std::uint16_t code, std::string_view reason);
FramePtr ping_frame();  // always the same, empty one
// Payload of permessage-deflate without context takeover (RFC 7692, 7.2.1); empty when it would not be smaller.
// `window_bits`: 9 to 15, at most what the other side can take.
std::string deflated_payload(std::string_view payload, int window_bits = 15);

}  // namespace patchbay::hub
