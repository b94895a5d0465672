// ReplyText: a small JSON object, written member by member, as a frame; and the error frame of all dialects.
//
//   connection.send(ReplyText{"subscribed", message.id}.text("channel", name).time("timestamp", form, now).frame());
//   connection.send(error_reply(Form::channel, error, {.request = "subscribe", .id = id, .channel = name}, now));
//
// `id` is the JSON text of the request's id, empty when it had none. Values; any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/error.hpp"
#include "core/base/trace.hpp"
#include "core/hub/message.hpp"

namespace patchbay::hub {

// As JSON text: with quotes and escapes. What is not UTF-8 is shown with question marks.
void append_quoted(std::string& out, std::string_view text);
// Seconds since 1970 with milliseconds, or ISO 8601 in quotes.
void append_time(std::string& out, Form form, WallTime at);

class ReplyText {
 public:
  explicit ReplyText(std::string_view type, std::string_view id = {});
  ReplyText& text(std::string_view key, std::string_view value);
  ReplyText& raw(std::string_view key, std::string_view json);  // valid JSON
  ReplyText& number(std::string_view key, std::uint64_t value);
  ReplyText& flag(std::string_view key, bool value);
  ReplyText& time(std::string_view key, Form form, WallTime at);
  // Once, as the last.
  std::string take();
  FramePtr frame();

 private:
  void key(std::string_view name);
  std::string out_;
};

struct ErrorContext {
  std::string_view request{};  // type of the message that is answered
  std::string_view id{};
  std::string_view channel{};
};
FramePtr error_reply(Form form, Error const& error, ErrorContext const& context, WallTime now);
// {"code","message","pointer","retryable","retry_after_ms"?,"trace"} as in the reply envelope of every surface.
std::string error_object(Error const& error, TraceId const& trace);

}  // namespace patchbay::hub
