#include "core/hub/standard_channels.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>

#include "core/base/json.hpp"

namespace patchbay::hub {

std::optional<Error> check_standard(std::string_view channel, std::string_view type, std::string_view data,
                                    std::string_view type_pointer) {
  auto const found = std::find_if(standard_types.begin(), standard_types.end(),
                                  [&](StandardType const& standard) { return standard.type == type; });
  if (found == standard_types.end()) return std::nullopt;
  if (channel != found->channel &&
      std::find(standard_channels.begin(), standard_channels.end(), channel) != standard_channels.end())
    return Error{Code::invalid_argument,
                 fmt::format("{} belongs to the channel {}, not to {}", type, found->channel, channel),
                 std::string{type_pointer}};
  auto const parsed = json::parse(data, json::upstream_limits);
  if (!parsed) return parsed.error();
  if (!parsed->document.IsObject())
    return Error{Code::invalid_argument,
                 fmt::format("the data of {} must be an object, not {}", type, json::kind_of(parsed->document)),
                 "/data"};
  for (auto const field : found->fields) {
    if (field.empty()) break;
    auto const* value = json::find(parsed->document, field);
    auto const is_nothing = value == nullptr || value->IsNull() || (value->IsString() && value->GetStringLength() == 0);
    // A result may well be null, an error too; what names a thing may not.
    if (value == nullptr || (is_nothing && (field.ends_with("_id") || field.ends_with("_name"))))
      return Error{Code::invalid_argument, fmt::format("the data of {} must hold {}", type, field),
                   "/data" + json::pointer_token(field)};
  }
  return std::nullopt;
}

}  // namespace patchbay::hub
