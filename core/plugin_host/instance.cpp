#include "core/plugin_host/instance.hpp"

#include <spdlog/fmt/fmt.h>

#include <boost/asio/associated_cancellation_slot.hpp>

#include "core/base/ascii.hpp"
#include "core/base/utf8.hpp"
#include "core/plugin_host/outgoing.hpp"
#include "core/plugin_host/text.hpp"

namespace patchbay::plugin_host {
namespace {

// A call that is answered before invoke returns: no slot, no lock, found by its thread.
struct InlineCall {
  Instance const* instance;
  pb_call id;
  std::optional<Result<Answer>> result{};
  InlineCall* outer;
};
thread_local InlineCall* inline_call = nullptr;
thread_local std::uint32_t inline_number = 0;

}  // namespace

std::shared_ptr<Grants const> Grants::make(std::string const& plugin, std::string_view prefix,
                                           std::vector<std::string> scopes) {
  auto out = std::make_shared<Grants>();
  out->scopes = scopes;
  // Its own channels are known by this one (core/hub/namespaces); no grant of the configuration implies it.
  scopes.push_back("hub.prefix:" + std::string{prefix});
  if (auto const own = std::find(scopes.begin(), scopes.end(), own_channels_grant); own != scopes.end()) {
    // HUB's operations are called by the wide scope; the narrow one beside it says where they end. Unless it is
    // granted.
    Principal const all{.name = {}, .scopes = out->scopes, .is_remote = false};
    if (all.may("hub.publish"))
      scopes.erase(own);
    else
      scopes.emplace_back("hub.publish");
  }
  out->limited =
      std::make_shared<Principal const>(Principal{.name = "plugin:" + plugin, .scopes = scopes, .is_remote = false});
  out->granted = std::make_shared<Principal const>(
      Principal{.name = "plugin:" + plugin, .scopes = std::move(scopes), .unrestricted = true, .is_remote = false});
  return out;
}
PrincipalPtr const* Grants::principal_for(OperationInfo const& info) const {
  if (limited->may(info.scope)) return &limited;
  return limited->may(ascii::lowered(info.interface) + "." + info.verb) ? &granted : nullptr;
}

std::string grant_of(OperationInfo const& info) { return ascii::lowered(info.interface) + ".*"; }

// ---- life ----

Instance::Instance(Services& services, std::shared_ptr<Library const> library, std::shared_ptr<Grants const> grants)
    : services_(services),
      library_(std::move(library)),
      grants_(std::move(grants)),
      logger_("plugin." + library_->name()),
      host_{{sizeof(pb_host), PB_ABI_MAJOR, PB_ABI_MINOR, &extension, &complete, &fail}, this} {}
Instance::~Instance() = default;

Result<std::shared_ptr<Instance>> Instance::create(Services& services, std::shared_ptr<Library const> library,
                                                   std::shared_ptr<Grants const> grants, std::string const& config) {
  auto out = std::make_shared<Instance>(services, std::move(library), std::move(grants));
  if (auto made = out->make(config); !made) return made.error();
  return out;
}

Result<void> Instance::make(std::string const& config) {
  pb_error error{};
  error.size = sizeof error;
  try {
    self_ = library_->record().create(&host_.base, borrow(config), &error);
  } catch (...) {
    return Error{Code::internal,
                 fmt::format("the plugin {} refused to start: {}", library_->name(), misbehaved("create"))};
  }
  if (self_ == nullptr) {
    auto reason = from_c(error);
    if (reason.message.empty()) reason.message = "it gave no reason";
    reason.message = fmt::format("the plugin {} refused to start: {}", library_->name(), reason.message);
    return reason;
  }
  queue_ = static_cast<pb_queue_plugin const*>(offered(PB_QUEUE_EXTENSION));
  return {};
}

void const* Instance::offered(char const* id) {
  auto const& record = library_->record();
  if (record.size < offsetof(pb_plugin, extension) + sizeof record.extension || record.extension == nullptr)
    return nullptr;
  try {
    return record.extension(self_, id);
  } catch (...) {
    misbehaved("extension");
  }
  return nullptr;
}
void Instance::complain(std::string_view message) { services_.log.write(LogLevel::warning, logger_, message); }

void Instance::close(std::function<void()> on_idle) {
  {
    std::lock_guard lock{mutex_};
    on_idle_ = std::move(on_idle);
  }
  uses_.fetch_or(closed_bit);
  if (idle()) became_idle();
}
void Instance::became_idle() {
  if (told_idle_.exchange(true)) return;
  std::function<void()> tell;
  {
    std::lock_guard lock{mutex_};
    tell.swap(on_idle_);
  }
  if (tell) tell();
}

void Instance::destroy() {
  try {
    library_->record().destroy(self_);
  } catch (...) {
    misbehaved("destroy");
  }
  std::lock_guard lock{mutex_};
  dead_ = true;
}

void Instance::orphan(std::shared_ptr<Instance> instance) {
  // Still named by a thread of the plugin: it must never go.
  static std::mutex mutex;
  static auto* const orphans = new std::vector<std::shared_ptr<Instance>>;
  instance->orphaned_ = true;
  std::lock_guard lock{mutex};
  orphans->push_back(std::move(instance));
}

void Instance::cut_calls(bool streams_only) {
  slots_.each_owed([&](Slot& slot, std::unique_lock<std::mutex>&) {
    if (slot.state != Slot::State::open || (streams_only && !slot.streams)) return;
    slot.cut = true;
    slot.wake();
  });
}

std::chrono::nanoseconds Instance::queue_wait() {
  if (queue_ == nullptr || !enter()) return {};
  auto const wait = queue_->waiting_ns(self_);
  leave();
  return std::chrono::nanoseconds{wait};
}

std::string Instance::misbehaved(char const* function) {
  std::string what = "unknown exception";
  try {
    throw;
  } catch (std::exception const& error) {
    what = error.what();
  } catch (...) {
  }
  services_.log.write(LogLevel::error, logger_, "an exception left the plugin",
                      {{"function", function}, {"reason", what}});
  return fmt::format("{} threw an exception ({})", function, what);
}

// ---- calls ----

class Instance::Ticket {
 public:
  Ticket(Instance& instance, Slot& slot, pb_call id) : instance_(&instance), slot_(&slot), id_(id) {}
  Ticket(Ticket&& other) noexcept
      : instance_(std::exchange(other.instance_, nullptr)), slot_(other.slot_), id_(other.id_) {}
  Ticket& operator=(Ticket&&) = delete;
  ~Ticket() {
    if (instance_ == nullptr) return;
    std::unique_lock<std::mutex> lock;
    auto* slot = instance_->slots_.find(id_, lock);
    if (slot == nullptr) return;
    if (slot->state == Slot::State::done) {
      instance_->slots_.release(*slot, lock);
      return;
    }
    slot->state = Slot::State::abandoned;
    slot->events.clear();
    instance_->hold();
    lock.unlock();
    instance_->services_.abandoned.add();
    instance_->hint_cancel(id_);
  }
  Slot& slot() const { return *slot_; }
  pb_call id() const { return id_; }

 private:
  Instance* instance_;
  Slot* slot_;
  pb_call id_;
};

Reply<Answer> Instance::start(std::uint32_t operation, LibraryOperation const& declared, Call& call,
                              json::Parsed const& args) {
  services_.calls.add();
  auto const& info = declared.info;
  pb_invocation in{};
  in.size = sizeof in;
  in.operation = operation;
  std::string canonical;
  if (info.args.uses_alias(args.document)) canonical = info.args.canonical(args);
  in.args = borrow(canonical.empty() ? args.text : std::string_view{canonical});
  in.principal = borrow(call.principal().name);
  in.user_id = borrow(call.user_id());
  std::string traceparent;
  if (call.trace().exists()) traceparent = call.trace().traceparent();
  in.traceparent = borrow(traceparent);
  if (call.principal().entities.text != "null") in.entities = borrow(call.principal().entities.text);
  std::string scopes;
  if (call.principal().unrestricted) {
    scopes = "*";
  } else {
    for (auto const& held : call.principal().scopes) scopes.append(scopes.empty() ? "" : " ").append(held);
  }
  in.scopes = borrow(scopes);
  in.timeout_ms = -1;
  if (!info.streaming) {
    auto budget = info.timeout;
    if (info.timeout_from_args)
      if (auto const* given = json::find(args.document, "timeout_ms"); given != nullptr && given->IsInt64())
        budget = std::chrono::milliseconds{given->GetInt64()} + std::chrono::seconds{1};
    in.timeout_ms = budget.count();
  }
  if (call.deadline().exists()) {
    auto const left = call.deadline().left().count();
    in.timeout_ms = in.timeout_ms < 0 ? left : std::min<std::int64_t>(in.timeout_ms, left);
  }
  if (declared.is_inline) {
    auto reply = start_inline(in, declared);
    leave();
    return reply;
  }
  std::unique_lock<std::mutex> filling;
  auto* slot = slots_.take(filling);
  if (slot == nullptr) {
    leave();
    return Error{Code::backpressure,
                 fmt::format("the plugin {} has {} calls that it has not answered yet", library_->name(), Slots::most)};
  }
  in.call = slot->id();
  slot->streams = info.streaming;
  slot->user_id = call.user_id();
  slot->trace = call.trace();
  if (in.timeout_ms >= 0) slot->deadline = Deadline::in_about(std::chrono::milliseconds{in.timeout_ms});
  filling.unlock();
  hold();  // until it is answered
  in_flight_.fetch_add(1, std::memory_order_relaxed);
  Ticket ticket{*this, *slot, in.call};
  try {
    library_->record().invoke(self_, &in);
  } catch (...) {
    misbehaved("invoke");
    settle(in.call, Error{Code::internal, info.tool + " failed inside the plugin; the log has the reason"});
  }
  leave();
  {
    std::unique_lock lock{slot->mutex};
    if (slot->state == Slot::State::done && slot->events.empty()) {
      Result<Answer> result = std::move(slot->result);
      return result;  // the ticket puts the slot back
    }
  }
  return finish(call, std::move(ticket));
}

Reply<Answer> Instance::start_inline(pb_invocation& in, LibraryOperation const& declared) {
  in.call = (static_cast<pb_call>(++inline_number) << 32) | Slots::inline_mark;
  InlineCall frame{this, in.call, {}, inline_call};
  inline_call = &frame;
  try {
    library_->record().invoke(self_, &in);
  } catch (...) {
    misbehaved("invoke");
    if (!frame.result)
      frame.result = Error{Code::internal, declared.info.tool + " failed inside the plugin; the log has the reason"};
  }
  inline_call = frame.outer;
  if (!frame.result)
    return Error{Code::internal, declared.info.tool + " is declared inline, but did not answer before it returned"};
  return std::move(*frame.result);
}

auto Instance::wait(Slot& slot, pb_call id) {
  return asio::async_initiate<asio::use_awaitable_t<Executor> const, void()>(
      [this, &slot, id](auto handler) {
        std::unique_lock lock{slot.mutex};
        if (slot.state != Slot::State::open || !slot.events.empty() || slot.cut) {
          lock.unlock();
          auto executor = asio::get_associated_executor(handler);
          asio::post(executor, std::move(handler));
          return;
        }
        slot.home = services_.queue_here();
        auto cancellation = asio::get_associated_cancellation_slot(handler);
        slot.waiter.emplace(std::move(handler));
        if (!cancellation.is_connected()) return;
        cancellation.assign([this, id](asio::cancellation_type) {
          std::unique_lock<std::mutex> guard;
          auto* waiting = slots_.find(id, guard);
          if (waiting == nullptr || !waiting->waiter) return;
          waiting->cancelled = true;
          if (waiting->queued) return;  // goes on in a moment, and sees it
          auto resume = std::move(*waiting->waiter);
          waiting->waiter.reset();
          guard.unlock();
          auto executor = asio::get_associated_executor(resume);
          asio::post(executor, std::move(resume));
        });
      },
      use_task);
}

Task<Result<Answer>> Instance::finish(Call& call, Ticket ticket) {
  auto& slot = ticket.slot();
  auto const id = ticket.id();
  std::vector<StreamEvent> batch;
  for (;;) {
    auto const state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) co_return Error{Code::cancelled, "the call was cancelled"};
    auto waiting = wait(slot, id);
    co_await std::move(waiting);
    bool done = false;
    Result<Answer> result{Error{}};
    {
      std::lock_guard lock{slot.mutex};
      if (slot.cancelled) co_return Error{Code::cancelled, "the call was cancelled"};
      done = slot.state == Slot::State::done;
      // A stream that was cut may have ended at once because its events were refused: not by itself.
      if (slot.cut && (!done || slot.streams))
        co_return Error{Code::unavailable,
                        fmt::format("the plugin {} is being replaced or unloaded; call again", library_->name())};
      if (done) result = std::move(slot.result);
      batch.swap(slot.events);
      slot.event_bytes = 0;
    }
    for (auto const& event : batch) {
      auto const taken = call.events()->emit(event.name, event.json);
      bool more = taken == EventSink::Taken::ok;
      if (taken == EventSink::Taken::wait) {
        auto ready = call.events()->ready();
        more = co_await std::move(ready);
      }
      if (!more) co_return Error{Code::cancelled, "the listener has gone"};
    }
    batch.clear();
    if (done) co_return result;
    std::unique_lock lock{slot.mutex};
    if (slot.state == Slot::State::open && std::exchange(slot.held, false)) {
      hold();
      lock.unlock();
      hint_resume(id);
    }
  }
}

void Instance::hint_cancel(pb_call call) {
  try {
    library_->record().cancel(self_, call);
  } catch (...) {
    misbehaved("cancel");
  }
  leave();
}
void Instance::hint_resume(pb_call call) {
  try {
    library_->record().resume(self_, call);
  } catch (...) {
    misbehaved("resume");
  }
  leave();
}

std::int32_t Instance::settle(pb_call call, Result<Answer> result) {
  if (orphaned_) return PB_GONE;
  if ((static_cast<std::uint32_t>(call) & Slots::inline_mark) != 0) {
    for (auto* frame = inline_call; frame != nullptr; frame = frame->outer)
      if (frame->instance == this && frame->id == call && !frame->result) {
        frame->result = std::move(result);
        return PB_OK;
      }
    services_.late_answers.add();
    return PB_GONE;
  }
  std::unique_lock<std::mutex> lock;
  auto* slot = slots_.find(call, lock);
  if (slot == nullptr || slot->state == Slot::State::done) {
    services_.late_answers.add();
    return PB_GONE;
  }
  bool const wanted = slot->state == Slot::State::open;
  if (wanted) {
    slot->state = Slot::State::done;
    slot->result = std::move(result);
    slot->wake();
    lock.unlock();
  } else {
    slots_.release(*slot, lock);
    if (lock.owns_lock()) lock.unlock();
    services_.late_answers.add();
  }
  in_flight_.fetch_sub(1, std::memory_order_relaxed);
  leave();
  return wanted ? PB_OK : PB_GONE;
}

// ---- what the plugin calls ----

std::int32_t Instance::complete(pb_host const* host, pb_call call, pb_str data, pb_str message) {
  auto& self = of(host);
  if (self.orphaned_) return PB_GONE;
  auto const text = view(data);
  if (auto checked = json::check(text); !checked) {
    self.services_.log.write(LogLevel::error, self.logger_, "an answer is not JSON",
                             {{"reason", checked.error().message}});
    return self.settle(call, Error{Code::internal, fmt::format("the plugin {} answered with what is {}",
                                                               self.library_->name(), checked.error().message)});
  }
  return self.settle(call, Answer{std::string{text}, std::string{view(message)}});
}

std::int32_t Instance::fail(pb_host const* host, pb_call call, pb_error const* error) {
  return of(host).settle(call, from_c(*error));
}

std::int32_t Instance::event(pb_host const* host, pb_call call, pb_str name, pb_str json) {
  auto& self = of(host);
  if (self.orphaned_) return PB_GONE;
  auto const text = view(json);
  if (auto checked = json::check(text); !checked) {
    self.services_.log.write(LogLevel::error, self.logger_, "an event is not JSON",
                             {{"reason", checked.error().message}});
    auto const settled =
        self.settle(call, Error{Code::internal, fmt::format("the plugin {} sent an event that is {}",
                                                            self.library_->name(), checked.error().message)});
    return settled == PB_OK ? PB_GONE : settled;
  }
  std::unique_lock<std::mutex> lock;
  auto* slot = self.slots_.find(call, lock);
  if (slot == nullptr || slot->state != Slot::State::open || !slot->streams || slot->cut) return PB_GONE;
  if (slot->events.size() >= 4 * most_events || slot->event_bytes >= 4 * most_event_bytes) {
    lock.unlock();
    self.settle(call, Error{Code::backpressure, fmt::format("the plugin {} went on sending to a listener that is slow",
                                                            self.library_->name())});
    return PB_GONE;
  }
  slot->event_bytes += text.size();
  slot->events.push_back({std::string{view(name)}, std::string{text}});
  slot->wake();
  if (slot->events.size() < most_events && slot->event_bytes < most_event_bytes) return PB_OK;
  slot->held = true;
  return PB_WAIT;
}

std::int32_t Instance::start_call(pb_host const* host, pb_call parent, pb_str operation, pb_str args,
                                  std::int64_t timeout_ms, void* user, std::int32_t (*event)(void*, pb_str, pb_str),
                                  void (*done)(void*, pb_error const*, pb_str), pb_call* made) {
  auto& self = of(host);
  if (self.orphaned_) return PB_GONE;
  Outgoing::Request request{
      std::string{view(operation)}, std::string{view(args)}, timeout_ms, user, event, done, {}, {}, {}};
  auto* home = self.services_.queues.front().get();
  if (parent != 0) {
    std::unique_lock<std::mutex> lock;
    if (auto* slot = self.slots_.find(parent, lock)) {
      request.user_id = slot->user_id;
      request.trace = slot->trace;
      request.deadline = slot->deadline;
      if (slot->home != nullptr) home = slot->home;
    }
  }
  std::shared_ptr<Outgoing> call;
  {
    std::lock_guard lock{self.mutex_};
    if (self.dead_) return PB_GONE;
    auto const id = self.next_outgoing_++;
    call = std::make_shared<Outgoing>(self, *home, id, std::move(request));
    self.outgoing_.emplace(id, call);
    if (made != nullptr) *made = id;
  }
  self.services_.calls_made.add();
  call->begin();
  return PB_OK;
}
std::shared_ptr<Outgoing> Instance::outgoing(pb_call made) {
  std::lock_guard lock{mutex_};
  auto found = outgoing_.find(made);
  return found == outgoing_.end() ? nullptr : found->second;
}
void Instance::cancel_call(pb_host const* host, pb_call made) {
  if (auto call = of(host).outgoing(made)) call->cancel();
}
void Instance::resume_call(pb_host const* host, pb_call made) {
  if (auto call = of(host).outgoing(made)) call->resume();
}

std::int32_t Instance::log_enabled(pb_host const* host, std::int32_t level) {
  auto& self = of(host);
  return !self.orphaned_ && level >= 0 && level <= 4 &&
                 self.services_.log.enabled(static_cast<LogLevel>(level), self.logger_)
             ? 1
             : 0;
}
void Instance::log_write(pb_host const* host, std::int32_t level, pb_str message, pb_log_field const* fields,
                         std::size_t count) {
  auto& self = of(host);
  if (self.orphaned_) return;
  std::vector<LogField> list;
  for (std::size_t i = 0; i < std::min<std::size_t>(count, 32); ++i)
    list.emplace_back(view(fields[i].key), view(fields[i].value));
  self.services_.log.write(static_cast<LogLevel>(std::clamp(level, 0, 4)), self.logger_, view(message), list);
}

void Instance::set_health(pb_host const* host, std::int32_t status, pb_str message) {
  constexpr std::size_t longest = 512;
  auto& self = of(host);
  if (self.orphaned_) return;
  auto text = view(message);
  if (!is_utf8(text)) text = "what it says of its health is no UTF-8";
  if (text.size() > longest) {
    text = text.substr(0, longest);
    while (!text.empty() && !is_utf8(text)) text.remove_suffix(1);
  }
  SaidHealth said{status == PB_HEALTH_OK, std::string{text}};
  std::lock_guard lock{self.mutex_};
  self.said_health_ = std::move(said);
}
Instance::SaidHealth Instance::said_health() {
  std::lock_guard lock{mutex_};
  return said_health_;
}

void const* Instance::extension(pb_host const*, char const* id) {
  static constexpr pb_stream_host stream{sizeof(pb_stream_host), &event};
  static constexpr pb_call_host call{sizeof(pb_call_host), &start_call, &cancel_call, &resume_call};
  static constexpr pb_log_host log{sizeof(pb_log_host), &log_enabled, &log_write};
  static constexpr pb_health_host health{sizeof(pb_health_host), &set_health};
  std::string_view const name = id == nullptr ? std::string_view{} : std::string_view{id};
  if (name == PB_STREAM_EXTENSION) return &stream;
  if (name == PB_CALL_EXTENSION) return &call;
  if (name == PB_LOG_EXTENSION) return &log;
  if (name == PB_HEALTH_EXTENSION) return &health;
  return nullptr;
}

}  // namespace patchbay::plugin_host
