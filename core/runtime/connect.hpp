// connect(): a TCP connection to a host, through a proxy if asked, with TLS if asked, within a deadline.
//
//   ConnectOptions options{.host = "example.org", .port = 443, .tls = true};
//   options.deadline = Deadline::in(10s);
//   auto stream = co_await connect(runtime, std::move(options));
//   if (!stream) return stream.error();          // connect_failed, tls_failed with the reason, deadline_exceeded ...
//
// Runs on the current shard, and the Stream belongs to that shard. Cancellation ends it at every step with `cancelled`.
// All addresses of the name are tried in turn, each with a fair share of the time that is left. TLS is 1.2 or newer and
// verified by OpenSSL against the system's roots or the given ones: chain, dates and name, or address where the host is
// one.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/result.hpp"
#include "core/runtime/stream.hpp"

namespace patchbay {

class Runtime;

struct TlsOptions {
  std::string ca;           // PEM text, or the path of a file of it; empty: the system's roots
  bool verify = true;       // false: any certificate passes
  std::string server_name;  // to ask for and to verify; empty: the host
  friend bool operator==(TlsOptions const&, TlsOptions const&) = default;
};

struct ConnectOptions {
  std::string host;  // a name or an address, IPv6 with or without brackets
  std::uint16_t port = 0;
  bool tls = false;
  TlsOptions tls_options;
  std::string proxy;                         // "http://[user:password@]host:port", reached by CONNECT; empty: none
  std::vector<asio::ip::address> addresses;  // what the host is known to be (address policy); empty: look it up
  std::vector<asio::ip::address> proxy_addresses;  // the same for the proxy
  Deadline deadline;
};

// Errors: invalid_argument (proxy, ca), connect_failed, tls_failed, auth_failed (the proxy asks for other credentials),
// deadline_exceeded, cancelled.
Task<Result<std::unique_ptr<Stream>>> connect(Runtime& runtime, ConnectOptions options);

// The parts of a proxy address. Errors: invalid_argument.
struct ProxyAddress {
  std::string host;
  std::uint16_t port = 0;
  std::string credentials;  // "user:password", decoded; or empty
};
Result<ProxyAddress> parse_proxy(std::string_view text);

}  // namespace patchbay
