// ShardState: what the HTTP connections of one shard share: settings in force, routes, the Date line, counters, the
// list of themselves. Touched on the shard's own thread only; each connection keeps it alive.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <unordered_set>

#include "core/base/caller.hpp"
#include "core/base/sinks.hpp"
#include "core/hub/handshake.hpp"
#include "core/runtime/address_ledger.hpp"
#include "core/runtime/runtime.hpp"
#include "gateway/surfaces/http_answer.hpp"
#include "gateway/surfaces/http_checks.hpp"
#include "gateway/surfaces/http_routes.hpp"
#include "gateway/surfaces/http_settings.hpp"

namespace patchbay::hub {
class Hub;
}

namespace patchbay::http {

class Session;

// The settings and what is computed from them once. Immutable.
struct Config {
  HttpSettings settings;
  HostList hosts;
  AddressList trusted;
  HeadLimits head;
  json::Limits json;
  TlsServerPtr tls;  // null: plain
};
using ConfigPtr = std::shared_ptr<Config const>;

// patchbay_http_*: the series of a method and a status are made when they first occur.
class HttpCounters {
 public:
  explicit HttpCounters(Counters& counters)
      : counters_(counters),
        read_(counters.counter("patchbay_http_bytes_total", "Bytes of HTTP connections", {{"direction", "in"}})),
        written_(counters.counter("patchbay_http_bytes_total", "Bytes of HTTP connections", {{"direction", "out"}})),
        connections_(counters.gauge("patchbay_http_connections", "Open HTTP connections")) {}

  void answered(Method method, std::uint16_t status);
  void read(std::size_t bytes) const { read_.add(bytes); }
  void written(std::size_t bytes) const { written_.add(bytes); }
  void connections(std::int64_t by) const { connections_.add(by); }
  // `reason` is one of a few literals.
  void cut(std::string_view reason);

 private:
  struct Known {
    std::uint32_t key;
    Counter counter;
  };
  Counters& counters_;
  Counter read_, written_;
  UpDown connections_;
  std::vector<Known> known_;  // few, the common one in front
};

// Process-wide, shared by all shards.
struct Shared {
  explicit Shared(std::size_t address_bytes) : ledger(address_bytes) {}
  AddressLedger ledger;
  hub::Hub* hub = nullptr;  // null: no WebSocket endpoints
  std::shared_ptr<hub::Admission> const admission = std::make_shared<hub::Admission>();
  std::atomic<std::int64_t> connections{0};
  std::atomic<std::int64_t> turned_away{0};   // that still linger
  std::atomic<std::uint64_t> credentials{0};  // raised when cached ones must be asked for again
};

struct ShardState {
  ShardState(Shard& shard_, Runtime& runtime, Caller& caller_, Counters& counters_, LogSink& log_,
             std::shared_ptr<Shared> shared_, ConfigPtr config_)
      : shard(shard_),
        clock(runtime.clock()),
        caller(caller_),
        log(log_),
        shared(std::move(shared_)),
        config(std::move(config_)),
        counters(counters_) {}

  Shard& shard;
  Clock const& clock;
  Caller& caller;
  LogSink& log;
  std::shared_ptr<Shared> shared;
  ConfigPtr config;
  RouteIndex routes;
  DateLine date;
  HttpCounters counters;
  std::unordered_set<Session*> sessions;
  bool draining = false;
  std::function<void()> on_session_end;  // set by the server
};

}  // namespace patchbay::http
