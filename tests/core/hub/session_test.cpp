// Sessions over real connections, spoken to byte by byte: the handshake's answer, messages in pieces, limits, the two
// ways to part, time limits.
#include "core/hub/session.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <future>

#include "core/hub/hub.hpp"

namespace patchbay::hub {
namespace {

using asio::ip::tcp;
using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

std::string masked(unsigned first, std::string payload) {
  std::string out{static_cast<char>(first)};
  if (payload.size() < 126) {
    out += static_cast<char>(0x80U | payload.size());
  } else if (payload.size() < 65536) {
    out += static_cast<char>(0xFE);
    out += static_cast<char>(payload.size() >> 8);
    out += static_cast<char>(payload.size() & 0xFFU);
  } else {
    out += static_cast<char>(0xFF);
    for (int i = 7; i >= 0; --i) out += static_cast<char>((payload.size() >> (8 * i)) & 0xFFU);
  }
  constexpr std::string_view key = "\x12\x34\x56\x78";
  out += key;
  for (std::size_t i = 0; i < payload.size(); ++i) payload[i] = static_cast<char>(payload[i] ^ key[i % 4]);
  return out + payload;
}
std::string text(std::string payload) { return masked(0x81, std::move(payload)); }

struct Received {
  unsigned opcode = 0;  // 0: the connection has ended
  std::string payload;
  bool compressed = false;

  unsigned code() const {
    if (opcode != 8 || payload.size() < 2) return 0;
    return static_cast<unsigned char>(payload[0]) * 256U + static_cast<unsigned char>(payload[1]);
  }
  std::string reason() const { return payload.size() > 2 ? payload.substr(2) : ""; }
};

class Client {
 public:
  explicit Client(tcp::endpoint const& to) {
    socket_.connect(to);
    timeval const limit{10, 0};
    ::setsockopt(socket_.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  }
  // Errors show as the end when the answer is read: a server that refuses need not take everything.
  void send(std::string_view bytes) {
    boost::system::error_code ignored;
    asio::write(socket_, asio::buffer(bytes), ignored);
  }
  std::string read_head() {
    while (rest_.find("\r\n\r\n") == std::string::npos)
      if (!more()) return {};
    auto const end = rest_.find("\r\n\r\n") + 4;
    auto head = rest_.substr(0, end);
    rest_.erase(0, end);
    return head;
  }
  Received read() {
    while (rest_.size() < 2)
      if (!more()) return {};
    auto const second = static_cast<unsigned char>(rest_[1]);
    std::size_t head = second < 126 ? 2 : second == 126 ? 4 : 10, size = 0;
    while (rest_.size() < head)
      if (!more()) return {};
    if (second < 126) size = second;
    for (std::size_t i = 2; i < head; ++i) size = size * 256 + static_cast<unsigned char>(rest_[i]);
    while (rest_.size() < head + size)
      if (!more()) return {};
    auto const first = static_cast<unsigned char>(rest_[0]);
    Received out{first & 0x0FU, rest_.substr(head, size), (first & 0x40U) != 0};
    rest_.erase(0, head + size);
    return out;
  }
  bool has_ended() { return rest_.empty() && !more(); }
  void close() {
    boost::system::error_code ignored;
    socket_.close(ignored);
  }

 private:
  bool more() {
    char buffer[65536];
    auto const count = ::recv(socket_.native_handle(), buffer, sizeof buffer, 0);
    if (count <= 0) return false;
    rest_.append(buffer, static_cast<std::size_t>(count));
    return true;
  }
  asio::io_context context_;
  tcp::socket socket_{context_};
  std::string rest_;
};

struct Log {
  std::mutex mutex;
  std::vector<std::string> lines;
  std::promise<void> closed;
  void add(std::string line) {
    std::lock_guard lock{mutex};
    lines.push_back(std::move(line));
  }
  std::vector<std::string> all() {
    std::lock_guard lock{mutex};
    return lines;
  }
};
Log* current_log = nullptr;

// Answers "size" with the length; does what a message says.
class Obedient final : public Conversation {
 public:
  using Conversation::Conversation;
  void opened() override {
    current_log->add("opened");
    connection().send(text_frame("welcome"));
  }
  void received(std::string_view message, bool) override {
    current_log->add("received " + std::string{message.substr(0, 20)});
    if (message == "close") return connection().close(close_code::forbidden, "as you said");
    if (message == "become") return connection().become(std::make_unique<Obedient>(connection()));
    if (message == "identify")
      return connection().set_who(host_principal(), std::chrono::system_clock::now() - std::chrono::hours{1});
    if (message == "flood") {
      for (int i = 0; i < 100; ++i) connection().send(text_frame(std::string(100'000, 'f')));
      return;
    }
    connection().send(text_frame(std::to_string(message.size())));
  }
  void refused(Error const& why) override { connection().send(text_frame("refused: " + why.message)); }
  void direct(MessagePtr const&) override {}
  void draining(std::chrono::milliseconds) override {}
  void closed() override {
    current_log->add("closed");
    current_log->closed.set_value();
  }

 private:
  void deliver(Subscription&, MessagePtr const&) override {}
  void ended(Subscription&, Error const&) override {}
};
std::unique_ptr<Conversation> make_obedient(Connection& connection) { return std::make_unique<Obedient>(connection); }

class HubSession : public testing::Test {
 protected:
  HubSession() { current_log = &log; }
  ~HubSession() override {
    if (!hub) return;
    std::promise<void> done;
    runtime.shard(0).post([&] {
      Session::abort_all(runtime.shard(0));
      done.set_value();
    });
    done.get_future().wait();
    hub->stop();
    runtime.stop();
  }
  void begin() {
    if (hub) return;
    hub = std::make_unique<Hub>(runtime, caller, counters, null_log, settings);
    runtime.start();
    hub->start();
  }
  // A connection whose handshake has been handed over.
  std::unique_ptr<Client> connect(Dialect dialect = Dialect::channel, std::string extensions = {},
                                  std::string early = {}, bool known = true) {
    begin();
    auto client = std::make_unique<Client>(acceptor.local_endpoint());
    tcp::socket accepted{own};
    acceptor.accept(accepted);
    auto const descriptor = accepted.release();
    auto ticket = admission->admit("127.0.0.1", true, settings);
    auto handed = std::make_shared<Admission::Ticket>(std::move(*ticket));
    runtime.shard(0).post([this, descriptor, dialect, extensions, early, known, handed] {
      ServerSocket::Tcp tcp_socket{runtime.shard(0).executor(), tcp::v4(), descriptor};
      Handshake handshake{.socket = ServerSocket{std::move(tcp_socket)},
                          .early = early,
                          .key = "dGhlIHNhbXBsZSBub25jZQ==",
                          .extensions = extensions,
                          .subprotocol = true,
                          .endpoint = {.dialect = dialect, .user_id = {}, .token = "secret"},
                          .who = known ? host_principal() : nullptr,
                          .peer = "127.0.0.1",
                          .began = clock.now(),
                          .ticket = std::move(*handed)};
      Session::start(hub->shard(0), std::move(handshake), dialect == Dialect::echo ? nullptr : &make_obedient);
    });
    return client;
  }
  std::unique_ptr<Client> open(Dialect dialect = Dialect::channel, std::string extensions = {}, bool known = true) {
    auto client = connect(dialect, std::move(extensions), {}, known);
    EXPECT_THAT(client->read_head(), HasSubstr("101 Switching Protocols"));
    if (dialect != Dialect::echo) {
      EXPECT_EQ(client->read().payload, "welcome");
    }
    return client;
  }
  void wait_closed() { ASSERT_EQ(log.closed.get_future().wait_for(10s), std::future_status::ready); }
  void wait_for_no_sessions() {
    auto const until = clock.now() + 10s;
    while (admission->sessions() > 0 && clock.now() < until) std::this_thread::yield();
    EXPECT_EQ(admission->sessions(), 0U);
  }

  Log log;
  SystemClock clock;
  NullLog null_log;
  Counters counters;
  Settings settings;
  Runtime runtime{{.shards = 1}, clock, null_log};
  Caller caller{counters};
  std::unique_ptr<Hub> hub;
  std::shared_ptr<Admission> const admission = std::make_shared<Admission>();
  asio::io_context own;
  tcp::acceptor acceptor{own, tcp::endpoint{asio::ip::address_v4::loopback(), 0}};
};

TEST_F(HubSession, AnswersTheHandshake) {
  auto const client = connect();
  auto const head = client->read_head();
  EXPECT_THAT(head, HasSubstr("HTTP/1.1 101 "));
  EXPECT_THAT(head, HasSubstr("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
  EXPECT_THAT(head, HasSubstr("Sec-WebSocket-Protocol: patchbay\r\n"));
  EXPECT_THAT(head, HasSubstr("Server: patchbay\r\n"));
  EXPECT_THAT(head, Not(HasSubstr("secret")));
  EXPECT_EQ(client->read().payload, "welcome");
}

TEST_F(HubSession, WhatCameBehindTheHandshakeIsRead) {
  auto const whole = text("early");
  auto const client = connect(Dialect::channel, {}, whole + text("hello").substr(0, 4));
  client->read_head();
  EXPECT_EQ(client->read().payload, "welcome");
  EXPECT_EQ(client->read().payload, "5");
  client->send(text("hello").substr(4));
  EXPECT_EQ(client->read().payload, "5");
}

class HubSessionSizes : public HubSession, public testing::WithParamInterface<std::size_t> {};
TEST_P(HubSessionSizes, MessagesComeWhole) {
  auto const client = open(Dialect::user);
  auto const size = GetParam();
  auto const bytes = text(std::string(size, 'm'));
  client->send(bytes);
  EXPECT_EQ(client->read().payload, std::to_string(size));
  // In pieces, and two at once.
  auto const half = bytes.size() / 2;
  client->send(std::string_view{bytes}.substr(0, half));
  client->send(std::string{bytes.substr(half)} + bytes);
  EXPECT_EQ(client->read().payload, std::to_string(size));
  EXPECT_EQ(client->read().payload, std::to_string(size));
}
INSTANTIATE_TEST_SUITE_P(Around, HubSessionSizes,
                         testing::Values(0, 1, 125, 126, 255, 256, 257, 1536, 4096, 4353, 65536, 1'048'576));

TEST_F(HubSession, FragmentsAreOneMessage) {
  auto const client = open();
  client->send(masked(0x01, "ab") + masked(0x00, "") + masked(0x89, "p") + masked(0x00, std::string(300, 'c')) +
               masked(0x80, "d"));
  auto first = client->read();
  EXPECT_EQ(first.opcode, 10U);
  EXPECT_EQ(first.payload, "p");
  EXPECT_EQ(client->read().payload, "303");
}

struct RefusalRow {
  char const* name;
  std::string bytes;
  unsigned code;
};
void PrintTo(RefusalRow const& row, std::ostream* out) { *out << row.name; }
class HubSessionRefuses : public HubSession, public testing::WithParamInterface<RefusalRow> {};
TEST_P(HubSessionRefuses, WithItsCode) {
  settings.fragments = 3;
  settings.pings_per_second = 5;
  auto const client = open();
  client->send(GetParam().bytes);
  auto last = client->read();
  while (last.opcode != 8 && last.opcode != 0) last = client->read();
  EXPECT_EQ(last.code(), GetParam().code) << last.reason();
  client->send(masked(0x88, "\x03\xe8"));
  EXPECT_TRUE(client->has_ended());
  wait_closed();
}
std::string repeated(std::string const& one, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += one;
  return out;
}
INSTANTIATE_TEST_SUITE_P(
    Table, HubSessionRefuses,
    testing::Values(RefusalRow{"binary", masked(0x82, "\x01\x02"), 1003},
                    RefusalRow{"too_big", text(std::string(65537, 'x')), 1009},
                    RefusalRow{"too_big_by_its_head", std::string{"\x81\xff\x00\x00\x00\x7f\x00\x00\x00\x00mask", 14},
                               1009},
                    RefusalRow{"too_big_in_fragments",
                               masked(0x01, std::string(40000, 'x')) + masked(0x80, std::string(40000, 'x')), 1009},
                    RefusalRow{"fragments", masked(0x01, "a") + repeated(masked(0x00, ""), 3), 1008},
                    RefusalRow{"pings", repeated(masked(0x89, ""), 6), 1008},
                    RefusalRow{"not_masked", std::string{"\x81\x02hi"}, 1002},
                    RefusalRow{"reserved_bit", masked(0xC1, "hi"), 1002},
                    RefusalRow{"reserved_opcode", masked(0x83, "hi"), 1002},
                    RefusalRow{"long_ping", masked(0x89, std::string(126, 'p')), 1002},
                    RefusalRow{"ping_in_fragments", masked(0x09, "p"), 1002},
                    RefusalRow{"continuation_of_nothing", masked(0x80, "x"), 1002},
                    RefusalRow{"message_within_a_message", masked(0x01, "a") + text("b"), 1002},
                    RefusalRow{"bad_utf8", text("\xff\xfe"), 1007}, RefusalRow{"cut_utf8", text("\xe2\x82"), 1007},
                    RefusalRow{"close_code_that_is_none", masked(0x88, "\x03\xec"), 1002},
                    RefusalRow{"close_with_one_byte", masked(0x88, "\x03"), 1002}),
    [](auto const& row) { return std::string{row.param.name}; });

TEST_F(HubSession, WithinTheLimitsNothingHappens) {
  settings.fragments = 3;
  settings.pings_per_second = 5;
  auto const client = open();
  client->send(masked(0x01, "a") + masked(0x00, "b") + masked(0x80, "c"));
  EXPECT_EQ(client->read().payload, "3");
  client->send(repeated(masked(0x89, "x"), 5));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(client->read().opcode, 10U);
  client->send(text(std::string(65536, 'x')));
  EXPECT_EQ(client->read().payload, "65536");
}

TEST_F(HubSession, PongsBeyondTenASecondAreFolded) {
  auto const client = open();
  std::string pings;
  for (int i = 0; i < 60; ++i) pings += masked(0x89, std::to_string(i));
  client->send(pings + text("and now"));
  std::vector<std::string> pongs;
  for (auto got = client->read(); got.opcode == 10; got = client->read()) pongs.push_back(got.payload);
  EXPECT_EQ(pongs.size(), 10U);
  EXPECT_EQ(client->read().payload, "59") << "the newest is answered when the second is over";
}

TEST_F(HubSession, ACloseIsAnsweredAndTheConnectionEnds) {
  auto const client = open();
  client->send(masked(0x88, "\x0b\xb8gone"));
  EXPECT_EQ(client->read().code(), 3000U);
  EXPECT_TRUE(client->has_ended());
  wait_closed();
  wait_for_no_sessions();
  EXPECT_THAT(log.all(), testing::ElementsAre("opened", "closed"));
}

TEST_F(HubSession, AfterItsOwnCloseNothingIsListenedTo) {
  auto const client = open();
  client->send(text("close") + text("more") + text(std::string(100'000, 'm')));
  auto const farewell = client->read();
  EXPECT_EQ(farewell.code(), 3003U);
  EXPECT_EQ(farewell.reason(), "as you said");
  client->send(text("still more") + masked(0x88, "\x0b\xbb"));
  EXPECT_TRUE(client->has_ended());
  wait_for_no_sessions();
  EXPECT_THAT(log.all(), testing::ElementsAre("opened", "received close", "closed"));
}

TEST_F(HubSession, AnUnansweredCloseEndsTheConnection) {
  settings.close_ms = 100;
  auto const client = open();
  client->send(text("close"));
  EXPECT_EQ(client->read().code(), 3003U);
  EXPECT_TRUE(client->has_ended());
  wait_for_no_sessions();
}

TEST_F(HubSession, AConnectionThatIsCutIsNoticed) {
  auto const client = open();
  client->close();
  wait_closed();
  wait_for_no_sessions();
}

TEST_F(HubSession, AnotherConversationTakesThePlaceOfTheFirst) {
  auto const client = open();
  client->send(text("become"));
  EXPECT_EQ(client->read().payload, "welcome");
  client->send(text("four"));
  EXPECT_EQ(client->read().payload, "4");
  client->send(text("close"));
  EXPECT_EQ(client->read().code(), 3003U);
  wait_closed();
  EXPECT_THAT(log.all(),
              testing::ElementsAre("opened", "received become", "opened", "received four", "received close", "closed"));
}

TEST_F(HubSession, WhoSaysNothingAboutItselfIsClosed) {
  settings.authentication_ms = 100;
  auto const client = open(Dialect::channel, {}, false);
  EXPECT_EQ(client->read().code(), 3000U);
}

TEST_F(HubSession, BeforeAuthenticationMessagesAreSmall) {
  {
    auto const client = open(Dialect::channel, {}, false);
    client->send(text(std::string(4096, 'x')));
    EXPECT_EQ(client->read().payload, "4096");
    client->send(text(std::string(4097, 'x')));
    EXPECT_EQ(client->read().code(), 1009U);
  }
  wait_for_no_sessions();
}

TEST_F(HubSession, AnExpiredTokenMustBeRenewedInTime) {
  settings.renewal_ms = 200;
  auto const client = open(Dialect::channel, {}, false);
  client->send(text("identify"));
  EXPECT_EQ(client->read().code(), 3000U);
}

TEST_F(HubSession, CommandsBeyondTheBurstAreRefusedAndThenTheConnectionEnds) {
  settings.commands_per_second = 50;
  auto const client = open();
  std::string bytes;
  for (int i = 0; i < 600; ++i) bytes += text("c");
  client->send(bytes);
  int served = 0, refused = 0;
  auto got = client->read();
  for (; got.opcode == 1; got = client->read()) (got.payload == "1" ? served : refused) += 1;
  EXPECT_EQ(got.code(), 1008U);
  EXPECT_GE(served, 100);
  EXPECT_LE(served, 200);
  EXPECT_GE(refused, 1);
  EXPECT_LE(refused, 5) << "told once a second at most";
}

TEST_F(HubSession, WhoDoesNotReadIsClosedAsASlowConsumer) {
  settings.queue_bytes = 1 << 20;
  auto const client = open();
  client->send(text("flood"));
  Received last;
  int frames = 0;
  for (last = client->read(); last.opcode == 1; last = client->read()) ++frames;
  EXPECT_EQ(last.code(), 1013U);
  EXPECT_EQ(last.reason(), "slow consumer");
  EXPECT_LT(frames, 100);
  wait_closed();
}

TEST_F(HubSession, SilentUserConnectionsArePinged) {
  settings.heartbeat = 100ms;
  auto const client = open(Dialect::user);
  EXPECT_EQ(client->read().opcode, 9U);
  client->send(masked(0x8a, ""));
  EXPECT_EQ(client->read().opcode, 9U) << "an answered one is followed by another";
  EXPECT_EQ(client->read().opcode, 9U);
  EXPECT_EQ(client->read().code(), 3008U) << "two unanswered are enough";
}

TEST_F(HubSession, EchoGivesBackTextAndBinary) {
  settings.echo = true;
  auto const client = open(Dialect::echo);
  client->send(text("gr\xc3\xbc\xc3\x9f"));
  auto got = client->read();
  EXPECT_EQ(got.opcode, 1U);
  EXPECT_EQ(got.payload, "gr\xc3\xbc\xc3\x9f");
  std::string bytes(300'000, '\xff');
  client->send(masked(0x82, bytes));
  got = client->read();
  EXPECT_EQ(got.opcode, 2U);
  EXPECT_EQ(got.payload, bytes);
}

TEST_F(HubSession, CompressionIsNegotiatedWithoutServerContext) {
  settings.echo = true;
  auto const client = connect(Dialect::echo, "permessage-deflate; server_max_window_bits=10; client_max_window_bits");
  auto const head = client->read_head();
  EXPECT_THAT(head, HasSubstr("permessage-deflate"));
  EXPECT_THAT(head, HasSubstr("server_no_context_takeover"));
  EXPECT_THAT(head, HasSubstr("server_max_window_bits=10"));
  auto const message = std::string(5000, 'z');
  client->send(masked(0xC1, deflated_payload(message)));
  auto const got = client->read();
  EXPECT_TRUE(got.compressed);
  EXPECT_EQ(got.payload, deflated_payload(message, 10));
}

TEST_F(HubSession, WithoutTheSettingCompressionIsNotNegotiated) {
  auto const client = connect(Dialect::channel, "permessage-deflate");
  EXPECT_THAT(client->read_head(), Not(HasSubstr("permessage-deflate")));
}

TEST_F(HubSession, WhoHasNotAuthenticatedGetsNoCompression) {
  settings.deflate = true;
  auto const stranger = connect(Dialect::channel, "permessage-deflate", {}, false);
  EXPECT_THAT(stranger->read_head(), Not(HasSubstr("permessage-deflate")));
}

TEST_F(HubSession, ABombIsTooBig) {
  settings.deflate = true;
  auto const client = connect(Dialect::channel, "permessage-deflate");
  EXPECT_THAT(client->read_head(), HasSubstr("permessage-deflate"));
  client->read();
  client->send(masked(0xC1, deflated_payload(std::string(30'000'000, '\0'))));
  EXPECT_EQ(client->read().code(), 1009U);
}

TEST_F(HubSession, TheGatewaysEndLeavesNothingBehind) {
  auto const client = open();
  std::promise<void> done;
  runtime.shard(0).post([&] {
    Session::abort_all(runtime.shard(0));
    done.set_value();
  });
  done.get_future().wait();
  wait_closed();
  wait_for_no_sessions();
  EXPECT_TRUE(client->has_ended());
}

}  // namespace
}  // namespace patchbay::hub
