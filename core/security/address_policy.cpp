#include "core/security/address_policy.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "core/security/url.hpp"

namespace patchbay::security {
namespace {

namespace ip = boost::asio::ip;
using Bytes = std::array<std::uint8_t, 16>;

Bytes mapped(ip::address const& address) {
  Bytes out{};
  if (address.is_v4()) {
    out[10] = out[11] = 0xFF;
    auto const v4 = address.to_v4().to_bytes();
    std::copy(v4.begin(), v4.end(), out.begin() + 12);
  } else {
    auto const v6 = address.to_v6().to_bytes();
    std::copy(v6.begin(), v6.end(), out.begin());
  }
  return out;
}

bool inside(Bytes const& address, Bytes const& network, unsigned prefix) {
  for (unsigned i = 0; i < 16 && prefix > 0; ++i) {
    auto const bits = std::min(prefix, 8U);
    auto const mask = static_cast<std::uint8_t>(0xFF << (8 - bits));
    if ((address[i] & mask) != (network[i] & mask)) return false;
    prefix -= bits;
  }
  return true;
}

struct Special {
  Bytes network;
  unsigned prefix;
  std::string_view kind;
};

constexpr Special v4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d, unsigned prefix,
                     std::string_view kind) {
  return {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, a, b, c, d}, 96 + prefix, kind};
}
constexpr Special v6(std::uint8_t a, std::uint8_t b, unsigned prefix, std::string_view kind, std::uint8_t c = 0,
                     std::uint8_t d = 0, std::uint8_t last = 0) {
  return {{a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last}, prefix, kind};
}

// The special-purpose registries of IANA, as far as they matter to a client.
constexpr Special specials[] = {
    v4(0, 0, 0, 0, 8, "unspecified"),
    v4(10, 0, 0, 0, 8, "private"),
    v4(100, 64, 0, 0, 10, "shared (carrier NAT)"),
    v4(127, 0, 0, 0, 8, "loopback"),
    v4(169, 254, 0, 0, 16, "link-local"),
    v4(172, 16, 0, 0, 12, "private"),
    v4(192, 0, 0, 0, 24, "reserved"),
    v4(192, 0, 2, 0, 24, "documentation"),
    v4(192, 88, 99, 0, 24, "reserved"),
    v4(192, 168, 0, 0, 16, "private"),
    v4(198, 18, 0, 0, 15, "benchmarking"),
    v4(198, 51, 100, 0, 24, "documentation"),
    v4(203, 0, 113, 0, 24, "documentation"),
    v4(224, 0, 0, 0, 4, "multicast"),
    v4(240, 0, 0, 0, 4, "reserved"),
    v6(0, 0, 128, "unspecified"),
    v6(0, 0, 128, "loopback", 0, 0, 1),
    v6(0x01, 0x00, 64, "discard"),
    {{0x00, 0x64, 0xFF, 0x9B, 0x00, 0x01}, 48, "private (local NAT64)"},
    v6(0x20, 0x01, 32, "Teredo", 0, 0),
    v6(0x20, 0x01, 28, "reserved", 0x00, 0x10),
    v6(0x20, 0x01, 28, "reserved", 0x00, 0x20),
    v6(0x20, 0x01, 32, "documentation", 0x0D, 0xB8),
    v6(0x3F, 0xFF, 20, "documentation"),
    v6(0xFC, 0x00, 7, "private (unique local)"),
    v6(0xFE, 0x80, 10, "link-local"),
    v6(0xFE, 0xC0, 10, "site-local"),
    v6(0xFF, 0x00, 8, "multicast"),
};

Special const* special_of(Bytes const& bytes) {
  for (auto const& one : specials)
    if (inside(bytes, one.network, one.prefix)) return &one;
  return nullptr;
}

// The IPv4 address that an IPv6 address leads to, as mapped bytes: NAT64 64:ff9b::/96, 6to4
// 2002::/16, IPv4-compatible ::/96, and mapped ones as they are.
std::optional<Bytes> embedded(Bytes const& bytes) {
  Bytes out{};
  out[10] = out[11] = 0xFF;
  auto take = [&](std::size_t at) {
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), 4, out.begin() + 12);
    return out;
  };
  Bytes const nat64{0x00, 0x64, 0xFF, 0x9B};
  if (inside(bytes, nat64, 96)) return take(12);
  if (bytes[0] == 0x20 && bytes[1] == 0x02) return take(2);
  Bytes const zero{};
  bool const small = bytes[12] == 0 && bytes[13] == 0 && bytes[14] == 0;
  if (inside(bytes, zero, 96) && !small) return take(12);
  return std::nullopt;
}

}  // namespace

std::string_view special_kind(ip::address const& address) {
  auto bytes = mapped(address);
  if (auto inner = embedded(bytes)) bytes = *inner;
  auto const* special = special_of(bytes);
  return special == nullptr ? std::string_view{} : special->kind;
}

bool never_allowed(ip::address const& address) {
  auto const kind = special_kind(address);
  if (kind == "unspecified" || kind == "multicast") return true;
  auto bytes = mapped(address);
  if (auto inner = embedded(bytes)) bytes = *inner;
  return inside(bytes, v4(255, 255, 255, 255, 32, "").network, 128);
}

bool AddressPolicy::parse_network(std::string_view text, Network& out) {
  auto const slash = text.find('/');
  boost::system::error_code error;
  auto const address = ip::make_address(std::string{text.substr(0, slash)}, error);
  if (error) return false;
  out.bytes = mapped(address);
  unsigned const most = address.is_v4() ? 32 : 128;
  unsigned prefix = most;
  if (slash != std::string_view::npos) {
    auto const digits = text.substr(slash + 1);
    auto const [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), prefix);
    if (problem != std::errc{} || end != digits.data() + digits.size() || prefix > most) return false;
  }
  out.prefix = prefix + (address.is_v4() ? 96 : 0);
  return true;
}

AddressPolicy::AddressPolicy(std::vector<std::string> const& entries) {
  for (auto const& entry : entries) {
    Network network;
    if (parse_network(entry, network)) {
      networks_.push_back(network);
      continue;
    }
    Name name;
    std::string_view text{entry};
    if (text.starts_with("*.")) {
      name.wildcard = true;
      text.remove_prefix(2);
    }
    bool good = true;
    auto const colon = text.rfind(':');
    auto const bracket = text.rfind(']');
    bool const has_port = colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
    if (has_port) {
      auto const digits = text.substr(colon + 1);
      auto const [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), name.port);
      good = digits == "*" || (problem == std::errc{} && end == digits.data() + digits.size() && name.port != 0);
      if (digits == "*") name.port = 0;
      text = text.substr(0, colon);
    }
    if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
    std::optional<ip::address> literal;
    auto host = strict_host(text, literal);
    if (!host || !good || (name.wildcard && literal)) {
      refused_.push_back(entry);
      continue;
    }
    name.host = std::move(*host);
    names_.push_back(std::move(name));
  }
}

bool AddressPolicy::name_allowed(std::string_view host, std::uint16_t port) const {
  return std::any_of(names_.begin(), names_.end(), [&](Name const& name) {
    if (name.port != 0 && name.port != port) return false;
    if (!name.wildcard) return host == name.host;
    return host.size() > name.host.size() + 1 && host.ends_with(name.host) &&
           host[host.size() - name.host.size() - 1] == '.';
  });
}

bool AddressPolicy::address_allowed(ip::address const& address) const {
  if (never_allowed(address)) return false;
  auto bytes = mapped(address);
  if (auto inner = embedded(bytes)) bytes = *inner;
  auto const* special = special_of(bytes);
  return std::any_of(networks_.begin(), networks_.end(), [&](Network const& network) {
    if (!inside(bytes, network.bytes, network.prefix) && !inside(mapped(address), network.bytes, network.prefix))
      return false;
    // A special address needs an entry that lies inside its own range.
    return special == nullptr ||
           (network.prefix >= special->prefix && inside(network.bytes, special->network, special->prefix));
  });
}

}  // namespace patchbay::security
