// Slot and Slots: the calls that a plugin instance has not answered yet.
//
// A pb_call is a slot's index and generation. Every use looks both up, so an answer that comes late, twice or for a
// call that never was touches nothing. A slot's mutex is held for a few instructions only, never across a call into the
// plugin. Slots are made in chunks as needed, up to `most`, and stay until the instance's end.
#pragma once

#include <array>
#include <boost/asio/async_result.hpp>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "core/base/call.hpp"
#include "core/base/reply.hpp"
#include "core/plugin_host/home_queue.hpp"
#include "plugins/abi/patchbay_plugin.h"

namespace patchbay::plugin_host {

struct StreamEvent {
  std::string name, json;
};

class Slot final : public HomeWork {
 public:
  using Waiter = asio::async_result<asio::use_awaitable_t<Executor>, void()>::handler_type;
  enum class State : std::uint8_t {
    free,
    open,       // the plugin owes an answer and somebody waits for it
    done,       // answered, not fetched yet
    abandoned,  // the plugin owes an answer that nobody waits for
    leaving     // over, but still in its home's queue
  };

  void run() override;  // resumes the waiter

  std::mutex mutex;
  std::uint32_t index = 0;
  std::uint32_t generation = 1;
  State state = State::free;
  bool queued = false;     // in the home's queue
  bool cancelled = false;  // the waiting coroutine was
  bool cut = false;        // the gateway ends the call: its plugin is going
  bool streams = false;
  bool held = false;  // the plugin was told to send no more
  std::optional<Waiter> waiter;
  HomeQueue* home = nullptr;  // where the waiter runs; null: not on a shard
  Result<Answer> result{Error{}};
  std::vector<StreamEvent> events;
  std::size_t event_bytes = 0;
  // For the calls that the plugin makes on behalf of this one.
  std::string user_id;
  TraceId trace;
  Deadline deadline;
  class Slots* owner = nullptr;

  pb_call id() const { return (static_cast<pb_call>(generation) << 32) | index; }
  // With the mutex held: takes the waiter to its shard. Nothing when nobody waits or it is on its way.
  void wake();
};

class Slots {
 public:
  static constexpr std::uint32_t chunk = 256, chunks = 64, most = chunk * chunks;
  // Set in the index of calls that are answered at once and have no slot.
  static constexpr std::uint32_t inline_mark = 0x80000000U;

  Slots() = default;
  Slots(Slots const&) = delete;
  Slots& operator=(Slots const&) = delete;
  ~Slots();

  // An open slot, locked; null when all are taken.
  Slot* take(std::unique_lock<std::mutex>& lock);
  // Any thread: the slot of a call, locked, or null when the call is over.
  Slot* find(pb_call call, std::unique_lock<std::mutex>& lock);
  // With its mutex held; the call's id is void from now on.
  void release(Slot& slot, std::unique_lock<std::mutex>& lock);
  // Each slot that is open or abandoned, one after the other, locked.
  template <class Function>
  void each_owed(Function function) {
    for (auto& one : chunks_) {
      auto* slots = one.load(std::memory_order_acquire);
      if (slots == nullptr) return;
      for (std::uint32_t i = 0; i < chunk; ++i) {
        std::unique_lock lock{slots[i].mutex};
        if (slots[i].state == Slot::State::open || slots[i].state == Slot::State::abandoned) function(slots[i], lock);
      }
    }
  }

 private:
  friend class Slot;
  void put_back(Slot& slot);

  std::array<std::atomic<Slot*>, chunks> chunks_{};
  std::mutex mutex_;  // of what follows
  std::vector<std::uint32_t> free_;
  std::uint32_t made_ = 0;
};

}  // namespace patchbay::plugin_host
