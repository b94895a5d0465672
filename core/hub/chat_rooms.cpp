#include "core/hub/chat_rooms.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>

#include "core/hub/dialects/reply.hpp"
#include "core/hub/directory.hpp"
#include "core/runtime/waiter.hpp"

namespace patchbay::hub {
namespace {

// Frames on their way to another shard: beyond the first an answer waits until there are no more than the second.
constexpr int most_on_the_way = 128, few_on_the_way = 64;

}  // namespace

struct ChatRoom {
  ChatRoom(std::string key_, Endpoint const& endpoint, Shard& home_)
      : key(std::move(key_)),
        workflow(endpoint.workflow),
        app_id(endpoint.app_id),
        chat_id(endpoint.chat_id),
        owner(endpoint.user_id),
        home(home_) {}

  std::string const key, workflow, app_id, chat_id, owner;
  Shard& home;
  std::size_t visitors = 0;  // under the lock of the list: seats that have not left

  // At home only:
  std::vector<ChatRooms::SeatPtr> seats;
  std::shared_ptr<ChatRooms::Running> running;
  std::atomic<bool> answering{false};  // the same, for any thread
  std::vector<FramePtr> kept;          // of the running answer, or of one that ended with nobody here
  std::size_t kept_size = 0;
  bool cut = false;  // too long to keep
  std::uint64_t sequence = 0;
  Timer empty;  // since the last seat has left
};

class ChatRooms::Running final : public EventSink {
 public:
  Running(ChatRooms& rooms, RoomPtr room, SeatPtr asker, PrincipalPtr who, std::string id)
      : call(std::move(who)),
        first(room->sequence),
        asker_(std::move(asker)),
        id_(std::move(id)),
        rooms_(rooms),
        room_(std::move(room)) {}

  Taken emit(std::string_view event, std::string_view json) override {
    if (ended_) return Taken::gone;
    rooms_.tell(room_, event, fmt::format(",\"data\":{}", json));
    return held_up(most_on_the_way) ? Taken::wait : Taken::ok;
  }
  Task<bool> ready() override {
    Deadline const none;
    while (!ended_ && call.stopped() == Stopped::no && held_up(few_on_the_way)) co_await waiter_.wait(none, use_task);
    co_return !ended_ && call.stopped() == Stopped::no;
  }

  void wake() { waiter_.notify(); }
  void end() { ended_ = true; }
  void cancel(SeatPtr seat, std::string id) {
    cancelled_ = true;
    if (!id.empty()) {
      asker_ = std::move(seat);
      id_ = std::move(id);
    }
    wake();
    call.stop(Stopped::cancelled);
  }
  bool cancelled() const { return cancelled_; }
  SeatPtr const& asker() const { return asker_; }
  // Whose frames carry an id, and which: the request's, in the end that of who cancelled it.
  std::string const& id() const { return id_; }

  Call call;
  std::uint64_t const first;  // sequence before it

 private:
  bool held_up(int most) const {
    return std::any_of(room_->seats.begin(), room_->seats.end(), [&](SeatPtr const& seat) {
      return seat->full_.load(std::memory_order_acquire) || seat->on_the_way_.load(std::memory_order_acquire) > most;
    });
  }

  SeatPtr asker_;
  std::string id_;
  ChatRooms& rooms_;
  RoomPtr const room_;
  bool ended_ = false, cancelled_ = false;
  Waiter waiter_;
};

// --- seats

void ChatSeat::relieved() {
  if (!full_.exchange(false, std::memory_order_acq_rel) || !room_) return;
  ChatRooms::at_home(room_, [room = room_] {
    if (room->running) room->running->wake();
  });
}

bool ChatSeat::answering() const { return room_ && room_->answering; }

template <class Work>
void ChatRooms::at_home(RoomPtr const& room, Work work) {
  if (room->home.is_current())
    work();
  else
    room->home.post(std::move(work));
}

void ChatRooms::send(SeatPtr const& seat, FramePtr const& frame) {
  auto const hear = [](ChatSeat& at, FramePtr const& what) {
    if (at.listener_ != nullptr && at.listener_->hear(what)) at.full_.store(true, std::memory_order_release);
  };
  if (seat->shard_.is_current()) return hear(*seat, frame);
  seat->on_the_way_.fetch_add(1, std::memory_order_acq_rel);
  seat->shard_.post([seat, frame, hear] {
    hear(*seat, frame);
    if (seat->on_the_way_.fetch_sub(1, std::memory_order_acq_rel) != few_on_the_way + 1) return;
    if (auto const room = seat->room_)
      at_home(room, [room] {
        if (room->running) room->running->wake();
      });
  });
}

// --- the list of rooms

ChatRooms::ChatRooms(Runtime& runtime, Caller& caller) : runtime_(runtime), caller_(caller) {}

ChatRooms::~ChatRooms() {
  for (auto& [key, room] : rooms_) room->running.reset();  // they hold each other
}

std::size_t ChatRooms::size() const {
  std::lock_guard const lock{mutex_};
  return rooms_.size();
}

Result<ChatRooms::RoomPtr> ChatRooms::open(Endpoint const& endpoint, Settings const& settings, bool enter) {
  auto key = chat_key(endpoint.workflow, endpoint.app_id, endpoint.chat_id);
  auto const workflow = settings.workflows.find(endpoint.workflow);
  auto const shared = workflow != settings.workflows.end() && workflow->second.shared;
  std::lock_guard const lock{mutex_};
  auto found = rooms_.find(key);
  if (found == rooms_.end()) {
    auto& count = of_user_[endpoint.user_id];
    if (count >= rooms_of_user)
      return Error{Code::rate_limited,
                   fmt::format("the user has {} chats open, or had within the last minutes", rooms_of_user),
                   {},
                   60'000};
    ++count;
    auto& home = runtime_.shard(std::hash<std::string>{}(key) % runtime_.size());
    auto room = std::make_shared<ChatRoom>(key, endpoint, home);
    found = rooms_.emplace(std::move(key), std::move(room)).first;
  } else if (!shared && found->second->owner != endpoint.user_id) {
    return Error{Code::forbidden, "this chat belongs to another user"};
  }
  if (enter) ++found->second->visitors;
  return found->second;
}

std::optional<Error> ChatRooms::claim(Endpoint const& endpoint, Settings const& settings) {
  auto opened = open(endpoint, settings, false);
  if (!opened) return opened.error();
  // Whoever claims may never come.
  at_home(*opened, [this, room = *opened] {
    if (!room->seats.empty() || room->empty.armed()) return;
    room->empty.on_expiry([this, weak = std::weak_ptr{room}] {
      if (auto const alive = weak.lock()) expire(alive);
    });
    room->home.wheel().arm(room->empty, kept_for);
  });
  return std::nullopt;
}

std::optional<Error> ChatRooms::join(Endpoint const& endpoint, Settings const& settings, SeatPtr const& seat) {
  auto opened = open(endpoint, settings, true);
  if (!opened) return opened.error();
  seat->room_ = *opened;
  at_home(*opened, [this, room = *opened, seat] {
    room->empty.disarm();
    room->seats.push_back(seat);
    replay(room, seat);
  });
  return std::nullopt;
}

void ChatRooms::leave(SeatPtr const& seat) {
  seat->listener_ = nullptr;
  auto room = std::move(seat->room_);
  seat->room_.reset();
  if (!room) return;
  {
    std::lock_guard const lock{mutex_};
    --room->visitors;
  }
  at_home(room, [this, room, seat] {
    room->seats.erase(std::find(room->seats.begin(), room->seats.end(), seat));
    if (room->running) room->running->wake();
    if (!room->seats.empty()) return;
    room->empty.on_expiry([this, weak = std::weak_ptr{room}] {
      if (auto const alive = weak.lock()) expire(alive);
    });
    room->home.wheel().arm(room->empty, kept_for);
  });
}

void ChatRooms::expire(RoomPtr const& room) {
  {
    std::lock_guard const lock{mutex_};
    if (room->visitors > 0) return;  // one is on its way in
    rooms_.erase(room->key);
    auto const count = of_user_.find(room->owner);
    if (--count->second == 0) of_user_.erase(count);
  }
  if (room->running) room->running->call.stop(Stopped::cancelled);
  forget_kept(*room);
}

void ChatRooms::stop() {
  std::vector<RoomPtr> all;
  {
    std::lock_guard const lock{mutex_};
    for (auto const& [key, room] : rooms_) all.push_back(room);
  }
  for (auto const& room : all)
    at_home(room, [room] {
      if (auto const running = room->running) {
        running->wake();
        running->call.stop(Stopped::shutdown);
      }
    });
}

// --- answers, at home

void ChatRooms::forget_kept(ChatRoom& room) {
  all_kept_.fetch_sub(static_cast<std::int64_t>(room.kept_size), std::memory_order_relaxed);
  room.kept_size = 0;
  std::vector<FramePtr>{}.swap(room.kept);
}

void ChatRooms::replay(RoomPtr const& room, SeatPtr const& seat) {
  if (room->cut) {
    Error const lost{Code::too_large,
                     fmt::format("the answer so far is longer than the {} bytes that are kept", kept_bytes)};
    send(seat, error_reply(Form::user, lost, {.request = "replay"}, runtime_.clock().wall()));
  }
  for (auto const& frame : room->kept) send(seat, frame);
  if (room->running) return;
  forget_kept(*room);
  room->cut = false;
}

// `members`: what stands between the type and the sequence, each with a comma in front.
void ChatRooms::tell(RoomPtr const& room, std::string_view type, std::string_view members) {
  auto const write = [&, sequence = ++room->sequence](std::string_view id) {
    std::string text{R"({"type":)"};
    append_quoted(text, type);
    if (!id.empty()) text += fmt::format(",\"id\":{}", id);
    text += members;
    fmt::format_to(std::back_inserter(text), R"(,"sequence":{},"timestamp":)", sequence);
    append_time(text, Form::user, runtime_.clock().wall());
    text += '}';
    return text_frame(text);
  };
  auto const frame = write({});
  if (!room->cut) {
    auto const size = frame->size() + sizeof(Frame);
    room->kept_size += size;
    auto const all = all_kept_.fetch_add(static_cast<std::int64_t>(size), std::memory_order_relaxed);
    room->kept.push_back(frame);
    if (room->kept_size > kept_bytes || all > all_kept_bytes) {
      forget_kept(*room);
      room->cut = true;
    }
  }
  // A seat that is heard may leave by it.
  auto const seats = room->seats;
  auto const running = room->running;
  for (auto const& seat : seats)
    send(seat, running && seat == running->asker() && !running->id().empty() ? write(running->id()) : frame);
}

void ChatRooms::ask(SeatPtr const& seat, Question question) {
  auto const room = seat->room_;
  if (!room) return;
  at_home(room,
          [this, room, seat, question = std::move(question)]() mutable { start(room, seat, std::move(question)); });
}

void ChatRooms::start(RoomPtr const& room, SeatPtr const& seat, Question question) {
  auto const refuse = [&](Error const& error) {
    ErrorContext const context{.request = "chat_message", .id = question.id};
    send(seat, error_reply(Form::user, error, context, runtime_.clock().wall()));
  };
  if (room->running)
    return refuse({Code::conflict, "an answer is being given in this chat; wait for its end or cancel it"});
  auto const* row = caller_.table().find(question.operation);
  if (row == nullptr) return refuse(caller_.no_such_tool(question.operation));
  forget_kept(*room);
  room->cut = false;
  std::string arguments;
  auto const add = [&](std::string_view key, std::string_view value) {
    arguments += arguments.empty() ? '{' : ',';
    append_quoted(arguments, key);
    arguments += ':';
    append_quoted(arguments, value);
  };
  add("workflow", room->workflow);
  add("app_id", room->app_id);
  add("chat_id", room->chat_id);
  add("user_id", question.user_id);
  add("message", question.text);
  arguments += '}';
  auto running = std::make_shared<Running>(*this, room, seat, question.who, question.id);
  running->call.set_user_id(question.user_id);
  if (row->info.streaming) running->call.set_events(running.get());
  room->running = running;
  room->answering = true;
  auto reply = caller_.start_json(*row, running->call, arguments);
  if (reply.ready()) return finish(room, *running, reply.result());
  auto ended = [this, room, running](std::exception_ptr failure, Result<Answer> result) {
    room->home.post([running] {});  // the signal must outlive this handler
    if (failure) result = Error{Code::cancelled, "the call was cancelled before it began"};
    finish(room, *running, result);
  };
  asio::co_spawn(room->home.executor(), reply.task(),
                 asio::bind_cancellation_slot(running->call.signal().slot(), std::move(ended)));
}

void ChatRooms::finish(RoomPtr const& room, Running& running, Result<Answer>& result) {
  auto const self = room->running;  // while it is told
  running.end();
  auto const asker_is_here = std::find(room->seats.begin(), room->seats.end(), running.asker()) != room->seats.end();
  if (result) {
    tell(room, "chat_message", fmt::format(",\"data\":{}", result->data.empty() ? "{}" : result->data));
  } else if (running.cancelled()) {
    tell(room, "cancelled", R"(,"data":{})");
  } else if (room->sequence == running.first && asker_is_here) {
    // Nobody but the one who asked knows of it.
    ErrorContext const context{.request = "chat_message", .id = running.id()};
    send(running.asker(), error_reply(Form::user, result.error(), context, runtime_.clock().wall()));
  } else {
    std::string members{R"(,"code":)"};
    append_quoted(members, name_of(result.error().code));
    members += R"(,"message":)";
    append_quoted(members, result.error().message);
    members += R"(,"request":"chat_message")";
    tell(room, "error", members);
  }
  room->running.reset();
  room->answering = false;
  if (room->seats.empty()) return;  // kept for the next who comes
  forget_kept(*room);
  room->cut = false;
}

void ChatRooms::cancel(SeatPtr const& seat, std::string id) {
  auto const room = seat->room_;
  if (!room) return;
  at_home(room, [this, room, seat, id = std::move(id)]() mutable {
    if (auto const running = room->running) return running->cancel(seat, std::move(id));
    ErrorContext const context{.request = "cancel", .id = id};
    Error const nothing{Code::not_found, "no answer is being given in this chat"};
    send(seat, error_reply(Form::user, nothing, context, runtime_.clock().wall()));
  });
}

}  // namespace patchbay::hub
