// The plain Beast server that the hub is held against: the library's own chat pattern, as its example has it. A
// tcp_stream with the suggested timeouts, one coroutine a connection, a queue of shared texts, one async_write a
// message, defaults untouched (so Nagle's algorithm is on).
//
//   beast_chat_server [--auto-fragment 0] [--no-delay 1]       prints `listening on http://127.0.0.1:PORT`
//
// It understands {"type":"subscribe"}, {"type":"publish","data":...} as the benchmark sends them; every other message
// comes back as it is.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/websocket.hpp>
#include <cstring>
#include <deque>
#include <iostream>
#include <memory>
#include <string>
#include <unordered_set>

namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
using asio::ip::tcp;
using Text = std::shared_ptr<std::string const>;
constexpr auto use_task = asio::use_awaitable;

bool auto_fragment = true, no_delay = false;

class Client : public std::enable_shared_from_this<Client> {
 public:
  Client(tcp::socket socket, std::unordered_set<std::shared_ptr<Client>>& room)
      : stream_(std::move(socket)), room_(room) {
    stream_.auto_fragment(auto_fragment);
  }

  asio::awaitable<void> run() {
    auto const self = shared_from_this();
    try {
      if (no_delay) stream_.next_layer().socket().set_option(tcp::no_delay{true});
      stream_.set_option(websocket::stream_base::timeout::suggested(beast::role_type::server));
      co_await stream_.async_accept(use_task);
      send(std::make_shared<std::string const>(R"({"type":"connected"})"));
      beast::flat_buffer buffer;
      for (;;) {
        co_await stream_.async_read(buffer, use_task);
        auto const bytes = buffer.cdata();
        take({static_cast<char const*>(bytes.data()), bytes.size()});
        buffer.consume(buffer.size());
      }
    } catch (std::exception const&) {
      room_.erase(self);
    }
  }

 private:
  void take(std::string_view message) {
    if (message.starts_with(R"({"type":"subscribe")")) {
      room_.insert(shared_from_this());
      return send(std::make_shared<std::string const>(R"({"type":"subscribed","channel":"bench"})"));
    }
    if (message.starts_with(R"({"type":"publish")")) {
      auto const data = message.find("\"data\":");
      auto const text = std::make_shared<std::string const>(R"({"type":"note","channel":"bench",)" +
                                                            std::string{message.substr(data)});
      for (auto const& one : room_) one->send(text);
      return send(std::make_shared<std::string const>(R"({"type":"published","channel":"bench"})"));
    }
    send(std::make_shared<std::string const>(message));
  }
  void send(Text text) {
    queue_.push_back(std::move(text));
    if (queue_.size() == 1) write();
  }
  void write() {
    stream_.async_write(asio::buffer(*queue_.front()),
                        [self = shared_from_this()](beast::error_code error, std::size_t) {
                          if (error) return;
                          self->queue_.pop_front();
                          if (!self->queue_.empty()) self->write();
                        });
  }

  websocket::stream<beast::tcp_stream> stream_;
  std::deque<Text> queue_;
  std::unordered_set<std::shared_ptr<Client>>& room_;
};

asio::awaitable<void> accept(tcp::acceptor& acceptor, std::unordered_set<std::shared_ptr<Client>>& room) {
  for (;;) {
    auto socket = co_await acceptor.async_accept(use_task);
    auto const client = std::make_shared<Client>(std::move(socket), room);
    asio::co_spawn(acceptor.get_executor(), client->run(), asio::detached);
  }
}

}  // namespace

int main(int argc, char** argv) {
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--auto-fragment") == 0) auto_fragment = std::atoi(argv[i + 1]) != 0;
    if (std::strcmp(argv[i], "--no-delay") == 0) no_delay = std::atoi(argv[i + 1]) != 0;
  }
  asio::io_context context{1};
  tcp::acceptor acceptor{context, {asio::ip::address_v4::loopback(), 0}};
  std::unordered_set<std::shared_ptr<Client>> room;
  std::cout << "listening on http://127.0.0.1:" << acceptor.local_endpoint().port() << std::endl;
  asio::signal_set signals{context, SIGTERM, SIGINT};
  signals.async_wait([&](beast::error_code, int) { context.stop(); });
  asio::co_spawn(context, accept(acceptor, room), asio::detached);
  context.run();
  std::_Exit(0);
}
