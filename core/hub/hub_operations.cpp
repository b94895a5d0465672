// HUB's operations that send: rights, limits, then the home shard of the name.
#include <spdlog/fmt/fmt.h>

#include "core/hub/at_home.hpp"
#include "core/hub/home.hpp"
#include "core/hub/hub.hpp"
#include "core/hub/namespaces.hpp"
#include "core/hub/own_channels.hpp"
#include "core/hub/receipts.hpp"
#include "core/hub/standard_channels.hpp"

namespace patchbay::hub {
namespace {

Error bad_channel() {
  return Error{Code::invalid_argument, "a channel's name has 1 to 255 of A-Z a-z 0-9 _ . : and -", "/channel"};
}

}  // namespace

std::optional<Error> Hub::too_large(std::string const& data, std::string_view pointer) {
  auto const most = static_cast<std::size_t>(rules()->publication_bytes);
  if (data.size() <= most) return std::nullopt;
  return Error{Code::too_large, fmt::format("a message may have {} bytes, this one has {}", most, data.size()),
               std::string{pointer}};
}

Reply<PublishResult> Hub::publish_checked(Call& call, Publication publication) {
  if (!is_channel_name(publication.channel)) return bad_channel();
  if (auto refused = refuse_foreign(call.principal(), publication.channel, "/channel")) return *refused;
  auto const current = rules();
  if (auto refused = refuse(*current, call.principal(), Right::to_publish, publication.channel, "/channel"))
    return *refused;
  if (publication.data.size() > static_cast<std::size_t>(current->publication_bytes))
    return Error{Code::too_large, fmt::format("a message may have {} bytes, this one has {}",
                                              current->publication_bytes, publication.data.size())};
  publication.owner = call.principal().name;
  auto& home = home_of(publication.channel);
  return at_home<PublishResult>(home, [publication = std::move(publication)](HubShard& there, auto done) mutable {
    there.home().publish(std::move(publication), std::move(done));
  });
}

Reply<PublishResult> Hub::publish(Call& call, PublishArgs args) {
  Publication publication{
      .channel = std::move(args.channel), .event = std::move(args.event), .data = std::move(args.data.text)};
  if (args.idempotency_key) publication.idempotency_key = std::move(*args.idempotency_key);
  publication.receipt = args.receipt;
  return publish_checked(call, std::move(publication));
}

Reply<BroadcastChannelResult> Hub::broadcast_channel(Call& call, BroadcastChannelArgs args) {
  Publication publication{.channel = args.channel, .event = std::move(args.type), .data = std::move(args.message.text)};
  if (args.idempotency_key) publication.idempotency_key = std::move(*args.idempotency_key);
  publication.receipt = args.receipt;
  return converted<BroadcastChannelResult>(publish_checked(call, std::move(publication)),
                                           [channel = std::move(args.channel)](PublishResult done) {
                                             BroadcastChannelResult out;
                                             out.channel = channel;
                                             out.subscribers = done.subscribers;
                                             out.message_id = std::move(done.message_id);
                                             return out;
                                           });
}

// To everyone: each shard has its own list, the count is known here.
Reply<ConnectionsReached> Hub::to_all(std::string text) {
  if (auto error = too_large(text, "/message")) return *error;
  auto message = std::make_shared<Message>();
  message->data = std::move(text);
  message->time = clock().wall();
  message->made = clock().now();
  auto const current = rules();
  encode(*message, current->deflate ? current->deflate_threshold : 0);
  MessagePtr const shared = std::move(message);
  for (auto& part : shards_) {
    if (part->shard().is_current()) continue;
    part->shard().post([&part = *part, shared] { part.deliver_to_all(shared); });
  }
  auto const count = static_cast<std::uint32_t>(std::max<std::int64_t>(0, connections()));
  if (auto* part = here()) part->deliver_to_all(shared);
  return ConnectionsReached{count};
}

Reply<ConnectionsReached> Hub::broadcast(Call& call, BroadcastArgs args) {
  if (auto refused = refuse_everyone(call.principal())) return *refused;
  return to_all(std::move(args.message.text));
}

Reply<BroadcastAllResult> Hub::broadcast_all(Call& call, BroadcastAllArgs args) {
  if (auto refused = refuse_everyone(call.principal())) return *refused;
  auto text = fmt::format(R"({{"type":{},"data":{}}})", json::quoted(args.type), args.data.text);
  return converted<BroadcastAllResult>(to_all(std::move(text)), [](ConnectionsReached done) {
    BroadcastAllResult out;
    out.connections = done.connections;
    return out;
  });
}

Reply<SendResult> Hub::send_to_user(Call& call, SendToUserArgs args) {
  if (auto error = too_large(args.message.text, "/message")) return *error;
  Direct direct{.to = std::move(args.user_id), .data = std::move(args.message.text), .owner = call.principal().name};
  direct.receipt = args.receipt;
  direct.queue = std::chrono::milliseconds{args.queue_ms};
  auto& home = home_of(direct.to);
  return at_home<SendResult>(home, [direct = std::move(direct)](HubShard& there, auto done) mutable {
    done(there.home().send_to_user(std::move(direct)));
  });
}

Reply<ConnectionsReached> Hub::send_to_chat(Call&, SendToChatArgs args) {
  if (auto error = too_large(args.message.text, "/message")) return *error;
  Direct direct{.to = chat_key(args.workflow, args.app_id, args.chat_id), .data = std::move(args.message.text)};
  auto& home = home_of(direct.to);
  return at_home<ConnectionsReached>(home, [direct = std::move(direct)](HubShard& there, auto done) mutable {
    done(ConnectionsReached{there.home().send_to_chat(std::move(direct)).connections});
  });
}

Reply<ReceiptResult> Hub::receipt(Call& call, ReceiptArgs args) {
  auto const index = Receipts::shard_of(args.message_id);
  if (!index || *index >= shards_.size())
    return Error{Code::not_found, "that is no message_id of this gateway", "/message_id"};
  return at_home<ReceiptResult>(
      *shards_[*index], [who = call.principal_ptr(), id = std::move(args.message_id)](HubShard& there, auto done) {
        done(there.receipts().show(id, *who));
      });
}

Reply<EmitResult> Hub::emit(Call& call, EmitArgs args) {
  if (auto wrong = check_standard(args.channel, args.event_type, args.data.text, "/event_type")) return *wrong;
  Publication publication{
      .channel = std::move(args.channel), .event = std::move(args.event_type), .data = std::move(args.data.text)};
  return converted<EmitResult>(publish_checked(call, std::move(publication)),
                               [](PublishResult done) { return EmitResult{done.subscribers}; });
}

}  // namespace patchbay::hub
