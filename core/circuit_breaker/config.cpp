#include "core/circuit_breaker/config.hpp"

#include <spdlog/fmt/fmt.h>

namespace patchbay::circuit_breaker {

Config Config::with(Overrides const& overrides) const {
  Config out = *this;
  auto take = [](auto& member, auto const& said) {
    if (said) member = *said;
  };
  take(out.failure_rate, overrides.failure_rate);
  take(out.slow_rate, overrides.slow_rate);
  take(out.slow_call_ms, overrides.slow_call_ms);
  take(out.consecutive_failures, overrides.consecutive_failures);
  if (overrides.window && *overrides.window != window) {
    out.window = *overrides.window;
    out.window_size = out.window == WindowKind::count ? 100 : 60;
  }
  take(out.window_size, overrides.window_size);
  take(out.minimum_calls, overrides.minimum_calls);
  take(out.open_ms, overrides.open_ms);
  take(out.open_max_ms, overrides.open_max_ms);
  if (out.open_max_ms < out.open_ms) out.open_max_ms = out.open_ms;
  take(out.backoff, overrides.backoff);
  take(out.half_open_permits, overrides.half_open_permits);
  take(out.half_open_timeout_ms, overrides.half_open_timeout_ms);
  take(out.max_concurrent, overrides.max_concurrent);
  take(out.excluded_codes, overrides.excluded_codes);
  return out;
}

std::optional<Error> problem(Overrides const& overrides) {
  if (overrides.open_ms && overrides.open_max_ms && *overrides.open_max_ms < *overrides.open_ms)
    return Error{
        Code::invalid_argument,
        fmt::format("open_max_ms must be at least open_ms ({}), is {}", *overrides.open_ms, *overrides.open_max_ms),
        "/open_max_ms"};
  if (overrides.excluded_codes) {
    std::size_t index = 0;
    for (auto const& code : *overrides.excluded_codes) {
      if (code.empty() || code.size() > 64)
        return Error{Code::invalid_argument, "an error code has 1 to 64 characters",
                     "/excluded_codes/" + std::to_string(index)};
      ++index;
    }
  }
  return std::nullopt;
}

bool matches(std::string_view pattern, std::string_view name) {
  // The last star takes back one character more each time what follows it does not fit.
  std::size_t p = 0, n = 0, star = std::string_view::npos, resume = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace patchbay::circuit_breaker
