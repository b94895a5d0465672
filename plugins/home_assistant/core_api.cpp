// Category core_api, but for states and history: services, configuration, panels, events fired, templates.
#include <spdlog/fmt/fmt.h>

#include "plugins/home_assistant/plugin.hpp"
#include "plugins/home_assistant/raw_json.hpp"
#include "plugins/home_assistant/upstream_error.hpp"
#include "plugins/sdk/nearest.hpp"

namespace patchbay::home_assistant {

struct GetServicesArgs {
  std::optional<std::string> domain;
  bool names_only = false;
};
struct ServiceDomain {
  std::string domain;
  RawJson services;
};
struct FireEventArgs {
  std::string event_type;
  RawJson event_data;
};
struct FireEventResult {
  std::string event_type;
  RawJson event_data;
  std::string context_id;
};
struct RenderArgs {
  std::string template_text;
  RawJson variables;
  std::optional<std::int64_t> timeout;
  bool strict = false;
};
struct RenderResult {
  std::string template_text;
  RawJson result;
  RawJson listeners;
};
struct Panel {
  std::string url_path;
  std::string component_name;
  RawJson title;
  RawJson icon;
  bool require_admin = false;
  std::optional<bool> show_in_sidebar;
  RawJson config;
};
struct PanelsResult {
  std::vector<Panel> panels;
  std::uint64_t count = 0;
  std::string source{websocket_source};
};

}  // namespace patchbay::home_assistant

namespace patchbay {
namespace ha = home_assistant;

template <>
struct Describe<ha::GetServicesArgs> {
  using A = ha::GetServicesArgs;
  static constexpr std::tuple fields{
      field("domain", &A::domain, "Keep only this domain, such as light").nullable().length(0, 64),
      field("names_only", &A::names_only, "Service names instead of their descriptions").nullable()};
};
template <>
struct Describe<ha::ServiceDomain> {
  using R = ha::ServiceDomain;
  static constexpr std::tuple fields{
      field("domain", &R::domain, "The domain"),
      field("services", &R::services, "Its services: descriptions by name, or names").type("object", "array")};
};
template <>
struct Describe<ha::FireEventArgs> {
  using A = ha::FireEventArgs;
  static constexpr std::tuple fields{field("event_type", &A::event_type, "Event type").length(1, 64),
                                     field("event_data", &A::event_data, "Event data").type("object").nullable()};
};
template <>
struct Describe<ha::FireEventResult> {
  using R = ha::FireEventResult;
  static constexpr std::tuple fields{field("event_type", &R::event_type, "As fired"),
                                     field("event_data", &R::event_data, "As fired"),
                                     field("context_id", &R::context_id, "Home Assistant's id of it")};
};
template <>
struct Describe<ha::RenderArgs> {
  using A = ha::RenderArgs;
  static constexpr std::tuple fields{field("template", &A::template_text, "Template text").length(0, 65'536),
                                     field("variables", &A::variables, "Variables by name").type("object").nullable(),
                                     field("timeout", &A::timeout, "Seconds it may take").nullable().range(1, 30),
                                     field("strict", &A::strict, "Undefined variables are errors").nullable()};
};
template <>
struct Describe<ha::RenderResult> {
  using R = ha::RenderResult;
  static constexpr std::tuple fields{
      field("template", &R::template_text, "As given"),
      field("result", &R::result, "What it renders to, with Home Assistant's native types"),
      field("listeners", &R::listeners, "What the result depends on").type("object", "null")};
};
template <>
struct Describe<ha::Panel> {
  using R = ha::Panel;
  static constexpr std::tuple fields{
      field("url_path", &R::url_path, "Where it is"),
      field("component_name", &R::component_name, "What it is made by"),
      field("title", &R::title, "Title").type("string", "null"),
      field("icon", &R::icon, "Icon").type("string", "null"),
      field("require_admin", &R::require_admin, "Whether only administrators see it"),
      field("show_in_sidebar", &R::show_in_sidebar, "Whether it is listed, where Home Assistant tells"),
      field("config", &R::config, "Its settings")};
};
template <>
struct Describe<ha::PanelsResult> {
  using R = ha::PanelsResult;
  static constexpr std::tuple fields{field("panels", &R::panels, "By url path"), field("count", &R::count, "How many"),
                                     field("source", &R::source, "Where it was asked")};
};
}  // namespace patchbay

namespace patchbay::home_assistant {
namespace {

template <class A, class R>
constexpr sdk::Operation<A, R> read_op(char const* name, char const* summary, char const* example) {
  return {.name = name,
          .summary = summary,
          .scope = "ha.read",
          .category = "core_api",
          .errors = upstream_errors,
          .example = example,
          .reaches_out = true};
}
constexpr auto get_services_op = read_op<GetServicesArgs, std::vector<ServiceDomain>>(
    "get_services", "List the services by domain, with their fields or by name only.",
    R"({"domain":"light","names_only":true})");
constexpr auto get_config_op = read_op<Nothing, std::map<std::string, RawJson>>(
    "get_config", "Return the core configuration: version, location, units, components and state.", "{}");
constexpr auto panels_op =
    read_op<Nothing, PanelsResult>("get_panels", "List the panels of the Home Assistant sidebar.", "{}");
constexpr auto render_op = [] {
  auto op =
      read_op<RenderArgs, RenderResult>("render_template", "Render a Jinja2 template on the Home Assistant server.",
                                        R"({"template":"{{ states('light.bed_light') }}"})");
  op.aliases = "eval_template";
  return op;
}();
constexpr sdk::Operation<FireEventArgs, FireEventResult> fire_op{
    .name = "fire_event",
    .summary = "Fire an event on the Home Assistant event bus.",
    .effect = Effect::write,
    .scope = "ha.admin",
    .category = "core_api",
    .errors = upstream_errors,
    .example = R"({"event_type":"my_event","event_data":{"room":"kitchen"}})",
    .reaches_out = true};

std::string text_of_member(std::string_view object, std::string_view key) {
  return raw::text(raw::member(object, key));
}

sdk::Task<Result<sdk::Raw>> get_services(HomeAssistant& self, sdk::Call& call, GetServicesArgs args) {
  auto asking = self.session().command(call, Command{"get_services"});
  Result<Frame> listed = co_await std::move(asking);
  if (!listed) co_return listed.error();
  sdk::Raw out;
  auto& text = out.data.text;
  text = "[";
  std::size_t domains = 0, services_count = 0;
  std::vector<std::string> names;
  raw::each_member(listed->result(), [&](std::string_view key, std::string_view services) {
    auto const domain = raw::text(key);
    names.push_back(domain);
    if (args.domain && !args.domain->empty() && domain != *args.domain) return;
    if (domains++ > 0) text += ',';
    text.append("{\"domain\":").append(key).append(",\"services\":");
    services_count += raw::count(services);
    if (args.names_only) {
      text += '[';
      bool first = true;
      raw::each_member(services, [&](std::string_view name, std::string_view) {
        if (!std::exchange(first, false)) text += ',';
        text += name;
      });
      text += ']';
    } else {
      text += services;
    }
    text += '}';
  });
  text += ']';
  if (domains == 0 && args.domain && !args.domain->empty()) {
    std::vector<std::string_view> const views{names.begin(), names.end()};
    co_return Error{Code::not_found,
                    fmt::format("no services of domain {}; {}there are {} domains", *args.domain,
                                did_you_mean(*args.domain, views), names.size()),
                    "/domain"};
  }
  out.message = fmt::format("Found {} service{} in {} domain{}", services_count, services_count == 1 ? "" : "s",
                            domains, domains == 1 ? "" : "s");
  co_return out;
}

sdk::Task<Result<sdk::Raw>> get_config(HomeAssistant& self, sdk::Call& call, Nothing) {
  auto asking = self.session().command(call, Command{"get_config"});
  Result<Frame> config = co_await std::move(asking);
  if (!config) co_return config.error();
  sdk::Raw out;
  out.data.text = config->result();
  out.message = fmt::format("Home Assistant {} is {}", text_of_member(config->result(), "version"),
                            text_of_member(config->result(), "state"));
  co_return out;
}

Tool<PanelsResult> get_panels(HomeAssistant& self, sdk::Call& call, Nothing) {
  auto asking = self.session().command(call, Command{"get_panels"});
  Result<Frame> panels = co_await std::move(asking);
  if (!panels) co_return panels.error();
  sdk::Answer<PanelsResult> out;
  raw::each_member(panels->result(), [&](std::string_view key, std::string_view value) {
    Panel panel;
    if (auto parsed = json::parse(value, json::upstream_limits)) describe::read(*parsed, panel);
    panel.url_path = raw::text(key);
    out.data.panels.push_back(std::move(panel));
  });
  std::sort(out.data.panels.begin(), out.data.panels.end(),
            [](Panel const& a, Panel const& b) { return a.url_path < b.url_path; });
  out.data.count = out.data.panels.size();
  out.message = fmt::format("Found {} panel{}", out.data.count, out.data.count == 1 ? "" : "s");
  co_return out;
}

Tool<FireEventResult> fire_event(HomeAssistant& self, sdk::Call& call, FireEventArgs args) {
  Command command = Command{"fire_event"}.text("event_type", args.event_type);
  if (args.event_data.text != "null") command = std::move(command).raw("event_data", args.event_data.text);
  auto asking = self.session().command(call, std::move(command));
  Result<Frame> fired = co_await std::move(asking);
  if (!fired) co_return fired.error();
  sdk::Answer<FireEventResult> out;
  out.data.context_id = text_of_member(raw::member(fired->result(), "context"), "id");
  out.message = fmt::format("Fired {}", args.event_type);
  out.data.event_type = std::move(args.event_type);
  out.data.event_data = std::move(args.event_data);
  co_return out;
}

// A subscription in Home Assistant: the first event has the result, or the error, which comes only when it is asked
// for.
Tool<RenderResult> render_template(HomeAssistant& self, sdk::Call& call, RenderArgs args) {
  Command command = Command{"render_template"}
                        .text("template", args.template_text)
                        .flag("report_errors", true)
                        .number("timeout", args.timeout.value_or(5));
  if (args.strict) command = std::move(command).flag("strict", true);
  if (args.variables.text != "null") command = std::move(command).raw("variables", args.variables.text);
  auto asking = self.session().first_event(call, std::move(command));
  Result<std::string> event = co_await std::move(asking);
  if (!event) co_return event.error();
  auto const problem = raw::member(*event, "error");
  if (!problem.empty())
    co_return Error{Code::invalid_argument, "the template does not render: " + raw::text(problem), "/template"};
  sdk::Answer<RenderResult> out;
  out.data.template_text = std::move(args.template_text);
  out.data.result.text = raw::member(*event, "result");
  auto const listeners = raw::member(*event, "listeners");
  if (!listeners.empty()) out.data.listeners.text = listeners;
  out.message = "Rendered";
  co_return out;
}

}  // namespace

void declare_core_api(sdk::Table<HomeAssistant>& table) {
  add_tool<get_services_op, &get_services>(table);
  add_tool<get_config_op, &get_config>(table);
  add_tool<panels_op, &get_panels>(table);
  add_tool<render_op, &render_template>(table);
  add_tool<fire_op, &fire_event>(table);
}

}  // namespace patchbay::home_assistant
