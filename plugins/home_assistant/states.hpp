// States of entities: reading them, and whether an entity is there at all.
#pragma once

#include "plugins/home_assistant/session.hpp"

namespace patchbay::home_assistant {

// Errors: not_found naming the first unknown one with the nearest ids.
sdk::Task<Result<void>> check_entities(Session& session, sdk::Call& call, std::vector<std::string> names,
                                       std::string pointer);

// The not_found of an entity, with the nearest ids.
sdk::Task<Error> unknown_entity(Session& session, sdk::Call& call, std::string entity_id, std::string pointer);

}  // namespace patchbay::home_assistant
