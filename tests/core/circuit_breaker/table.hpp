// The operations of CIRCUIT_BREAKER in a table of their own, on a clock that is moved by hand. Each reply is checked
// against the result schema of its operation.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <mutex>
#include <string>
#include <vector>

#include "core/circuit_breaker/circuit_breaker.hpp"
#include "interfaces/circuit_breaker.hpp"

namespace patchbay::circuit_breaker {

// Keeps its lines as "warning breaker is open now name=x from=closed ...".
class KeptLog final : public LogSink {
 public:
  bool enabled(LogLevel, std::string_view) const override { return true; }
  void write(LogLevel level, std::string_view, std::string_view message, std::vector<LogField> const& fields) override {
    std::string line{EnumNames<LogLevel>::names[static_cast<std::size_t>(level)].first};
    line += " " + std::string{message};
    for (auto const& [key, value] : fields) line += " " + std::string{key} + "=" + std::string{value};
    std::lock_guard lock{mutex_};
    lines_.push_back(std::move(line));
  }
  std::vector<std::string> lines() const {
    std::lock_guard lock{mutex_};
    return lines_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
};

class BreakerTable {
 public:
  explicit BreakerTable(Settings settings = {}) : breakers{caller, counters, clock, log, std::move(settings)} {
    OperationTable table;
    CircuitBreakerInterface router{breakers};
    router.declare(table);
    publish(std::move(table));
  }
  // More operations, for circuit_breaker_call to run.
  template <class Declare>
  void extend(Declare declare) {
    auto table = OperationTable::without(caller.table(), "nobody");
    declare(table);
    publish(std::move(table));
  }

  Result<Answer> call(std::string_view tool, std::string_view args, PrincipalPtr who = host_principal()) {
    auto const* row = caller.table().find(tool);
    if (row == nullptr) return caller.no_such_tool(tool);
    Call call{std::move(who)};
    auto reply = caller.start_json(*row, call, args);
    if (reply.ready()) return checked(*row, reply.take());
    std::optional<Result<Answer>> out;
    asio::co_spawn(context, reply.task(), [&](std::exception_ptr error, Result<Answer> result) {
      EXPECT_FALSE(error);
      out = std::move(result);
    });
    context.restart();
    context.run();
    if (!out) return Error{Code::internal, "the task has not ended"};
    return checked(*row, std::move(*out));
  }
  // A member of a reply's data, as JSON text; "error <code> <pointer>" of a failure.
  std::string ask(std::string_view tool, std::string_view args, std::string_view member,
                  PrincipalPtr who = host_principal()) {
    auto const reply = call(tool, args, std::move(who));
    if (reply.has_error())
      return "error " + std::string{patchbay::name_of(reply.error().code)} + " " + reply.error().pointer;
    auto const parsed = json::parse(reply->data);
    return std::string{parsed->member_text(member)};
  }
  double sample(std::string_view family, Labels const& labels) const {
    for (auto const& one : counters.sample())
      if (one.name == family)
        for (auto const& series : one.series)
          if (series.labels == labels) return series.value;
    return -1;
  }

  ManualClock clock;
  asio::io_context context;
  Counters counters;
  Caller caller{counters};
  KeptLog log;
  CircuitBreakers breakers;

 private:
  void publish(OperationTable table) { caller.publish(std::move(table)); }
  static Result<Answer> checked(Row const& row, Result<Answer> reply) {
    if (reply) {
      auto const parsed = json::parse(reply->data);
      EXPECT_TRUE(parsed) << reply->data;
      if (parsed)
        if (auto const problem = row.info.result.problem(parsed->document, "result member"))
          ADD_FAILURE() << row.info.tool << ": " << problem->message << " at " << problem->pointer;
    } else if (auto const code = reply.error().code; !row.info.errors.has(code)) {
      EXPECT_TRUE(code == Code::invalid_argument || code == Code::forbidden || row.info.verb == "call")
          << row.info.tool << " does not document " << patchbay::name_of(code);
    }
    return reply;
  }
};

}  // namespace patchbay::circuit_breaker
