#include "core/http_client/request.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <array>
#include <boost/url/parse.hpp>
#include <boost/url/url.hpp>
#include <charconv>

#include "core/base/ascii.hpp"

namespace patchbay::http_client {
namespace {

bool is_token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           std::string_view{"!#$%&'*+-.^_`|~"}.find(c) != std::string_view::npos;
  });
}
bool is_field_value(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](unsigned char c) { return c == '\t' || (c >= 0x20 && c != 0x7F); });
}

// What frames a message, or belongs to one connection, is ours alone: set twice it would forge a second request.
constexpr std::array<std::string_view, 10> ours{
    "host", "content-length", "transfer-encoding", "connection", "keep-alive", "proxy-connection",
    "te",   "trailer",        "upgrade",           "expect"};
constexpr std::size_t most_fields = 64, most_field_bytes = 8192, most_head_bytes = 32'768;

Result<Target> from_view(boost::urls::url_view const& view, Code code, std::string_view pointer) {
  auto const wrong = [&](std::string text) { return Error{code, std::move(text), std::string{pointer}}; };
  if (view.scheme_id() != boost::urls::scheme::http && view.scheme_id() != boost::urls::scheme::https)
    return wrong("a url must begin with http:// or https://");
  if (view.has_userinfo()) return wrong("a url must not hold user and password: send them as an authorization header");
  Target out;
  out.tls = view.scheme_id() == boost::urls::scheme::https;
  out.host = view.host_address();
  std::transform(out.host.begin(), out.host.end(), out.host.begin(), ascii::lower);
  if (out.host.empty() || out.host.size() > 253) return wrong("a url must name a host of at most 253 characters");
  for (unsigned char c : out.host)
    if (c <= 0x20 || c >= 0x7F || c == '/' || c == '@' || c == '[' || c == ']')
      return wrong("the host of a url must be a name in ASCII or an address");
  out.port = out.tls ? 443 : 80;
  if (view.has_port() && !view.port().empty()) {
    // Boost.URL lets a port of five digits overflow.
    std::string_view const digits{view.port().data(), view.port().size()};
    auto const [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), out.port);
    if (error != std::errc{} || end != digits.data() + digits.size() || out.port == 0)
      return wrong("the port of a url must be 1 to 65535");
  }
  out.authority = view.host_type() == boost::urls::host_type::ipv6 ? fmt::format("[{}]", out.host) : out.host;
  if (out.port != (out.tls ? 443 : 80)) out.authority += fmt::format(":{}", out.port);
  out.path = std::string{view.encoded_path()};
  if (out.path.empty() || out.path.front() != '/') out.path.insert(0, "/");
  if (view.has_query()) out.path += "?" + std::string{view.encoded_query()};
  out.url = fmt::format("{}://{}{}", out.tls ? "https" : "http", out.authority, out.path);
  return out;
}

}  // namespace

Result<Target> Target::parse(std::string_view url) {
  auto const view = boost::urls::parse_uri({url.data(), url.size()});
  if (!view)
    return Error{Code::invalid_argument,
                 "not a url: it must be like http://host:port/path, with other characters encoded", "/url"};
  return from_view(*view, Code::invalid_argument, "/url");
}

Result<Target> Target::follow(std::string_view location) const {
  Error const wrong{Code::upstream_failed, "the server redirects to something that is no url"};
  auto const base = boost::urls::parse_uri({url.data(), url.size()});
  auto const reference = boost::urls::parse_uri_reference({location.data(), location.size()});
  if (!base || !reference) return wrong;
  boost::urls::url resolved;
  if (!boost::urls::resolve(*base, *reference, resolved)) return wrong;
  resolved.remove_fragment();
  auto next = from_view(resolved, Code::upstream_failed, "");
  if (!next) return Error{Code::upstream_failed, "the server redirects elsewhere: " + next.error().message};
  if (tls && !next->tls)
    return Error{Code::upstream_failed,
                 "the server redirects from https to http: call that url itself if you trust it"};
  return next;
}

std::string Target::name() const {
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port) : fmt::format("[{}]:{}", host, port);
}

Result<Request> Request::make(std::string method, CallArgs& args, std::size_t max_body) {
  Request out;
  out.method = std::move(method);
  if (!is_token(out.method) || out.method.size() > 16)
    return Error{Code::invalid_argument, "must be a method such as GET", "/method"};
  if (out.method == "CONNECT" || out.method == "TRACE")
    return Error{Code::invalid_argument, "the methods CONNECT and TRACE are not for this client", "/method"};
  std::size_t bytes = 0;
  for (auto& [name, value] : args.headers) {
    auto const wrong = [&](std::string_view text) {
      return Error{Code::invalid_argument, std::string{text}, "/headers" + json::pointer_token(name)};
    };
    if (!is_token(name)) return wrong("a header name must be a token: letters, digits and !#$%&'*+-.^_`|~");
    if (!is_field_value(value)) return wrong("a header value must not hold CR, LF or other control characters");
    if (std::any_of(ours.begin(), ours.end(), [&](auto word) { return ascii::same(word, name); }))
      return wrong("this header is set by the client itself: leave it out");
    if (name.size() + value.size() > most_field_bytes) return wrong("a header must be at most 8192 bytes");
    if (out.has(name)) return wrong("stands there twice, in another spelling");
    bytes += name.size() + value.size() + 4;
    // Blanks at the ends are no part of a value.
    auto const begin = value.find_first_not_of(" \t");
    auto const end = value.find_last_not_of(" \t");
    out.headers.emplace_back(name, begin == std::string::npos ? "" : value.substr(begin, end - begin + 1));
  }
  if (out.headers.size() > most_fields || bytes > most_head_bytes)
    return Error{Code::invalid_argument, "at most 64 headers of 32768 bytes in all", "/headers"};
  if (args.body && args.body->text != "null") {
    if (out.method == "GET" || out.method == "HEAD")
      return Error{Code::invalid_argument, out.method + " carries no body: use POST, or leave the body out", "/body"};
    out.has_body = true;
    if (args.body->text.starts_with('"')) {
      auto parsed = json::parse(args.body->text, json::upstream_limits);
      if (!parsed) return Error{Code::invalid_argument, parsed.error().message, "/body"};
      out.body = std::string{json::text_of(parsed->document)};
      out.content_type = "text/plain; charset=utf-8";
    } else {
      out.body = std::move(args.body->text);
      out.content_type = "application/json";
    }
    if (out.body.size() > max_body)
      return Error{Code::too_large,
                   fmt::format("a body to send must be at most {} bytes, is {}", max_body, out.body.size()), "/body"};
  }
  return out;
}

bool Request::has(std::string_view field) const {
  return std::any_of(headers.begin(), headers.end(), [&](auto const& one) { return ascii::same(one.first, field); });
}

void Request::drop(std::string_view field) {
  std::erase_if(headers, [&](auto const& one) { return ascii::same(one.first, field); });
}

void Request::redirect(unsigned status, bool same_origin) {
  // 303 asks for a GET; 301 and 302 turn a POST into one, as every browser does; 307 and 308 change nothing.
  bool const to_get = (status == 303 && method != "HEAD") || ((status == 301 || status == 302) && method == "POST");
  if (to_get) {
    method = "GET";
    body.clear();
    has_body = false;
    drop("content-type");
    drop("content-encoding");
    drop("content-language");
  }
  if (!same_origin)
    for (auto const* field : {"authorization", "proxy-authorization", "cookie"}) drop(field);
}

std::string Request::head(Target const& target, std::string_view user_agent, std::string_view traceparent) const {
  std::string out;
  out.reserve(256);
  auto const line = [&](std::string_view name, std::string_view value) {
    out.append(name).append(": ").append(value).append("\r\n");
  };
  out.append(method).append(" ").append(target.path).append(" HTTP/1.1\r\n");
  line("Host", target.authority);
  for (auto const& [name, value] : headers) line(name, value);
  if (!has("user-agent")) line("User-Agent", user_agent);
  if (!has("accept")) line("Accept", "*/*");
  if (!has("accept-encoding")) line("Accept-Encoding", "identity");
  if (!traceparent.empty() && !has("traceparent")) line("traceparent", traceparent);
  if (has_body && !has("content-type")) line("Content-Type", content_type);
  // A method that means a body has a length even when there is none (RFC 9110, section 8.6).
  if (has_body || method == "POST" || method == "PUT" || method == "PATCH")
    line("Content-Length", std::to_string(body.size()));
  out.append("\r\n");
  return out;
}

}  // namespace patchbay::http_client
