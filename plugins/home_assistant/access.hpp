// Access: what a caller whose token has entity lists may see and touch, and Reach: how a tool treats such a caller. The
// one place where these rights are enforced; add_tool asks before any handler runs.
//
//   add_tool<control_light_op, &control_light, Reach::entities>(table);   // its entity arguments are checked for it
//   add_tool<list_entities_op, &list_entities, Reach::filtered>(table);   // it filters its answer itself:
//
//   auto const access = self.access(call);
//   self.mirror().each([&](EntityState const& one) { if (access.sees(one.entity_id)) ... });
//   line.json = access.cleaned(one.json);                                 // without the ids of others in attributes
//
// A tool that says nothing is forbidden to such callers. A caller without lists sees everything and costs nothing.
// On the plugin's thread.
#pragma once

#include <memory>
#include <unordered_map>

#include "plugins/home_assistant/mirror.hpp"
#include "plugins/sdk/entity_rules.hpp"

namespace patchbay::home_assistant {

enum class Reach : std::uint8_t {
  none,      // a caller with entity lists gets forbidden
  entities,  // every entity, device and area that the arguments name must be the caller's; one at least is named
  filtered,  // the handler asks self.access(call)
};

class Access {
 public:
  Access(std::shared_ptr<EntityRules const> rules, Mirror const& mirror) : rules_(std::move(rules)), mirror_(&mirror) {}

  bool limited() const { return rules_->limited(); }
  bool sees(std::string_view entity_id) const;
  // All that belongs to it, and at least one entity does.
  bool sees_device(std::string_view device_id) const;
  bool sees_area(std::string_view area_id_or_name) const;
  // The error at `pointer` that says that this entity is not the caller's; the same whether it exists or not.
  static Error refusal(std::string_view name, std::string pointer);
  // A JSON value without the ids of entities that the caller does not see: they leave lists, members with such a name
  // or value are dropped.
  std::string cleaned(std::string_view json) const;

  // What Reach::entities checks: the arguments of a call. Nothing: it may go on.
  std::optional<Error> refuse(std::string_view args) const;

 private:
  std::shared_ptr<EntityRules const> rules_;
  Mirror const* mirror_;
};

// Rules by their text: tokens are few and their calls many.
class AccessBook {
 public:
  explicit AccessBook(Mirror const& mirror) : mirror_(mirror) {}
  Access of(sdk::Call const& call);

 private:
  Mirror const& mirror_;
  std::unordered_map<std::string, std::shared_ptr<EntityRules const>> known_;
  std::shared_ptr<EntityRules const> const unlimited_ = std::make_shared<EntityRules const>();
};

Error out_of_reach();

}  // namespace patchbay::home_assistant
