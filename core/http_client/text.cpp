#include "core/http_client/text.hpp"

#include <openssl/evp.h>

#include <algorithm>

#include "core/base/ascii.hpp"
#include "core/base/utf8.hpp"

namespace patchbay::http_client {

bool is_text(std::string_view bytes) { return bytes.find('\0') == std::string_view::npos && is_utf8(bytes); }

std::string base64(std::string_view bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
  auto const n = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                 reinterpret_cast<unsigned char const*>(bytes.data()), static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(n));
  return out;
}

std::string readable(std::string_view value) {
  std::string out;
  out.reserve(value.size());
  bool const utf8 = is_text(value);
  for (unsigned char c : value) {
    if (c < 0x20 || c == 0x7F) {
      out += ' ';
    } else if (c < 0x80 || utf8) {
      out += static_cast<char>(c);
    } else {
      out += static_cast<char>(0xC0U | c >> 6);
      out += static_cast<char>(0x80U | (c & 0x3FU));
    }
  }
  return out;
}

bool is_json_type(std::string_view content_type) {
  auto type = ascii::lowered(content_type.substr(0, content_type.find(';')));
  while (!type.empty() && type.back() == ' ') type.pop_back();
  return type == "application/json" || type.ends_with("+json");
}

std::string reason_of(boost::system::error_code const& error) {
  auto text = error.message();
  if (auto const at = text.find(" ["); at != std::string::npos) text.resize(at);
  return text;
}

}  // namespace patchbay::http_client
