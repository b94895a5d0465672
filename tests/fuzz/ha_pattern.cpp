// Expressions of search and of table filters, from outside: whatever they are, they end, and a text always finds
// itself.
#include <cstdlib>

#include "core/base/utf8.hpp"
#include "plugins/home_assistant/pattern.hpp"
#include "plugins/home_assistant/table_query.hpp"

using namespace patchbay;
using namespace patchbay::home_assistant;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const text{reinterpret_cast<char const*>(data), size};
  auto const cut = text.find('\n');
  auto const expression = text.substr(0, std::min<std::size_t>(cut, 1'000));
  auto const line = cut == std::string_view::npos ? text : text.substr(cut + 1);
  if (auto pattern = Pattern::compile(expression)) static_cast<void>(pattern->occurs_in(line));
  if (is_utf8(expression) && !Pattern::text(expression).occurs_in(std::string{"x"}.append(expression).append(line)))
    std::abort();
  if (auto query = TableQuery::parse(expression)) {
    auto const first = query->matches([&](std::string_view column) -> Cell { return std::string{column}; });
    if (first != query->matches([&](std::string_view column) -> Cell { return std::string{column}; })) std::abort();
    static_cast<void>(query->matches([](std::string_view) -> Cell { return std::monostate{}; }));
  }
  return 0;
}
