#include "core/hub/session.hpp"

#include <spdlog/fmt/fmt.h>
#include <sys/random.h>

#include <boost/asio/post.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <boost/intrusive/list.hpp>
#include <cstring>

#include "core/hub/dialects/conversation.hpp"
#include "core/hub/hub_shard.hpp"
#include "core/hub/wire.hpp"

namespace patchbay::hub {
namespace {

namespace beast = boost::beast;
namespace ws = beast::websocket;
namespace http = beast::http;

constexpr std::size_t first_memory = 1024;  // of a message that does not fit into the small buffer

std::string new_id() {
  std::array<unsigned char, 16> bytes{};
  if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
    throw std::runtime_error("the kernel gives no random bytes");
  bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0FU) | 0x40U);
  bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3FU) | 0x80U);
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  out.reserve(36);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out += '-';
    out += digits[bytes[i] >> 4];
    out += digits[bytes[i] & 0x0FU];
  }
  return out;
}

// Most connections name nothing in their path: they share one object. A token is not kept.
std::shared_ptr<Endpoint const> kept(Endpoint endpoint) {
  static auto const plain = std::make_shared<Endpoint const>();
  if (endpoint.dialect == Dialect::channel && endpoint.channel.empty()) return plain;
  endpoint.token = {};
  return std::make_shared<Endpoint const>(std::move(endpoint));
}

// The sessions of one io_context.
class SessionList final : public asio::execution_context::service {
 public:
  static asio::execution_context::id id;
  explicit SessionList(asio::execution_context& context) : asio::execution_context::service(context) {}
  boost::intrusive::list<Session> all;

 private:
  void shutdown() override {}
};
asio::execution_context::id SessionList::id;

// How large a window we may use for a client that has negotiated permessage-deflate; 0: it has not.
int window_bits_of(std::string_view extensions) {
  if (extensions.find("permessage-deflate") == std::string_view::npos) return 0;
  constexpr std::string_view key = "server_max_window_bits=";
  auto const at = extensions.find(key);
  if (at == std::string_view::npos) return 15;
  int bits = 0;
  for (char c : extensions.substr(at + key.size(), 2))
    if (c >= '0' && c <= '9') bits = bits * 10 + (c - '0');
  return bits >= 9 && bits <= 15 ? bits : 9;
}

}  // namespace

struct Session::Stream {
  explicit Stream(Session& session) : ws(Wire{session}) {}
  ws::stream<Wire> ws;
};

// --- life

std::shared_ptr<Session> Session::start(HubShard& hub, Handshake handshake, Make make) {
  auto session = std::make_shared<Session>(Private{}, hub, std::move(handshake), make);
  session->accept();
  return session;
}

Session::Session(Private, HubShard& hub, Handshake handshake, Make make)
    : hub_(hub),
      outbox_(std::move(handshake.socket), *this),
      extra_(std::make_unique<Extra>()),
      make_(make != nullptr ? make : &make_conversation),
      id_(new_id()),
      endpoint_(kept(std::move(handshake.endpoint))),
      peer_(std::move(handshake.peer)),
      ticket_(std::move(handshake.ticket)),
      ledger_(std::move(handshake.ledger)),
      forwarded_(handshake.forwarded),
      timer_([this] { on_timer(); }) {
  extra_->early = std::move(handshake.early);
  extra_->key = std::move(handshake.key);
  extra_->extensions = std::move(handshake.extensions);
  extra_->subprotocol = handshake.subprotocol;
  extra_->began = handshake.began;
  who_ = std::move(handshake.who);
  expires_ = handshake.expires;
  since_ = hub.clock().wall();
  last_seen_ = hub.clock().now();
  asio::use_service<SessionList>(outbox_.socket().get_executor().context()).all.push_back(*this);
}

Session::~Session() {
  auto& list = asio::use_service<SessionList>(outbox_.socket().get_executor().context()).all;
  list.erase(list.iterator_to(*this));
}

void Session::abort_all(Shard& shard) {
  std::vector<std::shared_ptr<Session>> sessions;
  for (auto& one : asio::use_service<SessionList>(shard.context()).all)
    if (auto session = one.weak_from_this().lock()) sessions.push_back(std::move(session));
  for (auto& session : sessions) session->abort();
}

void Session::accept() {
  ErrorCode ignored;
  auto& tcp = outbox_.socket().tcp();
  if (!tcp.non_blocking()) tcp.non_blocking(true, ignored);
  stream_ = std::make_unique<Stream>(*this);
  auto& stream = stream_->ws;
  auto const& settings = *hub_.settings();
  stream.auto_fragment(false);
  stream.read_message_max(message_limit());
  ws::permessage_deflate deflate;
  // Nothing is inflated for those who have not said who they are.
  deflate.server_enable = who_ != nullptr && (settings.deflate || is_echo());
  deflate.server_no_context_takeover = true;
  stream.set_option(deflate);
  stream.set_option(ws::stream_base::decorator([this](ws::response_type& answer) {
    answer.set(http::field::server, "patchbay");
    if (extra_->subprotocol) answer.set(http::field::sec_websocket_protocol, "patchbay");
    auto const extensions = answer[http::field::sec_websocket_extensions];
    if (auto const bits = window_bits_of({extensions.data(), extensions.size()}); bits > 0)
      outbox_.deflate_window(std::size_t{1} << bits);
  }));
  http::request<http::empty_body> request{http::verb::get, "/", 11};
  request.set(http::field::host, "here");
  request.set(http::field::connection, "upgrade");
  request.set(http::field::upgrade, "websocket");
  request.set(http::field::sec_websocket_version, "13");
  request.set(http::field::sec_websocket_key, extra_->key);
  if (!extra_->extensions.empty()) request.set(http::field::sec_websocket_extensions, extra_->extensions);
  stream.async_accept(request, [self = shared_from_this()](ErrorCode error) { self->on_accepted(error); });
}

void Session::on_accepted(ErrorCode error) {
  if (phase_ == Phase::gone) return;
  if (error) return abort();
  stream_->ws.set_option(ws::stream_base::decorator([](ws::response_type&) {}));
  open();
}

void Session::open() {
  phase_ = Phase::open;
  auto const now = hub_.clock().now();
  auto const& settings = *hub_.settings();
  last_seen_ = now;
  outbox_.limit(is_echo() ? static_cast<std::size_t>(settings.queue_bytes + settings.echo_message_bytes)
                          : static_cast<std::size_t>(settings.queue_bytes));
  set_expiry(now);
  if (!who_) deadline_ = now + std::chrono::milliseconds{settings.authentication_ms};
  hub_.enter(*this);
  conversation_ = make_(*this);
  conversation_->opened();
  hub_.counters().welcomed(hub_.clock().now() - extra_->began);
  extra_->key = {};
  extra_->extensions = {};
  if (extra_->early.empty()) extra_.reset();
  read();
  schedule();
}

void Session::end_conversation() {
  if (!conversation_ || ending_) return;
  ending_ = true;
  conversation_->closed();
  conversation_.reset();
  hub_.leave(*this);
}

void Session::close(std::uint16_t code, std::string_view reason) {
  if (phase_ != Phase::open) return;
  discarding_ = true;
  outbox_.close(close_frame(code, reason), false);
  begin_closing();
}

// Our close frame is in the queue, whoever put it there.
void Session::begin_closing() {
  if (phase_ != Phase::open) return;
  phase_ = Phase::closing;
  deadline_ = SteadyTime::max();
  // Not from within: whoever closes may be going through the members of a channel, or be the conversation itself.
  asio::post(outbox_.socket().get_executor(), [self = shared_from_this()] {
    self->end_conversation();
    self->read();
    self->schedule();
  });
}

// Both sides have said goodbye, or the other one does not know how to.
void Session::begin_parting() {
  discarding_ = said_goodbye_ = true;
  finish();
}

void Session::finish() {
  if (!said_goodbye_ || half_closed_ || !outbox_.empty() || phase_ != Phase::closing) return;
  half_closed_ = true;
  // Behind a close frame nothing comes that a hard end could hurt. Who was refused for what it sent has more under way,
  // and would lose our farewell: its end is waited for.
  if (saw_close_ && walk_.remaining() == 0)
    return asio::post(outbox_.socket().get_executor(), [self = shared_from_this()] { self->abort(); });
  outbox_.socket().shutdown_send();
}

void Session::abort() {
  if (phase_ == Phase::gone) return;
  auto const self = shared_from_this();
  phase_ = Phase::gone;
  timer_.disarm();
  outbox_.abandon();
  outbox_.socket().close();
  end_conversation();
  tell_figures();
  paused_.reset();
}

// --- reading

std::size_t Session::message_limit() const {
  auto const& settings = *hub_.settings();
  if (is_echo()) return static_cast<std::size_t>(settings.echo_message_bytes);
  if (!who_) return static_cast<std::size_t>(settings.unauthenticated_bytes);
  return static_cast<std::size_t>(endpoint_->dialect == Dialect::channel ? settings.message_bytes
                                                                         : settings.user_message_bytes);
}

void Session::new_message_limit() { stream_->ws.read_message_max(message_limit()); }

std::size_t Session::take_early(asio::mutable_buffer into) {
  if (!extra_ || extra_->early.empty()) return 0;
  auto& early = extra_->early;
  auto const count = std::min(into.size(), early.size() - extra_->early_at);
  std::memcpy(into.data(), early.data() + extra_->early_at, count);
  extra_->early_at += count;
  if (extra_->early_at == early.size()) {
    early = {};
    extra_->early_at = 0;
  }
  return count;
}

bool Session::inspect(std::string_view bytes) {
  last_seen_ = hub_.clock().now();
  bytes_in_ += bytes.size();
  auto const seen = walk_.pass(bytes);
  if (unanswered_ > 0) {
    if (seen.pongs > 0) round_trip_ = last_seen_ - pinged_at_;
    unanswered_ = 0;
  }
  if (seen.close) said_goodbye_ = saw_close_ = true;
  if (discarding_) {
    finish();
    return false;
  }
  if (is_echo()) return true;
  auto const& settings = *hub_.settings();
  if (seen.most_fragments > static_cast<std::uint64_t>(settings.fragments)) {
    close(close_code::policy, fmt::format("a message may have {} fragments", settings.fragments));
  } else if (seen.pings > 0) {
    count_in_second();
    pings_ += seen.pings;
    if (pings_ > static_cast<std::uint64_t>(settings.pings_per_second))
      close(close_code::policy, fmt::format("more than {} pings a second", settings.pings_per_second));
  }
  return !discarding_;
}

void Session::count_in_second() {
  if (last_seen_ - second_ < std::chrono::seconds{1}) return;
  second_ = last_seen_;
  pings_ = pongs_ = 0;
}

void Session::read() {
  if (reading_ || phase_ == Phase::gone || phase_ == Phase::handshake) return;
  // Who does not take its echoes sends no more of them: resumed in on_flushed().
  if (is_echo() && phase_ == Phase::open && congested()) {
    paused_ = shared_from_this();  // no read holds it meanwhile
    return;
  }
  auto const held = std::move(paused_);
  auto into = asio::mutable_buffer{small_.data(), small_.size()};
  if (partial_) {
    auto const most = message_limit() + 1;
    if (held_ == message_.size())
      message_.resize(std::min(most, std::max({first_memory, held_ * 2, held_ + small_.size()})));
    hold_memory();
    into = asio::mutable_buffer{message_.data() + held_, message_.size() - held_};
    if (into.size() == 0) into = asio::mutable_buffer{small_.data(), small_.size()};  // Beast will say: too big
  }
  reading_ = true;
  stream_->ws.async_read_some(
      into, [self = shared_from_this()](ErrorCode error, std::size_t count) { self->on_read(error, count); });
}

void Session::on_read(ErrorCode error, std::size_t count) {
  reading_ = false;
  if (phase_ == Phase::gone) return;
  if (error) {
    outbox_.flush(hub_.clock().now());
    return abort();
  }
  if (phase_ == Phase::open) take(count);
  read();
}

void Session::take(std::size_t count) {
  auto const binary = stream_->ws.got_binary();
  if (binary && !is_echo()) return close(close_code::unsupported_data, "messages are JSON text, not binary");
  auto const done = stream_->ws.is_message_done();
  if (!partial_) {
    if (done) return dispatch({small_.data(), count}, binary);
    partial_ = true;
    held_ = count;
    message_.assign(small_.data(), count);
    return;
  }
  held_ += count;
  if (!done) return;
  partial_ = false;
  // The memory goes before the next read is begun, and stays for as long as the message is looked at.
  auto const message = std::move(message_);
  message_ = {};
  dispatch(std::string_view{message}.substr(0, held_), binary);
  hold_memory();
}

void Session::dispatch(std::string_view message, bool binary) {
  ++messages_in_;
  hub_.counters().received(1, bytes_in_ - told_in_);
  told_in_ = bytes_in_;
  if (is_echo() || within_rate()) conversation_->received(message, binary);
}

// Every message moves the time until which its share is used up; more than two seconds ahead is too much.
bool Session::within_rate() {
  auto const rate = hub_.settings()->commands_per_second;
  auto const share = std::chrono::nanoseconds{std::chrono::seconds{1}} / rate;
  constexpr auto burst = std::chrono::seconds{2};
  used_until_ = std::max(used_until_, last_seen_);
  if (used_until_ - last_seen_ < burst) {
    used_until_ += share;
    return true;
  }
  auto const first = refused_until_ < last_seen_;
  refused_until_ = std::max(refused_until_, last_seen_) + share;
  if (refused_until_ - last_seen_ >= burst) {
    close(close_code::policy, fmt::format("more than {} messages a second", rate));
  } else if (first || last_seen_ - refused_at_ >= std::chrono::seconds{1}) {
    refused_at_ = last_seen_;
    conversation_->refused(Error{Code::rate_limited,
                                 fmt::format("more than {} messages a second: this one and those "
                                             "that follow at once are dropped",
                                             rate),
                                 "", 1000});
  }
  return false;
}

}  // namespace patchbay::hub
