#include "core/hub/endpoint.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <vector>

#include "core/base/hex.hpp"
#include "core/base/utf8.hpp"

namespace patchbay::hub {
namespace {

constexpr std::size_t longest_name = 255;

bool is_name_character(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
         c == ':' || c == '-';
}

// A plus sign stays one: no token or name holds a space, but base64 holds pluses.
Result<std::string> decoded(std::string_view text, std::string_view what) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    auto const high = i + 1 < text.size() ? hex_value(text[i + 1]) : -1;
    auto const low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
    if (high < 0 || low < 0)
      return Error{Code::invalid_argument, fmt::format("{}: a % must be followed by two hexadecimal digits", what)};
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

// An id of a path: any text but control characters.
Result<std::string> id_of(std::string_view segment, std::string_view what) {
  auto id = decoded(segment, what);
  if (!id) return id.error();
  if (id->empty() || id->size() > longest_name)
    return Error{Code::invalid_argument, fmt::format("{} must be 1 to {} bytes long", what, longest_name)};
  auto const is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; };
  if (!is_utf8(*id) || std::any_of(id->begin(), id->end(), is_control))
    return Error{Code::invalid_argument, fmt::format("{} must be UTF-8 text without control characters", what)};
  return id;
}

Error nothing_here(Settings const& settings) {
  std::string workflows;
  for (auto const& [name, workflow] : settings.workflows) workflows += (workflows.empty() ? "" : ", ") + name;
  auto const chats = workflows.empty() ? std::string{"; no workflow is configured for chats"}
                                       : fmt::format(
                                             ", /ws/{{workflow}}/{{app_id}}/{{chat_id}}/{{user_id}} with the "
                                             "workflows {}",
                                             workflows);
  return Error{Code::not_found, fmt::format("no such WebSocket endpoint; there are /ws/connect, /ws/channel/{{name}}, "
                                            "/ws/notifications/{{user_id}}{}{}",
                                            settings.echo ? ", /ws/echo" : "", chats)};
}

std::optional<Error> read_query(std::string_view query, Endpoint& endpoint) {
  bool seen = false;
  while (!query.empty()) {
    auto const end = std::min(query.find('&'), query.size());
    auto const pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    auto const equals = pair.find('=');
    if (pair.substr(0, equals) != "token") continue;
    if (seen) return Error{Code::invalid_argument, "the query holds token twice"};
    seen = true;
    if (equals == std::string_view::npos) continue;
    auto token = decoded(pair.substr(equals + 1), "token");
    if (!token) return token.error();
    endpoint.token = std::move(*token);
  }
  return std::nullopt;
}

}  // namespace

std::string_view name_of(Dialect dialect) {
  switch (dialect) {
    case Dialect::channel: return "channel";
    case Dialect::user: return "user";
    case Dialect::chat: return "chat";
    case Dialect::echo: return "echo";
  }
  return "unknown";
}

bool is_channel_name(std::string_view name) {
  return !name.empty() && name.size() <= longest_name && std::all_of(name.begin(), name.end(), is_name_character);
}

bool is_channel_pattern(std::string_view name) {
  if (name.size() > 2 && name.size() <= longest_name && name.ends_with(".*")) name.remove_suffix(2);
  return is_channel_name(name);
}

Result<Endpoint> endpoint_of(std::string_view target, Settings const& settings) {
  Endpoint endpoint;
  auto const question = std::min(target.find('?'), target.size());
  auto const path = target.substr(0, question);
  std::vector<std::string_view> parts;
  for (std::size_t at = 0; at < path.size() && parts.size() < 7;) {
    auto const end = std::min(path.find('/', at + 1), path.size());
    parts.push_back(path.substr(at + 1, end - at - 1));
    at = end;
  }
  auto const is = [&](std::size_t count, std::string_view word) { return parts.size() == count && parts[1] == word; };
  if (parts.size() < 2 || path.front() != '/' || parts[0] != "ws") return nothing_here(settings);
  auto const take = [&](std::size_t part, std::string_view what, std::string& into) -> std::optional<Error> {
    auto id = id_of(parts[part], what);
    if (!id) return id.error();
    into = std::move(*id);
    return std::nullopt;
  };
  if (is(2, "connect")) {
    endpoint.dialect = Dialect::channel;
  } else if (is(3, "channel")) {
    if (auto bad = take(2, "the channel", endpoint.channel)) return *bad;
    if (!is_channel_pattern(endpoint.channel))
      return Error{Code::invalid_argument, "a channel is named by 1 to 255 characters of A-Z a-z 0-9 _ . : -"};
  } else if (is(3, "notifications")) {
    endpoint.dialect = Dialect::user;
    if (auto bad = take(2, "user_id", endpoint.user_id)) return *bad;
  } else if (is(2, "echo") && settings.echo) {
    endpoint.dialect = Dialect::echo;
  } else if (parts.size() == 5) {
    endpoint.dialect = Dialect::chat;
    if (auto bad = take(1, "the workflow", endpoint.workflow)) return *bad;
    if (settings.workflows.count(endpoint.workflow) == 0) return nothing_here(settings);
    if (auto bad = take(2, "app_id", endpoint.app_id)) return *bad;
    if (auto bad = take(3, "chat_id", endpoint.chat_id)) return *bad;
    if (auto bad = take(4, "user_id", endpoint.user_id)) return *bad;
  } else {
    return nothing_here(settings);
  }
  if (question < target.size())
    if (auto bad = read_query(target.substr(question + 1), endpoint)) return *bad;
  return endpoint;
}

std::optional<Error> refuse(Endpoint const& endpoint, Principal const& who) {
  if (!who.may("hub.subscribe"))
    return Error{Code::forbidden,
                 fmt::format("{} may not open WebSocket connections: hub.subscribe is missing", who.name)};
  if (endpoint.dialect != Dialect::user && endpoint.dialect != Dialect::chat) return std::nullopt;
  if (who.name == "anonymous" || (!who.user_id.empty() && who.user_id == endpoint.user_id)) return std::nullopt;
  if (who.may("hub.impersonate")) return std::nullopt;
  return Error{Code::forbidden, "the user_id of the path is not the one that the token belongs to"};
}

}  // namespace patchbay::hub
