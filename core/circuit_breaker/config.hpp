// What a breaker goes by: Config (every figure filled in), Overrides (what somebody said, the rest left open) and Rule
// (overrides for the names that a pattern matches).
//
//   Rule rule; rule.pattern = "ws:*"; rule.open_ms = 2000;
//   Config config = Config{}.with(rule);
//
// Plain values; any thread. Overrides and Rule are described, so a configuration file's JSON reads straight into them.
#pragma once

#include "core/base/operation.hpp"

namespace patchbay::circuit_breaker {

enum class State : std::uint8_t { closed, open, half_open, disabled, forced_open, metrics_only };
inline constexpr std::size_t state_count = 6;

enum class WindowKind : std::uint8_t { count, time };

struct Overrides {
  std::optional<double> failure_rate{};
  std::optional<double> slow_rate{};
  std::optional<std::uint32_t> slow_call_ms{};
  std::optional<std::uint32_t> consecutive_failures{};
  std::optional<WindowKind> window{};
  std::optional<std::uint32_t> window_size{};
  std::optional<std::uint32_t> minimum_calls{};
  std::optional<std::uint32_t> open_ms{};
  std::optional<std::uint32_t> open_max_ms{};
  std::optional<double> backoff{};
  std::optional<std::uint32_t> half_open_permits{};
  std::optional<std::uint32_t> half_open_timeout_ms{};
  std::optional<std::uint32_t> max_concurrent{};
  std::optional<std::vector<std::string>> excluded_codes{};
};

struct Rule : Overrides {
  std::string pattern{};  // of names; * stands for any run of characters
};

struct Config {
  double failure_rate = 0.5;  // opens at this share of failures in the window
  double slow_rate = 1.0;     // opens at this share of slow calls in the window
  std::uint32_t slow_call_ms = 5000;
  std::uint32_t consecutive_failures = 5;  // opens at so many in a row; 0: never for that reason
  WindowKind window = WindowKind::count;
  std::uint32_t window_size = 100;   // calls, or seconds
  std::uint32_t minimum_calls = 20;  // shares of fewer calls mean nothing; a full count window is always enough
  std::uint32_t open_ms = 60'000;
  std::uint32_t open_max_ms = 600'000;
  double backoff = 2.0;
  std::uint32_t half_open_permits = 1;
  std::uint32_t half_open_timeout_ms = 30'000;
  std::uint32_t max_concurrent = 0;  // 0: any number
  std::vector<std::string> excluded_codes{"invalid_argument", "cancelled", "not_found"};

  // This one, changed by what the overrides say. A window whose kind changes takes that kind's own size (100 calls, 60
  // seconds) unless one is given; open_max_ms is never less than open_ms.
  Config with(Overrides const& overrides) const;
  bool operator==(Config const&) const = default;
};

// A contradiction among the figures given together, or nothing; pointers are relative to the object.
std::optional<Error> problem(Overrides const& overrides);

// Whether the pattern (with * for any run of characters) matches the whole name. At worst pattern times name steps.
bool matches(std::string_view pattern, std::string_view name);

// The fields that Config and Overrides have in common; Overrides' members are optional by their type.
template <class T>
constexpr auto config_fields() {
  return std::tuple{
      field("failure_rate", &T::failure_rate, "Opens at this share of failures in the window (default 0.5)")
          .range(0.001, 1),
      field("slow_rate", &T::slow_rate, "Opens at this share of slow calls in the window (default 1)").range(0.001, 1),
      field("slow_call_ms", &T::slow_call_ms, "A call is slow from this time on (default 5000)").range(1, 86'400'000),
      field("consecutive_failures", &T::consecutive_failures,
            "Opens at so many failures in a row; 0 turns this off (default 5)")
          .range(0, 10'000),
      field("window", &T::window, "Whether window_size counts calls or seconds (default count)"),
      field("window_size", &T::window_size, "Size of the window (default 100 calls or 60 seconds)").range(1, 10'000),
      field("minimum_calls", &T::minimum_calls, "With fewer calls in the window the shares do not count (default 20)")
          .range(1, 10'000),
      field("open_ms", &T::open_ms, "How long it stays open the first time (default 60000)").range(1, 86'400'000),
      field("open_max_ms", &T::open_max_ms, "The longest that backoff makes it (default 600000)").range(1, 86'400'000),
      field("backoff", &T::backoff, "Factor of the open time each time a probe fails (default 2)").range(1, 10),
      field("half_open_permits", &T::half_open_permits, "Probes that must succeed before it closes (default 1)")
          .range(1, 100),
      field("half_open_timeout_ms", &T::half_open_timeout_ms, "A probe that takes longer has failed (default 30000)")
          .range(1, 86'400'000),
      field("max_concurrent", &T::max_concurrent, "Most calls at a time; 0: any number (default 0)").range(0, 10'000),
      field("excluded_codes", &T::excluded_codes,
            "Error codes that count as neither success nor failure (default invalid_argument, cancelled, not_found)")
          .length(0, 64)};
}

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
struct patchbay::EnumNames<patchbay::circuit_breaker::WindowKind> {
  using WindowKind = patchbay::circuit_breaker::WindowKind;
  static constexpr std::array names{std::pair{std::string_view{"count"}, WindowKind::count},
                                    std::pair{std::string_view{"time"}, WindowKind::time}};
};
template <>
struct patchbay::Describe<patchbay::circuit_breaker::Config> {
  static constexpr auto fields = circuit_breaker::config_fields<circuit_breaker::Config>();
};
template <>
struct patchbay::Describe<patchbay::circuit_breaker::Overrides> {
  static constexpr auto fields = circuit_breaker::config_fields<circuit_breaker::Overrides>();
};
template <>
struct patchbay::Describe<patchbay::circuit_breaker::Rule> {
  static constexpr auto fields = std::tuple_cat(
      std::tuple{field("pattern", &circuit_breaker::Rule::pattern, "Names it is for; * stands for any characters")
                     .length(1, 255)},
      circuit_breaker::config_fields<circuit_breaker::Overrides>());
};

namespace patchbay::circuit_breaker {
constexpr std::string_view name_of(State state) {
  return EnumNames<State>::names[static_cast<std::size_t>(state)].first;
}
}  // namespace patchbay::circuit_breaker
