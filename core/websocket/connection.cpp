#include "core/websocket/connection.hpp"

#include <spdlog/fmt/fmt.h>

#include "core/base/utf8.hpp"
#include "core/websocket/base64.hpp"

namespace patchbay::websocket {

using namespace std::chrono_literals;

Connection::Connection(Context const& context, Shard& shard, std::string id, PrincipalPtr owner, Plan plan)
    : context_(context),
      shard_(shard),
      id_(std::move(id)),
      owner_(std::move(owner)),
      plan_(std::move(plan)),
      backoff_(context.settings.reconnect_first, std::chrono::milliseconds{plan_.args.reconnect_max_ms}) {
  context_.metrics.moved(std::nullopt, state_);
}
Connection::~Connection() {
  context_.metrics.moved(state_, std::nullopt);
  if (link_) {
    link_->on_pong({});
    link_->on_broken({});
    link_->drop({});
  }
}

void Connection::set_state(State state) {
  if (state == state_) return;
  context_.metrics.moved(state_, state);
  state_ = state;
}

void Connection::log(LogLevel level, std::string_view message, std::string_view reason) const {
  if (!context_.log.enabled(level, "websocket")) return;
  std::vector<LogField> fields{{"url", plan_.target.shown}, {"owner", owner_->name}};
  if (!reason.empty()) fields.emplace_back("reason", reason);
  context_.log.write(level, "websocket", message, fields);
}

// --- what callers do ---

std::optional<Error> Connection::unusable() const {
  if (state_ == State::open && link_ && link_->usable()) return std::nullopt;
  if (state_ == State::reconnecting) {
    auto const now = context_.runtime.clock().now();
    auto const wait = std::chrono::ceil<std::chrono::milliseconds>(next_attempt_ - now).count();
    auto const retry = static_cast<std::uint32_t>(std::clamp<std::int64_t>(wait, 1, 3'600'000));
    if (last_error_ && last_error_->code == Code::circuit_open)
      return Error{Code::circuit_open, "the connection is lost and its circuit breaker is open", {}, retry};
    return Error{Code::connection_lost,
                 fmt::format("the connection is lost and is being opened again{}",
                             last_error_ ? ": " + last_error_->message : std::string{}),
                 {},
                 retry};
  }
  if (last_error_ && last_error_->code == Code::auth_failed) return *last_error_;
  return Error{Code::connection_lost,
               last_error_ ? "the connection is closed: " + last_error_->message : "the connection is closed"};
}

Result<void> Connection::write(std::string_view a, std::string_view b, bool binary) {
  if (auto problem = unusable()) return *problem;
  auto const size = a.size() + b.size();
  if (size > plan_.args.max_message)
    return Error{Code::too_large,
                 fmt::format("the message has {} bytes, max_message is {}", size, plan_.args.max_message)};
  auto const queued = link_->queued();
  if (queued > 0 && queued + size > plan_.args.max_queue)
    return Error{Code::backpressure,
                 fmt::format("{} bytes are waiting to be sent, max_queue is {}", queued, plan_.args.max_queue)};
  context_.metrics.sent(size);
  if (binary)
    link_->send_binary(a);
  else
    link_->send_text(a, b);
  return {};
}

Result<SendResult> Connection::send(SendArgs const& args) {
  Result<void> written;
  if (args.message) {
    auto const valid = json::check(args.message->text);
    if (!valid) return Error{Code::invalid_argument, valid.error().message, "/message"};
    written = write(args.message->text, {});
  } else if (args.text) {
    if (!is_utf8(*args.text)) return Error{Code::invalid_argument, "text must be UTF-8", "/text"};
    written = write(*args.text, {});
  } else {
    auto const bytes = from_base64(args.binary.value_or(""));
    if (!bytes) return Error{Code::invalid_argument, "binary must be base64 with padding", "/binary"};
    written = write(*bytes, {}, true);
  }
  if (!written) return written.error();
  return SendResult{link_->queued()};
}

Task<Result<ReceiveResult>> Connection::receive(Deadline deadline) {
  auto shown = [](Incoming item) {
    ReceiveResult out;
    switch (item.kind) {
      case Incoming::Kind::json: out.message.emplace(RawJson{std::move(item.data)}); break;
      case Incoming::Kind::text: out.text = std::move(item.data); break;
      case Incoming::Kind::binary: out.binary = to_base64(item.data); break;
    }
    return out;
  };
  if (!inbox_.empty()) {
    auto item = std::move(inbox_.front());
    inbox_.pop_front();
    inbox_bytes_ -= item.data.size();
    if (!must_pause()) room_.notify();
    co_return shown(std::move(item));
  }
  if (state_ == State::closed || state_ == State::closing) co_return *unusable();
  Receiver receiver;
  receivers_.push_back(&receiver);
  auto const why = co_await receiver.woken.wait(deadline, use_task);
  std::erase(receivers_, &receiver);
  if (receiver.item) {
    // The item may have come in the same turn as the end of the time: it is not lost.
    co_return shown(std::move(*receiver.item));
  }
  if (receiver.error) co_return *receiver.error;
  if (why == Waiter::Why::cancelled) co_return Error{Code::cancelled, "receiving was cancelled"};
  co_return Error{Code::deadline_exceeded, "no message came within the time"};
}

Task<Result<RequestResult>> Connection::request(RawJson message, Deadline deadline) {
  auto const id = next_id_;
  auto const numbered = with_id(message.text, plan_.args.id_field, id);
  if (!numbered) co_return numbered.error();
  auto const written = write(numbered->head, numbered->tail);
  if (!written) co_return written.error();
  ++next_id_;
  context_.metrics.requested();
  auto const begun = std::chrono::steady_clock::now();
  Pending pending;
  pending_.emplace(id, &pending);
  room_.notify();
  auto const why = co_await pending.woken.wait(deadline, use_task);
  pending_.erase(id);
  if (pending.error) co_return *pending.error;
  if (pending.answer.empty()) {
    if (why == Waiter::Why::cancelled) co_return Error{Code::cancelled, "the request was cancelled"};
    co_return Error{Code::deadline_exceeded, "no answer came within the time"};
  }
  context_.metrics.request_duration.observe_ns((std::chrono::steady_clock::now() - begun).count());
  RequestResult result{RawJson{std::move(pending.answer)}};
  co_return result;
}

Result<std::uint64_t> Connection::subscribe(SubscribeArgs args, std::shared_ptr<Feed> feed) {
  if (args.unsubscribe) {
    auto const valid = with_id(args.unsubscribe->text, plan_.args.id_field, 0);
    if (!valid) return Error{valid.error().code, "unsubscribe: " + valid.error().message, "/unsubscribe"};
  }
  auto const id = next_id_;
  auto const numbered = with_id(args.message.text, plan_.args.id_field, id);
  if (!numbered) return numbered.error();
  auto const written = write(numbered->head, numbered->tail);
  if (!written) return written.error();
  ++next_id_;
  auto subscription = std::make_unique<Subscription>();
  subscription->token = subscription->id = id;
  subscription->args = std::move(args);
  subscription->feed = std::move(feed);
  subscription->answer_in_time.on_expiry([this, one = subscription.get()] {
    end_subscription(*one, Error{Code::deadline_exceeded, "no answer to the subscription came within the time"});
  });
  shard_.wheel().arm(subscription->answer_in_time, std::chrono::milliseconds{subscription->args.timeout_ms});
  subscriptions_.emplace(id, std::move(subscription));
  room_.notify();
  return id;
}

// Destroys the subscription.
void Connection::end_subscription(Subscription& subscription, Error error) {
  subscription.feed->end(std::move(error));
  subscriptions_.erase(subscription.id);
}

void Connection::unsubscribe(std::uint64_t token) {
  std::erase_if(waiting_subscriptions_, [token](auto const& one) { return one->token == token; });
  for (auto it = subscriptions_.begin(); it != subscriptions_.end(); ++it) {
    if (it->second->token != token) continue;
    auto const subscription = std::move(it->second);
    subscriptions_.erase(it);
    if (!subscription->args.unsubscribe || unusable()) return;
    auto const farewell = with_own_id(subscription->args.unsubscribe->text, subscription->id);
    if (!farewell) return;
    auto const numbered = with_id(*farewell, plan_.args.id_field, next_id_);
    if (!numbered) return;
    ++next_id_;  // nobody waits for the answer: it is dropped as a late one
    auto const written = write(numbered->head, numbered->tail);
    if (!written) log(LogLevel::warning, "unsubscribing was not possible", written.error().message);
    return;
  }
}

Task<Result<Nothing>> Connection::close(std::uint16_t code, std::string reason) {
  forgotten_ = true;
  Nothing done;
  if (state_ == State::closed) {
    wake_.notify();
    co_return done;
  }
  closing_ = true;
  set_state(State::closing);
  log(LogLevel::info, "closing");
  while (!subscriptions_.empty())
    end_subscription(*subscriptions_.begin()->second, Error{Code::connection_lost, "the connection was closed here"});
  if (link_) link_->start_close(code, reason);
  wake_.notify();
  room_.notify();
  Deadline const limit{context_.runtime.clock().now() + context_.settings.close_time};
  co_await closed_.wait(limit, use_task);
  co_return done;
}

ConnectionInfo Connection::info(bool with_opening) const {
  ConnectionInfo out{.id = id_, .url = plan_.target.shown, .state = state_, .owner = owner_->name};
  out.latency_ms = latency_ms_;
  out.queued_bytes = link_ ? link_->queued() : 0;
  out.received_queued = inbox_.size();
  out.dropped = dropped_;
  out.reconnects = reconnects_;
  out.subscriptions = subscriptions_.size() + waiting_subscriptions_.size();
  out.in_flight = pending_.size();
  if (link_ && !link_->subprotocol().empty()) out.subprotocol = link_->subprotocol();
  if (last_error_) out.last_error = fmt::format("{}: {}", name_of(last_error_->code), last_error_->message);
  if (with_opening) out.opening = opening_;
  return out;
}

// --- while a link is up ---

void Connection::link_up(std::shared_ptr<Link> link) {
  link_ = std::move(link);
  up_since_ = context_.runtime.clock().now();
  awaiting_pong_ = false;
  last_error_.reset();
  link_->on_pong([this](std::string_view) { ponged(); });
  link_->on_broken([this] { room_.notify(); });
  set_state(closing_ ? State::closing : State::open);
  if (plan_.args.ping_interval_ms > 0)
    shard_.wheel().arm(ping_timer_, std::chrono::milliseconds{plan_.args.ping_interval_ms});
}

void Connection::ping() {
  if (!link_ || !link_->usable()) return;
  auto const heard = link_->heard();
  // While we do not read, for lack of room, the other side cannot be heard.
  if (awaiting_pong_ && heard == heard_at_ping_ && !must_pause()) {
    auto const waited = std::chrono::milliseconds{plan_.args.ping_interval_ms};
    link_->drop({Code::connection_lost, "dead_peer",
                 fmt::format("the other side has not been heard for {} ms and did not answer a ping", waited.count())});
    room_.notify();
    return;
  }
  if (!awaiting_pong_) ping_sent_ = std::chrono::steady_clock::now();
  awaiting_pong_ = true;
  heard_at_ping_ = heard;
  link_->send_ping("patchbay");
  shard_.wheel().arm(ping_timer_, std::chrono::milliseconds{plan_.args.ping_interval_ms});
}

void Connection::ponged() {
  if (!awaiting_pong_) return;
  awaiting_pong_ = false;
  latency_ms_ = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - ping_sent_).count();
}

Task<void> Connection::serve() {
  auto const link = link_;
  Deadline const none;
  Link::Message message;
  while (co_await link->read(message)) {
    dispatch(std::move(message));
    while (must_pause() && link->usable()) {
      auto const why = co_await room_.wait(none, use_task);
      if (why == Waiter::Why::cancelled) co_return;
    }
  }
}

void Connection::dispatch(Link::Message message) {
  context_.metrics.received(message.data.size());
  if (!message.text) return deliver({Incoming::Kind::binary, std::move(message.data)});
  auto const scan = scan_frame(message.data, plan_.args.id_field);
  switch (scan.kind) {
    case Scan::Kind::object: return route(scan.id, std::move(message.data));
    case Scan::Kind::other: return deliver({Incoming::Kind::json, std::move(message.data)});
    case Scan::Kind::array:
      for (auto const& part : scan.parts) route(part.id, std::string{part.text});
      return;
    case Scan::Kind::broken: break;
  }
  // An answer that may not be passed on fails the request that waits for it, rather than leave it to its time limit.
  if (scan.id)
    if (auto const found = pending_.find(*scan.id); found != pending_.end()) {
      found->second->error = Error{Code::upstream_failed, "the answer was refused: " + scan.problem};
      found->second->woken.notify();
      pending_.erase(found);
      return;
    }
  deliver({Incoming::Kind::text, std::move(message.data)});
}

void Connection::route(std::optional<std::uint64_t> id, std::string text) {
  if (id) {
    if (auto const found = pending_.find(*id); found != pending_.end()) {
      found->second->answer = std::move(text);
      found->second->woken.notify();
      pending_.erase(found);
      return;
    }
    if (auto const found = subscriptions_.find(*id); found != subscriptions_.end()) {
      auto& subscription = *found->second;
      auto const name = subscription.answered ? "message" : subscription.restored ? "restored" : "answer";
      subscription.answered = true;
      subscription.answer_in_time.disarm();
      if (!subscription.feed->push(name, std::move(text))) {
        log(LogLevel::warning, "a subscription was ended: its subscriber does not keep up");
        unsubscribe(subscription.token);
      }
      return;
    }
    if (*id > 0 && *id < next_id_) return;  // given out here, and nobody waits for it any more
  }
  deliver({Incoming::Kind::json, std::move(text)});
}

void Connection::deliver(Incoming item) {
  if (!receivers_.empty()) {
    auto* const receiver = receivers_.front();
    receivers_.pop_front();
    receiver->item.emplace(std::move(item));
    receiver->woken.notify();
    return;
  }
  inbox_bytes_ += item.data.size();
  inbox_.push_back(std::move(item));
  constexpr std::size_t most_items = 65'536;  // empty messages take room too
  while (inbox_.size() > 1 && ((inbox_bytes_ > plan_.args.max_queue && claimed()) || inbox_.size() > most_items)) {
    inbox_bytes_ -= inbox_.front().data.size();
    inbox_.pop_front();
    ++dropped_;
  }
}

// --- between links ---

void Connection::link_down() {
  ping_timer_.disarm();
  auto const end = link_->end();
  loss_reason_ = end.reason;
  link_->on_pong({});
  link_->on_broken({});
  link_->drop({});
  link_.reset();
  bool const again = plan_.args.reconnect && !closing_ && !context_.runtime.stopping();
  if (!closing_) {
    last_error_ = Error{end.code, end.message};
    context_.metrics.failed(end.code == Code::cancelled ? Code::connection_lost : end.code);
    log(LogLevel::warning, "connection lost", end.message);
    set_state(again ? State::reconnecting : State::closed);
  }
  Error const lost{Code::connection_lost, "the connection was lost before an answer came: " + end.message};
  for (auto& [id, pending] : pending_) {
    pending->error = lost;
    pending->woken.notify();
  }
  pending_.clear();
  for (auto* receiver : receivers_) {
    receiver->error = Error{Code::connection_lost, "the connection was lost: " + end.message};
    receiver->woken.notify();
  }
  receivers_.clear();
  auto subscriptions = std::move(subscriptions_);
  subscriptions_.clear();
  auto const reason = fmt::format(R"({{"reason":{}}})", json::quoted(end.message));
  for (auto& [id, subscription] : subscriptions) {
    subscription->answer_in_time.disarm();
    if (again && subscription->args.restore && subscription->feed->push("lost", reason))
      waiting_subscriptions_.push_back(std::move(subscription));
    else
      subscription->feed->end(lost);
  }
}

Task<bool> Connection::reconnect() {
  auto const& clock = context_.runtime.clock();
  if (clock.now() - up_since_ >= context_.settings.lasting) backoff_.reset();
  auto wait = backoff_.next(cheap_random());
  for (;;) {
    set_state(State::reconnecting);
    next_attempt_ = clock.now() + wait;
    Deadline const until{next_attempt_};
    auto const why = co_await wake_.wait(until, use_task);
    if (why != Waiter::Why::expired || closing_) co_return false;
    Call call{owner_};
    auto const done = co_await attempt(call);
    auto const state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none || closing_) co_return false;
    if (done) {
      ++reconnects_;
      context_.metrics.reconnected(loss_reason_);
      log(LogLevel::info, "connected again");
      restore_subscriptions();
      co_return true;
    }
    last_error_ = done.error();
    log(LogLevel::warning, "not connected again", done.error().message);
    switch (done.error().code) {
      case Code::auth_failed:
      case Code::forbidden:
      case Code::invalid_argument: co_return false;  // trying again would change nothing
      case Code::circuit_open:
        wait = std::chrono::milliseconds{std::max<std::uint32_t>(done.error().retry_after_ms, 50)};
        break;
      default: wait = backoff_.next(cheap_random());
    }
  }
}

void Connection::restore_subscriptions() {
  for (auto& waiting : std::exchange(waiting_subscriptions_, {})) {
    auto const numbered = with_id(waiting->args.message.text, plan_.args.id_field, next_id_);
    if (!numbered) continue;  // it was valid when it came
    auto const written = write(numbered->head, numbered->tail);
    if (!written) {
      waiting->feed->end(written.error());
      continue;
    }
    waiting->id = next_id_++;
    waiting->answered = false;
    waiting->restored = true;
    shard_.wheel().arm(waiting->answer_in_time, std::chrono::milliseconds{waiting->args.timeout_ms});
    auto const id = waiting->id;
    subscriptions_.emplace(id, std::move(waiting));
  }
}

void Connection::finish() {
  if (link_) link_down();
  auto const why = last_error_ && last_error_->code == Code::auth_failed
                       ? *last_error_
                       : Error{Code::connection_lost, "the connection is closed"};
  for (auto& waiting : std::exchange(waiting_subscriptions_, {})) waiting->feed->end(why);
  for (auto* receiver : std::exchange(receivers_, {})) {
    receiver->error = why;
    receiver->woken.notify();
  }
  set_state(State::closed);
  closed_.notify();
}

Task<void> Connection::run(std::function<void()> forget) {
  auto const self = shared_from_this();
  co_await asio::this_coro::throw_if_cancelled(false);
  auto const& clock = context_.runtime.clock();
  bool stopping = false;
  for (bool up = true; up;) {
    co_await serve();
    auto const state = co_await asio::this_coro::cancellation_state;
    stopping = state.cancelled() != asio::cancellation_type::none;
    if (stopping) {
      co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
      link_->send_farewell(1001, "going away");
      Waiter a_moment;
      Deadline const soon{clock.now() + 50ms};
      co_await a_moment.wait(soon, use_task);
    }
    link_down();
    up = !stopping && !closing_ && plan_.args.reconnect;
    if (up) up = co_await reconnect();
  }
  finish();
  if (!closing_ && !stopping && !context_.runtime.stopping()) {
    // It can still be asked why it ended, and what it received can be taken.
    Deadline const until{clock.now() + context_.settings.closed_kept};
    while (!forgotten_ && co_await wake_.wait(until, use_task) == Waiter::Why::notified) {
    }
  }
  forget();
}

}  // namespace patchbay::websocket
