// Category security: ha_anomaly_detection and ha_intelligent_security_monitor, both against the sensors' own past.
#include <spdlog/fmt/fmt.h>

#include <cmath>

#include "plugins/home_assistant/anomaly.hpp"
#include "plugins/home_assistant/home_view.hpp"
#include "plugins/home_assistant/items.hpp"
#include "plugins/home_assistant/raw_json.hpp"
#include "plugins/home_assistant/tool_kinds.hpp"
#include "plugins/home_assistant/values.hpp"

namespace patchbay::home_assistant {

struct AnomalyArgs {
  std::string entity_id;
  std::int64_t baseline_days = 7;
  std::string sensitivity = "medium";
};
struct AnomalyBaseline {
  double median = 0, mad = 0;
  std::uint64_t n = 0, recorded = 0;
  std::string basis, from, source;
};
struct AnomalyFinding {
  std::string kind, message;
  double value = 0, expected = 0, score = 0;
};
struct AnomalyResult {
  std::string status;
  std::string entity_id;
  RawJson current_value;
  std::string unit;
  bool is_anomaly = false;
  std::vector<AnomalyFinding> anomalies;
  RawJson score;
  double threshold = 0;
  std::optional<AnomalyBaseline> baseline;
  std::string sensitivity;
  std::int64_t baseline_period_days = 0;
  std::optional<std::string> reason;
};
struct SecurityArgs {
  std::vector<std::string> sensor_entities;
  std::optional<std::string> alert_entity;
  std::int64_t baseline_hours = 25;
};
struct SensorBaseline {
  std::string status;
  double hours_covered = 0;
  std::uint64_t openings = 0;
  std::optional<double> openings_per_day_at_this_hour, usual_open_s, longest_open_s;
};
struct SensorStatus {
  std::string entity_id, name, kind, state, meaning, last_changed;
  std::optional<std::string> area;
  bool unusual = false;
  std::optional<double> open_for_s;
  SensorBaseline baseline;
};
struct SecurityAlert {
  std::string severity, sensor, message, timestamp;
};
struct SecurityResult {
  std::uint64_t sensors_monitored = 0;
  std::vector<SensorStatus> sensors_status;
  std::vector<SecurityAlert> alerts;
  std::uint64_t alert_count = 0;
  std::int64_t risk_score = 0;
  std::vector<std::string> missing;
  Presence occupancy;
  std::vector<std::string> armed;
  std::optional<std::string> notified;
  std::vector<std::string> insufficient_data;
};

}  // namespace patchbay::home_assistant

namespace patchbay {
namespace ha = home_assistant;

template <>
struct Describe<ha::AnomalyArgs> {
  using A = ha::AnomalyArgs;
  static constexpr std::tuple fields{
      field("entity_id", &A::entity_id, "Sensor to check").length(3, 255),
      field("baseline_days", &A::baseline_days, "Days of history that count as normal").nullable().range(1, 30),
      field("sensitivity", &A::sensitivity, "How easily to flag: a robust score above 5, 3.5 or 2.5")
          .nullable()
          .one_of("low", "medium", "high")};
};
template <>
struct Describe<ha::AnomalyBaseline> {
  using R = ha::AnomalyBaseline;
  static constexpr std::tuple fields{field("median", &R::median, "Half of the values are below"),
                                     field("mad", &R::mad, "Median absolute deviation"),
                                     field("n", &R::n, "Values each five minutes that it was computed from"),
                                     field("recorded", &R::recorded, "Recorded values behind these"),
                                     field("basis", &R::basis, "The same hour of other days, or all hours"),
                                     field("from", &R::from, "Since when there are values"),
                                     field("source", &R::source, "history, or statistics where those go back farther")};
};
template <>
struct Describe<ha::AnomalyFinding> {
  using R = ha::AnomalyFinding;
  static constexpr std::tuple fields{
      field("kind", &R::kind, "value, rate or stuck"), field("message", &R::message, "In words"),
      field("value", &R::value, "What was found"), field("expected", &R::expected, "What is usual"),
      field("score", &R::score, "How many robust standard deviations lie between")};
};
template <>
struct Describe<ha::AnomalyResult> {
  using R = ha::AnomalyResult;
  static constexpr std::tuple fields{
      field("status", &R::status, "ok, or insufficient_data").one_of("ok", "insufficient_data"),
      field("entity_id", &R::entity_id, "The sensor"),
      field("current_value", &R::current_value, "Its value; null: it has none").type("number", "null"),
      field("unit", &R::unit, "Its unit"),
      field("is_anomaly", &R::is_anomaly, "Whether something is unusual"),
      field("anomalies", &R::anomalies, "What"),
      field("score", &R::score, "Robust score of the value; null: insufficient data").type("number", "null"),
      field("threshold", &R::threshold, "Beyond it a value is unusual"),
      field("baseline", &R::baseline, "What is usual; absent: insufficient data"),
      field("sensitivity", &R::sensitivity, "As asked"),
      field("baseline_period_days", &R::baseline_period_days, "As asked"),
      field("reason", &R::reason, "Why nothing can be said")};
};
template <>
struct Describe<ha::SecurityArgs> {
  using A = ha::SecurityArgs;
  static constexpr std::tuple fields{
      field("sensor_entities", &A::sensor_entities, "Door, window, motion and other sensors, locks and covers")
          .length(1, 50),
      field("alert_entity", &A::alert_entity,
            "Notify service or entity to inform when there are alerts, such as notify.phone; then this acts")
          .nullable()
          .length(0, 255),
      field("baseline_hours", &A::baseline_hours, "Hours of history that count as normal").nullable().range(1, 720)};
};
template <>
struct Describe<ha::SensorBaseline> {
  using R = ha::SensorBaseline;
  static constexpr std::tuple fields{
      field("status", &R::status, "ok, or insufficient_data: less than three days or five openings are known")
          .one_of("ok", "insufficient_data"),
      field("hours_covered", &R::hours_covered, "How far the history goes back"),
      field("openings", &R::openings, "How often it opened or fired in that time"),
      field("openings_per_day_at_this_hour", &R::openings_per_day_at_this_hour,
            "How often a day within an hour of this time; absent: too few days"),
      field("usual_open_s", &R::usual_open_s, "Median seconds that it stays so; absent: too few openings"),
      field("longest_open_s", &R::longest_open_s, "95 of 100 were shorter; absent: too few openings")};
};
template <>
struct Describe<ha::SensorStatus> {
  using R = ha::SensorStatus;
  static constexpr std::tuple fields{
      field("entity_id", &R::entity_id, "The sensor"),
      field("name", &R::name, "Its name"),
      field("kind", &R::kind, "door, window, motion, lock, ..."),
      field("area", &R::area, "Where"),
      field("state", &R::state, "Its state"),
      field("meaning", &R::meaning, "That in words"),
      field("last_changed", &R::last_changed, "Since when"),
      field("open_for_s", &R::open_for_s, "Seconds it has been open or active; absent: it is not"),
      field("unusual", &R::unusual, "Whether an alert is about it"),
      field("baseline", &R::baseline, "What is usual for it")};
};
template <>
struct Describe<ha::SecurityAlert> {
  using R = ha::SecurityAlert;
  static constexpr std::tuple fields{
      field("severity", &R::severity, "high, medium or low"), field("sensor", &R::sensor, "The sensor"),
      field("message", &R::message, "What is unusual"), field("timestamp", &R::timestamp, "Since when")};
};
template <>
struct Describe<ha::SecurityResult> {
  using R = ha::SecurityResult;
  static constexpr std::tuple fields{
      field("sensors_monitored", &R::sensors_monitored, "How many there are of those asked for"),
      field("sensors_status", &R::sensors_status, "Each of them"),
      field("alerts", &R::alerts, "What is unusual, worst first"),
      field("alert_count", &R::alert_count, "How many"),
      field("risk_score", &R::risk_score, "50 for each alert of severity high, 25 medium, 10 low; at most 100"),
      field("missing", &R::missing, "Sensors that Home Assistant does not have"),
      field("occupancy", &R::occupancy, "Who is in"),
      field("armed", &R::armed, "Alarm panels that are armed"),
      field("notified", &R::notified, "Who was informed"),
      field("insufficient_data", &R::insufficient_data, "What could not be judged, and why")};
};
}  // namespace patchbay

namespace patchbay::home_assistant {
namespace {

constexpr auto anomaly_op = reading_tool<AnomalyArgs, AnomalyResult>(
    "security", "anomaly_detection", "Tell whether the present reading of a sensor is unusual against its own past.",
    R"({"entity_id":"sensor.outside_temperature","sensitivity":"medium"})", nullptr, "ha.read",
    std::chrono::seconds{30});
constexpr auto security_op = reading_tool<SecurityArgs, SecurityResult>(
    "security", "intelligent_security_monitor",
    "Watch door, window and motion sensors and report what is open or unusual against their own past.",
    R"({"sensor_entities":["binary_sensor.front_door"]})", nullptr, "ha.read", std::chrono::seconds{30});

RawJson exact_number(double value) { return RawJson{describe::to_text(value)}; }

Tool<AnomalyResult> anomaly(HomeAssistant& self, sdk::Call& call, AnomalyArgs args) {
  auto filling = self.mirror().ready(call);
  Result<void> filled = co_await std::move(filling);
  if (!filled) co_return filled.error();
  auto const* state = self.mirror().state(args.entity_id);
  if (state == nullptr) co_return self.mirror().unknown(args.entity_id, "/entity_id");
  auto const entity = home_entity(self, *state);
  auto const now_state = state->state;
  sdk::Answer<AnomalyResult> out;
  auto& data = out.data;
  data.entity_id = args.entity_id;
  data.unit = entity.unit;
  data.sensitivity = args.sensitivity;
  data.threshold = threshold_of(args.sensitivity);
  data.baseline_period_days = args.baseline_days;
  data.status = "insufficient_data";
  auto const value = entity.number;
  if (!value && entity.available())
    co_return Error{
        Code::invalid_argument,
        fmt::format("the state of {} is \"{}\", which is no number; ha_intelligent_security_monitor watches "
                    "doors and motion",
                    args.entity_id, now_state),
        "/entity_id"};
  if (!value) {
    data.reason = fmt::format("it is {}, so there is nothing to judge", now_state);
    out.message = fmt::format("{} is {}", args.entity_id, now_state);
    co_return out;
  }
  data.current_value = exact_number(*value);
  auto const now = seconds_now();
  auto const from = now - static_cast<double>(args.baseline_days) * 86'400;
  auto asking = past_of(self, call, {args.entity_id}, from, now);
  Result<Past> past = co_await std::move(asking);
  if (!past) co_return past.error();
  auto series = numbers_of((*past)[args.entity_id]);
  std::string source = "history";
  // The recorder forgets after some days; long-term statistics do not.
  auto asking_statistics = statistics_of(self, call, {args.entity_id}, from, now, "hour");
  Result<Statistics> statistics = co_await std::move(asking_statistics);
  if (statistics) {
    Series older;
    for (auto const& one : (*statistics)[args.entity_id])
      if (one.mean && (series.empty() || one.start < series.front().at - 3600)) older.push_back({one.start, *one.mean});
    if (!older.empty()) {
      source = series.empty() ? "statistics" : "history and statistics";
      series.insert(series.begin(), older.begin(), older.end());
    }
  }
  auto const verdict = judge_reading(series, *value, now, from, data.threshold);
  if (!verdict.enough) {
    data.reason = fmt::format("only {} of the last {} are recorded; {} are needed", plural(verdict.recorded, "value"),
                              plural(static_cast<std::size_t>(args.baseline_days), "day"), least_values);
    out.message = fmt::format("Too little is known of {} to judge it", args.entity_id);
    co_return out;
  }
  data.status = "ok";
  data.baseline.emplace();
  data.baseline->median = verdict.baseline.median;
  data.baseline->mad = verdict.baseline.mad;
  data.baseline->n = verdict.baseline.n;
  data.baseline->recorded = verdict.recorded;
  data.baseline->basis = verdict.basis;
  data.baseline->from = iso_of_seconds(series.front().at);
  data.baseline->source = source;
  data.score = exact_number(rounded(verdict.score));
  for (auto const& one : verdict.findings)
    data.anomalies.push_back({one.kind, one.message, one.value, one.expected, rounded(one.score)});
  data.is_anomaly = !data.anomalies.empty();
  out.message = data.is_anomaly ? fmt::format("{} is unusual: {}", args.entity_id, data.anomalies.front().message)
                                : fmt::format("{} is as usual", args.entity_id);
  co_return out;
}

bool is_armed(std::string_view state) { return state.starts_with("armed") || state == "triggered"; }

std::string kind_of(HomeEntity const& one) {
  return one.device_class.empty() ? std::string{one.state->domain()} : one.device_class;
}
bool lets_in(std::string_view kind) {
  return kind == "door" || kind == "window" || kind == "garage_door" || kind == "opening" || kind == "lock" ||
         kind == "garage" || kind == "gate";
}
bool is_danger(std::string_view kind) {
  return kind == "smoke" || kind == "gas" || kind == "carbon_monoxide" || kind == "moisture" || kind == "safety" ||
         kind == "tamper" || kind == "problem";
}

std::string meaning_of(HomeEntity const& one) {
  auto const kind = kind_of(one);
  auto const& state = one.state->state;
  if (!one.available() || one.state->domain() != "binary_sensor") return state;
  bool const on = state == "on";
  if (lets_in(kind) && kind != "lock") return on ? "open" : "closed";
  if (kind == "lock") return on ? "unlocked" : "locked";
  if (kind == "motion" || kind == "occupancy" || kind == "presence" || is_danger(kind) || kind == "vibration" ||
      kind == "sound")
    return on ? kind + " detected" : "clear";
  return state;
}

struct Circumstances {
  double now = 0, from = 0;
  bool nobody_home = false;
  bool armed = false;
};

// What is known of one sensor's past.
SensorBaseline baseline_of_sensor(Series const& series, std::vector<Interval> const& intervals,
                                  Circumstances const& when) {
  SensorBaseline out;
  // The first row is the state that held when the time began, so it covers all of it where there is one.
  auto const since = series.empty() ? when.now : std::max(series.front().at, when.from);
  out.hours_covered = std::round((when.now - since) / 360) / 10;
  out.openings = static_cast<std::uint64_t>(
      std::count_if(intervals.begin(), intervals.end(), [&](Interval const& one) { return one.from > when.from + 1; }));
  std::vector<double> lengths;
  for (auto const& one : intervals)
    if (one.to) lengths.push_back(*one.to - one.from);
  bool const days_known = when.now - since >= 3 * 86'400.0;
  bool const lengths_known = lengths.size() >= 5;
  if (days_known) out.openings_per_day_at_this_hour = rounded(daily_rate_near_hour(intervals, since, when.now, 3600));
  if (lengths_known) {
    out.usual_open_s = rounded(median_of(lengths));
    out.longest_open_s = rounded(quantile_of(lengths, 0.95));
  }
  out.status = days_known || lengths_known ? "ok" : "insufficient_data";
  return out;
}

void judge_sensor(HomeEntity const& one, SensorStatus& status, Circumstances const& when,
                  std::vector<SecurityAlert>& alerts) {
  auto const before = alerts.size();
  auto tell = [&](char const* severity, std::string message) {
    alerts.push_back({severity, status.entity_id, std::move(message), status.last_changed});
  };
  if (!one.available()) {
    tell(when.nobody_home || when.armed ? "medium" : "low",
         fmt::format("{} is {}: it watches nothing", status.name, one.state->state));
  } else if (means_on(one.state->state)) {
    auto const open = when.now - one.changed_at;
    auto const kind = status.kind;
    if (is_danger(kind)) tell("high", fmt::format("{}: {}", status.name, status.meaning));
    if (lets_in(kind) && (when.nobody_home || when.armed))
      tell("high", fmt::format("{} is {} while {}", status.name, status.meaning,
                               when.armed ? "the alarm is armed" : "nobody is home"));
    if ((kind == "motion" || kind == "occupancy" || kind == "presence") && (when.nobody_home || when.armed))
      tell("high", fmt::format("{} while {}", status.meaning, when.armed ? "the alarm is armed" : "nobody is home"));
    auto const& usual = status.baseline;
    if (lets_in(kind) && usual.longest_open_s && open > std::max(600.0, 2 * *usual.longest_open_s))
      tell("medium", fmt::format("{} has been {} for {}; 95 of 100 times it was shorter than {}", status.name,
                                 status.meaning, span_text(open), span_text(*usual.longest_open_s)));
    // Rare: less than once in twenty days at this hour, and it has just happened.
    if (usual.openings_per_day_at_this_hour && open < 3600 && !is_danger(kind)) {
      auto const days = (when.now - when.from) / 86'400;
      auto const others = *usual.openings_per_day_at_this_hour - 1 / days;  // without this one
      if (others < 0.05) tell("low", fmt::format("{} is {}, which is rare at this hour", status.name, status.meaning));
    }
  }
  status.unusual = alerts.size() > before;
}

int weight_of(std::string_view severity) { return severity == "high" ? 50 : severity == "medium" ? 25 : 10; }

// A notify service of that name, or an entity by notify.send_message.
sdk::Task<Result<void>> inform(HomeAssistant& self, sdk::Call& call, std::string target, std::string message) {
  auto const name = target.starts_with("notify.") ? target.substr(7) : target;
  auto finding = self.services().find(call, "notify", name);
  Result<Responds> service = co_await std::move(finding);
  std::string const data = fmt::format(R"({{"title":"Security","message":{}}})", json::quoted(message));
  if (!service && self.mirror().state("notify." + name) == nullptr) {
    auto error = service.error();
    error.pointer = "/alert_entity";
    co_return error;
  }
  auto command = service ? service_command("notify", name, {}, data)
                         : service_command("notify", "send_message", "notify." + name, data);
  auto calling = self.session().command(call, std::move(command));
  Result<Frame> called = co_await std::move(calling);
  if (!called) co_return called.error();
  co_return Result<void>{};
}

Tool<SecurityResult> security(HomeAssistant& self, sdk::Call& call, SecurityArgs args) {
  auto const alert_entity = args.alert_entity.value_or("");
  if (!alert_entity.empty() && (self.settings().read_only || !call.may("ha.control")))
    co_return Error{Code::forbidden,
                    self.settings().read_only
                        ? "this gateway only reads from Home Assistant, so nobody can be informed: leave it out"
                        : "to inform somebody takes the scope ha.control: leave it out",
                    "/alert_entity"};
  auto filling = self.mirror().ready(call);
  Result<void> filled = co_await std::move(filling);
  if (!filled) co_return filled.error();
  sdk::Answer<SecurityResult> out;
  auto& data = out.data;
  std::vector<std::string> known;
  for (auto const& id : args.sensor_entities) (self.mirror().state(id) != nullptr ? known : data.missing).push_back(id);
  if (known.empty()) co_return self.mirror().unknown(data.missing.front(), "/sensor_entities/0");
  auto const now = seconds_now();
  auto const from = now - static_cast<double>(args.baseline_hours) * 3600;
  auto asking = past_of(self, call, known, from, now);
  Result<Past> past = co_await std::move(asking);
  if (!past) co_return past.error();
  auto const home = home_of(self);
  data.occupancy = presence_of(home);
  for (auto const& one : home)
    if (one.state->domain() == "alarm_control_panel" && is_armed(one.state->state))
      data.armed.push_back(one.state->entity_id);
  Circumstances when{now, from, data.occupancy.total_people > 0 && data.occupancy.away == data.occupancy.total_people,
                     !data.armed.empty()};
  for (auto const& id : known) {
    auto const* state = self.mirror().state(id);
    if (state == nullptr) continue;  // went while the history was read
    auto const entity = home_entity(self, *state);
    SensorStatus status;
    status.entity_id = id;
    status.name = state->name;
    status.kind = kind_of(entity);
    if (entity.area != nullptr) status.area = entity.area->name;
    status.state = state->state;
    status.meaning = meaning_of(entity);
    status.last_changed = state->last_changed();
    if (entity.available() && means_on(state->state)) status.open_for_s = rounded(now - entity.changed_at);
    auto const series = switches_of((*past)[id]);
    status.baseline = baseline_of_sensor(series, intervals_of(series), when);
    if (status.baseline.status != "ok")
      data.insufficient_data.push_back(
          fmt::format("{}: {} and {:.1f} h are known, so only its present state was judged", id,
                      plural(status.baseline.openings, "opening"), status.baseline.hours_covered));
    judge_sensor(entity, status, when, data.alerts);
    data.sensors_status.push_back(std::move(status));
  }
  std::stable_sort(data.alerts.begin(), data.alerts.end(),
                   [](auto const& a, auto const& b) { return weight_of(a.severity) > weight_of(b.severity); });
  for (auto const& one : data.alerts) data.risk_score += weight_of(one.severity);
  data.risk_score = std::min<std::int64_t>(data.risk_score, 100);
  data.alert_count = data.alerts.size();
  data.sensors_monitored = data.sensors_status.size();
  out.message =
      fmt::format("{} watched, {}", plural(data.sensors_monitored, "sensor"), plural(data.alert_count, "alert"));
  if (!alert_entity.empty() && !data.alerts.empty()) {
    std::string message;
    for (auto const& one : data.alerts) message += (message.empty() ? "" : "\n") + one.message;
    auto informing = inform(self, call, alert_entity, std::move(message));
    Result<void> informed = co_await std::move(informing);
    if (!informed) co_return informed.error();
    data.notified = alert_entity;
  }
  co_return out;
}

}  // namespace

void declare_security(sdk::Table<HomeAssistant>& table) {
  add_tool<anomaly_op, &anomaly, Reach::entities>(table);
  add_tool<security_op, &security>(table);
}

}  // namespace patchbay::home_assistant
