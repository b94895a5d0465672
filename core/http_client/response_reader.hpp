// ResponseReader: the bytes of a connection in, one answer out. The only place that knows Beast's parser; no sockets,
// so that tests and fuzzers feed it what they like.
//
//   ResponseReader reader{limits, false};
//   auto n = read(reader.space());
//   Result<ResponseReader::State> state = reader.take(n);         // more or done; any error ends the connection
//   if (end_of_stream) state = reader.end();
//   Response answer = reader.answer();
//
// Interim answers (1xx) are skipped. What could hide a second answer is refused: two kinds of length, an unknown
// transfer coding, a switch of protocols. Memory is bounded by the limits and one buffer of the header's size.
#pragma once

#include <boost/asio/buffer.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"

namespace patchbay::http_client {

struct Response {
  unsigned status = 0;
  std::map<std::string, std::string> headers;  // lower-case names, UTF-8 values
  std::string body;
  bool keep = false;  // the connection may carry another exchange

  std::string_view header(std::string const& name) const {
    auto const found = headers.find(name);
    return found == headers.end() ? std::string_view{} : std::string_view{found->second};
  }
};

struct ResponseLimits {
  std::uint32_t max_header = 32'768;
  std::uint64_t max_body = 16'777'216;
  bool encoded = false;  // the caller asked for a content coding and gets the bytes as they come
};

class ResponseReader {
 public:
  enum class State : std::uint8_t { more, done };

  // `is_head`: the answer to HEAD, which has no body whatever its header says.
  ResponseReader(ResponseLimits limits, bool is_head);
  ~ResponseReader();
  ResponseReader(ResponseReader const&) = delete;
  ResponseReader& operator=(ResponseReader const&) = delete;

  // Where the next bytes go; never empty while the state is `more`.
  boost::asio::mutable_buffer space();
  // So many bytes have come there. Errors: upstream_failed, too_large.
  Result<State> take(std::size_t n);
  // The server has ended the stream in good order. Errors: connection_lost when its answer is not whole.
  Result<State> end();
  // Once it is done.
  Response answer();

 private:
  struct Parsing;
  void next_message();

  ResponseLimits const limits_;
  bool const is_head_;
  std::unique_ptr<Parsing> parsing_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0, end_ = 0;
  int interim_ = 0;
  bool ended_ = false;
};

}  // namespace patchbay::http_client
