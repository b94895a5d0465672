#include "core/runtime/tls_server.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509err.h>
#include <spdlog/fmt/fmt.h>

#include <cstring>

namespace patchbay {
namespace {

// The newest of OpenSSL's complaints; the queue is empty afterwards.
std::string reason() {
  auto const code = ERR_peek_last_error();
  ERR_clear_error();
  auto const* text = ERR_reason_error_string(code);
  return text == nullptr ? "it cannot be read" : text;
}

Error wrong(std::string_view key, std::string const& file) {
  return Error{Code::invalid_argument, fmt::format("server.tls.{}: {}: {}", key, file, reason())};
}

int no_pass_phrase(char*, int, int, void*) { return 0; }

int select_protocol(SSL*, unsigned char const** out, unsigned char* out_size, unsigned char const* in, unsigned in_size,
                    void*) {
  static constexpr unsigned char ours[] = "\x08http/1.1";
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, ours, sizeof ours - 1, in, in_size) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_NOACK;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace

Result<TlsServerPtr> TlsServer::load(TlsServerFiles const& files) {
  ERR_clear_error();
  auto made = std::make_shared<TlsServer>();
  made->context_.reset(SSL_CTX_new(TLS_server_method()));
  auto* const context = made->context();
  if (context == nullptr) return Error{Code::internal, "no TLS context: " + reason()};
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                   SSL_OP_IGNORE_UNEXPECTED_EOF);
  // Idle connections give their buffers back.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE);
  SSL_CTX_set_default_passwd_cb(context, no_pass_phrase);
  SSL_CTX_set_alpn_select_cb(context, select_protocol, nullptr);
  static constexpr unsigned char resumption[] = "patchbay";
  SSL_CTX_set_session_id_context(context, resumption, sizeof resumption - 1);

  if (SSL_CTX_use_certificate_chain_file(context, files.certificate.c_str()) != 1)
    return wrong("certificate", files.certificate);
  auto const loaded = SSL_CTX_use_PrivateKey_file(context, files.key.c_str(), SSL_FILETYPE_PEM) == 1;
  if (!loaded && ERR_GET_REASON(ERR_peek_last_error()) != X509_R_KEY_VALUES_MISMATCH) return wrong("key", files.key);
  if (!loaded || SSL_CTX_check_private_key(context) != 1)
    return Error{Code::invalid_argument,
                 fmt::format("server.tls.key: {} does not belong to the certificate {}", files.key, files.certificate)};
  if (!files.client_ca.empty()) {
    if (SSL_CTX_load_verify_locations(context, files.client_ca.c_str(), nullptr) != 1)
      return wrong("client_ca", files.client_ca);
    auto* names = SSL_load_client_CA_file(files.client_ca.c_str());
    if (names == nullptr) return wrong("client_ca", files.client_ca);
    SSL_CTX_set_client_CA_list(context, names);  // takes it over
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  return TlsServerPtr{std::move(made)};
}

}  // namespace patchbay
