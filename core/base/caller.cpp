#include "core/base/caller.hpp"

#include <spdlog/fmt/fmt.h>

namespace patchbay {

PrincipalPtr const& host_principal() {
  static PrincipalPtr const host = std::make_shared<Principal const>(
      Principal{.name = "host", .scopes = {"admin"}, .unrestricted = true, .is_remote = false});
  return host;
}
PrincipalPtr const& gateway_principal() {
  static PrincipalPtr const gateway = std::make_shared<Principal const>(
      Principal{.name = "gateway", .scopes = {"admin"}, .unrestricted = true, .is_remote = false});
  return gateway;
}

OperationTable const* Caller::empty_table() {
  static OperationTable const empty;
  return &empty;
}

void Caller::publish(OperationTable table) {
  table.bind(counters_);
  tables_.push_back(std::make_unique<OperationTable const>(std::move(table)));
  table_.store(tables_.back().get(), std::memory_order_release);
  if (published_) published_(*tables_.back());
}

void Caller::Watch::start() {
  started_ = true;
  row_.counters.in_flight.add(1);
  auto* const wheel = TimerWheel::current();
  if (wheel != nullptr && call_.deadline().exists()) wheel->arm_at(timer_, call_.deadline().at());
}
void Caller::Watch::expired() {
  ended_ = true;
  call_.stop(Stopped::deadline);
}

void Caller::audit(Row const& row, Call& call, std::optional<Code> code) const {
  if (audit_) audit_(AuditRecord{call, row, code});
}

std::optional<Error> Caller::admit(Row const& row, Call& call) const {
  auto const& principal = call.principal();
  if (principal.may(row.info.scope)) return std::nullopt;
  if (principal.name == "anonymous")
    return Error{Code::unauthenticated,
                 fmt::format("{} needs the scope {}: send a token as \"Authorization: Bearer <token>\"", row.info.tool,
                             row.info.scope)};
  return Error{Code::forbidden, fmt::format("{} needs the scope {}, which {} does not have", row.info.tool,
                                            row.info.scope, principal.name)};
}

Error Caller::caught(Row const& row, Call& call) const {
  std::string what = "unknown exception";
  try {
    throw;
  } catch (ErrorException const& error) {
    return error.error();
  } catch (boost::system::system_error const& error) {
    if (error.code() == asio::error::operation_aborted) return Error{Code::cancelled, row.info.tool + " was cancelled"};
    what = error.what();
  } catch (std::exception const& error) {
    what = error.what();
  } catch (...) {
  }
  call.ensure_trace();
  if (exception_) exception_(row, call, what);
  return Error{Code::internal, fmt::format("{} failed inside the gateway; the log has the reason under trace {}",
                                           row.info.tool, call.trace().hex())};
}

// What a handler that was stopped reports is seldom the reason: the call knows it.
Error Caller::ended_early(Row const& row, Call& call, Error error, bool own_deadline) const {
  if (own_deadline) return Error{Code::deadline_exceeded, fmt::format("{} did not end within its time", row.info.tool)};
  switch (call.stopped()) {
    case Stopped::deadline:
      return Error{Code::deadline_exceeded, fmt::format("{} did not end within the caller's time", row.info.tool)};
    case Stopped::shutdown: return Error{Code::unavailable, "the gateway is stopping", {}, 1000};
    case Stopped::cancelled:
      return Error{Code::cancelled, fmt::format("{} was cancelled by its caller", row.info.tool)};
    case Stopped::no: break;
  }
  return error;
}

Reply<Answer> Caller::start_json(Row const& row, Call& call, json::Parsed const& args) {
  if (auto refused = admit(row, call)) {
    end(row, call, refused->code);
    return *refused;
  }
  if (auto problem = row.info.args.problem(args.document)) {
    end(row, call, problem->code);
    return *problem;
  }
  if (row.info.streaming && call.events() == nullptr) {
    end(row, call, Code::unsupported);
    return Error{Code::unsupported, row.info.tool + " is a stream: ask for it where events can be sent"};
  }
  auto budget = row.info.timeout;
  if (row.info.timeout_from_args)
    if (auto const* given = json::find(args.document, "timeout_ms"); given != nullptr && given->IsInt64())
      budget = std::chrono::milliseconds{given->GetInt64()} + std::chrono::seconds{1};
  return dispatch<Answer>(row, call, budget, [&] { return row.handler->start_json(call, args); });
}

Reply<Answer> Caller::start_json(Row const& row, Call& call, std::string_view text, json::Limits const& limits) {
  auto parsed = json::parse(text.empty() ? std::string_view{"{}"} : text, limits);
  if (!parsed) {
    end(row, call, parsed.error().code);
    return parsed.error();
  }
  return start_json(row, call, *parsed);
}

Error Caller::no_such_tool(std::string_view tool) const {
  auto const near = table().nearest_tools(tool, 3);
  auto shown = tool.size() <= 64 ? std::string{tool} : std::string{tool.substr(0, 64)} + "...";
  if (near.empty()) return Error{Code::not_found, fmt::format("no tool \"{}\"", shown)};
  return Error{Code::not_found, fmt::format("no tool \"{}\"; the nearest are {}", shown, fmt::join(near, ", "))};
}

Task<Result<Answer>> Caller::call_json(std::string_view tool, Call& parent, std::string args) {
  auto const* row = table().find(tool);
  if (row == nullptr) co_return no_such_tool(tool);
  Call child{parent};
  child.set_events(parent.events());
  auto reply = start_json(*row, child, std::string_view{args});
  if (reply.ready()) co_return reply.take();
  auto task = reply.task();
  Result<Answer> result = co_await std::move(task);
  co_return result;
}

}  // namespace patchbay
