#include "plugins/home_assistant/past.hpp"
#include "plugins/home_assistant/values.hpp"

#include <spdlog/fmt/fmt.h>

#include <array>
#include <cmath>

#include "plugins/home_assistant/raw_json.hpp"

namespace patchbay::home_assistant {
namespace {

std::optional<double> number_or_none(std::string_view value) {
  if (raw::is_null(value)) return std::nullopt;
  return number_of(value);
}

std::string list_of(std::vector<std::string> const& texts) { return describe::to_text(texts); }

}  // namespace

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::optional<double> seconds_of(std::string_view iso) {
  auto const time = parse_iso(iso, "");
  if (!time || time->zone.empty()) return std::nullopt;
  auto seconds = std::chrono::duration<double>(time->fields.time_since_epoch()).count();
  auto const& zone = time->zone;
  if (zone.size() >= 6) {
    auto const east = (zone[0] == '-' ? -1 : 1) *
                      (std::atoi(zone.substr(1, 2).c_str()) * 3600 + std::atoi(zone.substr(4, 2).c_str()) * 60);
    seconds -= east;
  }
  return seconds;
}

std::optional<double> as_number(std::string_view state) {
  if (state.empty() || state.size() > 64) return std::nullopt;
  std::string const text{state};
  char* end = nullptr;
  auto const value = std::strtod(text.c_str(), &end);
  if (end != text.c_str() + text.size() || !std::isfinite(value)) return std::nullopt;
  return value;
}

bool means_on(std::string_view state) {
  constexpr std::array<std::string_view, 8> words{"on",       "open",     "opening", "home",
                                                  "detected", "unlocked", "playing", "wet"};
  return std::find(words.begin(), words.end(), state) != words.end();
}

sdk::Task<Result<Past>> past_of(HomeAssistant& self, sdk::Call& call, std::vector<std::string> entities, double from,
                                double to) {
  Past out;
  if (entities.empty()) co_return out;
  if (entities.size() > 50 || to - from > 32 * 86'400.0)
    co_return Error{Code::invalid_argument, "at most 50 entities and 32 days of history at once: ask for less"};
  Command command = Command{"history/history_during_period"}
                        .text("start_time", iso_of_seconds(from))
                        .text("end_time", iso_of_seconds(to))
                        .raw("entity_ids", list_of(entities))
                        .flag("significant_changes_only", false)
                        .flag("no_attributes", true)
                        .flag("minimal_response", true);
  auto asking = self.session().command(call, std::move(command));
  Result<Frame> answer = co_await std::move(asking);
  if (!answer) co_return answer.error();
  for (auto const& id : entities) out[id];
  raw::each_member(answer->result(), [&](std::string_view id, std::string_view states) {
    auto& series = out[raw::text(id)];
    raw::each_item(states, [&](std::string_view one) {
      auto const changed = raw::member(one, "lc"), updated = raw::member(one, "lu");
      series.push_back({number_of(changed.empty() ? updated : changed), raw::text(raw::member(one, "s"))});
    });
    std::stable_sort(series.begin(), series.end(), [](auto const& a, auto const& b) { return a.at < b.at; });
  });
  co_return out;
}

Series numbers_of(StateSeries const& states) {
  Series out;
  for (auto const& one : states)
    if (auto value = as_number(one.state)) out.push_back({one.at, *value});
  return out;
}

Series switches_of(StateSeries const& states) {
  Series out;
  for (auto const& one : states)
    if (one.state != "unknown" && one.state != "unavailable") out.push_back({one.at, means_on(one.state) ? 1.0 : 0.0});
  return out;
}

sdk::Task<Result<Statistics>> statistics_of(HomeAssistant& self, sdk::Call& call, std::vector<std::string> ids,
                                            double from, double to, std::string period) {
  Statistics out;
  if (ids.empty()) co_return out;
  Command command = Command{"recorder/statistics_during_period"}
                        .text("start_time", iso_of_seconds(from))
                        .text("end_time", iso_of_seconds(to))
                        .raw("statistic_ids", list_of(ids))
                        .text("period", period)
                        .raw("types", R"(["mean","min","max","change","sum"])")
                        .raw("units", R"({"energy":"kWh","power":"W"})");
  auto asking = self.session().command(call, std::move(command));
  Result<Frame> answer = co_await std::move(asking);
  if (!answer) co_return answer.error();
  raw::each_member(answer->result(), [&](std::string_view id, std::string_view rows) {
    auto& list = out[raw::text(id)];
    raw::each_item(rows, [&](std::string_view row) {
      Statistic one;
      one.start = number_of(raw::member(row, "start")) / 1000;
      one.end = number_of(raw::member(row, "end")) / 1000;
      one.mean = number_or_none(raw::member(row, "mean"));
      one.min = number_or_none(raw::member(row, "min"));
      one.max = number_or_none(raw::member(row, "max"));
      one.change = number_or_none(raw::member(row, "change"));
      one.sum = number_or_none(raw::member(row, "sum"));
      list.push_back(one);
    });
  });
  co_return out;
}

sdk::Task<Result<LocalTime>> local_time(HomeAssistant& self, sdk::Call& call) {
  auto asking = self.session().first_event(
      call,
      Command{"render_template"}
          .text("template", "{{ now().isoformat() }} {{ now().utcoffset().total_seconds() }} {{ now().weekday() }}")
          .flag("report_errors", true));
  Result<std::string> event = co_await std::move(asking);
  if (!event) co_return event.error();
  auto const text = raw::text(raw::member(*event, "result"));
  LocalTime out;
  out.iso = text.substr(0, text.find(' '));
  if (out.iso.size() < 19 || text.find(' ') == std::string::npos)
    co_return Error{Code::upstream_failed, "Home Assistant did not tell its local time"};
  auto rest = text.substr(text.find(' ') + 1);
  out.offset = number_of(rest.substr(0, rest.find(' ')));
  if (auto const at = rest.find(' '); at != std::string::npos) out.weekday = std::atoi(rest.c_str() + at + 1);
  out.date = out.iso.substr(0, 10);
  out.hour = std::atoi(out.iso.substr(11, 2).c_str());
  out.minute = std::atoi(out.iso.substr(14, 2).c_str());
  co_return out;
}

}  // namespace patchbay::home_assistant
