#include "gateway/surfaces/http_stream.hpp"

#include <spdlog/fmt/fmt.h>

#include "core/base/json.hpp"

namespace patchbay::http {
namespace {

constexpr std::string_view end_mark = "-end";

// JSON on one line: a line break can only stand between its values.
void append_one_line(std::string& out, std::string_view json) {
  auto const start = out.size();
  out += json;
  for (auto i = start; i < out.size(); ++i)
    if (out[i] == '\n' || out[i] == '\r') out[i] = ' ';
}

}  // namespace

EventStream::EventStream(StreamOutput& output, Call& call, Executor executor, StreamForm form, bool chunked,
                         std::size_t bound)
    : output_(output), call_(call), form_(form), chunked_(chunked), bound_(bound), waiter_(executor) {}

bool EventStream::is_end_id(std::string_view last_event_id) {
  if (!last_event_id.ends_with(end_mark)) return false;
  last_event_id.remove_suffix(end_mark.size());
  return !last_event_id.empty() && last_event_id.find_first_not_of("0123456789") == std::string_view::npos;
}

EventSink::Taken EventStream::emit_as(std::string_view id, std::string_view event, std::string_view json) {
  if (output_.stream_gone()) return Taken::gone;
  append(id, event, json, false);
  output_.stream_flush();
  return output_.stream_unsent() > bound_ ? Taken::wait : Taken::ok;
}

Task<bool> EventStream::ready() {
  while (!output_.stream_gone() && call_.stopped() == Stopped::no && output_.stream_unsent() > bound_ / 2) {
    waiting_ = true;
    waiter_.expires_at(SteadyTime::max());
    co_await waiter_.async_wait(use_task_tuple);  // always ends by cancellation
    waiting_ = false;
  }
  co_return !output_.stream_gone() && call_.stopped() == Stopped::no;
}

void EventStream::drained() {
  if (waiting_ && (output_.stream_gone() || output_.stream_unsent() <= bound_ / 2)) waiter_.cancel();
}

void EventStream::open() {
  if (open_) return;
  open_ = true;
  output_.stream_open();
  if (form_ == StreamForm::events) append_chunk(": open\n\n");
  output_.stream_flush();
}

void EventStream::heartbeat() {
  if (form_ != StreamForm::events) return;
  append_chunk(": still here\n\n");
  output_.stream_flush();
}

void EventStream::end(std::string_view envelope) {
  append({}, "end", envelope, true);
  if (chunked_) output_.stream_bytes() += "0\r\n\r\n";
}

void EventStream::append(std::string_view own_id, std::string_view event, std::string_view json, bool is_end) {
  if (!open_) {
    open_ = true;
    output_.stream_open();
  }
  scratch_.clear();
  auto const id = next_id_++;
  if (form_ == StreamForm::events) {
    scratch_ += "id: ";
    if (own_id.empty())
      fmt::format_to(std::back_inserter(scratch_), "{}{}", id, is_end ? end_mark : std::string_view{});
    else
      append_one_line(scratch_, own_id);
    scratch_ += "\nevent: ";
    append_one_line(scratch_, event);
    scratch_ += "\ndata: ";
    append_one_line(scratch_, json);
    scratch_ += "\n\n";
  } else {
    auto const shown = own_id.empty() ? std::to_string(id) : json::quoted(own_id);
    fmt::format_to(std::back_inserter(scratch_), "{{\"id\":{},\"event\":{},\"data\":", shown, json::quoted(event));
    append_one_line(scratch_, json);
    scratch_ += "}\n";
  }
  append_chunk(scratch_);
}

void EventStream::append_chunk(std::string_view bytes) {
  auto& out = output_.stream_bytes();
  if (!chunked_) {
    out += bytes;
    return;
  }
  fmt::format_to(std::back_inserter(out), "{:x}\r\n", bytes.size());
  out += bytes;
  out += "\r\n";
}

}  // namespace patchbay::http
