// How far a plugin's voice carries that was granted `hub.publish:own` and not `hub.publish`: to users and chats, and to
// the channels below its own prefix, whatever the namespaces say of the others.
//
//   if (auto refused = refuse_foreign(call.principal(), channel, "/channel")) return *refused;
//
// Asked beside the right of the channel (namespaces.hpp). Pure functions, any thread.
#pragma once

#include <optional>
#include <string_view>

#include "core/base/call.hpp"
#include "core/base/error.hpp"

namespace patchbay::hub {

// Nothing when it may, and for everyone who is no such plugin.
std::optional<Error> refuse_foreign(Principal const& who, std::string_view channel, std::string_view pointer);
// The same for what goes to everyone connected.
std::optional<Error> refuse_everyone(Principal const& who);

}  // namespace patchbay::hub
