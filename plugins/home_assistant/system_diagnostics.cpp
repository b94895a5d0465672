// Category system_diagnostics: how Home Assistant and its integrations are.
#include <spdlog/fmt/fmt.h>

#include <ctime>

#include "plugins/home_assistant/collected_events.hpp"
#include "plugins/home_assistant/logs.hpp"
#include "plugins/home_assistant/raw_json.hpp"
#include "plugins/home_assistant/tool_kinds.hpp"
#include "plugins/home_assistant/values.hpp"
#include "plugins/sdk/nearest.hpp"

namespace patchbay::home_assistant {

struct DomainHealth {
  std::map<std::string, RawJson> info;
  std::optional<std::string> error;
};
struct SystemHealthResult {
  std::map<std::string, DomainHealth> health;
  bool complete = false;
  std::string version;
  std::uint64_t entities_count = 0;
  std::uint64_t open_repairs = 0;
  RawJson recorder;
};
struct PersistentNotification {
  std::string notification_id;
  RawJson title;
  std::string message;
  std::string created_at;
};
struct NotificationsResult {
  std::vector<PersistentNotification> notifications;
  std::uint64_t count = 0;
};
struct IntegrationStatusArgs {
  std::optional<std::string> integration;
  std::int64_t limit = 100;
  std::optional<std::string> cursor;
};
struct EntryStatus {
  std::string entry_id, title, state;
  std::optional<std::string> reason, disabled_by, source;
};
struct IntegrationStatus {
  std::string integration;
  bool loaded = false;
  bool problem = false;
  std::vector<EntryStatus> entries;
  std::uint64_t entity_count = 0, unavailable_count = 0;
  std::vector<std::string> sample_entities;
};
struct IntegrationStatusResult {
  std::vector<IntegrationStatus> integrations;
  std::uint64_t count = 0, total = 0, problems = 0;
  std::optional<std::string> next_cursor;
  std::optional<std::vector<std::string>> components;
};
struct FailedEntry {
  std::string entry_id, domain, title, state;
  std::optional<std::string> reason;
};
struct OpenIssue {
  std::string domain, issue_id, severity;
  RawJson translation_key, translation_placeholders, breaks_in_ha_version, created, learn_more_url;
  bool ignored = false, is_fixable = false;
};
struct SetupTime {
  std::string domain;
  double seconds = 0;
};
struct StartupErrorsResult {
  std::optional<std::string> started_at;
  std::vector<LogEntry> errors;
  std::vector<PersistentNotification> persistent_notifications;
  std::vector<FailedEntry> failed_entries;
  std::vector<OpenIssue> issues;
  std::vector<SetupTime> slowest_setups;
  std::uint64_t error_count = 0, notification_count = 0, failed_entry_count = 0, issue_count = 0;
};
struct RepairsArgs {
  bool active_only = true;
  std::int64_t limit = 100;
};
struct RepairsResult {
  std::vector<OpenIssue> issues;
  std::uint64_t count = 0, total = 0, ignored = 0;
};

}  // namespace patchbay::home_assistant

namespace patchbay {
namespace ha = home_assistant;

template <>
struct Describe<ha::DomainHealth> {
  using R = ha::DomainHealth;
  static constexpr std::tuple fields{field("info", &R::info, "What it says of itself, by name"),
                                     field("error", &R::error, "What went wrong while it was asked")};
};
template <>
struct Describe<ha::SystemHealthResult> {
  using R = ha::SystemHealthResult;
  static constexpr std::tuple fields{
      field("health", &R::health, "By domain"),
      field("complete", &R::complete, "Whether all had answered within five seconds; else what is missing is pending"),
      field("version", &R::version, "Of Home Assistant"),
      field("entities_count", &R::entities_count, "How many entities have a state"),
      field("open_repairs", &R::open_repairs, "Repairs that are not ignored; ha_get_repairs lists them"),
      field("recorder", &R::recorder, "State of the recorder; null: it is not loaded").type("object", "null")};
};
template <>
struct Describe<ha::PersistentNotification> {
  using R = ha::PersistentNotification;
  static constexpr std::tuple fields{
      field("notification_id", &R::notification_id, "For persistent_notification.dismiss"),
      field("title", &R::title, "Title").type("string", "null"), field("message", &R::message, "What it says"),
      field("created_at", &R::created_at, "When it was made")};
};
template <>
struct Describe<ha::NotificationsResult> {
  using R = ha::NotificationsResult;
  static constexpr std::tuple fields{field("notifications", &R::notifications, "Newest first"),
                                     field("count", &R::count, "How many")};
};
template <>
struct Describe<ha::IntegrationStatusArgs> {
  using A = ha::IntegrationStatusArgs;
  static constexpr std::tuple fields{
      field("integration", &A::integration, "Only integrations whose name holds this text").nullable().length(0, 64),
      field("limit", &A::limit, "Greatest number of integrations to return").nullable().range(1, 10'000),
      field("cursor", &A::cursor, "next_cursor of the page before").nullable().length(0, 255)};
};
template <>
struct Describe<ha::EntryStatus> {
  using R = ha::EntryStatus;
  static constexpr std::tuple fields{field("entry_id", &R::entry_id, "Of the config entry"),
                                     field("title", &R::title, "Its title"),
                                     field("state", &R::state, "loaded, setup_error, setup_retry, not_loaded, ..."),
                                     field("reason", &R::reason, "Why it is not loaded"),
                                     field("disabled_by", &R::disabled_by, "Who disabled it"),
                                     field("source", &R::source, "How it came to be, such as user or discovery")};
};
template <>
struct Describe<ha::IntegrationStatus> {
  using R = ha::IntegrationStatus;
  static constexpr std::tuple fields{
      field("integration", &R::integration, "Domain of the integration"),
      field("loaded", &R::loaded, "Whether it is loaded"),
      field("problem", &R::problem, "Whether one of its entries, not disabled, is not loaded"),
      field("entries", &R::entries, "Its config entries; none: set up in YAML"),
      field("entity_count", &R::entity_count, "Entities of it in the registry"),
      field("unavailable_count", &R::unavailable_count, "How many of these are unavailable now"),
      field("sample_entities", &R::sample_entities, "At most five of them")};
};
template <>
struct Describe<ha::IntegrationStatusResult> {
  using R = ha::IntegrationStatusResult;
  static constexpr std::tuple fields{
      field("integrations", &R::integrations, "Those with config entries or entities, or that fit; by name"),
      field("count", &R::count, "How many are here"),
      field("total", &R::total, "How many there are in all"),
      field("problems", &R::problems, "How many have a problem"),
      field("next_cursor", &R::next_cursor, "For the next page; absent on the last"),
      field("components", &R::components, "All loaded components, when no integration was asked for")};
};
template <>
struct Describe<ha::FailedEntry> {
  using R = ha::FailedEntry;
  static constexpr std::tuple fields{field("entry_id", &R::entry_id, "Of the config entry"),
                                     field("domain", &R::domain, "Integration"), field("title", &R::title, "Its title"),
                                     field("state", &R::state, "setup_error, setup_retry, ..."),
                                     field("reason", &R::reason, "Why")};
};
template <>
struct Describe<ha::OpenIssue> {
  using R = ha::OpenIssue;
  static constexpr std::tuple fields{
      field("domain", &R::domain, "Who raised it"),
      field("issue_id", &R::issue_id, "Its id"),
      field("severity", &R::severity, "critical, error or warning"),
      field("ignored", &R::ignored, "Whether the user ignored it"),
      field("is_fixable", &R::is_fixable, "Whether Home Assistant can repair it"),
      field("translation_key", &R::translation_key, "What it is about").type("string", "null"),
      field("translation_placeholders", &R::translation_placeholders, "Details").type("object", "null"),
      field("breaks_in_ha_version", &R::breaks_in_ha_version, "Until when it must be solved").type("string", "null"),
      field("created", &R::created, "When it was raised").type("string", "null"),
      field("learn_more_url", &R::learn_more_url, "Where to read more").type("string", "null")};
};
template <>
struct Describe<ha::SetupTime> {
  using R = ha::SetupTime;
  static constexpr std::tuple fields{field("domain", &R::domain, "Integration"),
                                     field("seconds", &R::seconds, "How long its set-up took")};
};
template <>
struct Describe<ha::StartupErrorsResult> {
  using R = ha::StartupErrorsResult;
  static constexpr std::tuple fields{
      field("started_at", &R::started_at, "When Home Assistant started, where its sensors or log tell"),
      field("errors", &R::errors, "Log entries first seen within five minutes of the start; newest first"),
      field("persistent_notifications", &R::persistent_notifications, "Those there are"),
      field("failed_entries", &R::failed_entries, "Config entries that are not loaded"),
      field("issues", &R::issues, "Open repairs"),
      field("slowest_setups", &R::slowest_setups, "The ten slowest"),
      field("error_count", &R::error_count, "How many errors"),
      field("notification_count", &R::notification_count, "How many notifications"),
      field("failed_entry_count", &R::failed_entry_count, "How many failed entries"),
      field("issue_count", &R::issue_count, "How many issues")};
};
template <>
struct Describe<ha::RepairsArgs> {
  using A = ha::RepairsArgs;
  static constexpr std::tuple fields{
      field("active_only", &A::active_only, "Leave out the ones that the user ignored").nullable(),
      field("limit", &A::limit, "Greatest number of issues to return").nullable().range(1, 1000)};
};
template <>
struct Describe<ha::RepairsResult> {
  using R = ha::RepairsResult;
  static constexpr std::tuple fields{
      field("issues", &R::issues, "Worst first"), field("count", &R::count, "How many are here"),
      field("total", &R::total, "How many fit"), field("ignored", &R::ignored, "How many the user ignored")};
};
}  // namespace patchbay

namespace patchbay::home_assistant {
namespace {

constexpr auto health_op = reading_tool<Nothing, SystemHealthResult>(
    "system_diagnostics", "system_health", "Return the health information of Home Assistant and its integrations.",
    "{}");
constexpr auto notifications_op = reading_tool<Nothing, NotificationsResult>(
    "system_diagnostics", "get_persistent_notifications", "List the persistent notifications.", "{}");
constexpr auto status_op = reading_tool<IntegrationStatusArgs, IntegrationStatusResult>(
    "system_diagnostics", "get_integration_status", "Tell whether integrations are loaded and working.",
    R"({"integration":"demo"})");
constexpr auto startup_op = reading_tool<Nothing, StartupErrorsResult>(
    "system_diagnostics", "get_startup_errors", "Collect the errors of the last start of Home Assistant.", "{}",
    nullptr, "ha.admin");
constexpr auto repairs_op = reading_tool<RepairsArgs, RepairsResult>(
    "system_diagnostics", "get_repairs", "List the repair issues that Home Assistant has raised.", "{}");

// A value of the health information: plain, or an object that tells its kind.
RawJson health_value(std::string_view value) {
  if (!value.starts_with('{')) return RawJson{std::string{value}};
  auto const type = raw::text(raw::member(value, "type"));
  if (type == "failed") return RawJson{json::quoted("failed: " + raw::text(raw::member(value, "error")))};
  if (type == "date") return or_null(raw::member(value, "value"));
  if (type == "pending") return RawJson{json::quoted("pending")};
  return RawJson{std::string{value}};
}

void take_health(std::string_view event, std::map<std::string, DomainHealth>& out) {
  auto const type = raw::text(raw::member(event, "type"));
  if (type == "initial") {
    raw::each_member(raw::member(event, "data"), [&](std::string_view domain, std::string_view data) {
      auto& mine = out[raw::text(domain)];
      raw::each_member(raw::member(data, "info"), [&](std::string_view key, std::string_view value) {
        mine.info[raw::text(key)] = health_value(value);
      });
    });
  } else if (type == "update") {
    auto& mine = out[raw::text(raw::member(event, "domain"))];
    auto const key = raw::text(raw::member(event, "key"));
    if (raw::is_true(raw::member(event, "success"))) {
      mine.info[key] = health_value(raw::member(event, "data"));
    } else {
      auto const reason = raw::text(raw::member(raw::member(event, "error"), "msg"));
      mine.error = fmt::format("{}: {}", key, reason.empty() ? "failed" : reason);
      mine.info[key] = RawJson{"\"failed\""};
    }
  }
}

OpenIssue issue_of(std::string_view one) {
  OpenIssue out;
  out.domain = raw::text(raw::member(one, "domain"));
  out.issue_id = raw::text(raw::member(one, "issue_id"));
  out.severity = raw::text(raw::member(one, "severity"));
  out.ignored = raw::is_true(raw::member(one, "ignored"));
  out.is_fixable = raw::is_true(raw::member(one, "is_fixable"));
  out.translation_key = or_null(raw::member(one, "translation_key"));
  out.translation_placeholders = or_null(raw::member(one, "translation_placeholders"));
  out.breaks_in_ha_version = or_null(raw::member(one, "breaks_in_ha_version"));
  out.created = or_null(raw::member(one, "created"));
  out.learn_more_url = or_null(raw::member(one, "learn_more_url"));
  return out;
}

sdk::Task<Result<std::vector<OpenIssue>>> list_issues(HomeAssistant& self, sdk::Call& call) {
  auto asking = self.session().command(call, Command{"repairs/list_issues"});
  Result<Frame> listed = co_await std::move(asking);
  if (!listed) co_return listed.error();
  std::vector<OpenIssue> out;
  raw::each_item(raw::member(listed->result(), "issues"), [&](std::string_view one) { out.push_back(issue_of(one)); });
  auto rank = [](OpenIssue const& one) { return one.severity == "critical" ? 0 : one.severity == "error" ? 1 : 2; };
  std::stable_sort(out.begin(), out.end(), [&](OpenIssue const& a, OpenIssue const& b) { return rank(a) < rank(b); });
  co_return out;
}

Tool<SystemHealthResult> health(HomeAssistant& self, sdk::Call& call, Nothing) {
  auto is_last = [](std::string_view event) { return raw::member(event, "type") == "\"finish\""; };
  auto collecting = collect_events(self, call, Command{"system_health/info"}, is_last, std::chrono::seconds{5});
  Result<Collected> events = co_await std::move(collecting);
  if (!events) co_return events.error();
  sdk::Answer<SystemHealthResult> out;
  for (auto const& event : events->events) take_health(event, out.data.health);
  out.data.complete = events->complete;
  out.data.version = self.session().version();
  auto filling = self.mirror().ready(call);
  Result<void> filled = co_await std::move(filling);
  if (!filled) co_return filled.error();
  out.data.entities_count = self.mirror().size();
  auto listing = list_issues(self, call);
  Result<std::vector<OpenIssue>> issues = co_await std::move(listing);
  if (issues)  // an integration of its own, which may not be loaded
    out.data.open_repairs = static_cast<std::uint64_t>(
        std::count_if(issues->begin(), issues->end(), [](OpenIssue const& one) { return !one.ignored; }));
  auto asking = self.session().command(call, Command{"recorder/info"});
  Result<Frame> recorder = co_await std::move(asking);
  if (recorder) out.data.recorder.text = recorder->result();
  out.message =
      fmt::format("Home Assistant {}: {} answered{}", out.data.version, plural(out.data.health.size(), "integration"),
                  out.data.complete ? "" : "; some are still pending");
  co_return out;
}

sdk::Task<Result<std::vector<PersistentNotification>>> list_notifications(HomeAssistant& self, sdk::Call& call) {
  auto asking = self.session().command(call, Command{"persistent_notification/get"});
  Result<Frame> listed = co_await std::move(asking);
  if (!listed) co_return listed.error();
  std::vector<PersistentNotification> out;
  raw::each_item(listed->result(), [&](std::string_view one) {
    out.push_back({raw::text(raw::member(one, "notification_id")), or_null(raw::member(one, "title")),
                   raw::text(raw::member(one, "message")), raw::text(raw::member(one, "created_at"))});
  });
  std::stable_sort(out.begin(), out.end(), [](auto const& a, auto const& b) { return a.created_at > b.created_at; });
  co_return out;
}

Tool<NotificationsResult> notifications(HomeAssistant& self, sdk::Call& call, Nothing) {
  auto listing = list_notifications(self, call);
  Result<std::vector<PersistentNotification>> listed = co_await std::move(listing);
  if (!listed) co_return listed.error();
  sdk::Answer<NotificationsResult> out;
  out.data.notifications = std::move(*listed);
  out.data.count = out.data.notifications.size();
  out.message = "Found " + plural(out.data.count, "notification");
  co_return out;
}

bool is_failed(std::string_view state) { return state != "loaded" && state != "not_loaded"; }

Tool<IntegrationStatusResult> integration_status(HomeAssistant& self, sdk::Call& call, IntegrationStatusArgs args) {
  auto filling = self.mirror().ready(call);
  Result<void> filled = co_await std::move(filling);
  if (!filled) co_return filled.error();
  auto asking_config = self.session().command(call, Command{"get_config"});
  Result<Frame> config = co_await std::move(asking_config);
  if (!config) co_return config.error();
  auto asking_entries = self.session().command(call, Command{"config_entries/get"});
  Result<Frame> entries = co_await std::move(asking_entries);
  if (!entries) co_return entries.error();
  std::vector<std::string> components;
  raw::each_item(raw::member(config->result(), "components"),
                 [&](std::string_view one) { components.push_back(raw::text(one)); });
  std::sort(components.begin(), components.end());
  auto const wanted = args.integration.value_or("");
  std::map<std::string, IntegrationStatus> found;
  auto fits = [&wanted](std::string_view domain) { return domain.find(wanted) != std::string_view::npos; };
  raw::each_item(entries->result(), [&](std::string_view entry) {
    auto const domain = raw::text(raw::member(entry, "domain"));
    if (!fits(domain)) return;
    auto& status = found[domain];
    EntryStatus one{raw::text(raw::member(entry, "entry_id")),       raw::text(raw::member(entry, "title")),
                    raw::text(raw::member(entry, "state")),          text_or_none(raw::member(entry, "reason")),
                    text_or_none(raw::member(entry, "disabled_by")), text_or_none(raw::member(entry, "source"))};
    if (!one.disabled_by && one.state != "loaded") status.problem = true;
    status.entries.push_back(std::move(one));
  });
  for (auto const& [entity_id, entity] : self.mirror().registry().entities()) {
    auto const platform = raw::text(raw::member(entity.json, "platform"));
    if (!fits(platform)) continue;
    auto& status = found[platform];
    ++status.entity_count;
    if (status.sample_entities.size() < 5) status.sample_entities.push_back(entity_id);
    auto const* state = self.mirror().state(entity_id);
    if (state != nullptr && state->state == "unavailable") ++status.unavailable_count;
  }
  if (!wanted.empty())
    for (auto const& one : components)
      if (one.find('.') == std::string::npos && fits(one)) found[one];
  if (found.empty() && !wanted.empty()) {
    std::vector<std::string_view> names{components.begin(), components.end()};
    std::erase_if(names, [](std::string_view one) { return one.find('.') != std::string_view::npos; });
    std::string near;
    for (auto one : nearest(wanted, names, 3)) near += fmt::format("{}{}", near.empty() ? "" : ", ", one);
    co_return Error{Code::not_found,
                    fmt::format("no integration of this Home Assistant holds \"{}\"; the nearest are {}", wanted, near),
                    "/integration"};
  }
  sdk::Answer<IntegrationStatusResult> out;
  for (auto& [domain, status] : found) {
    status.integration = domain;
    status.loaded = std::binary_search(components.begin(), components.end(), domain);
    if (status.problem) ++out.data.problems;
    out.data.integrations.push_back(std::move(status));
  }
  out.data.total = out.data.integrations.size();
  out.data.next_cursor = cut_page(out.data.integrations, static_cast<std::size_t>(args.limit), args.cursor,
                                  [](IntegrationStatus const& one) { return std::string_view{one.integration}; });
  out.data.count = out.data.integrations.size();
  if (wanted.empty()) out.data.components = std::move(components);
  out.message = fmt::format("{}, {} with a problem", plural(out.data.total, "integration"), out.data.problems);
  co_return out;
}

// When Home Assistant started, as far as the oldest entries of its log tell: the log in memory begins with it.
std::optional<std::string> start_in(std::vector<LogEntry> const& entries) {
  std::optional<std::string> out;
  for (auto const& one : entries)
    if (one.first_occurred && (!out || *one.first_occurred < *out)) out = one.first_occurred;
  return out;
}

bool near_start(std::string const& first, std::string const& start) {
  auto const a = parse_iso(first, ""), b = parse_iso(start, "");
  return a && b && a->fields - b->fields < std::chrono::minutes{5};
}

Tool<StartupErrorsResult> startup_errors(HomeAssistant& self, sdk::Call& call, Nothing) {
  sdk::Answer<StartupErrorsResult> out;
  auto reading = read_log(self, call, rank_of("warning"));
  Result<Log> log = co_await std::move(reading);
  if (!log) co_return log.error();
  auto filling = self.mirror().ready(call);
  Result<void> filled = co_await std::move(filling);
  if (!filled) co_return filled.error();
  out.data.started_at = start_in(log->entries);
  // sensor.uptime has the time of the start as its state, where that integration is set up.
  if (auto const* uptime = self.mirror().state("sensor.uptime"); uptime != nullptr && parse_iso(uptime->state, ""))
    out.data.started_at = uptime->state;
  for (auto& entry : log->entries)
    if (out.data.started_at && rank_of(entry.level) >= rank_of("error") &&
        near_start(entry.first_occurred.value_or(entry.timestamp), *out.data.started_at))
      out.data.errors.push_back(std::move(entry));
  auto asking_entries = self.session().command(call, Command{"config_entries/get"});
  Result<Frame> entries = co_await std::move(asking_entries);
  if (!entries) co_return entries.error();
  raw::each_item(entries->result(), [&](std::string_view entry) {
    auto state = raw::text(raw::member(entry, "state"));
    if (!is_failed(state) || !raw::is_null(raw::member(entry, "disabled_by"))) return;
    out.data.failed_entries.push_back({raw::text(raw::member(entry, "entry_id")),
                                       raw::text(raw::member(entry, "domain")), raw::text(raw::member(entry, "title")),
                                       std::move(state), text_or_none(raw::member(entry, "reason"))});
  });
  auto listing = list_notifications(self, call);
  Result<std::vector<PersistentNotification>> listed = co_await std::move(listing);
  if (!listed) co_return listed.error();
  out.data.persistent_notifications = std::move(*listed);
  auto listing_issues = list_issues(self, call);
  Result<std::vector<OpenIssue>> issues = co_await std::move(listing_issues);
  if (!issues) co_return issues.error();
  std::erase_if(*issues, [](OpenIssue const& one) { return one.ignored; });
  out.data.issues = std::move(*issues);
  auto asking_setups = self.session().command(call, Command{"integration/setup_info"});
  Result<Frame> setups = co_await std::move(asking_setups);
  if (!setups) co_return setups.error();
  raw::each_item(setups->result(), [&](std::string_view one) {
    out.data.slowest_setups.push_back({raw::text(raw::member(one, "domain")), number_of(raw::member(one, "seconds"))});
  });
  auto& slowest = out.data.slowest_setups;
  std::stable_sort(slowest.begin(), slowest.end(), [](auto const& a, auto const& b) { return a.seconds > b.seconds; });
  if (slowest.size() > 10) slowest.resize(10);
  out.data.error_count = out.data.errors.size();
  out.data.notification_count = out.data.persistent_notifications.size();
  out.data.failed_entry_count = out.data.failed_entries.size();
  out.data.issue_count = out.data.issues.size();
  out.message =
      fmt::format("{}, {}, {}, {}", plural(out.data.error_count, "error"),
                  plural(out.data.failed_entry_count, "failed entry", "failed entries"),
                  plural(out.data.issue_count, "repair"), plural(out.data.notification_count, "notification"));
  co_return out;
}

Tool<RepairsResult> repairs(HomeAssistant& self, sdk::Call& call, RepairsArgs args) {
  auto listing = list_issues(self, call);
  Result<std::vector<OpenIssue>> issues = co_await std::move(listing);
  if (!issues) co_return issues.error();
  sdk::Answer<RepairsResult> out;
  for (auto& one : *issues) {
    if (one.ignored) ++out.data.ignored;
    if (one.ignored && args.active_only) continue;
    if (++out.data.total <= static_cast<std::uint64_t>(args.limit)) out.data.issues.push_back(std::move(one));
  }
  out.data.count = out.data.issues.size();
  out.message = "Found " + plural(out.data.total, "repair issue");
  co_return out;
}

}  // namespace

void declare_system_diagnostics(sdk::Table<HomeAssistant>& table) {
  add_tool<health_op, &health>(table);
  add_tool<notifications_op, &notifications>(table);
  add_tool<status_op, &integration_status>(table);
  add_tool<startup_op, &startup_errors>(table);
  add_tool<repairs_op, &repairs>(table);
}

}  // namespace patchbay::home_assistant
