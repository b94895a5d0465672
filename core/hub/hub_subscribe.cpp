// HUB.subscribe: a channel as a stream of events, on whatever surface.
#include <spdlog/fmt/fmt.h>

#include <charconv>
#include <deque>

#include "core/hub/hub.hpp"
#include "core/runtime/waiter.hpp"

namespace patchbay::hub {
namespace {

// The text of a server's frame, without its header (RFC 6455, 5.2).
std::string_view payload_of(Frame const& frame) {
  std::string_view bytes{frame.bytes};
  auto const length = static_cast<unsigned char>(bytes[1]) & 0x7FU;
  bytes.remove_prefix(length == 126 ? 4 : length == 127 ? 10 : 2);
  return bytes;
}

std::string id_of(Position const& at) {
  return at.epoch.empty() ? std::string{} : fmt::format("{}:{}", at.epoch, at.offset);
}

// What was published and not yet passed on, bounded like a connection's queue.
class Listener final : public Subscriber {
 public:
  Listener(HubShard& shard, std::string id) : shard_(shard), id_(std::move(id)) {}

  void deliver(Subscription& through, MessagePtr const& message) override {
    auto const most = static_cast<std::size_t>(shard_.settings()->queue_bytes);
    auto const size = message->frame(Form::channel)->size();
    if (through.slow_consumer() == SlowConsumer::latest_only) drop_until(0, Dropped::latest_only);
    if (bytes + size > most) {
      if (through.slow_consumer() == SlowConsumer::close) {
        shard_.counters().dropped(Dropped::queue_full);
        failed = Error{Code::backpressure, "the listener reads too slowly: its queue is full"};
        return waiter.notify();
      }
      drop_until(most > size ? most - size : 0, Dropped::drop_oldest);
    }
    bytes += size;
    queue.push_back(message);
    waiter.notify();
  }
  void ended(Subscription&, Error const& why) override {
    failed = why;
    waiter.notify();
  }
  std::string_view member_id() const override { return id_; }

  std::deque<MessagePtr> queue;
  std::size_t bytes = 0;
  std::optional<Error> failed;
  std::optional<Result<Subscribed>> joined;
  Waiter waiter;

 private:
  void drop_until(std::size_t most, Dropped why) {
    while (!queue.empty() && bytes > most) {
      bytes -= queue.front()->frame(Form::channel)->size();
      queue.pop_front();
      shard_.counters().dropped(why);
    }
  }
  HubShard& shard_;
  std::string const id_;
};

std::optional<Position> recover_of(SubscribeArgs const& args) {
  if (args.recover) return Position{args.recover->epoch, args.recover->offset};
  if (!args.last_event_id) return std::nullopt;
  Position out;
  auto const colon = args.last_event_id->find(':');
  if (colon == std::string::npos) return out;  // no position of ours: honest "recovered": false
  out.epoch = args.last_event_id->substr(0, colon);
  auto const* const begin = args.last_event_id->data() + colon + 1;
  std::from_chars(begin, args.last_event_id->data() + args.last_event_id->size(), out.offset);
  return out;
}

std::string subscribed_text(std::string const& channel, Subscribed const& joined) {
  auto out = fmt::format(R"({{"channel":{})", json::quoted(channel));
  if (joined.at) out += fmt::format(R"(,"epoch":{},"offset":{})", json::quoted(joined.at->epoch), joined.at->offset);
  if (joined.recovered) out += *joined.recovered ? R"(,"recovered":true)" : R"(,"recovered":false)";
  return out + '}';
}

}  // namespace

Task<Result<SubscribeResult>> Hub::subscribe(Call& call, SubscribeArgs args) {
  auto* const sink = call.events();
  if (sink == nullptr) co_return Error{Code::unsupported, "subscribe is a stream: call it where events can be sent"};
  auto* const part = here();
  if (part == nullptr) co_return Error{Code::unsupported, "a stream of the hub runs on a shard"};
  if (draining()) co_return Error{Code::unavailable, "the gateway is stopping", "", 1000};
  Listener listener{*part, fmt::format("stream-{}", next_stream_.fetch_add(1))};
  Subscription subscription{listener};
  auto const& who = call.principal_ptr();
  auto recover = recover_of(args);
  auto const asked = recover;
  part->subscribe(subscription, who, args.channel, std::move(recover), [&listener](Result<Subscribed> joined) {
    listener.joined.emplace(std::move(joined));
    listener.waiter.notify();
  });
  Deadline const none;
  while (!listener.joined) {
    auto const why = co_await listener.waiter.wait(none, use_task);
    if (why == Waiter::Why::cancelled) co_return Error{Code::cancelled, "the listener has left"};
  }
  if (!*listener.joined) co_return listener.joined->error();
  auto& joined = **listener.joined;

  SubscribeResult out;
  auto taken = EventSink::Taken::ok;
  auto const emit = [&](std::string_view id, std::string_view event, std::string_view text) {
    taken = id.empty() ? sink->emit(event, text) : sink->emit_as(id, event, text);
    if (event != "subscribed") ++out.events;
  };
  // What a client comes back with: where it stood, until what it missed has reached it.
  auto const start = joined.recovered.value_or(false) ? *asked : joined.at.value_or(Position{});
  emit(id_of(start), "subscribed", subscribed_text(args.channel, joined));
  auto promised = std::move(joined.missed);
  for (auto& missed : promised) {
    if (taken == EventSink::Taken::wait) {
      auto more = sink->ready();
      if (!co_await std::move(more)) co_return out;
    }
    if (taken == EventSink::Taken::gone) co_return out;
    // The right is gone, or an administrator has ended it; what was promised goes before a full queue is told.
    if (listener.failed && !subscription.joined()) co_return *listener.failed;
    auto const message = std::move(missed);
    emit(id_of(message->at), message->event, payload_of(*message->frame(Form::channel)));
  }
  promised = std::vector<MessagePtr>{};  // its memory, for as long as the stream may be
  for (;;) {
    if (taken == EventSink::Taken::gone) co_return out;
    if (taken == EventSink::Taken::wait) {
      auto more = sink->ready();
      if (!co_await std::move(more)) co_return out;
      taken = EventSink::Taken::ok;
    }
    if (listener.failed) co_return *listener.failed;
    if (listener.queue.empty()) {
      auto const why = co_await listener.waiter.wait(none, use_task);
      if (why == Waiter::Why::cancelled) {
        if (call.stopped() == Stopped::shutdown)
          co_return Error{Code::unavailable, "the gateway is stopping", "", 1000};
        co_return Error{Code::cancelled, "the listener has left"};
      }
      continue;
    }
    auto const message = std::move(listener.queue.front());
    listener.queue.pop_front();
    listener.bytes -= message->frame(Form::channel)->size();
    emit(message->at.offset == 0 ? std::string{} : id_of(message->at), message->event,
         payload_of(*message->frame(Form::channel)));
  }
}

}  // namespace patchbay::hub
