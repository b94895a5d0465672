// Small text work: times as Home Assistant reads them, percent-encoding, and the names of things. Pure functions.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "plugins/home_assistant/basics.hpp"

namespace patchbay::home_assistant {

using WallTime = std::chrono::system_clock::time_point;

// An ISO 8601 time as it was given, and what arithmetic needs. Without a zone it is in Home Assistant's own time zone,
// which the gateway does not know: it stays without one.
struct IsoTime {
  std::chrono::sys_time<std::chrono::microseconds> fields;  // the fields as if they were UTC
  std::string zone;                                         // "", "Z", "+02:00"

  std::string text() const;
  IsoTime plus(std::chrono::microseconds span) const { return {fields + span, zone}; }
};

// "2026-11-21", "2026-11-21T08:00", "2026-11-21 08:00:00.5+02:00". Errors: invalid_argument at `pointer`.
Result<IsoTime> parse_iso(std::string_view text, std::string_view pointer);
IsoTime iso_of(WallTime time);
// From Home Assistant's float seconds since 1970.
std::string iso_of_seconds(double seconds);

// Everything but letters, digits and -._~ as %XX: a "+" in a zone would be read as a blank.
std::string percent_encoded(std::string_view text);

// domain.object_id as Home Assistant writes it.
bool is_entity_id(std::string_view text);
inline std::string_view domain_of(std::string_view entity_id) { return entity_id.substr(0, entity_id.find('.')); }
// A word of a service or event name: lower-case letters, digits and underscores.
bool is_slug(std::string_view text);

}  // namespace patchbay::home_assistant
