// The fixture's own parts; the tests are in the files beside it.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>

#include "tests/gateway/http_fixture.hpp"

namespace patchbay::http_test {

void PrintTo(HttpAnswer const& answer, std::ostream* out) { *out << answer.head << answer.body.substr(0, 500); }

Connection::Connection(std::uint16_t port, int receive_buffer) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
  timeval const limit{10, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  if (receive_buffer > 0) ::setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    throw std::runtime_error("cannot connect to the server under test");
}
Connection::~Connection() { ::close(socket_); }

bool Connection::send(std::string_view bytes) {
  while (!bytes.empty()) {
    auto const count = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}
void Connection::end_sending() { ::shutdown(socket_, SHUT_WR); }
void Connection::reset() {
  linger const at_once{1, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  ::close(socket_);
  socket_ = -1;
}

std::string Connection::read_some() {
  if (!rest_.empty()) return std::exchange(rest_, {});
  std::string bytes(65536, '\0');
  auto const count = ::recv(socket_, bytes.data(), bytes.size(), 0);
  bytes.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
  return bytes;
}
std::string Connection::read_to_end() {
  std::string all;
  for (;;) {
    auto piece = read_some();
    if (piece.empty()) return all;
    all += piece;
  }
}
std::string Connection::read_until(std::string_view mark) {
  std::string all;
  while (all.find(mark) == std::string::npos) {
    auto piece = read_some();
    if (piece.empty()) return all;
    all += piece;
  }
  auto const end = all.find(mark) + mark.size();
  rest_ = all.substr(end);
  return all.substr(0, end);
}
bool Connection::is_closed_by_peer() {
  std::string bytes(65536, '\0');
  for (;;) {
    auto const count = ::recv(socket_, bytes.data(), bytes.size(), 0);
    if (count == 0) return true;
    if (count < 0) return errno == ECONNRESET;
  }
}

HttpAnswer Connection::read_answer(bool is_head) {
  HttpAnswer answer;
  answer.head = read_until("\r\n\r\n");
  if (!answer.head.starts_with("HTTP/1.1 ") || !answer.head.ends_with("\r\n\r\n")) return answer;
  answer.status = std::stoi(answer.head.substr(9, 3));
  std::size_t at = answer.head.find("\r\n") + 2;
  while (at < answer.head.size() - 2) {
    auto const end = answer.head.find("\r\n", at);
    auto const colon = answer.head.find(": ", at);
    auto name = answer.head.substr(at, colon - at);
    for (char& c : name) c = static_cast<char>(std::tolower(c));
    answer.fields[name] = answer.head.substr(colon + 2, end - colon - 2);
    at = end + 2;
  }
  if (is_head || answer.status == 204 || answer.status == 304 || answer.status == 100) return answer;
  if (answer.has("content-length")) {
    auto const size = std::stoul(answer.field("content-length"));
    while (answer.body.size() < size) {
      auto piece = read_some();
      if (piece.empty()) break;
      answer.body += piece;
    }
    rest_ = answer.body.substr(std::min<std::size_t>(size, answer.body.size()));
    answer.body.resize(std::min<std::size_t>(size, answer.body.size()));
  } else if (answer.field("transfer-encoding") == "chunked") {
    for (;;) {
      auto const line = read_until("\r\n");
      if (line.size() < 3) return answer;
      auto const size = std::stoul(line, nullptr, 16);
      std::string chunk;
      while (chunk.size() < size + 2) {
        auto piece = read_some();
        if (piece.empty()) return answer;
        chunk += piece;
      }
      rest_ = chunk.substr(size + 2);
      answer.body += chunk.substr(0, size);
      if (size == 0) return answer;
    }
  } else {
    answer.body = read_to_end();
  }
  return answer;
}

OperationTable HttpFixture::table() {
  OperationTable table;
  auto const user = std::make_shared<Principal const>(Principal{.name = "token:user", .scopes = {"demo.say"}});
  auto const anonymous = std::make_shared<Principal const>(Principal{.name = "anonymous", .scopes = {"demo.say"}});
  table.add(security::authenticate,
            [this, user, anonymous](Call&, security::AuthenticateArgs args) -> Result<security::AuthenticateResult> {
              ++asked_who;
              if (args.header == "Bearer good") return security::AuthenticateResult{"token:user", {}, {}, user};
              if (!args.header.empty()) return Error{Code::unauthenticated, "this token is not known"};
              if (args.forwarded) return Error{Code::unauthenticated, "a token is needed behind a proxy"};
              return security::AuthenticateResult{"anonymous", {}, {}, anonymous};
            });
  table.add(security::check_origin, [](Call&, security::CheckOriginArgs args) {
    return security::CheckOriginResult{args.origin == "http://app.example:3000"};
  });
  table.add(say, [this](Call&, SayArgs args) -> Result<SayResult> {
    ++say_calls;
    if (args.text == "conflict") return Error{Code::conflict, "already said", "/text"};
    if (args.text == "busy") return Error{Code::rate_limited, "too often", "", 2500};
    SayResult out;
    for (int i = 0; i < args.times; ++i) out.text += args.text;
    return out;
  });
  // Counts however the handler ends: a cancellation between two waits makes the next one throw.
  struct Counted {
    Counted(HttpFixture& f, Call& c) : fixture(f), call(c) { ++fixture.running; }
    ~Counted() {
      if (call.stopped() != Stopped::no) ++fixture.cancelled;
      --fixture.running;
    }
    HttpFixture& fixture;
    Call& call;
  };
  table.add(wait, [this](Call& call, SayArgs args) -> Task<Result<SayResult>> {
    Counted const counted{*this, call};
    SteadyTimer timer{co_await asio::this_coro::executor};
    boost::system::error_code failed;
    while (!released && !failed) {
      timer.expires_after(std::chrono::milliseconds{5});
      auto [error] = co_await timer.async_wait(use_task_tuple);
      failed = error;
    }
    if (failed) {
      Error error{Code::internal, failed.message()};
      co_return error;
    }
    SayResult done{args.text};
    co_return done;
  });
  table.add(change, [](Call&, SayArgs args) { return SayResult{args.text}; });
  table.add(ticks, [this](Call& call, SayArgs args) -> Task<Result<SayResult>> {
    Counted const counted{*this, call};
    SayResult done{args.text};
    if (args.text == "fail") {
      Error failed{Code::connect_failed, "nobody there"};
      co_return failed;
    }
    auto& events = *call.events();
    SteadyTimer timer{co_await asio::this_coro::executor};
    for (int i = 0; i < args.times; ++i) {
      auto taken = events.emit("tick", "{\"n\": " + std::to_string(i) + ",\n\"text\":\"" + args.text + "\"}");
      if (taken == EventSink::Taken::gone) break;
      if (taken == EventSink::Taken::wait) {
        bool more = co_await events.ready();
        if (!more) break;
      }
    }
    if (args.text == "hold")
      while (!released && call.stopped() == Stopped::no) {
        timer.expires_after(std::chrono::milliseconds{5});
        co_await timer.async_wait(use_task_tuple);
      }
    auto const stopped = call.stopped() != Stopped::no;
    if (stopped || args.text == "break") {
      Error failed{Code::upstream_failed, "broken off"};
      co_return failed;
    }
    co_return done;
  });
  table.add(health, [](Call&, Nothing) { return Health{"ok"}; });
  table.add(metrics, [](Call&, Nothing) { return Raw{"text/plain; version=0.0.4", "up 1\n"}; });
  table.add(filter, [](Call&, FilterArgs args) { return args; });
  return table;
}

void HttpFixture::start(HttpSettings settings, unsigned shards) {
  settings.listen = {"127.0.0.1:0"};
  runtime = std::make_unique<Runtime>(Runtime::Options{.shards = shards, .blocking_threads = 1}, clock, log);
  caller.publish(table());
  runtime->start();
  server = std::make_unique<HttpServer>(*runtime, caller, counters, log, std::move(settings));
  auto const port = server->listen();
  ASSERT_TRUE(port.has_value()) << port.error().message;
  port_ = *port;
}

HttpFixture::~HttpFixture() {
  released = true;
  server.reset();
  if (runtime) runtime->stop();
}

std::string HttpFixture::request(std::string_view method, std::string_view path, std::string_view more_fields) {
  return std::string{method} + " " + std::string{path} + " HTTP/1.1\r\nHost: localhost\r\n" + std::string{more_fields} +
         "\r\n";
}
std::string HttpFixture::post_request(std::string_view path, std::string_view body, std::string_view more_fields) {
  return request("POST", path,
                 "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
                     std::string{more_fields}) +
         std::string{body};
}
HttpAnswer HttpFixture::ask(std::string_view request) {
  Connection connection{port_};
  connection.send(request);
  return connection.read_answer();
}
HttpAnswer HttpFixture::get(std::string_view path, std::string_view more_fields) {
  return ask(request("GET", path, more_fields));
}
HttpAnswer HttpFixture::post(std::string_view path, std::string_view body, std::string_view more_fields) {
  return ask(post_request(path, body, more_fields));
}
void HttpFixture::release() { released = true; }
void HttpFixture::wait_for_calls(int count) {
  auto const until = std::chrono::steady_clock::now() + std::chrono::seconds{10};
  while (running != count && std::chrono::steady_clock::now() < until) std::this_thread::yield();
  ASSERT_EQ(running, count);
}
double HttpFixture::counted(std::string_view family, std::string_view label) {
  double sum = 0;
  for (auto const& one : counters.sample()) {
    if (one.name != family) continue;
    for (auto const& series : one.series) {
      bool const wanted = label.empty() || std::any_of(series.labels.begin(), series.labels.end(),
                                                       [&](auto const& pair) { return pair.second == label; });
      if (wanted) sum += series.value;
    }
  }
  return sum;
}

}  // namespace patchbay::http_test
