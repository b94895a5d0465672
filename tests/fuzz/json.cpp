// The guard: whatever it accepts is valid UTF-8, within the limits, without duplicate keys, and reads back the same.
#include <cstdlib>

#include "core/base/json.hpp"

using namespace patchbay;

static void require(bool condition) {
  if (!condition) std::abort();
}

static unsigned depth_of(json::Value const& value) {
  unsigned deepest = 0;
  if (value.IsObject())
    for (auto const& member : value.GetObject()) deepest = std::max(deepest, depth_of(member.value));
  if (value.IsArray())
    for (auto const& item : value.GetArray()) deepest = std::max(deepest, depth_of(item));
  return deepest + (value.IsObject() || value.IsArray() ? 1 : 0);
}

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const text{reinterpret_cast<char const*>(data), size};
  auto parsed = json::parse(text);
  auto checked = json::check(text, json::client_limits);
  if (!parsed) {
    require(!parsed.error().message.empty());
    return 0;
  }
  require(checked.has_value());
  require(is_utf8(text));
  require(depth_of(parsed->document) <= 64);
  if (parsed->document.IsObject()) {
    std::size_t index = 0;
    for (auto const& member : parsed->document.GetObject()) {
      auto const slice = parsed->slice(index++);
      auto again = json::parse(slice);
      require(again.has_value() && again->document == member.value);
    }
  }
  auto const written = json::to_text(parsed->document);
  require(json::parse(written).has_value());
  return 0;
}
