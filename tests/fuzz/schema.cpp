// A schema text and a value, split at the first NUL byte: compiling and validating end well, and what is refused has a
// message and a pointer.
#include <cstdlib>

#include "core/base/schema.hpp"

using namespace patchbay;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const text{reinterpret_cast<char const*>(data), size};
  auto const split = text.find('\0');
  auto schema = Schema::compile(text.substr(0, split));
  if (!schema || split == std::string_view::npos) return 0;
  auto value = json::parse(text.substr(split + 1));
  if (!value) return 0;
  auto const first = schema->problem(value->document);
  auto const all = schema->problems(value->document, 10);
  if (first.has_value() == all.empty()) std::abort();
  for (auto const& problem : all)
    if (problem.message.empty() || (!problem.pointer.empty() && problem.pointer[0] != '/')) std::abort();
  if (!first && value->document.IsObject()) {
    auto const canonical = schema->canonical(*value);
    auto again = json::parse(canonical);
    if (!again || schema->problem(again->document)) std::abort();
  }
  return 0;
}
