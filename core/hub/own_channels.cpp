#include "core/hub/own_channels.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

#include "core/hub/namespaces.hpp"

namespace patchbay::hub {
namespace {

bool holds_exactly(Principal const& who, std::string_view scope) {
  return std::find(who.scopes.begin(), who.scopes.end(), scope) != who.scopes.end();
}
bool is_limited(Principal const& who) {
  return !who.unrestricted && who.name.starts_with("plugin:") && holds_exactly(who, "hub.publish:own");
}
Error refusal(Principal const& who, std::string_view what, std::string_view pointer) {
  return {Code::forbidden,
          fmt::format("{} may send to users, to chats and on the channels of its own prefix, not {}: that needs the "
                      "scope hub.publish under plugins.grants.{}",
                      who.name, what, who.name.substr(who.name.find(':') + 1)),
          std::string{pointer}};
}

}  // namespace

std::optional<Error> refuse_foreign(Principal const& who, std::string_view channel, std::string_view pointer) {
  if (!is_limited(who) || holds_exactly(who, own_prefix_scope(channel.substr(0, channel.find('.')))))
    return std::nullopt;
  return refusal(who, fmt::format("on {}", channel), pointer);
}

std::optional<Error> refuse_everyone(Principal const& who) {
  if (!is_limited(who)) return std::nullopt;
  return refusal(who, "to everyone", {});
}

}  // namespace patchbay::hub
