// A ServerSocket with TLS: what a client sends arrives, what is written arrives whole and in order however slowly it is
// read, and what is not TLS is refused.
#include "core/runtime/server_socket.hpp"

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <filesystem>
#include <fstream>

namespace patchbay {
namespace {

using ErrorCode = boost::system::error_code;
using Tcp = ServerSocket::Tcp;
using Acceptor = asio::basic_socket_acceptor<asio::ip::tcp, Executor>;

class Folder {
 public:
  Folder() {
    char name[] = "/tmp/patchbay-tls-XXXXXX";
    path_ = ::mkdtemp(name);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string file(std::string_view name) const { return path_ + "/" + std::string{name}; }

 private:
  std::string path_;
};

// A self-signed certificate and its key.
void write_identity(std::string const& certificate, std::string const& key) {
  auto* const pair = EVP_EC_gen("P-256");
  auto* const x509 = X509_new();
  X509_set_version(x509, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x509), 1);
  X509_gmtime_adj(X509_getm_notBefore(x509), 0);
  X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
  X509_set_pubkey(x509, pair);
  auto* const name = X509_get_subject_name(x509);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<unsigned char const*>("localhost"), -1, -1, 0);
  X509_set_issuer_name(x509, name);
  X509_sign(x509, pair, EVP_sha256());
  auto* file = std::fopen(certificate.c_str(), "w");
  PEM_write_X509(file, x509);
  std::fclose(file);
  file = std::fopen(key.c_str(), "w");
  PEM_write_PrivateKey(file, pair, nullptr, nullptr, 0, nullptr, nullptr);
  std::fclose(file);
  X509_free(x509);
  EVP_PKEY_free(pair);
}

class ServerSocketTls : public testing::Test {
 protected:
  void SetUp() override {
    write_identity(folder_.file("cert.pem"), folder_.file("key.pem"));
    auto made = TlsServer::load({.certificate = folder_.file("cert.pem"), .key = folder_.file("key.pem")});
    ASSERT_TRUE(made.has_value()) << made.error().message;
    server_ = *made;
  }
  // Both ends of a connection.
  std::pair<Tcp, Tcp> connected() {
    Acceptor acceptor{context_.get_executor(), asio::ip::tcp::endpoint{asio::ip::address_v4::loopback(), 0}};
    Tcp client{context_.get_executor()};
    client.connect(acceptor.local_endpoint());
    Tcp served{context_.get_executor()};
    acceptor.accept(served);
    return {std::move(served), std::move(client)};
  }

  Folder folder_;
  TlsServerPtr server_;
  asio::io_context context_{1};
  asio::ssl::context client_context_{asio::ssl::context::tls_client};
};

// Answers everything with itself, however little the kernel takes at a time.
struct Echo {
  explicit Echo(ServerSocket socket_) : socket(std::move(socket_)) {}
  void read() {
    socket.async_read_some(asio::buffer(buffer), [this](ErrorCode error, std::size_t count) {
      if (error) {
        ended = error;
        return socket.close();
      }
      out.append(buffer.data(), count);
      write();
    });
  }
  void write() {
    ErrorCode error;
    sent += socket.write_some(asio::const_buffer{out.data() + sent, out.size() - sent}, error);
    if (error == asio::error::would_block) {
      ++waits;
      return socket.async_wait_write([this](ErrorCode failure) { failure ? socket.close() : write(); });
    }
    ASSERT_FALSE(error) << error.message();
    ASSERT_FALSE(socket.pending());
    if (sent == out.size()) {
      out.clear();
      sent = 0;
    }
    read();
  }

  ServerSocket socket;
  std::array<char, 8192> buffer{};
  std::string out;
  std::size_t sent = 0, waits = 0;
  ErrorCode ended;
};

Task<void> send_all(asio::ssl::stream<Tcp>& stream, std::string const& bytes) {
  co_await asio::async_write(stream, asio::buffer(bytes), use_task);
}

Task<void> exchange(asio::ssl::stream<Tcp>& stream, std::string const& bytes, std::string& got) {
  co_await stream.async_handshake(asio::ssl::stream_base::client, use_task);
  auto sending = send_all(stream, bytes);
  asio::co_spawn(stream.get_executor(), std::move(sending), asio::detached);
  std::array<char, 5000> buffer{};
  auto const space = asio::buffer(buffer);
  while (got.size() < bytes.size()) got.append(buffer.data(), co_await stream.async_read_some(space, use_task));
  static_cast<void>(co_await stream.async_shutdown(use_task_tuple));
}

TEST_F(ServerSocketTls, EchoesMegabytesInOrder) {
  auto [served, client] = connected();
  served.set_option(asio::socket_base::send_buffer_size{8192});
  Echo echo{ServerSocket{std::move(served), server_}};
  asio::ssl::stream<Tcp> stream{std::move(client), client_context_};
  std::string bytes;
  for (int i = 0; bytes.size() < 3'000'000; ++i) bytes += std::to_string(i) + ",";
  std::string got;
  echo.read();
  std::exception_ptr failure;
  asio::co_spawn(context_, exchange(stream, bytes, got), [&](std::exception_ptr error) { failure = error; });
  context_.run_for(std::chrono::seconds{30});
  EXPECT_EQ(failure, nullptr);
  EXPECT_EQ(got.size(), bytes.size());
  EXPECT_TRUE(got == bytes);
  EXPECT_GT(echo.waits, 0U) << "the kernel never said to wait: the test shows less than it should";
  EXPECT_EQ(echo.ended, asio::error::eof) << echo.ended.message();
}

TEST_F(ServerSocketTls, RefusesWhatIsNotTls) {
  auto [served, client] = connected();
  Echo echo{ServerSocket{std::move(served), server_}};
  echo.read();
  asio::write(client, asio::buffer(std::string{"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"}));
  context_.run_for(std::chrono::seconds{10});
  EXPECT_EQ(echo.ended, asio::error::invalid_argument) << echo.ended.message();
}

TEST_F(ServerSocketTls, AClientThatIsCutOffIsAnError) {
  auto [served, client] = connected();
  Echo echo{ServerSocket{std::move(served), server_}};
  echo.read();
  client.close();
  context_.run_for(std::chrono::seconds{10});
  EXPECT_TRUE(echo.ended);
  EXPECT_FALSE(echo.socket.is_open());
}

TEST(ServerSocketPlain, GathersAndTellsWhenTheKernelIsFull) {
  asio::io_context context{1};
  Acceptor acceptor{context.get_executor(), asio::ip::tcp::endpoint{asio::ip::address_v4::loopback(), 0}};
  Tcp client{context.get_executor()}, served{context.get_executor()};
  client.connect(acceptor.local_endpoint());
  acceptor.accept(served);
  ServerSocket socket{std::move(served)};
  std::string const a = "one,", b = "two,", c(100'000, 'x');
  std::array const pieces{asio::const_buffer{a.data(), a.size()}, asio::const_buffer{b.data(), b.size()}};
  ErrorCode error;
  EXPECT_EQ(socket.write_some(pieces, error), 8U);
  std::array<char, 8> got{};
  asio::read(client, asio::buffer(got));
  EXPECT_EQ(std::string_view(got.data(), got.size()), "one,two,");
  for (int i = 0; i < 10'000 && !error; ++i) socket.write_some(asio::const_buffer{c.data(), c.size()}, error);
  EXPECT_EQ(error, asio::error::would_block);
  EXPECT_FALSE(socket.pending());
}

struct Wrong {
  char const* name;
  char const *certificate, *key, *client_ca;
  char const* message;
};
void PrintTo(Wrong const& row, std::ostream* out) { *out << row.name; }
class TlsServerRefuses : public testing::TestWithParam<Wrong> {};
TEST_P(TlsServerRefuses, SayingWhichFileIsWrong) {
  Folder folder;
  write_identity(folder.file("cert.pem"), folder.file("key.pem"));
  write_identity(folder.file("other.pem"), folder.file("other.key"));
  std::ofstream{folder.file("garbage.pem")} << "no certificate\n";
  auto const& row = GetParam();
  auto const at = [&](char const* name) { return *name == '\0' ? std::string{} : folder.file(name); };
  auto const made =
      TlsServer::load({.certificate = at(row.certificate), .key = at(row.key), .client_ca = at(row.client_ca)});
  ASSERT_TRUE(made.has_error());
  EXPECT_EQ(made.error().code, Code::invalid_argument);
  EXPECT_NE(made.error().message.find(row.message), std::string::npos) << made.error().message;
}
INSTANTIATE_TEST_SUITE_P(
    Table, TlsServerRefuses,
    testing::Values(Wrong{"missing", "none.pem", "key.pem", "", "server.tls.certificate: "},
                    Wrong{"garbage", "garbage.pem", "key.pem", "", "server.tls.certificate: "},
                    Wrong{"no_key", "cert.pem", "garbage.pem", "", "server.tls.key: "},
                    Wrong{"other_key", "cert.pem", "other.key", "", "does not belong to the certificate"},
                    Wrong{"no_ca", "cert.pem", "key.pem", "garbage.pem", "server.tls.client_ca: "}),
    [](auto const& row) { return std::string{row.param.name}; });

}  // namespace
}  // namespace patchbay
