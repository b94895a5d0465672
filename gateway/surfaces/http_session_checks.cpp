// What is looked at before any operation: the six checks, and requests that need no operation.
#include <spdlog/fmt/fmt.h>

#include "core/base/ascii.hpp"
#include "core/security/operations.hpp"
#include "gateway/surfaces/http_session.hpp"

namespace patchbay::http {
namespace {

bool accepts_gzip(std::string_view list) {
  while (!list.empty()) {
    auto const comma = list.find(',');
    auto const item = list.substr(0, comma);
    list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
    auto const semicolon = item.find(';');
    auto const name = trimmed(item.substr(0, semicolon));
    if (!ascii::same(name, "gzip") && name != "*") continue;
    auto const weight = semicolon == std::string_view::npos ? std::string_view{} : trimmed(item.substr(semicolon + 1));
    return weight.find_first_not_of("q=0. ") != std::string_view::npos || weight.empty();
  }
  return false;
}

}  // namespace

bool Session::begin_request() {
  client_ = head_.forwarded ? client_address(head_, peer_, state_->config->trusted) : peer_;
  if (head_.has(Field::traceparent))
    if (auto trace = TraceId::from_traceparent(head_[Field::traceparent])) exchange_.trace = *trace;
  exchange_.gzip = head_.has(Field::accept_encoding) && accepts_gzip(head_[Field::accept_encoding]);
  if (auto problem = check()) {
    answer_problem(*problem);
    return false;
  }
  return !answer_without_call();
}

// The six checks, in the order in which a wrong one is most telling.
std::optional<Problem> Session::check() {
  auto const& config = state_->config;
  auto const host = head_[Field::host];
  if (host != good_host_ || good_config_ != config) {
    if (!config->hosts.is_ours(host, local_))
      return Problem{421, Code::forbidden,
                     fmt::format("this gateway is not called {}; further names belong into server.hosts", shown(host)),
                     false};
    good_host_ = host;
    good_config_ = config;
  }
  if (auto problem = check_origin()) return problem;
  if (auto problem = body_type_problem(head_)) return problem;
  if (auto problem = upgrade_problem(head_)) return problem;
  return std::nullopt;
}

std::optional<Problem> Session::check_origin() {
  if (!head_.has(Field::origin)) {
    if (!head_.has(Field::fetch_site) || !is_foreign_fetch(head_, RouteIndex::is_page(head_.path))) return std::nullopt;
    return Problem{403, Code::forbidden,
                   "another site's page asked for this; origins that may are listed in security.origins", false};
  }
  auto const origin = head_[Field::origin];
  auto const host = head_[Field::host];
  if (is_same_origin(origin, host, socket_.has_tls())) return std::nullopt;
  auto const generation = state_->shared->credentials.load(std::memory_order_relaxed);
  if (origin != allowed_origin_ || host != allowed_host_ || generation != allowed_generation_ ||
      allowed_origin_.empty()) {
    Call asking{gateway_principal()};
    security::CheckOriginArgs args{std::string{origin}, std::string{host}};
    auto reply = state_->caller.start(security::check_origin, asking, std::move(args));
    auto const allowed = reply.ready() && reply.result().has_value() && reply.result()->allowed;
    if (!allowed)
      return Problem{403, Code::forbidden,
                     fmt::format("pages of {} may not call this gateway; origins that may are listed in "
                                 "security.origins",
                                 shown(origin)),
                     false};
    allowed_origin_ = origin;
    allowed_host_ = host;
    allowed_generation_ = generation;
  }
  exchange_.cross_origin = true;
  return std::nullopt;
}

// What needs no operation: refusals by path and method, pages, preflights. True when it is answered.
bool Session::answer_without_call() {
  auto& state = *state_;
  state.routes.use(state.caller.table());
  if (head_.path == "*") {
    if (head_.method == Method::options)
      answer(204, "", "", "Allow: GET, HEAD, POST, OPTIONS\r\n");
    else
      answer_problem(Problem{400, Code::invalid_argument, "the request target must begin with a slash", false});
    return true;
  }
  if (state.shared->hub != nullptr && head_.path.starts_with("/ws/") && answer_websocket()) return true;
  auto& target = exchange_.target;
  target = state.routes.find(head_.method, head_.path);
  if (!target.found()) {
    auto error = state.caller.no_such_tool(head_.path.substr(1));
    answer_error(error, 404);
    return true;
  }
  if (head_.method == Method::options) {
    if (exchange_.cross_origin && head_.has(Field::preflight_method))
      answer_preflight();
    else
      answer_options();
    return true;
  }
  if (target.kind == Target::Kind::wrong_method) {
    auto const allow = fmt::format("Allow: {}\r\n", target.allow);
    auto const method = shown(head_.method_text, 20);
    answer_error(Error{Code::unsupported, fmt::format("{} is not served here, but {}", method, target.allow)}, 405,
                 allow);
    return true;
  }
  auto const limit =
      static_cast<std::uint64_t>(target.kind == Target::Kind::operation ? state.config->settings.tool_body_bytes
                                                                        : state.config->settings.body_bytes);
  if (head_.body_bytes > limit) {
    answer_problem(Problem{413, Code::too_large,
                           fmt::format("a body may have {} bytes, this one has {}", limit, head_.body_bytes)});
    return true;
  }
  if (head_.has_body() && !(target.kind == Target::Kind::operation && target.body_is_args)) {
    answer_problem(Problem{400, Code::invalid_argument,
                           fmt::format("{} {} takes no body", name_of(head_.method), shown(head_.path)), false});
    return true;
  }
  if (head_.has(Field::expect) && !ascii::same(head_[Field::expect], "100-continue")) {
    answer_problem(Problem{417, Code::unsupported, "the only expectation understood is 100-continue", false});
    return true;
  }
  if (target.kind == Target::Kind::page) {
    answer_page(*target.page);
    return true;
  }
  if (target.kind == Target::Kind::redirect) {
    answer(307, "", "", "Location: /docs\r\n");
    return true;
  }
  return false;
}

}  // namespace patchbay::http
