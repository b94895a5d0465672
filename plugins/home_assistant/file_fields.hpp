// Arguments that several of the file tools share, and what they may answer. Pure; any thread.
#pragma once

#include "plugins/home_assistant/file_access.hpp"

namespace patchbay::home_assistant {

inline constexpr CodeSet file_errors =
    codes(Code::invalid_argument, Code::forbidden, Code::not_found, Code::conflict, Code::too_large, Code::unsupported,
          Code::unavailable, Code::internal, Code::deadline_exceeded);

template <class A>
constexpr auto path_field(std::string_view name, std::string A::*member) {
  return field(name, member, "Path relative to the configuration folder, such as packages/lights.yaml")
      .length(1, 2'048);
}
template <class A>
constexpr auto folder_field(std::string_view name, std::string A::*member) {
  return field(name, member, "Folder relative to the configuration folder; empty for its root")
      .optional()
      .length(0, 2'048);
}
template <class A>
constexpr auto extensions_field(std::optional<std::vector<std::string>> A::*member) {
  return field("extensions", member, "Only files with these extensions, without the dot").nullable().length(0, 50);
}
template <class A>
constexpr auto limit_field(std::int64_t A::*member) {
  return field("limit", member, "Greatest number to return").nullable().range(1, 10'000);
}
template <class A>
constexpr auto cursor_field(std::optional<std::string> A::*member) {
  return field("cursor", member, "next_cursor of the page before").nullable().length(0, 2'048);
}
template <class A>
constexpr auto expected_file_field(std::optional<std::string> A::*member) {
  return field("expected_hash", member, "Refuse with conflict unless this is the hash of the file as it is now")
      .nullable()
      .length(0, 255);
}

}  // namespace patchbay::home_assistant
