// What is to be sent: the target out of a url, the checked header fields, the body, and the head as text.
//
//   auto target = Target::parse("https://example.org:8443/a?b");       // host example.org, port 8443, path /a?b
//   auto request = Request::make("POST", args, settings);              // refuses what would forge a request
//   std::string head = request->head(*target, traceparent);
//
// Values; pure functions.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/result.hpp"
#include "core/http_client/operations.hpp"

namespace patchbay::http_client {

struct Target {
  bool tls = false;
  std::string host;  // a name or an address, IPv6 without brackets
  std::uint16_t port = 0;
  std::string authority;  // what stands in the Host field
  std::string path;       // with the query, never empty
  std::string url;        // without the fragment

  // Errors: invalid_argument at /url.
  static Result<Target> parse(std::string_view url);
  // Where a Location field leads. Errors: upstream_failed.
  Result<Target> follow(std::string_view location) const;
  bool same_origin(Target const& other) const { return tls == other.tls && host == other.host && port == other.port; }
  std::string name() const;  // host:port, for messages, logs and breakers
};

struct Request {
  std::string method;
  std::vector<std::pair<std::string, std::string>> headers;  // as given
  std::string content_type;                                  // unless the headers have one
  std::string body;
  bool has_body = false;

  // Errors: invalid_argument with the pointer of the field, too_large.
  static Result<Request> make(std::string method, CallArgs& args, std::size_t max_body);
  bool has(std::string_view field) const;
  void drop(std::string_view field);
  // What a redirect with this status makes of it, to the same or to another origin.
  void redirect(unsigned status, bool same_origin);
  std::string head(Target const& target, std::string_view user_agent, std::string_view traceparent) const;
};

}  // namespace patchbay::http_client
