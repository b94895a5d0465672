// EntityRules: what a token's `entities` say, {"allow":["light.*","area:kitchen"],"deny":["light.bedroom"]}: which
// things below a plugin its bearer may touch or hear of.
//
//   auto const rules = EntityRules::read(principal.entities.text);
//   if (rules.limited() && !rules.allow(id, in_area)) ...        // in_area(folded name, id) -> std::optional<bool>
//
// A pattern is an id, in which * stands for any text, or area:<id or name of an area>. Deny wins; an empty `allow`
// allows what is not denied. What cannot be decided, because nobody knows yet what lies in an area, and lists that
// cannot be read are refused. Header-only, pure; a value that may be copied, any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/ascii.hpp"
#include "core/base/json.hpp"

namespace patchbay {

// "Living Room", "living_room" and "living-room" are the same name of an area.
inline std::string folded_name(std::string_view name) {
  std::string out;
  for (char c : name) {
    bool const blank = c == ' ' || c == '_' || c == '-';
    if (blank && (out.empty() || out.back() == ' ')) continue;
    // Letters beyond ASCII stay as they are.
    out += blank ? ' ' : ascii::lower(c);
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

class EntityRules {
 public:
  // Empty text and null: no limits.
  static EntityRules read(std::string_view text) {
    EntityRules out;
    if (text.empty() || text == "null") return out;
    auto const parsed = json::parse(text, json::upstream_limits);
    if (!parsed || !parsed->document.IsObject()) {
      out.limited_ = out.broken_ = true;
      return out;
    }
    out.broken_ = !out.take(parsed->document, "allow", out.allow_) || !out.take(parsed->document, "deny", out.deny_);
    out.limited_ = out.broken_ || !out.allow_.empty() || !out.deny_.empty();
    return out;
  }

  bool limited() const { return limited_; }

  // `in_area` tells whether the entity is in the area of that folded name; nothing while it does not know.
  template <class InArea>
  bool allow(std::string_view id, InArea&& in_area) const {
    if (!limited_) return true;
    if (broken_) return false;
    for (auto const& pattern : deny_)
      if (meets(pattern, id, in_area).value_or(true)) return false;
    if (allow_.empty()) return true;
    for (auto const& pattern : allow_)
      if (meets(pattern, id, in_area).value_or(false)) return true;
    return false;
  }
  // Whether every id that begins so is allowed, whatever lies in which area.
  bool allow_all_with(std::string_view beginning) const {
    if (!limited_) return true;
    if (broken_) return false;
    for (auto const& pattern : deny_) {
      auto const head = std::string_view{pattern.text}.substr(0, pattern.text.find('*'));
      if (pattern.is_area || head.starts_with(beginning) || beginning.starts_with(head)) return false;
    }
    if (allow_.empty()) return true;
    for (auto const& pattern : allow_) {
      auto const star = pattern.text.find('*');
      if (!pattern.is_area && star + 1 == pattern.text.size() &&
          beginning.starts_with(std::string_view{pattern.text}.substr(0, star)))
        return true;
    }
    return false;
  }

 private:
  struct Pattern {
    std::string text;
    bool is_area = false;
  };

  bool take(json::Value const& object, std::string_view name, std::vector<Pattern>& into) {
    auto const* list = json::find(object, name);
    if (list == nullptr || list->IsNull()) return true;
    if (!list->IsArray()) return false;
    for (auto const& item : list->GetArray()) {
      if (!item.IsString()) return false;
      constexpr std::string_view area = "area:";
      auto const text = json::text_of(item);
      if (text.starts_with(area))
        into.push_back({folded_name(text.substr(area.size())), true});
      else
        into.push_back({std::string{text}, false});
    }
    return true;
  }
  template <class InArea>
  static std::optional<bool> meets(Pattern const& pattern, std::string_view id, InArea&& in_area) {
    if (pattern.is_area) return in_area(std::string_view{pattern.text}, id);
    return glob(pattern.text, id);
  }
  static bool glob(std::string_view pattern, std::string_view text) {
    std::size_t p = 0, t = 0, star = std::string_view::npos, from = 0;
    while (t < text.size()) {
      if (p < pattern.size() && pattern[p] == '*') {
        star = p++;
        from = t;
      } else if (p < pattern.size() && pattern[p] == text[t]) {
        ++p;
        ++t;
      } else if (star != std::string_view::npos) {
        p = star + 1;
        t = ++from;
      } else {
        return false;
      }
    }
    while (p < pattern.size() && pattern[p] == '*') ++p;
    return p == pattern.size();
  }

  std::vector<Pattern> allow_, deny_;
  bool limited_ = false, broken_ = false;
};

}  // namespace patchbay
