#include "plugins/home_assistant/when.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

#include "plugins/home_assistant/past.hpp"
#include "plugins/home_assistant/raw_json.hpp"

namespace patchbay::home_assistant {

std::optional<double> relative_seconds(std::string_view text) {
  auto trim = [&text] {
    while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
    while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  };
  trim();
  if (text == "now") return 0.0;
  if (text.ends_with("ago")) text.remove_suffix(3);
  trim();
  if (text.starts_with('-')) text.remove_prefix(1);
  std::size_t digits = 0;
  bool point = false;
  for (; digits < text.size(); ++digits) {
    if (text[digits] == '.' && !point)
      point = true;
    else if (text[digits] < '0' || text[digits] > '9')
      break;
  }
  if (digits == 0 || digits > 9 || digits == text.size()) return std::nullopt;
  auto const number = as_number(text.substr(0, digits));
  auto unit = text.substr(digits);
  while (unit.starts_with(' ')) unit.remove_prefix(1);
  if (!number) return std::nullopt;
  struct Unit {
    std::string_view letter, word, words;
    double seconds;
  };
  for (auto const& one :
       {Unit{"s", "second", "seconds", 1}, Unit{"m", "minute", "minutes", 60}, Unit{"h", "hour", "hours", 3'600},
        Unit{"d", "day", "days", 86'400}, Unit{"w", "week", "weeks", 604'800}})
    if (unit == one.letter || unit == one.word || unit == one.words) return *number * one.seconds;
  return std::nullopt;
}

sdk::Task<Result<double>> when(HomeAssistant& self, sdk::Call& call, std::optional<std::string> text,
                               std::string pointer, double otherwise) {
  if (!text || text->empty()) co_return otherwise;
  if (auto const back = relative_seconds(*text)) co_return seconds_now() - *back;
  auto iso = parse_iso(*text, pointer);
  if (!iso) {
    auto error = iso.error();
    error.message += ", or relative such as -25h or 7d";
    co_return error;
  }
  if (!iso->zone.empty())
    if (auto const known = seconds_of(iso->text())) co_return *known;
  Command command = Command{"render_template"}
                        .text("template", "{{ as_timestamp('" + iso->text() + "') }}")
                        .flag("report_errors", true);
  auto asking = self.session().first_event(call, std::move(command));
  Result<std::string> event = co_await std::move(asking);
  if (!event) co_return event.error();
  auto const result = raw::member(*event, "result");
  auto const seconds = as_number(result.starts_with('"') ? raw::text(result) : std::string{result});
  if (!seconds) co_return Error{Code::upstream_failed, "Home Assistant did not tell what time this is in its zone"};
  co_return *seconds;
}

Result<std::vector<std::string>> entity_list(RawJson const& ids, std::size_t most, std::string_view pointer) {
  std::vector<std::string> out;
  if (ids.text.starts_with('"'))
    out.push_back(raw::text(ids.text));
  else
    raw::each_item(ids.text, [&](std::string_view one) { out.push_back(raw::text(one)); });
  std::string const at{pointer};
  if (out.empty()) return Error{Code::invalid_argument, "names no entity", at};
  if (out.size() > most)
    return Error{Code::invalid_argument, fmt::format("at most {} entities at once, to spare Home Assistant", most), at};
  for (auto const& one : out)
    if (!is_entity_id(one))
      return Error{Code::invalid_argument,
                   fmt::format("\"{}\" is no entity id: it has the form domain.name, such as light.bed_light", one),
                   at};
  std::vector<std::string> unique;
  for (auto& one : out)
    if (std::find(unique.begin(), unique.end(), one) == unique.end()) unique.push_back(std::move(one));
  return unique;
}

}  // namespace patchbay::home_assistant
