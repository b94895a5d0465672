// Operation<Args, Result>: the one declaration of an operation, a constexpr record from which every outside face
// derives.
//
//   inline constexpr Operation<PublishArgs, PublishResult> publish{
//       .name = "HUB.publish", .summary = "Send one message to everyone on a channel.", .effect = Effect::write,
//       .scope = "hub.publish", .errors = codes(Code::forbidden, Code::too_large)};
//
// The name is INTERFACE.verb; the tool name (`hub_publish`) and all other spellings are computed from it. Header-only.
#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "core/base/describe.hpp"

namespace patchbay {

enum class Effect : std::uint8_t { read = 0, write = 1, destructive = 2 };
template <>
struct EnumNames<Effect> {
  static constexpr std::array names{std::pair{std::string_view{"read"}, Effect::read},
                                    std::pair{std::string_view{"write"}, Effect::write},
                                    std::pair{std::string_view{"destructive"}, Effect::destructive}};
};
constexpr std::string_view name_of(Effect effect) {
  for (auto const& [name, constant] : EnumNames<Effect>::names)
    if (constant == effect) return name;
  return "read";
}

// A path of its own, besides POST /{tool}: GET /health. Path parameters in braces become arguments. Bare answers are
// the data without the envelope.
struct Route {
  std::string_view method{};
  std::string_view path{};
  bool bare = false;
};

template <class Args, class ResultType>
struct Operation {
  using args_type = Args;
  using result_type = ResultType;

  std::string_view name;
  std::string_view summary;
  Effect effect = Effect::read;
  std::string_view scope = "admin";  // "public": no token needed
  std::optional<bool> audited{};     // default: write and destructive operations are
  std::chrono::milliseconds timeout = std::chrono::seconds{10};
  CodeSet errors{};                  // besides those that any operation may answer
  std::optional<bool> idempotent{};  // default: read operations are
  bool streaming = false;
  bool reaches_out = false;        // talks to something outside the process
  bool timeout_from_args = false;  // the budget is the argument timeout_ms plus one second
  std::array<Route, 3> routes{};   // unused ones have an empty path
  std::string_view category{};     // OpenAPI tag; default: the interface
  std::string_view example{};      // arguments as JSON
};

}  // namespace patchbay
