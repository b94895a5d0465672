// Verified actions: service calls on entities that are known to exist, and the wait until their states show it.
//
//   ActionPlan plan;
//   plan.call("light", "turn_on", ServiceData{}.number("brightness", 100));
//   plan.expect = [](EntityState const& now) { return now.state == "on"; };
//   auto acting = act(self, call, ids, std::move(plan), wait);
//   Result<ActionResult> done = co_await std::move(acting);
//
// Home Assistant's success says only that a service has run, not that anything changed, and it accepts entities that do
// not exist. So: each entity is looked up first (not_found with the nearest ids), the services are called one after the
// other, and then the mirror is watched until every entity meets `expect`, or differs from before where nothing is
// expected, or the time is up; none of that is an error, the answer says what is. On the plugin's thread.
#pragma once

#include <functional>

#include "plugins/home_assistant/mirror.hpp"

namespace patchbay::home_assistant {

class HomeAssistant;

// The data of a service call, as JSON that grows.
class ServiceData {
 public:
  ServiceData& text(std::string_view key, std::string_view value) { return raw(key, json::quoted(value)); }
  ServiceData& raw(std::string_view key, std::string_view json);
  ServiceData& number(std::string_view key, std::int64_t value) { return raw(key, std::to_string(value)); }
  ServiceData& real(std::string_view key, double value);
  ServiceData& flag(std::string_view key, bool value) { return raw(key, value ? "true" : "false"); }
  bool empty() const { return body_.empty(); }
  std::string json() const { return "{" + body_ + "}"; }

 private:
  std::string body_;
};

struct ServiceCall {
  std::string domain, service, data;
};

struct ActionPlan {
  std::vector<ServiceCall> calls;
  // Whether the state is as wanted; empty: any difference from before counts.
  std::function<bool(EntityState const& now, EntityState const& before)> expect;
  std::vector<std::string> ignored;  // arguments that the action has no use for
  bool shows = true;                 // false: nothing is to be seen of it in the state, so nothing is waited for

  void call(std::string_view domain, std::string_view service, ServiceData const& data = {}) {
    calls.push_back({std::string{domain}, std::string{service}, data.json()});
  }
};

struct EntityOutcome {
  std::string entity_id;
  bool changed = false;
  std::string state, previous;
};
struct ActionResult {
  std::optional<std::string> entity_id;
  std::string action;
  bool changed = false;    // of any entity, state or attributes
  bool confirmed = false;  // all are as wanted
  std::optional<std::string> state, previous;
  std::vector<EntityOutcome> entities;
  std::vector<RawJson> changed_states;
  std::vector<std::string> services;
  std::vector<std::string> ignored;
  std::int64_t waited_ms = 0;
  std::string context_id;
};

inline constexpr std::int64_t usual_wait_ms = 2'000;

// The ids of a text (several with commas) or a list of texts, all of the domains. Errors: invalid_argument.
Result<std::vector<std::string>> target_ids(RawJson const& given, std::vector<std::string_view> domains);
// Looks all up. Errors: not_found, with the nearest ids that the caller sees.
sdk::Task<Result<void>> check_known(HomeAssistant& self, sdk::Call& call, std::vector<std::string> ids);
sdk::Task<Result<ActionResult>> act(HomeAssistant& self, sdk::Call& call, std::vector<std::string> ids, ActionPlan plan,
                                    std::chrono::milliseconds wait);
std::string sentence_of(ActionResult const& done);

// Watches states for what has changed since it was made.
class Watched {
 public:
  Watched(Mirror& mirror, std::vector<std::string> ids);
  // Until `met` says yes of every entity (its present state and the one before), at most that long.
  sdk::Task<bool> wait(sdk::Call& call, std::chrono::milliseconds at_most,
                       std::function<bool(EntityState const&, EntityState const&)> met);
  std::vector<std::string> const& ids() const { return ids_; }
  EntityState const& before(std::size_t index) const { return before_[index]; }
  bool differs(std::size_t index) const;

 private:
  Mirror& mirror_;
  std::vector<std::string> ids_;
  std::vector<EntityState> before_;
};

bool is_different(EntityState const& now, EntityState const& before);

}  // namespace patchbay::home_assistant

template <>
struct patchbay::Describe<patchbay::home_assistant::EntityOutcome> {
  using R = home_assistant::EntityOutcome;
  static constexpr std::tuple fields{field("entity_id", &R::entity_id, "The entity"),
                                     field("changed", &R::changed, "Whether state or attributes changed"),
                                     field("state", &R::state, "Its state now"),
                                     field("previous", &R::previous, "Its state before")};
};
template <>
struct patchbay::Describe<patchbay::home_assistant::ActionResult> {
  using R = home_assistant::ActionResult;
  static constexpr std::tuple fields{
      field("entity_id", &R::entity_id, "For one entity: its id"),
      field("action", &R::action, "As called"),
      field("changed", &R::changed, "Whether the state or an attribute of any of them changed"),
      field("confirmed", &R::confirmed, "Whether all are as wanted now; false: a device may still follow, or not"),
      field("state", &R::state, "For one entity: its state now"),
      field("previous", &R::previous, "For one entity: its state before"),
      field("entities", &R::entities, "Each of them"),
      field("changed_states", &R::changed_states, "The state objects of those that changed"),
      field("services", &R::services, "The services that were called"),
      field("ignored", &R::ignored, "Arguments that the action has no use for"),
      field("waited_ms", &R::waited_ms, "How long it was waited for the states"),
      field("context_id", &R::context_id, "Home Assistant's id of the last call")};
};
