// TlsServer: who we are towards clients that connect with TLS: certificate chain, key, and whose client certificates we
// ask for.
//
//   Result<TlsServerPtr> made = TlsServer::load({.certificate = "/etc/ssl/gw.pem", .key = "/etc/ssl/gw.key"});
//   ServerSocket socket{std::move(tcp), *made};
//
// Immutable; any thread. A renewed certificate is another TlsServer: connections keep the one they began with. TLS 1.2
// and later (RFC 8996), ALPN says http/1.1 (RFC 7301).
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "core/base/result.hpp"

namespace patchbay {

struct TlsServerFiles {
  std::string certificate;  // PEM, the chain from the leaf on
  std::string key;          // PEM, without a pass phrase
  std::string client_ca{};  // PEM; given: clients must show a certificate that one of these has signed
  friend bool operator==(TlsServerFiles const&, TlsServerFiles const&) = default;
};

class TlsServer;
using TlsServerPtr = std::shared_ptr<TlsServer const>;

class TlsServer {
 public:
  // Errors: invalid_argument, saying which file is wrong and how.
  static Result<TlsServerPtr> load(TlsServerFiles const& files);

  SSL_CTX* context() const { return context_.get(); }

 private:
  struct Free {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };
  std::unique_ptr<SSL_CTX, Free> context_;
};

}  // namespace patchbay
