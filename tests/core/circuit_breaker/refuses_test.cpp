#include "tests/core/circuit_breaker/table.hpp"

namespace patchbay::circuit_breaker {
namespace {

struct Refusal {
  char const* name;
  char const* tool;
  char const* args;
  Code code;
  char const* pointer;
};
void PrintTo(Refusal const& row, std::ostream* out) { *out << row.name; }

class BreakerRefuses : public testing::TestWithParam<Refusal> {};

TEST_P(BreakerRefuses, WithCodeAndPointer) {
  BreakerTable table;
  table.call("circuit_breaker_get", R"({"name":"known"})");
  auto const reply = table.call(std::string{"circuit_breaker_"} + GetParam().tool, GetParam().args);
  ASSERT_TRUE(reply.has_error()) << reply->data;
  EXPECT_EQ(reply.error().code, GetParam().code) << reply.error().message;
  EXPECT_EQ(reply.error().pointer, GetParam().pointer) << reply.error().message;
}

INSTANTIATE_TEST_SUITE_P(
    Table, BreakerRefuses,
    testing::Values(
        Refusal{"configure_without_name", "configure", "{}", Code::invalid_argument, "/name"},
        Refusal{"configure_with_an_empty_name", "configure", R"({"name":""})", Code::invalid_argument, "/name"},
        Refusal{"a_share_above_one", "configure", R"({"name":"x","failure_rate":1.5})", Code::invalid_argument,
                "/failure_rate"},
        Refusal{"a_share_of_nothing", "configure", R"({"name":"x","slow_rate":0})", Code::invalid_argument,
                "/slow_rate"},
        Refusal{"a_window_of_moons", "configure", R"({"name":"x","window":"moons"})", Code::invalid_argument,
                "/window"},
        Refusal{"a_window_of_nothing", "configure", R"({"name":"x","window_size":0})", Code::invalid_argument,
                "/window_size"},
        Refusal{"open_for_no_time", "configure", R"({"name":"x","open_ms":0})", Code::invalid_argument, "/open_ms"},
        Refusal{"longest_shorter_than_first", "configure", R"({"name":"x","open_ms":2000,"open_max_ms":1000})",
                Code::invalid_argument, "/open_max_ms"},
        Refusal{"backoff_that_shrinks", "configure", R"({"name":"x","backoff":0.5})", Code::invalid_argument,
                "/backoff"},
        Refusal{"no_probes", "configure", R"({"name":"x","half_open_permits":0})", Code::invalid_argument,
                "/half_open_permits"},
        Refusal{"an_empty_code", "configure", R"({"name":"x","excluded_codes":["busy",""]})", Code::invalid_argument,
                "/excluded_codes/1"},
        Refusal{"codes_that_are_none", "configure", R"({"name":"x","excluded_codes":[1]})", Code::invalid_argument,
                "/excluded_codes/0"},
        Refusal{"an_unknown_setting", "configure", R"({"name":"x","open_time":1})", Code::invalid_argument,
                "/open_time"},
        Refusal{"get_without_name", "get", "{}", Code::invalid_argument, "/name"},
        Refusal{"get_that_may_not_create", "get", R"({"name":"x","create":false})", Code::not_found, "/name"},
        Refusal{"list_of_an_unknown_state", "list", R"({"state":"ajar"})", Code::invalid_argument, "/state"},
        Refusal{"acquire_without_name", "acquire", "{}", Code::invalid_argument, "/name"},
        Refusal{"record_without_permit", "record", R"({"success":true})", Code::invalid_argument, "/permit"},
        Refusal{"record_without_outcome", "record", R"({"permit":"0-0-1"})", Code::invalid_argument, "/success"},
        Refusal{"record_with_a_negative_time", "record", R"({"permit":"0-0-1","success":true,"duration_ms":-1})",
                Code::invalid_argument, "/duration_ms"},
        Refusal{"record_of_nonsense", "record", R"({"permit":"nonsense","success":true})", Code::not_found, "/permit"},
        Refusal{"record_of_a_permit_never_given", "record", R"({"permit":"0-0-1","success":true})", Code::not_found,
                "/permit"},
        Refusal{"record_of_no_breaker", "record", R"({"permit":"3ff-0-1","success":true})", Code::not_found, "/permit"},
        Refusal{"record_beyond_all_breakers", "record", R"({"permit":"400-0-1","success":true})", Code::not_found,
                "/permit"},
        Refusal{"record_of_a_free_slot", "record", R"({"permit":"0-0-0","success":true})", Code::not_found, "/permit"},
        Refusal{"record_of_a_permit_with_a_tail", "record", R"({"permit":"0-0-1 ","success":true})", Code::not_found,
                "/permit"},
        Refusal{"force_of_an_unknown_one", "force", R"({"name":"x","state":"open"})", Code::not_found, "/name"},
        Refusal{"force_into_half_open", "force", R"({"name":"known","state":"half_open"})", Code::invalid_argument,
                "/state"},
        Refusal{"force_without_state", "force", R"({"name":"known"})", Code::invalid_argument, "/state"},
        Refusal{"reset_of_an_unknown_one", "reset", R"({"name":"x"})", Code::not_found, "/name"},
        Refusal{"reset_all_of_some", "reset_all", R"({"name":"x"})", Code::invalid_argument, "/name"},
        Refusal{"call_without_operation", "call", R"({"name":"x","interface":"SYSTEM"})", Code::invalid_argument,
                "/operation"},
        Refusal{"call_of_an_unknown_operation", "call",
                R"({"name":"x","interface":"CIRCUIT_BREAKER","operation":"gett"})", Code::not_found, "/operation"},
        Refusal{"call_with_a_list_of_arguments", "call",
                R"({"name":"x","interface":"CIRCUIT_BREAKER","operation":"get","args":[1]})", Code::invalid_argument,
                "/args"},
        Refusal{"call_whose_arguments_are_wrong", "call",
                R"({"name":"x","interface":"CIRCUIT_BREAKER","operation":"get","args":{"create":1,"name":"y"}})",
                Code::invalid_argument, "/args/create"}),
    [](auto const& row) { return std::string{row.param.name}; });

TEST(BreakerRefusals, NameTheBreakerAndTheWait) {
  BreakerTable table;
  table.call("circuit_breaker_configure", R"({"name":"shop","consecutive_failures":1,"open_ms":3000})");
  auto const permit = table.ask("circuit_breaker_acquire", R"({"name":"shop"})", "permit");
  table.call("circuit_breaker_record", R"({"success":false,"permit":)" + permit + "}");
  auto const error = table.call("circuit_breaker_acquire", R"({"name":"shop"})").error();
  EXPECT_EQ(error.message, "shop: the breaker is open after failures; try again in 3000 ms");
  EXPECT_EQ(error.retry_after_ms, 3000U);
  EXPECT_TRUE(error.retryable());
}

TEST(BreakerRefusals, NoMoreNamesThanThereMayBe) {
  BreakerTable table;
  for (std::size_t i = 0; i < CircuitBreakers::max_names; ++i)
    ASSERT_TRUE(table.breakers.acquire(host_principal(), "name" + std::to_string(i)));
  for (auto const* tool : {"circuit_breaker_acquire", "circuit_breaker_get", "circuit_breaker_configure"}) {
    auto const reply = table.call(tool, R"({"name":"one more"})");
    ASSERT_TRUE(reply.has_error()) << tool;
    EXPECT_EQ(reply.error().code, Code::rate_limited) << tool;
  }
  EXPECT_TRUE(table.call("circuit_breaker_acquire", R"({"name":"name7"})"));
}

TEST(BreakerRefusals, NoMorePermitsThanThereMayBe) {
  Settings settings;
  settings.permits.most = 3;
  BreakerTable table{std::move(settings)};
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(table.call("circuit_breaker_acquire", R"({"name":"b"})"));
  EXPECT_EQ(table.call("circuit_breaker_acquire", R"({"name":"b"})").error().code, Code::backpressure);
  table.call("circuit_breaker_force", R"({"name":"b","state":"disabled"})");
  EXPECT_EQ(table.call("circuit_breaker_acquire", R"({"name":"b"})").error().code, Code::backpressure);
}

TEST(BreakerPermits, BelongToTheirPrincipal) {
  BreakerTable table;
  auto token = [](char const* name) {
    return std::make_shared<Principal const>(Principal{.name = name, .scopes = {"admin"}});
  };
  auto const permit = table.ask("circuit_breaker_acquire", R"({"name":"b"})", "permit", token("token:one"));
  auto const args = R"({"success":true,"permit":)" + permit + "}";
  EXPECT_EQ(table.ask("circuit_breaker_record", args, "state", token("token:two")), "error not_found /permit");
  EXPECT_EQ(table.ask("circuit_breaker_record", args, "state", token("token:one")), "\"closed\"");

  auto const second = table.ask("circuit_breaker_acquire", R"({"name":"b"})", "permit", token("token:one"));
  EXPECT_EQ(
      table.ask("circuit_breaker_record", R"({"success":true,"permit":)" + second + "}", "state", gateway_principal()),
      "\"closed\"");
}

TEST(BreakerScopes, AllButStatsAreForAdmins) {
  BreakerTable table;
  auto const reader = std::make_shared<Principal const>(Principal{.name = "token:r", .scopes = {"metrics.read"}});
  EXPECT_EQ(table.ask("circuit_breaker_list", "{}", "breakers", reader), "error forbidden ");
  EXPECT_EQ(table.ask("circuit_breaker_force", R"({"name":"b","state":"open"})", "previous", reader),
            "error forbidden ");
  EXPECT_EQ(table.ask("circuit_breaker_stats", "{}", "breakers", reader), "0");
}

}  // namespace
}  // namespace patchbay::circuit_breaker
