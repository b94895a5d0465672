// Web origins: which pages may call the gateway. Pure functions over small lists.
//
//   OriginPolicy policy{{"http://localhost:3000"}};
//   policy.allows("http://127.0.0.1:8765", "127.0.0.1:8765")    // same origin as the Host
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace patchbay::security {

class OriginPolicy {
 public:
  OriginPolicy() = default;
  explicit OriginPolicy(std::vector<std::string> const& listed);

  // Same origin with this Host field, or listed. "null" (a file, a sandboxed frame) is never allowed. Scheme and
  // default port count as for the Host: port 443 is https, any other port may be either.
  bool allows(std::string_view origin, std::string_view host) const;
  bool lists(std::string_view origin) const;
  std::size_t size() const { return listed_.size(); }

 private:
  std::vector<std::string> listed_;  // in normal form
};

// "HTTP://Example.org:80" -> "http://example.org"; nothing when it is no web origin.
std::optional<std::string> normal_origin(std::string_view text);

}  // namespace patchbay::security
