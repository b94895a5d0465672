#include "plugins/home_assistant/log_text.hpp"
#include "plugins/home_assistant/values.hpp"

#include <array>
#include <cstdlib>

#include "plugins/home_assistant/raw_json.hpp"
#include "plugins/home_assistant/text.hpp"

namespace patchbay::home_assistant {
namespace {

constexpr std::array<std::string_view, 5> levels{"DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"};

bool all_digits(std::string_view text, std::size_t at, std::size_t count) {
  for (std::size_t i = at; i < at + count; ++i)
    if (text[i] < '0' || text[i] > '9') return false;
  return true;
}

std::string_view next_word(std::string_view& rest) {
  auto const end = std::min(rest.find(' '), rest.size());
  auto const word = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return word;
}

// A line that begins an entry.
std::optional<LogEntry> head_of(std::string_view line) {
  if (line.size() < 20 || !all_digits(line, 0, 4) || line[4] != '-' || line[7] != '-' || line[10] != ' ')
    return std::nullopt;
  LogEntry out;
  auto rest = line;
  out.timestamp = next_word(rest);
  out.timestamp += ' ';
  out.timestamp += next_word(rest);
  auto const level = next_word(rest);
  if (rank_of(level) < 0) return std::nullopt;
  out.level = level;
  if (rest.starts_with('(')) {  // the thread
    auto const end = rest.find(") ");
    if (end != std::string_view::npos) rest.remove_prefix(end + 2);
  }
  if (rest.starts_with('[')) {
    auto const end = rest.find(']');
    if (end != std::string_view::npos) {
      out.component = rest.substr(1, end - 1);
      rest.remove_prefix(std::min(end + 2, rest.size()));
    }
  }
  out.message = rest;
  return out;
}

}  // namespace

int rank_of(std::string_view level) {
  for (std::size_t i = 0; i < levels.size(); ++i) {
    bool same = level.size() == levels[i].size();
    for (std::size_t k = 0; same && k < level.size(); ++k) same = (level[k] & ~0x20) == levels[i][k];
    if (same) return static_cast<int>(i);
  }
  return -1;
}

std::vector<LogEntry> entries_of_file(std::string_view text) {
  std::vector<LogEntry> out;
  while (!text.empty()) {
    auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    // Colours of a terminal, which some set-ups write into the file.
    if (line.starts_with("\x1b[")) line.remove_prefix(std::min(line.find('m') + 1, line.size()));
    if (auto head = head_of(line)) {
      out.push_back(std::move(*head));
    } else if (!out.empty() && !line.empty()) {
      auto& last = out.back();
      if (line.starts_with("Traceback ") && !last.exception) last.exception.emplace();
      auto& into = last.exception ? *last.exception : last.message;
      if (!into.empty()) into += '\n';
      into += line;
    }
  }
  return out;
}

std::vector<LogEntry> entries_of_list(std::string_view list) {
  std::vector<LogEntry> out;
  raw::each_item(list, [&](std::string_view one) {
    LogEntry entry;
    entry.component = raw::text(raw::member(one, "name"));
    entry.level = raw::text(raw::member(one, "level"));
    entry.timestamp = iso_of_seconds(number_of(raw::member(one, "timestamp")));
    entry.first_occurred = iso_of_seconds(number_of(raw::member(one, "first_occurred")));
    entry.count = static_cast<std::uint64_t>(number_of(raw::member(one, "count")));
    auto const message = raw::member(one, "message");
    if (message.starts_with('['))
      raw::each_item(message, [&](std::string_view part) {
        if (!entry.message.empty()) entry.message += '\n';
        entry.message += raw::text(part);
      });
    else
      entry.message = raw::text(message);
    if (auto exception = raw::text(raw::member(one, "exception")); !exception.empty())
      entry.exception = std::move(exception);
    std::string source;
    raw::each_item(raw::member(one, "source"), [&](std::string_view part) {
      if (!source.empty()) source += ':';
      source += part.starts_with('"') ? raw::text(part) : std::string{part};
    });
    if (!source.empty()) entry.source = std::move(source);
    out.push_back(std::move(entry));
  });
  return out;
}

}  // namespace patchbay::home_assistant
