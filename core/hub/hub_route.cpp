// HUB.route: one message to a target, and the wait until it is confirmed; HUB.execute_plugin.
#include <spdlog/fmt/fmt.h>

#include "core/hub/at_home.hpp"
#include "core/hub/home.hpp"
#include "core/hub/hub.hpp"
#include "core/hub/namespaces.hpp"
#include "core/hub/own_channels.hpp"
#include "core/hub/receipts.hpp"

namespace patchbay::hub {
namespace {

// What the sending gave: how many it goes to; nothing: nobody is there.
struct Routed {
  std::string message_id;
  std::uint32_t targets = 0;
  bool kept = false;  // for a user who may come back
};

bool is_confirmed(ReceiptState state, Confirm confirm) {
  return state == ReceiptState::acknowledged || (confirm == Confirm::sent && state == ReceiptState::sent);
}
bool is_over(ReceiptState state) {
  return state == ReceiptState::dropped || state == ReceiptState::expired || state == ReceiptState::offline;
}

RouteResult summary(Receipts::Receipt const& receipt, std::string const& id, Confirm confirm) {
  RouteResult out;
  out.message_id = id;
  for (auto const& one : receipt.targets) {
    if (!one.connection_id.empty()) ++out.targets;
    if (one.state == ReceiptState::sent || one.state == ReceiptState::acknowledged) ++out.sent;
    if (one.state == ReceiptState::acknowledged) ++out.acknowledged;
    if (is_confirmed(one.state, confirm)) continue;
    out.failed.push_back(
        {one.connection_id, is_over(one.state) && !one.reason.empty() ? one.reason : "deadline_exceeded"});
  }
  return out;
}

bool is_settled(Receipts::Receipt const& receipt, Confirm confirm) {
  if (receipt.awaited > 0 || receipt.parked) return false;
  return std::all_of(receipt.targets.begin(), receipt.targets.end(),
                     [&](auto const& one) { return is_confirmed(one.state, confirm) || is_over(one.state); });
}

// On the shard that keeps the receipt.
Task<Result<RouteResult>> confirmed(HubShard& there, Routed routed, Confirm confirm, Deadline deadline) {
  auto& receipts = there.receipts();
  auto waiter = std::make_shared<Waiter>();
  auto* receipt = receipts.find(routed.message_id);
  if (receipt != nullptr) receipt->changed = [waiter] { waiter->notify(); };
  bool cancelled = false;
  while (receipt != nullptr && !is_settled(*receipt, confirm) && !cancelled) {
    auto const why = co_await waiter->wait(deadline, use_task);
    receipt = receipts.find(routed.message_id);
    if (why == Waiter::Why::expired) break;
    cancelled = why == Waiter::Why::cancelled;
  }
  if (receipt == nullptr) co_return Error{Code::unavailable, "too many receipts are open: this one was given up"};
  receipt->changed = nullptr;
  if (cancelled) co_return Error{Code::cancelled, "the caller has left"};
  auto out = summary(*receipt, routed.message_id, confirm);
  auto const count = confirm == Confirm::sent ? out.sent : out.acknowledged;
  if (count == 0 && !out.failed.empty() && std::any_of(out.failed.begin(), out.failed.end(), [](auto const& one) {
        return one.reason == "deadline_exceeded";
      }))
    co_return Error{Code::deadline_exceeded,
                    fmt::format("nobody has confirmed the message {} in time", routed.message_id)};
  co_return out;
}

Error nobody(RouteTarget const& target) {
  if (target.connection_id) return {Code::not_found, "there is no such connection", "/target/connection_id"};
  if (target.user_id)
    return {Code::not_found, "the user is not connected; queue_ms keeps a message", "/target/user_id"};
  if (target.channel) return {Code::not_found, "nobody listens on the channel", "/target/channel"};
  return {Code::not_found, "nobody is in the chat", "/target/chat"};
}

// A publication from a message: its type, and its data where it has one.
void split_message(std::string const& text, Publication& publication) {
  publication.event = "message";
  publication.data = text;
  auto const parsed = json::parse(text, json::upstream_limits);
  if (!parsed) return;
  if (auto const type = json::find_text(parsed->document, "type"); !type.empty() && type.size() <= 128)
    publication.event = type;
  if (auto const* data = json::find(parsed->document, "data")) publication.data = json::to_text(*data);
}

// Sends it at the target's home; `receipt` opens one.
Routed send_there(HubShard& there, RouteArgs const& args, std::string const& owner, bool receipt) {
  Routed out;
  auto const ack = args.confirm == Confirm::acknowledged;
  auto const& target = args.target;
  if (target.channel) {
    if (there.home().listeners(*target.channel) == 0) return out;
    Publication publication{.channel = *target.channel, .event = {}, .data = {}, .owner = owner};
    split_message(args.message.text, publication);
    publication.receipt = receipt;
    publication.ack = ack;
    there.home().publish(std::move(publication), [&out](Result<PublishResult> done) {
      if (!done) return;
      out.targets = done->subscribers;
      out.message_id = done->message_id.value_or("");
    });
    return out;
  }
  Direct direct{.to = {}, .data = args.message.text, .owner = owner};
  direct.receipt = receipt;
  direct.ack = ack;
  SendResult sent;
  if (target.user_id) {
    direct.to = *target.user_id;
    direct.queue = std::chrono::milliseconds{args.queue_ms};
    sent = there.home().send_to_user(std::move(direct));
    out.kept = sent.connections == 0 && args.queue_ms > 0;
  } else {
    direct.to = chat_key(target.chat->workflow, target.chat->app_id, target.chat->chat_id);
    sent = there.home().send_to_chat(std::move(direct));
  }
  out.targets = sent.connections;
  out.message_id = sent.message_id.value_or("");
  return out;
}

Routed send_to_connection(HubShard& there, RouteArgs const& args, std::string const& owner, bool receipt) {
  Routed out;
  if (there.find(*args.target.connection_id) == nullptr) return out;
  auto message = std::make_shared<Message>();
  message->data = args.message.text;
  message->time = there.clock().wall();
  message->made = there.clock().now();
  message->ack = args.confirm == Confirm::acknowledged;
  if (receipt) {
    message->message_id = out.message_id = there.receipts().open(owner);
    there.receipts().expect(out.message_id, 1);
  }
  auto const& settings = *there.settings();
  encode(*message, settings.deflate ? settings.deflate_threshold : 0);
  out.targets = there.deliver_to_connection(*args.target.connection_id, std::move(message)) ? 1 : 0;
  return out;
}

}  // namespace

Task<Result<RouteResult>> Hub::route_at(HubShard& there, RouteArgs args, std::string owner, SteadyTime began) {
  auto const deadline = Deadline{began + std::chrono::milliseconds{args.timeout_ms}};
  auto const receipt = true;
  auto routed = args.target.connection_id ? send_to_connection(there, args, owner, receipt)
                                          : send_there(there, args, owner, receipt);
  if (routed.targets == 0 && !routed.kept) co_return nobody(args.target);
  RouteResult out;
  out.message_id = routed.message_id;
  out.targets = routed.targets;
  if (args.confirm != Confirm::none) {
    auto waiting = confirmed(there, routed, args.confirm, deadline);
    Result<RouteResult> done = co_await std::move(waiting);
    if (!done) co_return done.error();
    out = std::move(*done);
  }
  out.duration_ms = std::chrono::duration<double, std::milli>(clock().now() - began).count();
  co_return out;
}

Task<Result<RouteResult>> Hub::route(Call& call, RouteArgs args) {
  auto const& target = args.target;
  auto const given =
      (target.connection_id ? 1 : 0) + (target.user_id ? 1 : 0) + (target.channel ? 1 : 0) + (target.chat ? 1 : 0);
  if (given != 1)
    co_return Error{Code::invalid_argument, "exactly one of connection_id, user_id, channel and chat", "/target"};
  if (auto error = too_large(args.message.text, "/message")) co_return *error;
  auto const began = clock().now();
  auto owner = call.principal().name;
  HubShard* there = nullptr;
  if (target.connection_id) {
    auto look = [&](HubShard& part) { return part.find(*args.target.connection_id) != nullptr; };
    for (auto& part : shards_) {
      auto asking = ask<bool>(*part, look);
      auto found = co_await std::move(asking);
      if (!found) co_return found.error();
      if (*found) there = part.get();
    }
    if (there == nullptr) co_return nobody(target);
  } else if (target.channel) {
    if (!is_channel_name(*target.channel))
      co_return Error{Code::invalid_argument, "a channel's name has 1 to 255 of A-Z a-z 0-9 _ . : and -",
                      "/target/channel"};
    if (auto refused = refuse_foreign(call.principal(), *target.channel, "/target/channel")) co_return *refused;
    auto const current = rules();
    if (auto refused = refuse(*current, call.principal(), Right::to_publish, *target.channel, "/target/channel"))
      co_return *refused;
    there = &home_of(*target.channel);
  } else if (target.user_id) {
    there = &home_of(*target.user_id);
  } else {
    there = &home_of(chat_key(target.chat->workflow, target.chat->app_id, target.chat->chat_id));
  }
  auto work = route_at(*there, std::move(args), std::move(owner), began);
  auto moved = run_on(there->shard(), std::move(work));
  Result<RouteResult> done = co_await std::move(moved);
  co_return done;
}

// --- a plugin's operation by the plugin's name

namespace {

ExecutePluginResult failure(Call& call, Error const& error) {
  ExecutePluginResult out;
  out.status = row_of(error.code).http_status;
  out.body.text = fmt::format(
      R"({{"success":false,"status":"error","error":{{"code":"{}","message":{},"pointer":{},"retryable":{},"trace":"{}"}}}})",
      name_of(error.code), json::quoted(error.message), json::quoted(error.pointer), error.retryable(),
      call.ensure_trace().hex());
  return out;
}

// An `id` of the answer stands beside it too.
ExecutePluginResult success(std::string const& data) {
  ExecutePluginResult out;
  std::string id;
  auto const parsed = json::parse(data, json::upstream_limits);
  if (parsed)
    if (auto const* value = json::find(parsed->document, "id")) id = R"("id":)" + json::to_text(*value) + ',';
  out.body.text = fmt::format(R"({{"success":true,{}"data":{}}})", id, data);
  return out;
}

}  // namespace

Task<Result<ExecutePluginResult>> Hub::execute_plugin(Call& call, ExecutePluginArgs args) {
  Row const* row = nullptr;
  bool known = false;
  for (auto const& one : caller_.table().rows()) {
    if (one->info.owner != args.plugin || args.plugin == "gateway") continue;
    known = true;
    if (one->info.verb == args.operation || one->info.tool == args.operation) row = one.get();
  }
  if (row == nullptr)
    co_return failure(
        call, known ? Error{Code::not_found,
                            fmt::format("the plugin {} has no operation {}", args.plugin, args.operation), "/operation"}
                    : Error{Code::not_found, fmt::format("no plugin {} is loaded", args.plugin), "/plugin"});
  auto const& who = call.principal();
  if (args.user_id && *args.user_id != who.user_id && who.name != "anonymous" && !who.may("hub.impersonate"))
    co_return failure(call, {Code::forbidden, "another's user_id needs the scope hub.impersonate", "/user_id"});
  Call inner{call};
  if (args.user_id) inner.set_user_id(*args.user_id);
  auto reply = caller_.start_json(*row, inner, args.data.text);
  Result<Answer> answer{Error{}};
  if (reply.ready()) {
    answer = reply.take();
  } else {
    auto waiting = reply.task();
    answer = co_await std::move(waiting);
  }
  if (!answer) co_return failure(call, answer.error());
  co_return success(answer->data);
}

}  // namespace patchbay::hub
