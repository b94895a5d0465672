// HostStream: carries the events of a streaming operation from its shard to a host's thread that waits for them.
// Bounded: the operation waits while the host is behind. Held by shared_ptr on both sides.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>

#include "core/base/call.hpp"
#include "core/base/reply.hpp"

namespace patchbay {

class HostStream final : public EventSink, public std::enable_shared_from_this<HostStream> {
 public:
  explicit HostStream(Executor executor) : executor_(executor), room_(executor) {}

  // --- the shard's side ---
  Taken emit(std::string_view event, std::string_view json) override;
  Task<bool> ready() override;
  void end(Result<Answer> result);

  // --- the host's side: gives each event to the function until the operation ends; false stops it early ---
  Result<Answer> run(std::function<bool(std::string_view event, std::string_view json)> const& on_event,
                     std::function<void()> const& cancel);

 private:
  static constexpr std::size_t capacity = 256;
  Executor executor_;
  SteadyTimer room_;  // the shard waits on it while the queue is full
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::pair<std::string, std::string>> events_;
  std::optional<Result<Answer>> result_;
  bool gone_ = false, waiting_ = false;
};

}  // namespace patchbay
