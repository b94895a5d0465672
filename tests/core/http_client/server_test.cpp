// The test server itself; in a file of the test program, which takes *_test.cpp only.
#include "tests/core/http_client/server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <spdlog/fmt/fmt.h>
#include <sys/socket.h>
#include <unistd.h>

#include <stdexcept>

namespace patchbay::http_client {
namespace {

std::string drained(BIO* bio) {
  char* data = nullptr;
  auto const size = BIO_get_mem_data(bio, &data);
  std::string out{data, static_cast<std::size_t>(size)};
  BIO_free(bio);
  return out;
}

}  // namespace

Certificate Certificate::make(std::string const& name) {
  std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> const key{EVP_EC_gen("P-256"), EVP_PKEY_free};
  std::unique_ptr<X509, void (*)(X509*)> const made{X509_new(), X509_free};
  X509_set_version(made.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), 3600);
  X509_set_pubkey(made.get(), key.get());
  auto* const subject = X509_get_subject_name(made.get());
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<unsigned char const*>(name.c_str()), -1, -1,
                             0);
  X509_set_issuer_name(made.get(), subject);
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, made.get(), made.get(), nullptr, nullptr, 0);
  auto* const extension = X509V3_EXT_conf_nid(nullptr, &context, NID_subject_alt_name, ("DNS:" + name).c_str());
  X509_add_ext(made.get(), extension, -1);
  X509_EXTENSION_free(extension);
  X509_sign(made.get(), key.get(), EVP_sha256());
  Certificate out;
  auto* const certificate = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(certificate, made.get());
  out.certificate = drained(certificate);
  auto* const secret = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(secret, key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  out.key = drained(secret);
  return out;
}

long Peer::read_some(char* data, std::size_t size) {
  if (tls_ != nullptr) return SSL_read(tls_, data, static_cast<int>(size));
  return ::recv(socket_, data, size, 0);
}

std::optional<std::string> Peer::read_request() {
  std::array<char, 4096> piece;
  for (;;) {
    if (auto const end = buffer_.find("\r\n\r\n"); end != std::string::npos) {
      std::size_t length = 0;
      auto const at = buffer_.find("Content-Length: ");
      if (at < end) length = std::stoul(buffer_.substr(at + 16));
      if (auto const size = end + 4 + length; buffer_.size() >= size) {
        auto whole = buffer_.substr(0, size);
        buffer_.erase(0, size);
        return whole;
      }
    }
    auto const n = read_some(piece.data(), piece.size());
    if (n <= 0) return std::nullopt;
    buffer_.append(piece.data(), static_cast<std::size_t>(n));
  }
}

bool Peer::send(std::string_view text) {
  while (!text.empty()) {
    auto const n = tls_ != nullptr ? SSL_write(tls_, text.data(), static_cast<int>(text.size()))
                                   : ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL);
    if (n <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
  return true;
}

void Peer::wait_for_close() {
  std::array<char, 4096> piece;
  while (read_some(piece.data(), piece.size()) > 0) {
  }
}

void Peer::close(bool reset) {
  if (reset) {
    linger const now{1, 0};
    ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    ::close(::dup(socket_));
  }
  ::shutdown(socket_, SHUT_RDWR);
}

Server::Server(Script script, std::optional<Certificate> certificate) : script_(std::move(script)) {
  if (certificate) {
    tls_ = {SSL_CTX_new(TLS_server_method()), SSL_CTX_free};
    auto* const bio =
        BIO_new_mem_buf(certificate->certificate.data(), static_cast<int>(certificate->certificate.size()));
    auto* const one = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
    auto* const key_bio = BIO_new_mem_buf(certificate->key.data(), static_cast<int>(certificate->key.size()));
    auto* const key = PEM_read_bio_PrivateKey(key_bio, nullptr, nullptr, nullptr);
    SSL_CTX_use_certificate(tls_.get(), one);
    SSL_CTX_use_PrivateKey(tls_.get(), key);
    X509_free(one);
    EVP_PKEY_free(key);
    BIO_free(bio);
    BIO_free(key_bio);
  }
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(listener_, generic, size) != 0 || ::listen(listener_, 64) != 0 ||
      ::getsockname(listener_, generic, &size) != 0)
    throw std::runtime_error("no port to listen on");
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread{[this] { accept_all(); }};
}

Server::~Server() {
  stopping_ = true;
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  {
    std::lock_guard lock{mutex_};
    for (int socket : sockets_) ::shutdown(socket, SHUT_RDWR);
  }
  for (auto& thread : threads_) thread.join();
  for (int socket : sockets_) ::close(socket);
  ::close(listener_);
}

std::string Server::url(std::string const& path, std::string const& host) const {
  return fmt::format("{}://{}:{}{}", tls_ ? "https" : "http", host, port_, path);
}

void Server::accept_all() {
  while (!stopping_) {
    int const socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0) return;
    ++accepted_;
    std::lock_guard lock{mutex_};
    sockets_.push_back(socket);
    threads_.emplace_back([this, socket] { serve(socket); });
  }
}

void Server::serve(int socket) {
  // OpenSSL writes without MSG_NOSIGNAL; a client that hangs up is no reason to end the test program.
  sigset_t pipe;
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
  int const now = ++open_;
  for (int most = most_.load(); most < now && !most_.compare_exchange_weak(most, now);) {
  }
  std::unique_ptr<SSL, void (*)(SSL*)> tls{nullptr, SSL_free};
  bool usable = true;
  if (tls_) {
    tls.reset(SSL_new(tls_.get()));
    SSL_set_fd(tls.get(), socket);
    usable = SSL_accept(tls.get()) == 1;
  }
  if (usable) {
    Peer peer{socket, tls.get()};
    script_(peer);
  }
  ::shutdown(socket, SHUT_RDWR);
  --open_;
}

std::string answer(int status, std::string const& body, std::string const& headers) {
  return fmt::format("HTTP/1.1 {} Words\r\n{}Content-Length: {}\r\n\r\n{}", status, headers, body.size(), body);
}

}  // namespace patchbay::http_client
