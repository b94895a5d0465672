#include "plugins/home_assistant/mirror.hpp"

#include <spdlog/fmt/fmt.h>

#include "plugins/home_assistant/raw_json.hpp"
#include "plugins/home_assistant/upstream_error.hpp"
#include "plugins/sdk/nearest.hpp"

namespace patchbay::home_assistant {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds pulse_interval{2'000};
constexpr milliseconds settling_interval{500};
constexpr milliseconds first_pause{500}, longest_pause{5'000};
constexpr milliseconds reading_time{30'000};

// Order of members makes no difference.
bool same_json(std::string_view a, std::string_view b) {
  if (a == b) return true;
  json::Document left, right;
  left.Parse(a.data(), a.size());
  right.Parse(b.data(), b.size());
  return !left.HasParseError() && !right.HasParseError() && left == right;
}

sdk::Task<void> pause(sdk::Host& host, milliseconds span) {
  sdk::SteadyTimer timer{host.executor()};
  timer.expires_after(span);
  co_await timer.async_wait(sdk::use_task);
}

}  // namespace

// --- one state

EntityState EntityState::read(std::string_view json) {
  EntityState out;
  out.json = json;
  raw::each_member(json, [&](std::string_view key, std::string_view value) {
    if (key == "\"entity_id\"")
      out.entity_id = raw::text(value);
    else if (key == "\"state\"")
      out.state = raw::text(value);
    else if (key == "\"attributes\"")
      out.name = raw::text(raw::member(value, "friendly_name"));
  });
  if (out.name.empty()) out.name = out.entity_id;
  return out;
}
std::string_view EntityState::attributes() const { return raw::member(json, "attributes"); }
std::string_view EntityState::attribute(std::string_view key) const { return raw::member(attributes(), key); }
std::string EntityState::text_attribute(std::string_view key) const { return raw::text(attribute(key)); }
std::string EntityState::last_changed() const { return raw::text(raw::member(json, "last_changed")); }
std::string EntityState::last_updated() const { return raw::text(raw::member(json, "last_updated")); }

// --- reading

Mirror::Mirror(sdk::Host& host, Session& session)
    : host_(host),
      session_(session),
      filled_waiters_(host.executor()),
      changed_(host.executor()),
      nudged_(host.executor()) {}

void Mirror::start() {
  running_ = host_.spawn("mirror", run(milliseconds{0}));
  pulse_ = host_.spawn("mirror pulse", watch_pulse());
}

void Mirror::stop() {
  stopped_ = true;
  for (auto const* task : {&running_, &synchronising_, &pulse_})
    if (*task) (*task)->cancel();
  for (auto const& task : narrow_) task->cancel();
}

sdk::Task<Result<void>> Mirror::ready(sdk::Call& call) {
  // With a token that is no longer good nothing is shown, not even what was known.
  if (filled_ && !(problem_ && problem_->code == Code::auth_failed)) co_return Result<void>{};
  // Says what is wrong with the configuration, the address or the token, and opens the connection again if that helps.
  auto opening = session_.ready(&call);
  Result<std::string> id = co_await std::move(opening);
  if (!id) co_return id.error();
  problem_.reset();
  nudged_.wake_all();
  while (!filled_) {
    auto waiting = filled_waiters_.wait(&call);
    bool const woken = co_await std::move(waiting);
    if (problem_) co_return *problem_;
    if (woken) continue;
    Error const late{call.cancelled() ? Code::cancelled : Code::deadline_exceeded,
                     "Home Assistant did not give its states before the time of this call was up"};
    co_return late;
  }
  co_return Result<void>{};
}

EntityState const* Mirror::state(std::string_view entity_id) const {
  auto const found = states_.find(entity_id);
  return found == states_.end() ? nullptr : &found->second;
}

Error Mirror::unknown(std::string_view entity_id, std::string pointer,
                      std::function<bool(std::string_view)> const& may_name) const {
  std::vector<std::string_view> ids;
  for (auto const& [id, one] : states_)
    if (!may_name || may_name(id)) ids.emplace_back(id);
  std::string near;
  for (auto candidate : nearest(entity_id, ids, 3)) near += fmt::format("{}{}", near.empty() ? "" : ", ", candidate);
  return Error{
      Code::not_found,
      fmt::format("Home Assistant has no entity {}{}{}", entity_id, near.empty() ? "" : "; the nearest are ", near),
      std::move(pointer)};
}

std::optional<std::int64_t> Mirror::age_ms() const {
  if (current_ && answering_) return std::nullopt;
  return std::chrono::ceil<milliseconds>(Clock::now() - heard_).count();
}

// --- the subscription

sdk::Task<void> Mirror::run(milliseconds later) {
  auto resting = pause(host_, later);
  co_await std::move(resting);
  auto const mine = running_;  // another takes over where this subscription is refused
  auto wait = first_pause;
  while (!stopped_) {
    auto following = follow();
    Error const error = co_await std::move(following);
    if (stopped_ || mine != running_) co_return;
    if (connected_) wait = first_pause;
    connected_ = current_ = answering_ = false;
    for (auto const& task : narrow_) task->cancel();
    narrow_.clear();
    problem_ = error;
    filled_waiters_.wake_all();
    auto nudging = nudged_.wait(nullptr, wait);
    co_await std::move(nudging);
    wait = std::min(wait * 2, longest_pause);
  }
}

namespace {

std::string subscription(std::string_view connection_id, std::string_view type) {
  Command command{"subscribe_events"};
  if (!type.empty()) command = std::move(command).text("event_type", type);
  return fmt::format(
      R"({{"connection_id":{},"message":{},"unsubscribe":{{"type":"unsubscribe_events","subscription":"$id"}}}})",
      json::quoted(connection_id), command.json());
}

sdk::Task<void> follow_one(sdk::Host& host, std::string args, sdk::OnEvent take) {
  auto streaming = host.stream("websocket_subscribe", std::move(args), std::move(take));
  co_await std::move(streaming);  // ends with the connection, as the main one does
}

}  // namespace

// Returns when the subscription has ended, with the reason.
sdk::Task<Error> Mirror::follow() {
  auto opening = session_.ready(nullptr);
  Result<std::string> id = co_await std::move(opening);
  if (!id) co_return id.error();
  connection_id_ = *id;
  accepted_ = false;
  auto streaming = host_.stream("websocket_subscribe", subscription(*id, may_have_all_ ? "" : "state_changed"),
                                [this](std::string_view kind, std::string_view frame) { take(kind, frame); });
  Result<RawJson> ended = co_await std::move(streaming);
  if (ended) co_return Error{Code::connection_lost, "the subscription of the mirror has ended"};
  session_.gone(*id, ended.error());
  co_return session_.explained(ended.error());
}

void Mirror::take(std::string_view kind, std::string_view frame) {
  if (kind == "lost") {
    connected_ = current_ = answering_ = false;
    return;
  }
  heard();
  auto const type = raw::member(frame, "type");
  if (type == "\"event\"") return take_event(raw::member(frame, "event"));
  if (type != "\"result\"") return;
  if (raw::is_true(raw::member(frame, "success"))) {
    if (!may_have_all_ && narrow_.empty())
      for (auto const event : registry_events)
        narrow_.push_back(host_.spawn(
            "mirror " + std::string{event},
            follow_one(host_, subscription(connection_id_, event), [this](std::string_view, std::string_view one) {
              if (raw::member(one, "type") == "\"event\"") take_event(raw::member(one, "event"));
            })));
    return begin_synchronising();
  }
  auto const error = from_command("subscribe_events", raw::member(frame, "error"));
  if (may_have_all_) {  // a token of a normal user: what it may have is enough for states
    may_have_all_ = false;
    host_.log(sdk::LogLevel::info,
              "the token of Home Assistant is no administrator's: hub channels carry states, but no other events");
  } else {
    problem_ = error;
    filled_waiters_.wake_all();
    host_.log(sdk::LogLevel::warning, "Home Assistant refuses the subscription to states", {{"reason", error.message}});
  }
  // The stream would go on without events: end it and begin again.
  if (running_) running_->cancel();
  running_ = host_.spawn("mirror", run(first_pause));
}

void Mirror::heard() {
  answering_ = true;
  if (current_) heard_ = Clock::now();
}

void Mirror::take_event(std::string_view event) {
  std::string keep;
  auto const type = raw::text(raw::member(event, "event_type"), keep);
  if (type == "state_changed") {
    auto const data = raw::member(event, "data");
    auto const now = raw::member(data, "new_state");
    auto const entity_id = raw::text(raw::member(data, "entity_id"));
    if (!current_ || settling_ || busy_) {
      touched_.insert(entity_id);
      gone_.erase(entity_id);
    }
    if (raw::is_null(now)) {
      if (busy_) gone_.insert(entity_id);
      remove(entity_id);
    } else {
      // While everything is read, an event may come after the list that has it already.
      auto const* known = busy_ ? state(entity_id) : nullptr;
      bool const old = known != nullptr && raw::text(raw::member(now, "last_updated")) <= known->last_updated();
      if (!old) put(now, settling_);
    }
  }
  for (std::size_t i = 0; i < registry_events.size(); ++i)
    if (type == registry_events[i]) {
      stale_ |= 1U << i;
      look_after();
    }
  for (auto const& observer : on_event_) observer(type, event);
}

// --- keeping it true

void Mirror::begin_synchronising() {
  connected_ = true;
  current_ = false;
  problem_.reset();
  settling_ = filled_;  // after a loss nothing is told that is as it was
  again_ = true;
  stale_ = (1U << registry_commands.size()) - 1;
  touched_.clear();
  gone_.clear();
  look_after();
}

void Mirror::look_after() {
  if (std::exchange(busy_, true)) return;
  synchronising_ = host_.spawn("mirror synchronisation", synchronise());
}

sdk::Task<Result<Frame>> Mirror::ask(std::string connection_id, Command command) {
  auto const type = command.type();
  auto args = fmt::format(R"({{"connection_id":{},"timeout_ms":{},"message":{}}})", json::quoted(connection_id),
                          reading_time.count(), command.json());
  auto asking = host_.call("websocket_request", std::move(args));
  Result<RawJson> reply = co_await std::move(asking);
  if (!reply) co_return reply.error();
  Frame frame{std::move(reply->text)};
  if (!frame.success()) co_return from_command(type, frame.error());
  co_return frame;
}

// False: it has to be tried again.
sdk::Task<bool> Mirror::read_everything(std::string const& connection_id) {
  // Several messages in one frame save Home Assistant a write each; WEBSOCKET takes them apart.
  Command together = Command{"supported_features"}.raw("features", R"({"coalesce_messages":1})");
  auto telling = ask(connection_id, std::move(together));
  co_await std::move(telling);
  Command config{"get_config"};
  auto asking = ask(connection_id, std::move(config));
  Result<Frame> state = co_await std::move(asking);
  if (!state) co_return false;
  bool const running = raw::text(raw::member(state->result(), "state")) == "RUNNING";
  Command states{"get_states"};
  auto listing = ask(connection_id, std::move(states));
  Result<Frame> listed = co_await std::move(listing);
  if (!listed || again_) co_return false;
  take_all(listed->result(), running);
  touched_.clear();
  gone_.clear();
  settling_ = !running;
  co_return true;
}

// One at a time: reads what is not known to be true, until everything is.
sdk::Task<void> Mirror::synchronise() {
  struct Done {
    Mirror& self;
    ~Done() { self.busy_ = false; }
  } done{*this};
  while (!stopped_ && connected_) {
    auto const id = connection_id_;
    if (again_) {
      again_ = false;
      auto reading = read_everything(id);
      bool const read = co_await std::move(reading);
      if (!read) {
        again_ = connected_;
        auto resting = pause(host_, settling_interval);
        co_await std::move(resting);
        continue;
      }
    }
    bool failed = false;
    for (std::size_t i = 0; i < registry_commands.size(); ++i) {
      if ((stale_ & (1U << i)) == 0) continue;
      stale_ &= ~(1U << i);
      Command list{registry_commands[i]};
      auto asking = ask(id, std::move(list));
      Result<Frame> listed = co_await std::move(asking);
      if (listed) {
        registry_.replace(static_cast<Registry>(i), listed->result());
        for (auto const& observer : on_registry_) observer();
      } else if (listed.error().retryable()) {
        stale_ |= 1U << i;
        failed = true;
      }
    }
    if (again_) continue;
    if (!failed && !current_) {
      current_ = true;
      filled_ = true;
      problem_.reset();
      heard();
      filled_waiters_.wake_all();
    }
    if (stale_ == 0 && !settling_) break;
    if (stale_ != 0 && !failed) continue;
    auto resting = pause(host_, settling_interval);
    co_await std::move(resting);
    if (!settling_) continue;
    Command config{"get_config"};
    auto asking = ask(id, std::move(config));
    Result<Frame> state = co_await std::move(asking);
    // Now that it runs, what is missing is gone for good.
    if (state && raw::text(raw::member(state->result(), "state")) == "RUNNING") again_ = true;
  }
}

void Mirror::take_all(std::string_view list, bool complete) {
  std::set<std::string, std::less<>> listed;
  raw::each_item(list, [&](std::string_view one) {
    auto id = raw::text(raw::member(one, "entity_id"));
    // Events that came meanwhile may be newer than the list; times are ISO texts of one zone, which sort.
    auto const* known = touched_.count(id) != 0 ? state(id) : nullptr;
    bool const older = known != nullptr && raw::text(raw::member(one, "last_updated")) < known->last_updated();
    if (!older && gone_.count(id) == 0) put(one, true);
    listed.insert(std::move(id));
  });
  if (!complete) return;
  std::vector<std::string> missing;
  for (auto const& [id, one] : states_)
    if (listed.count(id) == 0 && touched_.count(id) == 0) missing.push_back(id);
  for (auto const& id : missing) remove(id);
}

void Mirror::put(std::string_view json, bool only_if_different) {
  auto now = EntityState::read(json);
  if (now.entity_id.empty()) return;
  auto const [at, is_new] = states_.try_emplace(now.entity_id);
  auto before = std::move(at->second);
  bool const tell =
      is_new || !only_if_different || before.state != now.state || !same_json(before.attributes(), now.attributes());
  now.number = tell ? ++changes_ : before.number;
  at->second = std::move(now);
  if (!tell) return;
  for (auto const& observer : on_state_) observer(StateChange{at->first, &at->second, is_new ? nullptr : &before});
  changed_.wake_all();
}

void Mirror::remove(std::string const& entity_id) {
  auto const found = states_.find(entity_id);
  if (found == states_.end()) return;
  auto const before = std::move(found->second);
  states_.erase(found);
  ++changes_;
  for (auto const& observer : on_state_) observer(StateChange{entity_id, nullptr, &before});
  changed_.wake_all();
}

// A connection may be open while nothing answers on it: a frozen Home Assistant, a cable that was pulled.
sdk::Task<void> Mirror::watch_pulse() {
  while (!stopped_) {
    auto resting = pause(host_, pulse_interval);
    co_await std::move(resting);
    if (!connected_ || !current_) continue;
    if (answering_ && Clock::now() - heard_ < pulse_interval) continue;
    auto args = fmt::format(R"({{"connection_id":{},"timeout_ms":{},"message":{{"type":"ping"}}}})",
                            json::quoted(connection_id_), pulse_interval.count());
    auto asking = host_.call("websocket_request", std::move(args));
    Result<RawJson> reply = co_await std::move(asking);
    if (reply)
      heard();
    else
      answering_ = false;
  }
}

}  // namespace patchbay::home_assistant
