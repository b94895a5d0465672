// User: the dialect of /ws/notifications/{user_id}: what is sent to a user, as it was given (hub_protocol, section 2).
//
//   {"type":"task_update","action":"created","data":{"task_id":"abc123"},"timestamp":"2026-01-01T10:30:00.000Z"}
//
// The client says ping, ack and refresh. UserForm is what it shares with the chat dialect. Own shard only; owned by its
// session.
#pragma once

#include "core/hub/connection.hpp"
#include "core/hub/dialects/requests.hpp"

namespace patchbay::hub {

class ClientMessage;

class UserForm : public Conversation {
 public:
  explicit UserForm(Connection& connection);

  void opened() override;
  void received(std::string_view text, bool binary) final;
  void refused(Error const& why) final;
  void deliver(Subscription&, MessagePtr const&) override {}  // subscribes to nothing
  void ended(Subscription&, Error const&) override {}
  void direct(MessagePtr const& message) override { connection().send(message->frame(Form::user)); }
  void draining(std::chrono::milliseconds come_back_after) override;
  void closed() override { requests_.stop(Stopped::cancelled); }

 protected:
  // Another type than those that both know; false: unknown here too.
  virtual bool answer(ClientMessage const&) { return false; }
  virtual std::string_view further_types() const { return {}; }  // with a comma in front
  void refuse(ClientMessage const& message, Error const& error);
  WallTime now() const;

 private:
  Requests requests_;
};

class User final : public UserForm {
 public:
  using UserForm::UserForm;
};

}  // namespace patchbay::hub
