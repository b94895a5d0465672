// The definitions of host.hpp; included by it.
#pragma once

#include "plugins/sdk/host.hpp"

namespace patchbay::sdk {
namespace detail {

inline std::string reason_of(std::exception_ptr error) {
  try {
    std::rethrow_exception(error);
  } catch (std::exception const& failure) {
    return failure.what();
  } catch (...) {
    return "unknown exception";
  }
}
inline bool is_cancellation(std::exception_ptr error) {
  try {
    std::rethrow_exception(error);
  } catch (boost::system::system_error const& failure) {
    return failure.code() == asio::error::operation_aborted;
  } catch (...) {
    return false;
  }
}

template <class Function>
class Posted final : public Work {
 public:
  Posted(Host& host, Function function) : host_(host), function_(std::move(function)) {}
  void run(std::unique_ptr<Work>) noexcept override {
    try {
      function_();
    } catch (...) {
      host_.log(LogLevel::error, "a posted function ended by an exception",
                {{"reason", reason_of(std::current_exception())}});
    }
  }

 private:
  Host& host_;
  Function function_;
};

inline Outgoing::Outgoing(Host& host_in, OnEvent on_event_in)
    : host(host_in), on_event(std::move(on_event_in)), gate(host.executor()) {
  host.outgoing_.push_back(this);
}

inline std::int32_t Outgoing::event(void* user, pb_str name, pb_str json) {
  auto* self = static_cast<Outgoing*>(user);
  auto const waiting = self->queued.fetch_add(1) + 1;
  auto deliver = [self, event = std::string{view(name)}, text = std::string{view(json)}] {
    auto const left = self->queued.fetch_sub(1) - 1;
    if (left <= most_events / 4 && self->held.exchange(false) && !self->ended)
      self->host.call_->resume(self->host.host_, self->made);
    if (!self->ended && !self->abandoned) self->on_event(event, text);
  };
  self->host.post(std::move(deliver));
  if (waiting < most_events) return PB_OK;
  self->held = true;
  // The plugin may have caught up in between, and would not say so any more.
  if (self->queued.load() <= most_events / 4 && self->held.exchange(false)) return PB_OK;
  return PB_WAIT;
}

inline void Outgoing::done(void* user, pb_error const* error, pb_str data) {
  auto* self = static_cast<Outgoing*>(user);
  Result<RawJson> result{Error{}};
  if (error != nullptr)
    result = from_c(*error);
  else
    result = RawJson{std::string{view(data)}};
  self->host.post([self, result = std::move(result)]() mutable {
    self->result = std::move(result);
    self->ended = true;
    auto& plugin = self->host;
    plugin.outgoing_.remove(self);
    if (self->abandoned)
      delete self;
    else
      self->gate.open();
    plugin.outgoing_ended();
  });
}

inline void LetGo::operator()(Outgoing* outgoing) const {
  if (outgoing->ended) {
    delete outgoing;
    return;
  }
  outgoing->abandoned = true;  // its `done` deletes it
  outgoing->host.call_->cancel(outgoing->host.host_, outgoing->made);
}

}  // namespace detail

inline Host::Host(pb_host const* host)
    : host_(host),
      call_(static_cast<pb_call_host const*>(host->extension(host, PB_CALL_EXTENSION))),
      stream_(static_cast<pb_stream_host const*>(host->extension(host, PB_STREAM_EXTENSION))),
      log_(static_cast<pb_log_host const*>(host->extension(host, PB_LOG_EXTENSION))),
      health_(static_cast<pb_health_host const*>(host->extension(host, PB_HEALTH_EXTENSION))) {}
inline Host::~Host() { join_thread(); }

template <class Function>
void Host::post(Function function) {
  inbox_.push(std::make_unique<detail::Posted<Function>>(*this, std::move(function)));
}

inline Task<Result<RawJson>> Host::start(std::string operation, std::string args, std::chrono::milliseconds timeout,
                                         pb_call parent, OnEvent on_event) {
  assert(on_own_thread());
  auto const state = co_await asio::this_coro::cancellation_state;
  if (state.cancelled() != asio::cancellation_type::none)
    co_return Error{Code::cancelled, operation + " was not called: its caller has been cancelled"};
  if (call_ == nullptr) co_return Error{Code::unsupported, "this gateway does not let plugins call operations"};
  if (ending_) co_return Error{Code::unavailable, operation + " was not called: the plugin is ending"};
  bool const streams = static_cast<bool>(on_event);
  std::unique_ptr<detail::Outgoing, detail::LetGo> out{new detail::Outgoing{*this, std::move(on_event)}};
  auto const taken =
      call_->start(host_, parent, detail::borrow(operation), detail::borrow(args), timeout.count(), out.get(),
                   streams ? &detail::Outgoing::event : nullptr, &detail::Outgoing::done, &out->made);
  if (taken != PB_OK) {
    outgoing_.remove(out.get());
    out->ended = true;
    co_return Error{Code::unavailable, operation + " was not called: the plugin is ending"};
  }
  auto* raw = out.get();
  auto on_cancel = [this, raw] { call_->cancel(host_, raw->made); };  // `done` still comes
  auto waiting = raw->gate.wait(std::move(on_cancel));
  co_await std::move(waiting);
  auto result = std::move(out->result);
  co_return result;
}

template <class R>
Task<Result<R>> Host::typed(std::string operation, std::string args, std::chrono::milliseconds timeout,
                            pb_call parent) {
  auto running = start(std::move(operation), std::move(args), timeout, parent, {});
  Result<RawJson> raw = co_await std::move(running);
  if (!raw) co_return raw.error();
  auto parsed = json::parse(raw->text, json::upstream_limits);
  if (!parsed) co_return Error{Code::internal, "the gateway's answer: " + parsed.error().message};
  R out{};
  describe::read(*parsed, out);
  co_return out;
}

inline std::shared_ptr<Background> Host::spawn(std::string name, Task<void> task) {
  assert(on_own_thread());
  auto one = std::make_shared<Background>();
  one->name_ = std::move(name);
  background_.push_back(one);
  auto done = [this, one](std::exception_ptr error) { ended(one, error); };
  asio::co_spawn(context_, std::move(task), asio::bind_cancellation_slot(one->signal_.slot(), std::move(done)));
  if (ending_) one->cancel();
  return one;
}

inline void Host::ended(std::shared_ptr<Background> const& task, std::exception_ptr error) {
  if (error && !detail::is_cancellation(error))
    log(LogLevel::error, "a background task ended by an exception",
        {{"task", task->name_}, {"reason", detail::reason_of(error)}});
  background_.remove(task);
  idle_.open();
}
inline void Host::outgoing_ended() { idle_.open(); }

inline void Host::log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) const {
  if (log_ == nullptr) return;
  std::array<pb_log_field, 16> list{};
  std::size_t count = 0;
  for (auto const& [key, value] : fields) {
    if (count == list.size()) break;
    list[count++] = {detail::borrow(key), detail::borrow(value)};
  }
  log_->write(host_, static_cast<std::int32_t>(level), detail::borrow(message), list.data(), count);
}

inline Task<void> Host::wind_down() {
  ending_ = true;
  auto const tasks = background_;  // cancelling may end some of them
  for (auto const& task : tasks) task->cancel();
  auto const calls = outgoing_;
  for (auto* one : calls) call_->cancel(host_, one->made);
  while (!background_.empty() || !outgoing_.empty()) {
    auto waiting = idle_.wait([] {});
    co_await std::move(waiting);
  }
}

inline void Host::run() {
  for (;;) {
    try {
      context_.run();
      return;
    } catch (...) {
      log(LogLevel::error, "a handler on the plugin's thread ended by an exception",
          {{"reason", detail::reason_of(std::current_exception())}});
    }
  }
}
inline void Host::start_thread() {
  thread_ = std::thread{[this] { run(); }};
}
inline void Host::join_thread() {
  work_.reset();
  context_.stop();
  if (thread_.joinable()) thread_.join();
}

}  // namespace patchbay::sdk
