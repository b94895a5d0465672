// How answers from the mirror are put together: text as Home Assistant sent it, cut to the members that are asked for,
// and the word on its age. Pure functions over the mirror; the plugin's thread.
#pragma once

#include "plugins/home_assistant/access.hpp"

namespace patchbay::home_assistant {

// ",\"mirror_age_ms\":1200" while Home Assistant does not answer, else nothing: for the end of an object.
std::string age_member(Mirror const& mirror);
// " (as of 12 s ago: Home Assistant does not answer)", else nothing: for the end of a sentence.
std::string age_note(Mirror const& mirror);

// The members of a state object that are asked for; "attributes.<name>" picks one attribute. Without any: all.
std::string picked(std::string_view state, std::vector<std::string> const& fields);

// Which entities a caller asks for. Empty members: any.
struct EntityFilter {
  std::string domain;   // also several with commas
  std::string area_id;  // as RegistryMirror knows it
  std::string search;   // part of id or name, any case
};
std::vector<EntityState const*> found(Mirror const& mirror, Access const& access, EntityFilter const& filter);

// The area of that name, or the error that lists those there are (of which the caller sees something).
Result<Area const*> area_named(Mirror const& mirror, Access const& access, std::string_view name, std::string pointer);

// {"light":12,"sensor":40} of states.
std::string domain_counts(std::vector<EntityState const*> const& states);

}  // namespace patchbay::home_assistant
