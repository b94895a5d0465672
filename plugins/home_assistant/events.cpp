// Events: sources shared by listeners, and ha_subscribe_events.
#include "plugins/home_assistant/events.hpp"

#include <spdlog/fmt/fmt.h>

#include "plugins/home_assistant/plugin.hpp"
#include "plugins/home_assistant/principals.hpp"
#include "plugins/home_assistant/raw_json.hpp"
#include "plugins/home_assistant/states.hpp"
#include "plugins/home_assistant/upstream_error.hpp"

namespace patchbay::home_assistant {

using std::chrono::milliseconds;

// One subscription. Lives as long as its task or a listener needs it.
class EventSource : public std::enable_shared_from_this<EventSource> {
 public:
  EventSource(sdk::Host& host, Session& session, std::string type)
      : accepted_(host.executor()), host_(host), session_(session), type_(std::move(type)) {}

  void start() { task_ = host_.spawn("events " + type_, run(shared_from_this())); }
  void stop() {
    closed_ = true;
    if (task_) task_->cancel();
  }

  std::list<std::shared_ptr<Listener>> listeners;
  bool live = false;
  std::optional<Error> failed;
  Waiters accepted_;

 private:
  static sdk::Task<void> run(std::shared_ptr<EventSource> self) {
    // Also when the task is cancelled, nobody is left waiting.
    struct Ending {
      EventSource& source;
      ~Ending() { source.fail(Error{Code::unavailable, "the subscription has ended"}); }
    } ending{*self};
    auto pause = milliseconds{500};
    while (!self->closed_) {
      auto once = self->subscribe();
      Error const error = co_await std::move(once);
      if (self->closed_) break;
      bool const lasting = self->refused_ || !error.retryable() || !self->live;
      if (lasting) {
        self->fail(error);
        break;
      }
      sdk::SteadyTimer timer{self->host_.executor()};
      timer.expires_after(pause);
      pause = std::min(pause * 2, milliseconds{5'000});
      co_await timer.async_wait(sdk::use_task);
    }
  }

  // Returns when the subscription has ended, with the reason.
  sdk::Task<Error> subscribe() {
    auto opening = session_.ready(nullptr);
    Result<std::string> id = co_await std::move(opening);
    if (!id) co_return id.error();
    Command command{"subscribe_events"};
    if (!type_.empty()) command = std::move(command).text("event_type", type_);
    auto args = fmt::format(
        R"({{"connection_id":{},"message":{},"unsubscribe":{{"type":"unsubscribe_events","subscription":"$id"}}}})",
        json::quoted(*id), command.json());
    auto streaming =
        host_.stream("websocket_subscribe", std::move(args),
                     [self = shared_from_this()](std::string_view, std::string_view frame) { self->take(frame); });
    Result<RawJson> ended = co_await std::move(streaming);
    if (refused_) co_return *refused_;
    if (ended) co_return Error{Code::connection_lost, "the subscription has ended"};
    session_.gone(*id, ended.error());
    auto error = session_.explained(ended.error());
    if (ended.error().code == Code::auth_failed)
      error = Error{Code::connection_lost, error.message};  // tried once more, with the token as it is now
    co_return error;
  }

  void take(std::string_view frame) {
    auto const type = raw::member(frame, "type");
    if (type == "\"result\"") return answered(frame);
    if (type != "\"event\"") return;
    auto const event = raw::member(frame, "event");
    EventPtr shared;
    for (auto const& listener : listeners) {
      if (!listener->wants(event)) continue;
      if (!shared)
        shared = std::make_shared<Event const>(Event{raw::text(raw::member(event, "event_type")), std::string{event}});
      listener->push(shared);
    }
  }

  void answered(std::string_view frame) {
    if (!raw::is_true(raw::member(frame, "success"))) {
      refused_ = from_command("subscribe_events", raw::member(frame, "error"));
      task_->cancel();
      return;
    }
    if (live) {  // not the first time: the connection was lost in between
      auto const gap = std::make_shared<Event const>(
          Event{"reconnected", R"({"note":"events since the connection was lost are missing"})", true});
      for (auto const& listener : listeners) listener->push(gap);
    }
    live = true;
    accepted_.wake_all();
  }

  void fail(Error const& error) {
    if (!failed) failed = refused_ ? *refused_ : error;
    for (auto const& listener : listeners) listener->end(*failed);
    accepted_.wake_all();
  }

  sdk::Host& host_;
  Session& session_;
  std::string type_;
  std::shared_ptr<sdk::Background> task_;
  std::optional<Error> refused_;
  bool closed_ = false;
};

bool Listener::wants(std::string_view event) const {
  if (!entity_id_) return true;
  auto matches = [this](std::string_view value) {
    if (raw::text(value) == *entity_id_) return true;
    bool found = false;
    raw::each_item(value, [&](std::string_view item) { found = found || raw::text(item) == *entity_id_; });
    return found;
  };
  auto const data = raw::member(event, "data");
  return matches(raw::member(data, "entity_id")) ||
         matches(raw::member(raw::member(data, "service_data"), "entity_id"));
}

void Listener::push(EventPtr const& event) {
  queue_.push_back(event);
  bytes_ += event->json.size();
  while (queue_.size() > most_events || (bytes_ > most_bytes && queue_.size() > 1)) {
    bytes_ -= queue_.front()->json.size();
    queue_.pop_front();
    ++dropped_;
  }
  changed_.wake_all();
}

void Listener::end(Error const& error) {
  if (!ended_) ended_ = error;
  changed_.wake_all();
}

sdk::Task<EventPtr> Listener::next(sdk::Call& call, milliseconds at_most) {
  auto const until = std::chrono::steady_clock::now() + at_most;
  while (queue_.empty() && !ended_ && !call.cancelled()) {
    auto const left = std::chrono::ceil<milliseconds>(until - std::chrono::steady_clock::now());
    if (left <= milliseconds{0}) co_return nullptr;
    auto waiting = changed_.wait(&call, left);
    co_await std::move(waiting);
  }
  if (queue_.empty()) co_return nullptr;
  auto event = std::move(queue_.front());
  queue_.pop_front();
  bytes_ -= event->json.size();
  co_return event;
}

sdk::Task<Result<std::shared_ptr<Listener>>> EventSources::join(sdk::Call& call, std::string type,
                                                                std::optional<std::string> entity_id) {
  auto& slot = sources_[type];
  if (!slot || slot->failed) {
    slot = std::make_shared<EventSource>(host_, session_, type);
    slot->start();
  }
  auto const source = slot;
  auto listener = std::make_shared<Listener>(host_.executor(), std::move(entity_id));
  source->listeners.push_back(listener);
  while (!source->live && !source->failed) {
    auto waiting = source->accepted_.wait(&call);
    bool const woken = co_await std::move(waiting);
    if (!woken) {
      leave(type, listener);
      Error const late{call.cancelled() ? Code::cancelled : Code::deadline_exceeded,
                       "Home Assistant did not answer the subscription in time"};
      co_return late;
    }
  }
  if (source->failed && !source->live) {
    auto const error = *source->failed;
    leave(type, listener);
    co_return error;
  }
  co_return listener;
}

void EventSources::leave(std::string const& type, std::shared_ptr<Listener> const& listener) {
  auto const found = sources_.find(type);
  if (found == sources_.end()) return;
  auto const source = found->second;
  source->listeners.remove(listener);
  if (!source->listeners.empty()) return;
  sources_.erase(found);
  source->stop();
}

void EventSources::end() {
  auto const sources = std::exchange(sources_, {});
  for (auto const& [type, source] : sources) source->stop();
}

// --- the tool

struct SubscribeArgs {
  std::optional<std::string> event_type;
  std::optional<std::string> entity_id;
  std::optional<std::int64_t> limit;
  std::optional<std::int64_t> timeout_s;
};
struct SubscribeResult {
  std::uint64_t events = 0;
  std::uint64_t dropped = 0;
  std::string reason;
};
struct Dropped {
  std::uint64_t count = 0;
};

}  // namespace patchbay::home_assistant

namespace patchbay {
namespace ha = home_assistant;

template <>
struct Describe<ha::SubscribeArgs> {
  using A = ha::SubscribeArgs;
  static constexpr std::tuple fields{
      field("event_type", &A::event_type, "Event type, such as state_changed; all events when absent (takes ha.admin)")
          .nullable()
          .length(1, 64),
      field("entity_id", &A::entity_id, "Only events about this entity").nullable().length(3, 255),
      field("limit", &A::limit, "Stop after this many events").nullable().range(1, 1'000'000'000),
      field("timeout_s", &A::timeout_s, "Stop after this many seconds").nullable().range(1, 31'536'000)};
};
template <>
struct Describe<ha::SubscribeResult> {
  using R = ha::SubscribeResult;
  static constexpr std::tuple fields{field("events", &R::events, "Events sent"),
                                     field("dropped", &R::dropped, "Events that a slow listener has lost"),
                                     field("reason", &R::reason, "Why it ended: limit, timeout or left")};
};
template <>
struct Describe<ha::Dropped> {
  static constexpr std::tuple fields{field("count", &ha::Dropped::count, "Events lost before the next one")};
};
}  // namespace patchbay

namespace patchbay::home_assistant {
namespace {

constexpr sdk::Operation<SubscribeArgs, SubscribeResult> subscribe_op{
    .name = "subscribe_events",
    .summary = "Stream Home Assistant events as they happen, until the caller leaves.",
    .scope = "ha.read",
    .category = "events",
    .errors = upstream_errors,
    .example = R"({"event_type":"state_changed","limit":1})",
    .streaming = true,
    .reaches_out = true};

sdk::Task<Result<SubscribeResult>> subscribe(HomeAssistant& self, sdk::Call& call, SubscribeArgs args) {
  auto const type = args.event_type.value_or("");
  if (type.empty() && !is_administrator(call))
    co_return Error{Code::forbidden,
                    "all events of Home Assistant take the scope ha.admin; name an event_type, such as state_changed",
                    "/event_type"};
  if (args.entity_id && !is_entity_id(*args.entity_id))
    co_return Error{Code::invalid_argument, "not an entity id: it has the form domain.name, such as light.bed_light",
                    "/entity_id"};
  auto joining = self.events().join(call, type, args.entity_id);
  Result<std::shared_ptr<Listener>> joined = co_await std::move(joining);
  if (!joined) co_return joined.error();
  auto const listener = *joined;
  struct Leave {
    HomeAssistant& self;
    std::string const& type;
    std::shared_ptr<Listener> const& listener;
    ~Leave() { self.events().leave(type, listener); }
  } leave{self, type, listener};
  auto const until = std::chrono::steady_clock::now() + std::chrono::seconds{args.timeout_s.value_or(31'536'000)};
  SubscribeResult done;
  for (;;) {
    auto const left = std::chrono::ceil<milliseconds>(until - std::chrono::steady_clock::now());
    auto taking = listener->next(call, std::max(left, milliseconds{0}));
    EventPtr const event = co_await std::move(taking);
    if (!event) {
      if (listener->ended()) co_return *listener->ended();
      done.reason = call.cancelled() ? "left" : "timeout";
      break;
    }
    Dropped const dropped{listener->take_dropped()};
    bool listening = true;
    if (dropped.count > 0) {
      done.dropped += dropped.count;
      auto telling = call.emit("dropped", dropped);
      listening = co_await std::move(telling);
    }
    if (listening) {
      auto sending = call.emit(event->type, RawJson{event->json});
      listening = co_await std::move(sending);
    }
    if (!listening) {
      done.reason = "left";
      break;
    }
    if (event->ours) continue;
    ++done.events;
    if (args.limit && done.events >= static_cast<std::uint64_t>(*args.limit)) {
      done.reason = "limit";
      break;
    }
  }
  co_return done;
}

}  // namespace

void declare_events(sdk::Table<HomeAssistant>& table) { add_tool<subscribe_op, &subscribe>(table); }

}  // namespace patchbay::home_assistant
