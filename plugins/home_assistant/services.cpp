// Services: the book of them, and ha_call_service.
#include "plugins/home_assistant/services.hpp"

#include <spdlog/fmt/fmt.h>

#include "plugins/home_assistant/plugin.hpp"
#include "plugins/home_assistant/principals.hpp"
#include "plugins/home_assistant/raw_json.hpp"
#include "plugins/home_assistant/states.hpp"
#include "plugins/sdk/nearest.hpp"

namespace patchbay::home_assistant {

struct CallServiceArgs {
  std::string domain;
  std::string service;
  RawJson entity_id;
  RawJson service_data;
  RawJson target;
  std::optional<bool> return_response;
};
struct CallServiceResult {
  std::string domain;
  std::string service;
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
          .nullable()};
};
template <>
struct Describe<ha::CallServiceResult> {
  using R = ha::CallServiceResult;
  static constexpr std::tuple fields{
      field("domain", &R::domain, "As called"),
      field("service", &R::service, "As called"),
      field("changed_states", &R::changed_states,
            "The states that this call has changed by now; a device may follow later"),
      field("count", &R::count, "How many"),
      field("service_response", &R::service_response, "What the service returned, where it returns data"),
      field("context_id", &R::context_id, "Home Assistant's id of this call")};
};
}  // namespace patchbay

namespace patchbay::home_assistant {
namespace {

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
  auto checking = check_entities(self.session(), call, target->names, "/entity_id");
  Result<void> known = co_await std::move(checking);
  if (!known) co_return known.error();

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
  auto asking = self.session().command(call, Command{"get_states"});
  Result<Frame> states = co_await std::move(asking);
  if (states)  // the call itself has worked, so its answer does not fail for this
    raw::each_item(states->result(), [&](std::string_view state) {
      auto const context = raw::member(state, "context");
      if (raw::text(raw::member(context, "id")) == out.data.context_id ||
          raw::text(raw::member(context, "parent_id")) == out.data.context_id)
        out.data.changed_states.push_back(RawJson{std::string{state}});
    });
  out.data.count = out.data.changed_states.size();
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

void declare_services(sdk::Table<HomeAssistant>& table) { add_tool<call_service_op, &call_service>(table); }

}  // namespace patchbay::home_assistant
