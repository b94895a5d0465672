#include "core/hub/frame_walk.hpp"

#include <algorithm>

namespace patchbay::hub {

FrameWalk::Seen FrameWalk::pass(std::string_view bytes) {
  Seen seen;
  seen.most_fragments = fragments_;
  while (!bytes.empty()) {
    if (left_ > 0) {
      auto const skipped = std::min<std::uint64_t>(left_, bytes.size());
      left_ -= skipped;
      bytes.remove_prefix(static_cast<std::size_t>(skipped));
      continue;
    }
    auto const byte = static_cast<std::uint8_t>(bytes.front());
    bytes.remove_prefix(1);
    if (at_ == 0) {
      first_ = byte;
    } else if (at_ == 1) {
      auto const length = byte & 0x7FU;
      length_ = length;
      auto const extra = length == 126 ? 2U : length == 127 ? 8U : 0U;
      if (extra > 0) length_ = 0;
      head_size_ = static_cast<std::uint8_t>(2 + extra + ((byte & 0x80U) != 0 ? 4U : 0U));
      extra_ = static_cast<std::uint8_t>(extra);
    } else if (at_ < 2 + extra_) {
      length_ = (length_ << 8) | byte;
    }
    if (++at_ >= 2 && at_ == head_size_) head_done(seen);
  }
  return seen;
}

void FrameWalk::head_done(Seen& seen) {
  at_ = 0;
  left_ = length_;
  switch (first_ & 0x0FU) {
    case 0x8: seen.close = true; break;
    case 0x9: ++seen.pings; break;
    case 0xA: ++seen.pongs; break;
    case 0x0:
    case 0x1:
    case 0x2:
      ++fragments_;
      seen.most_fragments = std::max(seen.most_fragments, fragments_);
      if ((first_ & 0x80U) != 0) fragments_ = 0;
      break;
    default: break;
  }
}

}  // namespace patchbay::hub
