#include "core/runtime/server_socket.hpp"

#include <openssl/err.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cerrno>
#include <string>

namespace patchbay {
namespace {

using ErrorCode = boost::system::error_code;

constexpr std::size_t record_bytes = 16 << 10;  // the most that one TLS record carries (RFC 8446, 5.1)
constexpr std::size_t most_buffers = 64;

ErrorCode system_error() { return {errno, boost::system::system_category()}; }

// One piece by send(), which the kernel does faster.
ssize_t plain_write(int descriptor, std::span<asio::const_buffer const> buffers) {
  constexpr int flags = MSG_NOSIGNAL | MSG_DONTWAIT;
  if (buffers.size() == 1) return ::send(descriptor, buffers[0].data(), buffers[0].size(), flags);
  std::array<iovec, most_buffers> pieces;
  std::size_t count = 0;
  for (auto const& buffer : buffers.first(std::min(buffers.size(), pieces.size())))
    pieces[count++] = {const_cast<void*>(buffer.data()), buffer.size()};
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = count;
  return ::sendmsg(descriptor, &message, flags);
}

// OpenSSL's own socket BIO writes without MSG_NOSIGNAL: a client that has gone would end a host program by SIGPIPE.
int bio_write(BIO* bio, char const* data, std::size_t size, std::size_t* written) {
  int descriptor = -1;
  BIO_get_fd(bio, &descriptor);
  BIO_clear_retry_flags(bio);
  auto const count = ::send(descriptor, data, size, MSG_NOSIGNAL);
  if (count < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) BIO_set_retry_write(bio);
    return 0;
  }
  *written = static_cast<std::size_t>(count);
  return 1;
}

int bio_read(BIO* bio, char* data, std::size_t size, std::size_t* read) {
  int descriptor = -1;
  BIO_get_fd(bio, &descriptor);
  BIO_clear_retry_flags(bio);
  auto const count = ::recv(descriptor, data, size, 0);
  if (count < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) BIO_set_retry_read(bio);
    return 0;
  }
  if (count == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  *read = static_cast<std::size_t>(count);
  return count > 0 ? 1 : 0;
}

long bio_control(BIO* bio, int command, long number, void* pointer) {
  switch (command) {
    case BIO_C_SET_FD:
      BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(*static_cast<int*>(pointer))));
      BIO_set_init(bio, 1);
      return 1;
    case BIO_C_GET_FD: {
      auto const descriptor = static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio)));
      if (pointer != nullptr) *static_cast<int*>(pointer) = descriptor;
      return descriptor;
    }
    case BIO_CTRL_EOF: return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
    case BIO_CTRL_FLUSH:
    case BIO_CTRL_DUP: return 1;
    default: static_cast<void>(number); return 0;
  }
}

BIO_METHOD* socket_bio() {
  static BIO_METHOD* const method = [] {
    auto* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK | BIO_TYPE_DESCRIPTOR, "patchbay socket");
    BIO_meth_set_write_ex(made, bio_write);
    BIO_meth_set_read_ex(made, bio_read);
    BIO_meth_set_ctrl(made, bio_control);
    return made;
  }();
  return method;
}

}  // namespace

struct ServerSocket::Tls {
  Tls(TlsServerPtr server_, int descriptor) : server(std::move(server_)), ssl(SSL_new(server->context())) {
    auto* const bio = BIO_new(socket_bio());
    BIO_set_fd(bio, descriptor, BIO_NOCLOSE);
    SSL_set_bio(ssl, bio, bio);
    SSL_set_accept_state(ssl);
    SSL_set_mode(ssl, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  }
  ~Tls() { SSL_free(ssl); }
  Tls(Tls const&) = delete;
  Tls& operator=(Tls const&) = delete;

  // What a result of SSL_read or SSL_write means.
  ErrorCode error_of(int result) {
    auto const kind = SSL_get_error(ssl, result);
    wants_write = kind == SSL_ERROR_WANT_WRITE;
    ErrorCode error;
    switch (kind) {
      case SSL_ERROR_NONE: break;
      case SSL_ERROR_WANT_READ:
      case SSL_ERROR_WANT_WRITE: error = asio::error::would_block; break;
      case SSL_ERROR_ZERO_RETURN: error = asio::error::eof; break;
      case SSL_ERROR_SYSCALL:
        failed = true;
        error = asio::error::connection_reset;
        break;
      default:
        failed = true;
        error = asio::error::invalid_argument;  // not TLS, or not ours
        break;
    }
    ERR_clear_error();
    return error;
  }

  TlsServerPtr server;
  SSL* ssl;
  std::string pending;  // taken, not yet given to the kernel
  bool wants_write = false, failed = false;
};

ServerSocket::ServerSocket(Tcp socket, TlsServerPtr tls) : tcp_(std::move(socket)) {
  if (tls == nullptr) return;
  ErrorCode ignored;
  tcp_.non_blocking(true, ignored);
  tls_ = std::make_unique<Tls>(std::move(tls), tcp_.native_handle());
}
ServerSocket::~ServerSocket() = default;
ServerSocket::ServerSocket(ServerSocket&&) noexcept = default;

std::size_t ServerSocket::tls_read(asio::mutable_buffer buffer, ErrorCode& error) {
  if (!tcp_.is_open()) {
    error = asio::error::operation_aborted;
    return 0;
  }
  std::size_t count = 0;
  auto const result = SSL_read_ex(tls_->ssl, buffer.data(), buffer.size(), &count);
  error = result == 1 ? ErrorCode{} : tls_->error_of(result);
  return result == 1 ? count : 0;
}

bool ServerSocket::wants_write() const { return tls_ != nullptr && tls_->wants_write; }
bool ServerSocket::pending() const { return tls_ != nullptr && !tls_->pending.empty(); }

std::size_t ServerSocket::write_some(std::span<asio::const_buffer const> buffers, ErrorCode& error) {
  error.clear();
  if (tls_ == nullptr) {
    for (;;) {
      auto const sent = plain_write(tcp_.native_handle(), buffers);
      if (sent >= 0) return static_cast<std::size_t>(sent);
      if (errno == EINTR) continue;
      error = errno == EAGAIN ? ErrorCode{asio::error::would_block} : system_error();
      return 0;
    }
  }

  // Record by record: filled from the buffers, then encrypted. A record that waits is never changed.
  std::size_t taken = 0, skip = 0;
  auto next = buffers.begin();
  auto& pending = tls_->pending;
  for (;;) {
    if (pending.empty()) {
      while (next != buffers.end() && pending.size() < record_bytes) {
        auto const piece = std::min(next->size() - skip, record_bytes - pending.size());
        pending.append(static_cast<char const*>(next->data()) + skip, piece);
        taken += piece;
        skip += piece;
        if (skip == next->size()) {
          ++next;
          skip = 0;
        }
      }
      if (pending.empty()) return taken;
    }
    std::size_t count = 0;
    auto const result = SSL_write_ex(tls_->ssl, pending.data(), pending.size(), &count);
    if (result != 1) {
      error = tls_->error_of(result);
      return taken;
    }
    pending.erase(0, count);
    if (pending.empty() && pending.capacity() > record_bytes * 2) pending.shrink_to_fit();
  }
}

void ServerSocket::shutdown_send() {
  if (tls_ != nullptr && !tls_->failed) {
    SSL_shutdown(tls_->ssl);
    ERR_clear_error();
  }
  ErrorCode ignored;
  tcp_.shutdown(asio::socket_base::shutdown_send, ignored);
}

void ServerSocket::close() {
  // A farewell as far as the kernel takes it, so that the other side can tell an end from a cut (RFC 8446, 6.1).
  if (tls_ != nullptr && tcp_.is_open() && !tls_->failed && tls_->pending.empty() && SSL_is_init_finished(tls_->ssl)) {
    SSL_shutdown(tls_->ssl);
    ERR_clear_error();
  }
  ErrorCode ignored;
  tcp_.close(ignored);
}

}  // namespace patchbay
