// Every rule of the state machine as a row: settings, then a story told in words.
//
//   ok fail slow      one attempt that is let through and ends so; fail:code names the error code, *5 does it five
//   times no:code[:ms]      one attempt that is refused with this code and retry_after_ms take:a            an attempt
//   that is let through and goes on under the name a a:ok a:fail a:slow   it ends; a:gone: its permit is not known any
//   more wait:ms           time passes force:state reset configure:{json without spaces} =state            the
//   breaker's state now
#include <sstream>

#include "tests/core/circuit_breaker/table.hpp"

namespace patchbay::circuit_breaker {
namespace {

struct RuleRow {
  char const* name;
  char const* config;
  char const* story;
};
void PrintTo(RuleRow const& row, std::ostream* out) { *out << row.name; }

class BreakerRules : public testing::TestWithParam<RuleRow> {
 protected:
  std::string acquire_one() {
    auto const reply = table.call("circuit_breaker_acquire", R"({"name":"b"})");
    if (reply.has_error())
      return "no:" + std::string{patchbay::name_of(reply.error().code)} +
             (reply.error().retry_after_ms > 0 ? ":" + std::to_string(reply.error().retry_after_ms) : "");
    auto const parsed = json::parse(reply->data);
    last = std::string{json::find_text(parsed->document, "permit")};
    return "given";
  }
  std::string end(std::string const& permit, std::string how) {
    std::string code;
    if (auto const colon = how.find(':'); colon != std::string::npos) {
      code = how.substr(colon + 1);
      how.resize(colon);
    }
    auto const args = fmt::format(R"({{"permit":"{}","success":{},"duration_ms":{},"code":"{}"}})", permit,
                                  how == "ok" || how == "slow", how == "slow" ? 6000 : 1, code);
    return table.ask("circuit_breaker_record", args, "state");
  }
  void play(std::string const& word) {
    auto const colon = word.find(':');
    auto const head = word.substr(0, colon);
    auto const tail = colon == std::string::npos ? std::string{} : word.substr(colon + 1);
    if (word.front() == '=') {
      EXPECT_EQ(table.ask("circuit_breaker_get", R"({"name":"b"})", "state"), "\"" + word.substr(1) + "\"");
    } else if (head == "ok" || head == "fail" || head == "slow") {
      ASSERT_EQ(acquire_one(), "given");
      EXPECT_EQ(end(last, word).find("error"), std::string::npos);
    } else if (head == "no") {
      EXPECT_EQ(acquire_one(), word);
    } else if (head == "take") {
      ASSERT_EQ(acquire_one(), "given");
      kept[tail] = last;
    } else if (head == "wait") {
      table.clock.advance(std::chrono::milliseconds{std::stol(tail)});
    } else if (head == "force") {
      ASSERT_TRUE(table.call("circuit_breaker_force", fmt::format(R"({{"name":"b","state":"{}"}})", tail)));
    } else if (head == "reset") {
      ASSERT_EQ(table.ask("circuit_breaker_reset", R"({"name":"b"})", "count"), "1");
    } else if (head == "configure") {
      ASSERT_TRUE(table.call("circuit_breaker_configure", R"({"name":"b",)" + tail.substr(1)));
    } else if (kept.contains(head)) {
      auto const said = end(kept[head], tail);
      if (tail == "gone")
        EXPECT_EQ(said, "error not_found /permit");
      else
        EXPECT_EQ(said.find("error"), std::string::npos) << said;
    } else {
      FAIL() << "the word " << word << " means nothing here";
    }
  }

  BreakerTable table;
  std::string last;
  std::map<std::string, std::string> kept;
};

TEST_P(BreakerRules, Hold) {
  std::string config{GetParam().config};
  ASSERT_TRUE(table.call("circuit_breaker_configure",
                         config == "{}" ? R"({"name":"b"})" : R"({"name":"b",)" + config.substr(1)));
  std::istringstream story{GetParam().story};
  std::size_t at = 0;
  for (std::string word; story >> word && !HasFatalFailure();) {
    SCOPED_TRACE(fmt::format("word {} \"{}\"", ++at, word));
    long times = 1;
    if (auto const star = word.find('*'); star != std::string::npos) {
      times = std::stol(word.substr(star + 1));
      word.resize(star);
    }
    while (times-- > 0 && !HasFatalFailure()) play(word);
  }
}

constexpr auto never_in_a_row = R"({"consecutive_failures":0,"window_size":10,"minimum_calls":4})";
constexpr auto by_time =
    R"({"window":"time","window_size":30,"minimum_calls":4,"consecutive_failures":0,"open_ms":1000})";
constexpr auto quick = R"({"open_ms":1000,"open_max_ms":3000,"consecutive_failures":2,"half_open_timeout_ms":500})";
constexpr auto two_probes =
    R"({"open_ms":1000,"consecutive_failures":1,"half_open_permits":2,"half_open_timeout_ms":500,"slow_rate":0.5})";

INSTANTIATE_TEST_SUITE_P(
    Table, BreakerRules,
    testing::Values(
        // closed: what opens it
        RuleRow{"starts_closed", "{}", "=closed ok =closed"},
        RuleRow{"opens_at_failures_in_a_row", "{}", "fail*4 =closed fail =open no:circuit_open:60000"},
        RuleRow{"a_success_ends_the_row", "{}", "fail*4 ok fail*4 =closed fail =open"},
        RuleRow{"no_row_when_turned_off", R"({"consecutive_failures":0})", "fail*19 =closed fail =open"},
        RuleRow{"opens_at_the_failure_share", never_in_a_row, "ok ok fail =closed fail =open"},
        RuleRow{"not_below_minimum_calls", never_in_a_row, "fail fail fail =closed fail =open"},
        RuleRow{"exactly_the_share_is_enough", R"({"consecutive_failures":0,"failure_rate":0.3,"minimum_calls":10})",
                "ok*7 fail fail =closed fail =open"},
        RuleRow{"old_calls_leave_the_count_window", never_in_a_row,
                "ok*4 fail*3 =closed ok*10 fail*4 =closed fail =open"},
        RuleRow{"a_full_count_window_is_enough", R"({"consecutive_failures":0,"window_size":3})",
                "fail fail =closed fail =open"},
        RuleRow{"opens_at_the_share_of_slow_calls", R"({"slow_rate":0.5,"minimum_calls":4})",
                "ok ok slow =closed slow =open"},
        RuleRow{"all_slow_opens_by_default", R"({"minimum_calls":3})", "slow slow =closed slow =open"},
        RuleRow{"one_quick_call_among_slow_ones_keeps_it", R"({"minimum_calls":3})", "ok slow*10 =closed"},
        RuleRow{"time_window_counts_within_its_seconds", by_time, "fail*3 wait:20000 fail =open"},
        RuleRow{"time_window_forgets", by_time, "fail*3 wait:31000 fail =closed fail*2 =closed fail =open"},
        RuleRow{"time_window_forgets_in_steps", by_time,
                "fail fail wait:15000 fail wait:15100 fail =closed wait:100 fail fail =open"},
        RuleRow{"time_window_share", by_time, "ok*5 fail*4 =closed fail =open"},
        RuleRow{"excluded_codes_do_not_count", R"({"consecutive_failures":2})",
                "fail fail:not_found fail:cancelled fail:invalid_argument =closed fail =open"},
        RuleRow{"excluded_codes_do_not_end_the_row", R"({"consecutive_failures":2})", "fail fail:not_found fail =open"},
        RuleRow{"own_excluded_codes", R"({"consecutive_failures":1,"excluded_codes":["busy"]})",
                "fail:busy =closed fail:not_found =open"},
        RuleRow{"no_excluded_codes", R"({"consecutive_failures":1,"excluded_codes":[]})", "fail:cancelled =open"},
        // open, and back
        RuleRow{"refuses_until_its_time_is_over", quick,
                "fail fail =open no:circuit_open:1000 wait:400 no:circuit_open:600 wait:599 no:circuit_open:1"},
        RuleRow{"reading_does_not_half_open_it", quick, "fail fail wait:5000 =open"},
        RuleRow{"a_good_probe_closes_it", quick, "fail fail wait:1000 take:p =half_open p:ok =closed ok"},
        RuleRow{"one_probe_at_a_time", quick,
                "fail fail wait:1000 take:p no:circuit_open:100 no:circuit_open:100 p:ok ok"},
        RuleRow{"a_failed_probe_opens_it", quick, "fail fail wait:1000 fail =open no:circuit_open:2000"},
        RuleRow{"backoff_doubles_up_to_the_longest", quick,
                "fail fail wait:1000 fail no:circuit_open:2000 wait:2000 fail no:circuit_open:3000 wait:3000 fail "
                "no:circuit_open:3000"},
        RuleRow{"recovery_resets_the_backoff", quick,
                "fail fail wait:1000 fail wait:2000 ok =closed fail fail =open no:circuit_open:1000"},
        RuleRow{"recovery_forgets_the_window", never_in_a_row,
                "ok ok fail fail =open wait:60000 ok =closed fail*3 =closed"},
        RuleRow{"an_excluded_probe_decides_nothing", quick,
                "fail fail wait:1000 fail:not_found =half_open take:p no:circuit_open:100 p:ok =closed"},
        RuleRow{"a_lost_probe_opens_it", quick,
                "fail fail wait:1000 take:p wait:499 no:circuit_open:100 wait:1 no:circuit_open:2000 =open p:gone"},
        RuleRow{"a_probe_that_comes_too_late_is_gone", quick, "fail fail wait:1000 take:p wait:500 p:gone =open"},
        RuleRow{"a_probe_in_time_counts", quick, "fail fail wait:1000 take:p wait:499 p:ok =closed"},
        RuleRow{"all_probes_must_do_well", two_probes, "fail =open wait:1000 ok =half_open ok =closed"},
        RuleRow{"as_many_probes_as_permits", two_probes,
                "fail wait:1000 take:a take:b no:circuit_open:100 a:ok no:circuit_open:100 b:ok =closed"},
        RuleRow{"one_failed_probe_is_enough", two_probes, "fail wait:1000 take:a take:b a:ok b:fail =open"},
        RuleRow{"slow_probes_open_it", two_probes, "fail wait:1000 slow =half_open slow =open"},
        RuleRow{"the_share_of_slow_probes_counts", two_probes, "fail wait:1000 ok =half_open slow =open"},
        RuleRow{"the_only_probe_was_slow", quick, "fail fail wait:1000 slow =open no:circuit_open:2000"},
        // late results
        RuleRow{"a_straggler_does_not_close_it", quick,
                "take:old fail fail =open old:ok =open wait:1000 take:p =half_open p:ok"},
        RuleRow{"a_straggler_is_no_probe", quick, "take:old fail fail wait:1000 take:p old:ok =half_open p:ok =closed"},
        RuleRow{"a_straggler_does_not_open_it", quick,
                "take:a take:b fail fail wait:1000 ok =closed a:fail b:fail =closed fail =closed fail =open"},
        RuleRow{"a_probe_of_an_earlier_try_is_late", two_probes,
                "fail wait:1000 take:old take:p p:fail =open wait:2000 ok =half_open old:ok =half_open ok =closed"},
        RuleRow{"a_permit_is_spent_once", "{}", "take:a a:ok a:gone"},
        RuleRow{"a_spent_failure_counts_once", R"({"consecutive_failures":2})",
                "take:a a:fail a:gone =closed fail =open"},
        RuleRow{"permits_time_out", "{}", "take:a wait:299999 take:b wait:1 a:gone b:ok"},
        // bulkhead
        RuleRow{"at_most_max_concurrent", R"({"max_concurrent":2})",
                "take:a take:b no:backpressure a:ok take:c no:backpressure"},
        RuleRow{"a_lost_permit_gives_its_place_back", R"({"max_concurrent":1})",
                "take:a no:backpressure wait:300000 take:b"},
        RuleRow{"stragglers_hold_their_place", R"({"max_concurrent":2,"consecutive_failures":1,"open_ms":1000})",
                "take:a fail wait:1000 take:p no:circuit_open:100 p:ok take:c no:backpressure a:ok take:d"},
        // by hand
        RuleRow{"forced_open_refuses_for_good", "{}",
                "force:open =forced_open no:circuit_open wait:600000 no:circuit_open"},
        RuleRow{"auto_ends_forced_open", "{}", "force:open force:auto =closed ok"},
        RuleRow{"disabled_lets_all_through", R"({"max_concurrent":1})",
                "force:disabled fail*30 take:a take:b a:ok =disabled"},
        RuleRow{"disabled_remembers_nothing", "{}",
                "force:disabled fail*30 force:auto =closed fail*4 =closed fail =open"},
        RuleRow{"metrics_only_never_opens", "{}", "force:metrics_only fail*30 =metrics_only"},
        RuleRow{"auto_leaves_an_open_one", quick, "fail fail force:auto =open no:circuit_open:1000"},
        RuleRow{"closed_by_hand", quick, "fail fail =open force:closed =closed fail =closed fail =open"},
        RuleRow{"what_was_out_before_a_force_is_late", quick,
                "take:a take:b force:open force:auto a:fail b:fail =closed"},
        RuleRow{"reset_closes", quick, "fail fail =open reset =closed ok"},
        RuleRow{"reset_ends_a_force", "{}", "force:disabled reset =closed"},
        RuleRow{"reset_forgets_failures", quick, "fail reset fail =closed"},
        RuleRow{"reset_forgets_the_backoff", quick, "fail fail wait:1000 fail reset fail fail no:circuit_open:1000"},
        // configured while it runs
        RuleRow{"a_shorter_time_holds_at_once", quick,
                R"(fail fail configure:{"open_ms":200} no:circuit_open:200 wait:200 ok =closed)"},
        RuleRow{
            "a_new_window_starts_empty", never_in_a_row,
            R"(fail*3 configure:{"consecutive_failures":0,"window_size":20,"minimum_calls":4} fail*3 =closed fail =open)"},
        RuleRow{"fewer_probes_are_asked_for_anew", two_probes,
                R"(fail wait:1000 ok =half_open configure:{"half_open_permits":1} =half_open ok =closed)"}),
    [](auto const& row) { return std::string{row.param.name}; });

TEST(BreakerView, ShowsTheWindowAndTheSettings) {
  BreakerTable table;
  auto ask = [&](char const* member) { return table.ask("circuit_breaker_get", R"({"name":"ws:x:1"})", member); };
  auto attempt = [&](char const* ended) {
    auto const permit = table.ask("circuit_breaker_acquire", R"({"name":"ws:x:1"})", "permit");
    table.call("circuit_breaker_record", R"({"permit":)" + permit + "," + ended + "}");
  };
  attempt(R"("success":true,"duration_ms":5000)");
  attempt(R"("success":true)");
  attempt(R"("success":false,"code":"connect_failed")");
  attempt(R"("success":false,"code":"not_found")");
  EXPECT_EQ(ask("calls"), "3");
  EXPECT_EQ(ask("failures"), "1");
  EXPECT_EQ(ask("consecutive_failures"), "1");
  EXPECT_EQ(ask("slow_rate").substr(0, 6), "0.3333");
  EXPECT_EQ(ask("rule"), "\"ws:*\"");
  EXPECT_EQ(ask("opened_at"), "");
  for (int i = 0; i < 4; ++i) attempt(R"("success":false,"code":"connect_failed")");
  table.call("circuit_breaker_acquire", R"({"name":"ws:x:1"})");
  EXPECT_EQ(ask("state"), "\"open\"");
  EXPECT_EQ(ask("rejected"), "1");
  EXPECT_EQ(ask("retry_after_ms"), "2000");
  EXPECT_EQ(ask("opened_at"), "\"2019-12-20T00:00:00.000Z\"");
  EXPECT_NE(ask("config").find(R"("open_ms":2000,"open_max_ms":4000)"), std::string::npos) << ask("config");
}

TEST(BreakerView, MeasuresWhatTheCallerDoesNot) {
  BreakerTable table;
  auto const permit = table.ask("circuit_breaker_acquire", R"({"name":"b"})", "permit");
  table.clock.advance(std::chrono::seconds{5});
  table.call("circuit_breaker_record", R"({"success":true,"permit":)" + permit + "}");
  EXPECT_EQ(table.ask("circuit_breaker_get", R"({"name":"b"})", "slow_rate"), "1.0");
}

}  // namespace
}  // namespace patchbay::circuit_breaker
