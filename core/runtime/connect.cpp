#include "core/runtime/connect.hpp"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <spdlog/fmt/fmt.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/detail/base64.hpp>
#include <charconv>
#include <mutex>

#include "core/runtime/runtime.hpp"
#include "core/runtime/waiter.hpp"

namespace patchbay {
namespace {

using tcp = asio::ip::tcp;
using ErrorCode = boost::system::error_code;
using Context = std::shared_ptr<asio::ssl::context>;

std::string bare(std::string_view host) {
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  return std::string{host};
}
std::string authority(std::string_view host, std::uint16_t port) {
  return host.find(':') != std::string_view::npos ? fmt::format("[{}]:{}", host, port)
                                                  : fmt::format("{}:{}", host, port);
}
std::string shown(ErrorCode const& error) {
  auto text = error.message();
  if (auto const at = text.find(" ["); at != std::string::npos) text.resize(at);  // Boost adds where it was made
  return text;
}

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    if (text[i] == '%' && i + 2 < text.size() &&
        std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16).ptr == text.data() + i + 3) {
      out += static_cast<char>(value);
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

// --- TLS ---

Result<Context> make_context(TlsOptions const& options) {
  auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_client);
  SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
  SSL_CTX_set_mode(context->native_handle(), SSL_MODE_RELEASE_BUFFERS);
  if (!options.verify) return context;
  ErrorCode error;
  if (options.ca.empty())
    context->set_default_verify_paths(error);
  else if (options.ca.find("-----BEGIN") != std::string::npos)
    context->add_certificate_authority(asio::buffer(options.ca), error);
  else
    context->load_verify_file(options.ca, error);
  if (error)
    return Error{Code::invalid_argument,
                 options.ca.empty() ? "the system's certificate authorities cannot be read: " + shown(error)
                                    : "ca must be PEM text or the path of a PEM file: " + shown(error),
                 "/tls/ca"};
  return context;
}

// The context with the system's roots is made once: reading some 140 certificates takes tens of milliseconds.
Result<Context> context_for(TlsOptions const& options) {
  if (!options.ca.empty()) return make_context(options);
  static std::mutex mutex;
  static Context verifying, trusting;
  std::lock_guard lock{mutex};
  auto& kept = options.verify ? verifying : trusting;
  if (kept) return kept;
  auto made = make_context(options);
  if (made) kept = *made;
  return made;
}

std::string verification_problem(long reason, std::string const& name) {
  switch (reason) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH: return fmt::format("the certificate is not for {}", name);
    case X509_V_ERR_CERT_HAS_EXPIRED: return "the certificate has expired";
    case X509_V_ERR_CERT_NOT_YET_VALID: return "the certificate is not valid yet";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return "the certificate is self-signed; give it as tls.ca if you trust it";
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return "the certificate comes from an authority that is not trusted; give that authority as tls.ca if you trust "
             "it";
    default: return X509_verify_cert_error_string(reason);
  }
}

// --- one attempt ---

// Keeps the time: when the deadline comes, the pending operation is aborted and everything after it fails.
class Attempt {
 public:
  Attempt(Runtime& runtime, ConnectOptions options) : runtime_(runtime), options_(std::move(options)) {}

  Task<Result<std::unique_ptr<Stream>>> run() {
    // Cancellation arrives as the error of the pending operation, whatever the caller has set.
    auto const throwing = co_await asio::this_coro::throw_if_cancelled();
    co_await asio::this_coro::throw_if_cancelled(false);
    auto result = co_await steps();
    auto const state = co_await asio::this_coro::cancellation_state;
    if (result && state.cancelled() != asio::cancellation_type::none)
      result = Error{Code::cancelled, fmt::format("connecting to {} was cancelled", target())};
    co_await asio::this_coro::throw_if_cancelled(throwing);
    co_return result;
  }

 private:
  std::string target() const { return authority(options_.host, options_.port); }
  bool out_of_time() {
    expired_ = expired_ || (options_.deadline.exists() && runtime_.clock().now() >= options_.deadline.at());
    return expired_;
  }
  // An error that a step was given, as what it means: our own deadline and cancellation first.
  Error meaning(Code code, std::string message, ErrorCode const& error) {
    if (out_of_time()) return too_late();
    if (error == asio::error::operation_aborted)
      return Error{Code::cancelled, fmt::format("connecting to {} was cancelled", target())};
    return Error{code, std::move(message)};
  }
  Error too_late() const {
    return Error{Code::deadline_exceeded, fmt::format("no connection to {} within the time", target())};
  }
  void arm(Timer& timer, SteadyTime at) {
    if (auto* wheel = TimerWheel::current()) wheel->arm_at(timer, at);
  }

  Task<Result<std::unique_ptr<Stream>>> steps() {
    options_.host = bare(options_.host);
    std::optional<ProxyAddress> proxy;
    if (!options_.proxy.empty()) {
      auto parsed = parse_proxy(options_.proxy);
      if (!parsed) co_return parsed.error();
      proxy = std::move(*parsed);
    }
    Context context;
    if (options_.tls) {
      auto const tls = options_.tls_options;
      auto read = [tls] { return context_for(tls); };
      auto made = co_await runtime_.blocking(std::move(read));
      if (!made) co_return made.error();
      context = std::move(*made);
    }
    auto const host = proxy ? proxy->host : options_.host;
    auto const port = proxy ? proxy->port : options_.port;
    auto addresses = proxy ? options_.proxy_addresses : options_.addresses;
    if (addresses.empty()) {
      auto found = co_await resolve(host);
      if (!found) co_return found.error();
      addresses = std::move(*found);
    }
    auto opened = co_await open(host, port, std::move(addresses));
    if (!opened) co_return opened.error();

    Timer limit{[this] {
      expired_ = true;
      stream_->close();
    }};
    if (options_.deadline.exists()) arm(limit, options_.deadline.at());
    if (proxy) {
      auto tunnelled = co_await tunnel(*proxy);
      if (!tunnelled) co_return tunnelled.error();
    }
    if (context) {
      auto secured = co_await secure(std::move(context));
      if (!secured) co_return secured.error();
    }
    limit.disarm();
    if (out_of_time()) co_return too_late();
    co_return std::move(stream_);
  }

  Task<Result<std::vector<asio::ip::address>>> resolve(std::string host) {
    ErrorCode not_an_address;
    auto const literal = asio::ip::make_address(host, not_an_address);
    std::vector<asio::ip::address> found;
    if (!not_an_address) {
      found.push_back(literal);
      co_return found;
    }
    // A name lookup cannot be interrupted; we only stop waiting for it, so what it writes to outlives us.
    struct Lookup {
      explicit Lookup(Executor executor) : resolver(executor) {}
      asio::ip::basic_resolver<tcp, Executor> resolver;
      Waiter done;
      ErrorCode error;
      std::vector<asio::ip::address> addresses;
    };
    auto const executor = co_await asio::this_coro::executor;
    auto lookup = std::make_shared<Lookup>(executor);
    lookup->resolver.async_resolve(host, "", [lookup](ErrorCode error, auto const& results) {
      lookup->error = error;
      for (auto const& one : results) {
        auto const address = one.endpoint().address();
        if (std::find(lookup->addresses.begin(), lookup->addresses.end(), address) == lookup->addresses.end())
          lookup->addresses.push_back(address);
      }
      lookup->done.notify();
    });
    auto const why = co_await lookup->done.wait(options_.deadline, use_task);
    if (why == Waiter::Why::expired) {
      expired_ = true;
      co_return Error{Code::deadline_exceeded, fmt::format("the name {} was not resolved within the time", host)};
    }
    if (why == Waiter::Why::cancelled)
      co_return Error{Code::cancelled, fmt::format("connecting to {} was cancelled", target())};
    if (lookup->error)
      co_return Error{Code::connect_failed,
                      fmt::format("the name {} cannot be resolved: {}", host, shown(lookup->error))};
    if (lookup->addresses.empty())
      co_return Error{Code::connect_failed, fmt::format("the name {} has no address", host)};
    co_return std::move(lookup->addresses);
  }

  Task<Result<void>> open(std::string host, std::uint16_t port, std::vector<asio::ip::address> addresses) {
    auto const executor = co_await asio::this_coro::executor;
    auto const where = authority(host, port);
    Error last{Code::connect_failed, fmt::format("no address to connect to for {}", where)};
    for (std::size_t i = 0; i < addresses.size(); ++i) {
      if (out_of_time()) co_return too_late();
      stream_ = std::make_unique<Stream>(executor);
      Timer limit{[this] { stream_->close(); }};
      if (options_.deadline.exists()) {
        auto const now = runtime_.clock().now();
        auto const share = (options_.deadline.at() - now) / static_cast<std::int64_t>(addresses.size() - i);
        arm(limit, now + share);
      }
      tcp::endpoint const endpoint{addresses[i], port};
      auto [error] = co_await stream_->socket().async_connect(endpoint, use_task_tuple);
      bool const by_timer = !stream_->is_open();
      if (!error && !by_timer) {
        ErrorCode ignored;
        stream_->socket().set_option(tcp::no_delay{true}, ignored);
        co_return Result<void>{};
      }
      if (by_timer && !out_of_time()) {
        last = Error{Code::connect_failed, fmt::format("{} did not answer in time", where)};
        continue;
      }
      last = meaning(Code::connect_failed, fmt::format("cannot connect to {}: {}", where, shown(error)), error);
      if (last.code != Code::connect_failed) break;
    }
    co_return last;
  }

  Task<Result<void>> tunnel(ProxyAddress proxy) {
    // A pinned address stays pinned behind the proxy: the name could mean another one there.
    auto const target_host = options_.addresses.empty() ? options_.host : options_.addresses.front().to_string();
    auto const to = authority(target_host, options_.port);
    auto request = fmt::format("CONNECT {} HTTP/1.1\r\nHost: {}\r\n", to, to);
    if (!proxy.credentials.empty()) {
      namespace base64 = boost::beast::detail::base64;
      std::string encoded(base64::encoded_size(proxy.credentials.size()), '\0');
      encoded.resize(base64::encode(encoded.data(), proxy.credentials.data(), proxy.credentials.size()));
      request += fmt::format("Proxy-Authorization: Basic {}\r\n", encoded);
    }
    request += "\r\n";
    auto const where = authority(proxy.host, proxy.port);
    auto const lost = [&](ErrorCode const& error) {
      return meaning(Code::connect_failed, fmt::format("the proxy {} went away: {}", where, shown(error)), error);
    };
    auto [write_error, written] = co_await asio::async_write(*stream_, asio::buffer(request), use_task_tuple);
    if (write_error) co_return lost(write_error);
    std::string answer;
    std::array<char, 1024> piece;
    while (answer.find("\r\n\r\n") == std::string::npos) {
      if (answer.size() > 8192)
        co_return Error{Code::connect_failed, fmt::format("the proxy {} sent a header over 8 KiB", where)};
      auto [error, n] = co_await stream_->async_read_some(asio::buffer(piece), use_task_tuple);
      if (error) co_return lost(error);
      answer.append(piece.data(), n);
    }
    unsigned status = 0;
    if (!answer.starts_with("HTTP/1.") || answer.size() < 12 ||
        std::from_chars(answer.data() + 9, answer.data() + 12, status).ptr != answer.data() + 12)
      co_return Error{Code::connect_failed, fmt::format("{} does not speak HTTP, so it is no proxy", where)};
    if (status == 407)
      co_return Error{Code::auth_failed, fmt::format("the proxy {} asks for other credentials", where)};
    if (status / 100 != 2)
      co_return Error{Code::connect_failed,
                      fmt::format("the proxy {} does not connect to {}: status {}", where, target(), status)};
    if (answer.find("\r\n\r\n") + 4 != answer.size())
      co_return Error{Code::connect_failed, fmt::format("the proxy {} sent data before it was asked", where)};
    co_return Result<void>{};
  }

  Task<Result<void>> secure(Context context) {
    auto& tls = stream_->start_tls(std::move(context));
    auto* const ssl = tls.native_handle();
    auto const name = options_.tls_options.server_name.empty() ? options_.host : bare(options_.tls_options.server_name);
    ErrorCode not_an_address;
    asio::ip::make_address(name, not_an_address);
    if (not_an_address) SSL_set_tlsext_host_name(ssl, name.c_str());
    if (options_.tls_options.verify) {
      auto* const param = SSL_get0_param(ssl);
      X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
      int const set = not_an_address ? X509_VERIFY_PARAM_set1_host(param, name.c_str(), name.size())
                                     : X509_VERIFY_PARAM_set1_ip_asc(param, name.c_str());
      if (set != 1) co_return Error{Code::tls_failed, fmt::format("{} is no name that can be verified", name)};
      tls.set_verify_mode(asio::ssl::verify_peer);
    } else {
      tls.set_verify_mode(asio::ssl::verify_none);
    }
    auto [error] = co_await tls.async_handshake(asio::ssl::stream_base::client, use_task_tuple);
    if (!error) co_return Result<void>{};
    auto const verified = SSL_get_verify_result(ssl);
    auto reason = options_.tls_options.verify && verified != X509_V_OK ? verification_problem(verified, name)
                                                                       : "the handshake failed: " + shown(error);
    co_return meaning(Code::tls_failed, fmt::format("no TLS with {}: {}", target(), reason), error);
  }

  Runtime& runtime_;
  ConnectOptions options_;
  std::unique_ptr<Stream> stream_;
  bool expired_ = false;
};

}  // namespace

Result<ProxyAddress> parse_proxy(std::string_view text) {
  Error const wrong{Code::invalid_argument, "proxy must be http://host:port or http://user:password@host:port",
                    "/proxy"};
  if (!text.starts_with("http://")) return wrong;
  text.remove_prefix(7);
  if (text.ends_with('/')) text.remove_suffix(1);
  if (text.find_first_of("/?# \t\r\n") != std::string_view::npos) return wrong;
  ProxyAddress out;
  if (auto const at = text.rfind('@'); at != std::string_view::npos) {
    out.credentials = percent_decoded(text.substr(0, at));
    text.remove_prefix(at + 1);
  }
  auto const colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return wrong;
  auto const port = text.substr(colon + 1);
  if (std::from_chars(port.data(), port.data() + port.size(), out.port).ptr != port.data() + port.size() ||
      out.port == 0)
    return wrong;
  out.host = bare(text.substr(0, colon));
  return out;
}

Task<Result<std::unique_ptr<Stream>>> connect(Runtime& runtime, ConnectOptions options) {
  Attempt attempt{runtime, std::move(options)};
  auto result = co_await attempt.run();
  co_return result;
}

}  // namespace patchbay
