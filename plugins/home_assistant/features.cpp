#include "plugins/home_assistant/features.hpp"

#include <charconv>

namespace patchbay::home_assistant {

Version Version::parse(std::string_view text) {
  Version out;
  auto const* end = text.data() + text.size();
  auto const year = std::from_chars(text.data(), end, out.year);
  if (year.ec != std::errc{} || year.ptr == end || *year.ptr != '.') return {};
  auto const month = std::from_chars(year.ptr + 1, end, out.month);
  if (month.ec != std::errc{}) return {};
  return out;
}

}  // namespace patchbay::home_assistant
