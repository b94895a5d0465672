// ServerSocket: one accepted connection, with TLS on it or without, for code that reads by callback and writes without
// waiting: the HTTP sessions and the hub's outbox.
//
//   socket.async_read_some(buffer, [](boost::system::error_code error, std::size_t count) { ... });
//   auto count = socket.write_some(pieces, error);          // error would_block: async_wait_write(), then again
//
// With TLS the handshake happens in the first read. What write_some() has taken counts as sent: up to 16 KiB of it may
// still have to be encrypted again after would_block, which pending() tells; a later write_some(), also of nothing,
// goes on with it. Shard's thread only; owned by its session. Plain: no cost over the socket. TLS: OpenSSL's some 20 KB
// a connection, one copy of what is written.
#pragma once

#include <openssl/ssl.h>

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <memory>
#include <span>

#include "core/base/task.hpp"
#include "core/runtime/tls_server.hpp"

namespace patchbay {

class ServerSocket {
 public:
  using Tcp = asio::basic_stream_socket<asio::ip::tcp, Executor>;
  using ErrorCode = boost::system::error_code;

  explicit ServerSocket(Tcp socket, TlsServerPtr tls = nullptr);
  ~ServerSocket();
  ServerSocket(ServerSocket&&) noexcept;
  ServerSocket& operator=(ServerSocket&&) = delete;

  Executor get_executor() { return tcp_.get_executor(); }
  Tcp& tcp() { return tcp_; }
  bool is_open() const { return tcp_.is_open(); }
  bool has_tls() const { return tls_ != nullptr; }

  // void(ErrorCode, std::size_t); never called from within. An orderly end of the other side is eof.
  template <class Handler>
  void async_read_some(asio::mutable_buffer buffer, Handler handler) {
    if (tls_ == nullptr) return tcp_.async_read_some(buffer, std::move(handler));
    ErrorCode error;
    auto const count = tls_read(buffer, error);
    if (error == asio::error::would_block) return wait_and_read(buffer, std::move(handler));
    asio::post(get_executor(), [handler = std::move(handler), error, count]() mutable { handler(error, count); });
  }

  // Writes what the kernel takes now of all buffers, plain with one system call; gives how much was taken, which with
  // TLS can be something beside the error would_block.
  std::size_t write_some(std::span<asio::const_buffer const> buffers, ErrorCode& error);
  std::size_t write_some(asio::const_buffer buffer, ErrorCode& error) {
    return write_some(std::span{&buffer, 1}, error);
  }
  // Encrypted bytes, or such that are still to be, wait for the kernel: write_some() again when it is writable.
  bool pending() const;
  // void(ErrorCode)
  template <class Handler>
  void async_wait_write(Handler handler) {
    tcp_.async_wait(asio::socket_base::wait_write, std::move(handler));
  }
  // Says that nothing more will come; reading goes on.
  void shutdown_send();
  void close();

 private:
  struct Tls;
  std::size_t tls_read(asio::mutable_buffer buffer, ErrorCode& error);
  bool wants_write() const;
  template <class Handler>
  void wait_and_read(asio::mutable_buffer buffer, Handler handler) {
    auto const what = wants_write() ? asio::socket_base::wait_write : asio::socket_base::wait_read;
    tcp_.async_wait(what, [this, buffer, handler = std::move(handler)](ErrorCode error) mutable {
      std::size_t count = 0;
      if (!error) {
        count = tls_read(buffer, error);
        if (error == asio::error::would_block) return wait_and_read(buffer, std::move(handler));
      }
      handler(error, count);
    });
  }

  Tcp tcp_;
  std::unique_ptr<Tls> tls_;
};

}  // namespace patchbay
