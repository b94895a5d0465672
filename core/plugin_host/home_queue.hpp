// HomeQueue: what plugin threads hand to a shard. Lock-free; one wake-up of the shard for all that has gathered, so
// that many completions in flight cost little. One queue a shard; order is kept.
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
    while (!head_.compare_exchange_weak(head, &work, std::memory_order_acq_rel, std::memory_order_relaxed));
    if (head == nullptr) shard_.post([this] { drain(); });
  }

 private:
  void drain() {
    auto* newest = head_.exchange(nullptr, std::memory_order_acq_rel);
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

  Shard& shard_;
  std::atomic<HomeWork*> head_{nullptr};
};

}  // namespace patchbay::plugin_host
