#include "plugins/home_assistant/session.hpp"

#include <spdlog/fmt/fmt.h>

#include "plugins/home_assistant/raw_json.hpp"
#include "plugins/home_assistant/upstream_error.hpp"

namespace patchbay::home_assistant {
namespace {

using std::chrono::milliseconds;

// What websocket_connect is asked: the handshake is its opening script, replayed on each reconnect.
std::string connect_arguments(std::string_view url, std::string_view token) {
  json::Buffer buffer;
  json::Writer writer{buffer};
  auto text = [&](std::string_view key, std::string_view value) {
    json::write_key(writer, key);
    json::write_text(writer, value);
  };
  auto frame = [&](std::string_view step, std::string_view type) {
    json::write_key(writer, step);
    writer.StartObject();
    text("type", type);
  };
  writer.StartObject();
  text("url", url);
  json::write_key(writer, "timeout_ms");
  writer.Int(10'000);
  json::write_key(writer, "reconnect_max_ms");
  writer.Int(3'000);
  json::write_key(writer, "max_queue");  // Home Assistant takes frames of up to 4 MiB
  writer.Int(8 * 1024 * 1024);
  json::write_key(writer, "opening");
  writer.StartArray();
  writer.StartObject();
  frame("expect", "auth_required");
  writer.EndObject();
  writer.EndObject();
  writer.StartObject();
  frame("send", "auth");
  text("access_token", token);
  writer.EndObject();
  writer.EndObject();
  writer.StartObject();
  frame("expect", "auth_ok");
  writer.EndObject();
  frame("refuse", "auth_invalid");
  writer.EndObject();
  writer.EndObject();
  writer.EndArray();
  writer.EndObject();
  return {buffer.GetString(), buffer.GetSize()};
}

std::string version_in(std::string_view opening) {
  std::string version;
  raw::each_item(opening, [&](std::string_view frame) {
    auto const given = raw::member(frame, "ha_version");
    if (!given.empty()) version = raw::text(given);
  });
  return version;
}

Error refused_token() {
  return Error{
      Code::auth_failed,
      "Home Assistant refused the token of plugins.home_assistant.token; make a long-lived access token on the "
      "profile page of Home Assistant and put it there (or into HA_TOKEN)"};
}

Error timed_out() {
  return Error{Code::deadline_exceeded, "Home Assistant could not be reached before the time of this call was up"};
}

// A time for a request that ends just before the call's own, so that the answer still comes from here.
std::int64_t timeout_of(sdk::Call& call) { return std::clamp<std::int64_t>(call.time_left().count(), 1, 600'000); }

}  // namespace

Command::Command(std::string_view type) : type_(type), body_("{\"type\":" + json::quoted(type)) {}
void Command::key(std::string_view name) {
  body_ += ',';
  body_ += json::quoted(name);
  body_ += ':';
}
Command Command::text(std::string_view name, std::string_view value) && {
  key(name);
  body_ += json::quoted(value);
  return std::move(*this);
}
Command Command::raw(std::string_view name, std::string_view json) && {
  key(name);
  body_ += json;
  return std::move(*this);
}
Command Command::flag(std::string_view name, bool value) && {
  key(name);
  body_ += value ? "true" : "false";
  return std::move(*this);
}
Command Command::number(std::string_view name, std::int64_t value) && {
  key(name);
  body_ += std::to_string(value);
  return std::move(*this);
}

Frame::Frame(std::string text) : text_(std::move(text)) {
  auto const frame = raw::member(text_, "message");
  success_ = raw::is_true(raw::member(frame, "success"));
  result_ = part(raw::member(frame, "result"));
  error_ = part(raw::member(frame, "error"));
}
Frame::Part Frame::part(std::string_view inner) const {
  if (inner.empty()) return {};
  return {static_cast<std::size_t>(inner.data() - text_.data()), inner.size()};
}
std::string Frame::error_code() const { return raw::text(raw::member(error(), "code")); }

Session::Session(sdk::Host& host, Settings const& settings)
    : host_(host), settings_(settings), token_(settings.token), opened_(host.executor()) {}

Result<std::string> Session::fresh_token() const {
  auto token = token_.read();
  if (token && *token == refused_) return refused_token();
  return token;
}

sdk::Task<Result<std::string>> Session::ready(sdk::Call* call) {
  if (!connection_id_.empty()) co_return connection_id_;
  if (settings_.url.empty()) {
    Error none{Code::unavailable,
               "no Home Assistant is configured: set plugins.home_assistant.url and plugins.home_assistant.token, or "
               "HA_URL and HA_TOKEN in the environment"};
    co_return none;
  }
  if (!connecting_) {
    auto token = fresh_token();
    if (!token) co_return token.error();
    connecting_ = true;
    host_.spawn("home assistant session", connect());
  }
  while (connecting_) {
    auto waiting = opened_.wait(call);
    bool const woken = co_await std::move(waiting);
    if (!woken) co_return timed_out();
  }
  if (connection_id_.empty()) co_return problem_;
  co_return connection_id_;
}

// A task of the plugin's own: the call that caused it may leave before the connection is open.
sdk::Task<void> Session::connect() {
  struct Done {
    Session& self;
    ~Done() {
      self.connecting_ = false;
      self.opened_.wake_all();
    }
  } done{*this};
  problem_ = Error{Code::unavailable, "the connection to Home Assistant was given up: the plugin is ending"};
  auto opening = open();
  problem_ = co_await std::move(opening);
  if (!connection_id_.empty()) {
    warned_ = Code::cancelled;
    well();
    host_.log(sdk::LogLevel::info, "connected to Home Assistant", {{"version", version_}});
    co_return;
  }
  unwell(problem_);
  // One line for each kind of trouble: it is tried again and again.
  auto const kind = problem_.code == Code::circuit_open ? Code::connect_failed : problem_.code;
  if (std::exchange(warned_, kind) != kind)
    host_.log(sdk::LogLevel::warning, "no connection to Home Assistant",
              {{"reason", problem_.message}, {"code", name_of(problem_.code)}});
}

sdk::Task<Error> Session::open() {
  auto url = settings_.websocket_url();
  if (!url) co_return url.error();
  // Twice at most: a token that is read from a file or the environment may have been exchanged a moment ago.
  for (int attempt = 0;; ++attempt) {
    auto token = fresh_token();
    if (!token) co_return token.error();
    auto connecting = host_.call("websocket_connect", connect_arguments(*url, *token));
    Result<RawJson> made = co_await std::move(connecting);
    if (made) {
      connection_id_ = raw::text(raw::member(made->text, "connection_id"));
      version_ = version_in(raw::member(made->text, "opening"));
      features_.version = Version::parse(version_);
      was_lost_ = false;
      ++generation_;
      used_token_ = *token;
      refused_.clear();
      looked_ = std::chrono::steady_clock::now();
      reconnects_text_ = "0";
      co_return Error{};
    }
    if (made.error().code != Code::auth_failed) co_return explained(made.error());
    refused_ = *token;
    if (attempt > 0) co_return refused_token();
  }
}

bool Session::gone(std::string const& connection_id, Error const& error) {
  if (error.code == Code::connection_lost) was_lost_ = true;
  if (error.code != Code::not_found && error.code != Code::auth_failed) return false;
  if (connection_id_ == connection_id) {
    connection_id_.clear();
    if (error.code == Code::auth_failed) refused_ = used_token_;
  }
  return true;
}

Error Session::explained(Error error) const {
  switch (error.code) {
    case Code::connect_failed: error.message = "Home Assistant cannot be reached: " + error.message; break;
    case Code::connection_lost:
      error.message = "the connection to Home Assistant was lost, it may be restarting; try again: " + error.message;
      break;
    case Code::circuit_open:
      error.message = "Home Assistant did not answer lately and is left alone for a moment: " + error.message;
      break;
    case Code::not_found:
      error = Error{Code::unavailable, "the connection to Home Assistant was closed meanwhile; try again"};
      break;
    case Code::auth_failed: error = refused_token(); break;
    case Code::forbidden:
      error = Error{Code::unavailable, "the gateway does not let this plugin reach Home Assistant: " + error.message};
      break;
    case Code::too_large: error.message = "too large for Home Assistant's socket (4 MiB): " + error.message; break;
    default: break;
  }
  return error;
}

// The gateway opens a lost connection again by itself; this finds out whether it did, and which version answers now.
sdk::Task<void> Session::look_again(sdk::Call& call, std::string connection_id) {
  looked_ = std::chrono::steady_clock::now();
  auto asking = call.call("websocket_status", "{\"connection_id\":" + json::quoted(connection_id) + "}");
  Result<RawJson> status = co_await std::move(asking);
  if (!status || connection_id != connection_id_) co_return;
  raw::each_item(raw::member(status->text, "connections"), [this](std::string_view one) {
    auto const state = raw::text(raw::member(one, "state"));
    std::string const reconnects{raw::member(one, "reconnects")};
    if (state != "open") return;
    was_lost_ = false;
    if (reconnects == reconnects_text_) return;
    reconnects_text_ = reconnects;
    ++generation_;
    auto version = version_in(raw::member(one, "opening"));
    if (version.empty()) return;
    version_ = std::move(version);
    features_.version = Version::parse(version_);
  });
}

sdk::Task<Result<Frame>> Session::ask(sdk::Call& call, Command command) {
  for (int attempt = 0;; ++attempt) {
    auto opening = ready(&call);
    Result<std::string> id = co_await std::move(opening);
    if (!id) co_return id.error();
    if (was_lost_ || std::chrono::steady_clock::now() - looked_ > std::chrono::seconds{30}) {
      auto looking = look_again(call, *id);
      co_await std::move(looking);
    }
    auto args = fmt::format(R"({{"connection_id":{},"timeout_ms":{},"message":{}}})", json::quoted(*id),
                            timeout_of(call), command.json());
    auto asking = call.call("websocket_request", std::move(args));
    Result<RawJson> reply = co_await std::move(asking);
    if (reply) co_return Frame{std::move(reply->text)};
    auto const error = reply.error();
    if (!gone(*id, error) || attempt > 0) co_return explained(error);
  }
}

sdk::Task<Result<Frame>> Session::command(sdk::Call& call, Command command) {
  auto const type = command.type();
  auto asking = ask(call, std::move(command));
  Result<Frame> frame = co_await std::move(asking);
  if (!frame || frame->success()) co_return frame;
  auto error = from_command(type, frame->error());
  if (frame->error_code() != "unknown_command") co_return error;
  // While Home Assistant starts its socket answers already, but integrations and their commands are not there yet.
  Command config{"get_config"};
  auto looking = ask(call, std::move(config));
  Result<Frame> state = co_await std::move(looking);
  if (!state) co_return state.error();
  if (raw::text(raw::member(state->result(), "state")) != "RUNNING")
    error = Error{Code::unavailable, "Home Assistant is still starting; try again in a moment", {}, 1000};
  co_return error;
}

namespace {

// Shared by the waiting call and the stream's own task, whichever ends first.
struct FirstEvent {
  explicit FirstEvent(sdk::Executor executor) : done(executor) {}
  std::optional<Result<std::string>> outcome;
  std::string refusal;  // the `error` of the answer
  std::shared_ptr<sdk::Background> task;
  Waiters done;

  void take(std::string_view frame) {
    if (outcome || !refusal.empty()) return;
    auto const type = raw::member(frame, "type");
    if (type == "\"event\"")
      outcome.emplace(std::string{raw::member(frame, "event")});
    else if (type == "\"result\"" && !raw::is_true(raw::member(frame, "success")))
      refusal = raw::member(frame, "error");
    if ((outcome || !refusal.empty()) && task) task->cancel();
    done.wake_all();
  }
};

sdk::Task<void> stream_first(sdk::Host& host, std::shared_ptr<FirstEvent> first, std::string args) {
  auto streaming = host.stream("websocket_subscribe", std::move(args),
                               [first](std::string_view, std::string_view frame) { first->take(frame); });
  Result<RawJson> ended = co_await std::move(streaming);
  if (!first->outcome && first->refusal.empty())
    first->outcome.emplace(ended ? Error{Code::upstream_failed, "the subscription ended without an event"}
                                 : ended.error());
  first->done.wake_all();
}

}  // namespace

sdk::Task<Result<std::string>> Session::first_event(sdk::Call& call, Command command) {
  for (int attempt = 0;; ++attempt) {
    auto opening = ready(&call);
    Result<std::string> id = co_await std::move(opening);
    if (!id) co_return id.error();
    auto args = fmt::format(
        R"({{"connection_id":{},"timeout_ms":{},"restore":false,"unsubscribe":{{"type":"unsubscribe_events","subscription":"$id"}},"message":{}}})",
        json::quoted(*id), timeout_of(call), command.json());
    auto first = std::make_shared<FirstEvent>(host_.executor());
    first->task = host_.spawn("first event of " + command.type(), stream_first(host_, first, std::move(args)));
    struct Leave {
      FirstEvent& first;
      ~Leave() {
        first.task->cancel();
        first.task.reset();
      }
    } leave{*first};
    while (!first->outcome && first->refusal.empty()) {
      auto waiting = first->done.wait(&call);
      bool const woken = co_await std::move(waiting);
      if (!woken) co_return timed_out();
    }
    if (!first->refusal.empty()) co_return from_command(command.type(), first->refusal);
    if (first->outcome->has_value()) co_return std::move(*first->outcome);
    auto const error = first->outcome->error();
    if (!gone(*id, error) || attempt > 0) co_return explained(error);
  }
}

sdk::Task<Result<RestAnswer>> Session::rest(sdk::Call& call, std::string method, std::string path, std::string body) {
  auto url = settings_.rest_url();
  if (settings_.url.empty()) {
    auto opening = ready(&call);  // says what is missing
    Result<std::string> none = co_await std::move(opening);
    co_return none.error();
  }
  if (!url) co_return url.error();
  for (int attempt = 0;; ++attempt) {
    auto token = fresh_token();
    if (!token) co_return token.error();
    auto args = fmt::format(R"({{"method":{},"url":{},"timeout_ms":{},"headers":{{"authorization":{}}}{}{}}})",
                            json::quoted(method), json::quoted(*url + path), timeout_of(call),
                            json::quoted("Bearer " + *token), body.empty() ? "" : ",\"body\":", body);
    auto asking = call.call("http_client_request", std::move(args));
    Result<RawJson> reply = co_await std::move(asking);
    if (!reply) co_return explained(reply.error());
    auto const& text = reply->text;
    RestAnswer answer{std::atoi(std::string{raw::member(text, "status")}.c_str()),
                      std::string{raw::member(text, "json")}};
    if (answer.text.empty()) answer.text = raw::text(raw::member(text, "body"));
    answer.base64 = raw::text(raw::member(text, "body_base64"));
    answer.content_type = raw::text(raw::member(raw::member(text, "headers"), "content-type"));
    if (answer.status >= 200 && answer.status < 300) co_return answer;
    // The socket was opened with this very token, so Home Assistant knows it: its user may not do this.
    bool const is_known = !connection_id_.empty() && *token == used_token_;
    if (answer.status == 401 && is_known) answer.status = 403;
    if (answer.status == 401) {
      refused_ = *token;
      if (attempt == 0 && fresh_token()) continue;  // exchanged meanwhile
      co_return refused_token();
    }
    co_return from_status("/api" + path.substr(0, path.find('?')), answer.status, answer.text);
  }
}

// How often the watch looks; what it finds is at most so old.
constexpr auto watch_interval = std::chrono::seconds{1};

sdk::Task<void> Session::watch() {
  host_.set_health(false, "not connected to Home Assistant yet");
  sdk::SteadyTimer timer{host_.executor()};
  while (!ending_) {
    auto opening = ready(nullptr);
    Result<std::string> id = co_await std::move(opening);
    if (id) {
      auto looking = look(*id);
      co_await std::move(looking);
    } else {
      unwell(id.error());
    }
    timer.expires_after(watch_interval);
    auto waiting = timer.async_wait(sdk::use_task);
    co_await std::move(waiting);
  }
}

sdk::Task<void> Session::look(std::string connection_id) {
  auto asking = host_.call("websocket_status", "{\"connection_id\":" + json::quoted(connection_id) + "}");
  Result<RawJson> status = co_await std::move(asking);
  if (connection_id != connection_id_) co_return;  // another one by now: the next look
  if (!status) {
    auto const error = status.error();
    gone(connection_id, error);
    unwell(explained(error));
    co_return;
  }
  std::string state, why;
  raw::each_item(raw::member(status->text, "connections"), [&](std::string_view one) {
    state = raw::text(raw::member(one, "state"));
    why = raw::text(raw::member(one, "last_error"));
  });
  if (state == "open") {
    well();
  } else if (state == "closed") {
    // The gateway gave it up, which it does for a refused token: a request tells which.
    auto probing = host_.call("websocket_request", fmt::format(R"({{"connection_id":{},"message":{{"type":"ping"}}}})",
                                                               json::quoted(connection_id)));
    Result<RawJson> probe = co_await std::move(probing);
    if (probe) co_return;
    auto const error = probe.error();
    if (!gone(connection_id, error)) connection_id_.clear();  // nobody opens this one again
    unwell(explained(error));
  } else {
    was_lost_ = true;
    unwell(Error{Code::connection_lost, why.empty() ? "the connection to Home Assistant was lost"
                                                    : "the connection to Home Assistant was lost: " + why});
  }
}

void Session::well() { host_.set_health(true, "connected to Home Assistant " + version_); }
void Session::unwell(Error const& error) { host_.set_health(false, error.message); }

sdk::Task<void> Session::close() {
  ending_ = true;
  if (connection_id_.empty()) co_return;
  auto closing =
      host_.call("websocket_close", "{\"connection_id\":" + json::quoted(std::exchange(connection_id_, {})) + "}");
  co_await std::move(closing);
}

}  // namespace patchbay::home_assistant
