#include "gateway/surfaces/http_session.hpp"

#include <spdlog/fmt/fmt.h>

namespace patchbay::http {
namespace {

using std::chrono::milliseconds;
using ErrorCode = boost::system::error_code;

}  // namespace

Session::Session(std::shared_ptr<ShardState> state, ServerSocket socket, ip::address peer,
                 std::atomic<std::int64_t>& count)
    : state_(std::move(state)),
      count_(count),
      socket_(std::move(socket)),
      peer_(std::move(peer)),
      client_(peer_),
      client_text_(peer_.to_string()),
      held_(state_->shared->ledger),
      timer_([this] { on_timer(); }) {
  state_->sessions.insert(this);
  state_->counters.connections(1);
  ErrorCode ignored;
  local_ = socket_.tcp().local_endpoint(ignored).address();
}

Session::~Session() {
  held_.clear();  // first: who sees that no connection is left sees no bytes held either
  state_->sessions.erase(this);
  state_->counters.connections(-1);
  count_.fetch_sub(1);
  if (state_->on_session_end) state_->on_session_end();
}

// --- life

void Session::start() {
  ErrorCode ignored;
  socket_.tcp().non_blocking(true, ignored);
  idle_since_ = now_ = state_->clock.now();
  auto const& settings = state_->config->settings;
  set_deadline(socket_.has_tls() ? settings.header_timeout_ms : settings.idle_timeout_ms);
  read();
  schedule();
}

void Session::turn_away() {
  ErrorCode ignored;
  socket_.tcp().non_blocking(true, ignored);
  now_ = state_->clock.now();
  state_->counters.cut("connections");
  unread_ = true;
  exchange_.keep_alive = false;
  answer_error(Error{Code::unavailable,
                     fmt::format("more than {} HTTP connections", state_->config->settings.max_connections), "", 1000});
  flush();
  schedule();
}

void Session::drain(bool in_a_hurry) {
  if (phase_ == Phase::calling) {
    if (exchange_.streams) call().stop(Stopped::shutdown);
    return;
  }
  if (phase_ != Phase::idle || in_.size() > 0) return;
  // A client that is about to send gets a moment, and its answer says that the connection ends.
  auto const moment = milliseconds{in_a_hurry ? 0 : 1000};
  now_ = state_->clock.now();
  phase_deadline_ = std::min(phase_deadline_, std::max(now_, idle_since_ + moment));
  schedule();
}

void Session::stop_call(Stopped why) {
  if (phase_ == Phase::calling) call().stop(why);
}

void Session::close() {
  if (phase_ == Phase::closed) return;
  auto const self = shared_from_this();
  if (phase_ == Phase::calling) {
    gone_ = true;
    call().stop(Stopped::cancelled);
  }
  if (stream_) stream_->drained();
  phase_ = phase_ == Phase::calling ? Phase::calling : Phase::closed;
  timer_.disarm();
  socket_.close();
}

// Nobody reads the answers.
void Session::abandon() {
  gone_ = true;
  out_.clear();
  sent_ = 0;
  close();
}

// --- time

void Session::set_deadline(std::int64_t after_ms) { phase_deadline_ = now_ + milliseconds{after_ms}; }

// One timer for all; it is moved only to an earlier time, a later one is seen to when it fires.
void Session::schedule() {
  if (phase_ == Phase::closed) return;
  auto const next = std::min({phase_deadline_, write_deadline_, stream_deadline_});
  if (next == SteadyTime::max() || (timer_.armed() && armed_at_ <= next)) return;
  armed_at_ = next;
  state_->shard.wheel().arm_at(timer_, next);
}

void Session::on_timer() {
  auto const self = shared_from_this();
  now_ = state_->clock.now();
  if (now_ >= std::min({phase_deadline_, write_deadline_, stream_deadline_})) expire(now_);
  schedule();
}

void Session::expire(SteadyTime now) {
  if (now >= write_deadline_) {
    state_->counters.cut("slow_reader");
    return abandon();
  }
  if (now >= stream_deadline_) {
    stream_deadline_ = now + milliseconds{state_->config->settings.stream_heartbeat_ms};
    if (!stream_) return;
    if (stream_->is_open())
      stream_->heartbeat();
    else
      stream_->open();
    return;
  }
  if (now < phase_deadline_) return;
  phase_deadline_ = SteadyTime::max();
  switch (phase_) {
    case Phase::idle: {
      ErrorCode error;
      if (state_->draining && socket_.tcp().available(error) > 0) return;  // it is being read already
      return close();
    }
    case Phase::head:
    case Phase::body:
      state_->counters.cut(phase_ == Phase::head ? "slow_header" : "slow_body");
      if (phase_ == Phase::head) exchange_ = Exchange{};
      answer_problem(Problem{408, Code::deadline_exceeded,
                             phase_ == Phase::head ? "the request's header did not come in time"
                                                   : "the request's body did not come in time"});
      return flush();
    case Phase::lingering: return close();
    case Phase::calling:
    case Phase::closed: return;
  }
}

}  // namespace patchbay::http
