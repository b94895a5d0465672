// Category addons: add-ons of systems with a Supervisor, listed, looked at, started, stopped, installed and updated.
#include <spdlog/fmt/fmt.h>

#include "plugins/home_assistant/raw_json.hpp"
#include "plugins/home_assistant/supervisor.hpp"
#include "plugins/home_assistant/tool_kinds.hpp"

namespace patchbay::home_assistant {

struct ListAddonsArgs {
  bool available = false;
};
struct AddonLine {
  std::string slug, name;
  std::optional<std::string> state;
  RawJson version, version_latest;
  bool update_available = false;
  std::optional<std::string> repository, description;
};
struct ListAddonsResult {
  std::vector<AddonLine> addons;
  std::uint64_t count = 0;
};
struct AddonArgs {
  std::string addon_slug;
};
struct AddonInfoArgs {
  std::string addon_slug;
  bool stats = false;
};
struct AddonChangeResult {
  std::string slug;
  std::optional<std::string> state, previous_state;
  bool changed = false;
};
struct InstallAddonArgs {
  std::string addon_slug;
  std::optional<std::string> version;
};
struct InstallAddonResult {
  std::string slug;
  std::optional<std::string> version, job_id;
};
struct UpdateAddonArgs {
  std::string addon_slug;
  std::optional<std::string> version;
  bool backup = false;
};
struct UpdateAddonResult {
  std::string slug;
  std::optional<std::string> old_version, new_version, job_id;
  bool changed = false;
};
struct UninstallAddonArgs {
  std::string addon_slug;
  bool confirm = false, remove_config = false;
};
struct UninstallAddonResult {
  std::string slug;
  bool removed = true;
};
struct AddonLogsArgs {
  std::string addon_slug;
  std::int64_t lines = 100;
};
struct AddonLogsResult {
  std::string slug, logs;
  std::uint64_t lines = 0;
  bool truncated = false;
};

}  // namespace patchbay::home_assistant

namespace patchbay {
namespace ha = home_assistant;

namespace home_assistant {
template <class A>
constexpr auto slug_field(std::string A::*member) {
  return field("addon_slug", member, "Add-on slug, such as core_mosquitto").length(1, 128).alias("slug", "addon");
}
template <class A>
constexpr auto version_field(std::optional<std::string> A::*member) {
  return field("version", member, "Wanted version; the newest when absent").nullable().length(0, 64);
}
}  // namespace home_assistant

template <>
struct Describe<ha::ListAddonsArgs> {
  using A = ha::ListAddonsArgs;
  static constexpr std::tuple fields{
      field("available", &A::available, "true: those of the store that can be installed").nullable()};
};
template <>
struct Describe<ha::AddonLine> {
  using R = ha::AddonLine;
  static constexpr std::tuple fields{
      field("slug", &R::slug, "Names it"),
      field("name", &R::name, "Its name"),
      field("state", &R::state, "started, stopped, error, unknown; absent: not installed"),
      field("version", &R::version, "Installed version").type("string", "null"),
      field("version_latest", &R::version_latest, "Newest version").type("string", "null"),
      field("update_available", &R::update_available, "Whether there is a newer one"),
      field("repository", &R::repository, "Where it comes from"),
      field("description", &R::description, "What it is, in the store")};
};
template <>
struct Describe<ha::ListAddonsResult> {
  using R = ha::ListAddonsResult;
  static constexpr std::tuple fields{field("addons", &R::addons, "By slug"), field("count", &R::count, "How many")};
};
template <>
struct Describe<ha::AddonArgs> {
  static constexpr std::tuple fields{ha::slug_field(&ha::AddonArgs::addon_slug)};
};
template <>
struct Describe<ha::AddonInfoArgs> {
  using A = ha::AddonInfoArgs;
  static constexpr std::tuple fields{ha::slug_field(&A::addon_slug),
                                     field("stats", &A::stats, "Add use of CPU and memory").nullable()};
};
template <>
struct Describe<ha::AddonChangeResult> {
  using R = ha::AddonChangeResult;
  static constexpr std::tuple fields{field("slug", &R::slug, "The add-on"), field("state", &R::state, "Its state now"),
                                     field("previous_state", &R::previous_state, "Its state before"),
                                     field("changed", &R::changed, "Whether it is another one")};
};
template <>
struct Describe<ha::InstallAddonArgs> {
  using A = ha::InstallAddonArgs;
  static constexpr std::tuple fields{ha::slug_field(&A::addon_slug), ha::version_field(&A::version)};
};
template <>
struct Describe<ha::InstallAddonResult> {
  using R = ha::InstallAddonResult;
  static constexpr std::tuple fields{field("slug", &R::slug, "The add-on"),
                                     field("version", &R::version, "Version installed"),
                                     field("job_id", &R::job_id, "The Supervisor's job, while it is still at it")};
};
template <>
struct Describe<ha::UpdateAddonArgs> {
  using A = ha::UpdateAddonArgs;
  static constexpr std::tuple fields{ha::slug_field(&A::addon_slug), ha::version_field(&A::version),
                                     field("backup", &A::backup, "Make a backup of it first").nullable()};
};
template <>
struct Describe<ha::UpdateAddonResult> {
  using R = ha::UpdateAddonResult;
  static constexpr std::tuple fields{field("slug", &R::slug, "The add-on"),
                                     field("old_version", &R::old_version, "Version before"),
                                     field("new_version", &R::new_version, "Version now"),
                                     field("job_id", &R::job_id, "The Supervisor's job, while it is still at it"),
                                     field("changed", &R::changed, "Whether it is another version")};
};
template <>
struct Describe<ha::UninstallAddonArgs> {
  using A = ha::UninstallAddonArgs;
  static constexpr std::tuple fields{
      ha::slug_field(&A::addon_slug), field("confirm", &A::confirm, "Must be true: its data goes with it").nullable(),
      field("remove_config", &A::remove_config, "Remove its configuration folder too").nullable()};
};
template <>
struct Describe<ha::UninstallAddonResult> {
  using R = ha::UninstallAddonResult;
  static constexpr std::tuple fields{field("slug", &R::slug, "The add-on"), field("removed", &R::removed, "true")};
};
template <>
struct Describe<ha::AddonLogsArgs> {
  using A = ha::AddonLogsArgs;
  static constexpr std::tuple fields{
      ha::slug_field(&A::addon_slug),
      field("lines", &A::lines, "How many of the newest lines").nullable().range(1, 5'000)};
};
template <>
struct Describe<ha::AddonLogsResult> {
  using R = ha::AddonLogsResult;
  static constexpr std::tuple fields{
      field("slug", &R::slug, "The add-on"), field("logs", &R::logs, "Oldest line first"),
      field("lines", &R::lines, "How many lines"), field("truncated", &R::truncated, "Whether there are older ones")};
};
}  // namespace patchbay

namespace patchbay::home_assistant {
namespace {

using Seconds = std::chrono::seconds;

template <class A, class R>
constexpr auto addon_read(char const* name, char const* summary, char const* example) {
  return reading_tool<A, R>("addons", name, summary, example, nullptr, "ha.admin");
}
template <class A, class R>
constexpr auto addon_change(char const* name, char const* summary, char const* example, Effect effect = Effect::write,
                            Seconds timeout = Seconds{120}) {
  return changing_tool<A, R>("addons", name, summary, example, nullptr, "ha.admin", effect, timeout);
}
constexpr auto list_addons_op = addon_read<ListAddonsArgs, ListAddonsResult>(
    "list_addons", "List the installed add-ons with state and version.", "{}");
constexpr auto info_op = addon_read<AddonInfoArgs, std::map<std::string, RawJson>>(
    "get_addon_info", "Return version, state, options and network settings of an add-on; secrets are masked.",
    R"({"addon_slug":"core_mosquitto"})");
constexpr auto logs_op = addon_read<AddonLogsArgs, AddonLogsResult>(
    "get_addon_logs", "Return the newest log lines of an add-on.", R"({"addon_slug":"core_mosquitto","lines":50})");
constexpr auto start_op =
    addon_change<AddonArgs, AddonChangeResult>("start_addon", "Start an add-on.", R"({"addon_slug":"core_mosquitto"})");
constexpr auto stop_op =
    addon_change<AddonArgs, AddonChangeResult>("stop_addon", "Stop an add-on.", R"({"addon_slug":"core_mosquitto"})");
constexpr auto restart_addon_op = addon_change<AddonArgs, AddonChangeResult>("restart_addon", "Restart an add-on.",
                                                                             R"({"addon_slug":"core_mosquitto"})");
constexpr auto install_op = addon_change<InstallAddonArgs, InstallAddonResult>(
    "install_addon", "Install an add-on from a known repository.", R"({"addon_slug":"core_mosquitto"})", Effect::write,
    Seconds{600});
constexpr auto update_addon_op = addon_change<UpdateAddonArgs, UpdateAddonResult>(
    "update_addon", "Update an add-on.", R"({"addon_slug":"core_mosquitto","backup":true})", Effect::write,
    Seconds{600});
constexpr auto uninstall_op = addon_change<UninstallAddonArgs, UninstallAddonResult>(
    "uninstall_addon", "Remove an add-on together with its data.", R"({"addon_slug":"core_mosquitto","confirm":true})",
    Effect::destructive);

// A slug goes into a path, so it is checked. Errors: invalid_argument.
Result<void> check_slug(std::string_view slug) {
  bool good = !slug.empty() && slug[0] != '.';
  for (char c : slug)
    good = good && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
                    c == '-' || c == '.');
  if (good) return {};
  return Error{Code::invalid_argument,
               "not an add-on's slug, which has letters, digits, _ and - only, such as core_mosquitto", "/addon_slug"};
}

SupervisorQuestion post(std::string endpoint, std::string body = {}) {
  return {"post", std::move(endpoint), std::move(body)};
}

std::optional<std::string> text_member(std::string_view object, std::string_view key) {
  auto text = raw::text(raw::member(object, key));
  if (text.empty()) return std::nullopt;
  return text;
}

sdk::Task<Result<RawJson>> info_of(HomeAssistant& self, sdk::Call& call, std::string slug) {
  SupervisorQuestion question;
  question.endpoint = "/addons/" + slug + "/info";
  auto asking = ask_supervisor(self, call, std::move(question));
  Result<RawJson> info = co_await std::move(asking);
  co_return info;
}

RawJson text_or_nothing(std::string_view value) { return RawJson{value.empty() ? "null" : std::string{value}}; }

Tool<ListAddonsResult> list_addons(HomeAssistant& self, sdk::Call& call, ListAddonsArgs args) {
  SupervisorQuestion question;
  question.endpoint = args.available ? "/store/addons" : "/addons";
  auto asking = ask_supervisor(self, call, std::move(question));
  Result<RawJson> data = co_await std::move(asking);
  if (!data) co_return data.error();
  sdk::Answer<ListAddonsResult> out;
  auto const list = data->text.starts_with('[') ? std::string_view{data->text} : raw::member(data->text, "addons");
  raw::each_item(list, [&](std::string_view one) {
    AddonLine line;
    line.slug = raw::text(raw::member(one, "slug"));
    line.name = raw::text(raw::member(one, "name"));
    line.state = text_member(one, "state");
    line.version = text_or_nothing(raw::member(one, "version"));
    line.version_latest = text_or_nothing(raw::member(one, "version_latest"));
    line.update_available = raw::is_true(raw::member(one, "update_available"));
    line.repository = text_member(one, "repository");
    if (args.available) line.description = text_member(one, "description");
    out.data.addons.push_back(std::move(line));
  });
  std::sort(out.data.addons.begin(), out.data.addons.end(),
            [](auto const& a, auto const& b) { return a.slug < b.slug; });
  out.data.count = out.data.addons.size();
  out.message = fmt::format("Found {}", plural(out.data.count, "add-on"));
  co_return out;
}

bool names_a_secret(std::string_view key) {
  std::string small{key};
  for (char& c : small)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  for (std::string_view word :
       {"password", "passwd", "token", "secret", "api_key", "apikey", "private", "credential", "psk"})
    if (small.find(word) != std::string::npos) return true;
  return small == "key" || small.ends_with("_key");
}

// The same JSON with the values of what is named like a secret as "***".
std::string masked(std::string_view value) {
  if (value.starts_with('{')) {
    std::string out = "{";
    raw::each_member(value, [&](std::string_view key, std::string_view inner) {
      bool const hide = names_a_secret(raw::text(key)) && !raw::is_null(inner) && inner != "\"\"" && inner != "true" &&
                        inner != "false";
      out += (out.size() > 1 ? "," : "") + std::string{key} + ":" + (hide ? std::string{"\"***\""} : masked(inner));
    });
    return out + "}";
  }
  if (value.starts_with('[')) {
    std::string out = "[";
    raw::each_item(value, [&](std::string_view inner) { out += (out.size() > 1 ? "," : "") + masked(inner); });
    return out + "]";
  }
  return std::string{value};
}

sdk::Task<Result<sdk::Raw>> addon_info(HomeAssistant& self, sdk::Call& call, AddonInfoArgs args) {
  if (auto good = check_slug(args.addon_slug); !good) co_return good.error();
  auto asking = info_of(self, call, args.addon_slug);
  Result<RawJson> info = co_await std::move(asking);
  if (!info) co_return info.error();
  sdk::Raw out;
  out.message = fmt::format("{} is {}", args.addon_slug, raw::text(raw::member(info->text, "state")));
  std::string text = "{";
  raw::each_member(info->text, [&](std::string_view key, std::string_view value) {
    auto const name = raw::text(key);
    // Long texts that are for people reading a page, and the schema of the options, are left out.
    if (name == "long_description" || name == "schema" || name == "translations") return;
    text += (text.size() > 1 ? "," : "") + std::string{key} + ":" +
            (name == "options" ? masked(value) : std::string{value});
  });
  if (args.stats) {
    SupervisorQuestion question;
    question.endpoint = "/addons/" + args.addon_slug + "/stats";
    auto measuring = ask_supervisor(self, call, std::move(question));
    Result<RawJson> stats = co_await std::move(measuring);
    if (stats) text += (text.size() > 1 ? ",\"stats\":" : "\"stats\":") + stats->text;
  }
  out.data = RawJson{text + "}"};
  co_return out;
}

// start, stop, restart: asks for it and tells the state before and after.
Tool<AddonChangeResult> change_state(HomeAssistant& self, sdk::Call& call, std::string slug, std::string verb) {
  if (auto good = check_slug(slug); !good) co_return good.error();
  auto asking = info_of(self, call, slug);
  Result<RawJson> before = co_await std::move(asking);
  if (!before) co_return before.error();
  if (verb != "start") {
    auto looking = own_addon(self, call);
    std::string const own = co_await std::move(looking);
    if (slug == "self" || (!own.empty() && own == slug))
      co_return Error{Code::conflict, fmt::format("the gateway itself runs in {}, so it does not {} it", slug, verb),
                      "/addon_slug"};
  }
  auto question = post("/addons/" + slug + "/" + verb);
  auto changing = ask_supervisor(self, call, std::move(question));
  Result<RawJson> done = co_await std::move(changing);
  if (!done) co_return done.error();
  auto again = info_of(self, call, slug);
  Result<RawJson> after = co_await std::move(again);
  sdk::Answer<AddonChangeResult> out;
  out.data.previous_state = text_member(before->text, "state");
  if (after) out.data.state = text_member(after->text, "state");
  out.data.changed = after && out.data.state != out.data.previous_state;
  out.message = fmt::format("{} is {}", slug, out.data.state.value_or("in a state that could not be read"));
  out.data.slug = std::move(slug);
  co_return out;
}
Tool<AddonChangeResult> start_addon(HomeAssistant& self, sdk::Call& call, AddonArgs args) {
  return change_state(self, call, std::move(args.addon_slug), "start");
}
Tool<AddonChangeResult> stop_addon(HomeAssistant& self, sdk::Call& call, AddonArgs args) {
  return change_state(self, call, std::move(args.addon_slug), "stop");
}
Tool<AddonChangeResult> restart_addon(HomeAssistant& self, sdk::Call& call, AddonArgs args) {
  return change_state(self, call, std::move(args.addon_slug), "restart");
}

Result<std::string> store_path(std::string const& slug, std::string_view verb,
                               std::optional<std::string> const& version) {
  if (auto good = check_slug(slug); !good) return good.error();
  auto out = fmt::format("/store/addons/{}/{}", slug, verb);
  if (!version || version->empty()) return out;
  if (!check_slug(*version)) return Error{Code::invalid_argument, "not a version, such as 6.4.1", "/version"};
  return out + "/" + *version;
}

Tool<InstallAddonResult> install_addon(HomeAssistant& self, sdk::Call& call, InstallAddonArgs args) {
  auto path = store_path(args.addon_slug, "install", args.version);
  if (!path) co_return path.error();
  auto question = post(std::move(*path));
  auto installing = ask_supervisor(self, call, std::move(question));
  Result<RawJson> done = co_await std::move(installing);
  if (!done) co_return done.error();
  sdk::Answer<InstallAddonResult> out;
  out.data.job_id = text_member(done->text, "job_id");
  auto asking = info_of(self, call, args.addon_slug);
  Result<RawJson> info = co_await std::move(asking);
  if (info) out.data.version = text_member(info->text, "version");
  out.message = fmt::format("Installed {} {}", args.addon_slug, out.data.version.value_or(""));
  out.data.slug = std::move(args.addon_slug);
  co_return out;
}

Tool<UpdateAddonResult> update_addon(HomeAssistant& self, sdk::Call& call, UpdateAddonArgs args) {
  auto path = store_path(args.addon_slug, "update", args.version);
  if (!path) co_return path.error();
  auto asking = info_of(self, call, args.addon_slug);
  Result<RawJson> before = co_await std::move(asking);
  if (!before) co_return before.error();
  sdk::Answer<UpdateAddonResult> out;
  out.data.old_version = text_member(before->text, "version");
  bool const newest = !args.version || args.version->empty();
  if (newest && raw::member(before->text, "update_available") == "false") {
    out.data.new_version = out.data.old_version;
    out.message = fmt::format("{} is the newest already: {}", args.addon_slug, out.data.old_version.value_or(""));
    out.data.slug = std::move(args.addon_slug);
    co_return out;
  }
  auto question = post(std::move(*path), args.backup ? R"({"backup":true})" : R"({"backup":false})");
  auto updating = ask_supervisor(self, call, std::move(question));
  Result<RawJson> done = co_await std::move(updating);
  if (!done) co_return done.error();
  out.data.job_id = text_member(done->text, "job_id");
  auto again = info_of(self, call, args.addon_slug);
  Result<RawJson> after = co_await std::move(again);
  if (after) out.data.new_version = text_member(after->text, "version");
  out.data.changed = out.data.new_version != out.data.old_version;
  out.message = fmt::format("Updated {} from {} to {}", args.addon_slug, out.data.old_version.value_or("?"),
                            out.data.new_version.value_or("?"));
  out.data.slug = std::move(args.addon_slug);
  co_return out;
}

Tool<UninstallAddonResult> uninstall_addon(HomeAssistant& self, sdk::Call& call, UninstallAddonArgs args) {
  if (auto good = check_slug(args.addon_slug); !good) co_return good.error();
  auto asking = info_of(self, call, args.addon_slug);  // also says that there is no Supervisor
  Result<RawJson> info = co_await std::move(asking);
  if (!info) co_return info.error();
  if (auto sure = check_confirmed(args.confirm, "the add-on's data goes with it"); !sure) co_return sure.error();
  auto looking = own_addon(self, call);
  std::string const own = co_await std::move(looking);
  if (args.addon_slug == "self" || (!own.empty() && own == args.addon_slug))
    co_return Error{Code::conflict, "the gateway itself runs in this add-on", "/addon_slug"};
  auto question = post("/addons/" + args.addon_slug + "/uninstall",
                       args.remove_config ? R"({"remove_config":true})" : R"({"remove_config":false})");
  auto removing = ask_supervisor(self, call, std::move(question));
  Result<RawJson> done = co_await std::move(removing);
  if (!done) co_return done.error();
  sdk::Answer<UninstallAddonResult> out;
  out.message = fmt::format("Removed {}", args.addon_slug);
  out.data.slug = std::move(args.addon_slug);
  co_return out;
}

Tool<AddonLogsResult> addon_logs(HomeAssistant& self, sdk::Call& call, AddonLogsArgs args) {
  if (auto good = check_slug(args.addon_slug); !good) co_return good.error();
  auto asking = supervisor_text(self, call, "/addons/" + args.addon_slug + "/logs");
  Result<std::string> text = co_await std::move(asking);
  if (!text) co_return text.error();
  std::vector<std::string> lines;
  std::string line;
  bool escape = false;
  for (char c : *text + (text->ends_with('\n') || text->empty() ? "" : "\n")) {
    if (escape)
      escape = !(c >= '@' && c <= '~' && c != '[');  // the colours of terminals are left out
    else if (c == '\x1b')
      escape = true;
    else if (c == '\n')
      lines.push_back(std::exchange(line, {}));
    else if (c != '\r')
      line += c;
  }
  sdk::Answer<AddonLogsResult> out;
  auto const wanted = static_cast<std::size_t>(args.lines);
  out.data.truncated = lines.size() > wanted;
  for (auto i = lines.size() - std::min(lines.size(), wanted); i < lines.size(); ++i) out.data.logs += lines[i] + "\n";
  out.data.lines = std::min(lines.size(), wanted);
  out.message = fmt::format("{} of {}", plural(out.data.lines, "line"), args.addon_slug);
  out.data.slug = std::move(args.addon_slug);
  co_return out;
}

}  // namespace

void declare_addons(sdk::Table<HomeAssistant>& table) {
  add_tool<list_addons_op, &list_addons>(table);
  add_tool<info_op, &addon_info>(table);
  add_tool<logs_op, &addon_logs>(table);
  add_tool<start_op, &start_addon>(table);
  add_tool<stop_op, &stop_addon>(table);
  add_tool<restart_addon_op, &restart_addon>(table);
  add_tool<install_op, &install_addon>(table);
  add_tool<update_addon_op, &update_addon>(table);
  add_tool<uninstall_op, &uninstall_addon>(table);
}

}  // namespace patchbay::home_assistant
