#include "core/plugin_host/broker_link.hpp"

#include <spdlog/fmt/fmt.h>

#include "core/base/utf8.hpp"
#include "core/plugin_host/text.hpp"

namespace patchbay::plugin_host {
namespace {

bool is_channel(std::string_view name) {
  auto const right = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == ':' || c == '-';
  };
  return !name.empty() && name.size() <= 255 && std::all_of(name.begin(), name.end(), right);
}

BrokerPosition position_of(pb_broker_position const& raw) { return {std::string{view(raw.epoch)}, raw.offset}; }

// Comes from a server that others may write to as well: nothing that subscribers could choke on.
std::optional<BrokerMessage> message_of(pb_broker_message const& raw) {
  if (raw.size < sizeof raw) return std::nullopt;
  BrokerMessage out{.channel = std::string{view(raw.channel)},
                    .event = std::string{view(raw.event)},
                    .data = std::string{view(raw.data)},
                    .message_id = std::string{view(raw.message_id)},
                    .ack = raw.ack != 0,
                    .time_us = raw.time_us,
                    .at = position_of(raw.at)};
  bool const right = is_channel(out.channel) && out.event.size() <= 255 && is_utf8(out.event) &&
                     is_utf8(out.message_id) && is_utf8(out.at.epoch) && json::check(out.data).has_value();
  return right ? std::optional{std::move(out)} : std::nullopt;
}

template <class T>
T const& at(T const* first, std::uint32_t stride, std::uint32_t index) {
  return *reinterpret_cast<T const*>(reinterpret_cast<char const*>(first) + std::size_t{stride} * index);
}

Result<BrokerAnswer> answer_of(pb_broker_answer const& raw) {
  Error const wrong{Code::upstream_failed, "the broker plugin answered with what is no message of the hub"};
  if (raw.size < sizeof raw) return wrong;
  BrokerAnswer out{.complete = raw.complete != 0, .at = position_of(raw.at), .kept = raw.kept};
  for (std::uint32_t i = 0; i < raw.message_count; ++i) {
    auto message = message_of(at(raw.messages, raw.message_size, i));
    if (!message) return wrong;
    out.messages.push_back(std::move(*message));
  }
  for (std::uint32_t i = 0; i < raw.member_count; ++i) {
    auto const& member = at(raw.members, raw.member_size, i);
    out.members.push_back({std::string{view(member.id)}, std::string{view(member.user_id)}});
    if (!is_utf8(out.members.back().id) || !is_utf8(out.members.back().user_id)) return wrong;
  }
  return out;
}

pb_broker_keep to_c(BrokerKeep const& keep) {
  return {sizeof(pb_broker_keep), keep.messages, keep.ttl_s, keep.keep_newest ? 1U : 0U, keep.now_ms};
}
pb_broker_position to_c(BrokerPosition const& position) { return {borrow(position.epoch), position.offset}; }
pb_broker_member to_c(BrokerMember const& member) { return {borrow(member.id), borrow(member.user_id)}; }

}  // namespace

BrokerLink::BrokerLink(std::shared_ptr<Instance> instance, Post post, BrokerOwner& owner)
    : instance_(std::move(instance)), post_(std::move(post)), owner_(&owner) {}

Result<std::shared_ptr<BrokerLink>> BrokerLink::open(std::shared_ptr<Instance> instance, Post post, BrokerOwner& owner,
                                                     std::size_t history_bytes) {
  static constexpr pb_broker_sink sink{sizeof(pb_broker_sink), &published, &done, &state, &closed};
  auto const name = instance->library().name();
  if (!instance->enter()) return Error{Code::unavailable, fmt::format("the plugin {} is ending", name)};
  auto out = std::make_shared<BrokerLink>(std::move(instance), std::move(post), owner);
  auto const* calls = static_cast<pb_broker_plugin const*>(out->instance_->offered(PB_BROKER_EXTENSION));
  if (calls == nullptr || calls->size < sizeof(pb_broker_plugin)) {
    out->instance_->leave();
    return Error{Code::unsupported, fmt::format("the plugin {} provides no broker", name)};
  }
  out->calls_ = calls;
  out->self_ = out;
  out->broker_ = calls->open(out->instance_->self(), &sink, out.get(), history_bytes);
  if (out->broker_ == nullptr) {
    out->self_.reset();
    out->instance_->leave();
    return Error{Code::unavailable, fmt::format("the plugin {} refused to open a broker; its log says why", name)};
  }
  return out;
}

void BrokerLink::publish(std::uint64_t request, BrokerMessage const& message, BrokerKeep const& keep) {
  pb_broker_message const raw{
      sizeof(pb_broker_message), message.ack ? 1U : 0U,      borrow(message.channel), borrow(message.event),
      borrow(message.data),      borrow(message.message_id), message.time_us,         {}};
  auto const rule = to_c(keep);
  calls_->publish(broker_, request, &raw, &rule);
}
void BrokerLink::subscribe(std::uint64_t request, std::string const& channel) {
  calls_->subscribe(broker_, request, borrow(channel));
}
void BrokerLink::unsubscribe(std::string const& channel) { calls_->unsubscribe(broker_, borrow(channel)); }
void BrokerLink::history(std::uint64_t request, std::string const& channel, std::optional<BrokerPosition> const& since,
                         std::uint32_t limit, BrokerKeep const& keep) {
  auto const rule = to_c(keep);
  auto const position = since ? to_c(*since) : pb_broker_position{};
  calls_->history(broker_, request, borrow(channel), since ? &position : nullptr, limit, &rule);
}
void BrokerLink::join(std::string const& channel, BrokerMember const& member) {
  auto const raw = to_c(member);
  calls_->join(broker_, borrow(channel), &raw);
}
void BrokerLink::leave(std::string const& channel, BrokerMember const& member) {
  auto const raw = to_c(member);
  calls_->leave(broker_, borrow(channel), &raw);
}
void BrokerLink::presence(std::uint64_t request, std::string const& channel) {
  calls_->presence(broker_, request, borrow(channel));
}
void BrokerLink::sweep(std::int64_t now_ms) { calls_->sweep(broker_, now_ms); }

void BrokerLink::close() {
  if (owner_ == nullptr) return;
  owner_ = nullptr;
  auto const instance = instance_;
  instance->hold();  // `closed` may come before the function returns
  calls_->close(broker_);
  instance->leave();
}

// --- what the plugin calls, on its threads

template <class Function>
void BrokerLink::tell(Function function) {
  post_([link = shared_from_this(), function = std::move(function)]() mutable {
    if (link->owner_ != nullptr) function(*link->owner_);
  });
}

void BrokerLink::published(void* user, pb_broker_message const* raw) {
  auto message = message_of(*raw);
  if (!message) return of(user).instance_->complain("a publication came that is none; it is left out");
  of(user).tell([message = std::move(*message)](BrokerOwner& owner) mutable { owner.published(std::move(message)); });
}
void BrokerLink::done(void* user, std::uint64_t request, pb_error const* error, pb_broker_answer const* raw) {
  Result<BrokerAnswer> answer{BrokerAnswer{}};
  if (error != nullptr)
    answer = from_c(*error);
  else if (raw != nullptr)
    answer = answer_of(*raw);
  of(user).tell([request, answer = std::move(answer)](BrokerOwner& owner) mutable {
    owner.answered(request, std::move(answer));
  });
}
void BrokerLink::state(void* user, std::int32_t connected, pb_str message) {
  std::string why{is_utf8(view(message)) ? view(message).substr(0, 512) : std::string_view{}};
  of(user).tell([connected, why = std::move(why)](BrokerOwner& owner) { owner.connected(connected != 0, why); });
}
void BrokerLink::closed(void* user) {
  auto const link = std::move(of(user).self_);
  if (link != nullptr) link->instance_->leave();
}

}  // namespace patchbay::plugin_host
