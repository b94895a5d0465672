#include "core/hub/dialects/chat.hpp"

#include <spdlog/fmt/fmt.h>

#include "core/hub/dialects/message_reader.hpp"
#include "core/hub/hub_shard.hpp"

namespace patchbay::hub {

Chat::Chat(Connection& connection, ChatRooms& rooms)
    : UserForm(connection),
      rooms_(rooms),
      seat_(std::make_shared<ChatSeat>(connection.hub().shard(), static_cast<ChatSeat::Listener&>(*this))) {}

Chat::~Chat() { rooms_.leave(seat_); }

void Chat::opened() {
  // Only who may come in is welcomed; the welcome comes before the answer that is being given.
  auto const settings = connection().hub().settings();
  auto refused = rooms_.claim(connection().endpoint(), *settings);
  if (!refused) {
    UserForm::opened();
    refused = rooms_.join(connection().endpoint(), *settings, seat_);
  }
  if (!refused) return;
  connection().send(error_reply(Form::user, *refused, {}, now()));
  auto const code = refused->code == Code::forbidden ? close_code::forbidden : row_of(refused->code).websocket_close;
  connection().close(code, refused->message);
}

void Chat::closed() {
  UserForm::closed();
  rooms_.leave(seat_);
}

bool Chat::hear(FramePtr const& frame) {
  backlog_.add(frame);
  backlog_.pump(connection());
  return connection().congested() || !backlog_.empty();
}

void Chat::drained() {
  backlog_.pump(connection());
  if (backlog_.empty() && !connection().congested()) seat_->relieved();
}

bool Chat::answer(ClientMessage const& message) {
  if (message.type() == "chat_message")
    ask(message);
  else if (message.type() == "cancel")
    rooms_.cancel(seat_, std::string{message.id()});
  else
    return false;
  return true;
}

void Chat::ask(ClientMessage const& message) {
  auto const* data = message.find("data");
  auto const* content = data == nullptr ? nullptr : json::find(*data, "content");
  if (content == nullptr || !content->IsString())
    return refuse(message, {Code::invalid_argument, R"(a chat_message holds its text: "data":{"content":"..."})",
                            data == nullptr ? "/data" : "/data/content"});
  auto const& hub = connection().hub();
  auto const& endpoint = connection().endpoint();
  auto const workflow = hub.settings()->workflows.find(endpoint.workflow);
  if (workflow == hub.settings()->workflows.end())
    return refuse(message,
                  {Code::not_found, fmt::format("the workflow {} is not configured any more", endpoint.workflow)});
  if (hub.draining()) return refuse(message, {Code::unavailable, "the gateway is stopping", {}, 1000});
  ChatRooms::Question question;
  question.operation = workflow->second.operation;
  question.who = connection().who();
  question.user_id = endpoint.user_id;
  question.text = json::text_of(*content);
  question.id = message.id();
  rooms_.ask(seat_, std::move(question));
}

}  // namespace patchbay::hub
