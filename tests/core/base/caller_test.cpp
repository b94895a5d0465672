#include "core/base/caller.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>

namespace patchbay {
namespace demo {
struct AddArgs {
  int a = 0;
  int b = 0;
  std::string note = "none";
  int timeout_ms = 0;
};
struct AddResult {
  int sum = 0;
};
inline constexpr Operation<AddArgs, AddResult> add{
    .name = "DEMO.add", .summary = "Add two numbers.", .scope = "demo.add"};
inline constexpr Operation<AddArgs, AddResult> wait{
    .name = "DEMO.wait", .summary = "Wait for ever.", .scope = "demo.add", .timeout = std::chrono::milliseconds{30}};
inline constexpr Operation<AddArgs, AddResult> outer{
    .name = "DEMO.outer", .summary = "Call wait, then answer all the same.", .scope = "demo.add"};
inline constexpr Operation<AddArgs, AddResult> broken{
    .name = "DEMO.broken", .summary = "Throw.", .effect = Effect::write, .scope = "demo.add"};
}  // namespace demo
template <>
struct Describe<demo::AddArgs> {
  static constexpr std::tuple fields{field("a", &demo::AddArgs::a, "First").range(0, 100).alias("first"),
                                     field("b", &demo::AddArgs::b, "Second"),
                                     field("note", &demo::AddArgs::note, "Free text").optional().length(1, 8),
                                     field("timeout_ms", &demo::AddArgs::timeout_ms, "Unused").optional()};
};
template <>
struct Describe<demo::AddResult> {
  static constexpr std::tuple fields{field("sum", &demo::AddResult::sum, "The sum")};
};

namespace {

class CallerTest : public testing::Test {
 protected:
  CallerTest() {
    OperationTable table;
    table.add(demo::add, [](Call&, demo::AddArgs args) { return demo::AddResult{args.a + args.b}; });
    table.add(demo::wait, [](Call&, demo::AddArgs) -> Task<Result<demo::AddResult>> {
      SteadyTimer timer{co_await asio::this_coro::executor};
      timer.expires_after(std::chrono::hours{1});
      auto [error] = co_await timer.async_wait(use_task_tuple);
      co_return Error{Code::internal, error.message()};
    });
    table.add(demo::outer, [this](Call& call, demo::AddArgs args) -> Task<Result<demo::AddResult>> {
      auto inner = co_await caller.call(demo::wait, call, args);
      demo::AddResult done{inner.has_error() && inner.error().code == Code::deadline_exceeded ? 1 : 0};
      SteadyTimer timer{co_await asio::this_coro::executor};
      timer.expires_after(std::chrono::milliseconds{1});
      auto [error] = co_await timer.async_wait(use_task_tuple);  // still possible after the inner call was cancelled
      if (error) done.sum = -1;
      co_return done;
    });
    table.add(demo::broken, [](Call&, demo::AddArgs) -> demo::AddResult { throw std::runtime_error("secret reason"); });
    caller.publish(std::move(table));
    TimerWheel::set_current(&wheel);
  }
  ~CallerTest() override { TimerWheel::set_current(nullptr); }

  template <class T>
  Result<T> run(Reply<T> reply, Call& call) {
    if (reply.ready()) return reply.take();
    std::optional<Result<T>> out;
    asio::co_spawn(context, reply.task(),
                   asio::bind_cancellation_slot(call.signal().slot(), [&](std::exception_ptr error, Result<T> result) {
                     ASSERT_FALSE(error);
                     out = std::move(result);
                   }));
    while (!out) {
      context.run_one_for(std::chrono::milliseconds{5});
      wheel.advance();
    }
    return *out;
  }
  Result<Answer> json(std::string_view tool, std::string_view args, PrincipalPtr who = host_principal()) {
    Call call{std::move(who)};
    return run(caller.start_json(*caller.table().find(tool), call, args), call);
  }

  SystemClock clock;
  TimerWheel wheel{clock};
  asio::io_context context;
  Counters counters;
  Caller caller{counters};
};

TEST_F(CallerTest, TypedCallOfAPlainHandlerIsReadyAtOnce) {
  Call call{host_principal()};
  auto reply = caller.start(demo::add, call, demo::AddArgs{2, 3});
  ASSERT_TRUE(reply.ready());
  EXPECT_EQ(reply.take()->sum, 5);
}

TEST_F(CallerTest, JsonCallValidatesAndAnswers) {
  EXPECT_EQ(json("demo_add", R"({"a":2,"b":3})")->data, R"({"sum":5})");
  EXPECT_EQ(json("demo_add", R"({"first":2,"b":3,"note":"x"})")->data, R"({"sum":5})");
  struct Row {
    char const *args, *pointer, *part;
  };
  for (auto const& row :
       {Row{R"({"b":3})", "/a", "required"}, Row{R"({"a":200,"b":3})", "/a", "at most 100, is 200"},
        Row{R"({"a":"x","b":3})", "/a", "must be an integer, is a string"},
        Row{R"({"a":1,"b":3,"nots":""})", "/nots", "did you mean \"note\""},
        Row{R"({"a":1,"first":1,"b":3})", "/first", "twice"}, Row{R"({"a":1,"b":3,"note":""})", "/note", "empty"},
        Row{R"([1])", "", "must be an object"}, Row{R"({"a":1,"b":99999999999})", "/b", "at most 2147483647"}}) {
    auto result = json("demo_add", row.args);
    ASSERT_TRUE(result.has_error()) << row.args;
    EXPECT_EQ(result.error().code, Code::invalid_argument);
    EXPECT_EQ(result.error().pointer, row.pointer);
    EXPECT_NE(result.error().message.find(row.part), std::string::npos) << result.error().message;
  }
}

TEST_F(CallerTest, RefusesWithoutTheScope) {
  auto nobody = std::make_shared<Principal const>(Principal{.name = "token:x", .scopes = {"other.*"}});
  EXPECT_EQ(json("demo_add", R"({"a":2,"b":3})", nobody).error().code, Code::forbidden);
  auto holder = std::make_shared<Principal const>(Principal{.name = "token:y", .scopes = {"demo.*"}});
  EXPECT_TRUE(json("demo_add", R"({"a":2,"b":3})", holder).has_value());
}

TEST_F(CallerTest, DeadlineEndsAHandlerThatSuspends) {
  auto result = json("demo_wait", R"({"a":2,"b":3})");
  ASSERT_TRUE(result.has_error());
  EXPECT_EQ(result.error().code, Code::deadline_exceeded);
}

TEST_F(CallerTest, CallerGoesOnAfterAnInnerDeadline) {
  EXPECT_EQ(json("demo_outer", R"({"a":2,"b":3})")->data, R"({"sum":1})");
}

TEST_F(CallerTest, AnExceptionIsInternalWithATraceAndNoReason) {
  std::string logged;
  caller.on_exception([&](Row const&, Call const&, std::string_view what) { logged = what; });
  std::optional<Code> audited;
  caller.on_audit([&](AuditRecord const& record) { audited = record.code; });
  auto result = json("demo_broken", R"({"a":2,"b":3})");
  EXPECT_EQ(result.error().code, Code::internal);
  EXPECT_EQ(result.error().message.find("secret"), std::string::npos);
  EXPECT_EQ(logged, "secret reason");
  EXPECT_EQ(audited, Code::internal);
}

TEST_F(CallerTest, CountsEveryOutcome) {
  json("demo_add", R"({"a":2,"b":3})");
  json("demo_add", "{}");
  double ok = 0, invalid = 0;
  for (auto const& family : counters.sample())
    for (auto const& series : family.series) {
      if (family.name != "patchbay_operations_total" || series.labels[1].second != "add") continue;
      if (series.labels[2].second == "ok") ok = series.value;
      if (series.labels[2].second == "invalid_argument") invalid = series.value;
    }
  EXPECT_EQ(ok, 1);
  EXPECT_EQ(invalid, 1);
}

TEST_F(CallerTest, NamesTheNearestTools) {
  EXPECT_NE(caller.no_such_tool("demo_ad").message.find("demo_add"), std::string::npos);
}

}  // namespace
}  // namespace patchbay
