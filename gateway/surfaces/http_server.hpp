// HttpServer: the listener and everything behind it: every operation at POST /{tool}, the routes that operations bring,
// event streams, the pages.
//
//   HttpServer server{runtime, caller, counters, log, {.listen = {"127.0.0.1:0"}, .version = "1.0"}};
//   auto port = server.listen();           // Result<std::uint16_t>; the kernel's choice where 0 was asked for
//   server.drain(7s);                      // nothing new; what runs may finish; then calls end `unavailable`
//   server.stop();                         // closes what is left and waits for it
//
// Needs a started Runtime, and must be stopped before that is. Each shard accepts and serves its own connections
// (http_session.hpp); who calls is asked of SECURITY.authenticate, foreign origins of SECURITY.check_origin. All
// functions are for the thread that owns the server, none of them for a shard's.
#pragma once

#include <memory>
#include <vector>

#include "core/base/caller.hpp"
#include "core/base/sinks.hpp"
#include "core/runtime/runtime.hpp"
#include "gateway/surfaces/http_settings.hpp"

namespace patchbay::hub {
class Hub;
}

namespace patchbay {

class HttpServer {
 public:
  // With a hub, which must outlive it, the paths below /ws/ are the hub's.
  HttpServer(Runtime& runtime, Caller& caller, Counters& counters, LogSink& log, HttpSettings settings,
             hub::Hub* hub = nullptr);
  ~HttpServer();  // stops
  HttpServer(HttpServer const&) = delete;
  HttpServer& operator=(HttpServer const&) = delete;

  // Binds all addresses and accepts; gives the first one's port. Errors: invalid_argument (an address, host or proxy
  // that cannot be read), conflict (address in use), unavailable (the kernel's other reasons). Nothing listens then.
  Result<std::uint16_t> listen();
  // "http://127.0.0.1:8765", one for each address; "https://..." with a certificate.
  std::vector<std::string> const& urls() const;

  // New settings for all that follows; the addresses stay. Also forgets cached credentials. Errors: as listen().
  Result<void> apply(HttpSettings settings);
  // Reads the files of settings.tls again, for the connections to come; they are also looked at every half minute, and
  // read again when they have been written. Errors: invalid_argument; the old certificate stays in use.
  Result<void> renew_certificate();
  // Principals and origins are asked of SECURITY anew: after its settings have changed.
  void forget_credentials();

  // Accepts nothing more, ends streams, answers what is under way and closes each connection after its answer. When
  // `patience` is over the calls that still run are stopped (`unavailable`). Returns when all connections are closed,
  // at the latest a second after that.
  void drain(std::chrono::milliseconds patience);
  // Closes everything at once, the hub's connections too, and waits for the ends of what runs. Idempotent.
  void stop();

  std::size_t connections() const;
  // Bytes of unfinished requests and unread answers that are held for all addresses.
  std::size_t held_bytes() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace patchbay
