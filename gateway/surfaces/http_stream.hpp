// EventStream: what a streaming operation emits, as server-sent events or as lines of JSON, into its connection.
//
//   id: 7                                 {"id":7,"event":"state_changed","data":{...}}
//   event: state_changed
//   data: {...}
//
// An operation may give an event an id of its own instead of the running number, as a position that a client comes back
// with (Last-Event-ID). The end is the event `end` with the reply envelope; as a server-sent event its id ends with
// "-end", and a client that comes back with that id is told to stay away (204). Events wait in the connection's output:
// beyond its bound emit() says `wait` until half of it is sent. Own shard only; owned by its Session.
#pragma once

#include <string>
#include <string_view>

#include "core/base/call.hpp"

namespace patchbay::http {

// The connection, as a stream sees it.
class StreamOutput {
 public:
  virtual ~StreamOutput() = default;
  virtual std::string& stream_bytes() = 0;  // append here
  virtual std::size_t stream_unsent() const = 0;
  virtual void stream_open() = 0;   // the answer's header, before the first byte
  virtual void stream_flush() = 0;  // soon
  virtual bool stream_gone() const = 0;
};

enum class StreamForm { events, lines };

class EventStream final : public EventSink {
 public:
  // `chunked` wraps what is written into chunks of HTTP/1.1.
  EventStream(StreamOutput& output, Call& call, Executor executor, StreamForm form, bool chunked, std::size_t bound);

  Taken emit(std::string_view event, std::string_view json) override { return emit_as({}, event, json); }
  Taken emit_as(std::string_view id, std::string_view event, std::string_view json) override;
  Task<bool> ready() override;

  // Sends the header now and, as events, a comment, so that a client knows that it is connected.
  void open();
  bool is_open() const { return open_; }
  void heartbeat();
  // The last event, with the reply envelope.
  void end(std::string_view envelope);
  // Output was sent, or nobody reads it any more.
  void drained();

  static bool is_end_id(std::string_view last_event_id);

 private:
  void append(std::string_view id, std::string_view event, std::string_view json, bool is_end);
  void append_chunk(std::string_view bytes);

  StreamOutput& output_;
  Call& call_;
  StreamForm const form_;
  bool const chunked_;
  std::size_t const bound_;
  bool open_ = false;
  bool waiting_ = false;
  std::uint64_t next_id_ = 1;
  std::string scratch_;
  SteadyTimer waiter_;  // never expires: cancelled when there is room
};

}  // namespace patchbay::http
