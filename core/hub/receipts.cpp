#include "core/hub/receipts.hpp"

#include <spdlog/fmt/fmt.h>

#include <charconv>

#include "core/base/iso_time.hpp"

namespace patchbay::hub {
namespace {

// Later ones replace earlier ones, never the other way round: a report may come after what it tells has gone on.
int rank(ReceiptState state) {
  switch (state) {
    case ReceiptState::queued:
    case ReceiptState::offline: return 0;
    case ReceiptState::sent: return 1;
    case ReceiptState::dropped:
    case ReceiptState::expired: return 2;
    case ReceiptState::acknowledged: return 3;
  }
  return 0;
}

}  // namespace

std::string Receipts::open(std::string owner) {
  while (receipts_.size() >= most || targets_ >= most_targets) {
    if (order_.empty()) break;
    auto const oldest = std::move(order_.front());
    order_.pop_front();
    drop(oldest);  // unless a sweep was faster
  }
  std::random_device device;  // the kernel's: an id is not to be guessed
  auto id = fmt::format("{:x}-{:08x}{:08x}{:016x}", shard_, device(), device(), random_());
  auto& receipt = receipts_[id];
  receipt.owner = std::move(owner);
  receipt.until = clock_.now() + kept_for;
  order_.push_back(id);
  return id;
}

void Receipts::drop(std::string const& id) {
  if (auto const found = receipts_.find(id); found != receipts_.end()) {
    targets_ -= found->second.targets.size();
    auto const waiting = std::move(found->second.changed);
    receipts_.erase(found);
    if (waiting) waiting();
  }
}

std::optional<unsigned> Receipts::shard_of(std::string_view message_id) {
  unsigned shard = 0;
  auto const dash = message_id.find('-');
  if (dash == std::string_view::npos || dash == 0 || message_id.size() > 64) return std::nullopt;
  auto const [end, error] = std::from_chars(message_id.data(), message_id.data() + dash, shard, 16);
  if (error != std::errc{} || end != message_id.data() + dash) return std::nullopt;
  return shard;
}

Receipts::Receipt* Receipts::find(std::string_view id) {
  auto const found = receipts_.find(id);
  return found == receipts_.end() ? nullptr : &found->second;
}

Receipts::Target& Receipts::target(Receipt& receipt, std::string_view connection_id, std::string_view user_id) {
  for (auto& one : receipt.targets)
    if (one.connection_id == connection_id) return one;
  receipt.targets.push_back(
      {std::string{connection_id}, std::string{user_id}, ReceiptState::queued, {}, clock_.wall()});
  ++targets_;
  return receipt.targets.back();
}

void Receipts::expect(std::string_view id, unsigned reports) {
  if (auto* receipt = find(id)) receipt->awaited += reports;
}

void Receipts::reached(std::string_view id, std::vector<Reached> targets) {
  auto* receipt = find(id);
  if (receipt == nullptr) return;
  // Large lists come at once, before anything was marked: no search for each.
  auto const fresh = receipt->targets.empty();
  for (auto& one : targets) {
    if (fresh) {
      receipt->targets.push_back(
          {std::move(one.connection_id), std::move(one.user_id), ReceiptState::queued, {}, clock_.wall()});
      ++targets_;
    } else {
      target(*receipt, one.connection_id, one.user_id);
    }
  }
  if (receipt->awaited > 0) --receipt->awaited;
  changed(*receipt);
}

void Receipts::mark(std::string_view id, std::string_view connection_id, std::string_view user_id, ReceiptState state,
                    std::string_view reason) {
  auto* receipt = find(id);
  if (receipt == nullptr) return;
  // Nobody acknowledges what was not sent to it.
  if (state == ReceiptState::acknowledged) {
    auto const known = std::any_of(receipt->targets.begin(), receipt->targets.end(),
                                   [&](Target const& one) { return one.connection_id == connection_id; });
    if (!known) return;
  }
  auto& one = target(*receipt, connection_id, user_id);
  if (rank(state) <= rank(one.state)) return;
  one.state = state;
  one.reason = reason;
  one.at = clock_.wall();
  changed(*receipt);
}

void Receipts::park(std::string_view id, std::string_view user_id, std::chrono::milliseconds patience) {
  auto* receipt = find(id);
  if (receipt == nullptr) return;
  receipt->parked = true;
  receipt->until = clock_.now() + patience + kept_for;
  target(*receipt, "", user_id);
}

void Receipts::unpark(std::string_view id) {
  auto* receipt = find(id);
  if (receipt == nullptr) return;
  receipt->parked = false;
  targets_ -= std::erase_if(receipt->targets, [](Target const& one) { return one.connection_id.empty(); });
}

void Receipts::give_up(std::string_view id, std::string_view user_id, ReceiptState state) {
  auto* receipt = find(id);
  if (receipt == nullptr) return;
  receipt->parked = false;
  auto& one = target(*receipt, "", user_id);
  one.state = state;
  one.reason = state == ReceiptState::expired ? "expired" : state == ReceiptState::dropped ? "dropped" : "offline";
  one.at = clock_.wall();
  changed(*receipt);
}

Result<ReceiptResult> Receipts::show(std::string_view id, Principal const& who) {
  auto* receipt = find(id);
  if (receipt == nullptr || (receipt->owner != who.name && !who.is_admin()))
    return Error{Code::not_found, "no receipt of yours has this message_id; receipts are kept for 5 minutes",
                 "/message_id"};
  ReceiptResult out;
  for (auto const& one : receipt->targets)
    out.targets.push_back({one.connection_id, one.user_id, one.state, iso_time(one.at)});
  return out;
}

void Receipts::sweep() {
  auto const now = clock_.now();
  std::vector<std::string> old;
  for (auto const& [id, receipt] : receipts_)
    if (!receipt.parked && !receipt.changed && receipt.until <= now) old.push_back(id);
  for (auto const& id : old) drop(id);
  if (!old.empty()) std::erase_if(order_, [this](std::string const& id) { return !receipts_.contains(id); });
}

}  // namespace patchbay::hub
