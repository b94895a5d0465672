// The breaker's wrappers as a host program uses them.
#include <gtest/gtest.h>

#include "gateway/gateway.hpp"
#include "gateway/wrappers.hpp"

namespace patchbay {
namespace {

using circuit_breaker::State;

class BreakerWrappers : public testing::Test {
 protected:
  BreakerWrappers() {
    GatewayOptions options;
    options.plugins = false;
    gateway = std::make_unique<Gateway>(std::move(options));
    gateway->start().value();
    circuit_breaker::ConfigureArgs args;
    args.name = "payments";
    args.consecutive_failures = 2;
    gateway->call(circuit_breaker::configure, std::move(args)).value();
  }
  Result<int> fail() {
    return execute_with_circuit_breaker(*gateway, "payments", []() -> Result<int> {
      return Error{Code::connect_failed, "nobody there"};
    });
  }
  std::unique_ptr<Gateway> gateway;
};

TEST_F(BreakerWrappers, GiveBackWhatTheFunctionReturns) {
  EXPECT_EQ(execute_with_circuit_breaker(*gateway, "payments", [] { return 42; }).value(), 42);
  bool called = false;
  EXPECT_TRUE(execute_with_circuit_breaker(*gateway, "payments", [&] { called = true; }));
  EXPECT_TRUE(called);
  EXPECT_EQ(fail().error().code, Code::connect_failed);
  EXPECT_THROW((void)execute_with_circuit_breaker(*gateway, "payments", []() -> int { throw std::runtime_error{"x"}; }),
               std::runtime_error);
}

TEST_F(BreakerWrappers, TellWhenItIsOpenAndCloseItAgain) {
  EXPECT_EQ(get_circuit_breaker_state(*gateway, "payments").value(), State::closed);
  EXPECT_FALSE(is_circuit_breaker_open(*gateway, "payments"));
  fail();
  fail();
  EXPECT_TRUE(is_circuit_breaker_open(*gateway, "payments"));
  EXPECT_EQ(get_all_circuit_breaker_states(*gateway).value().at("payments"), State::open);
  bool called = false;
  auto const refused = execute_with_circuit_breaker(*gateway, "payments", [&] { called = true; });
  EXPECT_EQ(refused.error().code, Code::circuit_open);
  EXPECT_GT(refused.error().retry_after_ms, 0U);
  EXPECT_FALSE(called);
  EXPECT_GE(reset_all_circuit_breakers(*gateway).value(), 1U);
  EXPECT_EQ(get_circuit_breaker_state(*gateway, "payments").value(), State::closed);
  EXPECT_TRUE(execute_with_circuit_breaker(*gateway, "payments", [&] { called = true; }));
  EXPECT_TRUE(called);
}

}  // namespace
}  // namespace patchbay
