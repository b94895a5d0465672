// Frames from an upstream: the scan agrees with the guarded reader, ids are put in so that they are found again.
#include <cstdlib>

#include "core/websocket/frame.hpp"

using namespace patchbay;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const text{reinterpret_cast<char const*>(data), size};
  auto const scan = websocket::scan_frame(text, "id");
  bool const good = json::check(text).has_value();
  if (good != (scan.kind != websocket::Scan::Kind::broken)) std::abort();
  for (auto const& part : scan.parts)
    if (!json::check(part.text)) std::abort();
  auto numbered = websocket::with_id(text, "id", 7);
  if (!numbered) return 0;
  auto const whole = numbered->head + std::string{numbered->tail};
  auto const again = websocket::scan_frame(whole, "id");
  if (good && (again.kind != websocket::Scan::Kind::object || again.id != 7)) std::abort();
  return 0;
}
