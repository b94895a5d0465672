// Category advanced_api: sentences to the conversation agent, the check of the configuration files, and the check of an
// automation.
#include <spdlog/fmt/fmt.h>

#include "plugins/home_assistant/plugin.hpp"
#include "plugins/home_assistant/raw_json.hpp"
#include "plugins/home_assistant/upstream_error.hpp"
#include "plugins/home_assistant/verified_action.hpp"

namespace patchbay::home_assistant {

struct IntentArgs {
  std::string text;
  std::string language = "en";
  std::optional<std::string> conversation_id, agent_id;
  std::int64_t wait_ms = 2'000;
};
struct IntentResult {
  std::string text;
  std::string language;
  std::string speech;
  RawJson result;
  bool changed = false;
  std::vector<RawJson> changed_states;
  std::optional<std::string> conversation_id;
};
struct CheckConfigResult {
  bool valid = false;
  std::string result;
  std::optional<std::string> errors, warnings;
};
struct AutomationArgs {
  RawJson automation;
  std::optional<RawJson> triggers, conditions, actions;
  // The further members of an automation, so that one can be given as it is; they are not checked.
  RawJson alias, id, description, mode, max, max_exceeded, variables, trigger_variables, initial_state, trace,
      use_blueprint;
};
struct PartCheck {
  bool valid = false;
  std::optional<std::string> error;
};
struct AutomationResult {
  bool valid = false;
  std::map<std::string, PartCheck> errors;
};

}  // namespace patchbay::home_assistant

namespace patchbay {
namespace ha = home_assistant;

template <>
struct Describe<ha::IntentArgs> {
  using A = ha::IntentArgs;
  static constexpr std::tuple fields{
      field("text", &A::text, "Sentence in everyday words").length(1, 4096),
      field("language", &A::language, "Language code").nullable().length(0, 32),
      field("conversation_id", &A::conversation_id, "To go on with a conversation").nullable().length(0, 255),
      field("agent_id", &A::agent_id, "The agent to ask; absent: the default one").nullable().length(0, 255),
      field("wait_ms", &A::wait_ms, "How long to wait until the states show what was done, in milliseconds")
          .nullable()
          .range(0, 30'000)};
};
template <>
struct Describe<ha::IntentResult> {
  using R = ha::IntentResult;
  static constexpr std::tuple fields{
      field("text", &R::text, "As given"),
      field("language", &R::language, "As used"),
      field("speech", &R::speech, "What the agent says"),
      field("result", &R::result, "The whole conversation response").type("object"),
      field("changed", &R::changed, "Whether any state has changed by it"),
      field("changed_states", &R::changed_states, "The states of what it acted on that have changed"),
      field("conversation_id", &R::conversation_id, "To go on with, where the agent gives one")};
};
template <>
struct Describe<ha::CheckConfigResult> {
  using R = ha::CheckConfigResult;
  static constexpr std::tuple fields{field("valid", &R::valid, "Whether Home Assistant would start with it"),
                                     field("result", &R::result, "valid or invalid"),
                                     field("errors", &R::errors, "What is wrong"),
                                     field("warnings", &R::warnings, "What is doubtful")};
};
template <>
struct Describe<ha::AutomationArgs> {
  using A = ha::AutomationArgs;
  static constexpr std::tuple fields{
      field("automation", &A::automation,
            "Automation holding triggers, conditions, actions (or trigger, condition, action)")
          .type("object")
          .nullable(),
      field("triggers", &A::triggers, "Trigger list").alias("trigger").type("array", "object").nullable(),
      field("conditions", &A::conditions, "Condition list")
          .alias("condition")
          .type("array", "object", "string")
          .nullable(),
      field("actions", &A::actions, "Action list").alias("action").type("array", "object").nullable(),
      field("alias", &A::alias, "Not checked").optional(),
      field("id", &A::id, "Not checked").optional(),
      field("description", &A::description, "Not checked").optional(),
      field("mode", &A::mode, "Not checked").optional(),
      field("max", &A::max, "Not checked").optional(),
      field("max_exceeded", &A::max_exceeded, "Not checked").optional(),
      field("variables", &A::variables, "Not checked").optional(),
      field("trigger_variables", &A::trigger_variables, "Not checked").optional(),
      field("initial_state", &A::initial_state, "Not checked").optional(),
      field("trace", &A::trace, "Not checked").optional(),
      field("use_blueprint", &A::use_blueprint, "Refused: such an automation has no parts of its own").optional()};
};
template <>
struct Describe<ha::PartCheck> {
  using R = ha::PartCheck;
  static constexpr std::tuple fields{field("valid", &R::valid, "Whether Home Assistant accepts it"),
                                     field("error", &R::error, "Why not")};
};
template <>
struct Describe<ha::AutomationResult> {
  using R = ha::AutomationResult;
  static constexpr std::tuple fields{field("valid", &R::valid, "Whether all given parts are valid"),
                                     field("errors", &R::errors, "By part: triggers, conditions, actions")};
};
}  // namespace patchbay

namespace patchbay::home_assistant {
namespace {

constexpr sdk::Operation<IntentArgs, IntentResult> intent_op{
    .name = "process_intent",
    .summary = "Send a sentence to the Home Assistant conversation agent and return its answer; it may act.",
    .effect = Effect::write,
    .scope = "ha.control",
    .category = "advanced_api",
    .timeout = std::chrono::seconds{60},
    .errors = upstream_errors,
    .example = R"({"text":"turn on the bed light"})",
    .reaches_out = true};
constexpr sdk::Operation<Nothing, CheckConfigResult> check_op{
    .name = "validate_config",
    .summary = "Check the Home Assistant configuration files before a restart.",
    .scope = "ha.read",
    .category = "advanced_api",
    .timeout = std::chrono::seconds{120},
    .errors = upstream_errors,
    .reaches_out = true};
constexpr sdk::Operation<Nothing, CheckConfigResult> check_too_op{.name = "check_config",
                                                                  .summary = "Second name for ha_validate_config.",
                                                                  .scope = "ha.read",
                                                                  .category = "system_diagnostics",
                                                                  .timeout = std::chrono::seconds{120},
                                                                  .errors = upstream_errors,
                                                                  .reaches_out = true};
constexpr sdk::Operation<AutomationArgs, AutomationResult> automation_op{
    .name = "validate_automation",
    .summary = "Check triggers, conditions and actions of an automation without saving it.",
    .scope = "ha.read",
    .category = "automations",
    .errors = upstream_errors,
    .example =
        R"({"triggers":[{"platform":"state","entity_id":"light.bed_light"}],"actions":[{"service":"light.turn_off"}]})",
    .reaches_out = true};

Error not_understood(std::string_view code, std::string_view speech) {
  Code ours = Code::upstream_failed;
  if (code == "no_intent_match") ours = Code::invalid_argument;
  if (code == "no_valid_targets") ours = Code::not_found;
  return Error{ours,
               fmt::format("Home Assistant did not carry it out ({}): {}", code.empty() ? "unknown" : code, speech),
               ours == Code::upstream_failed ? "" : "/text"};
}

Tool<IntentResult> process_intent(HomeAssistant& self, sdk::Call& call, IntentArgs args) {
  auto filling = self.mirror().ready(call);  // connects, too: the version decides how the built-in agent is called
  Result<void> filled = co_await std::move(filling);
  if (!filled) co_return filled.error();
  auto const since = self.mirror().changes();
  if (args.language.empty()) args.language = "en";
  Command command = Command{"conversation/process"}.text("text", args.text).text("language", args.language);
  if (args.conversation_id && !args.conversation_id->empty())
    command = std::move(command).text("conversation_id", *args.conversation_id);
  if (args.agent_id && !args.agent_id->empty()) {
    bool const built_in = *args.agent_id == "homeassistant" || *args.agent_id == "conversation.home_assistant";
    auto const name =
        self.session().features().conversation_entities() ? "conversation.home_assistant" : "homeassistant";
    command = std::move(command).text("agent_id", built_in ? std::string_view{name} : std::string_view{*args.agent_id});
  }
  auto asking = self.session().command(call, std::move(command));
  Result<Frame> answer = co_await std::move(asking);
  if (!answer) co_return answer.error();
  auto const response = raw::member(answer->result(), "response");
  auto const speech = raw::text(raw::member(raw::member(raw::member(response, "speech"), "plain"), "speech"));
  if (raw::text(raw::member(response, "response_type")) == "error")
    co_return not_understood(raw::text(raw::member(raw::member(response, "data"), "code")), speech);
  sdk::Answer<IntentResult> out;
  out.data.text = std::move(args.text);
  out.data.language = std::move(args.language);
  out.data.speech = speech;
  out.data.result.text = response;
  // What was acted on shows it a moment later.
  std::vector<std::string> targets;
  if (raw::text(raw::member(response, "response_type")) == "action_done")
    raw::each_item(raw::member(raw::member(response, "data"), "success"), [&](std::string_view one) {
      if (raw::text(raw::member(one, "type")) == "entity") targets.push_back(raw::text(raw::member(one, "id")));
    });
  Watched watched{self.mirror(), targets};
  auto waiting = watched.wait(call, std::chrono::milliseconds{targets.empty() ? 0 : args.wait_ms},
                              [since](EntityState const& now, EntityState const&) { return now.number > since; });
  co_await std::move(waiting);
  for (auto const& id : targets)
    if (auto const* now = self.mirror().state(id); now != nullptr && now->number > since)
      out.data.changed_states.push_back(RawJson{now->json});
  out.data.changed = !out.data.changed_states.empty();
  auto const conversation = raw::text(raw::member(answer->result(), "conversation_id"));
  if (!conversation.empty()) out.data.conversation_id = conversation;
  out.message = speech;
  co_return out;
}

Tool<CheckConfigResult> validate_config(HomeAssistant& self, sdk::Call& call, Nothing) {
  auto asking = self.session().rest(call, "POST", "/config/core/check_config");
  Result<RestAnswer> answer = co_await std::move(asking);
  if (!answer) co_return answer.error();
  sdk::Answer<CheckConfigResult> out;
  out.data.result = raw::text(raw::member(answer->text, "result"));
  out.data.valid = out.data.result == "valid";
  auto text = [&](std::string_view key, std::optional<std::string>& into) {
    auto const value = raw::member(answer->text, key);
    if (!raw::is_null(value)) into = raw::text(value);
  };
  text("errors", out.data.errors);
  text("warnings", out.data.warnings);
  out.message = out.data.valid ? "The configuration is valid" : "The configuration is not valid";
  co_return out;
}

struct Part {
  std::string_view plural, singular;
  std::optional<std::string> json;
};
using Parts = std::array<Part, 3>;

// The parts of the automation, or those given beside it.
Result<Parts> parts_of(AutomationArgs const& args) {
  Parts parts{{{"triggers", "trigger", {}}, {"conditions", "condition", {}}, {"actions", "action", {}}}};
  std::array<std::optional<RawJson> const*, 3> const given{&args.triggers, &args.conditions, &args.actions};
  bool const whole = args.automation.text != "null";
  if (args.use_blueprint.text != "null" || !raw::member(args.automation.text, "use_blueprint").empty())
    return Error{Code::unsupported,
                 "an automation made from a blueprint has no triggers, conditions and actions of its own to check",
                 "/use_blueprint"};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    auto& part = parts[i];
    if (*given[i]) part.json = (*given[i])->text;
    if (!whole) continue;
    auto const plural = raw::member(args.automation.text, part.plural),
               singular = raw::member(args.automation.text, part.singular);
    auto const pointer = fmt::format("/automation/{}", part.plural);
    if (!plural.empty() && !singular.empty())
      return Error{Code::invalid_argument, fmt::format("{} and {} are the same; give one", part.plural, part.singular),
                   pointer};
    auto const inner = plural.empty() ? singular : plural;
    if (inner.empty()) continue;
    if (part.json)
      return Error{Code::invalid_argument,
                   fmt::format("{} are given in the automation and beside it; give them once", part.plural), pointer};
    part.json = std::string{inner};
  }
  if (!parts[0].json && !parts[1].json && !parts[2].json)
    return Error{Code::invalid_argument,
                 "nothing to check: give triggers, conditions or actions, or an automation that has them",
                 whole ? "/automation" : ""};
  return parts;
}

Command command_for(Parts const& parts, bool plural) {
  Command command{"validate_config"};
  for (auto const& part : parts)
    if (part.json) command = std::move(command).raw(plural ? part.plural : part.singular, *part.json);
  return command;
}

Tool<AutomationResult> validate_automation(HomeAssistant& self, sdk::Call& call, AutomationArgs args) {
  auto parts = parts_of(args);
  if (!parts) co_return parts.error();
  auto opening = self.session().ready(&call);
  Result<std::string> connected = co_await std::move(opening);
  if (!connected) co_return connected.error();
  // Versions know one form or the other; the second is tried in case the version does not tell.
  bool plural = self.session().features().plural_automation_keys();
  for (int attempt = 0;; ++attempt) {
    auto asking = self.session().ask(call, command_for(*parts, plural));
    Result<Frame> answer = co_await std::move(asking);
    if (!answer) co_return answer.error();
    if (!answer->success()) {
      if (attempt == 0 && answer->error_code() == "invalid_format") {
        plural = !plural;
        continue;
      }
      co_return from_command("validate_config", answer->error());
    }
    sdk::Answer<AutomationResult> out;
    out.data.valid = true;
    std::string wrong;
    for (auto const& part : *parts) {
      if (!part.json) continue;
      auto const checked = raw::member(answer->result(), plural ? part.plural : part.singular);
      PartCheck check;
      check.valid = raw::is_true(raw::member(checked, "valid"));
      auto const error = raw::member(checked, "error");
      if (!raw::is_null(error)) check.error = raw::text(error);
      out.data.valid = out.data.valid && check.valid;
      if (!check.valid) wrong += fmt::format("{}{}", wrong.empty() ? "" : ", ", part.plural);
      out.data.errors.emplace(part.plural, std::move(check));
    }
    out.message = out.data.valid ? "The automation is valid" : fmt::format("The automation is not valid: {}", wrong);
    co_return out;
  }
}

}  // namespace

void declare_advanced_api(sdk::Table<HomeAssistant>& table) {
  add_tool<intent_op, &process_intent>(table);
  add_tool<check_op, &validate_config>(table);
  add_tool<check_too_op, &validate_config>(table);
  add_tool<automation_op, &validate_automation>(table);
}

}  // namespace patchbay::home_assistant
