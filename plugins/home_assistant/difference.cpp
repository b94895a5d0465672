#include "plugins/home_assistant/difference.hpp"

#include <algorithm>

namespace patchbay::home_assistant {
namespace {

class Comparison {
 public:
  std::vector<Difference> found;

  void compare(std::string const& path, json::Value const& before, json::Value const& after) {
    if (before == after) return;
    if (before.IsObject() && after.IsObject()) return objects(path, before, after);
    if (before.IsArray() && after.IsArray()) return lists(path, before, after);
    tell(path, "changed", &before, &after);
  }

 private:
  void objects(std::string const& path, json::Value const& before, json::Value const& after) {
    for (auto const& member : before.GetObject()) {
      auto const key = json::text_of(member.name);
      auto const where = path + json::pointer_token(key);
      if (auto const* now = json::find(after, key))
        compare(where, member.value, *now);
      else
        tell(where, "removed", &member.value, nullptr);
    }
    for (auto const& member : after.GetObject()) {
      auto const key = json::text_of(member.name);
      if (json::find(before, key) == nullptr) tell(path + json::pointer_token(key), "added", nullptr, &member.value);
    }
  }

  void lists(std::string const& path, json::Value const& before, json::Value const& after) {
    rapidjson::SizeType begin = 0, old_end = before.Size(), new_end = after.Size();
    while (begin < old_end && begin < new_end && before[begin] == after[begin]) ++begin;
    while (old_end > begin && new_end > begin && before[old_end - 1] == after[new_end - 1]) {
      --old_end;
      --new_end;
    }
    auto const where = [&path](rapidjson::SizeType index) { return path + "/" + std::to_string(index); };
    auto const both = std::min(old_end, new_end);
    for (auto i = begin; i < both; ++i) compare(where(i), before[i], after[i]);
    for (auto i = both; i < old_end; ++i) tell(where(i), "removed", &before[i], nullptr);
    for (auto i = both; i < new_end; ++i) tell(where(i), "added", nullptr, &after[i]);
  }

  void tell(std::string path, char const* change, json::Value const* before, json::Value const* after) {
    found.push_back({std::move(path), change, RawJson{before != nullptr ? json::to_text(*before) : "null"},
                     RawJson{after != nullptr ? json::to_text(*after) : "null"}});
  }
};

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    auto const line = text.substr(0, text.find('\n'));
    out.push_back(line);
    text.remove_prefix(std::min(line.size() + 1, text.size()));
  }
  return out;
}

constexpr std::size_t most_cells = 4'000'000;  // of the table below: 16 MB

// The longest common subsequence: for each old line the new line that it is, or -1.
std::vector<std::ptrdiff_t> matched(std::vector<std::string_view> const& before,
                                    std::vector<std::string_view> const& after) {
  auto const rows = before.size(), columns = after.size();
  std::vector<std::ptrdiff_t> out(rows, -1);
  if (rows == 0 || columns == 0 || (rows + 1) * (columns + 1) > most_cells) return out;
  std::vector<std::uint32_t> length((rows + 1) * (columns + 1), 0);
  auto at = [&](std::size_t row, std::size_t column) -> std::uint32_t& { return length[row * (columns + 1) + column]; };
  for (auto row = rows; row-- > 0;)
    for (auto column = columns; column-- > 0;)
      at(row, column) = before[row] == after[column] ? at(row + 1, column + 1) + 1
                                                     : std::max(at(row + 1, column), at(row, column + 1));
  for (std::size_t row = 0, column = 0; row < rows && column < columns;) {
    if (before[row] == after[column]) {
      out[row++] = static_cast<std::ptrdiff_t>(column++);
    } else if (at(row + 1, column) >= at(row, column + 1)) {
      ++row;
    } else {
      ++column;
    }
  }
  return out;
}

}  // namespace

std::vector<Difference> differences(json::Value const& before, json::Value const& after) {
  Comparison comparison;
  comparison.compare("", before, after);
  return std::move(comparison.found);
}

std::vector<std::string> line_difference(std::string_view before_text, std::string_view after_text,
                                         std::size_t around) {
  auto before = lines_of(before_text), after = lines_of(after_text);
  std::vector<std::string> all;
  std::vector<bool> differs;
  auto put = [&](std::string_view mark, std::string_view line) {
    all.push_back(std::string{mark} + std::string{line});
    differs.push_back(mark != "  ");
  };
  std::size_t head = 0;
  while (head < before.size() && head < after.size() && before[head] == after[head]) put("  ", before[head++]);
  std::size_t tail = 0;
  while (tail + head < before.size() && tail + head < after.size() &&
         before[before.size() - 1 - tail] == after[after.size() - 1 - tail])
    ++tail;
  std::vector<std::string_view> const old_part(before.begin() + static_cast<std::ptrdiff_t>(head),
                                               before.end() - static_cast<std::ptrdiff_t>(tail));
  std::vector<std::string_view> const new_part(after.begin() + static_cast<std::ptrdiff_t>(head),
                                               after.end() - static_cast<std::ptrdiff_t>(tail));
  auto const match = matched(old_part, new_part);
  std::size_t next = 0;
  for (std::size_t row = 0; row < old_part.size(); ++row) {
    if (match[row] < 0) {
      put("- ", old_part[row]);
      continue;
    }
    while (next < static_cast<std::size_t>(match[row])) put("+ ", new_part[next++]);
    put("  ", new_part[next++]);
  }
  while (next < new_part.size()) put("+ ", new_part[next++]);
  for (std::size_t i = before.size() - tail; i < before.size(); ++i) put("  ", before[i]);
  // Only what is near a difference.
  std::vector<std::string> out;
  std::ptrdiff_t last_shown = -1;
  for (std::size_t i = 0; i < all.size(); ++i) {
    auto const from = i > around ? i - around : 0, to = std::min(i + around, all.size() - 1);
    bool near = false;
    for (auto k = from; k <= to && !near; ++k) near = differs[k];
    if (!near) continue;
    if (last_shown >= 0 && static_cast<std::ptrdiff_t>(i) > last_shown + 1) out.emplace_back("  ...");
    out.push_back(all[i]);
    last_shown = static_cast<std::ptrdiff_t>(i);
  }
  return out;
}

}  // namespace patchbay::home_assistant
