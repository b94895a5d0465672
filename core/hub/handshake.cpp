#include "core/hub/handshake.hpp"

#include <spdlog/fmt/fmt.h>

namespace patchbay::hub {
namespace {

constexpr std::uint32_t come_back_ms = 1000;

void release(std::map<std::string, std::int64_t, std::less<>>& counts, std::string const& key) {
  if (key.empty()) return;
  auto const found = counts.find(key);
  if (found != counts.end() && --found->second <= 0) counts.erase(found);
}

}  // namespace

Result<Admission::Ticket> Admission::admit(std::string address, bool loopback, Settings const& settings) {
  std::lock_guard lock{mutex_};
  if (sessions_ >= settings.max_connections)
    return Error{Code::unavailable, fmt::format("more than {} WebSocket sessions", settings.max_connections), "",
                 come_back_ms};
  if (!loopback) {
    auto const found = addresses_.find(address);
    if (found != addresses_.end() && found->second >= settings.address_connections)
      return Error{Code::unavailable,
                   fmt::format("more than {} WebSocket sessions of one address", settings.address_connections), "",
                   come_back_ms};
    ++addresses_[address];
  }
  ++sessions_;
  Ticket ticket;
  ticket.from_ = shared_from_this();
  ticket.unlimited_ = loopback;
  if (!loopback) ticket.address_ = std::move(address);
  return ticket;
}

std::size_t Admission::sessions() const {
  std::lock_guard lock{mutex_};
  return static_cast<std::size_t>(sessions_);
}

Admission::Ticket& Admission::Ticket::operator=(Ticket&& other) noexcept {
  if (this == &other) return *this;
  give_back();
  from_ = std::move(other.from_);
  address_ = std::move(other.address_);
  user_ = std::move(other.user_);
  unlimited_ = other.unlimited_;
  other.from_.reset();
  return *this;
}

Result<void> Admission::Ticket::belongs_to(std::string const& user, Settings const& settings) {
  if (!from_ || unlimited_ || user == user_) return {};
  std::lock_guard lock{from_->mutex_};
  if (!user.empty()) {
    auto& count = from_->users_[user];
    if (count >= settings.user_connections)
      return Error{Code::unavailable,
                   fmt::format("more than {} WebSocket sessions of one user", settings.user_connections), "",
                   come_back_ms};
    ++count;
  }
  release(from_->users_, user_);
  user_ = user;
  return {};
}

void Admission::Ticket::give_back() {
  if (!from_) return;
  {
    std::lock_guard lock{from_->mutex_};
    --from_->sessions_;
    release(from_->addresses_, address_);
    release(from_->users_, user_);
  }
  from_.reset();
}

}  // namespace patchbay::hub
