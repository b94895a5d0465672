// Calls: who is asking, what is asked for, and what streams while it runs.
#include <spdlog/fmt/fmt.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <charconv>

#include "core/security/operations.hpp"
#include "gateway/surfaces/http_session.hpp"

namespace patchbay::http {
namespace {

using std::chrono::milliseconds;

PrincipalPtr const& nobody() {
  static PrincipalPtr const anonymous = std::make_shared<Principal const>(Principal{.name = "anonymous", .scopes = {}});
  return anonymous;
}

// Takes `token` out of a query.
std::string take_token(std::string& query) {
  std::string rest, token;
  for (std::string_view left{query}; !left.empty();) {
    auto const end = left.find('&');
    auto const pair = left.substr(0, end);
    left = end == std::string_view::npos ? std::string_view{} : left.substr(end + 1);
    if (pair.starts_with("token="))
      token = decoded(pair.substr(6), false).value_or("");
    else
      rest.append(rest.empty() ? "" : "&").append(pair);
  }
  query = std::move(rest);
  return token;
}

}  // namespace

// Asks SECURITY who is calling. What it said is kept for a second, for the same credentials on the same connection.
Result<PrincipalPtr> Session::authenticate(std::string const& query_token) {
  auto const header = head_[Field::authorization];
  auto const generation = state_->shared->credentials.load(std::memory_order_relaxed);
  auto& kept = credentials_;
  if (query_token.empty() && kept.who && now_ < kept.until && kept.generation == generation &&
      kept.forwarded == head_.forwarded && kept.header == header && client_ == peer_)
    return kept.who;
  Call asking{gateway_principal()};
  security::AuthenticateArgs args{query_token, std::string{header},
                                  client_ == peer_ ? client_text_ : client_.to_string(), head_.forwarded};
  auto reply = state_->caller.start(security::authenticate, asking, std::move(args));
  if (!reply.ready()) return Error{Code::internal, "SECURITY.authenticate must answer at once"};
  auto& result = reply.result();
  if (!result) {
    if (header.empty() && exchange_.target.is_liveness && result.error().code == Code::unauthenticated) return nobody();
    return result.error();
  }
  auto who = std::move(result->who);
  if (!who) who = std::make_shared<Principal const>(Principal{.name = result->principal, .scopes = result->scopes});
  if (query_token.empty())
    kept = Credentials{std::string{header}, head_.forwarded, generation, now_ + std::chrono::seconds{1}, who};
  return who;
}

// Whether a stream is sent as server-sent events. A path that is a stream of events and nothing else, such as
// /events/{channel}, is one also for who does not say what they take; a tool streams lines then.
bool Session::wants_events() const {
  auto const accept = head_[Field::accept];
  if (lists(accept, events_type)) return true;
  return exchange_.target.is_own_route && !exchange_.target.body_is_args && !lists(accept, lines_type);
}

void Session::start_call(std::string_view body) {
  auto& state = *state_;
  auto const& target = exchange_.target;
  auto const& row = *target.row;
  std::string query{head_.query}, query_token;
  // EventSource sends no header: a stream of events may have its token in the query.
  if (row.info.streaming && !query.empty() && !head_.has(Field::authorization) && wants_events())
    query_token = take_token(query);
  auto who = authenticate(query_token);
  if (!who) return answer_error(who.error());

  std::string built;
  // An operation that takes its own ids back says so by an argument of this name.
  if (auto const last = head_[Field::last_event_id]; row.info.streaming && !last.empty() &&
                                                     !EventStream::is_end_id(last) &&
                                                     row.info.args.find("last_event_id") != nullptr)
    exchange_.target.parameters.emplace_back("last_event_id", last);
  if (!target.body_is_args || !query.empty() || !target.parameters.empty()) {
    auto arguments = arguments_of(row.info.args, target, query, body);
    if (!arguments) return answer_error(arguments.error());
    built = std::move(*arguments);
    body = built;
  }
  auto& place = calls_[call_turn_];
  place.emplace(std::move(*who));
  if (exchange_.trace.exists()) place->set_trace(exchange_.trace);
  if (head_.has(Field::timeout_ms)) {
    auto const text = head_[Field::timeout_ms];
    std::int64_t budget = 0;
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), budget);
    if (error != std::errc{} || end != text.data() + text.size() || budget < 1 || budget > 86'400'000)
      return answer_error(Error{Code::invalid_argument, "Patchbay-Timeout-Ms must be milliseconds from 1 to 86400000"});
    place->limit(Deadline{now_ + milliseconds{budget}});
  }
  if (row.info.streaming) {
    auto const as_events = exchange_.as_events = wants_events();
    if (EventStream::is_end_id(head_[Field::last_event_id])) return answer(204, "", "", no_store);
    if (head_.method == Method::head) {
      exchange_.keep_alive = false;
      return answer(200, as_events ? events_type : lines_type, "", no_store);
    }
    exchange_.streams = true;
    // Events end with the connection; lines in chunks leave it usable.
    if (as_events || exchange_.is_1_0) exchange_.keep_alive = false;
    stream_.emplace(static_cast<StreamOutput&>(*this), *place, state.shard.executor(),
                    as_events ? StreamForm::events : StreamForm::lines, !as_events && !exchange_.is_1_0,
                    static_cast<std::size_t>(state.config->settings.stream_buffer_bytes));
    place->set_events(&*stream_);
    stream_deadline_ = now_ + milliseconds{state.config->settings.stream_opening_ms};
  }
  run(state.caller.start_json(row, *place, body, state.config->json));
}

void Session::run(Reply<Answer> reply) {
  if (reply.ready()) return finish_call(reply.result());
  phase_ = Phase::calling;
  phase_deadline_ = SteadyTime::max();
  exchange_.taken = take_request();  // the handler has its arguments
  auto done = [self = shared_from_this()](std::exception_ptr failure, Result<Answer> result) {
    self->on_call_end(failure, std::move(result));
  };
  asio::co_spawn(state_->shard.executor(), reply.task(),
                 asio::bind_cancellation_slot(call().signal().slot(), std::move(done)));
}

void Session::on_call_end(std::exception_ptr failure, Result<Answer> result) {
  now_ = state_->clock.now();
  // The Caller turns exceptions into errors; what is left is the end of a coroutine before it began.
  if (failure) result = Error{Code::cancelled, "the call was cancelled before it began"};
  if (gone_) {
    state_->counters.answered(exchange_.method, 499);
    stream_.reset();
    phase_ = Phase::closed;
    socket_.close();
    timer_.disarm();
    return;
  }
  exchange_.keep_alive = exchange_.keep_alive && !state_->draining;
  finish_call(result);
  call_turn_ ^= 1;
  process();
}

void Session::finish_call(Result<Answer>& result) {
  stream_deadline_ = SteadyTime::max();
  if (stream_ && (stream_->is_open() || result.has_value())) {
    std::string envelope;
    if (result)
      append_success(envelope, *result);
    else
      envelope = error_body(result.error(), call().ensure_trace());
    stream_->end(envelope);
    stream_.reset();
    return end_request();
  }
  stream_.reset();
  if (!exchange_.trace.exists()) exchange_.trace = call().trace();
  if (!result) return answer_error(result.error());
  if (exchange_.target.raw) return answer_raw(*result);
  answer_success(*result);
}

// --- streams

void Session::stream_open() {
  auto const chunked = !exchange_.as_events && !exchange_.is_1_0;
  append_answer_head(200, exchange_.as_events ? events_type : lines_type, std::nullopt, no_store, chunked);
  stream_deadline_ = now_ + milliseconds{state_->config->settings.stream_heartbeat_ms};
}

void Session::stream_flush() {
  if (flush_posted_ || processing_) return;
  flush_posted_ = true;
  // At the end of this turn, with whatever else is emitted in it.
  asio::post(state_->shard.executor(), [self = shared_from_this()] {
    self->flush_posted_ = false;
    if (self->phase_ != Phase::calling) return;
    self->now_ = self->state_->clock.now();
    self->stream_deadline_ = self->now_ + milliseconds{self->state_->config->settings.stream_heartbeat_ms};
    self->flush();
    self->schedule();
  });
}

bool Session::stream_gone() const { return gone_ || phase_ == Phase::closed; }

}  // namespace patchbay::http
