#include "plugins/home_assistant/items.hpp"

#include <spdlog/fmt/fmt.h>

#include "plugins/home_assistant/raw_json.hpp"
#include "plugins/home_assistant/upstream_error.hpp"
#include "plugins/sdk/nearest.hpp"

namespace patchbay::home_assistant {
namespace {

using std::chrono::milliseconds;

Error no_such_item(Kept kind, std::string const& given, std::vector<Item> const& items, std::string pointer) {
  std::vector<std::string_view> ids;
  for (auto const& one : items) ids.push_back(one.entity_id);
  std::string near;
  for (auto candidate : nearest(given, ids, 3)) near += fmt::format("{}{}", near.empty() ? "" : ", ", candidate);
  return Error{Code::not_found,
               fmt::format("Home Assistant has no {} {}{}{}", name_of(kind), given,
                           near.empty() ? "" : "; the nearest are ", near),
               std::move(pointer)};
}

// Shared by the waiting call and the request's own task, whichever ends first.
struct Pending {
  explicit Pending(sdk::Executor executor) : done(executor) {}
  std::optional<Result<RawJson>> reply;
  Waiters done;
};

sdk::Task<void> request(sdk::Host& host, std::shared_ptr<Pending> pending, std::string args) {
  auto asking = host.call("websocket_request", std::move(args), std::chrono::seconds{61});
  Result<RawJson> reply = co_await std::move(asking);
  pending->reply.emplace(std::move(reply));
  pending->done.wake_all();
}

}  // namespace

Item item_of(std::string_view state) {
  Item out;
  auto const attributes = raw::member(state, "attributes");
  out.entity_id = raw::text(raw::member(state, "entity_id"));
  out.state = raw::text(raw::member(state, "state"));
  out.key = raw::text(raw::member(attributes, "id"));
  out.name = raw::text(raw::member(attributes, "friendly_name"));
  out.last_changed = raw::text(raw::member(state, "last_changed"));
  if (!attributes.empty()) out.attributes.text = attributes;
  if (out.name.empty()) out.name = out.entity_id;
  return out;
}

sdk::Task<Result<std::vector<Item>>> list_items(HomeAssistant& self, sdk::Call& call, Kept kind) {
  auto asking = self.session().command(call, Command{"get_states"});
  Result<Frame> states = co_await std::move(asking);
  if (!states) co_return states.error();
  std::vector<Item> out;
  std::string keep;
  raw::each_item(states->result(), [&](std::string_view state) {
    if (domain_of(raw::text(raw::member(state, "entity_id"), keep)) == name_of(kind)) out.push_back(item_of(state));
  });
  std::sort(out.begin(), out.end(), [](Item const& a, Item const& b) { return a.entity_id < b.entity_id; });
  co_return out;
}

sdk::Task<Result<Item>> find_item(HomeAssistant& self, sdk::Call& call, Kept kind, std::string given,
                                  std::string pointer) {
  auto listing = list_items(self, call, kind);
  Result<std::vector<Item>> items = co_await std::move(listing);
  if (!items) co_return items.error();
  auto const full = given.find('.') == std::string::npos ? fmt::format("{}.{}", name_of(kind), given) : given;
  for (auto& one : *items)
    if (one.entity_id == full) co_return std::move(one);
  for (auto& one : *items)
    if (!one.key.empty() && one.key == given) co_return std::move(one);
  Item* named = nullptr;
  for (auto& one : *items) {
    if (one.name != given) continue;
    if (named != nullptr)
      co_return Error{Code::conflict,
                      fmt::format("{} and {} both have the name \"{}\"; give the entity id", named->entity_id,
                                  one.entity_id, given),
                      std::move(pointer)};
    named = &one;
  }
  if (named != nullptr) co_return std::move(*named);
  co_return no_such_item(kind, given, *items, std::move(pointer));
}

sdk::Task<Result<std::string>> key_of(HomeAssistant& self, sdk::Call& call, std::string entity_id) {
  auto asking = self.session().command(call, Command{"config/entity_registry/get"}.text("entity_id", entity_id));
  Result<Frame> entry = co_await std::move(asking);
  if (!entry && entry.error().code == Code::not_found) co_return std::string{};
  if (!entry) co_return entry.error();
  co_return raw::text(raw::member(entry->result(), "unique_id"));
}

sdk::Task<Result<bool>> await_states(HomeAssistant& self, sdk::Call& call, Holds holds, milliseconds span) {
  auto const until = std::chrono::steady_clock::now() + std::min(span, call.time_left());
  for (auto pause = milliseconds{10};; pause = std::min(pause * 2, milliseconds{200})) {
    auto asking = self.session().command(call, Command{"get_states"});
    Result<Frame> states = co_await std::move(asking);
    if (!states) co_return states.error();
    if (holds(states->result())) co_return true;
    if (std::chrono::steady_clock::now() + pause > until || call.cancelled()) co_return false;
    sdk::SteadyTimer timer{self.host().executor()};
    timer.expires_after(pause);
    co_await timer.async_wait(sdk::use_task_tuple);
  }
}

sdk::Task<Result<std::string>> await_item(HomeAssistant& self, sdk::Call& call, Kept kind, std::string key,
                                          milliseconds span) {
  std::string found;
  auto const by_key = [&](std::string_view states) {
    raw::each_item(states, [&](std::string_view state) {
      auto one = item_of(state);
      if (domain_of(one.entity_id) == name_of(kind) && one.key == key) found = one.entity_id;
    });
    return !found.empty();
  };
  auto waiting = await_states(self, call, by_key, span);
  Result<bool> there = co_await std::move(waiting);
  if (!there) co_return there.error();
  co_return found;
}

std::string_view state_in(std::string_view states, std::string_view entity_id) {
  std::string_view out;
  std::string keep;
  raw::each_item(states, [&](std::string_view state) {
    if (out.empty() && raw::text(raw::member(state, "entity_id"), keep) == entity_id) out = state;
  });
  return out;
}

std::vector<RawJson> changed_by(std::string_view states, std::string_view context_id) {
  std::vector<RawJson> out;
  if (context_id.empty()) return out;
  std::string keep;
  raw::each_item(states, [&](std::string_view state) {
    auto const context = raw::member(state, "context");
    if (raw::text(raw::member(context, "id"), keep) == context_id ||
        raw::text(raw::member(context, "parent_id"), keep) == context_id)
      out.push_back(RawJson{std::string{state}});
  });
  return out;
}

Command service_command(std::string_view domain, std::string_view service, std::string_view entity_id,
                        std::string_view data) {
  Command command = Command{"call_service"}.text("domain", domain).text("service", service);
  if (!entity_id.empty()) command = std::move(command).raw("target", "{\"entity_id\":" + json::quoted(entity_id) + "}");
  if (!data.empty()) command = std::move(command).raw("service_data", data);
  return command;
}

sdk::Task<Result<ServiceDone>> run_service(HomeAssistant& self, sdk::Call& call, Command command, milliseconds span) {
  auto opening = self.session().ready(&call);
  Result<std::string> id = co_await std::move(opening);
  if (!id) co_return id.error();
  auto pending = std::make_shared<Pending>(self.host().executor());
  auto args =
      fmt::format(R"({{"connection_id":{},"timeout_ms":60000,"message":{}}})", json::quoted(*id), command.json());
  self.host().spawn("call of a service", request(self.host(), pending, std::move(args)));
  auto const until = std::chrono::steady_clock::now() + std::min(span, call.time_left());
  while (!pending->reply) {
    auto const left = std::chrono::ceil<milliseconds>(until - std::chrono::steady_clock::now());
    if (left.count() <= 0) co_return ServiceDone{};
    auto waiting = pending->done.wait(&call, left);
    bool const woken = co_await std::move(waiting);
    if (!woken && call.cancelled()) co_return Error{Code::cancelled, "the caller left; what was begun goes on"};
  }
  if (!*pending->reply) {
    auto const error = pending->reply->error();
    self.session().gone(*id, error);
    co_return self.session().explained(error);
  }
  Frame const frame{std::move((*pending->reply)->text)};
  if (!frame.success()) co_return from_command(command.type(), frame.error());
  ServiceDone out{true, raw::text(raw::member(raw::member(frame.result(), "context"), "id"))};
  co_return out;
}

}  // namespace patchbay::home_assistant
