// Answers, and how they are sent.
#include <spdlog/fmt/fmt.h>

#include "gateway/surfaces/http_session.hpp"

#include "core/base/ascii.hpp"

namespace patchbay::http {
namespace {

using std::chrono::milliseconds;
using ErrorCode = boost::system::error_code;

constexpr std::size_t kept_output = 64 << 10;
constexpr auto linger_ms = 2000;

constexpr std::string_view page_lines =
    "Cache-Control: no-cache\r\n"
    "Content-Security-Policy: default-src 'self'; frame-ancestors 'none'\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cross-Origin-Opener-Policy: same-origin\r\n";

bool is_compressible(std::string_view type) {
  return type.starts_with("text/") || type.starts_with("application/json") || type.starts_with("image/svg") ||
         type.starts_with("application/openmetrics");
}

}  // namespace

void Session::append_answer_head(std::uint16_t status, std::string_view type, std::optional<std::size_t> length,
                                 std::string_view extra, bool chunked) {
  // A request whose end has not come cannot be stepped over: the connection ends with its answer.
  if (!exchange_.taken) {
    exchange_.taken = take_request();
    if (!exchange_.taken) unread_ = true;
    if (!exchange_.taken) exchange_.keep_alive = false;
  }
  extra_.assign(extra);
  if (exchange_.cross_origin) {
    extra_ += "Access-Control-Allow-Origin: ";
    extra_ += allowed_origin_;
    extra_ += "\r\nVary: Origin\r\nAccess-Control-Expose-Headers: Retry-After, traceparent, WWW-Authenticate\r\n";
  }
  if (exchange_.trace.exists()) {
    extra_ += "traceparent: ";
    extra_ += exchange_.trace.traceparent();
    extra_ += "\r\n";
  }
  HeadLines const lines{.status = status,
                        .type = type,
                        .date = state_->date.at(now_, state_->clock),
                        .keep_alive = exchange_.keep_alive,
                        .is_1_0 = exchange_.is_1_0,
                        .chunked = chunked,
                        .extra = extra_};
  append_head(out_, lines, length);
  state_->counters.answered(exchange_.method, status);
}

void Session::answer(std::uint16_t status, std::string_view type, std::string_view body, std::string_view extra,
                     bool may_compress) {
  auto const least = static_cast<std::size_t>(state_->config->settings.gzip_bytes);
  constexpr std::size_t most = 8 << 20;  // more would hold up the other connections for too long
  if (may_compress && exchange_.gzip && body.size() >= least && body.size() <= most && is_compressible(type)) {
    if (auto small = gzipped(body)) {
      auto const lines = fmt::format("{}Content-Encoding: gzip\r\nVary: Accept-Encoding\r\n", extra);
      return answer(status, type, *small, lines, false);
    }
  }
  auto const has_body = status != 204 && status != 304;
  append_answer_head(status, type, has_body ? std::optional{body.size()} : std::nullopt, extra);
  if (has_body && exchange_.method != Method::head) out_ += body;
  end_request();
}

void Session::answer_success(Answer const& answer) {
  if (exchange_.target.bare) return this->answer(200, json_type, answer.data, no_store);
  auto const size = success_size(answer);
  if (exchange_.gzip && size >= static_cast<std::size_t>(state_->config->settings.gzip_bytes)) {
    std::string body;
    body.reserve(size);
    append_success(body, answer);
    return this->answer(200, json_type, body, no_store);
  }
  append_answer_head(200, json_type, size, no_store);
  if (exchange_.method != Method::head) append_success(out_, answer);
  end_request();
}

// The operation wrote an answer of its own: {"content_type","body","status"?}.
void Session::answer_raw(Answer const& answer) {
  auto const parsed = json::parse(answer.data, json::upstream_limits);
  if (!parsed) return answer_error(Error{Code::internal, "the operation's result is not JSON"});
  auto type = std::string{json::find_text(parsed->document, "content_type")};
  for (char& c : type)
    if (c < ' ' || c == 0x7F) c = ' ';
  auto status = std::uint16_t{200};
  if (auto const* given = json::find(parsed->document, "status");
      given != nullptr && given->IsUint() && given->GetUint() >= 200 && given->GetUint() < 600)
    status = static_cast<std::uint16_t>(given->GetUint());
  auto const* body = json::find(parsed->document, "body");
  if (body != nullptr && !body->IsString()) return this->answer(status, type, json::to_text(*body), no_store);
  this->answer(status, type, json::find_text(parsed->document, "body"), no_store);
}

void Session::answer_error(Error const& error, std::uint16_t status, std::string_view extra) {
  if (!exchange_.trace.exists()) exchange_.trace = TraceId::make();
  if (status == 0) status = row_of(error.code).http_status;
  std::string lines{extra};
  lines += no_store;
  if (auto const seconds = retry_after_seconds(error); seconds > 0 && status != 504)
    lines += fmt::format("Retry-After: {}\r\n", seconds);
  if (status == 401) lines += "WWW-Authenticate: Bearer\r\n";
  auto const body = error_body(error, exchange_.trace);
  answer(status, json_type, body, lines, false);
}

// A refusal before the body was read: it is skipped when it is here already, else the connection ends.
void Session::answer_problem(Problem const& problem) {
  if (problem.close) {
    exchange_.keep_alive = false;
    unread_ = true;
  }
  std::string_view extra;
  if (problem.status == 426) extra = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nConnection: Upgrade\r\n";
  if (problem.status == 405) extra = "Allow: GET, HEAD, POST, OPTIONS\r\n";
  if (problem.status == 415) extra = "Accept: application/json\r\n";
  answer_error(Error{problem.code, problem.message}, problem.status, extra);
}

void Session::answer_page(Page const& page) {
  auto const lines = fmt::format("{}ETag: {}\r\n", page_lines, page.etag);
  if (head_.has(Field::if_none_match) && lists(head_[Field::if_none_match], page.etag))
    return answer(304, "", "", lines);
  answer(200, page.type, page.bytes, lines);
}

void Session::answer_preflight() {
  auto lines = fmt::format(
      "Access-Control-Allow-Methods: {}\r\n"
      "Access-Control-Allow-Headers: Authorization, Content-Type, Patchbay-Timeout-Ms, traceparent, Last-Event-ID\r\n"
      "Access-Control-Max-Age: 600\r\n",
      exchange_.target.allow);
  if (ascii::same(head_[Field::preflight_network], "true")) lines += "Access-Control-Allow-Private-Network: true\r\n";
  answer(204, "", "", lines);
}

void Session::answer_options() { answer(204, "", "", fmt::format("Allow: {}\r\n", exchange_.target.allow)); }

// The answer is in the output: its request's bytes are used up, or nobody will read them.
void Session::end_request() {
  if (state_->log.enabled(LogLevel::debug, "http")) {
    auto const path = shown(head_.path, 200);
    state_->log.write(LogLevel::debug, "http", "request answered",
                      {{"method", name_of(exchange_.method)}, {"path", path}, {"peer", client_text_}});
  }
  searched_ = 0;
  if (!exchange_.keep_alive) close_after_ = true;
  phase_ = Phase::idle;
  idle_since_ = now_;
  set_deadline(state_->config->settings.idle_timeout_ms);
}

// Removes the request from the input; false when not all of it is there.
bool Session::take_request() {
  if (unread_ || head_.size == 0) return false;
  auto const limit = static_cast<std::size_t>(state_->config->settings.tool_body_bytes);
  if (body_.read(in_.data() + head_.size, in_.size() - head_.size, limit) != BodyReader::State::done) return false;
  in_.consume(head_.size + body_.taken());
  head_.size = 0;
  return true;
}

void Session::flush() {
  if (writing_ || phase_ == Phase::closed) return;
  while (sent_ < out_.size() || socket_.pending()) {
    ErrorCode error;
    auto const count = socket_.write_some(asio::const_buffer{out_.data() + sent_, out_.size() - sent_}, error);
    sent_ += count;
    state_->counters.written(count);
    if (error == asio::error::would_block) {
      writing_ = true;
      now_ = state_->clock.now();
      write_deadline_ = now_ + milliseconds{state_->config->settings.write_timeout_ms};
      socket_.async_wait_write([self = shared_from_this()](ErrorCode failure) { self->on_writable(failure); });
      if (!hold_memory()) return;
      schedule();
      return;
    }
    if (error) return abandon();
  }
  if (sent_ > 0) {
    out_.clear();
    sent_ = 0;
    if (out_.capacity() > kept_output) out_.shrink_to_fit();
  }
  if (stream_) stream_->drained();
  if (close_after_ && phase_ != Phase::calling) close_when_sent();
}

void Session::on_writable(ErrorCode error) {
  writing_ = false;
  write_deadline_ = SteadyTime::max();
  if (phase_ == Phase::closed || gone_) return;
  if (error) return abandon();
  flush();
  if (phase_ == Phase::closed || writing_) return;
  hold_memory();
  if (phase_ == Phase::idle && !close_after_) process();
}

// With input that nobody read a plain close would reset the connection and could take the answer with it.
void Session::close_when_sent() {
  if (phase_ == Phase::lingering || phase_ == Phase::closed) return;
  if (input_ended_ || (!unread_ && in_.size() == 0)) return close();
  phase_ = Phase::lingering;
  socket_.shutdown_send();
  if (!reading_) in_ = InputBuffer{};
  set_deadline(linger_ms);
  read();
  schedule();
}

}  // namespace patchbay::http
