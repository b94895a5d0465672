// Outbox: what one connection has still to send. Frames that many connections share are queued without a copy, and all
// that was queued in one turn of the loop leaves with one system call.
//
//   Outbox outbox{std::move(socket), owner};
//   outbox.append(frame, nullptr);                 // leaves at the end of this turn
//   outbox.append(frame, &subscription);           // may be dropped later for a newer one, by the channel's policy
//   outbox.close(1000, "");                        // after what is queued; from now on nothing is appended
//
// Bounded in bytes: append() says no, and the owner gives the connection up; drop_oldest and latest_only first drop
// what the same subscription has queued (never a frame of which the kernel has taken a part). One shard's thread only.
// Owned by its Session (Outbox::Owner), which it keeps alive while it waits for the kernel. Idle: some 200 bytes.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "core/base/clock.hpp"
#include "core/hub/frame.hpp"
#include "core/hub/hub_counters.hpp"
#include "core/hub/settings.hpp"
#include "core/runtime/server_socket.hpp"

namespace patchbay::hub {

class Subscription;
class FlushList;

class Outbox {
 public:
  using ErrorCode = boost::system::error_code;
  enum class Taken { yes, full, closed };

  class Owner {
   public:
    // What must stay alive while the kernel is waited for.
    virtual std::shared_ptr<void> keep() = 0;
    virtual SteadyTime now() = 0;
    // A frame with a message_id has been given to the kernel whole, or any frame was dropped.
    virtual void on_written(Frame const& frame) = 0;
    virtual void on_dropped(Frame const& frame, Dropped why) = 0;
    // So many frames left together, the last of which was made so long ago.
    virtual void on_delivered(std::chrono::nanoseconds took, std::uint32_t count) = 0;
    // A flush is over: something was written, or the kernel takes no more for now.
    virtual void on_flushed() = 0;
    virtual void on_broken(ErrorCode error) = 0;

   protected:
    ~Owner() = default;
  };

  Outbox(ServerSocket socket, Owner& owner);
  ~Outbox();
  Outbox(Outbox const&) = delete;
  Outbox& operator=(Outbox const&) = delete;

  ServerSocket& socket() { return socket_; }
  // `window`: frames with a payload of at most so many bytes may be sent deflated; 0: none.
  void deflate_window(std::size_t window) { window_ = window; }
  std::size_t deflate_window() const { return window_; }
  void limit(std::size_t bytes) { limit_ = bytes; }

  // `full`: the frame was not taken and counts as dropped. `measured`: its time counts, where it has one.
  Taken append(FramePtr frame, Subscription const* through = nullptr, bool measured = true);
  // Bytes as they are, and beyond the limit: the handshake's answer, Beast's control frames.
  void append_bytes(std::string bytes);
  // A close frame, the last thing that is sent. Gives up what is queued if `at_once`.
  void close(FramePtr frame, bool at_once);
  // Drops everything, sends nothing more.
  void abandon();

  bool closing() const { return closing_; }
  bool empty() const { return bytes_ == 0 && !socket_.pending(); }
  std::size_t queued_bytes() const { return bytes_; }
  // Of those, what nobody else holds too.
  std::size_t own_bytes() const { return own_bytes_; }
  std::size_t limit() const { return limit_; }
  // Since when the kernel has taken nothing although something waits; SteadyTime::max() when that is not so.
  SteadyTime stalled_since() const { return stalled_since_; }
  bool blocked() const { return waiting_; }
  std::uint64_t written_bytes() const { return written_bytes_; }
  std::uint32_t written_frames() const { return written_frames_; }
  std::uint32_t dropped_frames() const { return dropped_frames_; }

  // Writes what is queued; `now` may be a little old, it measures deliveries.
  void flush(SteadyTime now);

 private:
  friend class FlushList;
  struct Entry {
    FramePtr frame;  // null: dropped while it was queued
    Subscription const* through = nullptr;
    bool deflated = false;
    bool own = false;  // no other connection shares the frame
    bool measured = true;

    std::string_view bytes() const {
      if (!frame) return {};
      return deflated ? frame->deflated : frame->bytes;
    }
  };

  Entry& at(std::size_t index) { return ring_[(head_ + index) & (ring_.size() - 1)]; }
  void push(Entry entry);
  void pop();
  void forget(Entry const& entry);
  void drop(std::size_t index, Dropped why);
  bool make_room(std::size_t size, Subscription const& through);
  void schedule(bool is_reply);
  void wait();
  void take_written(std::size_t count);

  ServerSocket socket_;
  Owner& owner_;
  std::vector<Entry> ring_;  // its size is a power of two
  std::size_t limit_ = 1 << 20;
  std::size_t bytes_ = 0, own_bytes_ = 0;
  std::size_t window_ = 0;
  std::uint64_t written_bytes_ = 0;
  std::uint32_t head_ = 0, count_ = 0;
  std::uint32_t front_sent_ = 0;  // bytes of the first entry that the kernel has
  std::uint32_t written_frames_ = 0, dropped_frames_ = 0;
  std::uint32_t timed_ = 0;  // frames that left in this flush and have a time
  SteadyTime last_made_{};   // of the last of them
  bool closing_ = false, gone_ = false, waiting_ = false, flushing_ = false;
  SteadyTime stalled_since_ = SteadyTime::max();
  bool listed_ = false;
  std::uint32_t place_ = 0;  // on the list
  FlushList& list_;
};

// The outboxes of one io_context that have something to send. Replies leave at the end of this turn of its loop; what
// is shared leaves in slices, so that a publication to thousands holds nobody up for long, and what is published
// meanwhile leaves with it. An outbox sends all it has when its turn comes.
class FlushList final : public asio::execution_context::service {
 public:
  static asio::execution_context::id id;
  explicit FlushList(asio::execution_context& context) : asio::execution_context::service(context) {}
  void add(Outbox& outbox, bool is_reply);
  void remove(Outbox& outbox);

 private:
  using List = std::vector<Outbox*>;
  void shutdown() override {}
  void post();
  void run();
  void flush(List& list, std::size_t place);
  List replies_, answering_, shared_, writing_;
  std::size_t written_ = 0;  // of writing_
  std::size_t turn_ = 0;
  SteadyTime now_{};  // read now and then
  bool posted_ = false;
};

}  // namespace patchbay::hub
