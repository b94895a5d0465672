// Points in time as callers write them: ISO with or without a zone, or relative to now.
//
//   auto asking = when(self, call, args.start_time, "/start_time", now - 86'400);
//   Result<double> start = co_await std::move(asking);          // seconds since 1970
//
// "-25h", "7d", "30m ago", "now"; the units are s, m, h, d and w. An ISO time without a zone is in Home Assistant's own
// zone, which is asked there. On the plugin's thread, but for what is pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "plugins/home_assistant/plugin.hpp"

namespace patchbay::home_assistant {

// Seconds before now; nothing for what is no relative time.
std::optional<double> relative_seconds(std::string_view text);

// `otherwise` when the text is absent or empty. Errors: invalid_argument at `pointer`, those of the session.
sdk::Task<Result<double>> when(HomeAssistant& self, sdk::Call& call, std::optional<std::string> text,
                               std::string pointer, double otherwise);

// One id or several, each once. Errors: invalid_argument at `pointer`.
Result<std::vector<std::string>> entity_list(RawJson const& ids, std::size_t most, std::string_view pointer);

}  // namespace patchbay::home_assistant
