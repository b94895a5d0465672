// Chat: the dialect of /ws/{workflow}/{app_id}/{chat_id}/{user_id}: questions to the workflow's operation, whose answer
// reaches every connection of the chat as it is made (hub_protocol, section 3).
//
//   {"type":"chat_message","data":{"content":"Hello"}}   -> {"type":"token","data":{"content":"Hel"},"sequence":1,...}
//                                                             {"type":"chat_message","data":{...},"sequence":2,...}
//
// The room does the work (chat_rooms.hpp); here a message becomes a question and its frames go to the connection. Own
// shard only; owned by its session.
#pragma once

#include "core/hub/chat_rooms.hpp"
#include "core/hub/dialects/backlog.hpp"
#include "core/hub/dialects/user.hpp"

namespace patchbay::hub {

class Chat final : public UserForm, private ChatSeat::Listener {
 public:
  Chat(Connection& connection, ChatRooms& rooms);
  ~Chat() override;

  void opened() override;
  void drained() override;
  bool busy() const override { return seat_->answering(); }
  void closed() override;

 private:
  bool answer(ClientMessage const& message) override;
  std::string_view further_types() const override { return ", chat_message, cancel"; }
  bool hear(FramePtr const& frame) override;
  void ask(ClientMessage const& message);

  ChatRooms& rooms_;
  ChatRooms::SeatPtr const seat_;
  Backlog backlog_;
};

}  // namespace patchbay::hub
