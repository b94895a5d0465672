#include "core/http_client/pool.hpp"

#include <algorithm>

namespace patchbay::http_client {

Pool::~Pool() { counts_.add_idle(-static_cast<std::int64_t>(idle_)); }

Task<Result<Pool::Place>> Pool::enter(PoolKey const& key, Deadline deadline) {
  auto at = hosts_.try_emplace(key).first;
  auto& host = at->second;  // stays: a host with somebody waiting is not forgotten
  if (host.active < limits_.per_host && host.waiting.empty()) {
    ++host.active;
    counts_.add_active(1);
    Result<Place> place{Place{*this, key}};
    co_return place;
  }
  if (waiting_ >= limits_.max_waiting)
    co_return Error{Code::backpressure, "too many requests wait for a connection to this host: send fewer at a time",
                    "", 1000};
  Turn turn;
  auto const here = host.waiting.insert(host.waiting.end(), &turn);
  ++waiting_;
  auto const why = co_await turn.waiter.wait(deadline, use_task);
  --waiting_;
  if (turn.granted) {
    // The place is ours even when the time ran out in the same turn of the loop: leaving passes it on.
    Result<Place> place{Place{*this, key}};
    if (why == Waiter::Why::notified) co_return place;
  } else {
    host.waiting.erase(here);
    forget_if_empty(hosts_.find(key));
  }
  if (why == Waiter::Why::cancelled) co_return Error{Code::cancelled, "the request was cancelled"};
  co_return Error{Code::deadline_exceeded, "no connection to this host became free within the time"};
}

void Pool::leave(PoolKey const& key) {
  auto const at = hosts_.find(key);
  auto& host = at->second;
  if (!host.waiting.empty()) {
    // The place goes from hand to hand, so that nobody overtakes.
    auto* const next = host.waiting.front();
    host.waiting.pop_front();
    next->granted = true;
    next->waiter.notify();
    return;
  }
  --host.active;
  counts_.add_active(-1);
  forget_if_empty(at);
}

std::unique_ptr<Stream> Pool::take(PoolKey const& key, std::vector<asio::ip::address> const& allowed) {
  auto const at = hosts_.find(key);
  if (at == hosts_.end()) return nullptr;
  auto& kept = at->second.kept;
  std::unique_ptr<Stream> found;
  // The youngest is the likeliest to be alive.
  for (std::size_t i = kept.size(); i-- > 0 && found == nullptr;) {
    bool const alive = kept[i].stream->is_quiet();
    if (alive && !allowed.empty() && std::find(allowed.begin(), allowed.end(), kept[i].address) == allowed.end())
      continue;
    if (alive) found = std::move(kept[i].stream);
    kept.erase(kept.begin() + static_cast<std::ptrdiff_t>(i));
    --idle_;
    counts_.add_idle(-1);
  }
  return found;
}

void Pool::keep(PoolKey const& key, std::unique_ptr<Stream> stream) {
  boost::system::error_code error;
  auto const peer = stream->socket().remote_endpoint(error);
  if (error || !stream->is_quiet() || idle_ >= limits_.max_idle) return;
  auto* const wheel = TimerWheel::current();
  if (wheel == nullptr) return;
  auto& kept = hosts_.try_emplace(key).first->second.kept;
  if (kept.size() >= limits_.per_host) {
    kept.erase(kept.begin());
    --idle_;
    counts_.add_idle(-1);
  }
  kept.push_back({std::move(stream), peer.address(), wheel->clock().now()});
  ++idle_;
  counts_.add_idle(1);
  if (!sweeper_.armed()) wheel->arm(sweeper_, limits_.idle);
}

void Pool::forget_if_empty(std::map<PoolKey, Host>::iterator at) {
  if (at != hosts_.end() && at->second.active == 0 && at->second.kept.empty() && at->second.waiting.empty())
    hosts_.erase(at);
}

// Closes what has been idle for too long, and what the server has closed; looks again when the next one is due.
void Pool::sweep() {
  auto* const wheel = TimerWheel::current();
  if (wheel == nullptr) return;
  auto const now = wheel->clock().now();
  auto next = SteadyTime::max();
  for (auto at = hosts_.begin(); at != hosts_.end();) {
    auto const here = at++;
    auto const gone = std::erase_if(
        here->second.kept, [&](Kept const& one) { return now - one.since >= limits_.idle || !one.stream->is_quiet(); });
    idle_ -= gone;
    counts_.add_idle(-static_cast<std::int64_t>(gone));
    if (!here->second.kept.empty()) next = std::min(next, here->second.kept.front().since + limits_.idle);
    forget_if_empty(here);
  }
  if (next != SteadyTime::max()) wheel->arm_at(sweeper_, next);
}

}  // namespace patchbay::http_client
