// One request and its answer on one connection.
//
//   Exchange exchange{stream, limits, deadline};
//   Result<Response> answer = co_await exchange.run(head, body, is_head);
//   if (!answer && exchange.received() == 0) ...        // a kept connection that the server had closed meanwhile
//
// Runs on the shard of its stream. The whole head and body are sent, then the answer is read; both by the deadline,
// after which the stream is closed, as it is after any answer that does not let it be used again.
#pragma once

#include <string_view>

#include "core/base/clock.hpp"
#include "core/base/result.hpp"
#include "core/http_client/response_reader.hpp"
#include "core/runtime/stream.hpp"

namespace patchbay::http_client {

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
