// circuit_breaker_call, and execute() for host code.
#include "core/circuit_breaker/guard.hpp"
#include "tests/core/circuit_breaker/table.hpp"

namespace patchbay {
namespace fake {
struct Args {
  std::string fail;
  bool wait = false;
};
struct Answered {
  bool done = true;
};
inline constexpr Operation<Args, Answered> work{.name = "FAKE.work", .summary = "Fail as told.", .scope = "fake.work"};
}  // namespace fake
template <>
struct Describe<fake::Args> {
  static constexpr std::tuple fields{field("fail", &fake::Args::fail, "Code to fail with").optional(),
                                     field("wait", &fake::Args::wait, "Suspend first").optional()};
};
template <>
struct Describe<fake::Answered> {
  static constexpr std::tuple fields{field("done", &fake::Answered::done, "Always")};
};

namespace circuit_breaker {
namespace {

class BreakerCall : public testing::Test {
 protected:
  BreakerCall() {
    table.extend([](OperationTable& rows) {
      rows.add(fake::work, [](Call&, fake::Args args) -> Task<Result<fake::Answered>> {
        if (args.wait) {
          SteadyTimer timer{co_await asio::this_coro::executor};
          timer.expires_after(std::chrono::milliseconds{1});
          co_await timer.async_wait(use_task_tuple);
        }
        if (args.fail == "throw") throw std::runtime_error("broken");
        if (!args.fail.empty()) co_return Error{*code_named(args.fail), "as told", "/fail"};
        co_return fake::Answered{};
      });
    });
    table.call("circuit_breaker_configure", R"({"name":"b","consecutive_failures":2})");
  }
  Result<Answer> work(std::string args, PrincipalPtr who = host_principal()) {
    return table.call("circuit_breaker_call",
                      R"({"name":"b","interface":"FAKE","operation":"work","args":)" + args + "}", std::move(who));
  }
  BreakerInfo info() { return table.breakers.get({"b", false}).value(); }

  BreakerTable table;
};

TEST_F(BreakerCall, AnswersAsTheOperationDoes) {
  EXPECT_EQ(work("{}")->data, R"({"done":true})");
  EXPECT_EQ(work(R"({"wait":true})")->data, R"({"done":true})");
  EXPECT_EQ(info().calls, 2U);
  EXPECT_EQ(info().failures, 0U);
  EXPECT_EQ(info().in_flight, 0U);
}

TEST_F(BreakerCall, FailuresOpenTheBreaker) {
  auto const failed = work(R"({"fail":"upstream_failed","wait":true})");
  EXPECT_EQ(failed.error().code, Code::upstream_failed);
  EXPECT_EQ(failed.error().pointer, "/args/fail");
  EXPECT_EQ(work(R"({"fail":"throw"})").error().code, Code::internal);
  auto const refused = work("{}");
  EXPECT_EQ(refused.error().code, Code::circuit_open);
  EXPECT_EQ(refused.error().retry_after_ms, 60'000U);
  EXPECT_EQ(info().failures, 2U);
}

TEST_F(BreakerCall, ExcludedCodesDoNot) {
  for (int i = 0; i < 5; ++i) EXPECT_EQ(work(R"({"fail":"not_found"})").error().code, Code::not_found);
  EXPECT_EQ(work(R"({"nonsense":1})").error().pointer, "/args/nonsense");
  EXPECT_EQ(info().state, State::closed);
  EXPECT_EQ(info().calls, 0U);
}

TEST_F(BreakerCall, IsFoundByThePrefixToo) {
  EXPECT_TRUE(table.call("circuit_breaker_call", R"({"name":"b","interface":"fake","operation":"work"})"));
}

TEST_F(BreakerCall, AsksForTheScopeOfTheOperation) {
  auto const host_like = std::make_shared<Principal const>(Principal{.name = "token:x", .scopes = {"admin"}});
  EXPECT_TRUE(work("{}", host_like));
  auto const other = std::make_shared<Principal const>(Principal{.name = "token:y", .scopes = {"fake.*"}});
  EXPECT_EQ(work("{}", other).error().code, Code::forbidden);
  EXPECT_EQ(info().calls, 1U);
}

TEST_F(BreakerCall, AFrameThatIsDestroyedGivesItsPermitBack) {
  {
    Call parent{host_principal()};
    asio::io_context context;
    asio::co_spawn(context, table.breakers.run(parent, {"b", "FAKE", "work", {R"({"wait":true})"}}),
                   [](std::exception_ptr, Result<RawJson>) {});
    context.poll_one();
    EXPECT_EQ(info().in_flight, 1U);
  }
  EXPECT_EQ(info().in_flight, 0U);
  EXPECT_EQ(info().calls, 0U);
}

TEST_F(BreakerCall, ExecuteCountsValuesErrorsAndExceptions) {
  auto& caller = table.caller;
  EXPECT_EQ(execute(caller, "b", [] { return 7; }).value(), 7);
  bool called = false;
  EXPECT_TRUE(execute(caller, "b", [&] { called = true; }));
  EXPECT_TRUE(called);
  EXPECT_EQ(info().calls, 2U);

  auto const error = execute(caller, "b", []() -> Result<int> { return Error{Code::connect_failed, "no"}; });
  EXPECT_EQ(error.error().code, Code::connect_failed);
  auto const ignored = execute(caller, "b", []() -> Result<void> { return Error{Code::not_found, "no"}; });
  EXPECT_EQ(ignored.error().code, Code::not_found);
  EXPECT_EQ(info().failures, 1U);
  EXPECT_THROW(execute(caller, "b", [] { throw ErrorException{{Code::cancelled, "no"}}; }), ErrorException);
  EXPECT_EQ(info().failures, 1U);
  EXPECT_THROW(execute(caller, "b", []() -> int { throw std::runtime_error("no"); }), std::runtime_error);
  EXPECT_EQ(info().failures, 2U);

  called = false;
  EXPECT_EQ(execute(caller, "b", [&] { called = true; }).error().code, Code::circuit_open);
  EXPECT_FALSE(called);
  EXPECT_EQ(info().in_flight, 0U);
}

}  // namespace
}  // namespace circuit_breaker
}  // namespace patchbay
