#include <thread>

#include "tests/core/metrics/table.hpp"

namespace patchbay::metrics {
namespace {

struct MetricsRefusal {
  char const* name;
  char const* verb;
  char const* args;
  char const* outcome;
};
void PrintTo(MetricsRefusal const& row, std::ostream* out) { *out << row.name; }

class MetricsRefuses : public testing::TestWithParam<MetricsRefusal> {};

TEST_P(MetricsRefuses, WithCodeAndPointer) {
  MetricsTable table;
  EXPECT_EQ(table.outcome("increment", R"({"name":"orders_total","labels":{"shop":"north"}})"), "ok");
  EXPECT_EQ(table.outcome("set_gauge", R"({"name":"depth","value":1})"), "ok");
  EXPECT_EQ(table.outcome("observe", R"({"name":"size_bytes","value":1,"buckets":[1,2]})"), "ok");
  EXPECT_EQ(table.outcome(GetParam().verb, GetParam().args), GetParam().outcome);
}

INSTANTIATE_TEST_SUITE_P(
    Table, MetricsRefuses,
    testing::Values(
        MetricsRefusal{"no_name", "increment", "{}", "invalid_argument /name"},
        MetricsRefusal{"empty_name", "increment", R"({"name":""})", "invalid_argument /name"},
        MetricsRefusal{"name_with_a_dash", "increment", R"({"name":"a-b"})", "invalid_argument /name"},
        MetricsRefusal{"name_that_begins_with_a_digit", "set_gauge", R"({"name":"1a","value":1})",
                       "invalid_argument /name"},
        MetricsRefusal{"name_with_a_line_feed", "set_gauge", R"({"name":"a\nb","value":1})", "invalid_argument /name"},
        MetricsRefusal{"name_of_the_gateway", "increment", R"({"name":"patchbay_mine_total"})",
                       "invalid_argument /name"},
        MetricsRefusal{"name_of_the_process", "set_gauge", R"({"name":"process_mine","value":1})",
                       "invalid_argument /name"},
        MetricsRefusal{"gauge_that_reads_as_a_counter", "set_gauge", R"({"name":"x_total","value":1})",
                       "invalid_argument /name"},
        MetricsRefusal{"gauge_that_reads_as_a_histogram", "add_gauge", R"({"name":"x_bucket","value":1})",
                       "invalid_argument /name"},
        MetricsRefusal{"histogram_that_reads_as_its_part", "observe", R"({"name":"x_sum","value":1})",
                       "invalid_argument /name"},
        MetricsRefusal{"counter_that_falls", "increment", R"({"name":"x","value":-1})", "invalid_argument /value"},
        MetricsRefusal{"gauge_without_value", "set_gauge", R"({"name":"x"})", "invalid_argument /value"},
        MetricsRefusal{"value_that_is_text", "set_gauge", R"({"name":"x","value":"1"})", "invalid_argument /value"},
        MetricsRefusal{"label_that_is_a_number", "increment", R"({"name":"x","labels":{"a":1}})",
                       "invalid_argument /labels/a"},
        MetricsRefusal{"label_name_with_a_dash", "increment", R"({"name":"x","labels":{"a-b":"1"}})",
                       "invalid_argument /labels/a-b"},
        MetricsRefusal{"label_name_of_prometheus", "increment", R"({"name":"x","labels":{"__name__":"1"}})",
                       "invalid_argument /labels/__name__"},
        MetricsRefusal{"label_le", "observe", R"({"name":"x","value":1,"labels":{"le":"1"}})",
                       "invalid_argument /labels/le"},
        MetricsRefusal{"other_labels_than_at_first", "increment", R"({"name":"orders_total","labels":{"place":"x"}})",
                       "invalid_argument /labels"},
        MetricsRefusal{"fewer_labels_than_at_first", "increment", R"({"name":"orders_total"})",
                       "invalid_argument /labels"},
        MetricsRefusal{"more_labels_than_at_first", "set_gauge", R"({"name":"depth","value":1,"labels":{"a":"b"}})",
                       "invalid_argument /labels"},
        MetricsRefusal{"eleven_labels", "increment",
                       R"({"name":"x","labels":{"a":"","b":"","c":"","d":"","e":"","f":"","g":"","h":"","i":"","j":"",
                           "k":""}})",
                       "invalid_argument /labels"},
        MetricsRefusal{"gauge_that_is_a_counter", "set_gauge", R"({"name":"orders_total","value":1})",
                       "conflict /name"},
        MetricsRefusal{"counter_that_is_a_gauge", "increment", R"({"name":"depth"})", "conflict /name"},
        MetricsRefusal{"histogram_that_is_a_gauge", "observe", R"({"name":"depth","value":1})", "conflict /name"},
        MetricsRefusal{"buckets_that_fall", "observe", R"({"name":"x","value":1,"buckets":[1,3,2]})",
                       "invalid_argument /buckets/2"},
        MetricsRefusal{"buckets_that_repeat", "declare",
                       R"({"name":"x","type":"histogram","help":"h","buckets":[1,1]})", "invalid_argument /buckets/1"},
        MetricsRefusal{"buckets_of_a_counter", "declare", R"({"name":"x","type":"counter","help":"h","buckets":[1]})",
                       "invalid_argument /buckets"},
        MetricsRefusal{"declared_without_help", "declare", R"({"name":"x","type":"counter"})",
                       "invalid_argument /help"},
        MetricsRefusal{"declared_as_a_summary", "declare", R"({"name":"x","type":"summary","help":"h"})",
                       "invalid_argument /type"},
        MetricsRefusal{"declared_as_another_type", "declare", R"({"name":"depth","type":"histogram","help":"h"})",
                       "conflict /name"},
        MetricsRefusal{"declared_with_other_labels", "declare", R"({"name":"orders","type":"counter","help":"h"})",
                       "conflict /labels"},
        MetricsRefusal{"declared_with_other_buckets", "declare",
                       R"({"name":"size_bytes","type":"histogram","help":"h","buckets":[1,3]})", "conflict /buckets"},
        MetricsRefusal{"declared_with_a_bad_label", "declare",
                       R"({"name":"x","type":"gauge","help":"h","labels":["a","b c"]})", "invalid_argument /labels/1"},
        MetricsRefusal{"declared_with_a_label_twice", "declare",
                       R"({"name":"x","type":"gauge","help":"h","labels":["a","a"]})", "invalid_argument /labels"},
        MetricsRefusal{"operation_without_name", "record_operation", R"({"duration_ms":1})",
                       "invalid_argument /operation"},
        MetricsRefusal{"operation_with_a_negative_time", "record_operation", R"({"operation":"x","duration_ms":-1})",
                       "invalid_argument /duration_ms"},
        MetricsRefusal{"api_with_a_strange_status", "record_api",
                       R"({"api":"x","endpoint":"/","status":600,"duration_ms":1})", "invalid_argument /status"},
        MetricsRefusal{"get_of_an_unknown_one", "get", R"({"name":"ordes_total"})", "not_found /name"},
        MetricsRefusal{"get_of_unknown_labels", "get", R"({"name":"orders_total","labels":{"shop":"south"}})",
                       "not_found /labels"},
        MetricsRefusal{"scrape_of_another_format", "scrape", R"({"format":"xml"})", "invalid_argument /format"},
        MetricsRefusal{"report_below_zero", "performance_report", R"({"slow_threshold_ms":-1})",
                       "invalid_argument /slow_threshold_ms"}),
    [](auto const& row) { return std::string{row.param.name}; });

TEST(MetricsOperations, CountersRise) {
  MetricsTable table;
  table.call("increment", R"({"name":"orders","labels":{"shop":"north"}})");
  table.call("increment", R"({"name":"orders_total","value":2.5,"labels":{"shop":"north"}})");
  table.call("increment", R"({"name":"orders","value":0,"labels":{"shop":"south"}})");
  EXPECT_EQ(table.line("orders_total{shop=\"north\"}"), "orders_total{shop=\"north\"} 3.5");
  EXPECT_EQ(table.line("orders_total{shop=\"south\"}"), "orders_total{shop=\"south\"} 0");
  EXPECT_EQ(table.line("# TYPE orders"), "# TYPE orders_total counter");
  EXPECT_EQ(table.ask("get", R"({"name":"orders"})", "value"), "3.5");
  EXPECT_EQ(table.ask("get", R"({"name":"orders_total","labels":{"shop":"south"}})", "value"), "0.0");
  EXPECT_EQ(table.ask("get", R"({"name":"orders"})", "series"), "2");
}

TEST(MetricsOperations, GaugesGoBothWays) {
  MetricsTable table;
  table.call("set_gauge", R"({"name":"depth","value":7})");
  table.call("add_gauge", R"({"name":"depth","value":-9.5})");
  EXPECT_EQ(table.ask("get", R"({"name":"depth"})", "value"), "-2.5");
  EXPECT_EQ(table.ask("get", R"({"name":"depth"})", "type"), "\"gauge\"");
  table.call("add_gauge", R"({"name":"fresh","value":2})");
  EXPECT_EQ(table.line("fresh "), "fresh 2");
}

TEST(MetricsOperations, HistogramsKeepTheirFirstBuckets) {
  MetricsTable table;
  for (auto const* value : {"0.5", "1", "1.5", "99"})
    EXPECT_EQ(table.outcome("observe", fmt::format(R"({{"name":"took_seconds","value":{},"buckets":[1,2]}})", value)),
              "ok");
  EXPECT_EQ(table.outcome("observe", R"({"name":"took_seconds","value":2,"buckets":[5]})"), "ok");
  EXPECT_EQ(table.call("get", R"({"name":"took_seconds"})")->data,
            R"({"type":"histogram","series":1,"count":5,"sum":104.0,"buckets":[{"le":"1","count":2},)"
            R"({"le":"2","count":4},{"le":"+Inf","count":5}]})");
}

TEST(MetricsOperations, DeclareGivesHelpAndAZero) {
  MetricsTable table;
  EXPECT_EQ(table.outcome("declare", R"({"name":"tries_total","type":"counter","help":"A \\ and\na \"line\""})"), "ok");
  EXPECT_EQ(table.line("tries_total "), "tries_total 0");
  EXPECT_EQ(table.line("# HELP tries_total"), R"(# HELP tries_total A \\ and\na "line")");
  EXPECT_EQ(table.outcome("declare", R"({"name":"tries","type":"counter","help":"Better"})"), "ok");
  EXPECT_EQ(table.line("# HELP tries_total"), "# HELP tries_total Better");
  EXPECT_EQ(table.outcome("declare", R"({"name":"by_kind","type":"gauge","help":"x","labels":["b","a"]})"), "ok");
  EXPECT_EQ(table.line("by_kind"), "");
  EXPECT_EQ(table.outcome("set_gauge", R"({"name":"by_kind","value":1,"labels":{"a":"1","b":"2"}})"), "ok");
  EXPECT_EQ(table.line("by_kind"), R"(by_kind{a="1",b="2"} 1)");
}

TEST(MetricsOperations, LabelValuesAreEscaped) {
  MetricsTable table;
  table.call("set_gauge", R"({"name":"x","value":1,"labels":{"a":"quote \" slash \\ line \n end é"}})");
  EXPECT_EQ(table.line("x{"), R"(x{a="quote \" slash \\ line \n end é"} 1)");
  EXPECT_EQ(table.ask("get", R"({"name":"x","labels":{"a":"quote \" slash \\ line \n end é"}})", "value"), "1.0");
}

TEST(MetricsOperations, RecordsOfTheHost) {
  MetricsTable table;
  EXPECT_EQ(table.outcome("record_operation", R"({"operation":"import","duration_ms":40})"), "ok");
  EXPECT_EQ(table.outcome("record_operation",
                          R"({"operation":"import","duration_ms":60,"success":false,"error_code":"busy"})"),
            "ok");
  EXPECT_EQ(table.outcome("record_operation", R"({"operation":"import","duration_ms":60,"success":false})"), "ok");
  EXPECT_EQ(table.line("patchbay_host_operations_total{code=\"busy\""),
            "patchbay_host_operations_total{code=\"busy\",operation=\"import\"} 1");
  EXPECT_EQ(table.ask("get", R"({"name":"patchbay_host_operations_total","labels":{"code":"error"}})", "value"), "1.0");
  for (auto const* endpoint : {"/users/4711?full=1", "/users/4712", "/users/6f1e9c0a-0a4f-4d7e-9d3c-1b2a3c4d5e6f"})
    EXPECT_EQ(table.outcome("record_api",
                            fmt::format(R"({{"api":"crm","endpoint":"{}","status":200,"duration_ms":5}})", endpoint)),
              "ok");
  EXPECT_EQ(table.line("patchbay_host_api_requests_total"),
            R"(patchbay_host_api_requests_total{api="crm",endpoint="/users/{id}",status="200"} 3)");
  EXPECT_EQ(table.outcome("record_operation", R"({"operation":"x","duration_ms":1,"success":false,"error_code":")" +
                                                  std::string(65, 'x') + "\"}"),
            "invalid_argument /error_code");
}

TEST(MetricsOperations, ReportsPerformance) {
  MetricsTable table;
  for (int i = 0; i < 98; ++i) table.call("record_operation", R"({"operation":"quick","duration_ms":3})");
  for (int i = 0; i < 2; ++i)
    table.call("record_operation", R"({"operation":"quick","duration_ms":2000,"success":false})");
  for (int i = 0; i < 10; ++i) table.call("record_operation", R"({"operation":"long","duration_ms":700})");
  auto const reply = table.call("performance_report", "{}");
  auto const parsed = json::parse(reply->data);
  auto const* operations = json::find(parsed->document, "operations");
  json::Value const *quick = nullptr, *own = nullptr;
  for (auto const& one : operations->GetArray()) {
    if (json::find_text(one, "name") == "quick") quick = &one;
    if (json::find_text(one, "name") == "METRICS.record_operation") own = &one;
  }
  ASSERT_NE(quick, nullptr);
  EXPECT_EQ(json::find(*quick, "count")->GetInt(), 100);
  EXPECT_EQ(json::find(*quick, "errors")->GetInt(), 2);
  EXPECT_NEAR(json::find(*quick, "p50_ms")->GetDouble(), 2.55, 0.01);
  EXPECT_NEAR(json::find(*quick, "p95_ms")->GetDouble(), 4.85, 0.01);
  EXPECT_NEAR(json::find(*quick, "p99_ms")->GetDouble(), 1750, 0.1);
  ASSERT_NE(own, nullptr);
  EXPECT_EQ(json::find(*own, "count")->GetInt(), 110);
  EXPECT_EQ(parsed->member_text("slow"), R"(["long"])");
  EXPECT_EQ(table.ask("performance_report", R"({"slow_threshold_ms":1})", "slow"), R"(["long","quick"])");
}

TEST(MetricsSeries, BeyondTheCapAreOther) {
  Settings settings;
  settings.limits.series_per_family = 4;
  MetricsTable table{settings};
  for (auto const* value : {"a", "b", "c", "d", "e", "a"})
    EXPECT_EQ(table.outcome("increment", fmt::format(R"({{"name":"hits","labels":{{"k":"{}"}}}})", value)), "ok");
  EXPECT_EQ(table.line("hits_total{k=\"a\"}"), "hits_total{k=\"a\"} 2");
  EXPECT_EQ(table.line("hits_total{k=\"c\"}"), "hits_total{k=\"c\"} 1");
  EXPECT_EQ(table.line("hits_total{k=\"d\"}"), "");
  EXPECT_EQ(table.line("hits_total{k=\"other\"}"), "hits_total{k=\"other\"} 2");
  EXPECT_EQ(table.line("patchbay_metrics_series{family=\"hits_total\"}"),
            "patchbay_metrics_series{family=\"hits_total\"} 4");
  EXPECT_EQ(table.line("patchbay_metrics_dropped_series_total"), "patchbay_metrics_dropped_series_total 2");
  EXPECT_EQ(table.ask("stats", "{}", "dropped_series"), "2");
}

TEST(MetricsSeries, NoMoreFamiliesOrSeriesThanThereMayBe) {
  Settings settings;
  settings.limits.families = 2;
  settings.limits.series = 3;
  MetricsTable table{settings};
  EXPECT_EQ(table.outcome("increment", R"({"name":"a","labels":{"k":"1"}})"), "ok");
  EXPECT_EQ(table.outcome("increment", R"({"name":"b"})"), "ok");
  EXPECT_EQ(table.outcome("increment", R"({"name":"c"})"), "rate_limited /name");
  EXPECT_EQ(table.outcome("increment", R"({"name":"a","labels":{"k":"2"}})"), "ok");
  EXPECT_EQ(table.outcome("increment", R"({"name":"a","labels":{"k":"3"}})"), "rate_limited /labels");
  EXPECT_EQ(table.outcome("increment", R"({"name":"a","labels":{"k":"1"}})"), "ok");
  EXPECT_EQ(table.ask("stats", "{}", "series"), "3");
}

TEST(MetricsSeries, ARefusedUseLeavesNothingBehind) {
  MetricsTable table;
  EXPECT_EQ(table.outcome("increment", R"({"name":"x","labels":{"a":")" + std::string(257, 'x') + "\"}}"),
            "invalid_argument /labels/a");
  EXPECT_EQ(table.outcome("observe", R"({"name":"x","value":1,"buckets":[2,1]})"), "invalid_argument /buckets/1");
  EXPECT_EQ(table.ask("stats", "{}", "families"), "0");
}

TEST(MetricsHandles, CountFromManyThreads) {
  MetricsTable table;
  auto const hits = table.metrics.counter("hits", {{"k", "v"}}).value();
  auto const depth = table.metrics.gauge("depth").value();
  auto const took = table.metrics.histogram("took_seconds", {}, {1}).value();
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 1000; ++i) {
        hits.add();
        depth.add(t % 2 == 0 ? 1 : -1);
        took.observe(0.5);
        (void)table.metrics.increment({.name = "hits_total", .labels = {{"k", "v"}}});
        if (i % 250 == 0) table.page();
      }
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(table.line("hits_total"), "hits_total{k=\"v\"} 16000");
  EXPECT_EQ(table.line("depth "), "depth 0");
  EXPECT_EQ(table.line("took_seconds_count"), "took_seconds_count 8000");
}

TEST(MetricsHandles, TakeOnlyWhatCanBeCounted) {
  MetricsTable table;
  auto const hits = table.metrics.counter("hits").value();
  hits.add(-1);
  hits.add(std::numeric_limits<double>::quiet_NaN());
  hits.add(std::numeric_limits<double>::infinity());
  hits.add(0.5);
  EXPECT_EQ(table.line("hits_total"), "hits_total 0.5");
  CounterHandle{}.add();
  GaugeHandle{}.set(1);
  HistogramHandle{}.observe(1);
  EXPECT_EQ(table.metrics.set_gauge({.name = "x", .value = std::numeric_limits<double>::infinity()}).error().pointer,
            "/value");
  EXPECT_EQ(table.metrics.counter("x", {{"a", "\xff"}}).error().pointer, "/labels/a");
  EXPECT_EQ(table.metrics.counter("x", {{"a", std::string{"\0", 1}}}).error().pointer, "/labels/a");
  EXPECT_EQ(table.metrics.gauge("hits_total").error().code, Code::conflict);
}

TEST(MetricsScopes, ReadingNeedsLessThanWriting) {
  MetricsTable table;
  auto const reader = std::make_shared<Principal const>(Principal{.name = "token:r", .scopes = {"metrics.read"}});
  EXPECT_TRUE(table.call("scrape", "{}", reader));
  EXPECT_TRUE(table.call("stats", "{}", reader));
  EXPECT_TRUE(table.call("performance_report", "{}", reader));
  EXPECT_EQ(table.call("increment", R"({"name":"x"})", reader).error().code, Code::forbidden);
  auto const* row = table.caller.table().find("metrics_scrape");
  ASSERT_EQ(row->info.routes.size(), 1U);
  EXPECT_EQ(row->info.routes[0].path, "/metrics");
  EXPECT_TRUE(row->info.routes[0].bare);
  EXPECT_FALSE(table.caller.table().find("metrics_increment")->info.audited);
}

}  // namespace
}  // namespace patchbay::metrics
