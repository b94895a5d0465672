// Outgoing urls: what is accepted has a host without tricks, and reads the same again.
#include <cstdlib>

#include "core/security/url.hpp"

using namespace patchbay;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const text{reinterpret_cast<char const*>(data), size};
  for (auto const* purpose : {"http", "websocket"}) {
    auto url = security::parse_outgoing(text, purpose);
    if (!url) continue;
    auto again = security::parse_outgoing(url->normalized, purpose);
    if (!again || again->normalized != url->normalized || again->host != url->host || again->port != url->port)
      std::abort();
  }
  return 0;
}
