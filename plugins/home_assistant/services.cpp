// Services: the book of them, and ha_call_service.
#include "plugins/home_assistant/services.hpp"

#include <spdlog/fmt/fmt.h>

#include "plugins/home_assistant/plugin.hpp"
#include "plugins/home_assistant/principals.hpp"
#include "plugins/home_assistant/raw_json.hpp"
#include "plugins/home_assistant/text.hpp"
#include "plugins/home_assistant/verified_action.hpp"
#include "plugins/sdk/nearest.hpp"

namespace patchbay::home_assistant {

struct CallServiceArgs {
  std::string domain;
  std::string service;
  RawJson entity_id;
  RawJson service_data;
  RawJson target;
  std::optional<bool> return_response;
  std::int64_t wait_ms = usual_wait_ms;
};
struct CallServiceResult {
  std::string domain;
  std::string service;
  bool changed = false;
  std::optional<std::string> state, previous;
  std::vector<EntityOutcome> entities;
  std::vector<RawJson> changed_states;
  std::uint64_t count = 0;
  std::optional<RawJson> service_response;
  std::string context_id;
};

}  // namespace patchbay::home_assistant

namespace patchbay {
namespace ha = home_assistant;

template <>
struct Describe<ha::CallServiceArgs> {
  using A = ha::CallServiceArgs;
  static constexpr std::tuple fields{
      field("domain", &A::domain, "Service domain, such as light").length(1, 64),
      field("service", &A::service, "Service name, such as turn_on").length(1, 128),
      field("entity_id", &A::entity_id, "Target entity id, or a list of them").type("string", "array").nullable(),
      field("service_data", &A::service_data, "Further service fields").type("object").nullable().alias("data"),
      field("target", &A::target, "Target: entity_id, device_id, area_id, floor_id, label_id, each a text or a list")
          .type("object")
          .nullable(),
      field("return_response", &A::return_response, "Ask for the service's data; absent: whenever the service has some")
          .nullable(),
      field("wait_ms", &A::wait_ms, "How long to wait until the states of the entities named show it, in milliseconds")
          .nullable()
          .range(0, 30'000)};
};
template <>
struct Describe<ha::CallServiceResult> {
  using R = ha::CallServiceResult;
  static constexpr std::tuple fields{
      field("domain", &R::domain, "As called"),
      field("service", &R::service, "As called"),
      field("changed", &R::changed, "Whether any state has changed by now; a device may follow later"),
      field("state", &R::state, "For one entity: its state now"),
      field("previous", &R::previous, "For one entity: its state before"),
      field("entities", &R::entities, "The entities that were named"),
      field("changed_states", &R::changed_states, "The states that have changed by this call"),
      field("count", &R::count, "How many"),
      field("service_response", &R::service_response, "What the service returned, where it returns data"),
      field("context_id", &R::context_id, "Home Assistant's id of this call")};
};
}  // namespace patchbay

namespace patchbay::home_assistant {
namespace {

using std::chrono::milliseconds;

constexpr sdk::Operation<CallServiceArgs, CallServiceResult> call_service_op{
    .name = "call_service",
    .summary = "Call any Home Assistant service (action) with free data.",
    .effect = Effect::destructive,
    .scope = "ha.control",
    .category = "system",
    .timeout = std::chrono::seconds{60},
    .errors = upstream_errors,
    .example = R"({"domain":"light","service":"turn_on","entity_id":"light.bed_light"})",
    .reaches_out = true};

// The entity ids of a text (also several with commas) or a list.
Result<std::vector<std::string>> entity_ids(json::Value const& value, std::string const& pointer) {
  std::vector<std::string> out;
  auto take = [&](std::string_view text) {
    while (!text.empty()) {
      auto part = raw::trimmed(text.substr(0, text.find(',')));
      if (!part.empty()) out.emplace_back(part);
      if (text.find(',') == std::string_view::npos) break;
      text.remove_prefix(text.find(',') + 1);
    }
  };
  if (value.IsString()) {
    take(json::text_of(value));
  } else if (value.IsArray()) {
    for (auto const& item : value.GetArray()) {
      if (!item.IsString())
        return Error{Code::invalid_argument, "an entity id is a text such as light.bed_light", pointer};
      take(json::text_of(item));
    }
  } else if (!value.IsNull()) {
    return Error{Code::invalid_argument, "takes an entity id or a list of them", pointer};
  }
  return out;
}

struct Target {
  json::Document document;         // as sent
  std::vector<std::string> names;  // all entity ids in it and in the data
  bool wide = false;               // names areas, devices, floors or labels
  bool plain = true;               // no data but entities
};

Result<Target> target_of(CallServiceArgs const& args) {
  Target out;
  out.document.SetObject();
  auto& allocator = out.document.GetAllocator();
  auto target = json::parse(args.target.text, json::upstream_limits);
  if (!target) return target.error();
  auto entity = json::parse(args.entity_id.text, json::upstream_limits);
  if (!entity) return entity.error();
  auto data = json::parse(args.service_data.text, json::upstream_limits);
  if (!data) return data.error();
  if (target->document.IsObject())
    for (auto const& member : target->document.GetObject()) {
      auto const key = json::text_of(member.name);
      if (key != "entity_id" && key != "device_id" && key != "area_id" && key != "floor_id" && key != "label_id")
        return Error{Code::invalid_argument,
                     "unknown; a target has entity_id, device_id, area_id, floor_id and label_id",
                     "/target" + json::pointer_token(key)};
      if (key == "entity_id") continue;
      out.wide = true;
      member_of(out.document, key, allocator).CopyFrom(member.value, allocator);
    }
  auto const* in_target = json::find(target->document, "entity_id");
  auto const* in_data = json::find(data->document, "entity_id");
  if (data->document.IsObject()) out.plain = data->document.MemberCount() == (in_data != nullptr ? 1U : 0U);
  auto named = entity_ids(entity->document, "/entity_id");
  if (!named) return named.error();
  if (in_target != nullptr) {
    auto more = entity_ids(*in_target, "/target/entity_id");
    if (!more) return more.error();
    named->insert(named->end(), more->begin(), more->end());
  }
  if (!named->empty()) {
    json::Value list{rapidjson::kArrayType};
    for (auto const& name : *named) list.PushBack(text_value(name, allocator), allocator);
    member_of(out.document, "entity_id", allocator) = std::move(list);
  }
  if (in_data != nullptr) {
    auto more = entity_ids(*in_data, "/service_data/entity_id");
    if (!more) return more.error();
    if (!named->empty() && *named != *more)
      return Error{Code::invalid_argument, "entities are named here and as the target, and differ; name them once",
                   "/service_data/entity_id"};
    named->insert(named->end(), more->begin(), more->end());
  }
  for (auto const& name : *named)
    if (name != "all" && name != "none" && !is_entity_id(name))
      return Error{Code::invalid_argument, fmt::format("\"{}\" is no entity id: it has the form domain.name", name),
                   "/entity_id"};
  out.names = std::move(*named);
  return out;
}

// Services whose reach is not told by their target: they run what others have written, or tell others something.
constexpr std::string_view beyond_targets[] = {
    "script",       "automation", "scene",  "python_script", "shell_command",
    "rest_command", "pyscript",   "hassio", "group",         "recorder",
    "logbook",      "system_log", "logger", "conversation",  "persistent_notification",
    "notify",       "tts",        "backup", "frontend",      "zone",
    "person"};
constexpr std::string_view of_any_domain[] = {"turn_on", "turn_off", "toggle", "update_entity"};

// Whether text anywhere in the data names an entity that the caller does not see.
bool names_others(Access const& access, json::Value const& value) {
  if (value.IsString()) {
    for (auto rest = json::text_of(value);;) {
      auto const part = raw::trimmed(rest.substr(0, rest.find(',')));
      if (is_entity_id(part) && !access.sees(part)) return true;
      if (rest.find(',') == std::string_view::npos) return false;
      rest.remove_prefix(rest.find(',') + 1);
    }
  }
  if (value.IsArray()) {
    for (auto const& item : value.GetArray())
      if (names_others(access, item)) return true;
  } else if (value.IsObject()) {
    for (auto const& member : value.GetObject())
      if (names_others(access, member.name) || names_others(access, member.value)) return true;
  }
  return false;
}

// A caller with entity lists: only single entities of his own, by services of their own kind.
std::optional<Error> refuse_limited(Access const& access, CallServiceArgs const& args, Target const& target) {
  if (!access.limited()) return std::nullopt;
  if (target.wide || target.names.empty())
    return Error{Code::forbidden,
                 "the token is limited to some entities: name each entity_id, not areas, devices, labels or nothing",
                 "/entity_id"};
  for (auto const& name : target.names) {
    if (name == "all" || name == "none" || !access.sees(name)) return Access::refusal(name, "/entity_id");
    bool const generic = args.domain == "homeassistant" && std::find(std::begin(of_any_domain), std::end(of_any_domain),
                                                                     args.service) != std::end(of_any_domain);
    if (!generic && domain_of(name) != args.domain)
      return Error{
          Code::forbidden,
          fmt::format("the token is limited to some entities: {} takes services of {} only", name, domain_of(name)),
          "/domain"};
    for (auto const domain : {std::string_view{args.domain}, domain_of(name)})
      if (std::find(std::begin(beyond_targets), std::end(beyond_targets), domain) != std::end(beyond_targets))
        return Error{
            Code::forbidden,
            fmt::format("the token is limited to some entities, and services of {} reach beyond their target", domain),
            "/domain"};
  }
  auto const data = json::parse(args.service_data.text, json::upstream_limits);
  if (!data || names_others(access, data->document))
    return Error{Code::forbidden, "the data names entities that are not among those the token is limited to",
                 "/service_data"};
  return std::nullopt;
}

bool is_written(EntityState const& now, EntityState const& before) {
  return is_different(now, before) || now.last_updated() != before.last_updated();
}

// Waits for what a service leads to. Where its name tells and all is so already, nothing may be written any more: then
// only a moment, and none at all where nothing else was asked for.
sdk::Task<bool> wait_for_states(sdk::Call& call, Mirror const& mirror, Watched& watched, std::string_view service,
                                bool plain, milliseconds most) {
  std::string_view const wanted = service == "turn_on" ? "on" : service == "turn_off" ? "off" : "";
  auto const is_so = [&](std::string const& id) {
    auto const* now = mirror.state(id);
    return !wanted.empty() && now != nullptr && now->state == wanted;
  };
  constexpr milliseconds moment{250};
  if (std::all_of(watched.ids().begin(), watched.ids().end(), is_so)) most = plain ? milliseconds{0} : moment;
  auto met = [wanted = std::string{wanted}, plain](EntityState const& now, EntityState const& before) {
    return is_written(now, before) || (plain && !wanted.empty() && now.state == wanted);
  };
  auto waiting = watched.wait(call, std::min(most, milliseconds{30'000}), std::move(met));
  bool const shown = co_await std::move(waiting);
  co_return shown;
}

// All that this call has changed, whether it was named or not.
void take_changes(CallServiceResult& out, Mirror const& mirror, Access const& access, Watched const& watched,
                  std::uint64_t since) {
  for (std::size_t i = 0; i < watched.ids().size(); ++i) {
    auto const* now = mirror.state(watched.ids()[i]);
    EntityOutcome one;
    one.entity_id = watched.ids()[i];
    one.changed = watched.differs(i);
    one.previous = watched.before(i).state;
    one.state = now == nullptr ? "unavailable" : now->state;
    out.entities.push_back(std::move(one));
  }
  if (out.entities.size() == 1) {
    out.state = out.entities.front().state;
    out.previous = out.entities.front().previous;
  }
  mirror.each([&](EntityState const& now) {
    if (now.number <= since || !access.sees(now.entity_id)) return;
    auto const context = raw::member(now.json, "context");
    auto const named = std::find(watched.ids().begin(), watched.ids().end(), now.entity_id) != watched.ids().end();
    if (named || raw::text(raw::member(context, "id")) == out.context_id ||
        raw::text(raw::member(context, "parent_id")) == out.context_id)
      out.changed_states.push_back(RawJson{access.cleaned(now.json)});
  });
  out.count = out.changed_states.size();
  out.changed = out.count > 0;
}

Tool<CallServiceResult> call_service(HomeAssistant& self, sdk::Call& call, CallServiceArgs args) {
  if (!is_slug(args.domain))
    co_return Error{Code::invalid_argument, "a domain is lower-case letters, digits and underscores, such as light",
                    "/domain"};
  if (!is_slug(args.service))
    co_return Error{Code::invalid_argument, "a service is lower-case letters, digits and underscores, such as turn_on",
                    "/service"};
  if (is_denied_service(args.domain, args.service) && !is_administrator(call))
    co_return Error{Code::forbidden, fmt::format("{}.{} stops or restarts the system, so it takes the scope ha.admin",
                                                 args.domain, args.service)};
  auto target = target_of(args);
  if (!target) co_return target.error();
  auto const access = self.access(call);
  if (auto refused = refuse_limited(access, args, *target)) co_return *refused;
  auto finding = self.services().find(call, args.domain, args.service);
  Result<Responds> responds = co_await std::move(finding);
  if (!responds) co_return responds.error();
  bool const respond = args.return_response.value_or(*responds != Responds::never);
  if (respond && *responds == Responds::never)
    co_return Error{Code::invalid_argument,
                    fmt::format("{}.{} returns no data; leave return_response out", args.domain, args.service),
                    "/return_response"};
  if (!respond && *responds == Responds::always)
    co_return Error{Code::invalid_argument,
                    fmt::format("{}.{} only returns data; leave return_response out", args.domain, args.service),
                    "/return_response"};
  auto names = target->names;
  std::erase_if(names, [](std::string const& name) { return name == "all" || name == "none"; });
  auto checking = check_known(self, call, names);
  Result<void> known = co_await std::move(checking);
  if (!known) co_return known.error();
  Watched watched{self.mirror(), std::move(names)};
  auto const since = self.mirror().changes();

  Command command = Command{"call_service"}.text("domain", args.domain).text("service", args.service);
  if (target->document.MemberCount() > 0) command = std::move(command).raw("target", json::to_text(target->document));
  if (args.service_data.text != "null") command = std::move(command).raw("service_data", args.service_data.text);
  if (respond) command = std::move(command).flag("return_response", true);
  auto calling = self.session().command(call, std::move(command));
  Result<Frame> called = co_await std::move(calling);
  if (!called) {
    auto error = called.error();
    if (error.code == Code::not_found) self.services().forget();  // a service may have gone since it was looked up
    co_return error;
  }
  sdk::Answer<CallServiceResult> out;
  out.data.context_id = raw::text(raw::member(raw::member(called->result(), "context"), "id"));
  if (respond) out.data.service_response = RawJson{std::string{raw::member(called->result(), "response")}};
  // Without a named entity it is only waited for what comes at once: its changes are known by their context.
  bool const named = !watched.ids().empty();
  milliseconds const most{named ? args.wait_ms : std::min<std::int64_t>(args.wait_ms, 100)};
  if (!respond) {
    bool const plain = target->plain;
    auto waiting = named ? wait_for_states(call, self.mirror(), watched, args.service, plain, most)
                         : self.mirror().changed(call, most);
    co_await std::move(waiting);
  }
  take_changes(out.data, self.mirror(), access, watched, since);
  out.message = fmt::format("Called {}.{}; {} state{} changed", args.domain, args.service, out.data.count,
                            out.data.count == 1 ? "" : "s");
  out.data.domain = std::move(args.domain);
  out.data.service = std::move(args.service);
  co_return out;
}

}  // namespace

bool is_denied_service(std::string_view domain, std::string_view service) {
  if (domain == "hassio") return true;  // host, Supervisor, add-ons, backups
  return domain == "homeassistant" && (service == "stop" || service == "restart");
}

sdk::Task<Result<Responds>> ServiceBook::find(sdk::Call& call, std::string domain, std::string service) {
  auto const name = domain + "." + service;
  bool const fresh = !services_.empty() && generation_ == session_.generation();
  if (!fresh || services_.find(name) == services_.end()) {
    auto asking = session_.command(call, Command{"get_services"});
    Result<Frame> listed = co_await std::move(asking);
    if (!listed) co_return listed.error();
    generation_ = session_.generation();
    services_.clear();
    raw::each_member(listed->result(), [&](std::string_view one, std::string_view services) {
      auto const prefix = raw::text(one) + ".";
      raw::each_member(services, [&](std::string_view verb, std::string_view description) {
        auto const response = raw::member(description, "response");
        auto kind = Responds::never;
        if (!raw::is_null(response))
          kind = raw::is_true(raw::member(response, "optional")) ? Responds::optionally : Responds::always;
        services_.emplace(prefix + raw::text(verb), kind);
      });
    });
  }
  auto const found = services_.find(name);
  if (found != services_.end()) co_return found->second;
  std::vector<std::string_view> names;
  for (auto const& [known, kind] : services_) names.emplace_back(known);
  std::string near;
  for (auto candidate : nearest(name, names, 3)) near += fmt::format("{}{}", near.empty() ? "" : ", ", candidate);
  co_return Error{Code::not_found, fmt::format("Home Assistant has no service {}; the nearest are {}", name, near),
                  "/service"};
}

void declare_services(sdk::Table<HomeAssistant>& table) {
  add_tool<call_service_op, &call_service, Reach::filtered>(table);
}

}  // namespace patchbay::home_assistant
