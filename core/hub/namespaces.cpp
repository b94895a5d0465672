#include "core/hub/namespaces.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

namespace patchbay::hub {
namespace {

constexpr std::string_view own_prefix = "hub.prefix:";
constexpr std::string_view right_names[] = {"subscribe", "publish on", "see who is on"};

bool is_prefix(std::string_view pattern) { return pattern.ends_with('*'); }
std::string_view beginning(std::string_view pattern) { return pattern.substr(0, pattern.size() - 1); }

bool matches(std::string_view pattern, std::string_view channel) {
  return is_prefix(pattern) ? channel.starts_with(beginning(pattern)) : channel == pattern;
}

std::string const& scope_of(ChannelRule const& rule, Right right) {
  switch (right) {
    case Right::to_subscribe: return rule.subscribe;
    case Right::to_publish: return rule.publish;
    case Right::to_see_presence: break;
  }
  return rule.presence;
}

// Principals of plugins carry their prefix as an exact scope; a wildcard grant does not imply one.
bool is_own_plugin(Principal const& who, std::string_view channel) {
  if (!who.name.starts_with("plugin:")) return false;
  auto const first = channel.substr(0, channel.find('.'));
  return std::any_of(who.scopes.begin(), who.scopes.end(), [&](std::string_view held) {
    return held.starts_with(own_prefix) && held.substr(own_prefix.size()) == first;
  });
}

// Whether the rule may hold for all or for some of the channels below a prefix.
struct Reach {
  bool all, some;
};
Reach reach_of(ChannelRule const& rule, std::string_view prefix) {
  auto const asked = beginning(prefix);
  auto const all = is_prefix(rule.pattern) && asked.starts_with(beginning(rule.pattern));
  auto const name = is_prefix(rule.pattern) ? beginning(rule.pattern) : std::string_view{rule.pattern};
  return {all, all || name.starts_with(asked)};
}

bool holds(Principal const& who, std::string const& scope) { return scope != "none" && who.may(scope); }

}  // namespace

std::string own_prefix_scope(std::string_view prefix) { return std::string{own_prefix} + std::string{prefix}; }

ChannelRule const& rule_of(Settings const& settings, std::string_view channel) {
  static ChannelRule const nobody{};
  for (auto const& rule : settings.rules)
    if (matches(rule.pattern, channel)) return rule;
  return nobody;
}

bool gives_newest(ChannelRule const& rule) { return rule.last_value && rule.history_size > 0; }

bool gives_newest_below(Settings const& settings, std::string_view prefix) {
  for (auto const& rule : settings.rules) {
    auto const reach = reach_of(rule, prefix);
    if (reach.some && gives_newest(rule)) return true;
    if (reach.all) return false;
  }
  return false;
}

EntityRules entity_rules_of(Principal const& who) {
  return who.unrestricted ? EntityRules{} : EntityRules::read(who.entities.text);
}

bool may_hear_of(Settings const& settings, Principal const& who, std::string_view channel) {
  return may_hear_of(settings, entity_rules_of(who), channel);
}

bool may_hear_of(Settings const& settings, EntityRules const& rules, std::string_view channel) {
  if (!rules.limited()) return true;
  auto const name = is_prefix(channel) ? beginning(channel) : channel;
  for (auto const& one : settings.entity_channels) {
    if (!name.starts_with(one.prefix)) {
      if (is_prefix(channel) && one.prefix.starts_with(name)) return false;  // wider than the right of anybody limited
      continue;
    }
    if (!name.starts_with(one.states)) return false;
    auto const entity = name.substr(one.states.size());
    if (is_prefix(channel)) return rules.allow_all_with(entity);
    auto const known = settings.entity_areas.find(one.prefix);
    auto const in_area = [&](std::string_view area, std::string_view id) -> std::optional<bool> {
      if (known == settings.entity_areas.end()) return std::nullopt;
      auto const found = known->second->find(area);
      return found != known->second->end() && found->second.count(id) != 0;
    };
    return rules.allow(entity, in_area);
  }
  return true;
}

bool may(Settings const& settings, Principal const& who, Right right, std::string_view channel) {
  if (who.unrestricted || is_own_plugin(who, channel)) return true;
  if (!may_hear_of(settings, who, channel)) return false;
  if (!is_prefix(channel)) return holds(who, scope_of(rule_of(settings, channel), right));
  for (auto const& rule : settings.rules) {
    auto const reach = reach_of(rule, channel);
    if (reach.some && !holds(who, scope_of(rule, right))) return false;
    if (reach.all) return true;
  }
  return false;
}

std::optional<Error> refuse(Settings const& settings, Principal const& who, Right right, std::string_view channel,
                            std::string_view pointer) {
  if (may(settings, who, right, channel)) return std::nullopt;
  auto const verb = right_names[static_cast<std::size_t>(right)];
  if (!may_hear_of(settings, who, channel))
    return Error{Code::forbidden,
                 fmt::format("no right to {} {}: the token is limited to some entities, and here it may only hear of "
                             "these, each on its own channel",
                             verb, channel),
                 std::string{pointer}};
  auto const& scope = scope_of(rule_of(settings, channel), right);
  if (scope == "none")
    return Error{Code::forbidden, fmt::format("only the gateway itself may {} {}", verb, channel),
                 std::string{pointer}};
  return Error{Code::forbidden, fmt::format("no right to {} {}: that needs the scope {}", verb, channel, scope),
               std::string{pointer}};
}

}  // namespace patchbay::hub
