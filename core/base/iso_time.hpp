// iso_time: a wall clock time as ISO 8601 in UTC with milliseconds, "2026-01-01T10:30:00.000Z". Pure; any thread.
#pragma once

#include <fmt/chrono.h>

#include <string>

#include "core/base/clock.hpp"

namespace patchbay {

inline std::string iso_time(WallTime at) {
  auto const ms = std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count();
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(at)), ms % 1000);
}

}  // namespace patchbay
