// Handshake: a WebSocket request that has passed all checks, with its connection, as the HTTP surface hands it to the
// hub. Admission: how many sessions there may be, in all, of one address, of one user.
//
//   auto ticket = admission->admit(address, is_loopback, *settings);      // unavailable, retry after: too many
//   Session::start(shard, Handshake{std::move(socket), ..., std::move(*ticket)});
//
// Admission is one for the process, under one lock that is taken when a session begins, ends, or gets to know its user;
// a Ticket gives its place back when it is destroyed. The Handshake is used up on the socket's own shard.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "core/base/call.hpp"
#include "core/base/result.hpp"
#include "core/hub/endpoint.hpp"
#include "core/hub/settings.hpp"
#include "core/runtime/address_ledger.hpp"
#include "core/runtime/server_socket.hpp"

namespace patchbay::hub {

class Admission : public std::enable_shared_from_this<Admission> {
 public:
  class Ticket {
   public:
    Ticket() = default;
    ~Ticket() { give_back(); }
    Ticket(Ticket&& other) noexcept { *this = std::move(other); }
    Ticket& operator=(Ticket&& other) noexcept;
    // The session is this user's from now on, which another was before or nobody. Errors: unavailable.
    Result<void> belongs_to(std::string const& user, Settings const& settings);

   private:
    friend class Admission;
    void give_back();
    std::shared_ptr<Admission> from_;
    std::string address_, user_;
    bool unlimited_ = false;  // loopback
  };

  // Errors: unavailable with a time to come back after. Any thread.
  Result<Ticket> admit(std::string address, bool loopback, Settings const& settings);
  std::size_t sessions() const;

 private:
  mutable std::mutex mutex_;
  std::int64_t sessions_ = 0;
  std::map<std::string, std::int64_t, std::less<>> addresses_, users_;
};

struct Handshake {
  ServerSocket socket;
  std::string early{};  // bytes that came behind the request's head
  std::string key{};    // Sec-WebSocket-Key, checked
  std::string extensions{};
  bool subprotocol = false;  // `patchbay` was offered
  Endpoint endpoint{};
  PrincipalPtr who{};  // null: the first message has to tell
  std::optional<WallTime> expires{};
  std::string peer{};
  bool forwarded = false;
  SteadyTime began{};                       // when the request was there
  std::shared_ptr<AddressLedger> ledger{};  // of the address's bytes; null: no limit
  Admission::Ticket ticket{};
};

}  // namespace patchbay::hub
