#include "gateway/cli/client.hpp"

#include <spdlog/fmt/fmt.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <boost/url/parse.hpp>
#include <cstdlib>
#include <fstream>

#include "core/security/token_file.hpp"

namespace patchbay::cli {
namespace {

namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;

std::string environment(char const* name) {
  auto const* value = std::getenv(name);
  return value == nullptr ? std::string{} : std::string{value};
}

Error unreachable(std::string const& url, std::string const& why) {
  return Error{
      Code::connect_failed,
      fmt::format(
          "no gateway at {}: {}; start one with `patchbay serve`, name another with $PATCHBAY_URL, or use --local", url,
          why)};
}

// The reply envelope of every JSON surface, taken apart.
Result<Answer> open_envelope(std::string_view text, unsigned status) {
  auto parsed = json::parse(text, json::upstream_limits);
  if (!parsed || !parsed->document.IsObject())
    return Error{Code::upstream_failed,
                 fmt::format("the answer (HTTP {}) is not from a gateway: {}", status, text.substr(0, 200))};
  if (auto const* error = json::find(parsed->document, "error"); error != nullptr && error->IsObject()) {
    Error out;
    out.code = code_named(json::find_text(*error, "code")).value_or(Code::internal);
    out.message = json::find_text(*error, "message");
    out.pointer = json::find_text(*error, "pointer");
    if (auto const* after = json::find(*error, "retry_after_ms"); after != nullptr && after->IsUint())
      out.retry_after_ms = after->GetUint();
    return out;
  }
  auto data = parsed->member_text("data");
  if (data.empty()) return Error{Code::upstream_failed, fmt::format("the answer (HTTP {}) has no data", status)};
  return Answer{std::string{data}, std::string{json::find_text(parsed->document, "message")}};
}

class HttpClient final : public Client {
 public:
  explicit HttpClient(Target target) : target_(std::move(target)) {}

  Result<Answer> call(std::string const& tool, std::string const& args) override {
    std::string body;
    unsigned status = 0;
    auto collect = [&](std::string_view part) {
      body += part;
      return true;
    };
    if (auto error = exchange(tool, args, "application/json", status, collect)) return *error;
    return open_envelope(body, status);
  }

  Result<Answer> stream(std::string const& tool, std::string const& args,
                        std::function<bool(std::string_view, std::string_view)> on_event) override {
    std::string pending;
    std::optional<Result<Answer>> end;
    unsigned status = 0;
    // Newline-delimited JSON: {"event","data"} many times, at last {"event":"end"} with the envelope as its data.
    auto take_line = [&](std::string_view line) {
      if (line.empty()) return true;
      auto parsed = json::parse(line, json::upstream_limits);
      auto const event =
          parsed && parsed->document.IsObject() ? json::find_text(parsed->document, "event") : std::string_view{};
      if (event == "end") {
        end = open_envelope(parsed->member_text("data"), status);
        return true;
      }
      if (!event.empty()) return on_event(json::find_text(parsed->document, "event"), parsed->member_text("data"));
      end = open_envelope(line, status);
      return true;
    };
    auto collect = [&](std::string_view part) {
      pending += part;
      std::size_t from = 0;
      for (auto at = pending.find('\n'); at != std::string::npos; at = pending.find('\n', from)) {
        auto const go_on = take_line(std::string_view{pending}.substr(from, at - from));
        from = at + 1;
        if (go_on) continue;
        pending.clear();
        return false;
      }
      pending.erase(0, from);
      return true;
    };
    if (auto error = exchange(tool, args, "application/x-ndjson", status, collect)) return *error;
    take_line(pending);
    if (end) return *end;
    return Answer{"{}"};  // ended by the caller
  }

 private:
  // One request on a connection of its own, with TLS where the url says https; the body in pieces. Nothing on success.
  std::optional<Error> exchange(std::string const& tool, std::string const& args, std::string_view accept,
                                unsigned& status, std::function<bool(std::string_view)> const& on_body) {
    auto const url = boost::urls::parse_uri(target_.url);
    if (!url || (url->scheme() != "http" && url->scheme() != "https") || url->host().empty())
      return Error{Code::invalid_argument, fmt::format("\"{}\" is no http:// or https:// url", target_.url)};
    auto const with_tls = url->scheme() == "https";
    beast::error_code error;
    asio::io_context context;
    tcp::resolver resolver{context};
    std::string const port = url->has_port() ? std::string{url->port()} : with_tls ? "443" : "80";
    auto host = std::string{url->host()};
    if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
    auto const addresses = resolver.resolve(host, port, error);
    if (error) return unreachable(target_.url, error.message());
    tcp::socket socket{context};
    asio::connect(socket, addresses, error);
    if (error) return unreachable(target_.url, error.message());

    http::request<http::string_body> request{http::verb::post, "/" + tool, 11};
    request.set(http::field::host, std::string{url->encoded_host_and_port()});
    request.set(http::field::content_type, "application/json");
    request.set(http::field::accept, accept);
    request.set(http::field::connection, "close");
    if (!target_.token.empty()) request.set(http::field::authorization, "Bearer " + target_.token);
    request.body() = args;
    request.prepare_payload();
    if (!with_tls) return converse(socket, request, status, on_body);

    asio::ssl::context trust{asio::ssl::context::tls_client};
    trust.set_default_verify_paths(error);
    if (auto const own = environment("PATCHBAY_CA"); !own.empty()) {
      trust.load_verify_file(own, error);
      if (error) return Error{Code::invalid_argument, fmt::format("$PATCHBAY_CA: {}: {}", own, error.message())};
    }
    asio::ssl::stream<tcp::socket&> stream{socket, trust};
    stream.set_verify_mode(asio::ssl::verify_peer);
    stream.set_verify_callback(asio::ssl::host_name_verification{host});
    beast::error_code ignored;
    if (asio::ip::make_address(host, ignored); ignored) SSL_set_tlsext_host_name(stream.native_handle(), host.c_str());
    stream.handshake(asio::ssl::stream_base::client, error);
    if (error)
      return Error{Code::tls_failed, fmt::format("{}: {}; a certificate of your own authority is trusted when "
                                                 "$PATCHBAY_CA names its PEM file",
                                                 target_.url, error.message())};
    return converse(stream, request, status, on_body);
  }

  template <class SyncStream>
  static std::optional<Error> converse(SyncStream& stream, http::request<http::string_body> const& request,
                                       unsigned& status, std::function<bool(std::string_view)> const& on_body) {
    beast::error_code error;
    http::write(stream, request, error);
    if (error) return Error{Code::connection_lost, "the gateway closed the connection: " + error.message()};
    beast::flat_buffer buffer;
    http::response_parser<http::buffer_body> parser;
    parser.body_limit(std::uint64_t{64} << 20);
    http::read_header(stream, buffer, parser, error);
    if (error) return Error{Code::connection_lost, "the gateway gave no answer: " + error.message()};
    status = parser.get().result_int();
    std::array<char, 16384> piece;
    while (!parser.is_done()) {
      parser.get().body().data = piece.data();
      parser.get().body().size = piece.size();
      http::read_some(stream, buffer, parser, error);
      if (error == http::error::need_buffer) error = {};
      if (error && error != http::error::end_of_stream)
        return Error{Code::connection_lost, "the answer broke off: " + error.message()};
      auto const got = piece.size() - parser.get().body().size;
      if (got > 0 && !on_body({piece.data(), got})) return std::nullopt;
      if (error) break;
    }
    return std::nullopt;
  }

  Target target_;
};

class LocalClient final : public Client {
 public:
  explicit LocalClient(std::unique_ptr<Gateway> gateway) : gateway_(std::move(gateway)) {}
  ~LocalClient() override { gateway_->stop(); }
  Result<Answer> call(std::string const& tool, std::string const& args) override {
    auto data = gateway_->call_json(tool, args);
    if (!data) return data.error();
    return Answer{std::move(data->text)};
  }
  Result<Answer> stream(std::string const& tool, std::string const& args,
                        std::function<bool(std::string_view, std::string_view)> on_event) override {
    auto data = gateway_->stream_json(tool, args, std::move(on_event));
    if (!data) return data.error();
    return Answer{std::move(data->text)};
  }

 private:
  std::unique_ptr<Gateway> gateway_;
};

}  // namespace

Result<Target> find_target(std::string url) {
  Target target;
  target.url = !url.empty() ? std::move(url) : environment("PATCHBAY_URL");
  if (target.url.empty()) target.url = "http://127.0.0.1:8765";
  while (target.url.ends_with('/')) target.url.pop_back();
  target.token = environment("PATCHBAY_TOKEN");
  if (target.token.empty()) {
    auto const parsed = boost::urls::parse_uri(target.url);
    if (!parsed)
      return Error{Code::invalid_argument,
                   fmt::format("\"{}\" is no url; it should look like http://127.0.0.1:8765", target.url)};
    auto const host = std::string{parsed->host()};
    // The run's token belongs to this machine: it is sent nowhere else.
    if (host == "127.0.0.1" || host == "localhost" || host == "[::1]")
      if (auto token = security::read_run_token(parsed->has_port()            ? parsed->port_number()
                                                : parsed->scheme() == "https" ? 443
                                                                              : 80))
        target.token = *token;
  }
  return target;
}

std::unique_ptr<Client> connect(Target target) { return std::make_unique<HttpClient>(std::move(target)); }

Result<std::unique_ptr<Client>> local(GatewayOptions options) {
  auto gateway = std::make_unique<Gateway>(std::move(options));
  auto started = gateway->start();
  if (!started) return started.error();
  return std::unique_ptr<Client>{std::make_unique<LocalClient>(std::move(gateway))};
}

}  // namespace patchbay::cli
