// Gateway: the front door. A host program builds one, starts it, and calls operations from any of its threads.
//
//   patchbay::Gateway gateway;                                   // defaults: no listener, plugins from the plugin
//   folder gateway.start().value(); auto health = gateway.call(patchbay::system::health, {});    // typed: no JSON is
//   built auto entities = gateway.call_json("ha_list_entities", R"({"domain":"light"})"); gateway.stop();
//
// wrappers.hpp has the named wrappers (websocket_connect ...). Host code is not restricted by scopes.
//
// Threads: everything here but start() and stop() may be called from any thread. A blocking call runs a plain handler
// on the calling thread; one that suspends runs on a shard while the caller waits (some 40 us, nearly all of it waking
// threads). From a shard's own thread a blocking call would deadlock: it fails at once with `unsupported`. async_call()
// serves coroutines and callbacks on the host's own executor.
// Ownership: the Gateway owns all of it; destroying it stops it.
#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/base/caller.hpp"
#include "core/runtime/runtime.hpp"

namespace patchbay {

namespace metrics {
class Metrics;
}

struct GatewayOptions {
  std::string config_file;             // empty: defaults (and the environment)
  bool listen = false;                 // serve HTTP
  std::vector<std::string> addresses;  // "127.0.0.1:8765"; empty: server.listen of the configuration
  bool insecure = false;               // as server.insecure
  bool plugins = true;                 // load the plugin folder
  std::string plugin_directory;        // instead of plugins.directory
  std::function<void()> on_shutdown;   // asked to stop by an operation; called on some thread, must not block
};

class Gateway {
 public:
  // Nothing runs yet. A configuration that cannot be read is reported by start().
  explicit Gateway(GatewayOptions options = {});
  ~Gateway();
  Gateway(Gateway const&) = delete;
  Gateway& operator=(Gateway const&) = delete;

  // Reads the configuration, builds the table, loads the plugins, listens. Errors: invalid_argument (configuration: all
  // problems, with file, line and key), conflict (address in use), forbidden (an open listener without tokens).
  Result<void> start();
  // Ordered: see layers.md. Idempotent; at most some ten seconds.
  void stop();
  // What stop() does when it is not needed at once: applies the configuration again (SIGHUP).
  Result<std::vector<std::string>> reload();

  // --- blocking ---
  template <class A, class R>
  Result<R> call(Operation<A, R> const& operation, std::type_identity_t<A> args,
                 std::optional<std::chrono::milliseconds> timeout = {});
  // By tool name, JSON in and out. not_found names the nearest tools.
  Result<RawJson> call_json(std::string_view tool, std::string_view args = "{}",
                            std::optional<std::chrono::milliseconds> timeout = {});
  // A streaming operation: the function gets each event and returns false to end it.
  Result<RawJson> stream_json(std::string_view tool, std::string_view args,
                              std::function<bool(std::string_view event, std::string_view json)> on_event);

  // --- asynchronous: any completion token, signature void(Result<R>); completes on the token's executor ---
  template <class A, class R, class Token>
  auto async_call(Operation<A, R> const& operation, A args, Token&& token);

  // Addresses that are listened to, such as "http://127.0.0.1:8765"; empty without a listener.
  std::vector<std::string> urls() const;
  static std::string version();

  // For wrappers and for code that builds upon the gateway.
  Caller& caller();
  Runtime& runtime();
  LogSink& log();
  Counters& counters();
  metrics::Metrics& metrics();

 private:
  struct Impl;
  template <class T>
  Result<T> wait(std::shared_ptr<Call> call, Task<Result<T>> task);
  static std::shared_ptr<Call> host_call(std::optional<std::chrono::milliseconds> timeout);
  static std::optional<Error> refuse_on_shard();

  std::unique_ptr<Impl> impl_;
};

template <class T>
Result<T> Gateway::wait(std::shared_ptr<Call> call, Task<Result<T>> task) {
  struct Waiting {
    std::mutex mutex;
    std::condition_variable ended;
    std::optional<Result<T>> result;
  };
  auto waiting = std::make_shared<Waiting>();
  // The call must outlive the completion handler: its signal's slot is bound to it.
  auto done = [waiting, call](std::exception_ptr error, Result<T> result) {
    if (error) result = Error{Code::internal, "the call ended by an exception"};
    std::lock_guard lock{waiting->mutex};
    waiting->result = std::move(result);
    waiting->ended.notify_one();
  };
  asio::co_spawn(runtime().home().executor(), std::move(task),
                 asio::bind_cancellation_slot(call->signal().slot(), std::move(done)));
  std::unique_lock lock{waiting->mutex};
  waiting->ended.wait(lock, [&] { return waiting->result.has_value(); });
  return std::move(*waiting->result);
}

template <class A, class R>
Result<R> Gateway::call(Operation<A, R> const& operation, std::type_identity_t<A> args,
                        std::optional<std::chrono::milliseconds> timeout) {
  if (auto refused = refuse_on_shard()) return *refused;
  auto call = host_call(timeout);
  auto reply = caller().start(operation, *call, std::move(args));
  if (reply.ready()) return reply.take();
  return wait<R>(std::move(call), reply.task());
}

template <class A, class R, class Token>
auto Gateway::async_call(Operation<A, R> const& operation, A args, Token&& token) {
  auto initiate = [this, &operation](auto handler, A inner) {
    auto call = host_call({});
    auto executor = asio::get_associated_executor(handler, runtime().home().executor());
    auto finish = [handler = std::move(handler), executor, call](Result<R> result) mutable {
      asio::dispatch(executor, [handler = std::move(handler), result = std::move(result)]() mutable {
        std::move(handler)(std::move(result));
      });
    };
    auto reply = caller().start(operation, *call, std::move(inner));
    if (reply.ready()) {
      // Never inside the initiating function.
      asio::post(executor,
                 [finish = std::move(finish), result = reply.take()]() mutable { finish(std::move(result)); });
      return;
    }
    auto done = [finish = std::move(finish)](std::exception_ptr error, Result<R> result) mutable {
      if (error) result = Error{Code::internal, "the call ended by an exception"};
      finish(std::move(result));
    };
    asio::co_spawn(runtime().home().executor(), reply.task(),
                   asio::bind_cancellation_slot(call->signal().slot(), std::move(done)));
  };
  return asio::async_initiate<Token, void(Result<R>)>(std::move(initiate), token, std::move(args));
}

}  // namespace patchbay
