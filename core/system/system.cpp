#include "core/system/system.hpp"

#include <spdlog/fmt/fmt.h>

#include "core/base/iso_time.hpp"
#include "core/base/nearest.hpp"
#include "core/runtime/mailbox.hpp"

namespace patchbay::system {

System::System(Runtime& runtime, Caller& caller, Counters& counters, Hooks hooks)
    : runtime_(runtime),
      caller_(caller),
      counters_(counters),
      hooks_(std::move(hooks)),
      started_(runtime.clock().now()),
      started_at_(iso_time(runtime.clock().wall())) {}

std::uint64_t System::uptime_ms() const {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(runtime_.clock().now() - started_).count());
}

Result<HealthResult> System::health(Call&, HealthArgs const& args) {
  HealthResult out;
  out.version = hooks_.version;
  out.endpoints = static_cast<std::uint32_t>(caller_.table().size());
  out.status = "ok";
  std::string not_ready;
  auto worse = [&](std::string const& status) {
    if (status == "unavailable" || (status == "degraded" && out.status == "ok")) out.status = status;
  };
  if (hooks_.draining()) {
    out.ready = false;
    not_ready = "the gateway is stopping";
    worse("degraded");
  }
  for (auto& part : hooks_.health()) {
    worse(part.status);
    if (!part.ready) {
      out.ready = false;
      if (not_ready.empty()) not_ready = part.name + " is not ready: " + part.message;
    }
    Part shown{std::move(part.name), std::move(part.status), std::nullopt};
    if (!part.message.empty()) shown.message = std::move(part.message);
    out.parts.push_back(std::move(shown));
  }
  if (args.check == "ready" && !out.ready) return Error{Code::unavailable, not_ready, {}, 1000};
  return out;
}

InfoResult System::info() const {
  InfoResult out;
  out.name = "patchbay";
  out.version = hooks_.version;
  out.description = "A gateway of named operations: over HTTP, the command line, C++ and plugins alike";
  out.started_at = started_at_;
  out.uptime_ms = uptime_ms();
  out.shards = static_cast<std::uint32_t>(runtime_.size());
  auto const& table = caller_.table();
  for (auto const& row : table.rows()) {
    auto const& interface = row->info.interface;
    if (!out.interfaces.empty() && out.interfaces.back() == interface) continue;  // the rows of one stand together
    if (std::find(out.interfaces.begin(), out.interfaces.end(), interface) == out.interfaces.end())
      out.interfaces.push_back(interface);
  }
  out.endpoints = static_cast<std::uint32_t>(table.size());
  return out;
}

Result<OperationsResult> System::operations(OperationsArgs const& args) const {
  auto const& table = caller_.table();
  auto const* asked = args.tool.empty() ? nullptr : table.find(args.tool);
  if (!args.tool.empty() && asked == nullptr) {
    auto error = caller_.no_such_tool(args.tool);
    error.pointer = "/tool";
    return error;
  }
  OperationsResult out;
  std::vector<std::string_view> interfaces;
  for (auto const& row : table.rows()) {
    auto const& info = row->info;
    interfaces.push_back(info.interface);
    if ((asked != nullptr && row.get() != asked) || (!args.interface.empty() && info.interface != args.interface))
      continue;
    OperationEntry one;
    one.tool = info.tool;
    one.name = info.name;
    one.interface = info.interface;
    one.category = info.category;
    one.summary = info.summary;
    if (!args.names_only) {
      one.effect = name_of(info.effect);
      one.scope = info.scope;
      one.owner = info.owner;
      one.streaming = info.streaming;
      one.idempotent = info.idempotent;
      one.audited = info.audited;
      one.reaches_out = info.reaches_out;
      one.timeout_ms = static_cast<std::uint64_t>(info.timeout.count());
      one.errors.emplace();
      for (auto const& code : code_table)
        if (info.errors.has(code.code)) one.errors->emplace_back(code.name);
      one.arguments = RawJson{info.args.text()};
      one.result = RawJson{info.result.text()};
      if (!info.aliases.empty()) one.aliases = info.aliases;
      if (!info.example.empty()) one.example = RawJson{info.example};
    }
    out.operations.push_back(std::move(one));
  }
  if (out.operations.empty() && !args.interface.empty())
    return Error{Code::not_found,
                 fmt::format("no interface \"{}\"; {}", args.interface, did_you_mean(args.interface, interfaces)),
                 "/interface"};
  out.count = static_cast<std::uint32_t>(out.operations.size());
  return out;
}

DescribeResult System::describe(DescribeArgs const& args) const {
  return {args.format == "markdown" ? "text/markdown; charset=utf-8" : "application/json",
          hooks_.describe(caller_.table(), args.format)};
}

void System::remember(TimedCall const& timed) {
  auto const ms = std::chrono::duration<double, std::milli>(timed.duration).count();
  std::lock_guard lock{mutex_};
  auto& list = slowest_[timed.row.info.tool];
  if (list.size() == kept && list.back().duration_ms >= ms) return;
  Trace trace{timed.row.info.tool, ms, timed.call.trace().exists() ? timed.call.trace().hex() : std::string{},
              std::string{timed.code ? name_of(*timed.code) : "ok"}, iso_time(runtime_.clock().wall())};
  auto const at = std::find_if(list.begin(), list.end(), [ms](auto const& one) { return one.duration_ms < ms; });
  list.insert(at, std::move(trace));
  if (list.size() > kept) list.pop_back();
}

TraceRecentResult System::trace_recent(TraceRecentArgs const& args) const {
  TraceRecentResult out;
  std::lock_guard lock{mutex_};
  for (auto const& [tool, list] : slowest_)
    for (std::size_t i = 0; i < std::min<std::size_t>(list.size(), args.limit); ++i) out.traces.push_back(list[i]);
  std::stable_sort(out.traces.begin(), out.traces.end(),
                   [](auto const& a, auto const& b) { return a.duration_ms > b.duration_ms; });
  return out;
}

Task<Result<LogsResult>> System::logs(Call& call, LogsArgs args) {
  auto level = LogLevel::info;
  for (auto const& [name, constant] : EnumNames<LogLevel>::names)
    if (name == args.level) level = constant;
  Executor executor = co_await asio::this_coro::executor;
  auto box = std::make_shared<Mailbox<std::string>>(executor, 1024);
  auto push = [box](std::string_view line) { box->push(std::string{line}); };
  auto const tail = hooks_.tail_log(level, std::move(push));
  LogsResult out;
  while (!args.limit || out.lines < *args.limit) {
    auto line = co_await box->pop();
    if (!line) co_return Error{Code::cancelled, "the reader left"};
    out.dropped += box->take_dropped();
    ++out.lines;
    auto const taken = call.events()->emit("log", *line);
    if (taken == EventSink::Taken::gone) co_return Error{Code::cancelled, "the reader left"};
    if (taken == EventSink::Taken::wait) {
      bool const more = co_await call.events()->ready();
      if (!more) co_return Error{Code::cancelled, "the reader left"};
    }
  }
  co_return out;
}

ShutdownResult System::shutdown() {
  hooks_.shutdown();
  return {};
}

StatsResult System::stats() const {
  StatsResult out;
  out.uptime_ms = uptime_ms();
  out.endpoints = static_cast<std::uint32_t>(caller_.table().size());
  for (auto const& row : caller_.table().rows())
    for (std::size_t code = 0; code < code_count; ++code) {
      auto const count = counters_.value(row->counters.by_code[code]);
      out.calls += count;
      if (code != 0) out.errors += count;
    }
  return out;
}

}  // namespace patchbay::system
