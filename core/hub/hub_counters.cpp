#include "core/hub/hub_counters.hpp"

namespace patchbay::hub {

HubCounters::HubCounters(Counters& counters) : counters_(counters) {
  for (std::size_t i = 0; i < dialect_count; ++i)
    connections_[i] = counters.gauge("patchbay_hub_connections", "WebSocket connections by dialect",
                                     {{"dialect", std::string{name_of(static_cast<Dialect>(i))}}});
  auto const way = [&](std::string_view family, std::string_view help, char const* direction) {
    return counters.counter(family, help, {{"direction", direction}});
  };
  messages_in_ = way("patchbay_hub_messages_total", "Messages of the hub's connections", "in");
  messages_out_ = way("patchbay_hub_messages_total", "Messages of the hub's connections", "out");
  bytes_in_ = way("patchbay_hub_bytes_total", "Bytes of the hub's connections", "in");
  bytes_out_ = way("patchbay_hub_bytes_total", "Bytes of the hub's connections", "out");
  delivery_ = counters.histogram("patchbay_hub_delivery_seconds", "From publish to written, for each delivery");
  for (std::size_t i = 0; i < dropped_names.size(); ++i)
    dropped_[i] = counters.counter("patchbay_hub_dropped_total", "Messages that a subscriber did not get",
                                   {{"reason", std::string{dropped_names[i]}}});
  recoveries_[0] = counters.counter("patchbay_hub_recoveries_total", "Subscriptions that asked for what they missed",
                                    {{"result", "recovered"}});
  recoveries_[1] = counters.counter("patchbay_hub_recoveries_total", "Subscriptions that asked for what they missed",
                                    {{"result", "gone"}});
  queue_bytes_ = counters.gauge("patchbay_hub_queue_bytes", "Bytes queued for connections");
  subscriptions_ = counters.gauge("patchbay_hub_subscriptions", "Subscriptions of channels and prefixes");
  publications_ = counters.counter("patchbay_hub_publications_total", "Messages published on channels");
  for (auto* cell : {&deliveries_, &delivery_ns_, &welcomes_, &welcome_ns_, &failed_}) *cell = counters.cell();
}

HubCounters::Sums HubCounters::sums() const {
  auto const of = [this](Counter const& counter) { return counters_.value(counter); };
  return {of(welcomes_),     of(welcome_ns_),  of(deliveries_),   of(delivery_ns_), of(failed_),
          of(publications_), of(messages_in_), of(messages_out_), of(bytes_in_),    of(bytes_out_)};
}

}  // namespace patchbay::hub
