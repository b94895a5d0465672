// The server that the gateway's request rate is held against: Beast's HTTP in coroutines in its plainest form. It reads
// a request, answers a fixed JSON text, and does nothing else: no timers, no routes, no JSON, no metrics.
//
//   beast_http_server 127.0.0.1 0 TEXT        prints "listening on http://127.0.0.1:PORT", answers TEXT
//
// One thread, so that it can be put on one core.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <string>

#include "core/base/task.hpp"

namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using patchbay::Executor;
using patchbay::Task;
using patchbay::use_task;
using patchbay::use_task_tuple;
using Socket = asio::basic_stream_socket<asio::ip::tcp, Executor>;
using Acceptor = asio::basic_socket_acceptor<asio::ip::tcp, Executor>;

Task<void> serve(Socket socket, std::string const& text) {
  socket.set_option(asio::ip::tcp::no_delay{true});
  boost::beast::flat_buffer buffer;
  for (;;) {
    http::request<http::string_body> request;
    auto [read_error, n] = co_await http::async_read(socket, buffer, request, use_task_tuple);
    if (read_error) break;
    http::response<http::string_body> response{http::status::ok, request.version()};
    response.set(http::field::content_type, "application/json");
    response.keep_alive(request.keep_alive());
    response.body() = text;
    response.prepare_payload();
    auto [write_error, written] = co_await http::async_write(socket, response, use_task_tuple);
    if (write_error || !response.keep_alive()) break;
  }
  boost::system::error_code ignored;
  socket.shutdown(Socket::shutdown_both, ignored);
}

Task<void> listen(Acceptor& acceptor, std::string const& text) {
  for (;;) {
    Socket socket = co_await acceptor.async_accept(use_task);
    asio::co_spawn(acceptor.get_executor(), serve(std::move(socket), text), asio::detached);
  }
}

}  // namespace

int main(int count, char** arguments) {
  std::uint16_t port = 0;
  char const* const digits = count > 2 ? arguments[2] : "0";
  if (count > 4 || std::from_chars(digits, digits + std::strlen(digits), port).ec != std::errc{}) {
    std::fprintf(stderr, "usage: beast_http_server [ADDRESS [PORT [TEXT]]]\n");
    return 2;
  }
  std::string const text = count > 3 ? arguments[3] : R"({"status":"success","data":{"text":"hello"}})";
  asio::io_context context{1};
  asio::ip::tcp::endpoint const endpoint{asio::ip::make_address(count > 1 ? arguments[1] : "127.0.0.1"), port};
  Acceptor acceptor{context, endpoint};
  std::printf("listening on http://%s:%u\n", endpoint.address().to_string().c_str(),
              static_cast<unsigned>(acceptor.local_endpoint().port()));
  std::fflush(stdout);
  asio::basic_signal_set<Executor> signals{context, SIGINT, SIGTERM};
  signals.async_wait([&](boost::system::error_code, int) { context.stop(); });
  asio::co_spawn(context, listen(acceptor, text), asio::detached);
  context.run();
}
