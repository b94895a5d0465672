// Table<P>: the operations of plugin class P with their handlers; filled once by P::declare, before any instance
// exists.
//
//   static void declare(sdk::Table<Echo>& table) {
//     table.add(say, [](sdk::Call&, SayArgs args) { return SayResult{std::move(args.text)}; });      // plain function
//     table.add(list, &Echo::list);                                                                  // member function
//     table.add(watch, [](Echo& self, sdk::Call& call, WatchArgs args) { return self.watch(call, std::move(args)); });
//   }
//
// A handler takes (Call&, Args), or the plugin in front, and returns R, Answer<R>, RawJson or Raw, a Result of one of
// these, or a Task of any of them. It must not capture anything: the table is shared by all instances.
#pragma once

#include <cstring>
#include <deque>
#include <functional>
#include <vector>

#include "plugins/sdk/call.hpp"

namespace patchbay::sdk {
namespace detail {

template <class T>
struct is_task : std::false_type {};
template <class T>
struct is_task<Task<T>> : std::true_type {
  using inner = T;
};
template <class T>
struct is_result : std::false_type {};
template <class T>
struct is_result<Result<T>> : std::true_type {};
template <class T>
struct is_answer : std::false_type {};
template <class T>
struct is_answer<Answer<T>> : std::true_type {};

inline void fail(Host& host, pb_call call, Error const& error) {
  auto const out = to_c(error);
  host.raw()->fail(host.raw(), call, &out);
}
template <class V>
void answer(Host& host, pb_call call, V const& value, std::string_view message = {}) {
  if constexpr (is_result<V>::value) {
    if (!value) return fail(host, call, value.error());
    if constexpr (std::is_void_v<typename V::value_type>)
      host.raw()->complete(host.raw(), call, borrow("{}"), borrow(message));
    else
      answer(host, call, *value, message);
  } else if constexpr (is_answer<V>::value) {
    answer(host, call, value.data, value.message);
  } else if constexpr (std::is_same_v<V, RawJson>) {
    host.raw()->complete(host.raw(), call, borrow(value.text), borrow(message));
  } else {
    auto const text = describe::to_text(value);
    host.raw()->complete(host.raw(), call, borrow(text), borrow(message));
  }
}
// Inside a catch block: what the handler threw ends its call, nothing else.
inline void fail_by_exception(Host& host, pb_call call, char const* name) {
  try {
    throw;
  } catch (ErrorException const& error) {
    return fail(host, call, error.error());
  } catch (...) {
    auto const error = std::current_exception();
    if (is_cancellation(error)) return fail(host, call, Error{Code::cancelled, std::string{name} + " was cancelled"});
    host.log(LogLevel::error, "an operation ended by an exception",
             {{"operation", name}, {"reason", reason_of(error)}});
    fail(host, call, Error{Code::internal, std::string{name} + " failed inside the plugin; the log has the reason"});
  }
}

// A call on the plugin's thread. Its texts are copied into `space`, which lasts as long and has bytes_of() the call.
class Served {
 public:
  Served(Host& host, pb_invocation const& in, char* space) : call(host, copied(in, space)) {}
  static std::size_t bytes_of(pb_invocation const& in) {
    return in.args.len + in.principal.len + in.user_id.len + in.traceparent.len + entities_of(in).len +
           scopes_of(in).len;
  }
  asio::cancellation_signal signal;
  Call call;

 private:
  static pb_invocation copied(pb_invocation const& in, char* space) {
    pb_invocation out{};
    out.size = sizeof out;
    out.operation = in.operation;
    out.call = in.call;
    out.timeout_ms = in.timeout_ms;
    auto copy = [&space](pb_str part) {
      pb_str const mine{space, part.len};
      if (part.len > 0) std::memcpy(space, part.ptr, part.len);
      space += part.len;
      return mine;
    };
    out.args = copy(in.args);
    out.principal = copy(in.principal);
    out.user_id = copy(in.user_id);
    out.traceparent = copy(in.traceparent);
    out.entities = copy(entities_of(in));
    out.scopes = copy(scopes_of(in));
    return out;
  }
};

// The arguments of a call; when they are none, the call has been answered.
[[gnu::noinline]] inline bool read_args(Call& call, void* args, void (*read)(json::Parsed const&, void*)) {
  auto const parsed = json::parse(call.args(), json::upstream_limits);
  if (!parsed) {
    fail(call.host(), call.id(), parsed.error());
    return false;
  }
  read(*parsed, args);
  return true;
}

// The handler of one operation.
template <class P>
class Bound {
 public:
  virtual ~Bound() = default;
  // Answers before it returns, or gives the task that will.
  virtual std::optional<Task<void>> start(P& plugin, Call& call) const = 0;
  char const* name = "";
  bool is_inline = false;
};

template <class P, class A, class Function>
class BoundFunction final : public Bound<P> {
 public:
  explicit BoundFunction(Function function) : function_(std::move(function)) {}
  std::optional<Task<void>> start(P& plugin, Call& call) const override {
    A args{};
    if (!read_args(call, &args,
                   [](json::Parsed const& json, void* out) { describe::read(json, *static_cast<A*>(out)); }))
      return std::nullopt;
    try {
      using Returned = decltype(invoke(plugin, call, std::move(args)));
      if constexpr (is_task<Returned>::value) {
        return drive(call, this->name, invoke(plugin, call, std::move(args)));
      } else {
        answer(call.host(), call.id(), invoke(plugin, call, std::move(args)));
      }
    } catch (...) {
      fail_by_exception(call.host(), call.id(), this->name);
    }
    return std::nullopt;
  }

 private:
  auto invoke(P& plugin, Call& call, A args) const {
    if constexpr (std::is_invocable_v<Function const&, Call&, A>)
      return std::invoke(function_, call, std::move(args));
    else
      return std::invoke(function_, plugin, call, std::move(args));
  }
  template <class V>
  static Task<void> drive(Call& call, char const* name, Task<V> task) {
    try {
      V value = co_await std::move(task);
      answer(call.host(), call.id(), value);
    } catch (...) {
      fail_by_exception(call.host(), call.id(), name);
    }
  }
  Function function_;
};

}  // namespace detail

template <class P>
class Table {
 public:
  template <class A, class R, class Function>
  [[gnu::cold]] void add(Operation<A, R> const& operation, Function function) {
    auto bound = std::make_unique<detail::BoundFunction<P, A, Function>>(std::move(function));
    bound->name = operation.name;
    bound->is_inline = operation.is_inline;
    auto const& args = schemas_.emplace_back(describe::schema_text<A>());
    auto const& result = schemas_.emplace_back(describe::schema_text<R>());
    records_.push_back(detail::record_of(operation, args.c_str(), result.c_str()));
    bound_.push_back(std::move(bound));
  }

  // For the rest of the SDK.
  std::vector<pb_operation> const& records() const { return records_; }
  detail::Bound<P> const& at(std::size_t index) const { return *bound_[index]; }
  std::size_t size() const { return bound_.size(); }
  static Table const& get() {
    static Table const table = [] {
      Table out;
      P::declare(out);
      return out;
    }();
    return table;
  }

 private:
  std::deque<std::string> schemas_;
  std::vector<pb_operation> records_;
  std::vector<std::unique_ptr<detail::Bound<P>>> bound_;
};

}  // namespace patchbay::sdk
