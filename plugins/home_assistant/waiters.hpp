// Waiters: coroutines that wait for something to change, each at most until its call's deadline; and Turns: one at a
// time for each name.
//
//   while (connecting_) {
//     auto waiting = opened_.wait(&call);
//     bool const woken = co_await std::move(waiting);
//     if (!woken) co_return Error{Code::deadline_exceeded, "..."};
//   }
//
// All on the plugin's thread. Header-only.
#pragma once

#include <list>
#include <set>

#include "plugins/sdk/patchbay_plugin.hpp"

namespace patchbay::home_assistant {

namespace sdk = patchbay::sdk;

class Waiters {
 public:
  explicit Waiters(sdk::Executor executor) : executor_(executor) {}
  Waiters(Waiters const&) = delete;
  Waiters& operator=(Waiters const&) = delete;

  // True when woken; false when the time is up or the call was cancelled. Without a call it waits without a limit.
  sdk::Task<bool> wait(sdk::Call* call) {
    auto const span = call != nullptr ? call->time_left() : std::chrono::hours{24 * 365};
    return wait(call, span);
  }
  sdk::Task<bool> wait(sdk::Call* call, std::chrono::milliseconds span) {
    sdk::SteadyTimer timer{executor_};
    timer.expires_after(span);
    Entry entry{timer};
    auto const at = entries_.insert(entries_.end(), &entry);
    struct Leave {
      std::list<Entry*>& entries;
      std::list<Entry*>::iterator at;
      ~Leave() { entries.erase(at); }
    } leave{entries_, at};
    co_await timer.async_wait(sdk::use_task_tuple);
    co_return entry.woken && (call == nullptr || !call->cancelled());
  }
  bool empty() const { return entries_.empty(); }
  void wake_all() {
    for (auto* entry : entries_) {
      entry->woken = true;
      entry->timer.cancel();
    }
  }

 private:
  struct Entry {
    sdk::SteadyTimer& timer;
    bool woken = false;
  };
  sdk::Executor executor_;
  std::list<Entry*> entries_;
};

// Turns of those who change the same thing, so that none overwrites what another has just done.
class Turns {
 public:
  explicit Turns(sdk::Executor executor) : waiters_(executor) {}

  class Turn {
   public:
    Turn(Turns& turns, std::string name) : turns_(&turns), name_(std::move(name)) {}
    Turn(Turn&& other) noexcept : turns_(std::exchange(other.turns_, nullptr)), name_(std::move(other.name_)) {}
    Turn(Turn const&) = delete;
    Turn& operator=(Turn const&) = delete;
    Turn& operator=(Turn&&) = delete;
    ~Turn() {
      if (turns_ != nullptr) turns_->leave(name_);
    }

   private:
    Turns* turns_;
    std::string name_;
  };

  // Errors: deadline_exceeded, cancelled.
  sdk::Task<Result<Turn>> enter(sdk::Call& call, std::string name) {
    while (taken_.count(name) != 0) {
      auto waiting = waiters_.wait(&call);
      bool const woken = co_await std::move(waiting);
      if (!woken) {
        Error late{call.cancelled() ? Code::cancelled : Code::deadline_exceeded,
                   "another change of " + name + " took too long"};
        co_return late;
      }
    }
    taken_.insert(name);
    Turn turn{*this, std::move(name)};
    co_return std::move(turn);
  }

 private:
  void leave(std::string const& name) {
    taken_.erase(name);
    waiters_.wake_all();
  }
  Waiters waiters_;
  std::set<std::string> taken_;
};

}  // namespace patchbay::home_assistant
