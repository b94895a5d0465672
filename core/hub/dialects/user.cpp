#include "core/hub/dialects/user.hpp"

#include <spdlog/fmt/fmt.h>

#include "core/hub/dialects/message_reader.hpp"
#include "core/hub/dialects/sign_in.hpp"
#include "core/hub/hub_shard.hpp"

namespace patchbay::hub {

UserForm::UserForm(Connection& connection) : Conversation(connection), requests_(connection.hub().shard()) {}

WallTime UserForm::now() const { return connection().hub().clock().wall(); }

void UserForm::opened() {
  std::string data{R"({"user_id":)"};
  append_quoted(data, connection().endpoint().user_id);
  data += R"(,"connection_id":)";
  append_quoted(data, connection().id());
  data += '}';
  ReplyText welcome{"connection_ack"};
  connection().send(welcome.raw("data", data).time("timestamp", Form::user, now()).frame());
}

void UserForm::refuse(ClientMessage const& message, Error const& error) {
  connection().send(error_reply(Form::user, error, message.context(), now()));
}

void UserForm::refused(Error const& why) { connection().send(error_reply(Form::user, why, {}, now())); }

void UserForm::received(std::string_view text, bool binary) {
  if (binary) return connection().close(close_code::unsupported_data, "messages are JSON text");
  ClientMessage const message{text};
  if (message.error()) return refuse(message, *message.error());
  auto const type = message.type();
  if (type == "ping") {
    ReplyText pong{"pong", message.id()};
    return connection().send(pong.time("timestamp", Form::user, now()).frame());
  }
  if (type == "pong") return;
  if (type == "ack") {
    auto id = message.text("message_id");
    if (!id) return refuse(message, id.error());
    if (connection().hub().acknowledged(*id, connection())) return;
    return refuse(message,
                  {Code::not_found, "no message with this message_id was sent to this connection", "/message_id"});
  }
  if (type == "refresh") return renew(connection(), requests_, message, Form::user);
  if (answer(message)) return;
  refuse(message,
         {Code::invalid_argument,
          fmt::format("unknown type \"{}\"; there are ping, pong, ack, refresh{}", type.substr(0, 64), further_types()),
          "/type"});
}

void UserForm::draining(std::chrono::milliseconds come_back_after) {
  ReplyText hint{"reconnect"};
  connection().send(hint.number("after_ms", static_cast<std::uint64_t>(come_back_after.count())).frame());
}

}  // namespace patchbay::hub
