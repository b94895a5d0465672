// Instance<P>: one running plugin behind the C functions, and the record that the host reads. Plugin authors need not
// read this.
#pragma once

#include <future>
#include <unordered_map>

#if defined(__linux__)
#include <pthread.h>
#endif

#include "plugins/abi/patchbay_queue.h"
#include "plugins/sdk/plugin.hpp"
#include "plugins/sdk/table.hpp"

namespace patchbay::sdk {

// The names of a plugin; PATCHBAY_PLUGIN's second argument.
struct Names {
  char const* id;         // reverse DNS, shown only
  char const* name;       // configuration key, principal plugin:<name>
  char const* interface;  // metric label
  char const* prefix;     // tools are <prefix>_<operation>
  char const* version;
};

namespace detail {

template <class P>
class Instance {
 public:
  Instance(pb_host const* host, Config config) : host_(host) {
    host_.start_thread();
    // The plugin is made on its own thread, as all its code runs there; create() waits for it.
    std::promise<void> made;
    host_.post([&] {
      try {
        plugin_.emplace(host_, std::move(config));
        made.set_value();
      } catch (...) {
        made.set_exception(std::current_exception());
      }
    });
    try {
      made.get_future().get();
    } catch (...) {
      end();
      throw;
    }
  }
  ~Instance() { end(); }

  void invoke(pb_invocation const& in) {
    auto const& bound = Table<P>::get().at(in.operation);
    if (bound.is_inline) {
      Call call{host_, in};
      if (bound.start(*plugin_, call))
        fail(host_, in.call, Error{Code::internal, std::string{bound.name} + " is inline and must not suspend"});
      return;
    }
    host_.inbox().push(Arrived::make(*this, bound, in));
  }
  void cancel(pb_call id) {
    host_.post([this, id] {
      auto found = running_.find(id);
      if (found == running_.end()) return;
      auto const served = found->second;  // lives through the emission
      served->call.cancel();
      served->signal.emit(asio::cancellation_type::all);
    });
  }
  void resume(pb_call id) {
    host_.post([this, id] {
      auto found = running_.find(id);
      if (found != running_.end()) found->second->call.resume();
    });
  }
  Inbox const& inbox() const { return host_.inbox(); }
  P& plugin() { return *plugin_; }

 private:
  // One allocation a call: it is made on one thread and freed on another, which is the dear kind. The texts stand
  // behind the object.
  class Arrived final : public Work {
   public:
    static std::unique_ptr<Work> make(Instance& instance, Bound<P> const& bound, pb_invocation const& in) {
      return std::unique_ptr<Work>{new (Behind{Served::bytes_of(in)}) Arrived{instance, bound, in}};
    }
    void run(std::unique_ptr<Work> self) noexcept override {
      auto task = bound_.start(*instance_.plugin_, served_.call);
      if (!task) return;
      std::shared_ptr<Work> kept{std::move(self)};
      instance_.run(std::shared_ptr<Served>{std::move(kept), &served_}, std::move(*task));
    }
    static void operator delete(void* block) { ::operator delete(block); }

   private:
    struct Behind {
      std::size_t bytes;
    };
    static void* operator new(std::size_t size, Behind behind) { return ::operator new(size + behind.bytes); }
    static void operator delete(void* block, Behind) { ::operator delete(block); }
    Arrived(Instance& instance, Bound<P> const& bound, pb_invocation const& in)
        : instance_(instance), bound_(bound), served_(instance.host_, in, reinterpret_cast<char*>(this + 1)) {}

    Instance& instance_;
    Bound<P> const& bound_;
    Served served_;
  };

  void run(std::shared_ptr<Served> served, Task<void> task) {
    running_.emplace(served->call.id(), served);
    auto slot = served->signal.slot();
    // The completion holds what was served: the signal must outlive it.
    auto done = [this, served](std::exception_ptr) { running_.erase(served->call.id()); };
    asio::co_spawn(host_.executor(), std::move(task), asio::bind_cancellation_slot(slot, std::move(done)));
  }
  Task<void> stop_plugin() {
    // A polite end has two seconds.
    auto stopping = host_.spawn("stop", plugin_->stop());
    SteadyTimer timer{host_.executor()};
    timer.expires_after(std::chrono::seconds{2});
    timer.async_wait([stopping](boost::system::error_code error) {
      if (!error) stopping->cancel();
    });
    while (host_.is_running(stopping)) {
      auto waiting = host_.background_ended();
      co_await std::move(waiting);
    }
    timer.cancel();
  }
  void end() {
    if (!host_.has_thread()) return;
    std::promise<void> ended;
    host_.post([this, &ended] {
      auto finish = [this](bool with_plugin) -> Task<void> {
        if (with_plugin) {
          auto stopping = stop_plugin();
          co_await std::move(stopping);
        }
        auto winding = host_.wind_down();
        co_await std::move(winding);
        plugin_.reset();
      };
      end_ = std::move(finish);
      asio::co_spawn(host_.executor(), end_(plugin_.has_value()), [&ended](std::exception_ptr) { ended.set_value(); });
    });
    ended.get_future().wait();
    host_.join_thread();
  }

  Host host_;
  std::optional<P> plugin_;
  std::unordered_map<pb_call, std::shared_ptr<Served>> running_;
  std::function<Task<void>(bool)> end_;  // a coroutine lambda must outlive its coroutine
};

template <class P>
struct Exported {
  static void* create(pb_host const* host, pb_str config, pb_error* error) {
    thread_local std::string message, pointer;
    auto refuse = [&](Error reason) -> void* {
      message = std::move(reason.message);
      pointer = std::move(reason.pointer);
      if (error == nullptr) return nullptr;
      error->code = static_cast<std::int32_t>(reason.code);
      error->retry_after_ms = reason.retry_after_ms;
      error->message = borrow(message);
      error->pointer = borrow(pointer);
      return nullptr;
    };
    try {
      if (host->abi_major != PB_ABI_MAJOR || host->size < sizeof(pb_host))
        return refuse({Code::unsupported, "the gateway speaks another version of the plugin contract"});
      return new Instance<P>{host, Config{std::string{view(config)}}};
    } catch (ErrorException const& failure) {
      return refuse(failure.error());
    } catch (...) {
      return refuse({Code::internal, reason_of(std::current_exception())});
    }
  }
  static void invoke(void* self, pb_invocation const* in) { static_cast<Instance<P>*>(self)->invoke(*in); }
  static void cancel(void* self, pb_call call) { static_cast<Instance<P>*>(self)->cancel(call); }
  static void resume(void* self, pb_call call) { static_cast<Instance<P>*>(self)->resume(call); }
  static void destroy(void* self) { delete static_cast<Instance<P>*>(self); }
  static std::int64_t waiting_ns(void* self) { return static_cast<Instance<P>*>(self)->inbox().waiting_ns(); }
  static void const* extension(void*, char const* id) {
    static constexpr pb_queue_plugin queue{sizeof(pb_queue_plugin), &waiting_ns};
    if (std::string_view{id} == PB_QUEUE_EXTENSION) return &queue;
    if constexpr (requires { P::extension(std::string_view{}); }) return P::extension(std::string_view{id});
    return nullptr;
  }
  static pb_plugin record(Names names) {
    auto const& operations = Table<P>::get().records();
    pb_plugin out{};
    out.size = sizeof out;
    out.abi_major = PB_ABI_MAJOR;
    out.abi_minor = PB_ABI_MINOR;
    out.id = names.id;
    out.name = names.name;
    out.interface = names.interface;
    out.prefix = names.prefix;
    out.version = names.version;
    out.operations = operations.data();
    out.operation_count = static_cast<std::uint32_t>(operations.size());
    out.operation_size = sizeof(pb_operation);
    out.create = &create;
    out.invoke = &invoke;
    out.cancel = &cancel;
    out.resume = &resume;
    out.destroy = &destroy;
    out.extension = &extension;
    return out;
  }
};

}  // namespace detail

// The plugin behind the `self` that the functions of an extension are given. What P offers the host it says by
//   static void const* extension(std::string_view id);     // a table of functions that lives for ever, or null
// [any-thread] The functions of a table come on the host's threads: bring them home with host().post().
template <class P>
P& plugin_of(void* self) {
  return static_cast<detail::Instance<P>*>(self)->plugin();
}

}  // namespace patchbay::sdk
