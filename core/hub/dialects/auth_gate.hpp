// AuthGate: the conversation of a connection that has not said who it is. The first message must be
//
//   {"type":"auth","token":"..."}  ->  {"type":"authenticated","expires_at":...}
//
// and the dialect of the endpoint takes its place. Anything else is answered with an error; a bad token ends the
// connection with 3000, another's user_id with 3003. The time for it is the session's to watch. Own shard only.
#pragma once

#include "core/hub/connection.hpp"
#include "core/hub/dialects/requests.hpp"

namespace patchbay::hub {

class AuthGate final : public Conversation {
 public:
  explicit AuthGate(Connection& connection);

  void opened() override {}
  void received(std::string_view text, bool binary) override;
  void refused(Error const& why) override;
  void deliver(Subscription&, MessagePtr const&) override {}
  void ended(Subscription&, Error const&) override {}
  void direct(MessagePtr const&) override {}  // nobody yet
  void draining(std::chrono::milliseconds come_back_after) override;
  void closed() override { requests_.stop(Stopped::cancelled); }

 private:
  void signed_in(std::optional<Error> const& refused, std::string const& id);

  Form const form_;
  Requests requests_;
  bool asking_ = false;
};

}  // namespace patchbay::hub
