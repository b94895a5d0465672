// One attempt of a Connection: address policy, circuit breaker, TCP and TLS, handshake, opening script.
#include <spdlog/fmt/fmt.h>

#include "core/circuit_breaker/operations.hpp"
#include "core/security/operations.hpp"
#include "core/websocket/connection.hpp"

namespace patchbay::websocket {

Task<Result<ConnectResult>> Connection::open(Call& call) {
  // A breaker's permit is given back whatever happens: cancellation must arrive as a value here.
  auto const throwing = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  auto const done = co_await attempt(call);
  co_await asio::this_coro::throw_if_cancelled(throwing);
  if (!done) {
    log(LogLevel::warning, "not connected", done.error().message);
    co_return done.error();
  }
  log(LogLevel::info, "connected");
  ConnectResult result{.connection_id = id_, .opening = opening_};
  if (!link_->subprotocol().empty()) result.subprotocol = link_->subprotocol();
  co_return result;
}

Task<Result<void>> Connection::attempt(Call& call) {
  Deadline const own{context_.runtime.clock().now() + std::chrono::milliseconds{plan_.args.timeout_ms}};
  auto const deadline = own.earlier(call.deadline());
  std::vector<asio::ip::address> addresses, proxy_addresses;
  // Behind a proxy the name is the proxy's to look up, unless the caller's addresses are restricted.
  if (plan_.args.proxy.empty() || owner_->is_remote) {
    auto found = co_await allowed(call, plan_.target.shown, "websocket");
    if (!found) co_return found.error();
    addresses = std::move(*found);
  }
  if (!plan_.args.proxy.empty() && owner_->is_remote) {
    auto const proxy = parse_proxy(plan_.args.proxy);
    auto url = fmt::format("http://{}:{}",
                           proxy->host.find(':') == std::string::npos ? proxy->host : fmt::format("[{}]", proxy->host),
                           proxy->port);
    auto found = co_await allowed(call, std::move(url), "http");
    if (!found) co_return found.error();
    proxy_addresses = std::move(*found);
  }
  auto done = co_await attempt_with_leave(call, std::move(addresses), std::move(proxy_addresses), deadline);
  if (!done) context_.metrics.failed(done.error().code);
  co_return done;
}

Task<Result<std::vector<asio::ip::address>>> Connection::allowed(Call& call, std::string url, std::string purpose) {
  // The policy judges the owner; asking it is part of our work, so a missing scope for the question does not matter.
  auto asking = owner_;
  if (!asking->may(security::check_url.scope)) {
    auto with_scope = std::make_shared<Principal>(*owner_);
    with_scope->scopes.emplace_back(security::check_url.scope);
    asking = std::move(with_scope);
  }
  Call child{call, std::move(asking)};
  security::CheckUrlArgs args{std::move(url), std::move(purpose)};
  auto checked = co_await context_.caller.call(security::check_url, child, std::move(args));
  if (!checked) co_return checked.error();
  std::vector<asio::ip::address> addresses;
  for (auto const& text : checked->addresses) {
    boost::system::error_code error;
    auto const address = asio::ip::make_address(text, error);
    if (!error) addresses.push_back(address);
  }
  co_return addresses;
}

Task<Result<void>> Connection::attempt_with_leave(Call& call, std::vector<asio::ip::address> addresses,
                                                  std::vector<asio::ip::address> proxy_addresses, Deadline deadline) {
  Call ours{gateway_principal()};
  ours.set_trace(call.trace());
  circuit_breaker::AcquireArgs wanted{plan_.args.breaker};
  auto const permit = co_await context_.caller.call(circuit_breaker::acquire, ours, std::move(wanted));
  if (!permit) co_return permit.error();
  auto const begun = context_.runtime.clock().now();
  auto link = co_await establish(std::move(addresses), std::move(proxy_addresses), deadline);
  std::chrono::duration<double, std::milli> const took = context_.runtime.clock().now() - begun;
  circuit_breaker::RecordArgs outcome{
      .permit = permit->permit, .success = link.has_value(), .duration_ms = took.count(), .code = {}};
  if (!link) outcome.code = name_of(link.error().code);
  auto const recorded = co_await context_.caller.call(circuit_breaker::record, ours, std::move(outcome));
  if (!recorded) log(LogLevel::debug, "the circuit breaker did not take the outcome", recorded.error().message);
  if (!link) co_return link.error();
  link_up(std::move(*link));
  co_return Result<void>{};
}

Task<Result<std::shared_ptr<Link>>> Connection::establish(std::vector<asio::ip::address> addresses,
                                                          std::vector<asio::ip::address> proxy_addresses,
                                                          Deadline deadline) {
  ConnectOptions options;
  options.host = plan_.target.host;
  options.port = plan_.target.port;
  options.tls = plan_.target.tls;
  options.tls_options.ca = plan_.args.tls.ca;
  options.tls_options.verify = plan_.args.tls.verify;
  options.tls_options.server_name = plan_.args.tls.server_name;
  options.proxy = plan_.args.proxy;
  options.addresses = std::move(addresses);
  options.proxy_addresses = std::move(proxy_addresses);
  options.deadline = deadline;
  auto stream = co_await patchbay::connect(context_.runtime, std::move(options));
  if (!stream) co_return stream.error();
  auto link_options = plan_.link;
  link_options.queue_bytes = context_.metrics.queue_bytes;
  auto link = co_await Link::open(std::move(*stream), std::move(link_options), deadline);
  if (!link) co_return link.error();
  if (!plan_.opening.empty()) {
    auto const opened = co_await play_opening(**link, deadline);
    if (!opened) {
      (*link)->drop({});
      co_return opened.error();
    }
  }
  co_return link;
}

Task<Result<void>> Connection::play_opening(Link& link, Deadline deadline) {
  bool expired = false;
  Timer limit{[&link, &expired] {
    expired = true;
    link.drop({});
  }};
  if (auto* wheel = TimerWheel::current(); wheel != nullptr && deadline.exists()) wheel->arm_at(limit, deadline.at());
  std::vector<RawJson> matched;
  Opening::Play play{plan_.opening};
  auto send_due = [&] {
    while (auto const* text = play.to_send()) {
      context_.metrics.sent(text->size());
      link.send_text(*text);
    }
  };
  // What the script does not ask for is the caller's, as at any other time.
  auto take = [&](std::optional<std::uint64_t> id, std::string_view text) -> std::optional<Error> {
    switch (play.feed(text)) {
      case Opening::Fed::matched:
        matched.push_back({std::string{text}});
        send_due();
        return std::nullopt;
      case Opening::Fed::refused: {
        auto const parsed = json::parse(text, json::upstream_limits);
        auto why = parsed ? json::find_text(parsed->document, "message").substr(0, 200) : std::string_view{};
        return Error{Code::auth_failed, why.empty()
                                            ? std::string{"the other side refused the opening"}
                                            : fmt::format("the other side refused the opening: {}", json::quoted(why))};
      }
      case Opening::Fed::other: break;
    }
    route(id, std::string{text});
    return std::nullopt;
  };
  send_due();
  constexpr unsigned most_frames = 1024;
  for (unsigned frames = 0; !play.done(); ++frames) {
    Link::Message message;
    auto const more = co_await link.read(message);
    if (expired)
      co_return Error{Code::deadline_exceeded, "the other side did not go through the opening within the time"};
    if (!more) {
      auto const& end = link.end();
      if (end.cancelled) co_return Error{Code::cancelled, "connecting was cancelled during the opening"};
      auto const code = end.code == Code::connection_lost ? Code::connect_failed : end.code;
      co_return Error{code, "the connection ended during the opening: " + end.message};
    }
    if (frames == most_frames)
      co_return Error{Code::upstream_failed,
                      fmt::format("the opening was not over after {} frames of the other side", most_frames)};
    auto const scan = message.text ? scan_frame(message.data, plan_.args.id_field) : Scan{};
    std::optional<Error> refused;
    if (scan.kind == Scan::Kind::object) {
      context_.metrics.received(message.data.size());
      refused = take(scan.id, message.data);
    } else if (scan.kind == Scan::Kind::array) {
      context_.metrics.received(message.data.size());
      for (auto const& part : scan.parts)
        if (!refused) refused = take(part.id, part.text);
    } else {
      dispatch(std::move(message));
    }
    if (refused) co_return *refused;
  }
  opening_ = std::move(matched);
  co_return Result<void>{};
}

}  // namespace patchbay::websocket
