// HUB's operations that look: what homes know, and what all shards know together.
#include <spdlog/fmt/fmt.h>

#include <algorithm>

#include "core/base/iso_time.hpp"
#include "core/hub/at_home.hpp"
#include "core/hub/home.hpp"
#include "core/hub/hub.hpp"
#include "core/hub/namespaces.hpp"
#include "core/hub/standard_channels.hpp"

namespace patchbay::hub {
namespace {

constexpr std::size_t most_listed = 1000;

Error bad_channel_or_pattern() {
  return Error{Code::invalid_argument,
               "a channel's name has 1 to 255 of A-Z a-z 0-9 _ . : and -, a prefix ends with .*", "/channel"};
}

// The first `limit` after the cursor, by name; `next` is set when there are more.
template <class T, class Name>
std::optional<std::string> cut_page(std::vector<T>& all, std::string const& cursor, std::size_t limit, Name name) {
  auto const before = [&](T const& a, T const& b) { return name(a) < name(b); };
  if (!cursor.empty()) std::erase_if(all, [&](T const& one) { return name(one) <= cursor; });
  if (all.size() <= limit) {
    std::sort(all.begin(), all.end(), before);
    return std::nullopt;
  }
  std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(limit), all.end(), before);
  all.resize(limit);
  return name(all.back());
}

double seconds_of(WallTime time) { return std::chrono::duration<double>(time.time_since_epoch()).count(); }

ConnectionInfo info_of(HubShard& shard, Connection& from) {
  auto const figures = from.figures();
  ConnectionInfo out;
  out.connection_id = from.id();
  out.dialect = name_of(from.endpoint().dialect);
  out.user_id = HubShard::user_of(from);
  out.principal = from.who() ? from.who()->name : std::string{};
  out.peer = from.peer();
  out.connected_at = iso_time(figures.since);
  out.last_seen_s = std::chrono::duration<double>(shard.clock().now() - from.last_seen()).count();
  if (figures.round_trip.count() > 0)
    out.round_trip_ms = std::chrono::duration<double, std::milli>(figures.round_trip).count();
  out.queue_bytes = from.queued_bytes();
  out.messages_in = figures.messages_in;
  out.messages_out = figures.messages_out;
  out.bytes_in = figures.bytes_in;
  out.bytes_out = figures.bytes_out;
  out.dropped = figures.dropped;
  return out;
}

}  // namespace

Reply<PresenceResult> Hub::presence(Call& call, ChannelNameArgs args) {
  if (!is_channel_name(args.channel)) return bad_channel_or_pattern();
  auto const current = rules();
  if (auto refused = refuse(*current, call.principal(), Right::to_see_presence, args.channel, "/channel"))
    return *refused;
  auto& home = home_of(args.channel);
  return at_home<PresenceResult>(home, [channel = std::move(args.channel)](HubShard& there, auto done) {
    there.home().presence(channel, [done](Result<std::vector<Member>> members) {
      if (!members) return done(members.error());
      std::map<std::string, std::uint32_t> users;
      for (auto const& member : *members)
        if (!member.user_id.empty()) ++users[member.user_id];
      PresenceResult out;
      out.connections = static_cast<std::uint32_t>(members->size());
      for (auto const& [user, count] : users) out.users.push_back({user, count});
      done(std::move(out));
    });
  });
}

Reply<HistoryResult> Hub::history(Call& call, HistoryArgs args) {
  if (!is_channel_name(args.channel)) return bad_channel_or_pattern();
  auto const current = rules();
  if (auto refused = refuse(*current, call.principal(), Right::to_subscribe, args.channel, "/channel")) return *refused;
  auto& home = home_of(args.channel);
  return at_home<HistoryResult>(home, [args = std::move(args)](HubShard& there, auto done) {
    std::optional<Position> since;
    if (args.since) since = Position{args.since->epoch, args.since->offset};
    // Whether all that came after it is still there, not whether it fits the limit.
    auto const wanted = since ? std::optional{since->offset} : std::nullopt;
    auto const epoch = since ? since->epoch : std::string{};
    there.home().history(args.channel, std::move(since), args.limit, [done, wanted, epoch](Result<HistoryPage> page) {
      if (!page) return done(page.error());
      HistoryResult out;
      for (auto const& one : page->messages)
        out.messages.push_back({one->event, RawJson{one->data}, one->at.offset, seconds_of(one->time)});
      if (!page->newest.epoch.empty()) {
        out.epoch = page->newest.epoch;
        out.offset = page->newest.offset;
      }
      if (wanted)
        out.recovered = page->complete || (epoch == page->newest.epoch && !out.messages.empty() &&
                                           out.messages.front().offset == *wanted + 1);
      done(std::move(out));
    });
  });
}

Task<Result<ConnectionsResult>> Hub::list_connections(Call&, ListArgs args) {
  std::vector<ConnectionInfo> all;
  auto collect = [&](HubShard& there) {
    std::vector<ConnectionInfo> page;
    there.each_connection([&](Connection& one) {
      if (one.id() > args.cursor) page.push_back(info_of(there, one));
    });
    cut_page(page, args.cursor, std::size_t{args.limit} + 1, [](auto const& info) { return info.connection_id; });
    return page;
  };
  for (auto& part : shards_) {
    auto asking = ask<std::vector<ConnectionInfo>>(*part, collect);
    auto page = co_await std::move(asking);
    if (!page) co_return page.error();
    std::move(page->begin(), page->end(), std::back_inserter(all));
  }
  ConnectionsResult out;
  out.next = cut_page(all, args.cursor, args.limit, [](auto const& info) { return info.connection_id; });
  out.connections = std::move(all);
  co_return out;
}

Task<Result<ConnectionInfo>> Hub::connection(Call&, ConnectionArgs args) {
  auto look = [&](HubShard& there) -> std::optional<ConnectionInfo> {
    auto* const found = there.find(args.connection_id);
    if (found == nullptr) return std::nullopt;
    auto info = info_of(there, *found);
    info.channels.emplace();
    there.directory().each_topic([&](Topic& topic) {
      topic.each([&](Subscription& member) {
        if (member.to().member_connection() == found) info.channels->push_back(topic.name());
      });
    });
    std::sort(info.channels->begin(), info.channels->end());
    return info;
  };
  for (auto& part : shards_) {
    auto asking = ask<std::optional<ConnectionInfo>>(*part, look);
    auto found = co_await std::move(asking);
    if (!found) co_return found.error();
    if (*found) co_return std::move(**found);
  }
  co_return Error{Code::not_found, "there is no such connection", "/connection_id"};
}

Task<Result<ChannelsResult>> Hub::list_channels(Call& call, ListArgs args) {
  std::vector<ChannelInfo> all;
  auto const current = rules();
  auto const entities = entity_rules_of(call.principal());
  auto collect = [&](HubShard& there) {
    std::vector<ChannelInfo> page;
    there.home().each_channel([&](std::string const& name, std::uint32_t count) {
      if (&home_of(name) == &there && name > args.cursor && may_hear_of(*current, entities, name))
        page.push_back({name, count});
    });
    cut_page(page, args.cursor, std::size_t{args.limit} + 1, [](auto const& info) { return info.channel; });
    return page;
  };
  for (auto& part : shards_) {
    auto asking = ask<std::vector<ChannelInfo>>(*part, collect);
    auto page = co_await std::move(asking);
    if (!page) co_return page.error();
    std::move(page->begin(), page->end(), std::back_inserter(all));
  }
  ChannelsResult out;
  out.next = cut_page(all, args.cursor, args.limit, [](auto const& info) { return info.channel; });
  out.channels = std::move(all);
  co_return out;
}

Task<Result<ChannelResult>> Hub::channel(Call& call, ChannelArgs args) {
  if (!is_channel_name(args.channel) && !is_channel_pattern(args.channel)) co_return bad_channel_or_pattern();
  if (auto const current = rules(); !may_hear_of(*current, call.principal(), args.channel))
    co_return *refuse(*current, call.principal(), Right::to_subscribe, args.channel, "/channel");
  ChannelResult out;
  out.channel = args.channel;
  std::vector<std::string> ids;
  auto collect = [&](HubShard& there) {
    std::vector<std::string> page;
    if (auto* topic = there.directory().find(args.channel))
      topic->each([&](Subscription& member) {
        if (auto* connection = member.to().member_connection())
          if (connection->id() > args.cursor) page.push_back(connection->id());
      });
    cut_page(page, args.cursor, std::size_t{args.limit} + 1, [](auto const& id) { return id; });
    return page;
  };
  for (auto& part : shards_) {
    auto asking = ask<std::vector<std::string>>(*part, collect);
    auto page = co_await std::move(asking);
    if (!page) co_return page.error();
    std::move(page->begin(), page->end(), std::back_inserter(ids));
  }
  out.next = cut_page(ids, args.cursor, args.limit, [](auto const& id) { return id; });
  out.connection_ids = std::move(ids);
  auto& home = home_of(args.channel);
  auto reply = at_home<ChannelResult>(home, [name = args.channel](HubShard& there, auto done) {
    ChannelResult known;
    known.subscribers = there.home().subscribers(name);
    there.home().history(name, std::nullopt, 0, [done, known](Result<HistoryPage> page) {
      auto answer = known;
      if (page && !page->newest.epoch.empty())
        answer.history = ChannelHistory{page->newest.epoch, page->newest.offset, page->kept};
      done(std::move(answer));
    });
  });
  Result<ChannelResult> known{Error{}};
  if (reply.ready()) {
    known = reply.take();
  } else {
    auto waiting = reply.task();
    known = co_await std::move(waiting);
  }
  if (!known) co_return known.error();
  out.subscribers = known->subscribers;
  out.history = std::move(known->history);
  co_return out;
}

Task<Result<StatsResult>> Hub::stats(Call& call) {
  StatsResult out;
  auto const current = rules();
  auto const entities = entity_rules_of(call.principal());
  out.total_connections = static_cast<std::uint64_t>(std::max<std::int64_t>(0, connections()));
  auto collect = [&](HubShard& there) {
    StatsResult part;
    part.total_users = there.home().users();
    there.home().each_channel([&](std::string const& name, std::uint32_t count) {
      if (&home_of(name) != &there) return;
      if (!may_hear_of(*current, entities, name)) return;
      ++part.total_channels;
      if (part.channels.size() < most_listed) part.channels.emplace(name, count);
    });
    return part;
  };
  for (auto& part : shards_) {
    auto asking = ask<StatsResult>(*part, collect);
    auto found = co_await std::move(asking);
    if (!found) co_return found.error();
    out.total_users += found->total_users;
    out.total_channels += found->total_channels;
    for (auto& [name, count] : found->channels)
      if (out.channels.size() < most_listed) out.channels.emplace(name, count);
  }
  co_return out;
}

InfoResult Hub::info(Call&) {
  auto const current = rules();
  InfoResult out;
  out.id = current->server_id;
  out.name = current->server_name;
  out.version = current->version;
  out.capabilities = current->capabilities;
  out.relationships = current->relationships;
  out.dialects = {{"/ws/connect", "channel"},
                  {"/ws/channel/{name}", "channel"},
                  {"/ws/notifications/{user_id}", "user"},
                  {"/ws/{workflow}/{app_id}/{chat_id}/{user_id}", "chat"}};
  if (current->echo) out.dialects.push_back({"/ws/echo", "echo"});
  for (auto name : standard_channels) out.channels.emplace_back(name);
  out.limits["max_connections"] = current->max_connections;
  out.limits["user_connections"] = current->user_connections;
  for (auto const& limit : limits) out.limits[std::string{limit.name}] = (*current).*limit.member;
  out.heartbeat_interval = std::chrono::duration_cast<std::chrono::seconds>(current->heartbeat).count();
  return out;
}

Task<Result<ConnectionsReached>> Hub::disconnect(Call&, DisconnectArgs args) {
  if ((args.code != 1000 && args.code < 3000) || args.code > 4999)
    co_return Error{Code::invalid_argument, "a close code is 1000 or 3000 to 4999", "/code"};
  std::function<bool(Connection&)> which = [&](Connection& one) {
    if (args.connection_id && one.id() != *args.connection_id) return false;
    if (args.user_id && HubShard::user_of(one) != *args.user_id) return false;
    return !args.token_id || (one.who() && one.who()->token_id == *args.token_id);
  };
  // Streams of events over HTTP have no connection here, but a principal.
  std::function<bool(Principal const&)> whose = [&](Principal const& one) {
    if (args.connection_id || (args.user_id && one.user_id != *args.user_id)) return false;
    return !args.token_id || one.token_id == *args.token_id;
  };
  auto close = [&](HubShard& there) {
    return static_cast<std::uint32_t>(there.disconnect(which, args.code, args.reason) + there.end_streams(whose));
  };
  ConnectionsReached out;
  for (auto& part : shards_) {
    auto asking = ask<std::uint32_t>(*part, close);
    auto count = co_await std::move(asking);
    if (!count) co_return count.error();
    out.connections += *count;
  }
  if (out.connections == 0)
    co_return Error{Code::not_found, "there is no such connection",
                    args.connection_id ? "/connection_id"
                    : args.user_id     ? "/user_id"
                                       : "/token_id"};
  co_return out;
}

}  // namespace patchbay::hub
