// Pool: the connections of one shard, kept alive between exchanges.
//
//   auto place = co_await pool.enter(key, deadline);          // one of ten per host; waits its turn
//   auto kept = pool.take(key, allowed_addresses);            // a live one, or nothing: then connect
//   ...
//   pool.keep(key, std::move(stream));                        // for the next one
//
// One shard's thread only. A kept connection is closed after the idle limit, when the server has closed it or sent
// something unasked, or when too many are kept. It is given out only if it leads to an address that the caller may
// reach now: a name can change what it means, and another caller may have had other rights. At most `max_waiting`
// requests wait for a place, further ones fail with backpressure.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <cstdint>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "core/base/counters.hpp"
#include "core/base/result.hpp"
#include "core/base/timer_wheel.hpp"
#include "core/runtime/connect.hpp"
#include "core/runtime/stream.hpp"
#include "core/runtime/waiter.hpp"

namespace patchbay::http_client {

struct PoolKey {
  bool tls = false, verify = true;
  std::uint16_t port = 0;
  std::string host, ca;
  friend auto operator<=>(PoolKey const&, PoolKey const&) = default;
};

// What the pools of all shards count together.
struct PoolCounts {
  UpDown active_gauge, idle_gauge;
  std::atomic<std::int64_t> active{0}, idle{0};

  void add_active(std::int64_t by) {
    active.fetch_add(by, std::memory_order_relaxed);
    active_gauge.add(by);
  }
  void add_idle(std::int64_t by) {
    idle.fetch_add(by, std::memory_order_relaxed);
    idle_gauge.add(by);
  }
};

class Pool {
 public:
  struct Limits {
    std::size_t per_host = 10;
    std::size_t max_idle = 256;
    std::size_t max_waiting = 1024;
    std::chrono::milliseconds idle{60'000};
  };

  Pool(PoolCounts& counts, Limits const& limits) : counts_(counts), limits_(limits) {}
  ~Pool();
  Pool(Pool const&) = delete;
  Pool& operator=(Pool const&) = delete;

  // One of the places of a host; leaving it lets the next one in.
  class Place {
   public:
    Place() = default;
    Place(Pool& pool, PoolKey const& key) : pool_(&pool), key_(&key) {}
    Place(Place&& other) noexcept : pool_(std::exchange(other.pool_, nullptr)), key_(other.key_) {}
    Place& operator=(Place&&) = delete;
    ~Place() {
      if (pool_ != nullptr) pool_->leave(*key_);
    }

   private:
    Pool* pool_ = nullptr;
    PoolKey const* key_ = nullptr;  // the caller's, which outlives the place
  };

  // Errors: backpressure, deadline_exceeded, cancelled.
  Task<Result<Place>> enter(PoolKey const& key, Deadline deadline);
  std::unique_ptr<Stream> take(PoolKey const& key, std::vector<asio::ip::address> const& allowed);
  void keep(PoolKey const& key, std::unique_ptr<Stream> stream);
  std::size_t idle() const { return idle_; }

 private:
  struct Kept {
    std::unique_ptr<Stream> stream;
    asio::ip::address address;
    SteadyTime since;
  };
  struct Turn {
    Waiter waiter;
    bool granted = false;
  };
  struct Host {
    std::size_t active = 0;
    std::vector<Kept> kept;  // the oldest first
    std::list<Turn*> waiting;
  };
  void leave(PoolKey const& key);
  void forget_if_empty(std::map<PoolKey, Host>::iterator at);
  void sweep();

  PoolCounts& counts_;
  Limits const limits_;
  std::map<PoolKey, Host> hosts_;
  std::size_t idle_ = 0, waiting_ = 0;
  Timer sweeper_{[this] { sweep(); }};
};

}  // namespace patchbay::http_client
