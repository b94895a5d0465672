// PluginBrokers: the broker of the hub when `hub.broker` names a plugin: one broker object for each home shard, all
// over the instance of that plugin that serves at the moment.
//
//   PluginBrokers brokers{"redis", post_to_shard, log};
//   Hub hub{..., brokers.factory()};
//   plugins.follow("redis", brokers);             // before plugins.start()
//
// While no such plugin runs, or it says that its server is away, publications are delivered within this process,
// without an offset, and histories and presence answer `unavailable`. When it is there (again, or another instance of
// it), each broker gives it its interests and members, and asks for what was published since the last position that it
// has seen. It does not tell the newest messages below a prefix: with such a broker a subscription of a prefix begins
// with what is published next, whatever `last_value` says.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "core/base/interface.hpp"
#include "core/base/sinks.hpp"
#include "core/hub/broker.hpp"
#include "core/plugin_host/plugin_host.hpp"

namespace patchbay {

class PluginBroker;

class PluginBrokers final : public plugin_host::Follower {
 public:
  // Runs work on the thread of the home with that index; never at once.
  using Post = std::function<void(std::size_t index, std::function<void()> work)>;

  PluginBrokers(std::string plugin, Post post, LogSink& log);
  ~PluginBrokers() override;

  std::string const& plugin() const { return plugin_; }
  // Called once for each home, in the order of their indices.
  hub::BrokerFactory factory();

  void began(std::shared_ptr<plugin_host::Instance> const& instance) override;
  void ending(plugin_host::Instance const& instance) override;

  // Requests that the plugin has not answered yet.
  std::size_t waiting() const { return waiting_.load(std::memory_order_relaxed); }
  // Any thread. Not ready before all brokers are there for the first time.
  PartHealth health() const;

 private:
  friend class PluginBroker;
  struct Place {  // of one home
    std::weak_ptr<PluginBroker*> broker;
    bool there = false;
    std::string why = "not loaded";
  };
  void report(std::size_t index, bool there, std::string why);

  std::string const plugin_;
  Post const post_;
  LogSink& log_;
  mutable std::mutex mutex_;
  std::vector<Place> places_;
  bool was_there_ = false;
  std::atomic<std::size_t> waiting_{0};
};

}  // namespace patchbay
