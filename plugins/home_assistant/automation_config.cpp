#include "plugins/home_assistant/automation_config.hpp"

#include <array>
#include <string>
#include <utility>

namespace patchbay::home_assistant {
namespace {

using Allocator = json::Document::AllocatorType;

constexpr std::array<std::pair<std::string_view, std::string_view>, 3> config_parts{
    {{"trigger", "triggers"}, {"condition", "conditions"}, {"action", "actions"}}};

json::Value* member(json::Value& object, std::string_view key) {
  if (!object.IsObject()) return nullptr;
  for (auto& one : object.GetObject())
    if (json::text_of(one.name) == key) return &one.value;
  return nullptr;
}

// Where both are there the new name's value stays.
void rename(json::Value& object, std::string_view from, std::string_view to, Allocator& allocator) {
  if (member(object, from) == nullptr) return;
  if (member(object, to) != nullptr) return remove_member(object, from);
  for (auto& one : object.GetObject())
    if (json::text_of(one.name) == from) one.name = text_value(to, allocator);
}

// A list, or the one item that may stand for it.
template <class F>
void each(json::Value* list, F&& use) {
  if (list == nullptr) return;
  if (list->IsArray())
    for (auto& item : list->GetArray()) use(item);
  else
    use(*list);
}

void trigger_in_words_of(json::Value& trigger, bool plural, Allocator& allocator) {
  if (!trigger.IsObject()) return;
  if (plural)
    rename(trigger, "platform", "trigger", allocator);
  else if (auto const* kind = member(trigger, "trigger"); kind != nullptr && kind->IsString())
    rename(trigger, "trigger", "platform", allocator);
}

void action_in_words_of(json::Value& action, bool plural, Allocator& allocator) {
  if (!action.IsObject()) return;
  // `action` beside `service` is a text in both cases; nothing else in an action has these names.
  if (plural)
    rename(action, "service", "action", allocator);
  else if (auto const* name = member(action, "action"); name != nullptr && name->IsString())
    rename(action, "action", "service", allocator);
  auto actions = [&](json::Value* list) {
    each(list, [&](json::Value& item) { action_in_words_of(item, plural, allocator); });
  };
  for (std::string_view key : {"sequence", "then", "else", "default", "parallel"}) actions(member(action, key));
  each(member(action, "choose"), [&](json::Value& option) { actions(member(option, "sequence")); });
  if (auto* repeat = member(action, "repeat")) actions(member(*repeat, "sequence"));
  each(member(action, "wait_for_trigger"),
       [&](json::Value& trigger) { trigger_in_words_of(trigger, plural, allocator); });
}

}  // namespace

void remove_member(json::Value& object, std::string_view key) {
  if (!object.IsObject()) return;
  for (auto at = object.MemberBegin(); at != object.MemberEnd(); ++at)
    if (json::text_of(at->name) == key) {
      object.EraseMember(at);
      return;
    }
}

void actions_in_words_of(json::Value& actions, bool plural, Allocator& allocator) {
  each(&actions, [&](json::Value& action) { action_in_words_of(action, plural, allocator); });
}

void in_words_of(json::Document& automation, bool plural) {
  auto& allocator = automation.GetAllocator();
  for (auto const& [one, many] : config_parts) rename(automation, plural ? one : many, plural ? many : one, allocator);
  each(member(automation, plural ? "triggers" : "trigger"),
       [&](json::Value& trigger) { trigger_in_words_of(trigger, plural, allocator); });
  each(member(automation, plural ? "actions" : "action"),
       [&](json::Value& action) { action_in_words_of(action, plural, allocator); });
}

void set_part(json::Document& automation, std::string_view part, json::Value const& value) {
  for (auto const& [one, many] : config_parts)
    if (one == part) remove_member(automation, many);
  member_of(automation, part, automation.GetAllocator()).CopyFrom(value, automation.GetAllocator());
}

json::Value const* find_part(json::Value const& automation, std::string_view part) {
  for (auto const& [one, many] : config_parts)
    if (one == part)
      if (auto const* found = json::find(automation, many)) return found;
  return json::find(automation, part);
}

}  // namespace patchbay::home_assistant
