// AddressPolicy: where the gateway may connect on behalf of remote callers. Names and networks that are allowed, and
// the addresses that nobody reaches by accident.
//
//   AddressPolicy policy{{"homeassistant.local:8123", "*.example.org", "10.1.0.0/16"}};
//   policy.name_allowed("homeassistant.local", 8123)      // also when it resolves to a private address
//   policy.address_allowed(address)                        // by a network entry
//
// A host or *.domain entry allows whatever that name resolves to, private ranges included, since its owner named it;
// a network entry allows addresses in it, special ranges only when the entry itself lies inside that range (so
// 0.0.0.0/0 is "the public internet"). Unspecified, multicast and broadcast addresses are never allowed. An empty list
// allows nothing. Immutable after construction; any thread.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace patchbay::security {

class AddressPolicy {
 public:
  AddressPolicy() = default;
  explicit AddressPolicy(std::vector<std::string> const& entries);

  bool empty() const { return names_.empty() && networks_.empty(); }
  std::size_t size() const { return names_.size() + networks_.size(); }
  bool name_allowed(std::string_view host, std::uint16_t port) const;
  bool address_allowed(boost::asio::ip::address const& address) const;
  // Entries that did not parse.
  std::vector<std::string> const& refused() const { return refused_; }

 private:
  struct Name {
    std::string host;  // or what follows "*."
    bool wildcard = false;
    std::uint16_t port = 0;  // 0: any
  };
  struct Network {
    std::array<std::uint8_t, 16> bytes{};  // IPv4 as mapped
    unsigned prefix = 0;                   // of 128
  };
  static bool parse_network(std::string_view text, Network& out);

  std::vector<Name> names_;
  std::vector<Network> networks_;
  std::vector<std::string> refused_;
};

// What kind of special address it is ("private", "loopback", "link-local" ...), or empty for a public one. IPv4
// addresses inside IPv6 (mapped, NAT64, 6to4) count as what they lead to.
std::string_view special_kind(boost::asio::ip::address const& address);
// Never a destination, whatever is allowed: unspecified, multicast, broadcast.
bool never_allowed(boost::asio::ip::address const& address);

}  // namespace patchbay::security
