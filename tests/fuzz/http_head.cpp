// Request headers: what is accepted has exactly one Host, no way to smuggle a second request, and views inside the
// bytes.
#include <cstdlib>

#include "gateway/surfaces/http_head.hpp"

using namespace patchbay;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string const bytes{reinterpret_cast<char const*>(data), size};
  http::HeadLimits const limits;
  auto const end = http::find_head_end(bytes, 0);
  if (end == 0) {
    static_cast<void>(http::unfinished_head_problem(bytes, limits));
    return 0;
  }
  if (end > bytes.size()) std::abort();
  http::RequestHead head;
  if (auto problem = http::parse_head(std::string_view{bytes}.substr(0, end), limits, head)) {
    if (problem->status < 400 || problem->message.empty()) std::abort();
    return 0;
  }
  if (head.count(http::Field::host) != 1 && !head.is_1_0) std::abort();
  if (head.chunked && head.has(http::Field::content_length)) std::abort();
  for (std::size_t field = 0; field < http::field_count; ++field) {
    auto const value = head[static_cast<http::Field>(field)];
    if (!value.empty() && (value.data() < bytes.data() || value.data() + value.size() > bytes.data() + bytes.size()))
      std::abort();
    if (value.find_first_of("\r\n") != std::string_view::npos) std::abort();
  }
  return 0;
}
