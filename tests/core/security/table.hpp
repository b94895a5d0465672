// The operations of SECURITY through a real table, with a clock that stands still and no sockets.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>

#include "core/security/security.hpp"

namespace patchbay::security {

inline Token token(std::string id, std::string const& text, std::vector<std::string> scopes) {
  return Token{.id = std::move(id), .sha256 = hex(sha256(text)), .scopes = std::move(scopes)};
}

class LinesLog final : public LogSink {
 public:
  bool enabled(LogLevel, std::string_view) const override { return true; }
  void write(LogLevel, std::string_view, std::string_view message, std::vector<LogField> const& fields) override {
    text += message;
    for (auto const& [name, value] : fields) text += " " + std::string{name} + "=" + std::string{value};
    text += "\n";
  }
  std::string text;
};

class Table : public testing::Test {
 protected:
  explicit Table(Settings settings = {}) : security(runtime, caller, counters, log, std::move(settings)) {
    OperationTable table;
    table.add(authenticate,
              [this](Call& call, AuthenticateArgs args) { return security.authenticate(call, std::move(args)); });
    table.add(authorize, [this](Call& call, AuthorizeArgs args) { return security.authorize(call, std::move(args)); });
    table.add(check_origin,
              [this](Call& call, CheckOriginArgs args) { return security.check_origin(call, std::move(args)); });
    table.add(check_url, [this](Call& call, CheckUrlArgs args) { return security.check_url(call, std::move(args)); });
    table.add(sanitize, [this](Call& call, SanitizeArgs args) { return security.sanitize(call, std::move(args)); });
    table.add(sanitize_for_log,
              [this](Call& call, SanitizeArgs args) { return security.sanitize_for_log(call, std::move(args)); });
    table.add(security::validate,
              [this](Call& call, security::ValidateArgs args) { return security.validate(call, std::move(args)); });
    table.add(security::hash, [this](Call& call, HashArgs args) { return security.hash(call, std::move(args)); });
    table.add(verify_hash,
              [this](Call& call, VerifyHashArgs args) { return security.verify_hash(call, std::move(args)); });
    table.add(generate_correlation_id,
              [this](Call& call, CorrelationIdArgs args) { return security.generate_correlation_id(call, args); });
    table.add(generate_token, [this](Call& call, TokenArgs args) { return security.generate_token(call, args); });
    table.add(security::stats, [this](Call& call, Nothing args) { return security.stats(call, args); });
    caller.publish(std::move(table));
  }

  // Checks each answer against its schema.
  Result<Answer> call(std::string_view tool, std::string_view args, PrincipalPtr who = host_principal()) {
    auto const* row = caller.table().find(tool);
    if (row == nullptr) throw std::logic_error{"no such tool"};
    Call one{std::move(who)};
    auto reply = caller.start_json(*row, one, args);
    std::optional<Result<Answer>> out;
    if (reply.ready()) {
      out = reply.take();
    } else {
      asio::io_context context;
      asio::co_spawn(
          context, reply.task(),
          asio::bind_cancellation_slot(one.signal().slot(), [&](std::exception_ptr error, Result<Answer> got) {
            EXPECT_FALSE(error);
            out = std::move(got);
          }));
      context.run();
    }
    if (*out) {
      auto parsed = json::parse((*out)->data);
      EXPECT_TRUE(parsed.has_value());
      auto const problem = row->info.result.problem(parsed->document);
      EXPECT_FALSE(problem) << tool << ": " << problem->pointer << " " << problem->message;
    }
    return *out;
  }
  std::string data(std::string_view tool, std::string_view args, PrincipalPtr who = host_principal()) {
    auto answer = call(tool, args, std::move(who));
    return answer ? answer->data : std::string{name_of(answer.error().code)} + ": " + answer.error().message;
  }

  ManualClock clock;
  LinesLog log;
  Runtime runtime{{.shards = 1}, clock, log};
  Counters counters;
  Caller caller{counters};
  Security security;
};

}  // namespace patchbay::security
