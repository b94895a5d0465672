// Backlog: frames that wait in front of a connection's queue, in order: missed messages of a channel, the replay of an
// answer. They go out as the queue takes them, so that what was promised does not count as a slow consumer's overflow.
//
//   backlog.add(frame);  backlog.pump(connection);           // and again in Conversation::drained()
//
// Own shard only. An empty one holds no memory.
#pragma once

#include <vector>

#include "core/hub/connection.hpp"

namespace patchbay::hub {

class Backlog {
 public:
  bool empty() const { return frames_.empty(); }
  std::size_t bytes() const { return bytes_; }
  void add(FramePtr frame) {
    bytes_ += frame->size();
    frames_.push_back(std::move(frame));
  }
  void pump(Connection& connection) { send(connection, false); }
  // All of it, whatever the queue says.
  void flush(Connection& connection) { send(connection, true); }

 private:
  void send(Connection& connection, bool all) {
    while (next_ < frames_.size() && (all || !connection.congested())) {
      auto frame = std::move(frames_[next_++]);
      bytes_ -= frame->size();
      connection.send(std::move(frame));
    }
    if (next_ < frames_.size()) return;
    next_ = 0;
    std::vector<FramePtr>{}.swap(frames_);
  }

  std::vector<FramePtr> frames_;
  std::size_t next_ = 0, bytes_ = 0;
};

}  // namespace patchbay::hub
