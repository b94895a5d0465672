// Category diagnostics: what integrations tell of themselves for bug reports.
#include <spdlog/fmt/fmt.h>

#include "plugins/home_assistant/plugin.hpp"
#include "plugins/home_assistant/raw_json.hpp"
#include "plugins/home_assistant/tool_kinds.hpp"
#include "plugins/sdk/nearest.hpp"

namespace patchbay::home_assistant {

struct EntryDiagnosticsArgs {
  std::string entry_id;
  std::optional<std::string> integration;
};
struct EntryDiagnosticsResult {
  std::string entry_id, integration, title;
  RawJson diagnostics;
};
struct DeviceDiagnosticsArgs {
  std::string device_id;
};
struct DeviceDiagnosticsResult {
  std::string device_id, entry_id, integration;
  RawJson diagnostics;
};
struct ListDiagnosticsArgs {
  std::optional<std::string> integration_filter;
  std::int64_t limit = 100;
  std::optional<std::string> cursor;
};
struct DiagnosticIntegration {
  std::string entry_id, domain, title, source, state;
  bool supports_diagnostics = false, supports_device_diagnostics = false;
};
struct DiagnosticDevice {
  std::string device_id, name;
  RawJson manufacturer, model;
  std::vector<std::string> config_entries;
  bool supports_diagnostics = false;
};
struct ListDiagnosticsResult {
  std::vector<DiagnosticIntegration> integrations;
  std::vector<DiagnosticDevice> devices;
  std::uint64_t integration_count = 0, device_count = 0, supported_count = 0;
  std::optional<std::string> next_cursor;
};

}  // namespace patchbay::home_assistant

namespace patchbay {
namespace ha = home_assistant;

template <>
struct Describe<ha::EntryDiagnosticsArgs> {
  using A = ha::EntryDiagnosticsArgs;
  static constexpr std::tuple fields{
      field("entry_id", &A::entry_id, "Config entry id, from ha_list_available_diagnostics").length(1, 64),
      field("integration", &A::integration, "Domain that the entry must be of").nullable().length(0, 64)};
};
template <>
struct Describe<ha::EntryDiagnosticsResult> {
  using R = ha::EntryDiagnosticsResult;
  static constexpr std::tuple fields{
      field("entry_id", &R::entry_id, "The config entry"), field("integration", &R::integration, "Its domain"),
      field("title", &R::title, "Its title"), field("diagnostics", &R::diagnostics, "What the integration tells")};
};
template <>
struct Describe<ha::DeviceDiagnosticsArgs> {
  using A = ha::DeviceDiagnosticsArgs;
  static constexpr std::tuple fields{field("device_id", &A::device_id, "Registry id of the device").length(1, 64)};
};
template <>
struct Describe<ha::DeviceDiagnosticsResult> {
  using R = ha::DeviceDiagnosticsResult;
  static constexpr std::tuple fields{field("device_id", &R::device_id, "The device"),
                                     field("entry_id", &R::entry_id, "The config entry that was asked"),
                                     field("integration", &R::integration, "Its domain"),
                                     field("diagnostics", &R::diagnostics, "What the integration tells")};
};
template <>
struct Describe<ha::ListDiagnosticsArgs> {
  using A = ha::ListDiagnosticsArgs;
  static constexpr std::tuple fields{
      field("integration_filter", &A::integration_filter, "Only integrations whose domain holds this text")
          .nullable()
          .length(0, 64),
      field("limit", &A::limit, "Greatest number of devices to return").nullable().range(1, 10'000),
      field("cursor", &A::cursor, "next_cursor of the page of devices before").nullable().length(0, 64)};
};
template <>
struct Describe<ha::DiagnosticIntegration> {
  using R = ha::DiagnosticIntegration;
  static constexpr std::tuple fields{
      field("entry_id", &R::entry_id, "For ha_get_config_entry_diagnostics"),
      field("domain", &R::domain, "Integration"),
      field("title", &R::title, "Title of the entry"),
      field("source", &R::source, "How it came to be"),
      field("state", &R::state, "loaded or why not"),
      field("supports_diagnostics", &R::supports_diagnostics, "Whether it has diagnostics"),
      field("supports_device_diagnostics", &R::supports_device_diagnostics, "Whether its devices have some of theirs")};
};
template <>
struct Describe<ha::DiagnosticDevice> {
  using R = ha::DiagnosticDevice;
  static constexpr std::tuple fields{
      field("device_id", &R::device_id, "For ha_get_device_diagnostics"),
      field("name", &R::name, "Its name"),
      field("manufacturer", &R::manufacturer, "Who made it").type("string", "null"),
      field("model", &R::model, "What it is").type("string", "null"),
      field("config_entries", &R::config_entries, "Ids of its config entries"),
      field("supports_diagnostics", &R::supports_diagnostics, "Whether one of these has diagnostics for it")};
};
template <>
struct Describe<ha::ListDiagnosticsResult> {
  using R = ha::ListDiagnosticsResult;
  static constexpr std::tuple fields{
      field("integrations", &R::integrations, "Config entries, by domain"),
      field("devices", &R::devices, "Their devices, by id"),
      field("integration_count", &R::integration_count, "How many config entries"),
      field("device_count", &R::device_count, "How many devices in all"),
      field("supported_count", &R::supported_count, "How many config entries have diagnostics"),
      field("next_cursor", &R::next_cursor, "For the next page of devices; absent on the last")};
};
}  // namespace patchbay

namespace patchbay::home_assistant {
namespace {

constexpr auto entry_op = reading_tool<EntryDiagnosticsArgs, EntryDiagnosticsResult>(
    "diagnostics", "get_config_entry_diagnostics", "Download the diagnostics of an integration's config entry.",
    R"({"entry_id":"3598752a29c2996073ef481e99b4c501"})", nullptr, "ha.admin");
constexpr auto device_op = reading_tool<DeviceDiagnosticsArgs, DeviceDiagnosticsResult>(
    "diagnostics", "get_device_diagnostics", "Download the diagnostics of one device.",
    R"({"device_id":"4312f51e9ebf8bf4c12afb029b8e71ec"})", nullptr, "ha.admin");
constexpr auto list_diagnostics_op = reading_tool<ListDiagnosticsArgs, ListDiagnosticsResult>(
    "diagnostics", "list_available_diagnostics", "List integrations and devices that can deliver diagnostics.",
    R"({"integration_filter":"demo"})", nullptr, "ha.admin");

struct Handlers {
  bool config_entry = false, device = false;
};
struct Known {
  std::vector<DiagnosticIntegration> entries;
  DiagnosticIntegration const* find(std::string_view entry_id) const {
    for (auto const& one : entries)
      if (one.entry_id == entry_id) return &one;
    return nullptr;
  }
};

sdk::Task<Result<Known>> known_entries(HomeAssistant& self, sdk::Call& call) {
  auto filling = self.mirror().ready(call);
  Result<void> filled = co_await std::move(filling);
  if (!filled) co_return filled.error();
  auto asking_handlers = self.session().command(call, Command{"diagnostics/list"});
  Result<Frame> listed = co_await std::move(asking_handlers);
  if (!listed) co_return listed.error();
  std::map<std::string, Handlers> handlers;
  raw::each_item(listed->result(), [&](std::string_view one) {
    auto const offered = raw::member(one, "handlers");
    handlers[raw::text(raw::member(one, "domain"))] = {raw::is_true(raw::member(offered, "config_entry")),
                                                       raw::is_true(raw::member(offered, "device"))};
  });
  auto asking_entries = self.session().command(call, Command{"config_entries/get"});
  Result<Frame> entries = co_await std::move(asking_entries);
  if (!entries) co_return entries.error();
  Known out;
  raw::each_item(entries->result(), [&](std::string_view entry) {
    DiagnosticIntegration one;
    one.entry_id = raw::text(raw::member(entry, "entry_id"));
    one.domain = raw::text(raw::member(entry, "domain"));
    one.title = raw::text(raw::member(entry, "title"));
    one.source = raw::text(raw::member(entry, "source"));
    one.state = raw::text(raw::member(entry, "state"));
    auto const mine = handlers[one.domain];
    one.supports_diagnostics = mine.config_entry;
    one.supports_device_diagnostics = mine.device;
    out.entries.push_back(std::move(one));
  });
  std::stable_sort(out.entries.begin(), out.entries.end(), [](auto const& a, auto const& b) {
    return std::tie(a.domain, a.entry_id) < std::tie(b.domain, b.entry_id);
  });
  co_return out;
}

std::vector<std::string> entries_of(Device const& device) {
  std::vector<std::string> out;
  raw::each_item(raw::member(device.json, "config_entries"),
                 [&](std::string_view id) { out.push_back(raw::text(id)); });
  return out;
}

Error offers_none(std::string_view domain) {
  return Error{Code::unsupported, fmt::format("the integration {} offers no diagnostics; ha_list_available_diagnostics "
                                              "says which do",
                                              domain)};
}

// The file that Home Assistant would give for download.
sdk::Task<Result<RawJson>> download(HomeAssistant& self, sdk::Call& call, std::string path, std::string domain) {
  auto asking = self.session().rest(call, "GET", "/diagnostics/" + path);
  Result<RestAnswer> file = co_await std::move(asking);
  if (!file && file.error().code == Code::not_found) co_return offers_none(domain);
  if (!file && file.error().code == Code::upstream_failed)
    co_return Error{Code::upstream_failed, fmt::format("the integration {} failed while it collected its diagnostics; "
                                                       "ha_get_error_log has the reason",
                                                       domain)};
  if (!file) co_return file.error();
  if (!json::check(file->text)) co_return RawJson{json::quoted(file->text)};
  co_return RawJson{std::move(file->text)};
}

Tool<EntryDiagnosticsResult> entry_diagnostics(HomeAssistant& self, sdk::Call& call, EntryDiagnosticsArgs args) {
  auto looking = known_entries(self, call);
  Result<Known> known = co_await std::move(looking);
  if (!known) co_return known.error();
  auto const* entry = known->find(args.entry_id);
  if (entry == nullptr) {
    std::string fitting;
    for (auto const& one : known->entries)
      if (one.domain == args.entry_id || one.domain == args.integration.value_or(""))
        fitting += fmt::format("{}{}", fitting.empty() ? "; of that integration there are " : ", ", one.entry_id);
    co_return Error{Code::not_found,
                    fmt::format("no config entry {}{}", args.entry_id,
                                fitting.empty() ? "; ha_list_available_diagnostics lists them" : fitting),
                    "/entry_id"};
  }
  if (args.integration && !args.integration->empty() && *args.integration != entry->domain)
    co_return Error{Code::invalid_argument, fmt::format("this entry is of the integration {}", entry->domain),
                    "/integration"};
  if (!entry->supports_diagnostics) co_return offers_none(entry->domain);
  sdk::Answer<EntryDiagnosticsResult> out;
  out.data.entry_id = entry->entry_id;
  out.data.integration = entry->domain;
  out.data.title = entry->title;
  auto loading = download(self, call, "config_entry/" + percent_encoded(args.entry_id), entry->domain);
  Result<RawJson> file = co_await std::move(loading);
  if (!file) co_return file.error();
  out.data.diagnostics = std::move(*file);
  out.message = fmt::format("Diagnostics of {}", out.data.title);
  co_return out;
}

Tool<DeviceDiagnosticsResult> device_diagnostics(HomeAssistant& self, sdk::Call& call, DeviceDiagnosticsArgs args) {
  auto looking = known_entries(self, call);
  Result<Known> known = co_await std::move(looking);
  if (!known) co_return known.error();
  auto const* device = self.mirror().registry().device(args.device_id);
  if (device == nullptr)
    co_return Error{Code::not_found,
                    fmt::format("no device with the id {}; ha_list_available_diagnostics lists them", args.device_id),
                    "/device_id"};
  DiagnosticIntegration const* chosen = nullptr;
  std::string domains;
  for (auto const& id : entries_of(*device)) {
    auto const* entry = known->find(id);
    if (entry == nullptr) continue;
    domains += fmt::format("{}{}", domains.empty() ? "" : ", ", entry->domain);
    if (chosen == nullptr && entry->supports_device_diagnostics) chosen = entry;
  }
  if (chosen == nullptr)
    co_return Error{Code::unsupported,
                    fmt::format("none of the integrations of this device ({}) offers diagnostics for devices; "
                                "ha_get_config_entry_diagnostics may have some of the whole entry",
                                domains.empty() ? "none" : domains)};
  sdk::Answer<DeviceDiagnosticsResult> out;
  out.data.entry_id = chosen->entry_id;
  out.data.integration = chosen->domain;
  out.data.device_id = args.device_id;
  auto loading = download(
      self, call,
      fmt::format("config_entry/{}/device/{}", percent_encoded(chosen->entry_id), percent_encoded(args.device_id)),
      chosen->domain);
  Result<RawJson> file = co_await std::move(loading);
  if (!file) co_return file.error();
  out.data.diagnostics = std::move(*file);
  out.message = "Diagnostics of the device";
  co_return out;
}

Tool<ListDiagnosticsResult> list_diagnostics(HomeAssistant& self, sdk::Call& call, ListDiagnosticsArgs args) {
  auto looking = known_entries(self, call);
  Result<Known> known = co_await std::move(looking);
  if (!known) co_return known.error();
  auto const filter = args.integration_filter.value_or("");
  sdk::Answer<ListDiagnosticsResult> out;
  for (auto const& entry : known->entries) {
    if (entry.domain.find(filter) == std::string::npos) continue;
    if (entry.supports_diagnostics) ++out.data.supported_count;
    out.data.integrations.push_back(entry);
  }
  if (out.data.integrations.empty() && !filter.empty()) {
    std::vector<std::string_view> names;
    for (auto const& one : known->entries) names.emplace_back(one.domain);
    std::string near;
    for (auto one : nearest(filter, names, 3)) near += fmt::format("{}{}", near.empty() ? "" : ", ", one);
    co_return Error{
        Code::not_found,
        fmt::format("no config entry of an integration with \"{}\" in its name; the nearest are {}", filter, near),
        "/integration_filter"};
  }
  for (auto const& [id, device] : self.mirror().registry().devices()) {
    DiagnosticDevice one;
    one.config_entries = entries_of(device);
    bool fits = filter.empty();
    for (auto const& entry_id : one.config_entries) {
      auto const* entry = known->find(entry_id);
      if (entry == nullptr) continue;
      fits = fits || entry->domain.find(filter) != std::string::npos;
      one.supports_diagnostics = one.supports_diagnostics || entry->supports_device_diagnostics;
    }
    if (!fits) continue;
    one.device_id = id;
    one.name = device.name;
    auto const manufacturer = raw::member(device.json, "manufacturer"), model = raw::member(device.json, "model");
    if (!manufacturer.empty()) one.manufacturer.text = manufacturer;
    if (!model.empty()) one.model.text = model;
    out.data.devices.push_back(std::move(one));
  }
  out.data.integration_count = out.data.integrations.size();
  out.data.device_count = out.data.devices.size();
  out.data.next_cursor = cut_page(out.data.devices, static_cast<std::size_t>(args.limit), args.cursor,
                                  [](DiagnosticDevice const& one) { return std::string_view{one.device_id}; });
  out.message = fmt::format("{} of {} have diagnostics", out.data.supported_count,
                            plural(out.data.integration_count, "config entry", "config entries"));
  co_return out;
}

}  // namespace

void declare_diagnostics(sdk::Table<HomeAssistant>& table) {
  add_tool<entry_op, &entry_diagnostics>(table);
  add_tool<device_op, &device_diagnostics>(table);
  add_tool<list_diagnostics_op, &list_diagnostics>(table);
}

}  // namespace patchbay::home_assistant
