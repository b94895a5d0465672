// SignIn: a token that came in a message: the first one of a connection, or a renewal.
//
//   sign_in(connection, requests, token, [this](std::optional<Error> const& refused) { ... });
//
// Asks SECURITY.authenticate, checks that this principal may have this endpoint and, on a connection that has one
// already, that it is the same user; then it is the connection's. Errors: unauthenticated, rate_limited, forbidden.
#pragma once

#include <functional>
#include <string>

#include "core/hub/connection.hpp"
#include "core/hub/dialects/requests.hpp"

namespace patchbay::hub {

// `done` comes once, perhaps before this returns; never after requests.stop().
void sign_in(Connection& connection, Requests& requests, std::string token,
             std::function<void(std::optional<Error> const& refused)> done);
// When the connection's token ends, as JSON: a time of this form, or null.
std::string expiry_text(Connection const& connection, Form form);

class ClientMessage;
// The message "refresh" of all dialects, with its reply; `renewed` is called after the reply of one that went well.
void renew(Connection& connection, Requests& requests, ClientMessage const& message, Form form,
           std::function<void()> renewed = {});

}  // namespace patchbay::hub
