// WebSocket handshakes: who is calling, is there room, and then the connection is the hub's.
#include <spdlog/fmt/fmt.h>

#include "core/hub/hub.hpp"
#include "core/hub/session.hpp"
#include "gateway/surfaces/http_session.hpp"

namespace patchbay::http {
namespace {

// Of the subprotocols ["patchbay", "bearer.<token>"].
struct Protocols {
  bool ours = false;
  std::string_view token;
};
Protocols protocols_of(std::string_view list) {
  constexpr std::string_view bearer = "bearer.";
  Protocols out;
  while (!list.empty()) {
    auto const comma = list.find(',');
    auto const item = trimmed(list.substr(0, comma));
    list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
    if (item == "patchbay") out.ours = true;
    if (item.starts_with(bearer) && out.token.empty()) out.token = item.substr(bearer.size());
  }
  return out;
}

}  // namespace

bool Session::answer_websocket() {
  auto& hub = *state_->shared->hub;
  auto const settings = hub.shard(state_->shard.index()).settings();
  auto endpoint = hub::endpoint_of(head_.target, *settings);
  if (!endpoint) {
    answer_error(endpoint.error());
    return true;
  }
  if (!head_.is_upgrade() || !lists(head_[Field::upgrade], "websocket")) {
    answer_problem(Problem{426, Code::unsupported, "this is a WebSocket endpoint: connect to it with ws://", false});
    return true;
  }
  upgrade(std::move(*endpoint));
  return true;
}

// The first of: Authorization, the subprotocol, ?token=. With none of them it is the anonymous caller.
Result<security::AuthenticateResult> Session::authenticate_websocket(std::string const& query_token) {
  security::AuthenticateArgs args{
      .peer = client_ == peer_ ? client_text_ : client_.to_string(), .forwarded = head_.forwarded, .who_only = true};
  auto const offered = protocols_of(head_[Field::websocket_protocol]).token;
  if (head_.has(Field::authorization))
    args.header = std::string{head_[Field::authorization]};
  else
    args.token = offered.empty() ? query_token : std::string{offered};
  auto const is_anonymous = args.header.empty() && args.token.empty();
  Call asking{gateway_principal()};
  auto reply = state_->caller.start(security::authenticate, asking, std::move(args));
  if (!reply.ready()) return Error{Code::internal, "SECURITY.authenticate must answer at once"};
  auto& result = reply.result();
  if (!is_anonymous) return std::move(result);
  // Without rights of its own it is asked for a token in its first message.
  if (!result && result.error().code != Code::unauthenticated) return result.error();
  if (!result || !result->who || !result->who->may("hub.subscribe")) return security::AuthenticateResult{};
  return std::move(result);
}

void Session::upgrade(hub::Endpoint endpoint) {
  auto& shared = *state_->shared;
  auto& hub = shared.hub->shard(state_->shard.index());
  auto const& settings = *hub.settings();
  if (shared.hub->draining() || state_->draining)
    return answer_error(Error{Code::unavailable, "the gateway is stopping", "", 1000});
  auto known = authenticate_websocket(endpoint.token);
  if (!known) return answer_error(known.error());
  if (!known->who && endpoint.dialect == hub::Dialect::echo)
    return answer_error(Error{Code::unauthenticated, "the echo endpoint needs a token in the handshake"});
  if (known->who)
    if (auto refused = hub::refuse(endpoint, *known->who)) return answer_error(*refused);
  auto const peer = client_ == peer_ ? client_text_ : client_.to_string();
  auto ticket = shared.admission->admit(peer, client_.is_loopback(), settings);
  if (!ticket) return answer_error(ticket.error());
  if (known->who) {
    auto const& user = endpoint.user_id.empty() ? known->who->user_id : endpoint.user_id;
    if (auto placed = ticket->belongs_to(user, settings); !placed) return answer_error(placed.error());
    if (endpoint.dialect == hub::Dialect::chat)
      if (auto refused = shared.hub->chats().claim(endpoint, settings)) return answer_error(*refused);
  }
  flush();
  if (phase_ == Phase::closed) return;
  if (writing_ || reading_)
    return answer_problem(Problem{400, Code::invalid_argument, "a WebSocket handshake must wait for earlier answers"});

  // The connection is the hub's from here on; what is left of this object goes with its last callback.
  auto const bytes = in_.view();
  hub::Handshake handshake{.socket = std::move(socket_),
                           .early = std::string{bytes.substr(std::min(bytes.size(), head_.size))},
                           .key = std::string{head_[Field::websocket_key]},
                           .extensions = std::string{head_[Field::websocket_extensions]},
                           .subprotocol = protocols_of(head_[Field::websocket_protocol]).ours,
                           .endpoint = std::move(endpoint),
                           .who = std::move(known->who),
                           .expires = known->expires,
                           .peer = peer,
                           .forwarded = head_.forwarded,
                           .began = now_,
                           .ledger = {state_->shared, &shared.ledger},
                           .ticket = std::move(*ticket)};
  state_->counters.answered(exchange_.method, 101);
  phase_ = Phase::closed;
  timer_.disarm();
  held_.clear();
  hub::Session::start(hub, std::move(handshake));
}

}  // namespace patchbay::http
