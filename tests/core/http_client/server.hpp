// A small blocking HTTP server for tests: each connection runs a script of the test on a thread of its own, so that a
// test says byte by byte what the other side does.
//
//   Server server{[](Peer& peer) { while (peer.read_request()) peer.send(ok("hello")); }};
//   client.get(server.url("/x"));
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

struct ssl_ctx_st;
struct ssl_st;

namespace patchbay::http_client {

// A self-signed certificate for one name, with its key, as PEM.
struct Certificate {
  std::string certificate, key;
  static Certificate make(std::string const& name);
};

class Peer {
 public:
  Peer(int socket, ssl_st* tls) : socket_(socket), tls_(tls) {}
  // Head and body of the next request; nothing when the client has closed.
  std::optional<std::string> read_request();
  bool send(std::string_view text);
  // Returns when the client has closed its side.
  void wait_for_close();
  // Ends the connection now, without a TLS farewell; `reset`: with RST instead of FIN.
  void close(bool reset = false);

 private:
  long read_some(char* data, std::size_t size);
  int socket_;
  ssl_st* tls_;
  std::string buffer_;
};

class Server {
 public:
  using Script = std::function<void(Peer&)>;
  explicit Server(Script script, std::optional<Certificate> certificate = std::nullopt);
  ~Server();
  Server(Server const&) = delete;
  Server& operator=(Server const&) = delete;

  std::uint16_t port() const { return port_; }
  std::string url(std::string const& path, std::string const& host = "127.0.0.1") const;
  // Connections accepted so far, and most at one time.
  int accepted() const { return accepted_.load(); }
  int most_at_once() const { return most_.load(); }

 private:
  void accept_all();
  void serve(int socket);

  Script script_;
  std::shared_ptr<ssl_ctx_st> tls_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<int> accepted_{0}, open_{0}, most_{0};
  std::mutex mutex_;  // of the two below
  std::vector<int> sockets_;
  std::vector<std::thread> threads_;
  std::atomic<bool> stopping_{false};
  std::thread acceptor_;
};

std::string answer(int status, std::string const& body, std::string const& headers = "");
inline std::string ok(std::string const& body) { return answer(200, body); }

}  // namespace patchbay::http_client
