#include "core/security/url.hpp"

#include <spdlog/fmt/fmt.h>

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include "core/base/ascii.hpp"

namespace patchbay::security {
namespace {

namespace ip = boost::asio::ip;

Error not_this_url(std::string reason) { return Error{Code::invalid_argument, std::move(reason), "/url"}; }

bool is_number(std::string_view label) {
  if (label.empty()) return false;
  if (label.size() >= 2 && label[0] == '0' && (label[1] == 'x' || label[1] == 'X')) return true;
  for (char c : label)
    if (c < '0' || c > '9') return false;
  return true;
}

}  // namespace

std::optional<std::string> strict_host(std::string_view text, std::optional<ip::address>& literal) {
  literal.reset();
  if (text.find(':') != std::string_view::npos) {
    if (text.find('%') != std::string_view::npos) return std::nullopt;  // a zone means something on one machine only
    boost::system::error_code error;
    auto const address = ip::make_address_v6(std::string{text}, error);
    if (error || address.is_v4_mapped()) return std::nullopt;
    literal = address;
    return address.to_string();
  }
  if (text.empty() || text.size() > 253) return std::nullopt;
  std::size_t begin = 0;
  std::string_view last;
  while (begin <= text.size()) {
    auto const end = std::min(text.find('.', begin), text.size());
    last = text.substr(begin, end - begin);
    if (last.empty() || last.size() > 63 || last.front() == '-' || last.back() == '-') return std::nullopt;
    for (char c : last)
      if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_'))
        return std::nullopt;
    begin = end + 1;
  }
  if (!is_number(last)) return ascii::lowered(text);
  // The last label is a number, so every reader takes it for IPv4: only the plain spelling a.b.c.d is that to all.
  boost::system::error_code error;
  auto const address = ip::make_address_v4(std::string{text}, error);
  if (error || address.to_string() != text) return std::nullopt;
  literal = address;
  return address.to_string();
}

Result<OutgoingUrl> parse_outgoing(std::string_view text, std::string_view purpose) {
  bool const websocket = purpose == "websocket";
  auto const right = websocket ? "ws://host/path or wss://host/path" : "http://host/path or https://host/path";
  auto parsed = boost::urls::parse_uri({text.data(), text.size()});
  if (!parsed) return not_this_url(fmt::format("is no absolute url; write {}", right));
  auto const view = *parsed;
  OutgoingUrl out;
  out.scheme = ascii::lowered({view.scheme().data(), view.scheme().size()});
  bool const secure = out.scheme == (websocket ? "wss" : "https");
  if (!secure && out.scheme != (websocket ? "ws" : "http"))
    return not_this_url(
        fmt::format("the scheme \"{}\" is not for this purpose; write {}", out.scheme.substr(0, 32), right));
  if (!view.has_authority()) return not_this_url(fmt::format("has no host; write {}", right));
  if (view.has_userinfo())
    return not_this_url("must not carry a user or password; send credentials in a header instead");
  // Boost.URL 1.81 takes "http://127.0.0.1./" for the host 127.0.0.1 and the path "./"; the next reader would not.
  auto const begin = text.find("//") + 2;
  auto const authority = text.substr(begin, std::min(text.find_first_of("/?#", begin), text.size()) - begin);
  auto const seen = view.encoded_authority();
  bool plain = authority == std::string_view{seen.data(), seen.size()};
  auto const encoded = view.encoded_host();
  std::string_view host{encoded.data(), encoded.size()};
  bool const bracketed = host.starts_with('[') && host.ends_with(']');
  if (bracketed) host = host.substr(1, host.size() - 2);
  plain = plain && bracketed == (host.find(':') != std::string_view::npos);
  auto strict = plain ? strict_host(host, out.literal) : std::nullopt;
  if (!strict)
    return not_this_url(
        "the host must be a plain name (letters, digits, '-', no trailing dot, no escapes; xn--... for others) or an "
        "address as 192.0.2.1 or [2001:db8::1]");
  out.host = std::move(*strict);
  out.port = secure ? 443 : 80;
  bool default_port = true;
  if (view.has_port()) {
    std::string_view const digits{view.port().data(), view.port().size()};
    unsigned port = 0;
    for (char c : digits) port = std::min(port * 10 + static_cast<unsigned>(c - '0'), 70'000U);
    if (digits.empty() || port == 0 || port > 65'535) return not_this_url("the port must be 1 to 65535");
    default_port = port == out.port;
    out.port = static_cast<std::uint16_t>(port);
  }
  if (websocket && view.has_fragment())
    return not_this_url("a WebSocket url has no fragment; leave out what follows \"#\"");
  std::string_view const path{view.encoded_path().data(), view.encoded_path().size()};
  std::string_view const query{view.encoded_query().data(), view.encoded_query().size()};
  bool const v6 = out.host.find(':') != std::string::npos;
  out.normalized = fmt::format("{}://{}{}{}", out.scheme, v6 ? "[" : "", out.host, v6 ? "]" : "");
  if (!default_port) out.normalized += fmt::format(":{}", out.port);
  out.normalized += path.empty() ? std::string_view{"/"} : path;
  if (view.has_query()) out.normalized += fmt::format("?{}", query);
  return out;
}

}  // namespace patchbay::security
