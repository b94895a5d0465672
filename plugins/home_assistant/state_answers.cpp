#include "plugins/home_assistant/state_answers.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

#include "plugins/home_assistant/raw_json.hpp"

namespace patchbay::home_assistant {
namespace {

bool has_domain(std::string_view wanted, std::string_view domain) {
  if (wanted.empty()) return true;
  for (auto rest = wanted;;) {
    if (raw::trimmed(rest.substr(0, rest.find(','))) == domain) return true;
    if (rest.find(',') == std::string_view::npos) return false;
    rest.remove_prefix(rest.find(',') + 1);
  }
}

bool contains(std::string_view text, std::string_view part) {
  auto const same = [](char a, char b) {
    auto const low = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    return low(a) == low(b);
  };
  return std::search(text.begin(), text.end(), part.begin(), part.end(), same) != text.end();
}

}  // namespace

std::string age_member(Mirror const& mirror) {
  auto const age = mirror.age_ms();
  return age ? fmt::format(",\"mirror_age_ms\":{}", *age) : std::string{};
}

std::string age_note(Mirror const& mirror) {
  auto const age = mirror.age_ms();
  if (!age) return {};
  return fmt::format(" (as of {:.1f} s ago: Home Assistant does not answer)", static_cast<double>(*age) / 1000);
}

std::string picked(std::string_view state, std::vector<std::string> const& fields) {
  if (fields.empty()) return std::string{state};
  constexpr std::string_view attribute = "attributes.";
  std::string out = "{", attributes;
  auto const add = [](std::string& to, std::string_view key, std::string_view value) {
    if (to.size() > 1) to += ',';
    to.append(key).append(":").append(value);
  };
  auto const asked = [&](std::string_view name) {
    return std::find(fields.begin(), fields.end(), name) != fields.end();
  };
  raw::each_member(state, [&](std::string_view key, std::string_view value) {
    if (asked(raw::text(key))) return add(out, key, value);
    if (raw::text(key) != "attributes") return;
    attributes = "{";
    raw::each_member(value, [&](std::string_view name, std::string_view inner) {
      if (asked(std::string{attribute} + raw::text(name))) add(attributes, name, inner);
    });
    if (attributes.size() > 1) add(out, "\"attributes\"", attributes + "}");
  });
  return out + "}";
}

std::vector<EntityState const*> found(Mirror const& mirror, Access const& access, EntityFilter const& filter) {
  std::vector<EntityState const*> out;
  mirror.each([&](EntityState const& one) {
    if (!has_domain(filter.domain, one.domain())) return;
    if (!filter.search.empty() && !contains(one.entity_id, filter.search) && !contains(one.name, filter.search)) return;
    if (!filter.area_id.empty()) {
      auto const* area = mirror.registry().area_of(one.entity_id);
      if (area == nullptr || area->area_id != filter.area_id) return;
    }
    if (access.sees(one.entity_id)) out.push_back(&one);
  });
  return out;
}

Result<Area const*> area_named(Mirror const& mirror, Access const& access, std::string_view name, std::string pointer) {
  auto const& registry = mirror.registry();
  auto const visible = [&](std::string_view area_id) {
    if (!access.limited()) return true;
    auto const ids = registry.entities_in(area_id);
    return std::any_of(ids.begin(), ids.end(), [&](auto id) { return access.sees(id); });
  };
  auto const* area = registry.find_area(name);
  if (area != nullptr && visible(area->area_id)) return area;
  std::string names;
  for (auto const& [id, one] : registry.areas())
    if (visible(id)) names += fmt::format("{}{}", names.empty() ? "" : ", ", one.name);
  return Error{Code::not_found,
               names.empty() ? fmt::format("there is no area {}, and none at all", name)
                             : fmt::format("there is no area {}; there are {}", name, names),
               std::move(pointer)};
}

std::string domain_counts(std::vector<EntityState const*> const& states) {
  std::map<std::string_view, std::size_t> counts;
  for (auto const* one : states) ++counts[one->domain()];
  std::string out = "{";
  for (auto const& [domain, count] : counts)
    out += fmt::format("{}{}:{}", out.size() > 1 ? "," : "", json::quoted(domain), count);
  return out + "}";
}

}  // namespace patchbay::home_assistant
