#include "core/hub/entity_channels.hpp"

#include <spdlog/fmt/fmt.h>

#include "core/base/entity_rules.hpp"
#include "core/hub/hub.hpp"
#include "core/hub/namespaces.hpp"

namespace patchbay::hub {

Result<SetEntityAreasResult> Hub::set_entity_areas(Call& call, SetEntityAreasArgs args) {
  auto const& who = call.principal();
  auto const own = own_prefix_scope(args.prefix);
  bool const is_own = std::find(who.scopes.begin(), who.scopes.end(), own) != who.scopes.end();
  if (!is_own && !who.unrestricted && !who.is_admin())
    return Error{Code::forbidden,
                 fmt::format("only the plugin whose prefix is {} may tell what is in its areas", args.prefix),
                 "/prefix"};
  auto const given = json::parse(args.areas.text, json::upstream_limits);
  if (!given || !given->document.IsObject())
    return Error{Code::invalid_argument, "takes an object of lists of entity ids", "/areas"};
  SetEntityAreasResult out;
  auto areas = std::make_shared<EntityAreas>();
  for (auto const& member : given->document.GetObject()) {
    auto const name = json::text_of(member.name);
    auto const pointer = "/areas" + json::pointer_token(name);
    if (!member.value.IsArray()) return Error{Code::invalid_argument, "takes a list of entity ids", pointer};
    auto& ids = (*areas)[folded_name(name)];
    for (auto const& id : member.value.GetArray()) {
      if (!id.IsString()) return Error{Code::invalid_argument, "takes a list of entity ids", pointer};
      ids.emplace(json::text_of(id));
    }
    ++out.areas;
    out.entities += member.value.Size();
  }
  SettingsPtr fresh;
  {
    std::lock_guard lock{settings_mutex_};
    entity_areas_[args.prefix + "."] = std::move(areas);
    auto changed = *settings_;
    changed.entity_areas = entity_areas_;
    settings_ = fresh = std::make_shared<Settings const>(std::move(changed));
  }
  spread(fresh);
  return out;
}

}  // namespace patchbay::hub
