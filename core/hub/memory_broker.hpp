// MemoryBroker: the broker of a gateway that is alone. Everything is answered before the function returns.
//
//   hub.set_broker(memory_broker_factory());
#pragma once

#include <unordered_set>

#include "core/hub/history.hpp"

namespace patchbay::hub {

class MemoryBroker final : public Broker {
 public:
  MemoryBroker(BrokerSink& sink, Clock const& clock, std::size_t history_bytes)
      : sink_(sink), clock_(clock), histories_(history_bytes) {}

  void publish(std::shared_ptr<Message> message, HistoryRule keep, Done<Position> done) override;
  void subscribe(std::string const& channel, Done<void> done) override;
  void unsubscribe(std::string const& channel) override;
  void history(std::string const& channel, std::optional<Position> since, std::size_t limit, HistoryRule keep,
               Done<HistoryPage> done) override;
  void newest(std::string const& prefix, KeepOf keep, Done<std::vector<std::shared_ptr<Message>>> done) override;
  void join(std::string const& channel, Member member) override;
  void leave(std::string const& channel, Member const& member) override;
  void presence(std::string const& channel, Done<std::vector<Member>> done) override;
  void sweep() override { histories_.sweep(clock_.now()); }

 private:
  bool is_interesting(std::string_view channel) const;

  BrokerSink& sink_;
  Clock const& clock_;
  Histories histories_;
  std::unordered_set<std::string, TextHash, std::equal_to<>> interests_;
  std::size_t prefixes_ = 0;
  ByName<std::unordered_map<std::string, std::string>> present_;  // channel -> member id -> user
};

BrokerFactory memory_broker_factory();

}  // namespace patchbay::hub
