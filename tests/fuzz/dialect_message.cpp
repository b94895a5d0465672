// What a client of the hub may send, read as a message; and the same bytes as a message that somebody has the hub send.
// Whatever comes in, what goes out is one valid JSON object.
#include <cstdlib>

#include "core/hub/dialects/message_reader.hpp"
#include "core/hub/endpoint.hpp"
#include "core/hub/message.hpp"
#include "core/hub/standard_channels.hpp"

using namespace patchbay;

namespace {

void must_be_object(hub::FramePtr const& frame) {
  auto const& bytes = frame->bytes;
  auto const mark = static_cast<unsigned char>(bytes[1]);
  auto const head = mark < 126 ? 2U : mark == 126 ? 4U : 10U;
  auto const parsed = json::parse(std::string_view{bytes}.substr(head), json::upstream_limits);
  if (!parsed || !parsed->document.IsObject()) std::abort();
}

void as_client(std::string_view text) {
  hub::ClientMessage const message{text};
  if (message.error()) {
    must_be_object(hub::error_reply(hub::Form::channel, *message.error(), message.context(), WallTime{}));
    return;
  }
  for (std::string_view const key : {"channel", "event", "token", "operation", "message_id"}) {
    auto const value = message.text(key);
    if (value && value->empty()) std::abort();
    if (!value) must_be_object(hub::error_reply(hub::Form::user, value.error(), message.context(), WallTime{}));
  }
  for (std::string_view const key : {"data", "arguments", "recover", "since", "limit"}) {
    auto const raw = message.raw(key);
    if (raw.empty() != (message.find(key) == nullptr)) std::abort();
    if (!raw.empty() && !json::check(raw)) std::abort();
  }
  hub::ReplyText reply{message.type(), message.id()};
  must_be_object(reply.text("channel", message.context().channel).frame());
  auto const data = message.raw("data");
  if (data.empty()) return;
  if (auto const wrong = hub::check_standard("missions", message.type(), data, "/event"))
    if (wrong->code != Code::invalid_argument) std::abort();
}

void as_sent(std::string_view text) {
  if (!json::check(text)) return;
  for (auto const* id : {"", "0-1"}) {
    hub::Message message;
    message.data = text;
    message.message_id = id;
    hub::encode(message, 0);
    must_be_object(message.frame(hub::Form::channel));
    must_be_object(message.frame(hub::Form::user));
  }
  hub::Message publication;
  publication.channel = "c";
  publication.event = text;
  publication.data = text;
  hub::encode(publication, 64);
  must_be_object(publication.frame(hub::Form::channel));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const text{reinterpret_cast<char const*>(data), size};
  as_client(text);
  as_sent(text);
  static hub::Settings const settings = [] {
    hub::Settings some;
    some.workflows["assistant"].operation = "echo_chat";
    return some;
  }();
  auto const endpoint = hub::endpoint_of(text, settings);
  if (endpoint && endpoint->channel.size() + endpoint->user_id.size() > 4 * size) std::abort();
  return 0;
}
