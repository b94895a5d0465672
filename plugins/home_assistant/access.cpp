#include "plugins/home_assistant/access.hpp"

#include <spdlog/fmt/fmt.h>

#include "plugins/home_assistant/raw_json.hpp"
#include "plugins/home_assistant/text.hpp"

namespace patchbay::home_assistant {
namespace {

enum class Kind : std::uint8_t { entity, device, area };
struct Argument {
  std::string_view name;
  Kind kind;
};
// The arguments of tools that name entities, devices or areas; whatever else a tool calls one, it must not have
// Reach::entities.
constexpr Argument arguments[] = {
    {"entity_id", Kind::entity}, {"entity_ids", Kind::entity}, {"camera_entity_id", Kind::entity},
    {"entities", Kind::entity},  {"device_id", Kind::device},  {"device_ids", Kind::device},
    {"area", Kind::area},        {"area_id", Kind::area},      {"area_name", Kind::area}};

constexpr std::size_t most_known = 256;

}  // namespace

Error out_of_reach() {
  return Error{Code::forbidden,
               "this tool reaches beyond single entities, and the token is limited to some: use tools that name "
               "entities, such as ha_get_entity_state, or another token"};
}

Error Access::refusal(std::string_view name, std::string pointer) {
  return Error{Code::forbidden, fmt::format("{} is not among the entities that this token is limited to", name),
               std::move(pointer)};
}

bool Access::sees(std::string_view entity_id) const {
  if (!rules_->limited()) return true;
  auto const in_area = [this](std::string_view area, std::string_view id) -> std::optional<bool> {
    if (!mirror_->filled()) return std::nullopt;
    auto const* where = mirror_->registry().area_of(id);
    if (where == nullptr) return false;
    if (folded_name(where->area_id) == area || folded_name(where->name) == area) return true;
    return std::any_of(where->aliases.begin(), where->aliases.end(),
                       [&](auto const& alias) { return folded_name(alias) == area; });
  };
  return rules_->allow(entity_id, in_area);
}

bool Access::sees_device(std::string_view device_id) const {
  if (!rules_->limited()) return true;
  auto const ids = mirror_->registry().entities_of(device_id);
  return !ids.empty() && std::all_of(ids.begin(), ids.end(), [this](auto id) { return sees(id); });
}

bool Access::sees_area(std::string_view name) const {
  if (!rules_->limited()) return true;
  auto const* area = mirror_->registry().find_area(name);
  if (area == nullptr) return false;
  auto const ids = mirror_->registry().entities_in(area->area_id);
  return !ids.empty() && std::all_of(ids.begin(), ids.end(), [this](auto id) { return sees(id); });
}

std::optional<Error> Access::refuse(std::string_view args) const {
  auto const parsed = json::parse(args, json::upstream_limits);
  if (!parsed || !parsed->document.IsObject()) return out_of_reach();
  bool any = false;
  std::optional<Error> refused;
  auto const check = [&](Argument const& argument, std::string_view name) {
    bool const sees_it = argument.kind == Kind::entity   ? sees(name)
                         : argument.kind == Kind::device ? sees_device(name)
                                                         : sees_area(name);
    if (!sees_it && !refused) refused = refusal(name, json::pointer_token(argument.name));
    any = true;
  };
  for (auto const& argument : arguments) {
    auto const* value = json::find(parsed->document, argument.name);
    if (value == nullptr || value->IsNull()) continue;
    auto const take = [&](json::Value const& one) {
      if (!one.IsString()) {
        if (!refused) refused = out_of_reach();
        return;
      }
      // Several may stand in one text, with commas between.
      for (auto rest = json::text_of(one);;) {
        auto const part = raw::trimmed(rest.substr(0, rest.find(',')));
        if (!part.empty()) check(argument, part);
        if (rest.find(',') == std::string_view::npos) break;
        rest.remove_prefix(rest.find(',') + 1);
      }
    };
    if (value->IsArray())
      for (auto const& item : value->GetArray()) take(item);
    else
      take(*value);
  }
  if (refused) return refused;
  if (!any) return out_of_reach();
  return std::nullopt;
}

std::string Access::cleaned(std::string_view json) const {
  if (!rules_->limited()) return std::string{json};
  auto const hidden = [this](std::string_view text) {
    return is_entity_id(text) && mirror_->state(text) != nullptr && !sees(text);
  };
  auto const value = raw::trimmed(json);
  if (value.empty()) return {};
  if (value[0] == '"') return hidden(raw::text(value)) ? "null" : std::string{value};
  std::string out;
  if (value[0] == '[') {
    out = "[";
    raw::each_item(value, [&](std::string_view item) {
      if (raw::trimmed(item).starts_with('"') && hidden(raw::text(item))) return;
      if (out.size() > 1) out += ',';
      out += cleaned(item);
    });
    return out + "]";
  }
  if (value[0] != '{') return std::string{value};
  out = "{";
  raw::each_member(value, [&](std::string_view key, std::string_view member) {
    if (hidden(raw::text(key)) || (raw::trimmed(member).starts_with('"') && hidden(raw::text(member)))) return;
    if (out.size() > 1) out += ',';
    out.append(key).append(":").append(cleaned(member));
  });
  return out + "}";
}

Access AccessBook::of(sdk::Call const& call) {
  if (call.entities().empty()) return {unlimited_, mirror_};
  std::string text{call.entities()};
  auto found = known_.find(text);
  if (found == known_.end()) {
    if (known_.size() >= most_known) known_.clear();
    auto rules = std::make_shared<EntityRules const>(EntityRules::read(text));
    found = known_.emplace(std::move(text), std::move(rules)).first;
  }
  return {found->second, mirror_};
}

}  // namespace patchbay::home_assistant
