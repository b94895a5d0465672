// What a call through the table costs over the same work called directly: plain handlers, coroutine handlers, JSON.
//
//   ninja -C build/release bench && build/release/bin/bench/call_bench
//
// Each pair does the same work; the difference of the two is the price of the table with metrics on.
#include <benchmark/benchmark.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "core/base/caller.hpp"

namespace patchbay {
namespace bench {

struct SumArgs {
  int a = 0;
  int b = 0;
  std::string note{};
};
struct SumResult {
  int sum = 0;
  std::string note{};
};
inline constexpr Operation<SumArgs, SumResult> sum{
    .name = "BENCH.sum", .summary = "Add two numbers.", .scope = "bench.sum"};
inline constexpr Operation<SumArgs, SumResult> sum_later{
    .name = "BENCH.sum_later", .summary = "Add two numbers in a coroutine.", .scope = "bench.sum"};

// 200 bytes as a client would send them.
struct OrderArgs {
  std::string channel;
  std::string event = "message";
  std::int64_t number = 0;
  double price = 0;
  bool urgent = false;
  std::vector<std::string> tags{};
  RawJson data{};
};
struct OrderResult {
  std::int64_t number = 0;
  std::uint32_t tags = 0;
  std::string channel;
};
inline constexpr Operation<OrderArgs, OrderResult> order{
    .name = "BENCH.order", .summary = "Take an order.", .scope = "bench.order"};

}  // namespace bench

template <>
struct Describe<bench::SumArgs> {
  static constexpr std::tuple fields{field("a", &bench::SumArgs::a, "First"), field("b", &bench::SumArgs::b, "Second"),
                                     field("note", &bench::SumArgs::note, "Text").optional().length(0, 64)};
};
template <>
struct Describe<bench::SumResult> {
  static constexpr std::tuple fields{field("sum", &bench::SumResult::sum, "The sum"),
                                     field("note", &bench::SumResult::note, "Text")};
};
template <>
struct Describe<bench::OrderArgs> {
  static constexpr std::tuple fields{field("channel", &bench::OrderArgs::channel, "Channel").length(1, 255),
                                     field("event", &bench::OrderArgs::event, "Event type").optional().length(1, 64),
                                     field("number", &bench::OrderArgs::number, "Number of the order").at_least(1),
                                     field("price", &bench::OrderArgs::price, "Price").range(0, 1'000'000),
                                     field("urgent", &bench::OrderArgs::urgent, "Whether it is urgent").optional(),
                                     field("tags", &bench::OrderArgs::tags, "Words").optional().length(0, 16),
                                     field("data", &bench::OrderArgs::data, "Anything").optional()};
};
template <>
struct Describe<bench::OrderResult> {
  static constexpr std::tuple fields{field("number", &bench::OrderResult::number, "Number of the order"),
                                     field("tags", &bench::OrderResult::tags, "How many tags"),
                                     field("channel", &bench::OrderResult::channel, "Channel")};
};

namespace {

bench::SumResult add(bench::SumArgs args) { return {args.a + args.b, std::move(args.note)}; }

// The direct way: what a program without a table would call.
struct Direct {
  virtual ~Direct() = default;
  virtual Result<bench::SumResult> sum(bench::SumArgs args) = 0;
  virtual Task<Result<bench::SumResult>> sum_later(bench::SumArgs args) = 0;
};
struct DirectSum final : Direct {
  Result<bench::SumResult> sum(bench::SumArgs args) override { return add(std::move(args)); }
  Task<Result<bench::SumResult>> sum_later(bench::SumArgs args) override {
    Result<bench::SumResult> result = add(std::move(args));
    co_return result;
  }
};

struct Table {
  Table() {
    OperationTable table;
    table.add(bench::sum, [](Call&, bench::SumArgs args) { return add(std::move(args)); });
    table.add(bench::sum_later, [](Call&, bench::SumArgs args) -> Task<Result<bench::SumResult>> {
      Result<bench::SumResult> result = add(std::move(args));
      co_return result;
    });
    table.add(bench::order, [](Call&, bench::OrderArgs args) {
      return bench::OrderResult{args.number, static_cast<std::uint32_t>(args.tags.size()), std::move(args.channel)};
    });
    caller.publish(std::move(table));
    TimerWheel::set_current(&wheel);
  }
  ~Table() { TimerWheel::set_current(nullptr); }

  SystemClock clock;
  TimerWheel wheel{clock};
  Counters counters;
  Caller caller{counters};
};

void direct_plain(benchmark::State& state) {
  auto const direct = std::unique_ptr<Direct>{new DirectSum};
  auto* target = direct.get();
  for (auto _ : state) {
    benchmark::DoNotOptimize(target);
    auto result = target->sum({1, 2, "short"});
    benchmark::DoNotOptimize(result);
  }
}
BENCHMARK(direct_plain);

void table_plain(benchmark::State& state) {
  Table table;
  for (auto _ : state) {
    Call call{host_principal()};
    auto reply = table.caller.start(bench::sum, call, bench::SumArgs{1, 2, "short"});
    auto result = reply.take();
    benchmark::DoNotOptimize(result);
  }
}
BENCHMARK(table_plain);

// The principal of a token: its scopes are looked through at each call.
void table_plain_authorised(benchmark::State& state) {
  Table table;
  auto const who = std::make_shared<Principal const>(
      Principal{.name = "token:x", .scopes = {"metrics.read", "hub.read", "bench.*"}});
  for (auto _ : state) {
    Call call{who};
    auto reply = table.caller.start(bench::sum, call, bench::SumArgs{1, 2, "short"});
    auto result = reply.take();
    benchmark::DoNotOptimize(result);
  }
}
BENCHMARK(table_plain_authorised);

// Runs a coroutine that measures inside itself, as a handler that calls another operation would.
template <class Body>
void inside_a_coroutine(Body body) {
  asio::io_context context{1};
  asio::co_spawn(context, std::move(body), asio::detached);
  context.run();
}

Task<void> measure_direct(benchmark::State& state, Direct& direct) {
  for (auto _ : state) {
    bench::SumArgs args{1, 2, "short"};
    auto result = co_await direct.sum_later(std::move(args));
    benchmark::DoNotOptimize(result);
  }
}
void direct_coroutine(benchmark::State& state) {
  auto const direct = std::unique_ptr<Direct>{new DirectSum};
  inside_a_coroutine(measure_direct(state, *direct));
}
BENCHMARK(direct_coroutine);

Task<void> measure_table(benchmark::State& state, Caller& caller, bool later) {
  Call call{host_principal()};
  auto const& operation = later ? bench::sum_later : bench::sum;
  for (auto _ : state) {
    bench::SumArgs args{1, 2, "short"};
    auto result = co_await caller.call(operation, call, std::move(args));
    benchmark::DoNotOptimize(result);
  }
}
void table_coroutine(benchmark::State& state) {
  Table table;
  inside_a_coroutine(measure_table(state, table.caller, true));
}
BENCHMARK(table_coroutine);

void table_plain_awaited(benchmark::State& state) {
  Table table;
  inside_a_coroutine(measure_table(state, table.caller, false));
}
BENCHMARK(table_plain_awaited);

// From the bytes of a request to the bytes of its reply: guard, validation, authorisation, handler, metrics, envelope.
void json_200_bytes(benchmark::State& state) {
  Table table;
  auto const who =
      std::make_shared<Principal const>(Principal{.name = "token:x", .scopes = {"metrics.read", "bench.*"}});
  std::string const body =
      R"({"channel":"orders.europe.north","event":"order_placed","number":1234567,"price":99.5,"urgent":true,)"
      R"("tags":["new","paper","gift"],"data":{"customer":"k-8812","items":[{"sku":"A-1","n":2}],"ok":true}})";
  state.counters["bytes"] = static_cast<double>(body.size());
  auto const* const row = table.caller.table().find("bench_order");
  for (auto _ : state) {
    Call call{who};
    auto reply = table.caller.start_json(*row, call, std::string_view{body});
    auto result = reply.take();
    if (!result) {
      state.SkipWithError(result.error().message.c_str());
      break;
    }
    std::string text{R"({"status":"success","data":)"};
    text.append(result->data).append("}");
    benchmark::DoNotOptimize(text);
  }
}
BENCHMARK(json_200_bytes);

void json_refused(benchmark::State& state) {
  Table table;
  auto const* const row = table.caller.table().find("bench_order");
  std::string const body = R"({"channel":"orders","number":0,"price":1})";
  for (auto _ : state) {
    Call call{host_principal()};
    auto result = table.caller.start_json(*row, call, std::string_view{body}).take();
    benchmark::DoNotOptimize(result);
  }
}
BENCHMARK(json_refused);

}  // namespace
}  // namespace patchbay
