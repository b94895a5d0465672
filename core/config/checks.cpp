#include "core/config/checks.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <charconv>

namespace patchbay::config::checks {
namespace {

namespace ip = boost::asio::ip;

bool is_alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

bool is_name_of_host(std::string_view text) {
  if (text.empty() || text.size() > 253) return false;
  std::size_t label = 0;
  for (char c : text) {
    if (c == '.') {
      if (label == 0) return false;
      label = 0;
    } else if (is_alnum(c) || c == '-' || c == '_') {
      if (++label > 63) return false;
    } else {
      return false;
    }
  }
  return label > 0;
}

bool is_address(std::string_view text) {
  boost::system::error_code error;
  ip::make_address(std::string{text}, error);
  return !error;
}

// Last label all digits, or a number in disguise: it must be a proper address then.
bool looks_like_ipv4(std::string_view text) {
  auto const last = text.substr(text.rfind('.') == std::string_view::npos ? 0 : text.rfind('.') + 1);
  return !last.empty() && last.front() >= '0' && last.front() <= '9';
}

bool is_host(std::string_view text) {
  if (text.starts_with('[') && text.ends_with(']')) {
    boost::system::error_code error;
    ip::make_address_v6(std::string{text.substr(1, text.size() - 2)}, error);
    return !error;
  }
  if (looks_like_ipv4(text)) return is_address(text);
  return is_name_of_host(text);
}

bool is_port(std::string_view text, unsigned least) {
  unsigned port = 0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc{} && end == text.data() + text.size() && port >= least && port <= 65535 && text.size() <= 5;
}

bool is_network(std::string_view text) {
  if (is_address(text)) return true;
  boost::system::error_code error;
  ip::make_network_v4(std::string{text}, error);
  if (!error) return true;
  ip::make_network_v6(std::string{text}, error);
  return !error;
}

// Cuts ":port" off; false when what follows the colon is no port.
bool cut_port(std::string_view& text, bool port_needed, unsigned least) {
  auto const colon = text.rfind(':');
  auto const bracket = text.rfind(']');
  if (colon == std::string_view::npos || (bracket != std::string_view::npos && bracket > colon)) return !port_needed;
  if (!is_port(text.substr(colon + 1), least)) return false;
  text = text.substr(0, colon);
  return true;
}

bool digits(std::string_view text, std::size_t from, std::size_t count, int least, int most) {
  if (text.size() < from + count) return false;
  int value = 0;
  for (auto c : text.substr(from, count)) {
    if (c < '0' || c > '9') return false;
    value = value * 10 + (c - '0');
  }
  return value >= least && value <= most;
}

}  // namespace

Answer listen_address(std::string_view text) {
  auto host = text;
  if (cut_port(host, true, 0) && is_host(host)) return std::nullopt;
  return "must be ADDRESS:PORT, such as \"127.0.0.1:8765\" or \"[::1]:0\"";
}

Answer host_name(std::string_view text) {
  if (is_host(text) || is_address(text)) return std::nullopt;
  return "must be a host name or address without a port, such as \"gateway.lan\"";
}

Answer network(std::string_view text) {
  if (is_network(text)) return std::nullopt;
  return "must be an address or a network, such as \"10.0.0.2\" or \"10.0.0.0/8\"";
}

Answer web_origin(std::string_view text) {
  auto rest = text;
  bool const known = rest.starts_with("http://") || rest.starts_with("https://");
  if (known) {
    rest = rest.substr(rest.find("//") + 2);
    if (cut_port(rest, false, 1) && is_host(rest)) return std::nullopt;
  }
  if (text == "*")
    return "\"*\" would let every page call; list the origins one by one, such as \"https://app.example\"";
  return "must be a web origin without a path, such as \"http://localhost:3000\"";
}

Answer outgoing_entry(std::string_view text) {
  if (is_network(text)) return std::nullopt;
  auto host = text;
  if (cut_port(host, false, 1)) {
    if (host.starts_with("*.")) host.remove_prefix(2);
    if (is_host(host)) return std::nullopt;
  }
  return "must be host, host:port, *.domain or a network such as 10.0.0.0/8";
}

Answer sha256(std::string_view text) {
  bool good = text.size() == 64;
  for (char c : text) good = good && ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'));
  if (good) return std::nullopt;
  return "must be the 64 hexadecimal digits of a SHA-256, as \"patchbay token new\" prints them";
}

Answer date(std::string_view text) {
  bool good = digits(text, 0, 4, 1970, 9999) && text[4] == '-' && digits(text, 5, 2, 1, 12) && text[7] == '-' &&
              digits(text, 8, 2, 1, 31);
  if (good && text.size() > 10)
    good = text.size() == 20 && text[10] == 'T' && digits(text, 11, 2, 0, 23) && text[13] == ':' &&
           digits(text, 14, 2, 0, 59) && text[16] == ':' && digits(text, 17, 2, 0, 59) && text[19] == 'Z';
  if (good || text.empty()) return std::nullopt;
  return "must be a date such as \"2027-01-01\" or \"2027-01-01T12:00:00Z\" (UTC)";
}

Answer name(std::string_view text) {
  bool good = !text.empty() && text.size() <= 64;
  for (char c : text) good = good && (is_alnum(c) || c == '-' || c == '_' || c == '.');
  if (good) return std::nullopt;
  return "must be 1 to 64 letters, digits, '-', '_' or '.'";
}

Answer scope(std::string_view text) {
  bool good = !text.empty() && text.size() <= 128;
  for (char c : text)
    good = good && (is_alnum(c) || c == '.' || c == '_' || c == '*' || c == ':' || c == '-' || c == '[' || c == ']' ||
                    c == '/');
  if (good) return std::nullopt;
  return "must be a scope such as \"ha.read\", \"hub.*\" or \"admin\"";
}

Answer web_url(std::string_view text) {
  if (text.empty()) return std::nullopt;
  bool good = text.starts_with("http://") || text.starts_with("https://");
  if (good) {
    auto rest = text.substr(text.find("//") + 2);
    auto host = rest.substr(0, rest.find_first_of("/?#"));
    good = cut_port(host, false, 1) && is_host(host);
    for (char c : rest) good = good && static_cast<unsigned char>(c) > 0x20 && c != 0x7f;
  }
  if (good) return std::nullopt;
  return "must be empty or a url such as \"http://homeassistant.local:8123\"";
}

}  // namespace patchbay::config::checks
