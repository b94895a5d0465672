// AddressLedger: how many bytes of unfinished requests and messages and of unread answers we hold for each client
// address, so that one of them cannot fill the memory with many connections.
//
//   AddressLedger::Hold hold{ledger};
//   if (!hold.set(address, bytes)) refuse();          // nothing changed
//
// Shared by all shards under one lock, which only connections take that hold more than an ordinary request needs.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <map>
#include <mutex>

namespace patchbay {

class AddressLedger {
 public:
  class Hold {
   public:
    explicit Hold(AddressLedger& ledger) : ledger_(ledger) {}
    ~Hold() { clear(); }
    Hold(Hold const&) = delete;
    Hold& operator=(Hold const&) = delete;

    // Holds this many bytes from now on; false (and as before) when that is more than the address may have.
    bool set(boost::asio::ip::address const& address, std::size_t bytes) {
      if (bytes == bytes_ && (bytes == 0 || address == address_)) return true;
      if (!ledger_.move(address_, bytes_, address, bytes)) return false;
      address_ = address;
      bytes_ = bytes;
      return true;
    }
    void clear() { set(address_, 0); }
    std::size_t bytes() const { return bytes_; }

   private:
    AddressLedger& ledger_;
    boost::asio::ip::address address_;
    std::size_t bytes_ = 0;
  };

  explicit AddressLedger(std::size_t limit) : limit_(limit) {}
  void set_limit(std::size_t limit) {
    std::lock_guard lock{mutex_};
    limit_ = limit;
  }
  std::size_t total() const {
    std::lock_guard lock{mutex_};
    std::size_t sum = 0;
    for (auto const& [address, bytes] : held_) sum += bytes;
    return sum;
  }

 private:
  bool move(boost::asio::ip::address const& from, std::size_t old_bytes, boost::asio::ip::address const& to,
            std::size_t new_bytes) {
    std::lock_guard lock{mutex_};
    auto const found = held_.find(to);
    auto const other = found == held_.end() ? 0 : found->second - (from == to ? old_bytes : 0);
    if (new_bytes > old_bytes && other + new_bytes > limit_) return false;
    if (old_bytes > 0) {
      auto const at = held_.find(from);
      if ((at->second -= old_bytes) == 0) held_.erase(at);
    }
    if (new_bytes > 0) held_[to] += new_bytes;
    return true;
  }

  mutable std::mutex mutex_;
  std::map<boost::asio::ip::address, std::size_t> held_;
  std::size_t limit_;
};

}  // namespace patchbay
