#include "gateway/surfaces/http_input.hpp"

#include <algorithm>
#include <cstring>

namespace patchbay::http {

void InputBuffer::reserve(std::size_t count) {
  if (begin_ > 0 && capacity_ - begin_ < count) {
    std::memmove(bytes_.get(), bytes_.get() + begin_, size());
    end_ -= begin_;
    begin_ = 0;
  }
  if (capacity_ - begin_ >= count) return;
  auto const larger = std::max(count, std::max(first_buffer, capacity_ * 2));
  auto fresh = std::make_unique_for_overwrite<char[]>(larger);
  if (size() > 0) std::memcpy(fresh.get(), data(), size());
  end_ = size();
  begin_ = 0;
  capacity_ = larger;
  bytes_ = std::move(fresh);
}

void InputBuffer::shrink() {
  if (size() > 0 || capacity_ <= free_of_charge) return;
  bytes_.reset();
  capacity_ = begin_ = end_ = 0;
}

}  // namespace patchbay::http
