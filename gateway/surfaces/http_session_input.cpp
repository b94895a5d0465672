// Reading: what came, request by request.
#include <spdlog/fmt/fmt.h>

#include "gateway/surfaces/http_session.hpp"

namespace patchbay::http {
namespace {

using ErrorCode = boost::system::error_code;

constexpr std::size_t read_ahead = 64 << 10;  // pipelined requests and their unsent answers
constexpr std::size_t most_in_a_row = 32;     // requests of one connection before others have their turn

}  // namespace

void Session::read() {
  if (reading_ || input_ended_ || gone_ || phase_ == Phase::closed) return;
  in_.rewind();
  if (in_.free_size() == 0) {
    // While a call runs, further requests wait in the kernel.
    if (phase_ == Phase::calling && in_.size() >= read_ahead) return;
    auto const* const before = in_.data();
    in_.reserve(std::max(first_buffer, in_.size() * 2));
    if (phase_ == Phase::body) head_.rebase(before, in_.data());
    if (!hold_memory()) return;
  }
  reading_ = true;
  socket_.async_read_some(
      asio::mutable_buffer{in_.free_data(), in_.free_size()},
      [self = shared_from_this()](ErrorCode error, std::size_t count) { self->on_read(error, count); });
}

// The memory that this connection holds beyond what any may; false: the address has too much of it.
bool Session::hold_memory() {
  auto bytes = in_.capacity() > free_of_charge ? in_.capacity() : 0;
  if (writing_) bytes += out_.size() - sent_;
  if (held_.set(client_, bytes)) return true;
  state_->counters.cut("address_bytes");
  if (phase_ == Phase::body) {
    unread_ = true;
    exchange_.keep_alive = false;
    answer_error(Error{Code::unavailable, "too much unfinished data from this address", "", 1000});
    flush();
  } else {
    abandon();
  }
  return false;
}

void Session::on_read(ErrorCode error, std::size_t count) {
  reading_ = false;
  if (phase_ == Phase::closed) return;
  if (error) return on_input_end();
  state_->counters.read(count);
  if (phase_ == Phase::lingering) {
    in_ = InputBuffer{};
    return read();
  }
  in_.commit(count);
  if (phase_ == Phase::calling) return read();
  process();
}

void Session::on_input_end() {
  input_ended_ = true;
  if (phase_ == Phase::calling) {
    // It might have closed one direction only, but no client of ours does: it has gone.
    gone_ = true;
    if (stream_) stream_->drained();
    return call().stop(Stopped::cancelled);
  }
  if (writing_) {
    close_after_ = true;
    return;
  }
  close();
}

void Session::process() {
  if (processing_) return;
  processing_ = true;
  now_ = state_->clock.now();
  std::size_t served = 0;
  bool go_on = true, paused = false;
  while (go_on && !close_after_ && (phase_ == Phase::idle || phase_ == Phase::head || phase_ == Phase::body)) {
    paused = served++ == most_in_a_row || out_.size() - sent_ > read_ahead;
    if (paused) break;
    go_on = advance();
  }
  processing_ = false;
  flush();
  if (phase_ == Phase::closed || phase_ == Phase::lingering) return;
  if (paused) {
    // Others have their turn first; a connection that does not take its answers goes on when it has.
    if (!writing_) asio::post(state_->shard.executor(), [self = shared_from_this()] { self->process(); });
  } else if (!close_after_) {
    read();
  }
  schedule();
}

bool Session::advance() { return phase_ == Phase::body ? advance_body() : advance_head(); }

bool Session::advance_head() {
  if (phase_ == Phase::idle) {
    // An empty line before a request is read over (RFC 9112, 2.2).
    while (in_.size() >= 2 && in_.data()[0] == '\r' && in_.data()[1] == '\n') in_.consume(2);
    if (in_.size() == 0) {
      if (!reading_) in_.shrink();
      hold_memory();
      return false;
    }
  }
  auto const bytes = in_.view();
  auto const& config = *state_->config;
  auto const end = find_head_end(bytes, searched_);
  if (end == 0) {
    searched_ = bytes.size();
    if (phase_ == Phase::idle) {
      phase_ = Phase::head;
      set_deadline(config.settings.header_timeout_ms);
    }
    if (auto problem = unfinished_head_problem(bytes, config.head)) {
      head_ = RequestHead{};
      exchange_ = Exchange{};
      answer_problem(*problem);
    }
    return false;
  }
  searched_ = 0;
  auto problem = parse_head(bytes.substr(0, end), config.head, head_);
  exchange_ = Exchange{};
  exchange_.method = head_.method;
  exchange_.is_1_0 = head_.is_1_0;
  exchange_.keep_alive = head_.keep_alive && !state_->draining;
  if (problem) {
    answer_problem(*problem);
    return true;
  }
  body_ = BodyReader{head_};
  if (!begin_request()) return phase_ == Phase::idle;
  phase_ = Phase::body;
  set_deadline(config.settings.body_timeout_ms);
  return advance_body();
}

bool Session::advance_body() {
  auto const limit = static_cast<std::size_t>(state_->config->settings.tool_body_bytes);
  auto* const data = in_.data() + head_.size;
  switch (body_.read(data, in_.size() - head_.size, limit)) {
    case BodyReader::State::more: continue_expected(); return false;
    case BodyReader::State::malformed:
      answer_problem(Problem{400, Code::invalid_argument, fmt::format("malformed body: {}", body_.problem())});
      return true;
    case BodyReader::State::too_large:
      answer_problem(Problem{413, Code::too_large, fmt::format("a body may have {} bytes", limit)});
      return true;
    case BodyReader::State::done: break;
  }
  start_call({data, body_.size()});
  return phase_ != Phase::calling;
}

// Sent once, when nothing speaks against the request and its body has not come along by itself.
void Session::continue_expected() {
  if (!head_.has(Field::expect) || head_.is_1_0 || in_.size() > head_.size || out_.size() > sent_) return;
  out_ += "HTTP/1.1 100 Continue\r\n\r\n";
}

}  // namespace patchbay::http
