// The operations of CIRCUIT_BREAKER, declared once. A module that goes out asks before each attempt and reports after
// it:
//
//   auto permit = co_await caller.call(circuit_breaker::acquire, call, {.name = "ws:example.org:443"});
//   ...
//   co_await caller.call(circuit_breaker::record, call, {.permit = permit->permit, .success = true, .duration_ms =
//   12});
#pragma once

#include "core/base/operation.hpp"

namespace patchbay::circuit_breaker {

enum class State : std::uint8_t { closed, open, half_open, disabled, forced_open, metrics_only };

struct AcquireArgs {
  std::string name;
};
struct AcquireResult {
  std::string permit;
  State state = State::closed;
};
inline constexpr Operation<AcquireArgs, AcquireResult> acquire{
    .name = "CIRCUIT_BREAKER.acquire",
    .summary = "Ask a breaker for leave to make one attempt.",
    .effect = Effect::write,
    .audited = false,
    .errors = codes(Code::circuit_open, Code::backpressure, Code::rate_limited)};

struct RecordArgs {
  std::string permit;
  bool success = false;
  double duration_ms = 0;
  std::string code;
};
struct RecordResult {
  State state = State::closed;
};
inline constexpr Operation<RecordArgs, RecordResult> record{
    .name = "CIRCUIT_BREAKER.record",
    .summary = "Report how an attempt that had leave has ended.",
    .effect = Effect::write,
    .audited = false,
    .errors = codes(Code::not_found)};

}  // namespace patchbay::circuit_breaker

template <>
struct patchbay::EnumNames<patchbay::circuit_breaker::State> {
  using State = patchbay::circuit_breaker::State;
  static constexpr std::array names{std::pair{std::string_view{"closed"}, State::closed},
                                    std::pair{std::string_view{"open"}, State::open},
                                    std::pair{std::string_view{"half_open"}, State::half_open},
                                    std::pair{std::string_view{"disabled"}, State::disabled},
                                    std::pair{std::string_view{"forced_open"}, State::forced_open},
                                    std::pair{std::string_view{"metrics_only"}, State::metrics_only}};
};
template <>
struct patchbay::Describe<patchbay::circuit_breaker::AcquireArgs> {
  static constexpr std::tuple fields{
      field("name", &circuit_breaker::AcquireArgs::name, "Name of the breaker").length(1, 255)};
};
template <>
struct patchbay::Describe<patchbay::circuit_breaker::AcquireResult> {
  static constexpr std::tuple fields{
      field("permit", &circuit_breaker::AcquireResult::permit, "To be given back with record"),
      field("state", &circuit_breaker::AcquireResult::state, "State of the breaker")};
};
template <>
struct patchbay::Describe<patchbay::circuit_breaker::RecordArgs> {
  static constexpr std::tuple fields{
      field("permit", &circuit_breaker::RecordArgs::permit, "From acquire").length(1, 64),
      field("success", &circuit_breaker::RecordArgs::success, "Whether the attempt worked"),
      field("duration_ms", &circuit_breaker::RecordArgs::duration_ms, "How long it took").optional().at_least(0),
      field("code", &circuit_breaker::RecordArgs::code, "Error code of a failure; excluded codes do not count")
          .optional()
          .length(0, 64)};
};
template <>
struct patchbay::Describe<patchbay::circuit_breaker::RecordResult> {
  static constexpr std::tuple fields{
      field("state", &circuit_breaker::RecordResult::state, "State of the breaker afterwards")};
};
