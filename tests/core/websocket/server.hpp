// A server for the tests of the WebSocket client: each connection gets a thread and runs the test's own script with
// plain blocking calls.
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <thread>

namespace patchbay::websocket::test {

namespace net = boost::asio;
namespace beast = boost::beast;
using tcp = net::ip::tcp;

// Calls script(socket) for each connection; exceptions of the network end the script.
class RawServer {
 public:
  explicit RawServer(std::function<void(tcp::socket&)> script) : script_(std::move(script)) {
    acceptor_.open(tcp::v4());
    acceptor_.set_option(net::socket_base::reuse_address{true});
    acceptor_.bind({net::ip::address_v4::loopback(), 0});
    acceptor_.listen();
    port_ = acceptor_.local_endpoint().port();
    thread_ = std::thread{[this] { accept(); }};
  }
  ~RawServer() {
    stopping_ = true;
    boost::system::error_code ignored;
    ::shutdown(acceptor_.native_handle(), SHUT_RDWR);
    thread_.join();
    {
      std::lock_guard lock{mutex_};
      for (auto& one : connections_) one.cut();
    }
    for (auto& one : connections_) one.thread.join();
    acceptor_.close(ignored);
  }
  RawServer(RawServer const&) = delete;
  RawServer& operator=(RawServer const&) = delete;

  std::uint16_t port() const { return port_; }
  std::string url(std::string const& path = "/") const { return "ws://127.0.0.1:" + std::to_string(port_) + path; }
  int accepted() const { return accepted_; }
  // Breaks every connection there is, without a farewell.
  void break_all() {
    std::lock_guard lock{mutex_};
    for (auto& one : connections_) one.cut();
  }

 private:
  struct Connection {
    explicit Connection(tcp::socket s) : socket(std::move(s)), descriptor(::dup(socket.native_handle())) {}
    ~Connection() { ::close(descriptor); }
    void cut() { ::shutdown(descriptor, SHUT_RDWR); }
    tcp::socket socket;
    int const descriptor;  // for other threads than the script's, which may close its own
    std::thread thread;
  };
  void accept() {
    while (!stopping_) {
      boost::system::error_code error;
      tcp::socket socket{context_};
      acceptor_.accept(socket, error);
      if (error) return;
      ++accepted_;
      socket.set_option(tcp::no_delay{true}, error);
      std::lock_guard lock{mutex_};
      auto& one = connections_.emplace_back(std::move(socket));
      one.thread = std::thread{[this, &one] {
        try {
          script_(one.socket);
        } catch (std::exception const&) {  // the client went away
        }
        one.cut();
      }};
    }
  }

  std::function<void(tcp::socket&)> script_;
  net::io_context context_;
  tcp::acceptor acceptor_{context_};
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<int> accepted_{0};
  std::mutex mutex_;
  std::list<Connection> connections_;
  std::thread thread_;
};

// The same with the handshake done.
class Peer {
 public:
  explicit Peer(tcp::socket& socket) : ws(socket) {}
  std::string read() {
    beast::flat_buffer buffer;
    ws.read(buffer);
    return {static_cast<char const*>(buffer.data().data()), buffer.size()};
  }
  void write(std::string_view text) {
    ws.text(true);
    ws.write(net::buffer(text));
  }
  beast::websocket::stream<tcp::socket&> ws;
};
class Server : public RawServer {
 public:
  explicit Server(std::function<void(Peer&)> script)
      : RawServer([script = std::move(script)](tcp::socket& socket) {
          Peer peer{socket};
          beast::websocket::permessage_deflate deflate;
          deflate.server_enable = true;
          peer.ws.set_option(deflate);
          peer.ws.accept();
          script(peer);
        }) {}
};

}  // namespace patchbay::websocket::test
