// Category system: restarting Home Assistant, after a look at its configuration.
#include <spdlog/fmt/fmt.h>

#include "plugins/home_assistant/plugin.hpp"
#include "plugins/home_assistant/raw_json.hpp"
#include "plugins/home_assistant/tool_kinds.hpp"

namespace patchbay::home_assistant {

struct RestartArgs {
  bool confirm = false;
  std::int64_t wait_ms = 90'000;
};
struct RestartResult {
  bool restarting = true;
  bool running_again = false;
  std::string version;
  std::uint64_t took_ms = 0;
  std::optional<std::string> warnings;
};

}  // namespace patchbay::home_assistant

namespace patchbay {
namespace ha = home_assistant;

template <>
struct Describe<ha::RestartArgs> {
  using A = ha::RestartArgs;
  static constexpr std::tuple fields{
      field("confirm", &A::confirm, "Must be true, otherwise the call is refused"),
      field("wait_ms", &A::wait_ms, "How long to wait until it runs again").nullable().range(0, 170'000)};
};
template <>
struct Describe<ha::RestartResult> {
  using R = ha::RestartResult;
  static constexpr std::tuple fields{
      field("restarting", &R::restarting, "true: Home Assistant took the order"),
      field("running_again", &R::running_again, "Whether it was seen to run again"),
      field("version", &R::version, "Its version"),
      field("took_ms", &R::took_ms, "How long that took, or how long was waited"),
      field("warnings", &R::warnings, "What the check of the configuration found doubtful")};
};
}  // namespace patchbay

namespace patchbay::home_assistant {
namespace {

using std::chrono::milliseconds;

constexpr auto restart_op = changing_tool<RestartArgs, RestartResult>(
    "system", "restart_homeassistant",
    "Restart Home Assistant after a check of its configuration, and wait until it runs again.", R"({"confirm":true})",
    nullptr, "ha.admin", Effect::destructive, std::chrono::seconds{180});
constexpr auto restart_too_op = changing_tool<RestartArgs, RestartResult>(
    "system", "restart", "Second name for ha_restart_homeassistant.", R"({"confirm":true})", nullptr, "ha.admin",
    Effect::destructive, std::chrono::seconds{180});

// It answers RUNNING until it goes down, so it must have been seen away, or on another connection, first.
sdk::Task<bool> await_restart(HomeAssistant& self, sdk::Call& call, std::uint64_t generation, milliseconds span) {
  auto const until = std::chrono::steady_clock::now() + span;
  bool away = false;
  while (std::chrono::steady_clock::now() < until && !call.cancelled()) {
    sdk::SteadyTimer timer{self.host().executor()};
    timer.expires_after(milliseconds{250});
    co_await timer.async_wait(sdk::use_task_tuple);
    auto asking = self.session().ask(call, Command{"get_config"});
    Result<Frame> config = co_await std::move(asking);
    auto const state = config ? raw::text(raw::member(config->result(), "state")) : std::string{};
    if (state != "RUNNING") away = true;
    if (state == "RUNNING" && (away || self.session().generation() != generation)) co_return true;
  }
  co_return false;
}

Tool<RestartResult> restart(HomeAssistant& self, sdk::Call& call, RestartArgs args) {
  if (auto sure = check_confirmed(args.confirm, "this restarts Home Assistant, which is away for some seconds"); !sure)
    co_return sure.error();
  auto checking = self.session().rest(call, "POST", "/config/core/check_config");
  Result<RestAnswer> checked = co_await std::move(checking);
  if (!checked) co_return checked.error();
  if (raw::text(raw::member(checked->text, "result")) != "valid")
    co_return Error{Code::conflict, fmt::format("nothing was restarted, since Home Assistant would not start with this "
                                                "configuration: {}",
                                                raw::text(raw::member(checked->text, "errors")))};
  sdk::Answer<RestartResult> out;
  if (auto const warnings = raw::text(raw::member(checked->text, "warnings")); !warnings.empty())
    out.data.warnings = warnings;
  auto const generation = self.session().generation();
  auto const begin = std::chrono::steady_clock::now();
  auto calling =
      self.session().command(call, Command{"call_service"}.text("domain", "homeassistant").text("service", "restart"));
  Result<Frame> called = co_await std::move(calling);
  // The order is taken before the answer is sent: a connection that breaks off here is the restart itself.
  if (!called && called.error().code != Code::connection_lost) co_return called.error();
  auto const span = std::min(milliseconds{args.wait_ms}, call.time_left() - milliseconds{500});
  auto waiting = await_restart(self, call, generation, span);
  out.data.running_again = co_await std::move(waiting);
  out.data.took_ms = static_cast<std::uint64_t>(
      std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begin).count());
  out.data.version = self.session().version();
  out.message = out.data.running_again
                    ? fmt::format("Home Assistant {} runs again after {} ms", out.data.version, out.data.took_ms)
                    : "Home Assistant is restarting";
  co_return out;
}

}  // namespace

void declare_system(sdk::Table<HomeAssistant>& table) {
  add_tool<restart_op, &restart>(table);
  add_tool<restart_too_op, &restart>(table);
}

}  // namespace patchbay::home_assistant
