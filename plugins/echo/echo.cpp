// The smallest plugin, made to be copied: three operations that show a plain handler on the caller's thread, the same
// on the plugin's own thread, and a stream of events. docs/plugin-guide.md walks through it.
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

class Echo final : public sdk::Plugin {
 public:
  using sdk::Plugin::Plugin;

  static void declare(sdk::Table<Echo>& table) {
    auto same_text = [](sdk::Call&, SayArgs args) { return SayResult{std::move(args.text)}; };
    table.add(say, same_text);
    table.add(say_later, same_text);
    table.add(count, &Echo::count_up);
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
};

}  // namespace

PATCHBAY_PLUGIN(Echo,
                {.id = "org.patchbay.echo", .name = "echo", .interface = "ECHO", .prefix = "echo", .version = "1.0.0"})
