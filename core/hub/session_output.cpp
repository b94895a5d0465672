// What a session sends, and its time limits.
#include <boost/asio/post.hpp>

#include "core/hub/hub_shard.hpp"
#include "core/hub/session.hpp"

namespace patchbay::hub {
namespace {

using std::chrono::milliseconds;

constexpr std::uint32_t pongs_a_second = 10;
constexpr milliseconds last_chance{5000};  // after the second ping

}  // namespace

// --- sending

void Session::send(FramePtr frame) {
  if (phase_ == Phase::open && outbox_.append(std::move(frame)) == Outbox::Taken::full) slow_consumer();
}

void Session::send(FramePtr frame, Subscription const& through) {
  if (phase_ == Phase::open && outbox_.append(std::move(frame), &through) == Outbox::Taken::full) slow_consumer();
}

void Session::send_late(FramePtr frame) {
  if (phase_ == Phase::open && outbox_.append(std::move(frame), nullptr, false) == Outbox::Taken::full) slow_consumer();
}

// What it has not taken it will not miss: the close frame goes to the front.
void Session::slow_consumer(std::string_view reason) {
  if (phase_ != Phase::open) return;
  discarding_ = true;
  outbox_.close(close_frame(close_code::try_again_later, reason), true);
  begin_closing();
}

// Unfinished messages and unread replies beyond what anybody may have are held against the address.
void Session::hold_memory() {
  constexpr std::size_t free_of_charge = 16 << 10;
  if (!ledger_) return;
  auto bytes = message_.capacity() > free_of_charge ? message_.capacity() : 0;
  if (outbox_.blocked() && outbox_.own_bytes() > free_of_charge) bytes += outbox_.own_bytes();
  if (!memory_) {
    if (bytes == 0) return;
    memory_ = std::make_unique<AddressLedger::Hold>(*ledger_);
  }
  ErrorCode ignored;
  auto const address = asio::ip::make_address(peer_, ignored);
  if (memory_->set(address, bytes)) {
    if (bytes == 0) memory_.reset();
    return;
  }
  slow_consumer("too much unfinished or unread data from this address");
}

// Whoever hears that it is congested will hear when it is not, also when the kernel takes everything at once.
bool Session::congested() const {
  auto const is = outbox_.queued_bytes() > outbox_.limit() / 2;
  was_congested_ = was_congested_ || is;
  return is;
}

void Session::set_who(PrincipalPtr who, std::optional<WallTime> expires) {
  if (phase_ != Phase::open) return;
  auto const& settings = *hub_.settings();
  auto const& user = endpoint_->user_id.empty() && who ? who->user_id : endpoint_->user_id;
  if (auto placed = ticket_.belongs_to(user, settings); !placed)
    return close(close_code::try_again_later, placed.error().message);
  who_ = std::move(who);
  expires_ = expires;
  deadline_ = SteadyTime::max();
  set_expiry(hub_.clock().now());
  new_message_limit();
  hub_.identified(*this);
  schedule();
}

// From here on by the steady clock: a jump of the wall clock ends no session.
void Session::set_expiry(SteadyTime now) {
  renewal_ = SteadyTime::max();
  if (!expires_) return;
  auto const left = *expires_ - hub_.clock().wall();
  constexpr auto far = std::chrono::hours{24 * 365};
  renewal_ = now + std::clamp<std::chrono::nanoseconds>(left, std::chrono::nanoseconds{0}, far) +
             milliseconds{hub_.settings()->renewal_ms};
}

void Session::become(std::unique_ptr<Conversation> next) {
  if (!conversation_ || ending_) return;
  auto old = std::move(conversation_);
  conversation_ = std::move(next);
  asio::post(outbox_.socket().get_executor(), [self = shared_from_this(), kept = std::move(old)] {});
  conversation_->opened();
}

ConnectionFigures Session::figures() const {
  return {.since = since_,
          .round_trip = round_trip_,
          .messages_in = messages_in_,
          .messages_out = outbox_.written_frames(),
          .bytes_in = bytes_in_,
          .bytes_out = outbox_.written_bytes(),
          .dropped = outbox_.dropped_frames()};
}

// --- what Beast writes

void Session::write_control(std::string bytes) {
  auto const opcode = phase_ == Phase::handshake || bytes.empty() ? 0 : static_cast<unsigned char>(bytes[0]) & 0x0FU;
  if (opcode == 0xA) return send_pong(std::move(bytes));
  if (opcode != 0x8) return outbox_.append_bytes(std::move(bytes));
  auto frame = std::make_shared<Frame>();
  frame->bytes = std::move(bytes);
  outbox_.close(std::move(frame), false);
  begin_closing();
}

// Ten pongs a second; what is asked for beyond that is answered by one at the second's end (RFC 6455, 5.5.3). Who reads
// nothing gets none.
void Session::send_pong(std::string bytes) {
  if (phase_ != Phase::open) return;
  count_in_second();
  auto const hold_back = outbox_.blocked() || (!is_echo() && pongs_ >= pongs_a_second);
  if (!hold_back) {
    ++pongs_;
    return outbox_.append_bytes(std::move(bytes));
  }
  if (!extra_) extra_ = std::make_unique<Extra>();
  extra_->pong = std::move(bytes);
  schedule();
}

// --- the outbox's owner

SteadyTime Session::now() { return hub_.clock().now(); }

void Session::on_written(Frame const& frame) { hub_.written(frame.message_id, *this); }

void Session::on_delivered(std::chrono::nanoseconds took, std::uint32_t count) {
  hub_.counters().delivered(took, count);
}

void Session::on_dropped(Frame const& frame, Dropped why) {
  hub_.counters().dropped(why);
  if (!frame.message_id.empty()) hub_.dropped(frame.message_id, *this, dropped_names[static_cast<std::size_t>(why)]);
}

void Session::on_flushed() {
  tell_figures();
  if (outbox_.blocked() || memory_) hold_memory();
  if (phase_ == Phase::closing && outbox_.empty()) {
    if (deadline_ == SteadyTime::max()) deadline_ = hub_.clock().now() + milliseconds{hub_.settings()->close_ms};
    finish();
    schedule();
  }
  if (outbox_.blocked()) {
    was_congested_ = was_congested_ || congested();
    return schedule();
  }
  if (extra_ && !extra_->pong.empty()) schedule();
  if (was_congested_ && !congested()) {
    was_congested_ = false;
    if (is_echo()) read();
    if (conversation_ && phase_ == Phase::open) conversation_->drained();
  }
}

void Session::tell_figures() {
  auto const& counters = hub_.counters();
  counters.sent(outbox_.written_frames() - told_frames_, outbox_.written_bytes() - told_out_);
  told_frames_ = outbox_.written_frames();
  told_out_ = outbox_.written_bytes();
  auto const queued = outbox_.queued_bytes();
  if (queued == told_queue_) return;
  counters.queued(static_cast<std::int64_t>(queued) - static_cast<std::int64_t>(told_queue_));
  told_queue_ = queued;
}

void Session::on_broken(ErrorCode) {
  // A pending read ends by itself then; without one nobody else would notice.
  outbox_.socket().close();
  if (reading_) return;
  asio::post(outbox_.socket().get_executor(), [self = shared_from_this()] { self->abort(); });
}

// --- time

// A farewell that the kernel does not take either has its own time on top.
milliseconds Session::stall_time() const {
  auto const& settings = *hub_.settings();
  return milliseconds{settings.stall_ms + (phase_ == Phase::open ? 0 : settings.close_ms)};
}

SteadyTime Session::next_time() const {
  auto const& settings = *hub_.settings();
  auto next = std::min(deadline_, phase_ == Phase::open ? renewal_ : SteadyTime::max());
  if (outbox_.stalled_since() != SteadyTime::max()) next = std::min(next, outbox_.stalled_since() + stall_time());
  if (phase_ != Phase::open) return next;
  if (extra_ && !extra_->pong.empty() && !outbox_.blocked()) next = std::min(next, second_ + std::chrono::seconds{1});
  if (pinged_by_us()) {
    auto const wait = unanswered_ < 2 ? settings.heartbeat : std::min(settings.heartbeat, last_chance);
    next = std::min(next, (unanswered_ == 0 ? last_seen_ : pinged_at_) + wait);
  }
  return next;
}

// One timer for all: moved only to an earlier time, a later one is seen to when it fires.
void Session::schedule() {
  if (phase_ == Phase::gone) return;
  auto const next = next_time();
  if (next == SteadyTime::max() || (timer_.armed() && armed_at_ <= next)) return;
  armed_at_ = next;
  hub_.shard().wheel().arm_at(timer_, next);
}

void Session::on_timer() {
  auto const self = shared_from_this();
  auto const now = hub_.clock().now();
  if (outbox_.stalled_since() != SteadyTime::max() && now >= outbox_.stalled_since() + stall_time()) {
    if (phase_ != Phase::open) return abort();
    slow_consumer();
  } else if (now >= deadline_) {
    if (phase_ != Phase::open) return abort();
    close(close_code::unauthenticated, "no token came in time");
  } else if (phase_ == Phase::open && now >= renewal_) {
    close(close_code::unauthenticated, "the token has expired");
  } else if (phase_ == Phase::open) {
    if (extra_ && !extra_->pong.empty() && now >= second_ + std::chrono::seconds{1} && !outbox_.blocked()) {
      second_ = now;
      pings_ = 0;
      pongs_ = 1;
      outbox_.append_bytes(std::exchange(extra_->pong, {}));
    }
    if (pinged_by_us()) heartbeat(now);
  }
  schedule();
}

// Silence is asked about twice.
void Session::heartbeat(SteadyTime now) {
  auto const& settings = *hub_.settings();
  auto const wait = unanswered_ < 2 ? settings.heartbeat : std::min(settings.heartbeat, last_chance);
  if (now < (unanswered_ == 0 ? last_seen_ : pinged_at_) + wait) return;
  if (unanswered_ == 2) return close(close_code::timeout, "two pings were not answered");
  ++unanswered_;
  pinged_at_ = now;
  send(ping_frame());
}

}  // namespace patchbay::hub
