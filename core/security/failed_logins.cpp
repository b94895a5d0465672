#include "core/security/failed_logins.hpp"

#include <algorithm>
#include <boost/asio/ip/address.hpp>

namespace patchbay::security {

std::string FailedLogins::key_of(std::string_view peer) {
  boost::system::error_code error;
  auto const address = boost::asio::ip::make_address(std::string{peer.substr(0, 64)}, error);
  if (error) return std::string{peer.substr(0, 64)};
  if (address.is_v4()) return address.to_string();
  auto const v6 = address.to_v6();
  auto bytes = v6.to_bytes();
  if (v6.is_v4_mapped()) return boost::asio::ip::make_address_v4(boost::asio::ip::v4_mapped, v6).to_string();
  std::fill(bytes.begin() + 8, bytes.end(), static_cast<unsigned char>(0));
  return boost::asio::ip::address_v6{bytes}.to_string();
}

std::optional<std::chrono::milliseconds> FailedLogins::note(std::string_view peer, SteadyTime now, unsigned limit) {
  auto key = key_of(peer);
  std::lock_guard lock{mutex_};
  auto found = index_.find(key);
  if (found == index_.end()) {
    if (entries_.size() >= most) {
      index_.erase(entries_.front().key);
      entries_.pop_front();
    }
    entries_.push_back(Entry{std::move(key), now, 0});
    found = index_.emplace(entries_.back().key, std::prev(entries_.end())).first;
  }
  auto& entry = *found->second;
  if (now - entry.since >= window) {
    entry.since = now;
    entry.count = 0;
    entries_.splice(entries_.end(), entries_, found->second);
  }
  if (entry.count >= limit)
    return std::max(std::chrono::ceil<std::chrono::milliseconds>(entry.since + window - now),
                    std::chrono::milliseconds{1});
  ++entry.count;
  return std::nullopt;
}

std::size_t FailedLogins::watched(SteadyTime now) const {
  std::lock_guard lock{mutex_};
  return static_cast<std::size_t>(
      std::count_if(entries_.begin(), entries_.end(), [&](auto const& entry) { return now - entry.since < window; }));
}

}  // namespace patchbay::security
