// Feed: the way of a subscription's frames from the connection's shard to the subscriber, wherever that runs.
//
// The connection pushes, the subscriber takes from `box`; both hold it by shared_ptr. Bounded in frames and bytes: a
// subscriber that falls behind is ended with backpressure, and the connection is not held up. The end, if it is an
// error, stands in `error()` once the box is empty.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "core/base/result.hpp"
#include "core/runtime/mailbox.hpp"

namespace patchbay::websocket {

class Feed {
 public:
  struct Event {
    std::string_view name;  // of static storage: answer, message, lost, restored
    std::string json;
  };
  static constexpr std::size_t most_frames = 4096;

  Feed(Executor subscriber, std::size_t max_bytes)
      : box(std::make_shared<Mailbox<Event>>(subscriber, most_frames)), max_bytes_(max_bytes) {}

  // False: the subscriber has fallen behind, and the feed has ended.
  bool push(std::string_view name, std::string json) {
    auto const size = json.size();
    auto const before = bytes_.fetch_add(size);
    if ((before == 0 || before + size <= max_bytes_) && box->push({name, std::move(json)})) return true;
    end(Error{Code::backpressure, "the subscriber did not take its frames fast enough, so the subscription has ended"});
    return false;
  }
  void taken(Event const& event) { bytes_.fetch_sub(event.json.size()); }
  void end(Error error) {
    {
      std::lock_guard lock{mutex_};
      if (!error_) error_ = std::move(error);
    }
    box->close();
  }
  std::optional<Error> error() const {
    std::lock_guard lock{mutex_};
    return error_;
  }

  std::shared_ptr<Mailbox<Event>> const box;

 private:
  std::size_t const max_bytes_;
  std::atomic<std::size_t> bytes_{0};
  mutable std::mutex mutex_;
  std::optional<Error> error_;
};

}  // namespace patchbay::websocket
