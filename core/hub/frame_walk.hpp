// FrameWalk: follows the frames in the bytes of a client, by their headers only, before Beast reads them: it counts
// what Beast does not tell: the fragments of a message, pings, pongs; and sees the close frame of a client whose
// messages are not read any more.
//
//   FrameWalk walk;
//   auto const seen = walk.pass(bytes);          // any piece of the stream
//   if (seen.pings > 0) ...                      // in this piece
//   if (seen.most_fragments > most) ...          // of one message
//
// No checks: a malformed stream is Beast's to refuse. Some 5 ns a frame; 24 bytes; one thread.
#pragma once

#include <cstdint>
#include <string_view>

namespace patchbay::hub {

class FrameWalk {
 public:
  struct Seen {
    std::uint32_t pings = 0, pongs = 0;
    std::uint32_t most_fragments = 0;  // of any message of this piece so far
    bool close = false;
  };

  Seen pass(std::string_view bytes);
  // Bytes that the frame at hand still lacks.
  std::uint64_t remaining() const { return left_; }

 private:
  void head_done(Seen& seen);

  std::uint64_t left_ = 0;       // of the frame's payload
  std::uint64_t length_ = 0;     // being read
  std::uint32_t fragments_ = 0;  // of the message at hand
  std::uint8_t first_ = 0;       // byte of the header
  std::uint8_t at_ = 0;          // in the header
  std::uint8_t head_size_ = 2;
  std::uint8_t extra_ = 0;  // length bytes behind the second
};

}  // namespace patchbay::hub
