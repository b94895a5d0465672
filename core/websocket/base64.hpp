// Base64 as RFC 4648 section 4 has it, with padding, nothing else. Pure functions.
#pragma once

#include <boost/beast/core/detail/base64.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace patchbay::websocket {

inline std::string to_base64(std::string_view bytes) {
  namespace base64 = boost::beast::detail::base64;
  std::string out(base64::encoded_size(bytes.size()), '\0');
  out.resize(base64::encode(out.data(), bytes.data(), bytes.size()));
  return out;
}

// Nothing when the text is anything else than to_base64() makes.
inline std::optional<std::string> from_base64(std::string_view text) {
  namespace base64 = boost::beast::detail::base64;
  if (text.size() % 4 != 0) return std::nullopt;
  std::string out(base64::decoded_size(text.size()) + 3, '\0');
  out.resize(base64::decode(out.data(), text.data(), text.size()).first);
  if (to_base64(out) != text) return std::nullopt;
  return out;
}

}  // namespace patchbay::websocket
