// Calls: operations that a client runs over its connection, by id, with the connection's principal.
//
//   {"type":"call","id":7,"operation":"ha_list_dashboards","arguments":{}}
//   {"type":"stream","id":7,"event":"state_changed","data":{}}                      many times, if it streams
//   {"type":"result","id":7,"status":"success","data":{}}                           once
//   {"type":"cancel","id":7}                                                        ends it: the result says cancelled
//
// A stream waits while the connection is congested. All end with the connection; when the gateway drains, streams end
// at once and the others have until its end. At most limits.running_calls at a time. Own shard only; owned by the
// conversation.
#pragma once

#include "core/hub/connection.hpp"
#include "core/hub/dialects/requests.hpp"
#include "core/runtime/waiter.hpp"

namespace patchbay::hub {

class ClientMessage;

class Calls {
 public:
  explicit Calls(Connection& connection);

  void begin(ClientMessage const& message);
  void cancel(ClientMessage const& message);
  // The connection takes more again.
  void drained();
  // The gateway is stopping: streams end as `unavailable`, while that can still be sent.
  void draining() { end(true); }
  // And so do all others: their time is over.
  void give_up() { end(false); }
  // Whether one is running that ends by itself.
  bool busy() const;
  void stop(Stopped why) { requests_.stop(why); }
  std::size_t running() const { return running_.size(); }

 private:
  class Running;
  void refuse(ClientMessage const& message, Error const& error);
  void ended(Running& running, Result<Answer>& result);
  void end(bool streams_only);

  Connection& connection_;
  Requests requests_;
  std::vector<Running*> running_;
};

}  // namespace patchbay::hub
