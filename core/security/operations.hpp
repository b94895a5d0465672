// The operations of SECURITY, declared once.
#pragma once

#include "core/base/call.hpp"
#include "core/base/operation.hpp"

namespace patchbay::security {

// Who is calling? The surfaces ask once a request (or connection). Without any credential the answer is the anonymous
// principal with whatever scopes the configuration leaves it.
struct AuthenticateArgs {
  std::string token;       // the bare token, or empty
  std::string header;      // the Authorization field, or empty
  std::string peer;        // address that failed logins are counted for
  bool forwarded = false;  // the request carried Forwarded or X-Forwarded-*: never anonymous rights
};
struct AuthenticateResult {
  std::string principal;
  std::vector<std::string> scopes;
  std::optional<std::string> expires_at;
  PrincipalPtr who{};  // typed callers only
};
inline constexpr Operation<AuthenticateArgs, AuthenticateResult> authenticate{
    .name = "SECURITY.authenticate",
    .summary = "Find the principal behind a token or Authorization header.",
    .errors = codes(Code::unauthenticated, Code::rate_limited)};

struct CheckOriginArgs {
  std::string origin;
  std::string host;
};
struct CheckOriginResult {
  bool allowed = false;
};
inline constexpr Operation<CheckOriginArgs, CheckOriginResult> check_origin{
    .name = "SECURITY.check_origin", .summary = "Tell whether a web origin may call this gateway."};

// Purpose: "websocket" (ws, wss) or "http" (http, https). For a remote principal the address must be allowed by
// security.outgoing.allow; host code and the gateway go anywhere. The addresses found are the ones to connect to:
// looking the name up again could give others.
struct CheckUrlArgs {
  std::string url;
  std::string purpose = "http";
};
struct CheckUrlResult {
  std::string normalized;
  std::vector<std::string> addresses;
};
inline constexpr Operation<CheckUrlArgs, CheckUrlResult> check_url{
    .name = "SECURITY.check_url",
    .summary = "Check an outgoing url against the address policy and resolve it.",
    .errors = codes(Code::forbidden, Code::connect_failed),
    .reaches_out = true};

}  // namespace patchbay::security

template <>
struct patchbay::Describe<patchbay::security::AuthenticateArgs> {
  static constexpr std::tuple fields{
      field("token", &security::AuthenticateArgs::token, "The bare token").optional().length(0, 4096),
      field("header", &security::AuthenticateArgs::header, "An Authorization header, instead of the token")
          .optional()
          .length(0, 8192),
      field("peer", &security::AuthenticateArgs::peer, "Address that failed attempts are counted for")
          .optional()
          .length(0, 64),
      field("forwarded", &security::AuthenticateArgs::forwarded, "Whether a proxy passed the request on").optional()};
};
template <>
struct patchbay::Describe<patchbay::security::AuthenticateResult> {
  static constexpr std::tuple fields{
      field("principal", &security::AuthenticateResult::principal, "Name of the principal"),
      field("scopes", &security::AuthenticateResult::scopes, "What it may do"),
      field("expires_at", &security::AuthenticateResult::expires_at, "ISO 8601, when the token ends")};
};
template <>
struct patchbay::Describe<patchbay::security::CheckOriginArgs> {
  static constexpr std::tuple fields{
      field("origin", &security::CheckOriginArgs::origin, "The Origin field").length(1, 1024),
      field("host", &security::CheckOriginArgs::host, "The Host field of the same request").optional().length(0, 1024)};
};
template <>
struct patchbay::Describe<patchbay::security::CheckOriginResult> {
  static constexpr std::tuple fields{field("allowed", &security::CheckOriginResult::allowed, "Whether it may")};
};
template <>
struct patchbay::Describe<patchbay::security::CheckUrlArgs> {
  static constexpr std::tuple fields{
      field("url", &security::CheckUrlArgs::url, "Absolute url").length(1, 4096),
      field("purpose", &security::CheckUrlArgs::purpose, "What it is for").optional().one_of("websocket", "http")};
};
template <>
struct patchbay::Describe<patchbay::security::CheckUrlResult> {
  static constexpr std::tuple fields{
      field("normalized", &security::CheckUrlResult::normalized, "The url in normal form"),
      field("addresses", &security::CheckUrlResult::addresses, "What the name resolves to, all of them allowed")};
};
