#include "core/websocket/target.hpp"

#include <spdlog/fmt/fmt.h>

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <charconv>

#include "core/base/ascii.hpp"

namespace patchbay::websocket {

Result<Target> Target::parse(std::string_view text) {
  auto wrong = [](std::string why) { return Error{Code::invalid_argument, std::move(why), "/url"}; };
  auto const parsed = boost::urls::parse_uri(text);
  if (parsed.has_error()) return wrong("url must be absolute, such as ws://127.0.0.1:8123/api/websocket");
  auto const& url = *parsed;
  auto const scheme = ascii::lowered(url.scheme());
  if (scheme != "ws" && scheme != "wss")
    return wrong(fmt::format("url must begin with ws:// or wss://, not with {}:", scheme));
  if (url.has_fragment()) return wrong("url must not have a fragment (#)");

  Target out;
  out.tls = scheme == "wss";
  out.host = ascii::lowered(url.host_address());
  if (out.host.empty()) return wrong("url must name a host");
  if (out.host.find_first_of("\r\n\t \0", 0, 5) != std::string::npos) return wrong("url names no possible host");
  std::uint16_t const usual = out.tls ? 443 : 80;
  out.port = usual;
  if (url.has_port() && !url.port().empty()) {
    std::string const port{url.port()};
    auto const [end, error] = std::from_chars(port.data(), port.data() + port.size(), out.port);
    if (error != std::errc{} || end != port.data() + port.size() || out.port == 0)
      return wrong("the port of the url must be between 1 and 65535");
  }
  bool const is_v6 = out.host.find(':') != std::string::npos;
  auto const named = is_v6 ? fmt::format("[{}]", out.host) : out.host;
  out.host_field = out.port == usual ? named : fmt::format("{}:{}", named, out.port);
  out.path = std::string{url.encoded_target()};
  if (out.path.empty() || out.path.front() != '/') out.path.insert(out.path.begin(), '/');
  if (url.has_userinfo()) out.credentials = url.userinfo();
  std::string const path_only{url.encoded_path()};
  out.shown = fmt::format("{}://{}:{}{}", scheme, named, out.port, path_only);
  out.breaker = fmt::format("ws:{}:{}", out.host, out.port);
  return out;
}

}  // namespace patchbay::websocket
