// ChatRooms: what is one for all connections of a chat: whose it is, the answer that is being given, who listens.
//
//   if (auto refused = rooms.claim(endpoint, *settings)) ...          // at the handshake: another's chat
//   if (auto refused = rooms.join(endpoint, *settings, seat)) ...     // the running answer from its start, then live
//   rooms.ask(seat, {.operation = "echo_chat", .who = who, .user_id = "anna", .text = "hello"});
//   rooms.leave(seat);
//
// A room's state lives on the home shard of its chat; claim, join and leave also take a lock around the list of rooms,
// messages do not. An answer is one call of the workflow's operation; each event becomes one frame with the next
// sequence number, shared by all seats, and is kept (up to kept_bytes) for those who come while it runs, or for the
// next who comes when it ended with nobody there. A seat that cannot take more holds the answer up, not the memory.
// Five minutes after the last seat has gone the room goes with all it holds. Owned by the Hub.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/base/caller.hpp"
#include "core/hub/endpoint.hpp"
#include "core/hub/frame.hpp"
#include "core/runtime/runtime.hpp"

namespace patchbay::hub {

struct ChatRoom;

// A connection's place in its room. Made, called and let go of on the connection's shard.
class ChatSeat {
 public:
  class Listener {
   public:
    virtual ~Listener() = default;
    // In order. True: it can take no more for now, seat.relieved() will say when.
    virtual bool hear(FramePtr const& frame) = 0;
  };
  ChatSeat(Shard& shard, Listener& listener) : shard_(shard), listener_(&listener) {}
  // The listener takes more again.
  void relieved();
  // Whether an answer is being made in its room.
  bool answering() const;

 private:
  friend class ChatRooms;
  Shard& shard_;
  Listener* listener_;                // null once it has left
  std::shared_ptr<ChatRoom> room_{};  // since it joined
  std::atomic<bool> full_{false};     // the listener said so
  std::atomic<int> on_the_way_{0};    // frames posted to its shard
};

class ChatRooms {
 public:
  static constexpr std::chrono::minutes kept_for{5};
  static constexpr std::size_t kept_bytes = 256 << 10;                    // of one answer
  static constexpr std::int64_t all_kept_bytes = std::int64_t{64} << 20;  // of all answers together
  static constexpr std::size_t rooms_of_user = 1000;
  using SeatPtr = std::shared_ptr<ChatSeat>;

  struct Question {
    std::string operation;  // tool name
    PrincipalPtr who;
    std::string user_id;
    std::string text;
    std::string id{};  // JSON text, or empty
  };

  ChatRooms(Runtime& runtime, Caller& caller);
  ~ChatRooms();
  ChatRooms(ChatRooms const&) = delete;
  ChatRooms& operator=(ChatRooms const&) = delete;

  // May this user come in? The chat is the first one's. Errors: forbidden (another's, and the workflow is not shared),
  // rate_limited (the user has too many). Any thread.
  std::optional<Error> claim(Endpoint const& endpoint, Settings const& settings);
  // The same, and takes the seat if there is no error: what is kept of the answer comes first, then what follows. On
  // the seat's shard, as all below.
  std::optional<Error> join(Endpoint const& endpoint, Settings const& settings, SeatPtr const& seat);
  void leave(SeatPtr const& seat);
  // What is wrong comes as an error frame to the seat: conflict while an answer is running, the operation's own errors.
  void ask(SeatPtr const& seat, Question question);
  void cancel(SeatPtr const& seat, std::string id);
  // All running answers end as unavailable. Any thread.
  void stop();
  std::size_t size() const;

 private:
  class Running;
  friend class ChatSeat;
  friend struct ChatRoom;
  using RoomPtr = std::shared_ptr<ChatRoom>;

  Result<RoomPtr> open(Endpoint const& endpoint, Settings const& settings, bool enter);
  template <class Work>
  static void at_home(RoomPtr const& room, Work work);
  static void send(SeatPtr const& seat, FramePtr const& frame);
  void start(RoomPtr const& room, SeatPtr const& seat, Question question);
  void finish(RoomPtr const& room, Running& running, Result<Answer>& result);
  void tell(RoomPtr const& room, std::string_view type, std::string_view members);
  void replay(RoomPtr const& room, SeatPtr const& seat);
  void forget_kept(ChatRoom& room);
  void expire(RoomPtr const& room);

  Runtime& runtime_;
  Caller& caller_;
  std::atomic<std::int64_t> all_kept_{0};
  mutable std::mutex mutex_;
  std::map<std::string, RoomPtr, std::less<>> rooms_;
  std::map<std::string, std::size_t, std::less<>> of_user_;  // how many rooms
};

}  // namespace patchbay::hub
