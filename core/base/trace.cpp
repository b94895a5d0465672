#include "core/base/trace.hpp"

#include <spdlog/fmt/fmt.h>

#include <charconv>
#include <random>

namespace patchbay {
namespace {

std::optional<std::uint64_t> hex64(std::string_view text) {
  for (char c : text)
    if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
      return std::nullopt;  // upper case is malformed by the standard
  std::uint64_t value = 0;
  auto const done = std::from_chars(text.data(), text.data() + text.size(), value, 16);
  if (done.ec != std::errc{} || done.ptr != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::uint64_t cheap_random() {
  thread_local std::uint64_t state = [] {
    std::random_device device;
    return (std::uint64_t{device()} << 32) | device();
  }();
  // splitmix64
  state += 0x9E3779B97F4A7C15ULL;
  auto z = state;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

TraceId TraceId::make() {
  TraceId id;
  id.high_ = cheap_random();
  id.low_ = cheap_random() | 1U;
  return id;
}

std::optional<TraceId> TraceId::from_traceparent(std::string_view text) {
  if (text.size() != 55 || text.substr(0, 3) != "00-" || text[35] != '-' || text[52] != '-') return std::nullopt;
  auto const high = hex64(text.substr(3, 16));
  auto const low = hex64(text.substr(19, 16));
  auto const span = hex64(text.substr(36, 16));
  auto const flags = hex64(text.substr(53, 2));
  if (!high || !low || !span || !flags || *span == 0 || (*high == 0 && *low == 0)) return std::nullopt;
  TraceId id;
  id.high_ = *high;
  id.low_ = *low;
  return id;
}

std::string TraceId::hex() const { return fmt::format("{:016x}{:016x}", high_, low_); }
std::string TraceId::traceparent() const {
  return fmt::format("00-{:016x}{:016x}-{:016x}-01", high_, low_, cheap_random() | 1U);
}

}  // namespace patchbay
