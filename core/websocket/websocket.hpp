// WebSocket: the module behind WEBSOCKET, the client side: finds the connection behind an id and lets its owner use it.
//
//   WebSocket websocket{runtime, caller, counters, log, websocket::Settings{}};
//   auto made = co_await websocket.connect(call, std::move(args));
//
// Every function is callable from any thread. A connection lives on the shard where it was made (the home shard when
// made elsewhere); its id names the shard and is otherwise 128 random bits. An id belongs to the principal that made
// it: for others it is not_found, but an admin may list, look at and close any. The module outlives the calls; the
// runtime's stop ends the connections before.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/websocket/connection.hpp"

namespace patchbay::websocket {

class WebSocket {
 public:
  WebSocket(Runtime& runtime, Caller& caller, Counters& counters, LogSink& log, Settings settings = {});
  ~WebSocket();
  WebSocket(WebSocket const&) = delete;
  WebSocket& operator=(WebSocket const&) = delete;

  Task<Result<ConnectResult>> connect(Call& call, ConnectArgs args);
  Task<Result<SendResult>> send(Call& call, SendArgs args);
  Task<Result<ReceiveResult>> receive(Call& call, ReceiveArgs args);
  Task<Result<RequestResult>> request(Call& call, RequestArgs args);
  Task<Result<SubscribeResult>> subscribe(Call& call, SubscribeArgs args);
  Task<Result<Nothing>> close(Call& call, CloseArgs args);
  Task<Result<ListResult>> list(Call& call);
  Task<Result<ListResult>> status(Call& call, StatusArgs args);
  StatsResult stats() const { return metrics_.totals(); }

 private:
  using Connections = std::unordered_map<std::string, std::shared_ptr<Connection>>;

  // The shard that an id names; not_found when it is no id of ours.
  Result<std::size_t> shard_of(std::string const& id) const;
  std::string make_id(Shard const& shard) const;
  // Each on the connection's shard.
  Result<std::shared_ptr<Connection>> find(std::size_t shard, std::string const& id, Principal const& who,
                                           bool admin_may = false) const;
  Task<Result<ConnectResult>> do_connect(Call& call, Shard& shard, Plan plan);
  Task<Result<SendResult>> do_send(std::size_t shard, PrincipalPtr who, SendArgs args);
  Task<Result<ReceiveResult>> do_receive(std::size_t shard, PrincipalPtr who, ReceiveArgs args, Deadline deadline);
  Task<Result<RequestResult>> do_request(std::size_t shard, PrincipalPtr who, RequestArgs args, Deadline deadline);
  Task<Result<std::uint64_t>> do_subscribe(std::size_t shard, PrincipalPtr who, SubscribeArgs args,
                                           std::shared_ptr<Feed> feed);
  Task<Result<SubscribeResult>> pass_on(Call& call, Feed& feed);
  Task<Result<Nothing>> do_close(std::size_t shard, PrincipalPtr who, CloseArgs args);
  Task<Result<ListResult>> do_list(std::size_t shard, PrincipalPtr who);
  Task<Result<ListResult>> do_status(std::size_t shard, PrincipalPtr who, std::string id);
  Deadline deadline_of(Call const& call, std::int32_t timeout_ms) const;

  Runtime& runtime_;
  Settings const settings_;
  Metrics metrics_;
  Context context_;
  std::vector<Connections> connections_;  // by shard, each touched on its shard only
  std::atomic<std::size_t> count_{0};
};

}  // namespace patchbay::websocket
