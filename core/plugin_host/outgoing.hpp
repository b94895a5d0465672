// Outgoing: one call that a plugin makes. Lives on a shard (its parent's, else the home shard), kept by its instance
// until the plugin has been told its end.
#pragma once

#include "core/plugin_host/instance.hpp"

namespace patchbay::plugin_host {

class Outgoing final : public HomeWork, public EventSink, public std::enable_shared_from_this<Outgoing> {
 public:
  // What the plugin asked for, copied.
  struct Request {
    std::string operation, args;
    std::int64_t timeout_ms = -1;
    void* user = nullptr;
    std::int32_t (*event)(void*, pb_str, pb_str) = nullptr;
    void (*done)(void*, pb_error const*, pb_str) = nullptr;
    std::string user_id;  // of the parent, as are these
    TraceId trace;
    Deadline deadline;
  };
  Outgoing(Instance& instance, HomeQueue& home, pb_call id, Request request)
      : instance_(instance), home_(home), id_(id), request_(std::move(request)) {}

  // Any thread.
  void begin();
  void cancel();
  void resume();

  void run() override;
  Taken emit(std::string_view event, std::string_view json) override;
  Task<bool> ready() override;

 private:
  void start();
  void end(Result<Answer> result);

  Instance& instance_;
  HomeQueue& home_;
  pb_call const id_;
  Request request_;
  std::shared_ptr<Outgoing> keep_;  // while it is in the queue
  std::atomic<bool> cancelled_{false};
  // On the shard.
  std::optional<Call> call_;
  bool ended_ = false, held_ = false;
  std::optional<SteadyTimer> resumed_;
};

}  // namespace patchbay::plugin_host
