// The past of entities for those who conclude something from it: states as numbers or on and off, long-term statistics,
// and Home Assistant's local time.
//
//   auto asking = past_of(self, call, {"sensor.power"}, from, now);
//   Result<Past> past = co_await std::move(asking);
//   Series const series = numbers_of(past->at("sensor.power"));
//
// On the plugin's thread, but for what is pure.
#pragma once

#include <map>

#include "plugins/home_assistant/estimates.hpp"
#include "plugins/home_assistant/plugin.hpp"

namespace patchbay::home_assistant {

double seconds_now();
// "2026-11-21T08:15:00+00:00" to seconds since 1970; nothing for what is no time with a zone.
std::optional<double> seconds_of(std::string_view iso);
std::optional<double> as_number(std::string_view state);

struct StateAt {
  double at = 0;
  std::string state;
};
using StateSeries = std::vector<StateAt>;
using Past = std::map<std::string, StateSeries, std::less<>>;

// At most 50 entities and 32 days at once, so that no question stalls Home Assistant. Errors: invalid_argument.
sdk::Task<Result<Past>> past_of(HomeAssistant& self, sdk::Call& call, std::vector<std::string> entities, double from,
                                double to);
Series numbers_of(StateSeries const& states);   // leaves out what is no number
Series switches_of(StateSeries const& states);  // on, open, home, ... are 1; unknown and unavailable are left out
bool means_on(std::string_view state);

struct Statistic {
  double start = 0, end = 0;
  std::optional<double> mean, min, max, change, sum;
};
using Statistics = std::map<std::string, std::vector<Statistic>, std::less<>>;
// `period`: 5minute, hour, day. Energy comes in kWh, power in W.
sdk::Task<Result<Statistics>> statistics_of(HomeAssistant& self, sdk::Call& call, std::vector<std::string> ids,
                                            double from, double to, std::string period);

// Home Assistant's local time: seconds east of UTC, and the date and time of day there.
struct LocalTime {
  double offset = 0;
  std::string iso;                        // now, with zone
  int hour = 0, minute = 0, weekday = 0;  // Monday is 0
  std::string date;                       // YYYY-MM-DD
};
sdk::Task<Result<LocalTime>> local_time(HomeAssistant& self, sdk::Call& call);

}  // namespace patchbay::home_assistant
