#include "core/security/origin.hpp"

#include <algorithm>

#include "core/base/ascii.hpp"

namespace patchbay::security {
namespace {

struct HostPort {
  std::string host, port;
};
// "host", "host:port", "[v6]:port"; nothing when malformed.
std::optional<HostPort> split_host(std::string_view text) {
  HostPort out;
  std::size_t end = 0;
  if (text.starts_with('[')) {
    auto const close = text.find(']');
    if (close == std::string_view::npos) return std::nullopt;
    end = close + 1;
  } else {
    end = std::min(text.find(':'), text.size());
  }
  out.host = ascii::lowered(text.substr(0, end));
  if (end < text.size()) {
    if (text[end] != ':') return std::nullopt;
    out.port = std::string{text.substr(end + 1)};
    if (out.port.empty() || out.port.size() > 5) return std::nullopt;
    for (char c : out.port)
      if (c < '0' || c > '9') return std::nullopt;
    if (out.port.front() == '0') return std::nullopt;
  }
  if (out.host.empty()) return std::nullopt;
  for (char c : out.host)
    if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_' || c == '[' ||
          c == ']' || c == ':'))
      return std::nullopt;
  return out;
}

}  // namespace

std::optional<std::string> normal_origin(std::string_view text) {
  if (text.size() > 1024) return std::nullopt;
  auto const scheme_end = text.find("://");
  if (scheme_end == std::string_view::npos) return std::nullopt;
  auto const scheme = ascii::lowered(text.substr(0, scheme_end));
  if (scheme != "http" && scheme != "https") return std::nullopt;
  auto parts = split_host(text.substr(scheme_end + 3));
  if (!parts) return std::nullopt;
  if (parts->port == (scheme == "http" ? "80" : "443")) parts->port.clear();
  return scheme + "://" + parts->host + (parts->port.empty() ? "" : ":" + parts->port);
}

OriginPolicy::OriginPolicy(std::vector<std::string> const& listed) {
  for (auto const& origin : listed)
    if (auto normal = normal_origin(origin)) listed_.push_back(std::move(*normal));
}

bool OriginPolicy::lists(std::string_view origin) const {
  auto const normal = normal_origin(origin);
  return normal && std::find(listed_.begin(), listed_.end(), *normal) != listed_.end();
}

bool OriginPolicy::allows(std::string_view origin, std::string_view host) const {
  auto const normal = normal_origin(origin);
  if (!normal) return false;
  if (std::find(listed_.begin(), listed_.end(), *normal) != listed_.end()) return true;
  if (host.empty()) return false;
  for (std::string_view scheme : {"http://", "https://"}) {
    auto const own = normal_origin(std::string{scheme} + std::string{host});
    if (own && *own == *normal) return true;
  }
  return false;
}

}  // namespace patchbay::security
