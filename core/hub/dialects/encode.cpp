// encode() of message.hpp: one publication or direct message as the frames that its receivers share.
#include <spdlog/fmt/fmt.h>

#include "core/base/json.hpp"
#include "core/hub/dialects/reply.hpp"
#include "core/hub/message.hpp"

namespace patchbay::hub {
namespace {

FramePtr frame_of(Message const& message, std::string_view payload, std::size_t deflate_from) {
  auto frame = std::make_shared<Frame>();
  append_frame(frame->bytes, Opcode::text, payload);
  if (deflate_from > 0 && payload.size() >= deflate_from) {
    auto const small = deflated_payload(payload);
    if (!small.empty()) append_frame(frame->deflated, Opcode::text, small, true);
  }
  frame->message_id = message.message_id;
  frame->made = message.made;
  return frame;
}

void append_receipt(std::string& out, Message const& message) {
  if (!message.ack) return;
  out += R"(,"message_id":)";
  append_quoted(out, message.message_id);
  out += R"(,"ack":true)";
}

std::string publication_text(Message const& message) {
  std::string out;
  out.reserve(message.data.size() + message.channel.size() + message.event.size() + 128);
  out += R"({"type":)";
  append_quoted(out, message.event);
  out += R"(,"channel":)";
  append_quoted(out, message.channel);
  out += R"(,"data":)";
  out += message.data;
  out += R"(,"timestamp":)";
  append_time(out, Form::channel, message.time);
  if (message.at.offset > 0) fmt::format_to(std::back_inserter(out), R"(,"offset":{})", message.at.offset);
  append_receipt(out, message);
  out += '}';
  return out;
}

// The sender's object, member by member as it came; only what a receipt says is ours.
std::string direct_text(Message const& message, json::Parsed const& given, Form form) {
  std::string out{"{"};
  out.reserve(message.data.size() + 128);
  bool has_time = false, has_message = false;
  std::size_t index = 0;
  for (auto const& member : given.document.GetObject()) {
    auto const key = json::text_of(member.name);
    auto const value = given.slice(index++);
    if (message.ack && (key == "message_id" || key == "ack")) continue;
    has_time = has_time || key == "timestamp";
    has_message = has_message || key == "message";
    if (out.size() > 1) out += ',';
    append_quoted(out, key);
    out += ':';
    out += value;
  }
  auto const comma = [&] {
    if (out.size() > 1) out += ',';
  };
  if (form == Form::user && !has_message && json::find_text(given.document, "type") == "system_announcement")
    if (auto const* data = json::find(given.document, "data"))
      if (auto const* text = json::find(*data, "message")) {
        comma();
        out += R"("message":)";
        out += json::to_text(*text);
      }
  if (!has_time) {
    comma();
    out += R"("timestamp":)";
    append_time(out, form, message.time);
  }
  append_receipt(out, message);
  out += '}';
  return out;
}

}  // namespace

void encode(Message& message, std::size_t deflate_from) {
  auto const put = [&](Form form, std::string const& text) {
    message.frames[static_cast<std::size_t>(form)] = frame_of(message, text, deflate_from);
  };
  if (!message.channel.empty()) return put(Form::channel, publication_text(message));
  auto given = json::parse(message.data, json::upstream_limits);
  if (!given || !given->document.IsObject()) {
    // Senders are asked for an object; any other value is wrapped rather than put on the wire without a type.
    auto const wrapped = R"({"type":"message","data":)" + (given ? message.data : json::quoted(message.data)) + "}";
    given = json::parse(wrapped, json::upstream_limits);
    for (auto const form : {Form::channel, Form::user}) put(form, direct_text(message, *given, form));
    return;
  }
  for (auto const form : {Form::channel, Form::user}) put(form, direct_text(message, *given, form));
}

}  // namespace patchbay::hub
