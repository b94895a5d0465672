#include "core/websocket/wire.hpp"

#include <openssl/rand.h>

#include <cstring>

namespace patchbay::websocket {
namespace {

// Masking keys must not be guessable by whoever chose the payload (RFC 6455, 5.3); asked for in bulk, since each
// question to the generator costs more than masking a small frame.
std::uint32_t masking_key() {
  thread_local std::array<std::uint32_t, 256> keys;
  thread_local std::size_t left = 0;
  if (left == 0) {
    if (RAND_bytes(reinterpret_cast<unsigned char*>(keys.data()), sizeof keys) != 1)
      throw std::runtime_error("the random generator of OpenSSL failed");
    left = keys.size();
  }
  return keys[--left];
}

// Copies and masks; `at` is the offset of the piece in the payload.
void mask_into(char* out, std::string_view piece, std::uint32_t key, std::size_t at) {
  std::array<unsigned char, 4> bytes;
  std::memcpy(bytes.data(), &key, 4);
  std::size_t i = 0;
  for (; i < piece.size() && (at + i) % 4 != 0; ++i)
    out[i] = static_cast<char>(static_cast<unsigned char>(piece[i]) ^ bytes[(at + i) % 4]);
  std::uint64_t const wide = (static_cast<std::uint64_t>(key) << 32) | key;
  for (; i + 8 <= piece.size(); i += 8) {
    std::uint64_t word;
    std::memcpy(&word, piece.data() + i, 8);
    word ^= wide;
    std::memcpy(out + i, &word, 8);
  }
  for (; i < piece.size(); ++i) out[i] = static_cast<char>(static_cast<unsigned char>(piece[i]) ^ bytes[(at + i) % 4]);
}

}  // namespace

void Wire::append(std::uint8_t first_byte, std::string_view a, std::string_view b) {
  if (!usable()) return;
  auto const size = a.size() + b.size();
  std::array<unsigned char, 14> head;
  std::size_t n = 0;
  head[n++] = first_byte;
  if (size < 126) {
    head[n++] = static_cast<unsigned char>(0x80U | size);
  } else if (size <= 0xFFFF) {
    head[n++] = 0x80U | 126U;
    head[n++] = static_cast<unsigned char>(size >> 8);
    head[n++] = static_cast<unsigned char>(size & 0xFFU);
  } else {
    head[n++] = 0x80U | 127U;
    for (int shift = 56; shift >= 0; shift -= 8) head[n++] = static_cast<unsigned char>((size >> shift) & 0xFFU);
  }
  auto const key = masking_key();
  std::memcpy(head.data() + n, &key, 4);
  n += 4;
  auto const start = waiting_.size();
  waiting_.resize(start + n + size);
  queue_bytes_.add(static_cast<std::int64_t>(n + size));
  auto* out = waiting_.data() + start;
  std::memcpy(out, head.data(), n);
  mask_into(out + n, a, key, 0);
  mask_into(out + n + a.size(), b, key, a.size());
  if ((first_byte & 0x0FU) == 0x08) begin_closing();
  schedule();
}

void Wire::begin_closing() {
  if (closing_) return;
  closing_ = true;
  if (closing_callback_) closing_callback_();
}

void Wire::schedule() {
  if (scheduled_ || writing_) return;
  scheduled_ = true;
  // In the next turn: whoever else has something to send in this one adds to the same write.
  asio::post(get_executor(), [this, keeper = keeper_.lock()] {
    scheduled_ = false;
    write();
  });
}

void Wire::write() {
  if (writing_ || waiting_.empty()) return;
  writing_ = true;
  leaving_.swap(waiting_);
  waiting_.clear();
  beast_leaving_ = std::move(beast_write_);
  asio::async_write(*stream_, asio::buffer(leaving_),
                    [this, keeper = keeper_.lock()](ErrorCode error, std::size_t) { written(error); });
}

void Wire::written(ErrorCode error) {
  writing_ = false;
  queue_bytes_.add(-static_cast<std::int64_t>(leaving_.size()));
  leaving_.clear();
  if (leaving_.capacity() > 262'144) leaving_.shrink_to_fit();
  if (auto done = std::move(beast_leaving_)) done->complete(error);
  if (!error) return write();
  failed_ = true;
  queue_bytes_.add(-static_cast<std::int64_t>(waiting_.size()));
  waiting_.clear();
  if (auto done = std::move(beast_write_)) done->complete(error);
  stream_->close();
  if (broken_callback_) broken_callback_();
}

}  // namespace patchbay::websocket
