#include "core/plugin_host/slots.hpp"

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/post.hpp>

namespace patchbay::plugin_host {

void Slot::run() {
  std::unique_lock lock{mutex};
  queued = false;
  if (state == State::leaving) {
    state = State::free;
    lock.unlock();
    owner->put_back(*this);
    return;
  }
  if (!waiter) return;
  auto resume = std::move(*waiter);
  waiter.reset();
  lock.unlock();
  std::move(resume)();
}

void Slot::wake() {
  if (!waiter || queued) return;
  if (home != nullptr) {
    queued = true;
    home->push(*this);
    return;
  }
  auto resume = std::move(*waiter);
  waiter.reset();
  auto executor = asio::get_associated_executor(resume);
  asio::post(executor, std::move(resume));
}

Slots::~Slots() {
  // A coroutine that still waits is destroyed with its waiter, and then looks its slot up: it must find nothing.
  for (auto& one : chunks_) {
    auto* slots = one.load();
    for (std::uint32_t i = 0; slots != nullptr && i < chunk; ++i) {
      std::optional<Slot::Waiter> dropped;
      std::lock_guard lock{slots[i].mutex};
      ++slots[i].generation;
      if (!slots[i].waiter) continue;
      dropped.emplace(std::move(*slots[i].waiter));
      slots[i].waiter.reset();
    }
  }
  for (auto& one : chunks_) delete[] one.load();
}

Slot* Slots::take(std::unique_lock<std::mutex>& lock) {
  std::uint32_t index = 0;
  {
    std::lock_guard guard{mutex_};
    if (free_.empty()) {
      if (made_ == most) return nullptr;
      auto* fresh = new Slot[chunk];
      for (std::uint32_t i = 0; i < chunk; ++i) {
        fresh[i].index = made_ + i;
        fresh[i].owner = this;
        free_.push_back(made_ + chunk - 1 - i);
      }
      chunks_[made_ / chunk].store(fresh, std::memory_order_release);
      made_ += chunk;
    }
    index = free_.back();
    free_.pop_back();
  }
  auto& slot = chunks_[index / chunk].load(std::memory_order_acquire)[index % chunk];
  lock = std::unique_lock{slot.mutex};
  slot.state = Slot::State::open;
  return &slot;
}

Slot* Slots::find(pb_call call, std::unique_lock<std::mutex>& lock) {
  auto const index = static_cast<std::uint32_t>(call);
  if (index >= most) return nullptr;
  auto* slots = chunks_[index / chunk].load(std::memory_order_acquire);
  if (slots == nullptr) return nullptr;
  auto& slot = slots[index % chunk];
  lock = std::unique_lock{slot.mutex};
  if (slot.generation != static_cast<std::uint32_t>(call >> 32) || slot.state == Slot::State::free ||
      slot.state == Slot::State::leaving) {
    lock.unlock();
    return nullptr;
  }
  return &slot;
}

void Slots::release(Slot& slot, std::unique_lock<std::mutex>& lock) {
  if (++slot.generation == 0) slot.generation = 1;
  slot.cancelled = slot.cut = slot.streams = slot.held = false;
  slot.home = nullptr;
  slot.result = Error{};
  slot.events.clear();
  slot.event_bytes = 0;
  slot.user_id.clear();
  slot.trace = {};
  slot.deadline = {};
  if (slot.queued) {
    slot.state = Slot::State::leaving;  // its turn in the queue puts it back
    return;
  }
  slot.state = Slot::State::free;
  lock.unlock();
  put_back(slot);
}

void Slots::put_back(Slot& slot) {
  std::lock_guard lock{mutex_};
  free_.push_back(slot.index);
}

}  // namespace patchbay::plugin_host
