// Link: one open WebSocket over one Stream: reading whole messages, sending frames, pings, and the two ways to end it.
//
//   auto made = co_await Link::open(std::move(stream), options);   // the handshake
//   Link::Message message;
//   while (co_await link->read(message)) ...                       // one reader
//   link->send_text(head, tail);                                   // any number of senders, never waits
//   link->start_close(1000, "");                                   // farewell; read() ends when the other side
//   answered
//
// Lives on the shard of its Stream. Held by shared_ptr; pending operations hold it too. Everything of Beast is in
// link.cpp. Sending never blocks: the caller asks queued() first and refuses when that is too much.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.hpp"
#include "core/base/counters.hpp"
#include "core/base/result.hpp"
#include "core/runtime/stream.hpp"

namespace patchbay::websocket {

struct LinkOptions {
  std::string host;    // of the Host field, with the port where it is not the usual one
  std::string target;  // path and query
  std::map<std::string, std::string> headers{};
  std::vector<std::string> subprotocols{};
  bool compression = false;
  std::size_t max_message = 16'777'216;
  UpDown queue_bytes{};  // counts what waits to be sent
};

class Link {
 public:
  struct Message {
    std::string data;
    bool text = true;
  };
  // Why reading ended; the reason is a metric label.
  struct End {
    Code code = Code::connection_lost;
    std::string reason = "lost";  // closed, lost, dead_peer, protocol, too_large, flood
    std::string message;
    std::uint16_t close_code = 0;  // of the other side, if it said one
    bool cancelled = false;        // the reading coroutine was; the link is still there for a farewell
  };

  // The handshake. Errors: upstream_failed (no WebSocket server), auth_failed (401, 403), connect_failed,
  // deadline_exceeded, cancelled.
  static Task<Result<std::shared_ptr<Link>>> open(std::unique_ptr<Stream> stream, LinkOptions options,
                                                  Deadline deadline);
  virtual ~Link() = default;

  // False when the connection is over; end() says why.
  virtual Task<bool> read(Message& out) = 0;
  virtual void send_text(std::string_view a, std::string_view b = {}) = 0;
  virtual void send_binary(std::string_view data) = 0;
  virtual void send_ping(std::string_view payload) = 0;
  virtual void start_close(std::uint16_t code, std::string_view reason) = 0;
  // A close frame that waits for nothing; for the end of the program.
  virtual void send_farewell(std::uint16_t code, std::string_view reason) = 0;
  // Ends it at once; the given reason stands unless there is one already.
  virtual void drop(End end) = 0;

  virtual bool usable() const = 0;
  virtual std::size_t queued() const = 0;
  virtual std::string const& subprotocol() const = 0;
  virtual End const& end() const = 0;
  // Counts bytes and control frames: it stands still while the other side is silent.
  virtual std::uint64_t heard() const = 0;
  virtual void on_pong(std::function<void(std::string_view payload)> callback) = 0;
  virtual void on_broken(std::function<void()> callback) = 0;
};

}  // namespace patchbay::websocket
