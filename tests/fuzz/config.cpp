// A configuration text: loading ends with values or with problems that have words.
#include <cstdlib>

#include "core/config/load.hpp"

using namespace patchbay;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  config::LoadOptions options;
  options.path = "fuzz.yaml";
  options.environment = {};
  auto const loaded = config::load_text({reinterpret_cast<char const*>(data), size}, std::move(options));
  for (auto const& problem : loaded.problems)
    if (problem.text().empty()) std::abort();
  return 0;
}
