// What a scrape looks like: Prometheus' own checker, the process, the gateway's families, quantiles.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "core/metrics/gateway_families.hpp"
#include "core/metrics/names.hpp"
#include "core/metrics/process.hpp"
#include "core/metrics/report.hpp"
#include "tests/core/metrics/table.hpp"

namespace patchbay::metrics {
namespace {

std::string promtool() {
  if (std::system("command -v promtool >/dev/null") == 0) return "promtool";
  auto const* cache = std::getenv("XDG_CACHE_HOME");
  auto const* home = std::getenv("HOME");
  return (cache != nullptr ? std::string{cache} : std::string{home != nullptr ? home : ""} + "/.cache") +
         "/patchbay/bin/promtool";
}

// What `promtool check metrics` says about the text, and the code it leaves with.
std::string checked(std::string const& text) {
  auto const path = std::filesystem::temp_directory_path() / ("patchbay-scrape-" + std::to_string(::getpid()));
  std::ofstream{path} << text;
  auto const command = "'" + promtool() + "' check metrics <'" + path.string() + "' 2>&1";
  auto* const pipe = ::popen(command.c_str(), "r");
  std::string said;
  for (std::array<char, 4096> part; std::fgets(part.data(), part.size(), pipe) != nullptr;) said += part.data();
  auto const status = ::pclose(pipe);
  std::filesystem::remove(path);
  return said + "left with " + std::to_string(WEXITSTATUS(status));
}

TEST(MetricsScrape, PromtoolHasNothingToSay) {
  MetricsTable table{{.limits = {.series_per_family = 3}, .build_info = {{"version", "1.2.3"}}}};
  for (auto const* value : {"a", "b", "c", "d"})
    table.call("increment", fmt::format(R"({{"name":"shop_orders","labels":{{"shop":"{}"}}}})", value));
  table.call("set_gauge", R"({"name":"shop_queue_length","value":-1.5e-9,"labels":{"odd":"\" \\ \n é"}})");
  table.call("observe", R"({"name":"shop_order_value_euros","value":1e300,"buckets":[0.1,1,10]})");
  table.call("observe", R"({"name":"shop_order_value_euros","value":0.1})");
  table.call("declare", R"({"name":"shop_doors_open","type":"gauge","help":"Doors \\ that\nare open"})");
  table.call("record_operation", R"({"operation":"import","duration_ms":12})");
  table.call("record_api", R"({"api":"crm","endpoint":"/users/7","status":404,"duration_ms":3})");
  table.counters.counter("patchbay_test_things_total", "Things", {{"kind", "one"}}).add(3);
  table.counters.gauge("patchbay_test_level", "Level").add(-4);
  table.counters.histogram("patchbay_test_duration_seconds", "Time", {{"kind", "one"}}).observe_ns(1'500'000);
  auto const page = table.page();
  EXPECT_EQ(checked(page), "left with 0") << page;
  EXPECT_NE(page.find("\npatchbay_build_info{version=\"1.2.3\",compiler="), std::string::npos);
  EXPECT_NE(page.find("\npatchbay_test_level -4\n"), std::string::npos);
  EXPECT_NE(page.find("\nshop_orders_total{shop=\"other\"} 2\n"), std::string::npos) << page;
}

TEST(MetricsScrape, PromtoolWouldHaveSaidSomething) {
  EXPECT_NE(checked("# TYPE a counter\na 1\n"), "left with 0");
  EXPECT_NE(checked("# HELP a_total x\n# TYPE a_total counter\na_total 1\n# TYPE a_total counter\n"), "left with 0");
}

TEST(MetricsScrape, GatewayHistogramsAreCumulative) {
  MetricsTable table;
  auto const took = table.counters.histogram("patchbay_test_duration_seconds", "Time");
  took.observe_ns(500);            // up to 1 us
  took.observe_ns(2'000'000, 64);  // up to 2.5 ms
  took.observe_ns(20'000'000'000);
  EXPECT_EQ(table.line("patchbay_test_duration_seconds_bucket{le=\"1e-06\"}"),
            "patchbay_test_duration_seconds_bucket{le=\"1e-06\"} 1");
  EXPECT_EQ(table.line("patchbay_test_duration_seconds_bucket{le=\"0.0025\"}"),
            "patchbay_test_duration_seconds_bucket{le=\"0.0025\"} 65");
  EXPECT_EQ(table.line("patchbay_test_duration_seconds_bucket{le=\"+Inf\"}"),
            "patchbay_test_duration_seconds_bucket{le=\"+Inf\"} 66");
  EXPECT_EQ(table.line("patchbay_test_duration_seconds_count"), "patchbay_test_duration_seconds_count 66");
  EXPECT_EQ(table.ask("get", R"({"name":"patchbay_test_duration_seconds"})", "count"), "66");
}

TEST(MetricsScrape, FamiliesShownByTwoPartsAreOne) {
  MetricsTable table;
  table.counters.gauge_function("patchbay_limit", "A limit", {{"name", "one"}}, [] { return 1.0; });
  table.counters.collect([](std::vector<FamilySample>& out) {
    out.push_back({"patchbay_limit", "The same", FamilySample::Kind::gauge, {{{{"name", "two"}}, 2, {}, 0}}});
    out.push_back({"patchbay_limit", "Again", FamilySample::Kind::gauge, {{{{"name", "two"}}, 3, {}, 0}}});
    out.push_back({"patchbay_empty", "Nothing in it", FamilySample::Kind::gauge, {}});
  });
  auto const page = table.page();
  EXPECT_EQ(page.find("# HELP patchbay_limit"), page.rfind("# HELP patchbay_limit"));
  EXPECT_NE(page.find("patchbay_limit{name=\"one\"} 1\npatchbay_limit{name=\"two\"} 2\n"), std::string::npos) << page;
  EXPECT_EQ(page.find("patchbay_empty"), std::string::npos);
  EXPECT_NE(page.find("patchbay_limit{name=\"metric_series\"} 1000\n"), std::string::npos) << page;
  EXPECT_EQ(checked(page), "left with 0");
}

TEST(MetricsScrape, ShowsTheProcess) {
  MetricsTable table;
  auto value = [&](char const* name) {
    auto const line = table.line(std::string{name} + " ");
    return line.empty() ? -1 : std::strtod(line.c_str() + line.find(' '), nullptr);
  };
  EXPECT_GT(value("process_cpu_seconds_total"), 0);
  EXPECT_GT(value("process_resident_memory_bytes"), 1e6);
  EXPECT_GE(value("process_virtual_memory_bytes"), value("process_resident_memory_bytes"));
  EXPECT_GE(value("process_threads"), 1);
  EXPECT_GT(value("process_max_fds"), 2);
  auto const now = static_cast<double>(std::time(nullptr));
  EXPECT_NEAR(value("process_start_time_seconds"), now, 3600);
  auto const before = *read_process().open_fds;
  std::array<int, 10> more{};
  for (auto& fd : more) fd = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  EXPECT_EQ(*read_process().open_fds, before + more.size());
  for (auto fd : more) ::close(fd);
}

TEST(MetricsScrape, TellsItsTypeAndCountsItself) {
  MetricsTable table;
  EXPECT_EQ(table.ask("scrape", "{}", "content_type"), R"("text/plain; version=0.0.4; charset=utf-8")");
  EXPECT_EQ(table.ask("stats", "{}", "scrapes"), "1");
  EXPECT_NE(table.ask("stats", "{}", "last_scrape_bytes"), "0");
}

struct QuantileRow {
  char const* name;
  std::vector<std::pair<double, std::uint64_t>> buckets;  // bound, cumulative
  double share;
  std::optional<double> expected;
};
TEST(MetricsQuantile, IsInterpolated) {
  auto const inf = std::numeric_limits<double>::infinity();
  for (auto const& row : {QuantileRow{"nothing measured", {{1, 0}, {inf, 0}}, 0.5, std::nullopt},
                          QuantileRow{"no buckets", {}, 0.5, std::nullopt},
                          QuantileRow{"middle of the first", {{1, 10}, {inf, 10}}, 0.5, 0.5},
                          QuantileRow{"within the second", {{1, 50}, {3, 100}, {inf, 100}}, 0.75, 2.0},
                          QuantileRow{"at a bound", {{1, 50}, {3, 100}, {inf, 100}}, 0.5, 1.0},
                          QuantileRow{"an empty one between", {{1, 50}, {2, 50}, {3, 100}, {inf, 100}}, 0.75, 2.5},
                          QuantileRow{"beyond the last bound", {{1, 1}, {3, 2}, {inf, 100}}, 0.99, 3.0},
                          QuantileRow{"all beyond", {{inf, 5}}, 0.5, std::nullopt},
                          QuantileRow{"a first bound below zero", {{-1, 10}, {inf, 10}}, 0.5, -1.0}}) {
    prometheus::ClientMetric::Histogram histogram;
    for (auto const& [bound, count] : row.buckets) histogram.bucket.push_back({count, bound});
    auto const got = quantile(histogram, row.share);
    EXPECT_EQ(got.has_value(), row.expected.has_value()) << row.name;
    if (got && row.expected) {
      EXPECT_DOUBLE_EQ(*got, *row.expected) << row.name;
    }
  }
}

TEST(MetricsNames, Utf8) {
  for (std::string_view good : {"", "plain", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80", "\xed\x9f\xbf"})
    EXPECT_TRUE(is_utf8(good)) << good;
  for (std::string_view bad : {"\xff", "\xc3", "\x80", "\xc0\x80", "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80",
                               "a\xe2\x82", "\xf0\x9f\x98", "\xc3("})
    EXPECT_FALSE(is_utf8(bad));
}

TEST(MetricsNames, EndpointTemplates) {
  for (auto const& [given, expected] : {std::pair{"/a/b", "/a/b"}, std::pair{"/a/12/b", "/a/{id}/b"},
                                        std::pair{"/v1/x?y=1", "/v1/x"}, std::pair{"/12", "/{id}"}, std::pair{"/", "/"},
                                        std::pair{"/x#part", "/x"}, std::pair{"/deadbeefdeadbeef", "/{id}"},
                                        std::pair{"/facade", "/facade"}, std::pair{"/users/{id}", "/users/{id}"}})
    EXPECT_EQ(endpoint_template(given), expected);
}

}  // namespace
}  // namespace patchbay::metrics
