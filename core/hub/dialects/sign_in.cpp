#include "core/hub/dialects/sign_in.hpp"

#include "core/hub/dialects/message_reader.hpp"
#include "core/hub/hub_shard.hpp"
#include "core/security/operations.hpp"

namespace patchbay::hub {
namespace {

std::optional<Error> take_over(Connection& connection, Result<security::AuthenticateResult>& found) {
  if (!found) return found.error();
  auto who = std::move(found->who);
  if (!who) who = std::make_shared<Principal const>(Principal{.name = found->principal, .scopes = found->scopes});
  if (auto refused = refuse(connection.endpoint(), *who)) return refused;
  auto const& before = connection.who();
  if (before && before->name != "anonymous" && before->user_id != who->user_id)
    return Error{Code::forbidden, "the new token belongs to another user than the one before"};
  connection.set_who(std::move(who), found->expires);
  return std::nullopt;
}

}  // namespace

void sign_in(Connection& connection, Requests& requests, std::string token,
             std::function<void(std::optional<Error> const& refused)> done) {
  auto request = std::make_shared<Request>(gateway_principal());
  security::AuthenticateArgs args;
  args.token = std::move(token);
  args.peer = connection.peer();
  args.forwarded = connection.forwarded();
  args.who_only = true;
  auto reply = connection.hub().caller().start(security::authenticate, request->call, std::move(args));
  requests.run(std::move(request), std::move(reply),
               [&connection, done = std::move(done)](Result<security::AuthenticateResult> found) {
                 done(take_over(connection, found));
               });
}

std::string expiry_text(Connection const& connection, Form form) {
  auto const expires = connection.expires();
  if (!expires) return "null";
  std::string out;
  append_time(out, form, *expires);
  return out;
}

void renew(Connection& connection, Requests& requests, ClientMessage const& message, Form form,
           std::function<void()> renewed) {
  auto token = message.text("token");
  if (!token)
    return connection.send(error_reply(form, token.error(), message.context(), connection.hub().clock().wall()));
  sign_in(connection, requests, std::move(*token),
          [&connection, form, id = std::string{message.id()},
           renewed = std::move(renewed)](std::optional<Error> const& refused) {
            if (refused) {
              ErrorContext const context{.request = "refresh", .id = id};
              return connection.send(error_reply(form, *refused, context, connection.hub().clock().wall()));
            }
            ReplyText reply{"refreshed", id};
            connection.send(reply.raw("expires_at", expiry_text(connection, form)).frame());
            if (renewed) renewed();
          });
}

}  // namespace patchbay::hub
