// The checks that every request passes before anything else: is the Host ours, is the web origin allowed, is the body
// JSON, is an upgrade well formed, whose address counts. Pure functions over a parsed header; the origin list itself is
// kept by SECURITY and asked through the Caller by the session.
//
//   HostList hosts{settings.hosts, listen_addresses};
//   if (!hosts.is_ours(head[Field::host], local_address)) ...421
#pragma once

#include <boost/asio/ip/address.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"
#include "gateway/surfaces/http_head.hpp"

namespace patchbay::http {

namespace ip = boost::asio::ip;

// The Host names that are ours: the loopback names, the addresses we listen on, and those of server.hosts. This is what
// stops a foreign name that was made to resolve to us (DNS rebinding).
class HostList {
 public:
  HostList() = default;
  // `names`: host or host:port. Errors: invalid_argument for what is neither.
  static Result<HostList> make(std::vector<std::string> const& names, std::vector<ip::address> const& listen);
  // `local` is the address of ours that this connection came in by.
  bool is_ours(std::string_view host_field, ip::address const& local) const;

 private:
  struct Name {
    std::string host, port;  // an empty port: any
  };
  std::vector<Name> names_;
};

// Splits host[:port]; the host of an IPv6 address comes without brackets. Nothing when malformed.
struct HostPort {
  std::string_view host, port;
  bool is_v6 = false;
};
std::optional<HostPort> split_host(std::string_view text);

// Addresses and networks: "10.0.0.0/8", "fd00::/8", "192.0.2.7".
class AddressList {
 public:
  static Result<AddressList> make(std::vector<std::string> const& texts);
  bool holds(ip::address address) const;
  bool empty() const { return networks_.empty(); }

 private:
  struct Network {
    std::array<unsigned char, 16> bytes{};  // IPv4 as mapped into IPv6
    unsigned bits = 128;
  };
  std::vector<Network> networks_;
};

// The address that counts for limits: the peer's or, when the peer is a trusted proxy, the last one in Forwarded or
// X-Forwarded-For that is not a trusted proxy itself.
ip::address client_address(RequestHead const& head, ip::address const& peer, AddressList const& trusted);

// Whether a page of this origin is the one that this Host serves; `secure`: by https.
bool is_same_origin(std::string_view origin, std::string_view host, bool secure);

// A request that a foreign site caused without an Origin: an image, a script, a link. Only following a link to a page
// is let through.
bool is_foreign_fetch(RequestHead const& head, bool target_is_page);

// 415 unless a body, or what is declared to be one, is application/json in UTF-8 and not compressed.
std::optional<Problem> body_type_problem(RequestHead const& head);

// 426 or 400 for a WebSocket handshake that must not go on; also for any other protocol in Upgrade.
std::optional<Problem> upgrade_problem(RequestHead const& head);

}  // namespace patchbay::http
