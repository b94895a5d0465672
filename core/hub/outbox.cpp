#include "core/hub/outbox.hpp"

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <utility>

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
  auto const is_reply = entry.own;
  at(count_++) = std::move(entry);
  schedule(is_reply);
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

Outbox::Taken Outbox::append(FramePtr frame, Subscription const* through, bool measured) {
  if (closing_ || gone_) return Taken::closed;
  Entry entry{std::move(frame), through};
  entry.measured = measured;
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

void Outbox::schedule(bool is_reply) {
  if (!listed_ && !waiting_ && !flushing_) list_.add(*this, is_reply);
}

void Outbox::flush(SteadyTime now) {
  if (waiting_ || gone_ || flushing_) return;
  flushing_ = true;
  timed_ = 0;
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
  if (timed_ > 0) owner_.on_delivered(std::max(now - last_made_, SteadyTime::duration{0}), timed_);
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
  if (count_ > 0) schedule(true);  // on_flushed() has sent something
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
    auto const measured = entry.measured;
    pop();
    if (!frame) continue;
    if (measured && frame->made != SteadyTime{}) {
      ++timed_;
      last_made_ = frame->made;
    }
    if (!frame->message_id.empty()) owner_.on_written(*frame);
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
    flush(owner_.now());
  });
}

// --- the list

asio::execution_context::id FlushList::id;

void FlushList::add(Outbox& outbox, bool is_reply) {
  auto& list = is_reply ? replies_ : shared_;
  outbox.listed_ = true;
  outbox.place_ = static_cast<std::uint32_t>(list.size());
  list.push_back(&outbox);
  post();
}

void FlushList::remove(Outbox& outbox) {
  for (auto* list : {&replies_, &answering_, &shared_, &writing_})
    if (outbox.place_ < list->size() && (*list)[outbox.place_] == &outbox) (*list)[outbox.place_] = nullptr;
  outbox.listed_ = false;
}

void FlushList::post() {
  if (std::exchange(posted_, true)) return;
  asio::post(static_cast<asio::io_context&>(context()), [this] { run(); });
}

void FlushList::run() {
  constexpr std::size_t slice = 128, kept = 4096;
  constexpr std::size_t much = 32 << 10;  // bytes: who has gathered so much waits for no further turn
  posted_ = false;
  answering_.swap(replies_);
  for (std::size_t i = 0; i < answering_.size(); ++i) flush(answering_, i);
  answering_.clear();
  if (written_ == writing_.size()) {
    written_ = 0;
    writing_.clear();
    if (writing_.capacity() > kept) writing_.shrink_to_fit();
    writing_.swap(shared_);
  }
  for (auto const end = written_ + slice; written_ < writing_.size(); ++written_) {
    auto const* const next = writing_[written_];
    if (written_ >= end && (next == nullptr || next->queued_bytes() < much)) break;
    flush(writing_, written_);
  }
  if (written_ < writing_.size() || !shared_.empty()) post();
}

// By its place: a flush may take others off the list.
void FlushList::flush(List& list, std::size_t place) {
  constexpr std::size_t stride = 16;  // the clock costs as much as the rest of a flush but the system call
  auto* const outbox = std::exchange(list[place], nullptr);
  if (outbox == nullptr) return;
  outbox->listed_ = false;
  if (turn_++ % stride == 0 || place == 0) now_ = outbox->owner_.now();
  outbox->flush(now_);
}

}  // namespace patchbay::hub
