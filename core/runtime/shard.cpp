#include "core/runtime/shard.hpp"

#include <pthread.h>

namespace patchbay {

namespace {

// As the time of the next tick: there is none that would be earlier.
constexpr auto never_again = SteadyTime::min();

}  // namespace

thread_local Shard* Shard::current_ = nullptr;

Shard::Shard(unsigned index, Clock const& clock)
    : index_(index), work_(context_.get_executor()), wheel_(clock), tick_(context_) {
  wheel_.on_earlier([this] { rearm(); });
}
Shard::~Shard() { join(); }

void Shard::start() {
  thread_ = std::thread{[this] { run(); }};
  pthread_setname_np(thread_.native_handle(), ("shard-" + std::to_string(index_)).c_str());
}

void Shard::run() {
  current_ = this;
  TimerWheel::set_current(&wheel_);
  context_.run();
  TimerWheel::set_current(nullptr);
  current_ = nullptr;
}

void Shard::finish() {
  // On the own thread: the tick timer belongs to it. Whatever is still armed in the wheel, such as the sweep of a pool,
  // keeps the thread no longer, also when a tick is just about to be handled.
  post([this] {
    tick_at_ = never_again;
    tick_.cancel();
  });
  work_.reset();
}

void Shard::join() {
  if (thread_.joinable()) thread_.join();
}

// One Asio timer drives the wheel: it sleeps until the next occupied slot.
void Shard::rearm() {
  auto const due = wheel_.next_due();
  if (!due) return;
  if (*due >= tick_at_ && tick_at_ != SteadyTime::max()) return;
  tick_at_ = *due;
  tick_.expires_at(*due);
  tick_.async_wait([this](boost::system::error_code error) {
    if (error || tick_at_ == never_again) return;
    tick_at_ = SteadyTime::max();
    wheel_.advance();
    rearm();
  });
}

}  // namespace patchbay
