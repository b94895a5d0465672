// make_conversation(): the dialect that a connection's endpoint asks for, or the AuthGate in front of it while nobody
// knows who is there (Connection::who() is null).
//
//   session.conversation = make_conversation(session);  session.conversation->opened();
//
// Each dialect is one class behind Conversation; a new one gets a line in here and its path in endpoint.cpp.
#pragma once

#include <memory>

#include "core/hub/connection.hpp"

namespace patchbay::hub {

std::unique_ptr<Conversation> make_conversation(Connection& connection);

// How the dialect writes times and envelopes.
constexpr Form form_of(Dialect dialect) { return dialect == Dialect::channel ? Form::channel : Form::user; }

}  // namespace patchbay::hub
