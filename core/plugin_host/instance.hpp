// Instance: one running plugin as the gateway sees it: hands it calls, takes its answers and events.
//
//   auto made = Instance::create(services, library, config);          // [control] blocks in the plugin's create
//   Reply<Answer> reply = instance->start(index, info, call, args);    // any thread
//   instance->close(); ... idle() ...; instance->destroy();            // no new calls; none left; [control]
//
// Objects of this class live until the gateway's end, since old tables and late answers may still name them; the plugin
// behind one ends with destroy(). Every call into the plugin counts as a use, so that destroy() meets none.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <unordered_map>

#include "core/base/caller.hpp"
#include "core/plugin_host/library.hpp"
#include "core/plugin_host/slots.hpp"
#include "core/runtime/runtime.hpp"
#include "plugins/abi/draft/patchbay_health.h"
#include "plugins/abi/patchbay_call.h"
#include "plugins/abi/patchbay_log.h"
#include "plugins/abi/patchbay_queue.h"
#include "plugins/abi/patchbay_stream.h"

namespace patchbay::plugin_host {

class Outgoing;

// The grant to send to users and chats, and to publish on the channels below the plugin's own prefix only; the scope
// hub.publish is wider. HUB knows it by this word (core/hub/own_channels.hpp).
inline constexpr char const* own_channels_grant = "hub.publish:own";

// What a plugin's own calls may do; replaced as a whole when the configuration changes.
struct Grants {
  std::vector<std::string> scopes;
  PrincipalPtr limited;  // holds the scopes
  PrincipalPtr granted;  // for an operation that a grant names: <interface>.<verb>
  static std::shared_ptr<Grants const> make(std::string const& plugin, std::string_view prefix,
                                            std::vector<std::string> scopes);
  // Null: not allowed.
  PrincipalPtr const* principal_for(OperationInfo const& info) const;
};

// The grant that covers an operation by its interface: "websocket.*".
std::string grant_of(OperationInfo const& info);

// What instances share; lives as long as the PluginHost.
struct Services {
  Runtime& runtime;
  Caller& caller;
  LogSink& log;
  Counter late_answers, abandoned, calls, calls_made;
  std::vector<std::unique_ptr<HomeQueue>> queues;  // one a shard

  HomeQueue* queue_here() { return Shard::current() != nullptr ? queues[Shard::current()->index()].get() : nullptr; }
};

class Instance {
 public:
  // Errors: the plugin's own; internal when create threw or hid its reason.
  static Result<std::shared_ptr<Instance>> create(Services& services, std::shared_ptr<Library const> library,
                                                  std::shared_ptr<Grants const> grants, std::string const& config);
  Instance(Services& services, std::shared_ptr<Library const> library, std::shared_ptr<Grants const> grants);
  Instance(Instance const&) = delete;
  Instance& operator=(Instance const&) = delete;
  ~Instance();

  Library const& library() const { return *library_; }
  // Any thread. Holds the plugin for one use; false after close().
  bool enter() {
    if ((uses_.fetch_add(1) & closed_bit) == 0) return true;
    leave();
    return false;
  }
  void hold() { uses_.fetch_add(1); }  // one use more, by whoever has one
  void leave() {
    if (uses_.fetch_sub(1) == (closed_bit | 1)) became_idle();
  }
  // One call; the caller has entered.
  Reply<Answer> start(std::uint32_t operation, LibraryOperation const& declared, Call& call, json::Parsed const& args);

  // No further calls are taken. `on_idle` is called once, from any thread, when none is left.
  void close(std::function<void()> on_idle);
  bool idle() const { return uses_.load() == closed_bit; }
  // Ends calls as `unavailable` for who waits for them: streams, which nobody can wait out, or all.
  void cut_calls(bool streams_only);
  void destroy();  // [control]
  // The plugin could not be ended: from now on it reaches nothing of the gateway, and the object stays for ever.
  static void orphan(std::shared_ptr<Instance> instance);

  std::int64_t calls_in_flight() const { return in_flight_.load(std::memory_order_relaxed); }
  // How long the oldest unfinished work has waited in the plugin; 0 when it does not tell.
  std::chrono::nanoseconds queue_wait();
  // What the plugin offers under this id; null for nothing. The caller has entered.
  void const* offered(char const* id);
  void* self() const { return self_; }
  void complain(std::string_view message);  // a line in the log, as of the plugin

  // What it says of itself; empty and well when it has said nothing.
  struct SaidHealth {
    bool ok = true;
    std::string message{};
  };
  SaidHealth said_health();
  void set_grants(std::shared_ptr<Grants const> grants) {
    std::lock_guard lock{grants_mutex_};
    grants_.swap(grants);
  }
  std::shared_ptr<Grants const> grants() const {
    std::lock_guard lock{grants_mutex_};
    return grants_;
  }

 private:
  friend class Outgoing;
  static constexpr std::uint64_t closed_bit = std::uint64_t{1} << 62;
  static constexpr std::size_t most_events = 256, most_event_bytes = std::size_t{1} << 20;
  // The part of a waiting call that ends with its coroutine.
  class Ticket;
  struct HostRecord {  // what the plugin gets; `base` first, so that it leads back here
    pb_host base;
    Instance* instance;
  };
  static Instance& of(pb_host const* host) {
    return *reinterpret_cast<HostRecord*>(const_cast<pb_host*>(host))->instance;
  }

  // The host's functions.
  static void const* extension(pb_host const*, char const* id);
  static std::int32_t complete(pb_host const*, pb_call call, pb_str data, pb_str message);
  static std::int32_t fail(pb_host const*, pb_call call, pb_error const* error);
  static std::int32_t event(pb_host const*, pb_call call, pb_str name, pb_str json);
  static std::int32_t start_call(pb_host const*, pb_call parent, pb_str operation, pb_str args, std::int64_t timeout_ms,
                                 void* user, std::int32_t (*event)(void*, pb_str, pb_str),
                                 void (*done)(void*, pb_error const*, pb_str), pb_call* made);
  static void cancel_call(pb_host const*, pb_call made);
  static void resume_call(pb_host const*, pb_call made);
  static std::int32_t log_enabled(pb_host const*, std::int32_t level);
  static void log_write(pb_host const*, std::int32_t level, pb_str message, pb_log_field const* fields,
                        std::size_t count);

  static void set_health(pb_host const*, std::int32_t status, pb_str message);

  Result<void> make(std::string const& config);
  Reply<Answer> start_inline(pb_invocation& in, LibraryOperation const& declared);
  std::int32_t settle(pb_call call, Result<Answer> result);
  Task<Result<Answer>> finish(Call& call, Ticket ticket);
  auto wait(Slot& slot, pb_call call);
  // The use has been counted by the caller, while the plugin still owed its answer.
  void hint_cancel(pb_call call);
  void hint_resume(pb_call call);
  void became_idle();
  std::string misbehaved(char const* function);  // inside a catch block
  std::shared_ptr<Outgoing> outgoing(pb_call made);

  Services& services_;
  std::shared_ptr<Library const> library_;
  mutable std::mutex grants_mutex_;  // for a copy of the pointer
  std::shared_ptr<Grants const> grants_;
  std::string logger_;
  HostRecord host_;
  void* self_ = nullptr;
  pb_queue_plugin const* queue_ = nullptr;
  Slots slots_;
  std::atomic<std::uint64_t> uses_{0};
  std::atomic<std::int64_t> in_flight_{0};
  std::atomic<bool> told_idle_{false};
  std::atomic<bool> orphaned_{false};
  std::mutex mutex_;  // of what follows
  std::function<void()> on_idle_;
  std::unordered_map<pb_call, std::shared_ptr<Outgoing>> outgoing_;
  pb_call next_outgoing_ = 1;
  bool dead_ = false;  // the plugin has been destroyed
  SaidHealth said_health_;
};

}  // namespace patchbay::plugin_host
