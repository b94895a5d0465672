// The smallest plugin, made to be copied: four operations that show a plain handler on the caller's thread, the same on
// the plugin's own thread, a stream of events, and a stream that answers a chat of the hub
// (hub.workflows: {assistant: {operation: echo_chat}}). docs/plugin-guide.md walks through it.
#include "plugins/sdk/patchbay_plugin.hpp"

namespace sdk = patchbay::sdk;
using patchbay::field;

struct SayArgs {
  std::string text;
};
struct SayResult {
  std::string text;
};
struct CountArgs {
  std::int64_t count = 3;
  std::int64_t interval_ms = 0;
};
struct CountEvent {
  std::int64_t number = 0;
};
struct CountResult {
  std::int64_t counted = 0;
};
// What the hub starts a chat's operation with.
struct ChatArgs {
  std::string workflow, app_id, chat_id, user_id;
  std::string message;
};
struct TokenEvent {
  std::string content;
};
struct ChatResult {
  std::string content, agent;
};

template <>
struct patchbay::Describe<SayArgs> {
  static constexpr std::tuple fields{field("text", &SayArgs::text, "The text to return").length(0, 65536)};
};
template <>
struct patchbay::Describe<SayResult> {
  static constexpr std::tuple fields{field("text", &SayResult::text, "The text that was given")};
};
template <>
struct patchbay::Describe<CountArgs> {
  static constexpr std::tuple fields{
      field("count", &CountArgs::count, "How many events").optional().range(1, 1'000'000),
      field("interval_ms", &CountArgs::interval_ms, "Time between two events").optional().range(0, 60'000)};
};
template <>
struct patchbay::Describe<CountEvent> {
  static constexpr std::tuple fields{field("number", &CountEvent::number, "1, 2, 3 ...")};
};
template <>
struct patchbay::Describe<CountResult> {
  static constexpr std::tuple fields{field("counted", &CountResult::counted, "How many events were sent")};
};
template <>
struct patchbay::Describe<ChatArgs> {
  static constexpr std::tuple fields{
      field("workflow", &ChatArgs::workflow, "Name of the workflow").optional().length(0, 255),
      field("app_id", &ChatArgs::app_id, "The application").optional().length(0, 255),
      field("chat_id", &ChatArgs::chat_id, "The chat").optional().length(0, 255),
      field("user_id", &ChatArgs::user_id, "Who wrote the message").optional().length(0, 255),
      field("message", &ChatArgs::message, "The message to answer").length(0, 1'048'576)};
};
template <>
struct patchbay::Describe<TokenEvent> {
  static constexpr std::tuple fields{field("content", &TokenEvent::content, "A word and the space after it")};
};
template <>
struct patchbay::Describe<ChatResult> {
  static constexpr std::tuple fields{field("content", &ChatResult::content, "The whole answer"),
                                     field("agent", &ChatResult::agent, "Who answered")};
};

namespace {

constexpr sdk::Operation<SayArgs, SayResult> say{.name = "say",
                                                 .summary = "Return the text it was given.",
                                                 .scope = "echo.say",
                                                 .example = R"({"text":"hello"})",
                                                 .is_inline = true};
constexpr sdk::Operation<SayArgs, SayResult> say_later{.name = "say_later",
                                                       .summary = "Return the text, by way of the plugin's own thread.",
                                                       .scope = "echo.say",
                                                       .example = R"({"text":"hello"})"};
constexpr sdk::Operation<CountArgs, CountResult> count{.name = "count",
                                                       .summary = "Send one event for each number up to count.",
                                                       .scope = "echo.count",
                                                       .example = R"({"count":3})",
                                                       .streaming = true};
constexpr sdk::Operation<ChatArgs, ChatResult> chat{.name = "chat",
                                                    .summary = "Answer a chat message with itself, word by word.",
                                                    .scope = "echo.chat",
                                                    .example = R"({"message":"Good morning"})",
                                                    .streaming = true};

// The first word of a text with the space around it, so that all words joined are the text.
std::string_view first_word(std::string_view text) {
  constexpr std::string_view space = " \t\r\n";
  auto const begin = text.find_first_not_of(space);
  if (begin == std::string_view::npos) return text;
  auto const end = text.find_first_of(space, begin);
  if (end == std::string_view::npos) return text;
  return text.substr(0, text.find_first_not_of(space, end));
}

class Echo final : public sdk::Plugin {
 public:
  using sdk::Plugin::Plugin;

  static void declare(sdk::Table<Echo>& table) {
    auto same_text = [](sdk::Call&, SayArgs args) { return SayResult{std::move(args.text)}; };
    table.add(say, same_text);
    table.add(say_later, same_text);
    table.add(count, &Echo::count_up);
    table.add(chat, &Echo::answer);
  }

 private:
  sdk::Task<sdk::Result<CountResult>> count_up(sdk::Call& call, CountArgs args) {
    sdk::SteadyTimer timer{host().executor()};
    CountResult done;
    while (done.counted < args.count) {
      if (args.interval_ms > 0 && done.counted > 0) {
        timer.expires_after(std::chrono::milliseconds{args.interval_ms});
        co_await timer.async_wait(sdk::use_task);
      }
      CountEvent event{++done.counted};
      bool const listening = co_await call.emit("number", event);
      if (!listening) break;
    }
    co_return done;
  }

  sdk::Task<sdk::Result<ChatResult>> answer(sdk::Call& call, ChatArgs args) {
    std::string_view rest = args.message;
    while (!rest.empty()) {
      TokenEvent event{std::string{first_word(rest)}};
      rest.remove_prefix(event.content.size());
      bool const listening = co_await call.emit("token", event);
      if (!listening) break;
    }
    ChatResult done{std::move(args.message), "echo"};
    co_return done;
  }
};

}  // namespace

PATCHBAY_PLUGIN(Echo,
                {.id = "org.patchbay.echo", .name = "echo", .interface = "ECHO", .prefix = "echo", .version = "1.0.0"})
