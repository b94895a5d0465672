// Rules by pattern, live settings, lists, metrics and log lines.
#include "tests/core/circuit_breaker/table.hpp"

namespace patchbay::circuit_breaker {
namespace {

Rule rule(std::string pattern, std::optional<std::uint32_t> open_ms = {}) {
  Rule out;
  out.pattern = std::move(pattern);
  out.open_ms = open_ms;
  return out;
}

struct PatternRow {
  char const *pattern, *name;
  bool match;
};
TEST(BreakerPatterns, Match) {
  for (auto const& row : {PatternRow{"ws:*", "ws:example.org:443", true}, PatternRow{"ws:*", "wss:example.org", false},
                          PatternRow{"*", "", true}, PatternRow{"", "", true}, PatternRow{"", "a", false},
                          PatternRow{"*:443", "ws:a:443", true}, PatternRow{"*:443", "ws:a:4430", false},
                          PatternRow{"a*b*c", "aXbXbXc", true}, PatternRow{"a*b*c", "aXbXbX", false},
                          PatternRow{"a**", "a", true}, PatternRow{"a", "ab", false}, PatternRow{"ab", "a", false}})
    EXPECT_EQ(matches(row.pattern, row.name), row.match) << row.pattern << " and " << row.name;
}

TEST(BreakerRulesByPattern, ComeOneOverTheOther) {
  Settings settings;
  settings.defaults.open_ms = 30'000;
  settings.defaults.slow_call_ms = 100;
  settings.rules = {rule("ws:home:*", 500), rule("ws:*"), rule("jobs.*", 7000)};
  settings.rules[1].failure_rate = 0.25;
  BreakerTable table{std::move(settings)};
  struct Row {
    char const *name, *label;
    std::uint32_t open_ms, open_max_ms;
    double failure_rate;
  };
  for (auto const& row : {Row{"plain", "default", 30'000, 600'000, 0.5}, Row{"http:a:80", "http:*", 2000, 4000, 0.5},
                          Row{"ws:home:8123", "ws:home:*", 500, 4000, 0.5}, Row{"ws:other:1", "ws:*", 2000, 4000, 0.25},
                          Row{"jobs.mail", "jobs.*", 7000, 600'000, 0.5}}) {
    auto const got = table.breakers.get({row.name, true}).value();
    EXPECT_EQ(got.rule, row.label) << row.name;
    EXPECT_EQ(got.config.open_ms, row.open_ms) << row.name;
    EXPECT_EQ(got.config.open_max_ms, row.open_max_ms) << row.name;
    EXPECT_EQ(got.config.failure_rate, row.failure_rate) << row.name;
    EXPECT_EQ(got.config.slow_call_ms, 100U) << row.name;
  }
}

TEST(BreakerRulesByPattern, ConfigureChangesOnlyWhatItNames) {
  BreakerTable table;
  table.call("circuit_breaker_configure", R"({"name":"ws:a:1","failure_rate":0.1,"window":"time"})");
  auto config = table.breakers.get({"ws:a:1", true})->config;
  EXPECT_EQ(config.open_ms, 2000U);
  EXPECT_EQ(config.failure_rate, 0.1);
  EXPECT_EQ(config.window_size, 60U);
  table.call("circuit_breaker_configure", R"({"name":"ws:a:1","open_ms":900000})");
  config = table.breakers.get({"ws:a:1", true})->config;
  EXPECT_EQ(config.failure_rate, 0.5);
  EXPECT_EQ(config.open_max_ms, 900'000U);
}

TEST(BreakerSettings, ApplyLiveAndKeepStates) {
  BreakerTable table;
  table.call("circuit_breaker_configure", R"({"name":"jobs.b","slow_call_ms":77})");
  table.call("circuit_breaker_force", R"({"name":"jobs.b","state":"disabled"})");
  Settings changed;
  changed.rules = {rule("jobs.*", 1234)};
  ASSERT_TRUE(table.breakers.apply(std::move(changed)));
  auto const got = table.breakers.get({"jobs.b", false}).value();
  EXPECT_EQ(got.state, State::disabled);
  EXPECT_EQ(got.config.open_ms, 1234U);
  EXPECT_EQ(got.config.slow_call_ms, 77U);
  EXPECT_EQ(got.rule, "jobs.*");
}

TEST(BreakerSettings, WrongOnesChangeNothing) {
  BreakerTable table;
  Settings wrong;
  wrong.rules = {rule("a*", 5), rule("b*", 5000)};
  wrong.rules[1].open_max_ms = 10;
  auto const refused = table.breakers.apply(wrong);
  ASSERT_TRUE(refused.has_error());
  EXPECT_EQ(refused.error().pointer, "/rules/1/open_max_ms");
  EXPECT_EQ(table.breakers.get({"a1", true})->config.open_ms, 60'000U);
  wrong.rules = {Rule{}};
  EXPECT_EQ(CircuitBreakers::check(wrong).error().pointer, "/rules/0/pattern");
  EXPECT_THROW(CircuitBreakers(table.caller, table.counters, table.clock, table.log, wrong), ErrorException);
}

TEST(BreakerSettings, ReadFromJson) {
  auto const parsed = json::parse(R"({"pattern":"ws:*","open_ms":2000,"window":"time","excluded_codes":["busy"]})");
  Rule got;
  describe::read(parsed->document, got);
  EXPECT_EQ(got.pattern, "ws:*");
  EXPECT_EQ(got.open_ms, 2000U);
  EXPECT_EQ(got.window, WindowKind::time);
  EXPECT_EQ(got.excluded_codes, std::vector<std::string>{"busy"});
  EXPECT_FALSE(got.backoff);
}

TEST(BreakerList, ByNameAndState) {
  BreakerTable table;
  for (auto const* name : {"b", "c", "a"}) table.breakers.acquire(host_principal(), name).value();
  table.call("circuit_breaker_force", R"({"name":"c","state":"open"})");
  auto names = [&](ListArgs args) {
    std::string out;
    for (auto const& one : table.breakers.list(args).breakers) out += one.name;
    return out;
  };
  EXPECT_EQ(names({}), "abc");
  EXPECT_EQ(names({State::forced_open}), "c");
  EXPECT_EQ(names({State::half_open}), "");
  EXPECT_EQ(table.ask("circuit_breaker_list", R"({"state":"open"})", "breakers"), "[]");
  EXPECT_EQ(table.ask("circuit_breaker_reset_all", "{}", "count"), "3");
  EXPECT_EQ(names({State::closed}), "abc");
}

TEST(BreakerMetrics, CountByRuleAndTellTransitions) {
  BreakerTable table;
  auto end = [&](bool success, double ms, char const* code) {
    auto const permit = table.breakers.acquire(host_principal(), "ws:a:1").value().permit;
    ASSERT_TRUE(table.breakers.record(*host_principal(), {permit, success, ms, code}));
  };
  end(true, 1, "");
  end(true, 9000, "");
  end(false, 1, "not_found");
  for (int i = 0; i < 5; ++i) end(false, 1, "connect_failed");
  EXPECT_TRUE(table.breakers.acquire(host_principal(), "ws:a:1").has_error());
  auto calls = [&](char const* outcome) {
    return table.sample("patchbay_circuit_breaker_calls_total", {{"rule", "ws:*"}, {"result", outcome}});
  };
  EXPECT_EQ(calls("ok"), 1);
  EXPECT_EQ(calls("slow"), 1);
  EXPECT_EQ(calls("excluded"), 1);
  EXPECT_EQ(calls("error"), 5);
  EXPECT_EQ(calls("rejected"), 1);
  auto in_state = [&](char const* rule_label, char const* state) {
    return table.sample("patchbay_circuit_breaker_state", {{"rule", rule_label}, {"state", state}});
  };
  EXPECT_EQ(in_state("ws:*", "open"), 1);
  EXPECT_EQ(in_state("ws:*", "closed"), 0);
  EXPECT_EQ(in_state("default", "open"), 0);
  table.clock.advance(std::chrono::seconds{2});
  end(true, 1, "");
  EXPECT_EQ(in_state("ws:*", "closed"), 1);
  auto moved = [&](char const* to) {
    return table.sample("patchbay_circuit_breaker_transitions_total", {{"rule", "ws:*"}, {"to", to}});
  };
  EXPECT_EQ(moved("open"), 1);
  EXPECT_EQ(moved("half_open"), 1);
  EXPECT_EQ(moved("closed"), 1);
  EXPECT_EQ(table.log.lines(),
            (std::vector<std::string>{"warning breaker is open now name=ws:a:1 from=closed to=open "
                                      "reason=failures in a row open_ms=2000",
                                      "info breaker is half_open now name=ws:a:1 from=open to=half_open "
                                      "reason=its open time is over",
                                      "info breaker is closed now name=ws:a:1 from=half_open to=closed "
                                      "reason=the probes went well"}));
  EXPECT_EQ(table.ask("circuit_breaker_stats", "{}", "errors"), "5");
  EXPECT_EQ(table.ask("circuit_breaker_stats", "{}", "closed"), "1");
  EXPECT_EQ(table.ask("circuit_breaker_stats", "{}", "permits_out"), "0");
}

}  // namespace
}  // namespace patchbay::circuit_breaker
