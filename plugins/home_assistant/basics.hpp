// The few words of the SDK that the pure parts of this plugin need: Error, Result, RawJson and the JSON helpers,
// without coroutines, so that those parts compile fast and are tested without a gateway. Header-only; any thread.
#pragma once

#include "plugins/sdk/operation.hpp"

namespace patchbay::home_assistant {

// A member of a document's object, made when it is not there.
inline json::Value& member_of(json::Value& object, std::string_view key, json::Document::AllocatorType& allocator) {
  for (auto& member : object.GetObject())
    if (json::text_of(member.name) == key) return member.value;
  json::Value name{key.data(), static_cast<rapidjson::SizeType>(key.size()), allocator};
  object.AddMember(name, json::Value{}, allocator);
  return (object.MemberEnd() - 1)->value;
}

inline json::Value text_value(std::string_view text, json::Document::AllocatorType& allocator) {
  return json::Value{text.data(), static_cast<rapidjson::SizeType>(text.size()), allocator};
}

}  // namespace patchbay::home_assistant
