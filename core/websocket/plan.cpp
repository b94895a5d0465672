// Checks what a connection was asked to be, before anything goes out.
#include <spdlog/fmt/fmt.h>

#include "core/base/ascii.hpp"
#include "core/base/utf8.hpp"
#include "core/websocket/base64.hpp"
#include "core/websocket/connection.hpp"

namespace patchbay::websocket {
namespace {

bool is_token(std::string_view text) {
  constexpr std::string_view others = "!#$%&'*+-.^_`|~";
  for (char c : text)
    if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
          others.find(c) != std::string_view::npos))
      return false;
  return !text.empty();
}
// The handshake's own fields.
bool is_ours(std::string_view lowered) {
  return lowered.starts_with("sec-websocket-") || lowered == "host" || lowered == "connection" ||
         lowered == "upgrade" || lowered == "content-length" || lowered == "transfer-encoding";
}

Result<void> check_headers(std::map<std::string, std::string> const& headers) {
  if (headers.size() > 64)
    return Error{Code::invalid_argument, fmt::format("at most 64 headers are taken, not {}", headers.size()),
                 "/headers"};
  for (auto const& [name, value] : headers) {
    auto const pointer = "/headers" + json::pointer_token(name);
    if (!is_token(name))
      return Error{Code::invalid_argument, "a header name has letters, digits and hyphens only", pointer};
    if (is_ours(ascii::lowered(name)))
      return Error{Code::invalid_argument, fmt::format("{} is set by the handshake itself", name), pointer};
    for (char c : value)
      if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F)
        return Error{Code::invalid_argument, "a header value must not have control characters", pointer};
    if (value.size() > 8192) return Error{Code::invalid_argument, "a header value has at most 8192 bytes", pointer};
  }
  return {};
}

}  // namespace

Result<Plan> Plan::make(ConnectArgs args) {
  Plan plan;
  auto target = Target::parse(args.url);
  if (!target) return target.error();
  plan.target = std::move(*target);
  auto opening = Opening::make(args.opening);
  if (!opening) return opening.error();
  plan.opening = std::move(*opening);
  auto const headers = check_headers(args.headers);
  if (!headers) return headers.error();
  for (std::size_t i = 0; i < args.subprotocols.size(); ++i)
    if (!is_token(args.subprotocols[i]) || i >= 32)
      return Error{Code::invalid_argument, "subprotocols are at most 32 words without spaces",
                   fmt::format("/subprotocols/{}", i)};
  if (args.id_field.empty() || !is_utf8(args.id_field))
    return Error{Code::invalid_argument, "id_field must not be empty", "/id_field"};
  if (!args.proxy.empty()) {
    auto const proxy = parse_proxy(args.proxy);
    if (!proxy) return proxy.error();
  }
  if (!args.tls.ca.empty() && !plan.target.tls)
    return Error{Code::invalid_argument, "tls is for wss urls; this one is ws", "/tls"};

  plan.link.host = plan.target.host_field;
  plan.link.target = plan.target.path;
  plan.link.headers = args.headers;
  bool authorised = false;
  for (auto const& [name, value] : args.headers) authorised = authorised || ascii::lowered(name) == "authorization";
  if (!authorised && !plan.target.credentials.empty())
    plan.link.headers["Authorization"] = "Basic " + to_base64(plan.target.credentials);
  plan.link.subprotocols = args.subprotocols;
  plan.link.compression = args.compression;
  plan.link.max_message = args.max_message;
  if (args.breaker.empty()) args.breaker = plan.target.breaker;
  plan.args = std::move(args);
  return plan;
}

}  // namespace patchbay::websocket
