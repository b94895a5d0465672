// Trace ids after W3C Trace Context: 16 bytes of trace, 8 of the span, passed on in `traceparent`.
// Values; any thread. New ids come from a per-thread generator seeded by the kernel: unique, not secret.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace patchbay {

class TraceId {
 public:
  TraceId() = default;
  static TraceId make();
  // From a `traceparent` header (version 00: 55 characters); nothing when malformed or all zero.
  static std::optional<TraceId> from_traceparent(std::string_view text);

  bool exists() const { return high_ != 0 || low_ != 0; }
  std::string hex() const;          // 32 characters
  std::string traceparent() const;  // "00-<trace>-<new span>-01"

 private:
  std::uint64_t high_ = 0, low_ = 0;
};

// A per-thread generator for what must be unique and cheap but not secret (jitter, span ids).
std::uint64_t cheap_random();

}  // namespace patchbay
