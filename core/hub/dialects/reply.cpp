#include "core/hub/dialects/reply.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

#include "core/base/iso_time.hpp"
#include "core/base/json.hpp"

namespace patchbay::hub {

void append_quoted(std::string& out, std::string_view text) {
  auto const is_plain = [](char c) { return c >= 0x20 && c != '"' && c != '\\' && c != 0x7F; };
  if (std::all_of(text.begin(), text.end(), is_plain)) {
    out += '"';
    out += text;
    out += '"';
  } else if (is_utf8(text)) {
    out += json::quoted(text);
  } else {
    std::string ascii{text};
    std::replace_if(
        ascii.begin(), ascii.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; }, '?');
    out += json::quoted(ascii);
  }
}

void append_time(std::string& out, Form form, WallTime at) {
  if (form == Form::user) {
    out += '"';
    out += iso_time(at);
    out += '"';
    return;
  }
  auto const ms = std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count();
  fmt::format_to(std::back_inserter(out), "{}.{:03}", ms / 1000, ms % 1000);
}

ReplyText::ReplyText(std::string_view type, std::string_view id) {
  out_.reserve(128 + id.size());
  out_ = R"({"type":)";
  append_quoted(out_, type);
  if (!id.empty()) raw("id", id);
}

void ReplyText::key(std::string_view name) {
  out_ += ",\"";
  out_ += name;
  out_ += "\":";
}
ReplyText& ReplyText::text(std::string_view name, std::string_view value) {
  key(name);
  append_quoted(out_, value);
  return *this;
}
ReplyText& ReplyText::raw(std::string_view name, std::string_view json) {
  key(name);
  out_ += json;
  return *this;
}
ReplyText& ReplyText::number(std::string_view name, std::uint64_t value) {
  key(name);
  fmt::format_to(std::back_inserter(out_), "{}", value);
  return *this;
}
ReplyText& ReplyText::flag(std::string_view name, bool value) { return raw(name, value ? "true" : "false"); }
ReplyText& ReplyText::time(std::string_view name, Form form, WallTime at) {
  key(name);
  append_time(out_, form, at);
  return *this;
}
std::string ReplyText::take() {
  out_ += '}';
  return std::move(out_);
}
FramePtr ReplyText::frame() { return text_frame(take()); }

FramePtr error_reply(Form form, Error const& error, ErrorContext const& context, WallTime now) {
  ReplyText reply{"error", context.id};
  reply.text("code", name_of(error.code)).text("message", error.message);
  if (!error.pointer.empty()) reply.text("pointer", error.pointer);
  if (error.retryable() && error.retry_after_ms > 0) reply.number("retry_after_ms", error.retry_after_ms);
  if (!context.request.empty()) reply.text("request", context.request);
  if (!context.channel.empty()) reply.text("channel", context.channel);
  return reply.time("timestamp", form, now).frame();
}

std::string error_object(Error const& error, TraceId const& trace) {
  std::string out{R"({"code":)"};
  append_quoted(out, name_of(error.code));
  out += R"(,"message":)";
  append_quoted(out, error.message);
  out += R"(,"pointer":)";
  append_quoted(out, error.pointer);
  fmt::format_to(std::back_inserter(out), R"(,"retryable":{})", error.retryable());
  if (error.retry_after_ms > 0)
    fmt::format_to(std::back_inserter(out), R"(,"retry_after_ms":{})", error.retry_after_ms);
  out += R"(,"trace":)";
  append_quoted(out, trace.hex());
  out += '}';
  return out;
}

}  // namespace patchbay::hub
