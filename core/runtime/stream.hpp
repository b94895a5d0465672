// Stream: one TCP connection, with TLS on it or without, behind one concrete class, so that what is built over it
// (Beast's HTTP and WebSocket code) is compiled once.
//
//   std::unique_ptr<Stream> stream = ...;                       // from connect(), connect.hpp
//   auto [error, n] = co_await stream->async_read_some(buffer, use_task_tuple);
//   stream->close();                                            // now; pending operations end with operation_aborted
//
// Lives on the shard that made it and is used there only. Owned by whoever asked for the connection. No timers inside:
// a time limit is a Timer of the shard's wheel that calls close().
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <memory>
#include <optional>

#include "core/base/task.hpp"

namespace patchbay {

class Stream {
 public:
  using executor_type = Executor;
  using Socket = asio::basic_stream_socket<asio::ip::tcp, Executor>;
  using Tls = asio::ssl::stream<Socket&>;

  explicit Stream(Executor executor) : socket_(executor) {}
  ~Stream() = default;
  Stream(Stream const&) = delete;
  Stream& operator=(Stream const&) = delete;

  Executor get_executor() { return socket_.get_executor(); }
  Socket& socket() { return socket_; }
  bool is_open() const { return socket_.is_open(); }
  // Null without TLS.
  Tls* tls() { return tls_ ? &*tls_ : nullptr; }
  // Puts TLS on the socket; the handshake is the caller's.
  Tls& start_tls(std::shared_ptr<asio::ssl::context> context) {
    context_ = std::move(context);
    return tls_.emplace(socket_, *context_);
  }
  // Ends the connection at once, without a farewell.
  void close() {
    boost::system::error_code ignored;
    socket_.close(ignored);
  }
  // True while the kernel has nothing to read: an idle connection on which the other side has neither sent nor closed.
  bool is_quiet();

  template <class Buffers, class Token>
  auto async_read_some(Buffers const& buffers, Token&& token) {
    return asio::async_initiate<Token, void(boost::system::error_code, std::size_t)>(
        [this](auto handler, Buffers const& b) {
          if (tls_)
            tls_->async_read_some(b, std::move(handler));
          else
            socket_.async_read_some(b, std::move(handler));
        },
        token, buffers);
  }
  template <class Buffers, class Token>
  auto async_write_some(Buffers const& buffers, Token&& token) {
    return asio::async_initiate<Token, void(boost::system::error_code, std::size_t)>(
        [this](auto handler, Buffers const& b) {
          if (tls_)
            tls_->async_write_some(b, std::move(handler));
          else
            socket_.async_write_some(b, std::move(handler));
        },
        token, buffers);
  }

 private:
  Socket socket_;
  std::shared_ptr<asio::ssl::context> context_;
  std::optional<Tls> tls_;
};

// Found by Beast when it gives a connection up.
inline void beast_close_socket(Stream& stream) { stream.close(); }

}  // namespace patchbay
