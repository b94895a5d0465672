#include "core/websocket/link.hpp"

#include <spdlog/fmt/fmt.h>

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <boost/beast/zlib/deflate_stream.hpp>
#include <charconv>

#include "core/base/timer_wheel.hpp"
#include "core/base/utf8.hpp"
#include "core/websocket/wire.hpp"

namespace patchbay::websocket {
namespace {

namespace beast = boost::beast;
namespace ws = beast::websocket;
namespace http = beast::http;
using ErrorCode = boost::system::error_code;
using namespace std::chrono_literals;

constexpr auto farewell_time = 5s;           // for the other side to answer a close frame
constexpr std::size_t pings_a_second = 100;  // beyond this a peer is flooding us
constexpr std::size_t most_fragments = 1024;
constexpr std::size_t compress_from = 256;  // smaller ones do not gain

std::string plain(ErrorCode const& error) {
  auto text = error.message();
  if (auto const at = text.find(" ["); at != std::string::npos) text.resize(at);
  return text;
}

// What the server said in its own words: short, and free of control characters.
std::string cleaned(std::string_view text) {
  std::string out;
  for (char c : text.substr(0, 200)) out += static_cast<unsigned char>(c) < 0x20 || c == 0x7F ? ' ' : c;
  return is_utf8(out) ? out : std::string{};
}

class BeastLink final : public Link, public std::enable_shared_from_this<BeastLink> {
 public:
  BeastLink(std::unique_ptr<Stream> stream, LinkOptions const& options)
      : ws_(std::move(stream), options.queue_bytes),
        max_message_(options.max_message),
        buffer_(options.max_message + 1024) {}

  void prepare() {
    wire().keep_alive_by(weak_from_this());
    wire().on_closing([this] {
      if (auto* wheel = TimerWheel::current()) wheel->arm(farewell_, farewell_time);
    });
    ws_.read_message_max(max_message_);
    ws_.control_callback([this](ws::frame_type kind, beast::string_view payload) { on_control(kind, payload); });
  }

  Task<Result<void>> handshake(LinkOptions const& options, Deadline deadline) {
    if (options.compression) {
      ws::permessage_deflate deflate;
      deflate.client_enable = true;
      ws_.set_option(deflate);
    }
    std::string offered;
    for (auto const& one : options.subprotocols) offered += (offered.empty() ? "" : ", ") + one;
    ws_.set_option(ws::stream_base::decorator([headers = options.headers, offered](ws::request_type& request) {
      request.set(http::field::user_agent, "Patchbay");
      for (auto const& [name, value] : headers) request.set(name, value);
      if (!offered.empty()) request.set(http::field::sec_websocket_protocol, offered);
    }));
    bool expired = false;
    Timer limit{[this, &expired] {
      expired = true;
      wire().close();
    }};
    if (auto* wheel = TimerWheel::current(); wheel != nullptr && deadline.exists()) wheel->arm_at(limit, deadline.at());
    ws::response_type response;
    auto [error] = co_await ws_.async_handshake(response, options.host, options.target, use_task_tuple);
    limit.disarm();
    if (expired)
      co_return Error{Code::deadline_exceeded, "the server did not complete the WebSocket handshake within the time"};
    if (error) co_return refused(error, response);
    std::string chosen{response[http::field::sec_websocket_protocol]};
    if (!chosen.empty() &&
        std::find(options.subprotocols.begin(), options.subprotocols.end(), chosen) == options.subprotocols.end())
      co_return Error{Code::upstream_failed,
                      fmt::format("the server chose the subprotocol \"{}\", which was not offered", cleaned(chosen))};
    subprotocol_ = std::move(chosen);
    note_compression(response[http::field::sec_websocket_extensions]);
    co_return Result<void>{};
  }

  Task<bool> read(Message& out) override {
    std::size_t pieces = 0;
    do {
      auto [error, n] = co_await ws_.async_read_some(buffer_, 0, use_task_tuple);
      if (error) {
        if (error == asio::error::operation_aborted && wire().usable()) {
          note({Code::cancelled, "lost", "reading was cancelled", 0, true});
          co_return false;
        }
        note_end(error);
        wire().close();
        co_return false;
      }
      heard_ += n + 1;
      if (++pieces > most_fragments && buffer_.size() / pieces < 64) {
        drop({Code::upstream_failed, "flood", "the other side cuts its messages into too many fragments"});
        co_return false;
      }
    } while (!ws_.is_message_done());
    auto const bytes = buffer_.cdata();
    out.data.assign(static_cast<char const*>(bytes.data()), bytes.size());
    out.text = ws_.got_text();
    buffer_.consume(buffer_.size());
    if (buffer_.capacity() > 1'048'576) buffer_.shrink_to_fit();
    co_return true;
  }

  void send_text(std::string_view a, std::string_view b) override { send(0x81, a, b); }
  void send_binary(std::string_view data) override { send(0x82, data, {}); }
  void send_ping(std::string_view payload) override { wire().append(0x89, payload); }

  void start_close(std::uint16_t code, std::string_view reason) override {
    if (!wire().usable()) return;
    note({Code::connection_lost, "closed", "the connection was closed here", code});
    ws::close_reason why{static_cast<ws::close_code>(code)};
    why.reason.assign(reason.data(), std::min<std::size_t>(reason.size(), 123));
    ws_.async_close(why, [self = shared_from_this()](ErrorCode) { self->wire().close(); });
  }
  void send_farewell(std::uint16_t code, std::string_view reason) override {
    note({Code::connection_lost, "closed", "the connection was closed here", code});
    std::string payload{static_cast<char>(code >> 8), static_cast<char>(code & 0xFF)};
    payload += reason;
    wire().append(0x88, payload);
  }
  void drop(End end) override {
    note(std::move(end));
    wire().close();
  }

  bool usable() const override { return wire().usable(); }
  std::size_t queued() const override { return wire().queued(); }
  std::string const& subprotocol() const override { return subprotocol_; }
  End const& end() const override { return end_; }
  std::uint64_t heard() const override { return heard_; }
  void on_pong(std::function<void(std::string_view)> callback) override { pong_ = std::move(callback); }
  void on_broken(std::function<void()> callback) override { wire().on_broken(std::move(callback)); }

 private:
  Wire& wire() { return ws_.next_layer(); }
  Wire const& wire() const { return ws_.next_layer(); }

  void send(std::uint8_t first_byte, std::string_view a, std::string_view b) {
    if (!deflater_ || a.size() + b.size() < compress_from) return wire().append(first_byte, a, b);
    // Without context from one message to the next, which a client may always choose (RFC 7692, 7.1.1.2).
    std::string whole;
    whole.reserve(a.size() + b.size());
    whole.append(a).append(b);
    deflater_->reset(6, window_bits_, 8, beast::zlib::Strategy::normal);
    std::string packed(deflater_->upper_bound(whole.size()) + 64, '\0');
    beast::zlib::z_params params;
    params.next_in = whole.data();
    params.avail_in = whole.size();
    params.next_out = packed.data();
    params.avail_out = packed.size();
    ErrorCode error;
    deflater_->write(params, beast::zlib::Flush::sync, error);
    // A sync flush ends with an empty stored block, which does not travel.
    if ((error && error != beast::zlib::error::need_buffers) || params.avail_in > 0 || params.total_out < 4)
      return wire().append(first_byte, a, b);
    wire().append(first_byte | 0x40U, std::string_view{packed.data(), params.total_out - 4});
  }

  void note_compression(beast::string_view extensions) {
    if (extensions.find("permessage-deflate") == beast::string_view::npos) return;
    constexpr std::string_view bits = "client_max_window_bits=";
    if (auto const at = extensions.find(bits.data()); at != beast::string_view::npos) {
      auto const* first = extensions.data() + at + bits.size();
      if (*first == '"') ++first;
      std::from_chars(first, extensions.data() + extensions.size(), window_bits_);
    }
    // Smaller windows than the library can make: we send uncompressed, which is always allowed.
    if (window_bits_ >= 9 && window_bits_ <= 15) deflater_.emplace();
  }

  static Error refused(ErrorCode const& error, ws::response_type const& response) {
    if (error == asio::error::operation_aborted) return Error{Code::cancelled, "the handshake was cancelled"};
    if (error == ws::error::upgrade_declined) {
      auto const status = response.result_int();
      auto message = fmt::format("the server answered {} {} instead of 101 Switching Protocols", status,
                                 cleaned({response.reason().data(), response.reason().size()}));
      if (status == 401 || status == 403) return Error{Code::auth_failed, std::move(message)};
      if (status >= 500 || status == 429) return Error{Code::connect_failed, std::move(message)};
      return Error{Code::upstream_failed, std::move(message)};
    }
    if (error.category() == make_error_code(ws::error::closed).category() ||
        error.category() == make_error_code(http::error::end_of_stream).category()) {
      if (error == http::error::end_of_stream || error == http::error::partial_message)
        return Error{Code::connect_failed, "the server closed the connection during the WebSocket handshake"};
      return Error{Code::upstream_failed, "this is no WebSocket server: " + plain(error)};
    }
    return Error{Code::connect_failed, "the connection broke during the WebSocket handshake: " + plain(error)};
  }

  void on_control(ws::frame_type kind, beast::string_view payload) {
    ++heard_;
    if (kind == ws::frame_type::pong) {
      if (pong_) pong_({payload.data(), payload.size()});
      return;
    }
    if (kind != ws::frame_type::ping) return;
    auto const now = std::chrono::steady_clock::now();
    if (now - second_began_ > 1s) {
      second_began_ = now;
      pings_ = 0;
    }
    if (++pings_ > pings_a_second)
      drop({Code::upstream_failed, "flood",
            fmt::format("the other side sent more than {} pings in a second", pings_a_second)});
  }

  void note(End end) {
    if (ended_) return;
    ended_ = true;
    end_ = std::move(end);
  }
  void note_end(ErrorCode const& error) {
    if (ended_) return;
    if (error == ws::error::closed) {
      auto const& why = ws_.reason();
      auto const text = cleaned({why.reason.data(), why.reason.size()});
      auto message = fmt::format("the other side closed the connection with code {}", why.code);
      if (!text.empty()) message += ": " + text;
      return note({Code::connection_lost, "closed", std::move(message), why.code});
    }
    if (error == ws::error::message_too_big || error == ws::error::buffer_overflow)
      return note({Code::too_large, "too_large",
                   fmt::format("the other side sent a message of more than {} bytes", max_message_)});
    if (error == ws::condition::protocol_violation ||
        error.category() == make_error_code(beast::zlib::error::general).category())
      return note({Code::upstream_failed, "protocol", "the other side broke the protocol: " + plain(error)});
    if (error == asio::error::operation_aborted)
      return note({Code::connection_lost, "lost", "the connection was given up"});
    note({Code::connection_lost, "lost", "the connection broke: " + plain(error)});
  }

  ws::stream<Wire> ws_;
  std::size_t const max_message_;
  beast::flat_buffer buffer_;
  std::string subprotocol_;
  std::optional<beast::zlib::deflate_stream> deflater_;
  int window_bits_ = 15;
  std::function<void(std::string_view)> pong_;
  std::uint64_t heard_ = 0;
  std::size_t pings_ = 0;
  SteadyTime second_began_{};
  bool ended_ = false;
  End end_;
  Timer farewell_{[this] { wire().close(); }};
};

}  // namespace

Task<Result<std::shared_ptr<Link>>> Link::open(std::unique_ptr<Stream> stream, LinkOptions options, Deadline deadline) {
  auto link = std::make_shared<BeastLink>(std::move(stream), options);
  link->prepare();
  auto done = co_await link->handshake(options, deadline);
  if (!done) co_return done.error();
  co_return std::static_pointer_cast<Link>(link);
}

}  // namespace patchbay::websocket
