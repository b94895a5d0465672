// HUB.set_entity_areas: a plugin tells which of its entities lie in which area, so that a token's "area:kitchen" holds
// on the hub's channels as well.
//
//   co_await host.call("hub_set_entity_areas", R"({"prefix":"ha","areas":{"kitchen":["light.sink"]}})");
//
// Takes the place of what the prefix had before. Any thread.
#pragma once

#include "core/base/operation.hpp"

namespace patchbay::hub {

struct SetEntityAreasArgs {
  std::string prefix;
  RawJson areas{};
};
struct SetEntityAreasResult {
  std::uint32_t areas = 0;
  std::uint32_t entities = 0;
};
inline constexpr Operation<SetEntityAreasArgs, SetEntityAreasResult> set_entity_areas{
    .name = "HUB.set_entity_areas",
    .summary = "Tell which of a plugin's entities lie in which area, for tokens that are limited to areas.",
    .effect = Effect::write,
    .scope = "hub.publish",
    .audited = false,
    .timeout = std::chrono::seconds{5},
    .errors = codes(Code::invalid_argument, Code::forbidden),
    .example = R"({"prefix":"ha","areas":{"kitchen":["light.sink"]}})"};

}  // namespace patchbay::hub

template <>
struct patchbay::Describe<patchbay::hub::SetEntityAreasArgs> {
  using A = hub::SetEntityAreasArgs;
  static constexpr std::tuple fields{
      field("prefix", &A::prefix, "The plugin's prefix, such as ha").length(1, 64),
      field("areas", &A::areas, "Lists of entity ids by name or id of the area").type("object")};
};
template <>
struct patchbay::Describe<patchbay::hub::SetEntityAreasResult> {
  using A = hub::SetEntityAreasResult;
  static constexpr std::tuple fields{field("areas", &A::areas, "How many areas"),
                                     field("entities", &A::entities, "How many entities in them")};
};
