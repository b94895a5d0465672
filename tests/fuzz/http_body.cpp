// Chunked bodies: read in pieces they are what they are in one piece, never larger than the limit, and what is taken is
// never more than what came.
#include <cstdlib>
#include <cstring>
#include <string>

#include "gateway/surfaces/http_body.hpp"

using namespace patchbay;
using State = http::BodyReader::State;

namespace {

constexpr std::size_t limit = 1000;

http::BodyReader chunked() {
  http::RequestHead head;
  head.chunked = true;
  return http::BodyReader{head};
}

}  // namespace

// The first byte says how large the pieces are.
extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  if (size == 0) return 0;
  std::size_t const step = 1 + data[0] % 64;
  std::string const bytes{reinterpret_cast<char const*>(data) + 1, size - 1};

  auto whole = bytes;
  auto at_once = chunked();
  auto const expected = at_once.read(whole.data(), whole.size(), limit);

  auto buffer = bytes;
  auto in_pieces = chunked();
  auto state = State::more;
  for (std::size_t have = 0; state == State::more; have += step) {
    state = in_pieces.read(buffer.data(), std::min(have, buffer.size()), limit);
    if (have >= buffer.size()) break;
  }
  if (state != expected) std::abort();
  if (in_pieces.size() > limit || in_pieces.taken() > bytes.size()) std::abort();
  if (state != State::done) return 0;
  if (in_pieces.size() != at_once.size() || in_pieces.taken() != at_once.taken()) std::abort();
  if (std::memcmp(buffer.data(), whole.data(), at_once.size()) != 0) std::abort();
  // Asked again it says the same, and what follows is left alone.
  if (in_pieces.read(buffer.data(), buffer.size(), limit) != State::done) std::abort();
  if (bytes.compare(at_once.taken(), std::string::npos, whole, at_once.taken(), std::string::npos) != 0) std::abort();
  return 0;
}
