// HomeQueue: what plugin threads hand to a shard. Lock-free; one wake-up of the shard for all that has gathered and
// arrives while it is at it, so that many completions in flight cost little. One queue a shard; order is kept.
#pragma once

#include <atomic>
#include <utility>

#include "core/runtime/shard.hpp"

namespace patchbay::plugin_host {

// Owned by whoever pushes it; in at most one queue at a time.
class HomeWork {
 public:
  virtual ~HomeWork() = default;
  virtual void run() = 0;  // on the shard

 private:
  friend class HomeQueue;
  HomeWork* next_ = nullptr;
};

class HomeQueue {
 public:
  explicit HomeQueue(Shard& shard) : shard_(shard) {}
  HomeQueue(HomeQueue const&) = delete;
  HomeQueue& operator=(HomeQueue const&) = delete;

  Shard& shard() { return shard_; }
  // Any thread.
  void push(HomeWork& work) {
    auto* head = head_.load(std::memory_order_relaxed);
    do work.next_ = head;
    while (!head_.compare_exchange_weak(head, &work));
    if (head == nullptr && !awake_.exchange(true)) shard_.post([this] { drain(); });
  }

 private:
  void drain() {
    for (unsigned round = 0; round < most_rounds; ++round) {
      if (auto* newest = head_.exchange(nullptr)) {
        run_all(newest);
        continue;
      }
      // Whoever pushes after this wakes the shard; whoever pushed before is seen here. Both look at the other's word
      // after writing their own, in one total order.
      awake_.store(false);
      if (head_.load() == nullptr || awake_.exchange(true)) return;
    }
    shard_.post([this] { drain(); });  // the shard's sockets have their turn in between
  }
  static void run_all(HomeWork* newest) {
    HomeWork* oldest = nullptr;
    while (newest != nullptr) {
      auto* next = newest->next_;
      newest->next_ = oldest;
      oldest = newest;
      newest = next;
    }
    while (oldest != nullptr) {
      auto* work = oldest;
      oldest = oldest->next_;  // running it may push it again
      work->run();
    }
  }

  static constexpr unsigned most_rounds = 4;

  Shard& shard_;
  std::atomic<HomeWork*> head_{nullptr};
  std::atomic<bool> awake_{false};  // drain() runs or is on its way
};

}  // namespace patchbay::plugin_host
