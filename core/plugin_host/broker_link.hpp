// BrokerLink: one broker that a plugin has opened for the gateway (extension patchbay.broker/1), as C++ and on one
// thread: whatever the plugin says, from whichever thread, reaches the owner through `post`.
//
//   auto link = BrokerLink::open(instance, post, owner, history_bytes);
//   (*link)->publish(7, message, keep);            // later owner.answered(7, answer)
//   (*link)->close();                              // the owner hears nothing more
//
// The owner's thread only. A link holds its instance in use until the plugin has closed the broker, so that a plugin
// that is replaced or unloaded is not destroyed under it. What the plugin says is checked: names, JSON, numbers.
#pragma once

#include <functional>

#include "core/plugin_host/instance.hpp"
#include "plugins/abi/draft/patchbay_broker.h"

namespace patchbay::plugin_host {

struct BrokerPosition {
  std::string epoch{};
  std::uint64_t offset = 0;
};
struct BrokerMessage {
  std::string channel{}, event{}, data{}, message_id{};
  bool ack = false;
  std::int64_t time_us = 0;
  BrokerPosition at{};
};
struct BrokerKeep {
  std::uint32_t messages = 0, ttl_s = 0;
  bool keep_newest = false;
  std::int64_t now_ms = 0;
};
struct BrokerMember {
  std::string id{}, user_id{};
};
struct BrokerAnswer {
  bool complete = false;
  BrokerPosition at{};
  std::vector<BrokerMessage> messages{};
  std::vector<BrokerMember> members{};
  std::uint32_t kept = 0;
};

class BrokerOwner {
 public:
  virtual ~BrokerOwner() = default;
  virtual void published(BrokerMessage message) = 0;
  virtual void answered(std::uint64_t request, Result<BrokerAnswer> answer) = 0;
  virtual void connected(bool is_there, std::string why) = 0;
};

class BrokerLink : public std::enable_shared_from_this<BrokerLink> {
 public:
  using Post = std::function<void(std::function<void()>)>;

  // Errors: unsupported for a plugin that provides no broker, unavailable when it refuses or is ending.
  static Result<std::shared_ptr<BrokerLink>> open(std::shared_ptr<Instance> instance, Post post, BrokerOwner& owner,
                                                  std::size_t history_bytes);
  BrokerLink(std::shared_ptr<Instance> instance, Post post, BrokerOwner& owner);
  BrokerLink(BrokerLink const&) = delete;
  BrokerLink& operator=(BrokerLink const&) = delete;

  Instance const& instance() const { return *instance_; }
  void publish(std::uint64_t request, BrokerMessage const& message, BrokerKeep const& keep);
  void subscribe(std::uint64_t request, std::string const& channel);
  void unsubscribe(std::string const& channel);
  void history(std::uint64_t request, std::string const& channel, std::optional<BrokerPosition> const& since,
               std::uint32_t limit, BrokerKeep const& keep);
  void join(std::string const& channel, BrokerMember const& member);
  void leave(std::string const& channel, BrokerMember const& member);
  void presence(std::uint64_t request, std::string const& channel);
  void sweep(std::int64_t now_ms);
  void close();

 private:
  static void published(void* user, pb_broker_message const* message);
  static void done(void* user, std::uint64_t request, pb_error const* error, pb_broker_answer const* answer);
  static void state(void* user, std::int32_t connected, pb_str message);
  static void closed(void* user);
  static BrokerLink& of(void* user) { return *static_cast<BrokerLink*>(user); }
  template <class Function>
  void tell(Function function);

  std::shared_ptr<Instance> const instance_;
  Post const post_;
  BrokerOwner* owner_;  // null once closed; its thread only
  pb_broker_plugin const* calls_ = nullptr;
  void* broker_ = nullptr;
  std::shared_ptr<BrokerLink> self_;  // until the plugin says `closed`
};

}  // namespace patchbay::plugin_host
