// BodyReader: finds the end of one request body in the bytes that follow the header, and takes a chunked one apart in
// place, so that the body is one piece of memory either way.
//
//   BodyReader body{head};
//   switch (body.read(data, size, limit)) { case more: ... case done: use {data, body.size()}; skip body.taken(); }
//
// `data` is where the body starts; it may have moved between two calls, its content not. Chunks: hexadecimal size of at
// most 8 digits, no extensions; trailer fields are read over, at most 4 KiB of them. No allocations. One thread.
#pragma once

#include "gateway/surfaces/http_head.hpp"

namespace patchbay::http {

class BodyReader {
 public:
  enum class State { more, done, malformed, too_large };

  BodyReader() = default;
  explicit BodyReader(RequestHead const& head) : chunked_(head.chunked), length_(head.body_bytes) {}

  State read(char* data, std::size_t size, std::size_t limit);

  std::size_t size() const { return chunked_ ? out_ : static_cast<std::size_t>(length_); }  // of the body
  std::size_t taken() const { return chunked_ ? in_ : static_cast<std::size_t>(length_); }  // of the bytes that came
  char const* problem() const { return problem_; }

 private:
  enum class Step { size, data, data_end, trailer };
  State read_chunked(char* data, std::size_t size, std::size_t limit);
  State refuse(char const* problem) {
    problem_ = problem;
    return State::malformed;
  }

  bool chunked_ = false;
  std::uint64_t length_ = 0;
  Step step_ = Step::size;
  std::size_t in_ = 0;       // read so far
  std::size_t out_ = 0;      // body bytes moved together
  std::size_t left_ = 0;     // of the chunk
  std::size_t trailer_ = 0;  // bytes of trailer fields
  bool done_ = false;
  char const* problem_ = "";
};

}  // namespace patchbay::http
