// OperationTable: interface -> operation -> handler, as rows. Built at start, replaced as a whole when plugins change.
//
//   table.add(hub::publish, [&hub](Call& call, hub::PublishArgs args) { return hub.publish(call, std::move(args)); });
//   Row const* row = table.find("hub_publish");
//
// A handler is callable from any thread: a plain function returns R, Result<R> or Reply<R>; a coroutine returns
// Task<Result<R>> (or Task<R>). What belongs to a home shard goes there itself. A duplicate or malformed name throws:
// better no gateway than half a table. After it is built the table is immutable and any thread may read it.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <typeinfo>
#include <unordered_map>
#include <vector>

#include "core/base/call.hpp"
#include "core/base/counters.hpp"
#include "core/base/operation.hpp"
#include "core/base/reply.hpp"
#include "core/base/schema.hpp"

namespace patchbay {

// Everything about an operation but its handler; the text form serves all surfaces, core and plugins alike.
struct OperationInfo {
  std::string name;                    // "HUB.publish"
  std::string interface;               // "HUB", the metric label
  std::string verb;                    // "publish"
  std::string tool;                    // "hub_publish"
  std::vector<std::string> aliases{};  // further tool names that mean the same; listings show `tool`
  std::string summary;
  std::string category;
  std::string scope;
  std::string owner = "gateway";  // or the plugin's name
  Effect effect = Effect::read;
  bool audited = false, idempotent = false, streaming = false, reaches_out = false;
  bool timeout_from_args = false;
  std::chrono::milliseconds timeout{10'000};
  CodeSet errors{};
  struct OwnRoute {
    std::string method, path;
    bool bare = false;
  };
  std::vector<OwnRoute> routes;
  std::string example;  // arguments as JSON, or empty
  Schema args, result;
};

class Handler {
 public:
  virtual ~Handler() = default;
  // The arguments have been validated against the row's schema.
  virtual Reply<Answer> start_json(Call& call, json::Parsed const& args) = 0;
  // The type of the typed form, or nothing for a plugin's.
  virtual std::type_info const* type() const { return nullptr; }
};

template <class A, class R>
class TypedHandler : public Handler {
 public:
  virtual Reply<R> start(Call& call, A&& args) = 0;
  std::type_info const* type() const final { return &typeid(TypedHandler); }
};

// The counters of one operation; an operation that comes back (a replaced plugin's) goes on counting where it stood.
struct RowCounters {
  std::array<Counter, code_count> by_code{};  // 0: ok
  Histogram duration{};
  UpDown in_flight{};  // of the interface
};

// Hands out RowCounters by operation and shows them to a scrape; one per gateway, beside its Counters.
class OperationCounters {
 public:
  explicit OperationCounters(Counters& counters);
  ~OperationCounters();
  OperationCounters(OperationCounters const&) = delete;
  OperationCounters& operator=(OperationCounters const&) = delete;

  RowCounters get(std::string const& interface, std::string const& verb);

 private:
  struct Known {
    std::string interface, verb;
    RowCounters counters;
  };
  void collect(std::vector<FamilySample>& out) const;

  Counters& counters_;
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, Known> known_;
  std::uint64_t collector_ = 0;
};

struct Row {
  OperationInfo info;
  std::shared_ptr<Handler> handler;
  std::type_info const* type = nullptr;  // the handler's
  void const* declaration = nullptr;
  RowCounters counters{};
  bool bound = false;
};

class OperationTable {
 public:
  template <class A, class R, class Function>
  void add(Operation<A, R> const& operation, Function function);
  // A row made at run time (a plugin's). Throws std::invalid_argument as the other does.
  void add(Row row);
  // Everything of another table but the rows of one owner.
  static OperationTable without(OperationTable const& other, std::string_view owner);

  Row const* find(std::string_view tool) const {
    auto found = by_tool_.find(tool);
    return found == by_tool_.end() ? nullptr : found->second;
  }
  Row const* find_name(std::string_view name) const;  // "HUB.publish"
  // By the declaration's address, else by its name: across libraries the address may differ.
  Row const* find(void const* declaration, std::string_view name) const {
    auto const mask = slots_.size() - 1;
    for (auto at = hash(declaration) & mask; !slots_.empty() && slots_[at].declaration != nullptr; at = (at + 1) & mask)
      if (slots_[at].declaration == declaration) return slots_[at].row;
    return find_name(name);
  }
  std::vector<std::string_view> nearest_tools(std::string_view tool, std::size_t count) const;
  std::vector<std::shared_ptr<Row>> const& rows() const { return rows_; }
  std::size_t size() const { return rows_.size(); }

  // Gives each row that has none its counters; called before the table is used.
  void bind(OperationCounters& counters);

  // "HUB" + "publish" -> "hub_publish"
  static std::string tool_name(std::string_view prefix, std::string_view verb);

 private:
  struct Slot {
    void const* declaration = nullptr;
    Row const* row = nullptr;
  };
  static std::size_t hash(void const* pointer) {
    return (reinterpret_cast<std::uintptr_t>(pointer) >> 4) * 0x9E3779B97F4A7C15ULL >> 20;
  }
  void insert(std::shared_ptr<Row> row);
  void index_declaration(Row const* row);

  std::vector<std::shared_ptr<Row>> rows_;
  std::unordered_map<std::string_view, Row const*> by_tool_;
  std::unordered_map<std::string_view, Row const*> by_name_;
  std::vector<Slot> slots_;
  std::size_t declared_ = 0;
};

namespace detail {

// A typed declaration without its types.
using Declaration = Operation<Nothing, Nothing>;
template <class A, class R>
[[gnu::cold]] Declaration without_types(Operation<A, R> const& op) {
  return {op.name,     op.summary,    op.effect,    op.scope,       op.audited,           op.timeout,
          op.errors,   op.idempotent, op.streaming, op.reaches_out, op.timeout_from_args, op.routes,
          op.category, op.example};
}
// The row of a typed declaration, but for its handler; throws std::invalid_argument when its schemas do not compile.
Row make_row(Declaration const& operation, std::string const& args_schema, std::string const& result_schema);

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

template <class R>
Task<Result<R>> as_result(Task<R> task) {
  R value = co_await std::move(task);
  Result<R> result{std::move(value)};
  co_return result;
}

template <class R>
Reply<Answer> in_json(Result<R> const& result) {
  if (!result) return result.error();
  return Answer{describe::to_text(*result)};
}
template <class R>
Task<Result<Answer>> in_json(Task<Result<R>> task) {
  Result<R> result = co_await std::move(task);
  if (!result) co_return result.error();
  Answer answer{describe::to_text(*result)};
  co_return answer;
}

template <class A, class R, class Function>
class FunctionHandler final : public TypedHandler<A, R> {
  using Returned = std::invoke_result_t<Function&, Call&, A>;
  static constexpr bool waits = is_task<Returned>::value;

 public:
  explicit FunctionHandler(Function function) : function_(std::move(function)) {}
  Reply<R> start(Call& call, A&& args) override {
    if constexpr (std::is_void_v<Returned>) {
      function_(call, std::move(args));
      return R{};
    } else if constexpr (std::is_same_v<Returned, Result<void>>) {
      auto result = function_(call, std::move(args));
      if (!result) return result.error();
      return R{};
    } else if constexpr (waits) {
      return task(call, std::move(args));
    } else {
      return function_(call, std::move(args));
    }
  }
  // A handler that says by its type whether it waits needs one of the two forms.
  Reply<Answer> start_json(Call& call, json::Parsed const& parsed) override {
    A args{};
    describe::read(parsed, args);
    if constexpr (waits) {
      return in_json(task(call, std::move(args)));
    } else {
      auto reply = start(call, std::move(args));
      if constexpr (std::is_same_v<Returned, Reply<R>>)
        if (!reply.ready()) return in_json(reply.task());
      return in_json(reply.result());
    }
  }

 private:
  Task<Result<R>> task(Call& call, A&& args) {
    if constexpr (is_result<typename is_task<Returned>::inner>::value)
      return function_(call, std::move(args));
    else
      return as_result<R>(function_(call, std::move(args)));
  }
  Function function_;
};

}  // namespace detail

template <class A, class R, class Function>
[[gnu::cold]] void OperationTable::add(Operation<A, R> const& operation, Function function) {
  auto row = detail::make_row(detail::without_types(operation), describe::schema_text<A>(), describe::schema_text<R>());
  row.handler = std::make_shared<detail::FunctionHandler<A, R, Function>>(std::move(function));
  row.declaration = &operation;
  add(std::move(row));
}

}  // namespace patchbay
