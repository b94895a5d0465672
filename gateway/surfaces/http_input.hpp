// InputBuffer: the bytes of one connection that came and are not used up, in one piece of memory.
//
//   buffer.reserve(4096); buffer.commit(read_into(buffer.free_data(), buffer.free_size()));
//   use(buffer.view()); buffer.consume(n);
//
// One thread. It grows by doubling, and gives a big piece back when it is empty.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

namespace patchbay::http {

inline constexpr std::size_t first_buffer = 4096;
inline constexpr std::size_t free_of_charge = 16 << 10;  // buffers up to this size are not held against the address

class InputBuffer {
 public:
  char* data() { return bytes_.get() + begin_; }
  std::size_t size() const { return end_ - begin_; }
  std::string_view view() const { return {bytes_.get() + begin_, end_ - begin_}; }
  char* free_data() { return bytes_.get() + end_; }
  std::size_t free_size() const { return capacity_ - end_; }
  std::size_t capacity() const { return capacity_; }
  void commit(std::size_t count) { end_ += count; }
  void consume(std::size_t count) { begin_ += count; }

  // Not while a read is under way, for they move things:
  void rewind() {
    if (begin_ == end_) begin_ = end_ = 0;
  }
  // Room for so many bytes from data() on.
  void reserve(std::size_t count);
  // Gives a big piece of memory back when it is empty.
  void shrink();

 private:
  std::unique_ptr<char[]> bytes_;
  std::size_t capacity_ = 0, begin_ = 0, end_ = 0;
};

}  // namespace patchbay::http
