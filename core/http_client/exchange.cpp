#include "core/http_client/exchange.hpp"

#include <spdlog/fmt/fmt.h>

#include <array>
#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <vector>

#include "core/base/timer_wheel.hpp"
#include "core/http_client/text.hpp"

namespace patchbay::http_client {
namespace {

namespace http = boost::beast::http;
using ErrorCode = boost::system::error_code;
using Parser = http::response_parser<http::string_body>;

constexpr int most_informational = 16;

std::string words(ErrorCode const& error) {
  auto text = error.message();
  if (auto const at = text.find(" ["); at != std::string::npos) text.resize(at);  // Boost adds where it was made
  return text;
}

// A server that says two things about a message's end, or one we do not know, must not choose how we read it.
std::optional<Error> refused(Parser const& parser, ResponseLimits const& limits) {
  auto const& message = parser.get();
  auto const wrong = [](std::string text) { return Error{Code::upstream_failed, std::move(text)}; };
  auto const codings = message.equal_range(http::field::transfer_encoding);
  if (codings.first != codings.second) {
    if (std::next(codings.first) != codings.second || !boost::beast::iequals(codings.first->value(), "chunked"))
      return wrong("the server uses a transfer coding other than chunked");
    if (message.count(http::field::content_length) > 0)
      return wrong("the server gives both a length and a transfer coding");
  }
  if (message.result_int() == 101) return wrong("the server switched protocols without being asked");
  auto const coding = message[http::field::content_encoding];
  if (!limits.encoded && !coding.empty() && !boost::beast::iequals(coding, "identity"))
    return wrong("the server compressed its answer although it was asked not to");
  return std::nullopt;
}

Error failed(ErrorCode const& error, ResponseLimits const& limits) {
  if (error == http::error::body_limit)
    return Error{Code::too_large,
                 fmt::format("the answer's body has more than {} bytes: raise max_body to take it", limits.max_body),
                 "/max_body"};
  if (error == http::error::header_limit)
    return Error{Code::too_large, fmt::format("the answer's header has more than {} bytes", limits.max_header)};
  if (error == http::error::partial_message)
    return Error{Code::connection_lost, "the server closed the connection in the middle of its answer"};
  return Error{Code::upstream_failed, "the server's answer is not HTTP: " + words(error)};
}

void collect(Parser& parser, Response& out) {
  auto& message = parser.get();
  out.status = message.result_int();
  for (auto const& field : message) {
    auto const name = lower_case({field.name_string().data(), field.name_string().size()});
    auto const value = readable({field.value().data(), field.value().size()});
    auto const [at, fresh] = out.headers.try_emplace(name, value);
    if (!fresh) at->second += (name == "set-cookie" ? "\n" : ", ") + value;
  }
  out.body = std::move(message.body());
}

}  // namespace

Error Exchange::lost(ErrorCode const& error) const {
  if (expired_) return Error{Code::deadline_exceeded, "the server did not answer within the time"};
  if (error == asio::error::operation_aborted) return Error{Code::cancelled, "the request was cancelled"};
  return Error{Code::connection_lost, "the connection was lost: " + words(error)};
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

  std::vector<char> buffer(limits_.max_header + 4096);
  std::size_t begin = 0, end = 0;
  std::optional<Parser> parser;
  auto const next_message = [&] {
    parser.emplace();
    parser->header_limit(limits_.max_header);
    parser->body_limit(limits_.max_body);
    parser->eager(true);
    parser->skip(is_head);
  };
  next_message();
  int informational = 0;
  bool looked_at_header = false;
  for (;;) {
    ErrorCode error;
    while (begin < end && !parser->is_done()) {
      begin += parser->put(asio::const_buffer{buffer.data() + begin, end - begin}, error);
      if (error) break;
    }
    if (error && error != http::error::need_more) co_return failed(error, limits_);
    if (parser->is_header_done() && !looked_at_header) {
      if (auto problem = refused(*parser, limits_)) co_return *problem;
      looked_at_header = true;
    }
    if (parser->is_done()) {
      if (parser->get().result_int() >= 200) break;
      if (++informational > most_informational)
        co_return Error{Code::upstream_failed, "the server sends interim answers without end"};
      next_message();
      looked_at_header = false;
      if (begin < end) continue;
    }
    if (begin > 0) {
      std::copy(buffer.begin() + static_cast<std::ptrdiff_t>(begin), buffer.begin() + static_cast<std::ptrdiff_t>(end),
                buffer.begin());
      end -= begin;
      begin = 0;
    }
    // What the parser wants as a whole (a header, the line before a chunk) fits this buffer or is an attack.
    if (end == buffer.size())
      co_return Error{Code::upstream_failed, "the server's answer holds a line longer than any honest one"};
    // A cancellation that came while nothing was pending has aborted nothing.
    auto const state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) {
      ErrorCode const aborted = asio::error::operation_aborted;
      co_return lost(aborted);
    }
    auto [read_error, n] =
        co_await stream_.async_read_some(asio::buffer(buffer.data() + end, buffer.size() - end), use_task_tuple);
    if (read_error == asio::error::eof) {
      // With TLS this is a proper farewell: a cut connection shows as stream_truncated.
      if (!parser->got_some()) {
        if (unsent) co_return lost(unsent);
        co_return Error{Code::connection_lost, "the server closed the connection without an answer"};
      }
      parser->put_eof(error);
      if (error) co_return failed(error, limits_);
      break;
    }
    if (read_error) co_return lost(unsent && received_ == 0 ? unsent : read_error);
    end += n;
    received_ += n;
  }
  Response out;
  out.keep = !unsent && begin == end && !parser->need_eof() && parser->keep_alive();
  collect(*parser, out);
  co_return out;
}

}  // namespace patchbay::http_client
