#include "gateway/surfaces/http_body.hpp"

#include <algorithm>
#include <cstring>

#include "core/base/hex.hpp"

namespace patchbay::http {

BodyReader::State BodyReader::read(char* data, std::size_t size, std::size_t limit) {
  if (chunked_) return read_chunked(data, size, limit);
  if (length_ > limit) return State::too_large;
  return size >= length_ ? State::done : State::more;
}

BodyReader::State BodyReader::read_chunked(char* data, std::size_t size, std::size_t limit) {
  constexpr std::size_t most_digits = 8, most_trailer = 4096;
  if (done_) return State::done;
  for (;;) {
    auto const* const at = data + in_;
    auto const have = size - in_;
    switch (step_) {
      case Step::size: {
        std::size_t digits = 0, value = 0;
        while (digits < have && digits <= most_digits && hex_value(at[digits]) >= 0)
          value = value * 16 + static_cast<std::size_t>(hex_value(at[digits++]));
        if (digits > most_digits) return refuse("a chunk size has more than 8 digits");
        if (digits == have) return State::more;
        if (digits == 0) return refuse("a chunk begins with its size in hexadecimal digits");
        if (at[digits] == ';' || at[digits] == ' ' || at[digits] == '\t')
          return refuse("chunk extensions are not understood");
        if (at[digits] != '\r') return refuse("a chunk size must be followed by CR LF");
        if (digits + 1 == have) return State::more;
        if (at[digits + 1] != '\n') return refuse("a chunk size must be followed by CR LF");
        if (value > limit - std::min(limit, out_)) return State::too_large;
        in_ += digits + 2;
        left_ = value;
        step_ = value == 0 ? Step::trailer : Step::data;
        break;
      }
      case Step::data: {
        auto const piece = std::min(left_, have);
        if (piece == 0) return State::more;
        std::memmove(data + out_, at, piece);
        out_ += piece;
        in_ += piece;
        left_ -= piece;
        if (left_ == 0) step_ = Step::data_end;
        break;
      }
      case Step::data_end:
        if (have < 2) {
          if (have == 1 && at[0] != '\r') return refuse("a chunk must end with CR LF");
          return State::more;
        }
        if (at[0] != '\r' || at[1] != '\n') return refuse("a chunk must end with CR LF");
        in_ += 2;
        step_ = Step::size;
        break;
      case Step::trailer: {
        auto const* const end = static_cast<char const*>(std::memchr(at, '\n', have));
        auto const line = end == nullptr ? have : static_cast<std::size_t>(end - at) + 1;
        if (trailer_ + line > most_trailer) return refuse("the trailer fields are longer than 4096 bytes");
        if (end == nullptr) return State::more;
        if (line < 2 || at[line - 2] != '\r') return refuse("a trailer field must end with CR LF");
        if (std::memchr(at, '\r', line - 2) != nullptr) return refuse("a trailer field holds a bare CR");
        trailer_ += line;
        in_ += line;
        if (line == 2) {
          done_ = true;
          return State::done;
        }
        break;
      }
    }
  }
}

}  // namespace patchbay::http
