#include "plugins/home_assistant/collected_events.hpp"

#include <spdlog/fmt/fmt.h>

#include "plugins/home_assistant/raw_json.hpp"
#include "plugins/home_assistant/upstream_error.hpp"

namespace patchbay::home_assistant {
namespace {

// Shared by the waiting call and the stream's own task, whichever ends first.
struct Collecting {
  explicit Collecting(sdk::Executor executor) : moved(executor) {}
  Collected collected;
  std::optional<Error> problem;
  std::string refusal;  // the `error` of the answer
  IsLast is_last;
  Waiters moved;

  bool over() const { return collected.complete || problem || !refusal.empty(); }
  void take(std::string_view frame) {
    if (over()) return;
    auto const type = raw::member(frame, "type");
    if (type == "\"event\"") {
      collected.events.emplace_back(raw::member(frame, "event"));
      collected.complete = is_last(collected.events.back());
    } else if (type == "\"result\"" && !raw::is_true(raw::member(frame, "success"))) {
      refusal = raw::member(frame, "error");
    }
    if (over()) moved.wake_all();
  }
};

sdk::Task<void> stream_all(sdk::Host& host, std::shared_ptr<Collecting> state, std::string args) {
  auto streaming = host.stream("websocket_subscribe", std::move(args),
                               [state](std::string_view, std::string_view frame) { state->take(frame); });
  Result<RawJson> ended = co_await std::move(streaming);
  if (!state->over())
    state->problem = ended ? Error{Code::upstream_failed, "the subscription ended early"} : ended.error();
  state->moved.wake_all();
}

}  // namespace

sdk::Task<Result<Collected>> collect_events(HomeAssistant& self, sdk::Call& call, Command command, IsLast is_last,
                                            std::chrono::milliseconds span) {
  auto opening = self.session().ready(&call);
  Result<std::string> id = co_await std::move(opening);
  if (!id) co_return id.error();
  auto const left = std::min(span, call.time_left());
  auto args = fmt::format(
      R"({{"connection_id":{},"timeout_ms":{},"restore":false,"unsubscribe":{{"type":"unsubscribe_events","subscription":"$id"}},"message":{}}})",
      json::quoted(*id), std::max<std::int64_t>(left.count(), 1), command.json());
  auto state = std::make_shared<Collecting>(self.host().executor());
  state->is_last = std::move(is_last);
  auto task = self.host().spawn("events of " + command.type(), stream_all(self.host(), state, std::move(args)));
  struct Leave {
    std::shared_ptr<sdk::Background>& task;
    ~Leave() { task->cancel(); }
  } leave{task};
  auto const until = std::chrono::steady_clock::now() + left;
  while (!state->over()) {
    auto const rest = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    if (rest.count() <= 0 || call.cancelled()) break;
    auto waiting = state->moved.wait(&call, rest);
    bool const woken = co_await std::move(waiting);
    static_cast<void>(woken);
  }
  if (!state->refusal.empty()) co_return from_command(command.type(), state->refusal);
  if (state->problem) {
    self.session().gone(*id, *state->problem);
    co_return self.session().explained(*state->problem);
  }
  co_return std::move(state->collected);
}

}  // namespace patchbay::home_assistant
