// One request and its answer on one connection. The only place that knows Beast's parser.
//
//   Exchange exchange{stream, limits, deadline};
//   Result<Response> answer = co_await exchange.run(head, body, is_head);
//   if (!answer && !exchange.received_any()) ...        // a kept connection that the server had closed meanwhile
//
// Runs on the shard of its stream. The whole head and body are sent, then the answer is read; both by the deadline,
// after which the stream is closed. An answer that breaks the protocol in a way that could hide a second one ends the
// connection: two kinds of length, an unknown transfer coding, bytes after the end.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "core/base/clock.hpp"
#include "core/base/counters.hpp"
#include "core/base/result.hpp"
#include "core/runtime/stream.hpp"

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

class Exchange {
 public:
  Exchange(Stream& stream, ResponseLimits limits, Deadline deadline)
      : stream_(stream), limits_(limits), deadline_(deadline) {}

  // Errors: connection_lost, upstream_failed, too_large, deadline_exceeded, cancelled.
  Task<Result<Response>> run(std::string_view head, std::string_view body, bool is_head);
  std::uint64_t sent() const { return sent_; }
  std::uint64_t received() const { return received_; }

 private:
  Task<Result<Response>> steps(std::string_view head, std::string_view body, bool is_head);
  Task<boost::system::error_code> send(std::string_view head, std::string_view body);
  Error lost(boost::system::error_code const& error) const;

  Stream& stream_;
  ResponseLimits const limits_;
  Deadline const deadline_;
  std::uint64_t sent_ = 0, received_ = 0;
  bool expired_ = false;
};

}  // namespace patchbay::http_client
