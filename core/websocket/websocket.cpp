#include "core/websocket/websocket.hpp"

#include <openssl/rand.h>
#include <spdlog/fmt/fmt.h>

#include <charconv>

#include "core/base/utf8.hpp"
#include "core/runtime/run_on.hpp"

namespace patchbay::websocket {
namespace {

Error no_such() { return Error{Code::not_found, "no connection with this id", "/connection_id"}; }

}  // namespace

WebSocket::WebSocket(Runtime& runtime, Caller& caller, Counters& counters, LogSink& log, Settings settings)
    : runtime_(runtime),
      settings_(settings),
      metrics_(counters),
      context_{runtime, caller, log, metrics_, settings_},
      connections_(runtime.size()) {}
WebSocket::~WebSocket() = default;

std::string WebSocket::make_id(Shard const& shard) const {
  std::array<unsigned char, 16> bytes;
  if (RAND_bytes(bytes.data(), bytes.size()) != 1) throw std::runtime_error("the random generator of OpenSSL failed");
  return fmt::format("w{}-{:02x}", shard.index(), fmt::join(bytes, ""));
}

Result<std::size_t> WebSocket::shard_of(std::string const& id) const {
  std::size_t shard = 0;
  if (id.size() < 4 || id.front() != 'w') return no_such();
  auto const [end, error] = std::from_chars(id.data() + 1, id.data() + id.size(), shard);
  if (error != std::errc{} || end == id.data() + id.size() || *end != '-' || shard >= runtime_.size()) return no_such();
  return shard;
}

Result<std::shared_ptr<Connection>> WebSocket::find(std::size_t shard, std::string const& id, Principal const& who,
                                                    bool admin_may) const {
  auto const found = connections_[shard].find(id);
  if (found == connections_[shard].end()) return no_such();
  if (found->second->owner().name != who.name && !(admin_may && who.is_admin())) return no_such();
  return found->second;
}

Deadline WebSocket::deadline_of(Call const& call, std::int32_t timeout_ms) const {
  Deadline const own{runtime_.clock().now() + std::chrono::milliseconds{timeout_ms}};
  return own.earlier(call.deadline());
}

// --- connect ---

Task<Result<ConnectResult>> WebSocket::connect(Call& call, ConnectArgs args) {
  auto plan = Plan::make(std::move(args));
  if (!plan) co_return plan.error();
  auto& shard = runtime_.here();
  auto work = do_connect(call, shard, std::move(*plan));
  co_return co_await run_on(shard, std::move(work));
}

Task<Result<ConnectResult>> WebSocket::do_connect(Call& call, Shard& shard, Plan plan) {
  if (count_.fetch_add(1) >= settings_.max_connections) {
    count_.fetch_sub(1);
    co_return Error{Code::backpressure,
                    fmt::format("there are {} connections already, which is the limit", settings_.max_connections)};
  }
  struct Counted {
    std::atomic<std::size_t>* count;
    ~Counted() {
      if (count != nullptr) count->fetch_sub(1);
    }
  } counted{&count_};
  auto connection =
      std::make_shared<Connection>(context_, shard, make_id(shard), call.principal_ptr(), std::move(plan));
  auto made = co_await connection->open(call);
  if (!made) co_return made.error();
  counted.count = nullptr;
  auto const at = shard.index();
  connections_[at].emplace(connection->id(), connection);
  auto forget = [this, at, id = connection->id()] {
    connections_[at].erase(id);
    count_.fetch_sub(1);
  };
  runtime_.spawn("websocket " + connection->id().substr(0, 8), shard, connection->run(std::move(forget)));
  co_return made;
}

// --- what needs a connection: find its shard, go there, find it, use it ---

Task<Result<SendResult>> WebSocket::send(Call& call, SendArgs args) {
  if (args.message.has_value() + args.text.has_value() + args.binary.has_value() != 1)
    co_return Error{Code::invalid_argument, "give exactly one of message, text and binary"};
  auto const shard = shard_of(args.connection_id);
  if (!shard) co_return shard.error();
  auto work = do_send(*shard, call.principal_ptr(), std::move(args));
  co_return co_await run_on(runtime_.shard(*shard), std::move(work));
}
Task<Result<SendResult>> WebSocket::do_send(std::size_t shard, PrincipalPtr who, SendArgs args) {
  auto const connection = find(shard, args.connection_id, *who);
  if (!connection) co_return connection.error();
  co_return (*connection)->send(args);
}

Task<Result<ReceiveResult>> WebSocket::receive(Call& call, ReceiveArgs args) {
  auto const shard = shard_of(args.connection_id);
  if (!shard) co_return shard.error();
  auto const deadline = deadline_of(call, args.timeout_ms);
  auto work = do_receive(*shard, call.principal_ptr(), std::move(args), deadline);
  co_return co_await run_on(runtime_.shard(*shard), std::move(work));
}
Task<Result<ReceiveResult>> WebSocket::do_receive(std::size_t shard, PrincipalPtr who, ReceiveArgs args,
                                                  Deadline deadline) {
  auto const connection = find(shard, args.connection_id, *who);
  if (!connection) co_return connection.error();
  co_return co_await (*connection)->receive(deadline);
}

Task<Result<RequestResult>> WebSocket::request(Call& call, RequestArgs args) {
  auto const shard = shard_of(args.connection_id);
  if (!shard) co_return shard.error();
  auto const deadline = deadline_of(call, args.timeout_ms);
  auto work = do_request(*shard, call.principal_ptr(), std::move(args), deadline);
  co_return co_await run_on(runtime_.shard(*shard), std::move(work));
}
Task<Result<RequestResult>> WebSocket::do_request(std::size_t shard, PrincipalPtr who, RequestArgs args,
                                                  Deadline deadline) {
  auto const connection = find(shard, args.connection_id, *who);
  if (!connection) co_return connection.error();
  co_return co_await (*connection)->request(std::move(args.message), deadline);
}

// --- subscribe ---

Task<Result<SubscribeResult>> WebSocket::subscribe(Call& call, SubscribeArgs args) {
  if (call.events() == nullptr)
    co_return Error{Code::unsupported, "subscribe is a stream: call it where events can be sent"};
  auto const shard = shard_of(args.connection_id);
  if (!shard) co_return shard.error();
  auto& home = runtime_.shard(*shard);
  auto const id = args.connection_id;
  auto const here = co_await asio::this_coro::executor;
  // Leaving must be told to the connection however it comes: cancellation is a value here.
  auto const throwing = co_await asio::this_coro::throw_if_cancelled();
  co_await asio::this_coro::throw_if_cancelled(false);
  auto const feed = std::make_shared<Feed>(here, std::size_t{4} << 20);
  auto work = do_subscribe(*shard, call.principal_ptr(), std::move(args), feed);
  auto const token = co_await run_on(home, std::move(work));
  if (!token) {
    co_await asio::this_coro::throw_if_cancelled(throwing);
    co_return token.error();
  }
  auto result = co_await pass_on(call, *feed);
  home.post([this, shard = *shard, id, token = *token] {
    if (auto const found = connections_[shard].find(id); found != connections_[shard].end())
      found->second->unsubscribe(token);
  });
  co_await asio::this_coro::throw_if_cancelled(throwing);
  co_return result;
}
Task<Result<std::uint64_t>> WebSocket::do_subscribe(std::size_t shard, PrincipalPtr who, SubscribeArgs args,
                                                    std::shared_ptr<Feed> feed) {
  auto const connection = find(shard, args.connection_id, *who);
  if (!connection) co_return connection.error();
  co_return (*connection)->subscribe(std::move(args), std::move(feed));
}
Task<Result<SubscribeResult>> WebSocket::pass_on(Call& call, Feed& feed) {
  SubscribeResult result;
  for (;;) {
    auto event = co_await feed.box->pop();
    if (!event) {
      auto const error = feed.error();
      if (error) co_return *error;
      co_return Error{Code::cancelled, "the subscriber has left"};
    }
    feed.taken(*event);
    ++result.events;
    auto const taken = call.events()->emit(event->name, event->json);
    if (taken == EventSink::Taken::gone) co_return result;
    if (taken == EventSink::Taken::wait) {
      auto const more = co_await call.events()->ready();
      if (!more) co_return result;
    }
  }
}

// --- close, list, status ---

Task<Result<Nothing>> WebSocket::close(Call& call, CloseArgs args) {
  if (args.code != 1000 && args.code < 3000)
    co_return Error{Code::invalid_argument, "code must be 1000 or between 3000 and 4999", "/code"};
  if (args.code > 4999) co_return Error{Code::invalid_argument, "code must be 1000 or between 3000 and 4999", "/code"};
  if (args.reason.size() > 123 || !is_utf8(args.reason))
    co_return Error{Code::invalid_argument, "reason must be UTF-8 of at most 123 bytes", "/reason"};
  auto const shard = shard_of(args.connection_id);
  if (!shard) co_return shard.error();
  auto work = do_close(*shard, call.principal_ptr(), std::move(args));
  co_return co_await run_on(runtime_.shard(*shard), std::move(work));
}
Task<Result<Nothing>> WebSocket::do_close(std::size_t shard, PrincipalPtr who, CloseArgs args) {
  auto const connection = find(shard, args.connection_id, *who, true);
  if (!connection) co_return connection.error();
  connections_[shard].erase(args.connection_id);
  co_return co_await (*connection)->close(args.code, std::move(args.reason));
}

Task<Result<ListResult>> WebSocket::list(Call& call) {
  ListResult all;
  for (std::size_t shard = 0; shard < runtime_.size(); ++shard) {
    auto work = do_list(shard, call.principal_ptr());
    auto some = co_await run_on(runtime_.shard(shard), std::move(work));
    if (!some) co_return some.error();
    for (auto& one : some->connections) all.connections.push_back(std::move(one));
  }
  co_return all;
}
Task<Result<ListResult>> WebSocket::do_list(std::size_t shard, PrincipalPtr who) {
  ListResult out;
  for (auto const& [id, connection] : connections_[shard])
    if (connection->owner().name == who->name || who->is_admin()) out.connections.push_back(connection->info(false));
  co_return out;
}

Task<Result<ListResult>> WebSocket::status(Call& call, StatusArgs args) {
  if (!args.connection_id) co_return co_await list(call);
  auto const shard = shard_of(*args.connection_id);
  if (!shard) co_return shard.error();
  auto work = do_status(*shard, call.principal_ptr(), std::move(*args.connection_id));
  co_return co_await run_on(runtime_.shard(*shard), std::move(work));
}
Task<Result<ListResult>> WebSocket::do_status(std::size_t shard, PrincipalPtr who, std::string id) {
  auto const connection = find(shard, id, *who, true);
  if (!connection) co_return connection.error();
  ListResult out;
  out.connections.push_back((*connection)->info(true));
  co_return out;
}

}  // namespace patchbay::websocket
