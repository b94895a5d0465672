// Whether the present reading of a sensor is unusual against its own past. Pure functions over numbers.
//
//   auto const verdict = judge_reading(series, now_value, now, from, Sensitivity::medium);
//   if (!verdict.enough) ...                              // fewer than 20 recorded values: nothing is said
#pragma once

#include <string>

#include "plugins/home_assistant/estimates.hpp"

namespace patchbay::home_assistant {

struct Finding {
  std::string kind;  // value, rate, stuck
  std::string message;
  double value = 0, expected = 0, score = 0;
};
struct Verdict {
  bool enough = false;
  Baseline baseline;
  std::string basis;         // "same hour of 6 days" or "all hours"
  std::size_t recorded = 0;  // values in the past that it rests on
  double score = 0;          // of the value
  std::vector<Finding> findings;
};

inline constexpr std::size_t least_values = 20;
// Thresholds of the robust score: low 5, medium 3.5, high 2.5.
double threshold_of(std::string_view sensitivity);

// `series` is the past from `from` on, with the present value as its last sample or not at all. Checked: the value
// against the same hour of other days where three days are known, else against all; how fast it last changed; and
// whether it stands still for much longer than it ever did.
Verdict judge_reading(Series const& series, double value, double now, double from, double threshold);

}  // namespace patchbay::home_assistant
