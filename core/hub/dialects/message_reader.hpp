// ClientMessage: one text message of a client, read and guarded: its type, its id and access to its other members.
//
//   ClientMessage message{text};
//   if (message.error()) connection.send(error_reply(form, *message.error(), message.context(), now));
//   auto channel = message.text("channel");                 // Result<std::string>: invalid_argument with the pointer
//   std::string_view data = message.raw("data");            // exactly the bytes that came
//
// Members that nobody asks for are ignored. Borrows the text: used up within received(). Own thread only; costs one
// parse of the text, some 3 ns a byte.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/base/json.hpp"
#include "core/hub/dialects/reply.hpp"

namespace patchbay::hub {

class ClientMessage {
 public:
  explicit ClientMessage(std::string_view text);

  // Not JSON, beyond the limits, not an object, no type, or an id that is neither a string nor a number.
  std::optional<Error> const& error() const { return error_; }
  std::string_view type() const { return type_; }
  std::string_view id() const { return id_; }  // JSON text as it came, or empty
  ErrorContext context() const { return {.request = type_, .id = id_, .channel = channel_}; }

  bool has(std::string_view key) const { return json::find(parsed_->document, key) != nullptr; }
  json::Value const* find(std::string_view key) const { return json::find(parsed_->document, key); }
  std::string_view raw(std::string_view key) const { return parsed_->member_text(key); }
  // A string that is there and not empty.
  Result<std::string> text(std::string_view key) const;
  Result<std::string> text_or(std::string_view key, std::string_view otherwise) const;
  // true, false, or absent for false.
  Result<bool> flag(std::string_view key) const;

 private:
  Result<json::Parsed> parsed_;
  std::optional<Error> error_;
  std::string_view type_{}, id_{}, channel_{};
};

}  // namespace patchbay::hub
