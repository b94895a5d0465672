#include "core/hub/dialects/message_reader.hpp"

#include <spdlog/fmt/fmt.h>

namespace patchbay::hub {
namespace {

constexpr std::size_t longest_id = 255;  // it comes back in every reply

Error bad_kind(std::string_view key, json::Value const& value, std::string_view wanted) {
  return Error{Code::invalid_argument, fmt::format("{} must be {}, not {}", key, wanted, json::kind_of(value)),
               json::pointer_token(key)};
}

}  // namespace

ClientMessage::ClientMessage(std::string_view text) : parsed_(json::parse(text)) {
  if (!parsed_) {
    error_ = parsed_.error();
    return;
  }
  auto const& document = parsed_->document;
  if (!document.IsObject()) {
    error_ = Error{Code::invalid_argument,
                   fmt::format("a message must be a JSON object with a type, not {}", json::kind_of(document))};
    return;
  }
  if (auto const* id = find("id"); id != nullptr && !id->IsNull()) {
    auto const came = raw("id");
    if (!id->IsString() && !id->IsNumber())
      error_ = bad_kind("id", *id, "a string or a number");
    else if (came.size() > longest_id)
      error_ = Error{Code::invalid_argument, fmt::format("id must be at most {} bytes long", longest_id), "/id"};
    else
      id_ = came;
  }
  channel_ = json::find_text(document, "channel");
  auto const* type = find("type");
  if (type == nullptr)
    error_ = Error{Code::invalid_argument, "the message has no type", "/type"};
  else if (!type->IsString())
    error_ = bad_kind("type", *type, "a string");
  else
    type_ = json::text_of(*type);
}

Result<std::string> ClientMessage::text(std::string_view key) const {
  auto const* value = find(key);
  if (value == nullptr)
    return Error{Code::invalid_argument, fmt::format("{} is missing", key), json::pointer_token(key)};
  if (!value->IsString()) return bad_kind(key, *value, "a string");
  if (value->GetStringLength() == 0)
    return Error{Code::invalid_argument, fmt::format("{} must not be empty", key), json::pointer_token(key)};
  return std::string{json::text_of(*value)};
}

Result<std::string> ClientMessage::text_or(std::string_view key, std::string_view otherwise) const {
  if (auto const* value = find(key); value == nullptr || value->IsNull()) return std::string{otherwise};
  return text(key);
}

Result<bool> ClientMessage::flag(std::string_view key) const {
  auto const* value = find(key);
  if (value == nullptr || value->IsNull()) return false;
  if (!value->IsBool()) return bad_kind(key, *value, "true or false");
  return value->GetBool();
}

}  // namespace patchbay::hub
