#include "core/websocket/metrics.hpp"

namespace patchbay::websocket {
namespace {
constexpr std::string_view prefix = "patchbay_websocket_client_";
std::string family(std::string_view name) { return std::string{prefix} + std::string{name}; }
void count(std::atomic<std::uint64_t>& total, std::uint64_t by = 1) { total.fetch_add(by, std::memory_order_relaxed); }
}  // namespace

Metrics::Metrics(Counters& counters)
    : request_duration(counters.histogram(family("request_duration_seconds"), "Time from a request to its answer")),
      queue_bytes(counters.gauge(family("queue_bytes"), "Bytes waiting to be sent on client connections")) {
  for (auto const& [name, state] : EnumNames<State>::names)
    by_state_[static_cast<std::size_t>(state)] =
        counters.gauge(family("connections"), "Client connections by state", {{"state", std::string{name}}});
  for (auto const& row : code_table)
    by_code_[static_cast<std::size_t>(row.code)] = counters.counter(
        family("errors_total"), "Client connections lost or refused, by error code", {{"code", std::string{row.name}}});
  for (std::size_t i = 0; i < reasons.size(); ++i)
    by_reason_[i] = counters.counter(family("reconnects_total"), "Client connections opened again, by reason of loss",
                                     {{"reason", std::string{reasons[i]}}});
  auto direction = [&](std::string_view name, std::string_view help, std::string_view which) {
    return counters.counter(family(name), help, {{"direction", std::string{which}}});
  };
  messages_in_ = direction("messages_total", "Messages on client connections", "in");
  messages_out_ = direction("messages_total", "Messages on client connections", "out");
  bytes_in_ = direction("bytes_total", "Payload bytes on client connections", "in");
  bytes_out_ = direction("bytes_total", "Payload bytes on client connections", "out");
}

void Metrics::moved(std::optional<State> from, std::optional<State> to) {
  if (from) by_state_[static_cast<std::size_t>(*from)].add(-1);
  if (to) by_state_[static_cast<std::size_t>(*to)].add(1);
  if (!from) count(connections_);
  if (!to) connections_.fetch_sub(1, std::memory_order_relaxed);
}
void Metrics::received(std::size_t bytes) {
  messages_in_.add();
  bytes_in_.add(bytes);
  count(total_messages_in_);
  count(total_bytes_in_, bytes);
}
void Metrics::sent(std::size_t bytes) {
  messages_out_.add();
  bytes_out_.add(bytes);
  count(total_messages_out_);
  count(total_bytes_out_, bytes);
}
void Metrics::reconnected(std::string_view reason) {
  count(reconnects_);
  for (std::size_t i = 0; i < reasons.size(); ++i)
    if (reasons[i] == reason) by_reason_[i].add();
}
void Metrics::failed(Code code) {
  count(errors_);
  by_code_[static_cast<std::size_t>(code)].add();
}

StatsResult Metrics::totals() const {
  auto get = [](std::atomic<std::uint64_t> const& total) { return total.load(std::memory_order_relaxed); };
  return StatsResult{.connections = get(connections_),
                     .messages_in = get(total_messages_in_),
                     .messages_out = get(total_messages_out_),
                     .bytes_in = get(total_bytes_in_),
                     .bytes_out = get(total_bytes_out_),
                     .requests = get(requests_),
                     .reconnects = get(reconnects_),
                     .errors = get(errors_)};
}

}  // namespace patchbay::websocket
