#include "core/hub/dialects/conversation.hpp"

#include "core/hub/dialects/auth_gate.hpp"
#include "core/hub/dialects/channel.hpp"
#include "core/hub/dialects/chat.hpp"
#include "core/hub/dialects/echo.hpp"
#include "core/hub/dialects/user.hpp"
#include "core/hub/hub.hpp"

namespace patchbay::hub {

std::unique_ptr<Conversation> make_conversation(Connection& connection) {
  if (!connection.who()) return std::make_unique<AuthGate>(connection);
  switch (connection.endpoint().dialect) {
    case Dialect::channel: return std::make_unique<Channel>(connection);
    case Dialect::user: return std::make_unique<User>(connection);
    case Dialect::chat: return std::make_unique<Chat>(connection, connection.hub().hub().chats());
    case Dialect::echo: break;
  }
  return make_echo(connection);
}

}  // namespace patchbay::hub
