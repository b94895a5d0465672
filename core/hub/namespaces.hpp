// Namespaces: which rule holds for a channel, and what a principal may do there.
//
//   if (auto refused = refuse(settings, who, Right::to_publish, "missions", "/channel")) return *refused;
//   ChannelRule const& rule = rule_of(settings, "missions");
//
// The first rule whose pattern matches holds. Who asks for a prefix (ha.state.*) needs the right by every rule that may
// hold for a channel below it. A token's entity lists count besides, on channels that are about entities. "none" means:
// only the gateway, host code, and the plugin whose prefix the channel has. Pure functions, any thread.
#pragma once

#include <optional>
#include <string_view>

#include "core/base/call.hpp"
#include "core/base/entity_rules.hpp"
#include "core/base/result.hpp"
#include "core/hub/settings.hpp"

namespace patchbay::hub {

enum class Right : std::uint8_t { to_subscribe, to_publish, to_see_presence };

// Never fails: what no rule matches is for nobody but the gateway.
ChannelRule const& rule_of(Settings const& settings, std::string_view channel);
// Whether who subscribes a channel with this rule begins with its newest message.
bool gives_newest(ChannelRule const& rule);
// Whether that is so of any channel that there may be below a prefix ("ha.state.*").
bool gives_newest_below(Settings const& settings, std::string_view prefix);
// May also be given a prefix ("ha.state.*").
bool may(Settings const& settings, Principal const& who, Right right, std::string_view channel);
// The error that says so, with its pointer; nothing when it may.
std::optional<Error> refuse(Settings const& settings, Principal const& who, Right right, std::string_view channel,
                            std::string_view pointer = {});
// Whether a channel or prefix may be known of by a principal whose token has entity lists; true for all others.
bool may_hear_of(Settings const& settings, Principal const& who, std::string_view channel);
// The same for many channels: the lists are read once.
EntityRules entity_rules_of(Principal const& who);
bool may_hear_of(Settings const& settings, EntityRules const& rules, std::string_view channel);
// A scope that the plugin host gives a plugin's principal beside its grants: its prefix.
std::string own_prefix_scope(std::string_view prefix);

}  // namespace patchbay::hub
