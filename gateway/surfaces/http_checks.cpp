#include "gateway/surfaces/http_checks.hpp"

#include <spdlog/fmt/fmt.h>

#include <charconv>

#include "core/base/ascii.hpp"

namespace patchbay::http {
namespace {

bool is_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

std::optional<ip::address> address_of(std::string_view text) {
  if (text.size() > 64) return std::nullopt;
  boost::system::error_code error;
  auto address = ip::make_address(std::string{text}, error);
  if (error) return std::nullopt;
  return address;
}

std::array<unsigned char, 16> bytes_of(ip::address const& address) {
  if (address.is_v6()) return address.to_v6().to_bytes();
  std::array<unsigned char, 16> out{};
  out[10] = out[11] = 0xFF;
  auto const four = address.to_v4().to_bytes();
  std::copy(four.begin(), four.end(), out.begin() + 12);
  return out;
}

ip::address unmapped(ip::address const& address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped()) return ip::make_address_v4(ip::v4_mapped, address.to_v6());
  return address;
}

// One hop of X-Forwarded-For ("10.0.0.1", "10.0.0.1:80", "[::1]:80") or of Forwarded (for="[::1]:80").
std::optional<ip::address> hop_address(std::string_view hop) {
  hop = trimmed(hop);
  if (hop.size() > 1 && hop.front() == '"' && hop.back() == '"') hop = hop.substr(1, hop.size() - 2);
  if (auto plain = address_of(hop)) return unmapped(*plain);
  auto const split = split_host(hop);
  if (!split) return std::nullopt;
  if (auto inner = address_of(split->host)) return unmapped(*inner);
  return std::nullopt;
}

// The addresses that proxies wrote, nearest first; stops at what cannot be read.
std::vector<ip::address> forwarded_hops(RequestHead const& head) {
  auto list = head.has(Field::forwarded) ? head[Field::forwarded] : head[Field::forwarded_for];
  auto const is_forwarded = head.has(Field::forwarded);
  std::vector<ip::address> out;
  while (!list.empty()) {
    auto const comma = list.rfind(',');
    auto hop = comma == std::string_view::npos ? list : list.substr(comma + 1);
    list = comma == std::string_view::npos ? std::string_view{} : list.substr(0, comma);
    if (is_forwarded) {
      std::string_view found;
      while (!hop.empty()) {
        auto const semicolon = hop.find(';');
        auto const pair = trimmed(hop.substr(0, semicolon));
        if (pair.size() > 4 && ascii::same(pair.substr(0, 4), "for=")) found = pair.substr(4);
        hop = semicolon == std::string_view::npos ? std::string_view{} : hop.substr(semicolon + 1);
      }
      hop = found;
    }
    auto const address = hop_address(hop);
    if (!address) break;
    out.push_back(*address);
  }
  return out;
}

}  // namespace

std::optional<HostPort> split_host(std::string_view text) {
  HostPort out;
  if (text.starts_with('[')) {
    auto const end = text.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    out.host = text.substr(1, end - 1);
    out.is_v6 = true;
    text.remove_prefix(end + 1);
    if (!address_of(out.host)) return std::nullopt;
  } else {
    auto const colon = text.find(':');
    out.host = text.substr(0, colon);
    text = colon == std::string_view::npos ? std::string_view{} : text.substr(colon);
    for (char c : out.host)
      if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
            c == '_'))
        return std::nullopt;
  }
  if (out.host.empty()) return std::nullopt;
  if (text.empty()) return out;
  if (text.front() != ':' || !is_digits(text.substr(1)) || text.size() > 6) return std::nullopt;
  out.port = text.substr(1);
  return out;
}

Result<HostList> HostList::make(std::vector<std::string> const& names, std::vector<ip::address> const& listen) {
  HostList out;
  for (auto const* own : {"localhost", "127.0.0.1", "::1"}) out.names_.push_back({own, ""});
  for (auto const& address : listen)
    if (!address.is_unspecified()) out.names_.push_back({address.to_string(), ""});
  for (auto const& name : names) {
    auto const split = split_host(name);
    if (!split)
      return Error{
          Code::invalid_argument,
          fmt::format("server.hosts: \"{}\" is neither host nor host:port, such as gateway.example:8765", shown(name))};
    out.names_.push_back({ascii::lowered(split->host), std::string{split->port}});
  }
  return out;
}

bool HostList::is_ours(std::string_view host_field, ip::address const& local) const {
  auto const split = split_host(host_field);
  if (!split) return false;
  for (auto const& name : names_)
    if (ascii::same(name.host, split->host) && (name.port.empty() || name.port == split->port)) return true;
  // Listening on every address, the one the client connected to is ours; no foreign name looks like an address.
  auto const literal = address_of(split->host);
  return literal && unmapped(*literal) == unmapped(local);
}

Result<AddressList> AddressList::make(std::vector<std::string> const& texts) {
  AddressList out;
  for (auto const& text : texts) {
    auto const slash = text.find('/');
    auto const address = address_of(std::string_view{text}.substr(0, slash));
    auto const bad =
        Error{Code::invalid_argument,
              fmt::format("server.trusted_proxies: \"{}\" is neither an address nor a network such as 10.0.0.0/8",
                          shown(text))};
    if (!address) return bad;
    Network network{bytes_of(*address), 128};
    if (slash != std::string::npos) {
      auto const digits = std::string_view{text}.substr(slash + 1);
      unsigned bits = 0;
      auto const most = address->is_v4() ? 32U : 128U;
      auto const [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
      if (error != std::errc{} || end != digits.data() + digits.size() || bits > most) return bad;
      network.bits = bits + (128 - most);
    }
    out.networks_.push_back(network);
  }
  return out;
}

bool AddressList::holds(ip::address address) const {
  auto const bytes = bytes_of(address);
  for (auto const& network : networks_) {
    auto const whole = network.bits / 8;
    if (!std::equal(bytes.begin(), bytes.begin() + whole, network.bytes.begin())) continue;
    auto const rest = network.bits % 8;
    if (rest == 0 || (bytes[whole] >> (8 - rest)) == (network.bytes[whole] >> (8 - rest))) return true;
  }
  return false;
}

ip::address client_address(RequestHead const& head, ip::address const& peer, AddressList const& trusted) {
  auto out = unmapped(peer);
  if (!head.forwarded || !trusted.holds(out)) return out;
  for (auto const& hop : forwarded_hops(head)) {
    out = hop;
    if (!trusted.holds(hop)) break;
  }
  return out;
}

bool is_same_origin(std::string_view origin, std::string_view host, bool secure) {
  auto const scheme = std::string_view{secure ? "https://" : "http://"};
  if (!origin.starts_with(scheme)) return false;
  auto const authority = origin.substr(scheme.size());
  if (ascii::same(authority, host)) return true;
  // A browser leaves the scheme's port out of both; other clients may write it into one of them.
  auto const a = split_host(authority), b = split_host(host);
  if (!a || !b) return false;
  auto const usual = std::string_view{secure ? "443" : "80"};
  auto const port = [&](HostPort const& one) { return one.port.empty() ? usual : one.port; };
  return ascii::same(a->host, b->host) && port(*a) == port(*b);
}

bool is_foreign_fetch(RequestHead const& head, bool target_is_page) {
  if (!ascii::same(head[Field::fetch_site], "cross-site")) return false;
  auto const is_link = (head.method == Method::get || head.method == Method::head) &&
                       ascii::same(head[Field::fetch_mode], "navigate") &&
                       ascii::same(head[Field::fetch_dest], "document");
  return !(is_link && target_is_page);
}

std::optional<Problem> body_type_problem(RequestHead const& head) {
  auto const takes_body = head.method == Method::post || head.method == Method::put || head.method == Method::patch ||
                          head.method == Method::delete_;
  if (!head.has_body() && !(takes_body && head.has(Field::content_type))) return std::nullopt;
  if (head.has(Field::content_encoding) && !ascii::same(head[Field::content_encoding], "identity"))
    return Problem{415, Code::unsupported, "a body must come uncompressed: Content-Encoding is not understood", false};
  auto const type = head[Field::content_type];
  auto const semicolon = type.find(';');
  auto const word = trimmed(type.substr(0, semicolon));
  if (!ascii::same(word, "application/json"))
    return Problem{415, Code::unsupported,
                   type.empty() ? "a body needs the header Content-Type: application/json"
                                : fmt::format("a body must be application/json, is {}", shown(type)),
                   false};
  auto rest = semicolon == std::string_view::npos ? std::string_view{} : type.substr(semicolon + 1);
  while (!rest.empty()) {
    auto const next = rest.find(';');
    auto const parameter = trimmed(rest.substr(0, next));
    rest = next == std::string_view::npos ? std::string_view{} : rest.substr(next + 1);
    if (parameter.size() < 8 || !ascii::same(parameter.substr(0, 8), "charset=")) continue;
    auto charset = parameter.substr(8);
    if (charset.size() > 1 && charset.front() == '"' && charset.back() == '"')
      charset = charset.substr(1, charset.size() - 2);
    if (!ascii::same(charset, "utf-8"))
      return Problem{415, Code::unsupported, fmt::format("JSON is read as UTF-8 only, not as {}", shown(charset)),
                     false};
  }
  return std::nullopt;
}

std::optional<Problem> upgrade_problem(RequestHead const& head) {
  if (!head.is_upgrade()) return std::nullopt;
  // Any other protocol (h2c ...) may be ignored by a server, and is.
  if (!lists(head[Field::upgrade], "websocket")) return std::nullopt;
  if (head.has_body()) return Problem{400, Code::invalid_argument, "a WebSocket handshake has no body"};
  if (head.method != Method::get || head.is_1_0)
    return Problem{400, Code::invalid_argument, "a WebSocket handshake is a GET of HTTP/1.1"};
  if (head[Field::websocket_version] != "13")
    return Problem{426, Code::unsupported, "the WebSocket version spoken here is 13"};
  auto const key = head[Field::websocket_key];
  auto const is_base64 = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
  };
  // 16 bytes are 22 characters, the last of which carries only two bits, and two signs of padding.
  auto const good = key.size() == 24 && key.ends_with("==") && std::all_of(key.begin(), key.begin() + 22, is_base64) &&
                    std::string_view{"AQgw"}.find(key[21]) != std::string_view::npos;
  if (head.count(Field::websocket_key) != 1 || head.count(Field::websocket_version) != 1)
    return Problem{400, Code::invalid_argument, "a WebSocket handshake has each of its fields once"};
  if (!good) return Problem{400, Code::invalid_argument, "Sec-WebSocket-Key must be the base64 of 16 bytes"};
  return std::nullopt;
}

}  // namespace patchbay::http
