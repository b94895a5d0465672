// ha_subscribe_trigger and ha_subscribe_template: a subscription of the caller's own in Home Assistant, as a stream. It
// ends with the caller, is made again after a lost connection, and its queue holds 1,000 events: then the oldest go.
#include <spdlog/fmt/fmt.h>

#include <deque>

#include "plugins/home_assistant/plugin.hpp"
#include "plugins/home_assistant/raw_json.hpp"
#include "plugins/home_assistant/upstream_error.hpp"

namespace patchbay::home_assistant {

struct TriggerStreamArgs {
  RawJson trigger;
  RawJson variables;
  std::optional<std::int64_t> limit, timeout_s;
};
struct TemplateStreamArgs {
  std::string template_text;
  RawJson variables;
  bool strict = false;
  std::optional<std::int64_t> limit, timeout_s;
};
struct TriggerStreamResult {
  std::uint64_t events = 0, dropped = 0;
  std::string reason;
};

}  // namespace patchbay::home_assistant

namespace patchbay {
namespace ha = home_assistant;

template <>
struct Describe<ha::TriggerStreamArgs> {
  using A = ha::TriggerStreamArgs;
  static constexpr std::tuple fields{
      field("trigger", &A::trigger, "A trigger as in an automation, or a list of them")
          .type("object", "array")
          .alias("triggers"),
      field("variables", &A::variables, "Variables by name").type("object").nullable(),
      field("limit", &A::limit, "Stop after this many events").nullable().range(1, 1'000'000'000),
      field("timeout_s", &A::timeout_s, "Stop after this many seconds").nullable().range(1, 31'536'000)};
};
template <>
struct Describe<ha::TemplateStreamArgs> {
  using A = ha::TemplateStreamArgs;
  static constexpr std::tuple fields{
      field("template", &A::template_text, "Template text").length(1, 65'536),
      field("variables", &A::variables, "Variables by name").type("object").nullable(),
      field("strict", &A::strict, "Undefined variables are errors").nullable(),
      field("limit", &A::limit, "Stop after this many results").nullable().range(1, 1'000'000'000),
      field("timeout_s", &A::timeout_s, "Stop after this many seconds").nullable().range(1, 31'536'000)};
};
template <>
struct Describe<ha::TriggerStreamResult> {
  using R = ha::TriggerStreamResult;
  static constexpr std::tuple fields{field("events", &R::events, "Events sent"),
                                     field("dropped", &R::dropped, "Events that a slow listener has lost"),
                                     field("reason", &R::reason, "Why it ended: limit, timeout or left")};
};
}  // namespace patchbay

namespace patchbay::home_assistant {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr std::size_t most_waiting = 1'000;

constexpr sdk::Operation<TriggerStreamArgs, TriggerStreamResult> trigger_stream_op{
    .name = "subscribe_trigger",
    .summary = "Stream what a trigger of an automation sees, each time it fires, until the caller leaves.",
    .scope = "ha.read",
    .category = "events",
    .errors = upstream_errors,
    .example = R"({"trigger":{"platform":"state","entity_id":"light.bed_light"},"limit":1})",
    .streaming = true,
    .reaches_out = true};
constexpr sdk::Operation<TemplateStreamArgs, TriggerStreamResult> template_op{
    .name = "subscribe_template",
    .summary = "Stream what a template renders to: at once, and whenever that changes, until the caller leaves.",
    .scope = "ha.read",
    .category = "events",
    .errors = upstream_errors,
    .example = R"({"template":"{{ states('light.bed_light') }}","limit":1})",
    .streaming = true,
    .reaches_out = true};

// Shared by the streaming call and the subscription's own task, whichever ends first.
struct Stream {
  explicit Stream(sdk::Executor executor) : changed(executor) {}
  std::deque<std::string> queue;
  std::uint64_t dropped = 0;
  bool accepted = false;
  std::optional<Error> ended;
  std::string command;
  std::shared_ptr<sdk::Background> task;
  Waiters changed;

  void take(std::string_view frame) {
    auto const type = raw::member(frame, "type");
    if (type == "\"event\"") {
      queue.emplace_back(raw::member(frame, "event"));
      if (queue.size() > most_waiting) {
        queue.pop_front();
        ++dropped;
      }
    } else if (type == "\"result\"") {
      if (raw::is_true(raw::member(frame, "success")))
        accepted = true;
      else
        end(from_command(command, raw::member(frame, "error")));
    }
    changed.wake_all();
  }
  void end(Error error) {
    if (!ended) ended = std::move(error);
    changed.wake_all();
  }
};

sdk::Task<void> follow(HomeAssistant& self, sdk::Host& host, std::shared_ptr<Stream> stream, Command command) {
  struct Ending {
    Stream& stream;
    ~Ending() { stream.end(Error{Code::unavailable, "the subscription has ended"}); }
  } ending{*stream};
  auto opening = self.session().ready(nullptr);
  Result<std::string> id = co_await std::move(opening);
  if (!id) {
    stream->end(id.error());
    co_return;
  }
  auto args = fmt::format(
      R"({{"connection_id":{},"message":{},"unsubscribe":{{"type":"unsubscribe_events","subscription":"$id"}}}})",
      json::quoted(*id), command.json());
  auto streaming =
      host.stream("websocket_subscribe", std::move(args), [stream](std::string_view kind, std::string_view frame) {
        if (kind != "lost") stream->take(frame);
      });
  Result<RawJson> ended = co_await std::move(streaming);
  if (ended) co_return;
  self.session().gone(*id, ended.error());
  stream->end(self.session().explained(ended.error()));
}

// `make` turns an event of Home Assistant into ours: its name and data, or an error that ends the stream.
template <class Make>
sdk::Task<Result<TriggerStreamResult>> pass_on(HomeAssistant& self, sdk::Call& call, Command command,
                                               std::optional<std::int64_t> limit, std::optional<std::int64_t> timeout_s,
                                               Make make) {
  auto const stream = std::make_shared<Stream>(call.host().executor());
  stream->command = command.type();
  stream->task =
      call.host().spawn("stream of " + stream->command, follow(self, call.host(), stream, std::move(command)));
  struct Leave {
    Stream& stream;
    ~Leave() {
      stream.task->cancel();
      stream.task.reset();
    }
  } leave{*stream};
  auto const until = Clock::now() + std::chrono::seconds{timeout_s.value_or(31'536'000)};
  TriggerStreamResult done;
  for (;;) {
    while (stream->queue.empty() && !stream->ended && !call.cancelled() && Clock::now() < until) {
      auto const left = std::chrono::ceil<milliseconds>(until - Clock::now());
      auto waiting = stream->changed.wait(&call, left);
      co_await std::move(waiting);
    }
    if (stream->queue.empty()) {
      if (stream->ended && !call.cancelled()) co_return *stream->ended;
      done.reason = call.cancelled() ? "left" : "timeout";
      co_return done;
    }
    auto const event = std::move(stream->queue.front());
    stream->queue.pop_front();
    done.dropped += std::exchange(stream->dropped, 0);
    Result<std::pair<std::string, RawJson>> ours = make(std::string_view{event});
    if (!ours) co_return ours.error();
    if (ours->first.empty()) continue;
    auto sending = call.emit(ours->first, ours->second);
    bool const listening = co_await std::move(sending);
    if (!listening) {
      done.reason = "left";
      co_return done;
    }
    if (++done.events == static_cast<std::uint64_t>(limit.value_or(-1))) {
      done.reason = "limit";
      co_return done;
    }
  }
}

using OurEvent = Result<std::pair<std::string, RawJson>>;

OurEvent trigger_event(std::string_view event) {
  return std::pair{std::string{"trigger"}, RawJson{std::string{event}}};
}

sdk::Task<Result<TriggerStreamResult>> subscribe_trigger(HomeAssistant& self, sdk::Call& call, TriggerStreamArgs args) {
  Command command = Command{"subscribe_trigger"}.raw("trigger", args.trigger.text);
  if (args.variables.text != "null") command = std::move(command).raw("variables", args.variables.text);
  auto passing = pass_on(self, call, std::move(command), args.limit, args.timeout_s, &trigger_event);
  Result<TriggerStreamResult> done = co_await std::move(passing);
  co_return done;
}

sdk::Task<Result<TriggerStreamResult>> subscribe_template(HomeAssistant& self, sdk::Call& call,
                                                          TemplateStreamArgs args) {
  Command command = Command{"render_template"}.text("template", args.template_text).flag("report_errors", true);
  if (args.strict) command = std::move(command).flag("strict", true);
  if (args.variables.text != "null") command = std::move(command).raw("variables", args.variables.text);
  auto make = [last = std::string{}, first = true](std::string_view event) mutable -> OurEvent {
    auto const problem = raw::member(event, "error");
    if (!problem.empty()) {
      // A warning (a variable that is not there) comes beside the result.
      if (first && raw::text(raw::member(event, "level")) != "WARNING")
        return Error{Code::invalid_argument, "the template does not render: " + raw::text(problem), "/template"};
      return std::pair{std::string{"error"}, RawJson{fmt::format(R"({{"error":{}}})", problem)}};
    }
    auto const result = raw::member(event, "result");
    if (!first && result == last) return std::pair{std::string{}, RawJson{}};  // after a reconnect it comes once more
    first = false;
    last = result;
    return std::pair{std::string{"result"}, RawJson{fmt::format(R"({{"result":{}}})", result)}};
  };
  auto passing = pass_on(self, call, std::move(command), args.limit, args.timeout_s, std::move(make));
  Result<TriggerStreamResult> done = co_await std::move(passing);
  co_return done;
}

}  // namespace

void declare_subscriptions(sdk::Table<HomeAssistant>& table) {
  add_tool<trigger_stream_op, &subscribe_trigger>(table);
  add_tool<template_op, &subscribe_template>(table);
}

}  // namespace patchbay::home_assistant
