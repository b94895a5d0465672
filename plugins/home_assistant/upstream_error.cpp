#include "plugins/home_assistant/upstream_error.hpp"

#include <spdlog/fmt/fmt.h>

#include <array>
#include <utility>

#include "plugins/home_assistant/raw_json.hpp"

namespace patchbay::home_assistant {
namespace {

// All codes seen on 2024.3 and 2026.11, and those that the sources name.
constexpr std::array<std::pair<std::string_view, Code>, 27> codes_of_home_assistant{{
    {"invalid_format", Code::invalid_argument},
    {"invalid_info", Code::invalid_argument},
    {"service_validation_error", Code::invalid_argument},
    {"template_error", Code::invalid_argument},
    {"invalid_start_time", Code::invalid_argument},
    {"invalid_end_time", Code::invalid_argument},
    {"invalid_entity_ids", Code::invalid_argument},
    {"invalid_flow_id", Code::invalid_argument},
    {"not_found", Code::not_found},
    {"config_not_found", Code::not_found},
    {"unknown_issue", Code::not_found},
    {"unknown_statistic_id", Code::not_found},
    {"unknown_command", Code::unsupported},
    {"not_supported", Code::unsupported},
    {"not_allowed", Code::forbidden},
    {"unauthorized", Code::forbidden},
    {"timeout", Code::deadline_exceeded},
    {"home_assistant_error", Code::upstream_failed},
    {"unknown_error", Code::upstream_failed},
    {"start_stream_failed", Code::upstream_failed},
    {"failed", Code::upstream_failed},
    {"error", Code::upstream_failed},
    {"delete_failed", Code::upstream_failed},
    {"update_failed", Code::upstream_failed},
    {"create_failed", Code::upstream_failed},
    {"id_reuse", Code::internal},
    {"template_timeout", Code::deadline_exceeded},
}};

std::string shortened(std::string_view text, std::size_t most = 500) {
  if (text.size() <= most) return std::string{text};
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0) == 0x80) --most;  // not inside a character
  return std::string{text.substr(0, most)} + " ...";
}

constexpr std::string_view not_admin =
    "Home Assistant refused: the user of the configured token may not do this; it takes the token of an administrator";

}  // namespace

Error from_command(std::string_view command, std::string_view error) {
  auto const code = raw::text(raw::member(error, "code"));
  auto const message = shortened(raw::text(raw::member(error, "message")));
  Code ours = Code::upstream_failed;
  for (auto const& [name, mapped] : codes_of_home_assistant)
    if (name == code) ours = mapped;
  // A service that is refused for want of rights says so only in these two words, in all versions.
  if (code == "home_assistant_error" && message == "Unauthorized") ours = Code::forbidden;
  if (ours == Code::forbidden) return Error{ours, std::string{not_admin}};
  if (code == "unknown_command")
    return Error{ours, fmt::format("this Home Assistant has no command {}: the version lacks it, or its integration is "
                                   "not loaded",
                                   command)};
  if (code == "config_not_found")
    return Error{ours, fmt::format("Home Assistant has no such configuration: {}", message)};
  return Error{ours, fmt::format("Home Assistant answered {}: {}", code.empty() ? "an error" : code, message)};
}

Error from_status(std::string_view path, int status, std::string_view body) {
  auto const trimmed = raw::trimmed(body);
  std::string reason;
  if (!trimmed.empty() && trimmed[0] == '{') reason = raw::text(raw::member(trimmed, "message"));
  if (reason.empty() && trimmed.substr(0, 1) != "<") reason = shortened(trimmed, 200);
  auto const about =
      fmt::format("Home Assistant answered {} to {}{}{}", status, path, reason.empty() ? "" : ": ", shortened(reason));
  switch (status) {
    case 400:
    case 422: return Error{Code::invalid_argument, about};
    case 401:
      return Error{Code::auth_failed,
                   "Home Assistant refused the token of plugins.home_assistant.token: make a "
                   "long-lived access token on its profile page"};
    case 403: return Error{Code::forbidden, std::string{not_admin}};
    case 404: return Error{Code::not_found, about};
    case 405: return Error{Code::unsupported, about};
    case 413: return Error{Code::too_large, about};
    case 429: return Error{Code::rate_limited, about};
    case 503: return Error{Code::unavailable, about};
    case 504: return Error{Code::deadline_exceeded, about};
    default: return Error{Code::upstream_failed, about};
  }
}

}  // namespace patchbay::home_assistant
