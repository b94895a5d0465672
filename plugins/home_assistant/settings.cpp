#include "plugins/home_assistant/settings.hpp"

#include <spdlog/fmt/fmt.h>

#include <cstdlib>
#include <fstream>

namespace patchbay::home_assistant {
namespace {

struct Address {
  bool secure = false;
  std::string rest;  // host, port and path, without a slash at the end
};

Result<Address> address_of(std::string_view url) {
  Address out;
  auto take = [&](std::string_view prefix, bool secure) {
    if (!url.starts_with(prefix)) return false;
    out.secure = secure;
    out.rest = url.substr(prefix.size());
    return true;
  };
  if (!take("http://", false) && !take("https://", true) && !take("ws://", false) && !take("wss://", true))
    return Error{
        Code::invalid_argument,
        "plugins.home_assistant.url must begin with http:// or https://, such as http://homeassistant.local:8123"};
  auto cut = [&](std::string_view end) {
    if (out.rest.ends_with(end)) out.rest.resize(out.rest.size() - end.size());
  };
  cut("/");
  cut("/api/websocket");
  cut("/api");
  cut("/");
  if (out.rest.empty() || out.rest.find_first_of("?#@ ") != std::string::npos)
    return Error{
        Code::invalid_argument,
        "plugins.home_assistant.url must be scheme, host and port only, such as http://homeassistant.local:8123"};
  return out;
}

// The Supervisor's proxy serves both APIs under /core, the socket without /api.
bool is_supervisor(Address const& address) { return address.rest == "supervisor/core"; }

}  // namespace

Result<std::string> Settings::websocket_url() const {
  auto address = address_of(url);
  if (!address) return address.error();
  return fmt::format("{}://{}{}", address->secure ? "wss" : "ws", address->rest,
                     is_supervisor(*address) ? "/websocket" : "/api/websocket");
}

Result<std::string> Settings::rest_url() const {
  auto address = address_of(url);
  if (!address) return address.error();
  return fmt::format("{}://{}/api", address->secure ? "https" : "http", address->rest);
}

Result<std::string> TokenSource::read() const {
  std::string token;
  std::string_view const reference{reference_};
  if (reference.starts_with("file:")) {
    std::string const path{reference.substr(5)};
    std::ifstream in{path, std::ios::binary};
    if (!in)
      return Error{Code::unavailable,
                   fmt::format("cannot read the file {} that plugins.home_assistant.token names", path)};
    token.resize(8192);
    in.read(token.data(), static_cast<std::streamsize>(token.size()));
    token.resize(static_cast<std::size_t>(in.gcount()));
  } else if (reference.starts_with("env:")) {
    char const* value = std::getenv(std::string{reference.substr(4)}.c_str());
    if (value == nullptr)
      return Error{Code::unavailable, fmt::format("the environment has no {}, which plugins.home_assistant.token names",
                                                  reference.substr(4))};
    token = value;
  } else {
    token = reference_;
  }
  auto const space = [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; };
  while (!token.empty() && space(token.back())) token.pop_back();
  while (!token.empty() && space(token.front())) token.erase(token.begin());
  if (token.empty())
    return Error{
        Code::unavailable,
        "no token for Home Assistant: set plugins.home_assistant.token (or HA_TOKEN) to a long-lived access token"};
  return token;
}

}  // namespace patchbay::home_assistant
