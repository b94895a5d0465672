// The operations of HTTP_CLIENT, declared once.
//
//   http_client::CallArgs args;
//   args.url = "http://127.0.0.1:8123/api/";
//   args.headers["authorization"] = "Bearer " + token;
//   auto answer = co_await caller.call(http_client::get, call, std::move(args));
//   if (answer) use(answer->status, answer->body);
//
// A status is an answer, also 404 and 500: errors are only for exchanges that did not come to an end.
#pragma once

#include <map>

#include "core/base/operation.hpp"

namespace patchbay::http_client {

struct TlsArgs {
  std::string ca;
  bool verify = true;
};

// What get, post, put and delete take; request adds the method.
struct CallArgs {
  std::string url;
  std::map<std::string, std::string> headers{};
  std::optional<RawJson> body{};
  std::int32_t timeout_ms = 30'000;
  std::int32_t connect_timeout_ms = 10'000;
  std::int32_t attempts = 3;
  std::int64_t max_body = 16'777'216;
  std::int32_t follow_redirects = 0;
  TlsArgs tls{};
};
struct RequestArgs : CallArgs {
  std::string method;
};

struct RequestResult {
  std::uint16_t status = 0;
  std::map<std::string, std::string> headers{};
  std::optional<std::string> body{};         // when it is UTF-8
  std::optional<std::string> body_base64{};  // when it is not
  std::optional<RawJson> json{};             // when its type is JSON and it is
  std::uint64_t duration_ms = 0;
};

namespace detail {
inline constexpr CodeSet request_errors =
    codes(Code::forbidden, Code::connect_failed, Code::connection_lost, Code::tls_failed, Code::upstream_failed,
          Code::deadline_exceeded, Code::too_large, Code::circuit_open, Code::backpressure, Code::rate_limited);
}

inline constexpr Operation<RequestArgs, RequestResult> request{
    .name = "HTTP_CLIENT.request",
    .summary = "Make one HTTP request with any method and return the answer.",
    .effect = Effect::write,
    .timeout = std::chrono::seconds{31},
    .errors = detail::request_errors,
    .reaches_out = true,
    .timeout_from_args = true,
    .example = R"({"method":"GET","url":"http://127.0.0.1:8123/api/"})"};
inline constexpr Operation<CallArgs, RequestResult> get{.name = "HTTP_CLIENT.get",
                                                        .summary = "Fetch a url with GET.",
                                                        .effect = Effect::read,
                                                        .timeout = std::chrono::seconds{31},
                                                        .errors = detail::request_errors,
                                                        .reaches_out = true,
                                                        .timeout_from_args = true,
                                                        .example = R"({"url":"http://127.0.0.1:8123/manifest.json"})"};
inline constexpr Operation<CallArgs, RequestResult> post{
    .name = "HTTP_CLIENT.post",
    .summary = "Send a body with POST; never repeated by itself.",
    .effect = Effect::write,
    .timeout = std::chrono::seconds{31},
    .errors = detail::request_errors,
    .reaches_out = true,
    .timeout_from_args = true,
    .example = R"({"url":"http://127.0.0.1:8123/api/webhook/x","body":{"state":"on"}})"};
inline constexpr Operation<CallArgs, RequestResult> put{
    .name = "HTTP_CLIENT.put",
    .summary = "Send a body with PUT.",
    .effect = Effect::write,
    .timeout = std::chrono::seconds{31},
    .errors = detail::request_errors,
    .idempotent = true,
    .reaches_out = true,
    .timeout_from_args = true,
    .example = R"({"url":"http://127.0.0.1:9000/item/7","body":{"name":"lamp"}})"};
// `delete` is a word of C++; the operation is HTTP_CLIENT.delete.
inline constexpr Operation<CallArgs, RequestResult> delete_{.name = "HTTP_CLIENT.delete",
                                                            .summary = "Delete what a url names with DELETE.",
                                                            .effect = Effect::destructive,
                                                            .timeout = std::chrono::seconds{31},
                                                            .errors = detail::request_errors,
                                                            .idempotent = true,
                                                            .reaches_out = true,
                                                            .timeout_from_args = true,
                                                            .example = R"({"url":"http://127.0.0.1:9000/item/7"})"};

struct StatsResult {
  std::uint64_t requests = 0;
  std::uint64_t in_flight = 0;
  std::uint64_t retries = 0;
  std::uint64_t retries_refused = 0;
  std::uint64_t connections_active = 0;
  std::uint64_t connections_idle = 0;
  std::uint64_t connections_opened = 0;
  std::uint64_t connections_reused = 0;
};
inline constexpr Operation<Nothing, StatsResult> stats{
    .name = "HTTP_CLIENT.stats",
    .summary = "Show requests, retries and pooled connections of the HTTP client.",
    .scope = "metrics.read"};

namespace detail {
inline constexpr std::tuple call_fields{
    field("url", &CallArgs::url, "Absolute http or https url, without user and password").length(1, 4096),
    field("headers", &CallArgs::headers, "Header fields; host, length and transfer are set by the client").optional(),
    field("body", &CallArgs::body, "A string is sent as it is, any other JSON as JSON; null: no body").nullable(),
    field("timeout_ms", &CallArgs::timeout_ms, "Time for all of it: attempts, redirects, body")
        .optional()
        .range(1, 600'000),
    field("connect_timeout_ms", &CallArgs::connect_timeout_ms, "Time for one connection, TLS included")
        .optional()
        .range(1, 600'000),
    field("attempts", &CallArgs::attempts, "How often at most; POST and PATCH are sent once").optional().range(1, 10),
    field("max_body", &CallArgs::max_body, "Bytes the answer's body may have").optional().range(0, 67'108'864),
    field("follow_redirects", &CallArgs::follow_redirects, "How many redirects to follow; 0 returns the first")
        .optional()
        .range(0, 10),
    field("tls", &CallArgs::tls, "For https").optional()};
}  // namespace detail

}  // namespace patchbay::http_client

template <>
struct patchbay::Describe<patchbay::http_client::TlsArgs> {
  static constexpr std::tuple fields{
      field("ca", &http_client::TlsArgs::ca,
            "Certificates to trust instead of the system's: PEM text or the path of a file")
          .optional(),
      field("verify", &http_client::TlsArgs::verify, "Whether the server must prove its name").optional()};
};
template <>
struct patchbay::Describe<patchbay::http_client::CallArgs> {
  static constexpr auto fields = http_client::detail::call_fields;
};
template <>
struct patchbay::Describe<patchbay::http_client::RequestArgs> {
  static constexpr auto fields =
      std::tuple_cat(std::tuple{field("method", &http_client::RequestArgs::method, "HTTP method")
                                    .one_of("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")},
                     http_client::detail::call_fields);
};
template <>
struct patchbay::Describe<patchbay::http_client::RequestResult> {
  static constexpr std::tuple fields{
      field("status", &http_client::RequestResult::status, "Status code of the answer"),
      field("headers", &http_client::RequestResult::headers,
            "Header fields by lower-case name; repeated ones joined by a comma, set-cookie by a line feed"),
      field("body", &http_client::RequestResult::body, "The body when it is UTF-8 text"),
      field("body_base64", &http_client::RequestResult::body_base64, "The body when it is not text"),
      field("json", &http_client::RequestResult::json, "The body once more, as JSON, when that is its type"),
      field("duration_ms", &http_client::RequestResult::duration_ms, "How long all of it took")};
};
template <>
struct patchbay::Describe<patchbay::http_client::StatsResult> {
  static constexpr std::tuple fields{
      field("requests", &http_client::StatsResult::requests, "Requests since the start"),
      field("in_flight", &http_client::StatsResult::in_flight, "Requests not yet answered"),
      field("retries", &http_client::StatsResult::retries, "Attempts after the first"),
      field("retries_refused", &http_client::StatsResult::retries_refused, "Attempts the retry budget did not allow"),
      field("connections_active", &http_client::StatsResult::connections_active, "Connections in use"),
      field("connections_idle", &http_client::StatsResult::connections_idle, "Connections kept alive"),
      field("connections_opened", &http_client::StatsResult::connections_opened, "Connections made since the start"),
      field("connections_reused", &http_client::StatsResult::connections_reused, "Exchanges on a kept connection")};
};
