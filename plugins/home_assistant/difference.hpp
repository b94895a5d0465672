// What differs between two configurations, or two texts.
//
//   for (auto const& one : differences(before, after)) ...      // {"/views/0/title", "changed", "\"A\"", "\"B\""}
//   auto lines = line_difference(old_text, new_text);           // "  same", "- gone", "+ new", with what is around
//
// In lists what is the same at the beginning and at the end is passed over, and what stands between compared one by
// one. Pure functions, any thread; texts of many thousand lines that differ throughout are told as removed and added.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "plugins/home_assistant/basics.hpp"

namespace patchbay::home_assistant {

struct Difference {
  std::string path;    // JSON pointer
  std::string change;  // added, removed, changed
  RawJson before, after;
};
std::vector<Difference> differences(json::Value const& before, json::Value const& after);

std::vector<std::string> line_difference(std::string_view before, std::string_view after, std::size_t around = 3);

}  // namespace patchbay::home_assistant

template <>
struct patchbay::Describe<patchbay::home_assistant::Difference> {
  using R = home_assistant::Difference;
  static constexpr std::tuple fields{field("path", &R::path, "Where: a JSON pointer"),
                                     field("change", &R::change, "added, removed or changed"),
                                     field("before", &R::before, "What was there; null: nothing"),
                                     field("after", &R::after, "What is there; null: nothing")};
};
