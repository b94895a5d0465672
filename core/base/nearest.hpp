// The nearest spellings of a name, for messages such as `unknown tool "ha_list_dashbords"; did you mean ...`.
// Pure functions over short names; cost grows with the product of lengths.
#pragma once

#include <algorithm>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

namespace patchbay {

// Levenshtein distance.
inline std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    auto diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      auto const above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0U : 1U)});
      diagonal = above;
    }
  }
  return row.back();
}

// The `count` nearest of the names, nearest first. A name longer than 128 bytes has no neighbours: it is not a typing
// error.
inline std::vector<std::string_view> nearest(std::string_view name, std::vector<std::string_view> const& names,
                                             std::size_t count) {
  if (name.size() > 128) return {};
  std::vector<std::pair<std::size_t, std::string_view>> ranked;
  ranked.reserve(names.size());
  for (auto candidate : names) ranked.emplace_back(edit_distance(name, candidate), candidate);
  std::stable_sort(ranked.begin(), ranked.end(), [](auto const& a, auto const& b) { return a.first < b.first; });
  std::vector<std::string_view> out;
  for (auto const& [distance, candidate] : ranked) {
    if (out.size() == count) break;
    out.push_back(candidate);
  }
  return out;
}

// `did you mean "x"? `, or nothing when no name is near.
inline std::string did_you_mean(std::string_view name, std::vector<std::string_view> const& names) {
  auto const best = nearest(name, names, 1);
  if (best.empty() || edit_distance(name, best.front()) > std::max<std::size_t>(2, name.size() / 3)) return {};
  return "did you mean \"" + std::string{best.front()} + "\"? ";
}

}  // namespace patchbay
