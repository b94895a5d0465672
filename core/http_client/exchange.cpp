#include "core/http_client/exchange.hpp"

#include <array>
#include <boost/asio/write.hpp>

#include "core/base/timer_wheel.hpp"
#include "core/http_client/text.hpp"

namespace patchbay::http_client {

using ErrorCode = boost::system::error_code;

Error Exchange::lost(ErrorCode const& error) const {
  if (expired_) return Error{Code::deadline_exceeded, "the server did not answer within the time"};
  if (error == asio::error::operation_aborted) return Error{Code::cancelled, "the request was cancelled"};
  return Error{Code::connection_lost, "the connection was lost: " + reason_of(error)};
}

Task<Result<Response>> Exchange::run(std::string_view head, std::string_view body, bool is_head) {
  Timer limit{[this] {
    expired_ = true;
    stream_.close();
  }};
  if (auto* wheel = TimerWheel::current(); wheel != nullptr && deadline_.exists()) wheel->arm_at(limit, deadline_.at());
  auto result = co_await steps(head, body, is_head);
  if (!result || !result->keep) stream_.close();
  co_return result;
}

Task<ErrorCode> Exchange::send(std::string_view head, std::string_view body) {
  std::array<asio::const_buffer, 2> const parts{asio::buffer(head), asio::buffer(body)};
  auto [error, n] = co_await asio::async_write(stream_, parts, use_task_tuple);
  sent_ = n;
  co_return error;
}

Task<Result<Response>> Exchange::steps(std::string_view head, std::string_view body, bool is_head) {
  auto const unsent = co_await send(head, body);
  // A server that refuses early answers and closes: what it said is worth more than that our sending failed.
  if (unsent && (expired_ || unsent == asio::error::operation_aborted || sent_ == 0)) co_return lost(unsent);

  ResponseReader reader{limits_, is_head};
  for (auto progress = ResponseReader::State::more; progress != ResponseReader::State::done;) {
    // A cancellation that came while nothing was pending has aborted nothing.
    auto const state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) {
      ErrorCode const aborted = asio::error::operation_aborted;
      co_return lost(aborted);
    }
    auto const space = reader.space();
    auto [error, n] = co_await stream_.async_read_some(space, use_task_tuple);
    received_ += n;
    // With TLS the end is a proper farewell: a cut connection shows as stream_truncated.
    bool const ended = error == asio::error::eof;
    if (unsent && received_ == 0 && error) co_return lost(unsent);
    if (error && !ended) co_return lost(error);
    auto taken = ended ? reader.end() : reader.take(n);
    if (!taken) co_return taken.error();
    progress = *taken;
  }
  auto answer = reader.answer();
  answer.keep = answer.keep && !unsent;
  co_return answer;
}

}  // namespace patchbay::http_client
