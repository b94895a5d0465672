#include "core/hub/dialects/auth_gate.hpp"

#include "core/hub/dialects/conversation.hpp"
#include "core/hub/dialects/message_reader.hpp"
#include "core/hub/dialects/sign_in.hpp"
#include "core/hub/hub_shard.hpp"

namespace patchbay::hub {

AuthGate::AuthGate(Connection& connection)
    : Conversation(connection), form_(form_of(connection.endpoint().dialect)), requests_(connection.hub().shard()) {}

void AuthGate::received(std::string_view text, bool binary) {
  if (binary) return connection().close(close_code::unsupported_data, "messages are JSON text");
  ClientMessage const message{text};
  auto const refuse_with = [&](Error const& error) {
    connection().send(error_reply(form_, error, message.context(), connection().hub().clock().wall()));
  };
  if (message.error()) return refuse_with(*message.error());
  if (message.type() != "auth")
    return refuse_with({Code::unauthenticated, R"(say who you are first: {"type":"auth","token":"..."})"});
  if (asking_) return refuse_with({Code::conflict, "a token is being looked at already"});
  auto token = message.text("token");
  if (!token) return refuse_with(token.error());
  asking_ = true;
  sign_in(connection(), requests_, std::move(*token),
          [this, id = std::string{message.id()}](std::optional<Error> const& refused) { signed_in(refused, id); });
}

void AuthGate::refused(Error const& why) {
  connection().send(error_reply(form_, why, {}, connection().hub().clock().wall()));
}

void AuthGate::signed_in(std::optional<Error> const& refused, std::string const& id) {
  asking_ = false;
  if (!refused) {
    ReplyText reply{"authenticated", id};
    connection().send(reply.raw("expires_at", expiry_text(connection(), form_)).frame());
    return connection().become(make_conversation(connection()));
  }
  ErrorContext const context{.request = "auth", .id = id};
  connection().send(error_reply(form_, *refused, context, connection().hub().clock().wall()));
  auto const code = refused->code == Code::forbidden ? close_code::forbidden : close_code::unauthenticated;
  connection().close(code, refused->message);
}

void AuthGate::draining(std::chrono::milliseconds come_back_after) {
  ReplyText reply{"reconnect"};
  connection().send(reply.number("after_ms", static_cast<std::uint64_t>(come_back_after.count())).frame());
}

}  // namespace patchbay::hub
