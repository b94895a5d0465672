// The operations of METRICS in a table of their own. Each reply is checked against the result schema of its operation.
#pragma once

#include <gtest/gtest.h>

#include "core/base/caller.hpp"
#include "core/metrics/metrics.hpp"
#include "interfaces/metrics.hpp"

namespace patchbay::metrics {

class MetricsTable {
 public:
  explicit MetricsTable(Settings settings = {}) : metrics{counters, std::move(settings)} {
    OperationTable table;
    MetricsInterface router{metrics};
    router.declare(table);
    caller.publish(std::move(table));
  }
  // `verb` without the prefix, such as "increment".
  Result<Answer> call(std::string_view verb, std::string_view args, PrincipalPtr who = host_principal()) {
    auto const* row = caller.table().find("metrics_" + std::string{verb});
    if (row == nullptr) return caller.no_such_tool(verb);
    Call call{std::move(who)};
    auto reply = caller.start_json(*row, call, args);
    EXPECT_TRUE(reply.ready());
    auto result = reply.take();
    if (result) {
      auto const parsed = json::parse(result->data);
      EXPECT_TRUE(parsed) << result->data;
      if (parsed)
        if (auto const problem = row->info.result.problem(parsed->document, "result member"))
          ADD_FAILURE() << verb << ": " << problem->message << " at " << problem->pointer;
    } else if (auto const code = result.error().code; !row->info.errors.has(code)) {
      EXPECT_TRUE(code == Code::invalid_argument || code == Code::forbidden)
          << verb << " does not document " << name_of(code);
    }
    return result;
  }
  // "ok", or "<code> <pointer>".
  std::string outcome(std::string_view verb, std::string_view args) {
    auto const result = call(verb, args);
    return result ? "ok" : std::string{name_of(result.error().code)} + " " + result.error().pointer;
  }
  // A member of a reply's data, as JSON text.
  std::string ask(std::string_view verb, std::string_view args, std::string_view member) {
    auto const result = call(verb, args);
    if (!result) return std::string{name_of(result.error().code)} + " " + result.error().pointer;
    auto const parsed = json::parse(result->data);
    return std::string{parsed->member_text(member)};
  }
  std::string page() { return metrics.scrape({}).value().body; }
  // The line of the page that begins so, or empty.
  std::string line(std::string_view begin) {
    auto const text = "\n" + page();
    auto const at = text.find("\n" + std::string{begin});
    return at == std::string::npos ? std::string{} : text.substr(at + 1, text.find('\n', at + 1) - at - 1);
  }

  Counters counters;
  Caller caller{counters};
  Metrics metrics;
};

}  // namespace patchbay::metrics
