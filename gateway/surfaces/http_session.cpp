#include "gateway/surfaces/http_session.hpp"

#include <spdlog/fmt/fmt.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/write.hpp>
#include <charconv>
#include <cstring>

#include "core/security/operations.hpp"

namespace patchbay::http {
namespace {

using std::chrono::milliseconds;
using ErrorCode = boost::system::error_code;

constexpr std::size_t first_buffer = 4096;
constexpr std::size_t free_of_charge = 16 << 10;  // buffers up to this size are not held against the address
constexpr std::size_t read_ahead = 64 << 10;      // pipelined requests and their unsent answers
constexpr std::size_t most_in_a_row = 32;         // requests of one connection before others have their turn
constexpr std::size_t kept_output = 64 << 10;
constexpr auto linger_ms = 2000;

constexpr std::string_view no_store = "Cache-Control: no-store\r\n";
constexpr std::string_view page_lines =
    "Cache-Control: no-cache\r\n"
    "Content-Security-Policy: default-src 'self'; frame-ancestors 'none'\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cross-Origin-Opener-Policy: same-origin\r\n";

PrincipalPtr const& nobody() {
  static PrincipalPtr const anonymous = std::make_shared<Principal const>(Principal{.name = "anonymous", .scopes = {}});
  return anonymous;
}

bool accepts_gzip(std::string_view list) {
  while (!list.empty()) {
    auto const comma = list.find(',');
    auto const item = list.substr(0, comma);
    list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
    auto const semicolon = item.find(';');
    auto const name = trimmed(item.substr(0, semicolon));
    if (!equal_no_case(name, "gzip") && name != "*") continue;
    auto const weight = semicolon == std::string_view::npos ? std::string_view{} : trimmed(item.substr(semicolon + 1));
    return weight.find_first_not_of("q=0. ") != std::string_view::npos || weight.empty();
  }
  return false;
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

bool is_compressible(std::string_view type) {
  return type.starts_with("text/") || type.starts_with("application/json") || type.starts_with("image/svg") ||
         type.starts_with("application/openmetrics");
}

}  // namespace

void HttpCounters::answered(Method method, std::uint16_t status) {
  auto const key = (static_cast<std::uint32_t>(method) << 16) | status;
  for (auto& known : known_)
    if (known.key == key) return known.counter.add();
  known_.push_back(
      {key, counters_.counter("patchbay_http_requests_total", "Requests by method and status",
                              {{"method", std::string{name_of(method)}}, {"code", std::to_string(status)}})});
  known_.back().counter.add();
}

void HttpCounters::cut(std::string_view reason) {
  counters_
      .counter("patchbay_http_cut_total", "Connections that were refused or given up",
               {{"reason", std::string{reason}}})
      .add();
}

void InputBuffer::reserve(std::size_t count) {
  if (begin_ > 0 && capacity_ - begin_ < count) {
    std::memmove(bytes_.get(), bytes_.get() + begin_, size());
    end_ -= begin_;
    begin_ = 0;
  }
  if (capacity_ - begin_ >= count) return;
  auto const larger = std::max(count, std::max(first_buffer, capacity_ * 2));
  auto fresh = std::make_unique_for_overwrite<char[]>(larger);
  if (size() > 0) std::memcpy(fresh.get(), data(), size());
  end_ = size();
  begin_ = 0;
  capacity_ = larger;
  bytes_ = std::move(fresh);
}

void InputBuffer::shrink() {
  if (size() > 0 || capacity_ <= free_of_charge) return;
  bytes_.reset();
  capacity_ = begin_ = end_ = 0;
}

Session::Session(std::shared_ptr<ShardState> state, ServerSocket socket, ip::address peer,
                 std::atomic<std::int64_t>& count)
    : state_(std::move(state)),
      count_(count),
      socket_(std::move(socket)),
      peer_(std::move(peer)),
      client_(peer_),
      client_text_(peer_.to_string()),
      held_(state_->shared->ledger),
      timer_([this] { on_timer(); }) {
  state_->sessions.insert(this);
  state_->counters.connections(1);
  ErrorCode ignored;
  local_ = socket_.tcp().local_endpoint(ignored).address();
}

Session::~Session() {
  state_->sessions.erase(this);
  state_->counters.connections(-1);
  count_.fetch_sub(1);
  if (state_->on_session_end) state_->on_session_end();
}

// --- life

void Session::start() {
  ErrorCode ignored;
  socket_.tcp().non_blocking(true, ignored);
  socket_.tcp().set_option(asio::ip::tcp::no_delay{true}, ignored);
  socket_.tcp().set_option(asio::socket_base::keep_alive{true}, ignored);
  idle_since_ = now_ = state_->clock.now();
  auto const& settings = state_->config->settings;
  set_deadline(socket_.has_tls() ? settings.header_timeout_ms : settings.idle_timeout_ms);
  read();
  schedule();
}

void Session::turn_away() {
  ErrorCode ignored;
  socket_.tcp().non_blocking(true, ignored);
  now_ = state_->clock.now();
  state_->counters.cut("connections");
  unread_ = true;
  exchange_.keep_alive = false;
  answer_error(Error{Code::unavailable,
                     fmt::format("more than {} HTTP connections", state_->config->settings.max_connections), "", 1000});
  flush();
  schedule();
}

void Session::drain(bool in_a_hurry) {
  if (phase_ == Phase::calling) {
    if (exchange_.streams) call().stop(Stopped::shutdown);
    return;
  }
  if (phase_ != Phase::idle || in_.size() > 0) return;
  // A client that is about to send gets a moment, and its answer says that the connection ends.
  auto const moment = milliseconds{in_a_hurry ? 0 : 1000};
  now_ = state_->clock.now();
  phase_deadline_ = std::min(phase_deadline_, std::max(now_, idle_since_ + moment));
  schedule();
}

void Session::stop_call(Stopped why) {
  if (phase_ == Phase::calling) call().stop(why);
}

void Session::close() {
  if (phase_ == Phase::closed) return;
  auto const self = shared_from_this();
  if (phase_ == Phase::calling) {
    gone_ = true;
    call().stop(Stopped::cancelled);
  }
  if (stream_) stream_->drained();
  phase_ = phase_ == Phase::calling ? Phase::calling : Phase::closed;
  timer_.disarm();
  socket_.close();
}

// Nobody reads the answers.
void Session::abandon() {
  gone_ = true;
  out_.clear();
  sent_ = 0;
  close();
}

// --- input

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

// --- checks

bool Session::begin_request() {
  client_ = head_.forwarded ? client_address(head_, peer_, state_->config->trusted) : peer_;
  if (head_.has(Field::traceparent))
    if (auto trace = TraceId::from_traceparent(head_[Field::traceparent])) exchange_.trace = *trace;
  exchange_.gzip = head_.has(Field::accept_encoding) && accepts_gzip(head_[Field::accept_encoding]);
  if (auto problem = check()) {
    answer_problem(*problem);
    return false;
  }
  return !answer_without_call();
}

// The six checks, in the order in which a wrong one is most telling.
std::optional<Problem> Session::check() {
  auto const& config = state_->config;
  auto const host = head_[Field::host];
  if (host != good_host_ || good_config_ != config) {
    if (!config->hosts.is_ours(host, local_))
      return Problem{421, Code::forbidden,
                     fmt::format("this gateway is not called {}; further names belong into server.hosts", shown(host)),
                     false};
    good_host_ = host;
    good_config_ = config;
  }
  if (auto problem = check_origin()) return problem;
  if (auto problem = body_type_problem(head_)) return problem;
  if (auto problem = upgrade_problem(head_)) return problem;
  return std::nullopt;
}

std::optional<Problem> Session::check_origin() {
  if (!head_.has(Field::origin)) {
    if (!head_.has(Field::fetch_site) || !is_foreign_fetch(head_, RouteIndex::is_page(head_.path))) return std::nullopt;
    return Problem{403, Code::forbidden,
                   "another site's page asked for this; origins that may are listed in security.origins", false};
  }
  auto const origin = head_[Field::origin];
  auto const host = head_[Field::host];
  if (is_same_origin(origin, host, socket_.has_tls())) return std::nullopt;
  auto const generation = state_->shared->credentials.load(std::memory_order_relaxed);
  if (origin != allowed_origin_ || host != allowed_host_ || generation != allowed_generation_ ||
      allowed_origin_.empty()) {
    Call asking{gateway_principal()};
    security::CheckOriginArgs args{std::string{origin}, std::string{host}};
    auto reply = state_->caller.start(security::check_origin, asking, std::move(args));
    auto const allowed = reply.ready() && reply.result().has_value() && reply.result()->allowed;
    if (!allowed)
      return Problem{403, Code::forbidden,
                     fmt::format("pages of {} may not call this gateway; origins that may are listed in "
                                 "security.origins",
                                 shown(origin)),
                     false};
    allowed_origin_ = origin;
    allowed_host_ = host;
    allowed_generation_ = generation;
  }
  exchange_.cross_origin = true;
  return std::nullopt;
}

// What needs no operation: refusals by path and method, pages, preflights. True when it is answered.
bool Session::answer_without_call() {
  auto& state = *state_;
  state.routes.use(state.caller.table());
  if (head_.path == "*") {
    if (head_.method == Method::options)
      answer(204, "", "", "Allow: GET, HEAD, POST, OPTIONS\r\n");
    else
      answer_problem(Problem{400, Code::invalid_argument, "the request target must begin with a slash", false});
    return true;
  }
  if (state.shared->hub != nullptr && head_.path.starts_with("/ws/") && answer_websocket()) return true;
  auto& target = exchange_.target;
  target = state.routes.find(head_.method, head_.path);
  if (!target.found()) {
    auto error = state.caller.no_such_tool(head_.path.substr(1));
    answer_error(error, 404);
    return true;
  }
  if (head_.method == Method::options) {
    if (exchange_.cross_origin && head_.has(Field::preflight_method))
      answer_preflight();
    else
      answer_options();
    return true;
  }
  if (target.kind == Target::Kind::wrong_method) {
    auto const allow = fmt::format("Allow: {}\r\n", target.allow);
    auto const method = shown(head_.method_text, 20);
    answer_error(Error{Code::unsupported, fmt::format("{} is not served here, but {}", method, target.allow)}, 405,
                 allow);
    return true;
  }
  auto const limit =
      static_cast<std::uint64_t>(target.kind == Target::Kind::operation ? state.config->settings.tool_body_bytes
                                                                        : state.config->settings.body_bytes);
  if (head_.body_bytes > limit) {
    answer_problem(Problem{413, Code::too_large,
                           fmt::format("a body may have {} bytes, this one has {}", limit, head_.body_bytes)});
    return true;
  }
  if (head_.has_body() && !(target.kind == Target::Kind::operation && target.body_is_args)) {
    answer_problem(Problem{400, Code::invalid_argument,
                           fmt::format("{} {} takes no body", name_of(head_.method), shown(head_.path)), false});
    return true;
  }
  if (head_.has(Field::expect) && !equal_no_case(head_[Field::expect], "100-continue")) {
    answer_problem(Problem{417, Code::unsupported, "the only expectation understood is 100-continue", false});
    return true;
  }
  if (target.kind == Target::Kind::page) {
    answer_page(*target.page);
    return true;
  }
  if (target.kind == Target::Kind::redirect) {
    answer(307, "", "", "Location: /docs\r\n");
    return true;
  }
  return false;
}

// --- calls

// Asks SECURITY who is calling. What it said is kept for a second, for the same credentials on the same connection.
Result<PrincipalPtr> Session::authenticate(std::string const& query_token) {
  auto const header = head_[Field::authorization];
  auto const generation = state_->shared->credentials.load(std::memory_order_relaxed);
  auto& kept = credentials_;
  if (query_token.empty() && kept.who && now_ < kept.until && kept.generation == generation && kept.forwarded == head_.forwarded &&
      kept.header == header && client_ == peer_)
    return kept.who;
  Call asking{gateway_principal()};
  security::AuthenticateArgs args{query_token, std::string{header}, client_ == peer_ ? client_text_ : client_.to_string(),
                                  head_.forwarded};
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

void Session::start_call(std::string_view body) {
  auto& state = *state_;
  auto const& target = exchange_.target;
  auto const& row = *target.row;
  std::string query{head_.query}, query_token;
  // EventSource sends no header: a stream of events may have its token in the query.
  if (row.info.streaming && !query.empty() && !head_.has(Field::authorization) &&
      lists(head_[Field::accept], events_type))
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
    auto const as_events = exchange_.as_events = lists(head_[Field::accept], events_type);
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

// --- output

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
  if (equal_no_case(head_[Field::preflight_network], "true")) lines += "Access-Control-Allow-Private-Network: true\r\n";
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

// --- time

void Session::set_deadline(std::int64_t after_ms) { phase_deadline_ = now_ + milliseconds{after_ms}; }

// One timer for all; it is moved only to an earlier time, a later one is seen to when it fires.
void Session::schedule() {
  if (phase_ == Phase::closed) return;
  auto const next = std::min({phase_deadline_, write_deadline_, stream_deadline_});
  if (next == SteadyTime::max() || (timer_.armed() && armed_at_ <= next)) return;
  armed_at_ = next;
  state_->shard.wheel().arm_at(timer_, next);
}

void Session::on_timer() {
  auto const self = shared_from_this();
  now_ = state_->clock.now();
  if (now_ >= std::min({phase_deadline_, write_deadline_, stream_deadline_})) expire(now_);
  schedule();
}

void Session::expire(SteadyTime now) {
  if (now >= write_deadline_) {
    state_->counters.cut("slow_reader");
    return abandon();
  }
  if (now >= stream_deadline_) {
    stream_deadline_ = now + milliseconds{state_->config->settings.stream_heartbeat_ms};
    if (!stream_) return;
    if (stream_->is_open())
      stream_->heartbeat();
    else
      stream_->open();
    return;
  }
  if (now < phase_deadline_) return;
  phase_deadline_ = SteadyTime::max();
  switch (phase_) {
    case Phase::idle: {
      ErrorCode error;
      if (state_->draining && socket_.tcp().available(error) > 0) return;  // it is being read already
      return close();
    }
    case Phase::head:
    case Phase::body:
      state_->counters.cut(phase_ == Phase::head ? "slow_header" : "slow_body");
      if (phase_ == Phase::head) exchange_ = Exchange{};
      answer_problem(Problem{408, Code::deadline_exceeded,
                             phase_ == Phase::head ? "the request's header did not come in time"
                                                   : "the request's body did not come in time"});
      return flush();
    case Phase::lingering: return close();
    case Phase::calling:
    case Phase::closed: return;
  }
}

}  // namespace patchbay::http
