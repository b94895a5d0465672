#include "core/http_client/response_reader.hpp"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "core/base/ascii.hpp"
#include "core/http_client/text.hpp"

namespace patchbay::http_client {
namespace {

namespace http = boost::beast::http;
using ErrorCode = boost::system::error_code;
using Parser = http::response_parser<http::string_body>;

constexpr int most_interim = 16;

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
  return Error{Code::upstream_failed, "the server's answer is not HTTP: " + reason_of(error)};
}

}  // namespace

struct ResponseReader::Parsing {
  Parser parser;
  bool looked_at_header = false;
};

ResponseReader::ResponseReader(ResponseLimits limits, bool is_head)
    : limits_(limits), is_head_(is_head), buffer_(limits.max_header + 4096) {
  next_message();
}
ResponseReader::~ResponseReader() = default;

void ResponseReader::next_message() {
  parsing_ = std::make_unique<Parsing>();
  auto& parser = parsing_->parser;
  parser.header_limit(limits_.max_header);
  parser.body_limit(limits_.max_body);
  parser.eager(true);
  parser.skip(is_head_);
}

boost::asio::mutable_buffer ResponseReader::space() {
  if (begin_ > 0) {
    std::copy(buffer_.begin() + static_cast<std::ptrdiff_t>(begin_),
              buffer_.begin() + static_cast<std::ptrdiff_t>(end_), buffer_.begin());
    end_ -= begin_;
    begin_ = 0;
  }
  return {buffer_.data() + end_, buffer_.size() - end_};
}

Result<ResponseReader::State> ResponseReader::take(std::size_t n) {
  end_ += n;
  for (;;) {
    auto& parser = parsing_->parser;
    ErrorCode error;
    while (begin_ < end_ && !parser.is_done() && !error)
      begin_ += parser.put(boost::asio::const_buffer{buffer_.data() + begin_, end_ - begin_}, error);
    if (error && error != http::error::need_more) return failed(error, limits_);
    if (parser.is_header_done() && !parsing_->looked_at_header) {
      if (auto problem = refused(parser, limits_)) return *problem;
      parsing_->looked_at_header = true;
    }
    if (!parser.is_done()) break;
    if (parser.get().result_int() >= 200) return State::done;
    if (++interim_ > most_interim) return Error{Code::upstream_failed, "the server sends interim answers without end"};
    next_message();
  }
  // What the parser wants as a whole (a header, the line before a chunk) fits this buffer or is an attack.
  if (begin_ == 0 && end_ == buffer_.size())
    return Error{Code::upstream_failed, "the server's answer holds a line longer than any honest one"};
  return State::more;
}

Result<ResponseReader::State> ResponseReader::end() {
  ended_ = true;
  auto& parser = parsing_->parser;
  if (!parser.got_some()) return Error{Code::connection_lost, "the server closed the connection without an answer"};
  ErrorCode error;
  parser.put_eof(error);
  if (error) return failed(error, limits_);
  return State::done;
}

Response ResponseReader::answer() {
  auto& parser = parsing_->parser;
  auto& message = parser.get();
  Response out;
  out.keep = !ended_ && begin_ == end_ && !parser.need_eof() && parser.keep_alive();
  out.status = message.result_int();
  for (auto const& field : message) {
    auto const name = ascii::lowered({field.name_string().data(), field.name_string().size()});
    auto const value = readable({field.value().data(), field.value().size()});
    auto const [at, fresh] = out.headers.try_emplace(name, value);
    if (!fresh) at->second += (name == "set-cookie" ? "\n" : ", ") + value;
  }
  out.body = std::move(message.body());
  return out;
}

}  // namespace patchbay::http_client
