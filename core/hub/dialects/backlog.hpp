// Backlog: frames that wait in front of a connection's queue, in order: missed messages of a channel, the replay of an
// answer. They go out as the queue takes them, so that what was promised does not count as a slow consumer's overflow.
//
//   backlog.add(frame);  backlog.pump(connection);           // and again in Conversation::drained()
//
// Nothing is dropped unless that is asked for. Own shard only. An empty one holds no memory.
#pragma once

#include <vector>

#include "core/hub/connection.hpp"

namespace patchbay::hub {

class Backlog {
 public:
  bool empty() const { return frames_.empty(); }
  std::size_t bytes() const { return bytes_; }
  void add(FramePtr frame) {
    if (next_ > 64 && next_ > frames_.size() / 2) {
      frames_.erase(frames_.begin(), frames_.begin() + static_cast<std::ptrdiff_t>(next_));
      next_ = 0;
    }
    bytes_ += frame->size();
    frames_.push_back(std::move(frame));
  }
  // The oldest, until at most so many bytes are left; tells of each.
  template <class Told>
  void drop_oldest(std::size_t most, Told told) {
    while (bytes_ > most) told(*take());
  }
  void pump(Connection& connection) { send(connection, false); }
  // All of it, whatever the queue says.
  void flush(Connection& connection) { send(connection, true); }

 private:
  void send(Connection& connection, bool all) {
    while (next_ < frames_.size() && (all || !connection.congested())) connection.send_late(take());
    if (next_ < frames_.size()) return;
    next_ = 0;
    std::vector<FramePtr>{}.swap(frames_);
  }

  FramePtr take() {
    auto frame = std::move(frames_[next_++]);
    bytes_ -= frame->size();
    return frame;
  }

  std::vector<FramePtr> frames_;
  std::size_t next_ = 0, bytes_ = 0;
};

}  // namespace patchbay::hub
