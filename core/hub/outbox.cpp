#include "core/hub/outbox.hpp"

#include <algorithm>
#include <array>

#include "core/hub/subscriber.hpp"

namespace patchbay::hub {
namespace {

constexpr std::size_t first_ring = 2, kept_ring = 8, most_buffers = 64;

}  // namespace

Outbox::Outbox(ServerSocket socket, Owner& owner)
    : socket_(std::move(socket)),
      owner_(owner),
      list_(asio::use_service<FlushList>(socket_.get_executor().context())) {}

Outbox::~Outbox() {
  if (listed_) list_.remove(*this);
}

// --- the queue

void Outbox::push(Entry entry) {
  if (count_ == ring_.size()) {
    std::vector<Entry> larger(std::max(first_ring, ring_.size() * 2));
    for (std::size_t i = 0; i < count_; ++i) larger[i] = std::move(at(i));
    ring_ = std::move(larger);
    head_ = 0;
  }
  bytes_ += entry.bytes().size();
  entry.own = entry.frame.use_count() == 1;
  if (entry.own) own_bytes_ += entry.bytes().size();
  at(count_++) = std::move(entry);
  schedule();
}

void Outbox::pop() {
  at(0) = Entry{};
  head_ = static_cast<std::uint32_t>((head_ + 1) & (ring_.size() - 1));
  if (--count_ == 0 && ring_.size() > kept_ring) {
    ring_ = {};
    head_ = 0;
  }
}

void Outbox::forget(Entry const& entry) {
  auto const size = entry.bytes().size();
  bytes_ -= size;
  if (entry.own) own_bytes_ -= size;
}

void Outbox::drop(std::size_t index, Dropped why) {
  auto& entry = at(index);
  if (!entry.frame) return;
  forget(entry);
  auto const frame = std::move(entry.frame);
  ++dropped_frames_;
  owner_.on_dropped(*frame, why);
}

Outbox::Taken Outbox::append(FramePtr frame, Subscription const* through) {
  if (closing_ || gone_) return Taken::closed;
  Entry entry{std::move(frame), through, false};
  entry.deflated = window_ > 0 && !entry.frame->deflated.empty() && entry.frame->bytes.size() <= window_;
  auto const policy = through != nullptr ? through->slow_consumer() : SlowConsumer::close;
  // While the kernel takes nothing, only the newest is worth keeping.
  if (policy == SlowConsumer::latest_only && waiting_)
    for (std::size_t i = front_sent_ > 0 ? 1 : 0; i < count_; ++i)
      if (at(i).through == through) drop(i, Dropped::latest_only);
  auto const size = entry.bytes().size();
  if (bytes_ + size > limit_ && (policy == SlowConsumer::close || !make_room(size, *through))) {
    ++dropped_frames_;
    auto const closes = policy == SlowConsumer::close;
    owner_.on_dropped(*entry.frame, closes ? Dropped::queue_full : Dropped::drop_oldest);
    // By its policy the connection stays; the newest is what it misses, for want of anything older of its own.
    return closes ? Taken::full : Taken::yes;
  }
  push(std::move(entry));
  return Taken::yes;
}

// Drops the oldest of the same subscription until there is room.
bool Outbox::make_room(std::size_t size, Subscription const& through) {
  for (std::size_t i = front_sent_ > 0 ? 1 : 0; i < count_ && bytes_ + size > limit_; ++i)
    if (at(i).through == &through) drop(i, Dropped::drop_oldest);
  return bytes_ + size <= limit_;
}

void Outbox::append_bytes(std::string bytes) {
  if (closing_ || gone_) return;
  auto frame = std::make_shared<Frame>();
  frame->bytes = std::move(bytes);
  push({std::move(frame), nullptr, false});
}

void Outbox::close(FramePtr frame, bool at_once) {
  if (closing_ || gone_) return;
  if (at_once)
    for (std::size_t i = front_sent_ > 0 ? 1 : 0; i < count_; ++i) drop(i, Dropped::queue_full);
  push({std::move(frame), nullptr, false});
  closing_ = true;
}

void Outbox::abandon() {
  closing_ = gone_ = true;
  for (std::size_t i = 0; i < count_; ++i) drop(i, Dropped::closed);
  bytes_ = own_bytes_ = 0;
  ring_ = {};
  head_ = count_ = front_sent_ = 0;
  stalled_since_ = SteadyTime::max();
  if (listed_) list_.remove(*this);
}

// --- writing

void Outbox::schedule() {
  if (!listed_ && !waiting_ && !flushing_) list_.add(*this);
}

void Outbox::flush() {
  if (waiting_ || gone_ || flushing_) return;
  flushing_ = true;
  auto const keeper = owner_.keep();
  auto const before = written_bytes_;
  ErrorCode error;
  while (!error && count_ == 1 && !socket_.pending()) {  // what happens most
    auto bytes = at(0).bytes();
    bytes.remove_prefix(at(0).frame ? front_sent_ : 0);
    auto const written = bytes.empty() ? 0 : socket_.write_some(asio::const_buffer{bytes.data(), bytes.size()}, error);
    take_written(written);
    if (gone_) break;
    if (!error && written < bytes.size()) error = asio::error::would_block;
  }
  while (!gone_ && !error && (count_ > 0 || socket_.pending())) {
    std::array<asio::const_buffer, most_buffers> buffers;
    std::size_t used = 0, offered = 0;
    for (std::size_t i = 0; i < count_ && used < buffers.size(); ++i) {
      auto bytes = at(i).bytes();
      if (i == 0) bytes.remove_prefix(front_sent_);
      if (bytes.empty()) continue;
      buffers[used++] = asio::const_buffer{bytes.data(), bytes.size()};
      offered += bytes.size();
    }
    if (used == 0 && !socket_.pending()) {
      take_written(0);
      break;
    }
    auto const written = socket_.write_some(std::span{buffers}.first(used), error);
    take_written(written);
    if (gone_) break;
    if (!error && written < offered) error = asio::error::would_block;  // asking again would only tell that
  }
  flushing_ = false;
  if (gone_) return;
  auto const stuck = error == asio::error::would_block || error == asio::error::try_again;
  if (error && !stuck) {
    abandon();
    return owner_.on_broken(error);
  }
  if (!stuck)
    stalled_since_ = SteadyTime::max();
  else if (written_bytes_ != before || stalled_since_ == SteadyTime::max())
    stalled_since_ = owner_.now();
  if (stuck) wait();
  owner_.on_flushed();
  if (count_ > 0) schedule();  // on_flushed() has sent something
}

// The kernel has so many bytes more.
void Outbox::take_written(std::size_t count) {
  written_bytes_ += count;
  while (count_ > 0) {
    auto& entry = at(0);
    auto const left = entry.bytes().size() - (entry.frame ? front_sent_ : 0);
    if (left > count) {
      front_sent_ += static_cast<std::uint32_t>(count);
      return;
    }
    count -= left;
    front_sent_ = 0;
    if (entry.frame) {
      forget(entry);
      ++written_frames_;
    }
    auto const frame = std::move(entry.frame);
    pop();
    if (frame && (!frame->message_id.empty() || frame->made != SteadyTime{})) owner_.on_written(*frame);
  }
}

void Outbox::wait() {
  waiting_ = true;
  socket_.async_wait_write([this, keeper = owner_.keep()](ErrorCode error) {
    waiting_ = false;
    if (gone_) return;
    if (error) {
      abandon();
      return owner_.on_broken(error);
    }
    flush();
  });
}

// --- the list

asio::execution_context::id FlushList::id;

void FlushList::add(Outbox& outbox) {
  outbox.listed_ = true;
  outbox.place_ = static_cast<std::uint32_t>(waiting_.size());
  waiting_.push_back(&outbox);
  if (posted_) return;
  posted_ = true;
  asio::post(outbox.socket().get_executor(), [this] { run(); });
}

void FlushList::remove(Outbox& outbox) {
  for (auto* list : {&waiting_, &running_})
    if (outbox.place_ < list->size() && (*list)[outbox.place_] == &outbox) (*list)[outbox.place_] = nullptr;
  outbox.listed_ = false;
}

void FlushList::run() {
  posted_ = false;
  running_.swap(waiting_);
  // By index: a flush may take another one off the list.
  for (std::size_t i = 0; i < running_.size(); ++i) {
    auto* const outbox = running_[i];
    if (outbox == nullptr) continue;
    running_[i] = nullptr;
    outbox->listed_ = false;
    outbox->flush();
  }
  running_.clear();
  constexpr std::size_t kept = 4096;
  if (running_.capacity() > kept) running_.shrink_to_fit();
}

}  // namespace patchbay::hub
