#include "core/hub/dialects/calls.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

#include "core/hub/dialects/message_reader.hpp"
#include "core/hub/hub_shard.hpp"

namespace patchbay::hub {

class Calls::Running final : public Request, public EventSink {
 public:
  Running(PrincipalPtr who, Connection& connection, std::string id)
      : Request(std::move(who)), connection_(&connection), id_(std::move(id)) {}

  std::string const& id() const { return id_; }
  void wake() { room_.notify(); }
  void forgotten() override {
    connection_ = nullptr;
    room_.notify();
  }
  bool too_large() const { return too_large_; }
  bool streams() const { return call.events() != nullptr; }

  Taken emit(std::string_view event, std::string_view json) override {
    if (connection_ == nullptr || too_large_) return Taken::gone;
    ReplyText text{"stream", id_};
    auto frame = text.text("event", event).raw("data", json).frame();
    if (frame->size() > static_cast<std::size_t>(connection_->hub().settings()->queue_bytes)) {
      too_large_ = true;
      return Taken::gone;
    }
    connection_->send(std::move(frame));
    return connection_->congested() ? Taken::wait : Taken::ok;
  }

  Task<bool> ready() override {
    Deadline const none;
    while (connection_ != nullptr && call.stopped() == Stopped::no && connection_->congested())
      co_await room_.wait(none, use_task);
    co_return connection_ != nullptr&& call.stopped() == Stopped::no;
  }

 private:
  Connection* connection_;  // null: gone
  std::string const id_;
  bool too_large_ = false;
  Waiter room_;
};

Calls::Calls(Connection& connection) : connection_(connection), requests_(connection.hub().shard()) {}

namespace {

FramePtr failed(std::string_view id, Error const& error, Call& call) {
  ReplyText reply{"result", id};
  return reply.text("status", "error").raw("error", error_object(error, call.ensure_trace())).frame();
}

}  // namespace

void Calls::refuse(ClientMessage const& message, Error const& error) {
  connection_.send(error_reply(Form::channel, error, message.context(), connection_.hub().clock().wall()));
}

void Calls::begin(ClientMessage const& message) {
  auto const id = message.id();
  auto const has_id = [&](Running const* running) { return !id.empty() && running->id() == id; };
  // An error frame, not a result: a result would end the call that has this id.
  if (std::any_of(running_.begin(), running_.end(), has_id))
    return refuse(message, {Code::conflict, fmt::format("a call with the id {} is running", id), "/id"});
  auto running = std::make_shared<Running>(connection_.who(), connection_, std::string{id});
  auto operation = message.text("operation");
  if (!operation) return connection_.send(failed(id, operation.error(), running->call));
  auto& hub = connection_.hub();
  if (hub.draining()) {
    Error const stopping{Code::unavailable, "the gateway is stopping", {}, 1000};
    return connection_.send(failed(id, stopping, running->call));
  }
  if (auto const most = hub.settings()->running_calls; static_cast<std::int64_t>(running_.size()) >= most) {
    Error const busy{Code::rate_limited,
                     fmt::format("{} calls of this connection are running; wait for one to end", most)};
    return connection_.send(failed(id, busy, running->call));
  }
  auto& caller = hub.caller();
  auto const* row = caller.table().find(*operation);
  if (row == nullptr) return connection_.send(failed(id, caller.no_such_tool(*operation), running->call));
  if (row->info.streaming) running->call.set_events(running.get());
  auto const* arguments = message.find("arguments");
  auto const text = arguments == nullptr || arguments->IsNull() ? std::string_view{"{}"} : message.raw("arguments");
  auto reply = caller.start_json(*row, running->call, text);
  running_.push_back(running.get());
  auto* const place = running.get();
  requests_.run(running, std::move(reply), [this, running, place](Result<Answer> result) { ended(*place, result); });
}

void Calls::ended(Running& running, Result<Answer>& result) {
  running_.erase(std::find(running_.begin(), running_.end(), &running));
  auto const most = static_cast<std::size_t>(connection_.hub().settings()->queue_bytes);
  auto const too_large = [&](std::string_view what) {
    Error const error{
        Code::too_large,
        fmt::format("{} is larger than a connection's queue ({} bytes); ask for less or over HTTP", what, most)};
    connection_.send(failed(running.id(), error, running.call));
  };
  if (running.too_large()) return too_large("an event");
  if (!result) return connection_.send(failed(running.id(), result.error(), running.call));
  ReplyText reply{"result", running.id()};
  reply.text("status", "success");
  if (!result->message.empty()) reply.text("message", result->message);
  auto frame = reply.raw("data", result->data.empty() ? std::string_view{"{}"} : result->data).frame();
  if (frame->size() > most) return too_large("the answer");
  connection_.send(std::move(frame));
}

void Calls::cancel(ClientMessage const& message) {
  auto const id = message.id();
  if (id.empty()) return refuse(message, {Code::invalid_argument, "id is missing: the one of the call to end", "/id"});
  auto const found =
      std::find_if(running_.begin(), running_.end(), [&](Running const* running) { return running->id() == id; });
  if (found == running_.end())
    return refuse(message, {Code::not_found, fmt::format("no call with the id {} is running", id), "/id"});
  (*found)->wake();
  (*found)->call.stop(Stopped::cancelled);
}

bool Calls::busy() const {
  return std::ranges::any_of(running_, [](Running const* running) { return !running->streams(); });
}

void Calls::end(bool streams_only) {
  auto const ending = running_;  // one that ends leaves the list
  for (auto* running : ending) {
    if (streams_only && !running->streams()) continue;
    running->wake();
    running->call.stop(Stopped::shutdown);
  }
}

void Calls::drained() {
  for (auto* running : running_) running->wake();
}

}  // namespace patchbay::hub
