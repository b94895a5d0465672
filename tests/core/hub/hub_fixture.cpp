#include "tests/core/hub/hub_fixture.hpp"

namespace patchbay::hub::test {

HubTest::HubTest(unsigned shards) : DialectTest(shards) {
  OperationTable table;
  auto const add = [&]<class A, class R>(Operation<A, R> const& operation, auto function) {
    table.add(operation,
              [this, function](Call& call, A args) { return (hub.get()->*function)(call, std::move(args)); });
  };
  add(publish, &Hub::publish);
  add(broadcast, &Hub::broadcast);
  add(send_to_user, &Hub::send_to_user);
  add(send_to_chat, &Hub::send_to_chat);
  add(route_message, &Hub::route);
  add(get_receipt, &Hub::receipt);
  add(emit, &Hub::emit);
  add(subscribe, &Hub::subscribe);
  add(get_presence, &Hub::presence);
  add(get_history, &Hub::history);
  add(list_connections, &Hub::list_connections);
  add(get_connection, &Hub::connection);
  add(list_channels, &Hub::list_channels);
  add(get_channel, &Hub::channel);
  add(disconnect, &Hub::disconnect);
  add(broadcast_channel, &Hub::broadcast_channel);
  add(broadcast_all, &Hub::broadcast_all);
  table.add(get_stats, [this](Call& call, Nothing) { return hub->stats(call); });
  table.add(get_info, [this](Call& call, Nothing) { return hub->info(call); });
  caller.publish(std::move(table));
}

HubTest::~HubTest() {
  for (auto& call : streams) end_stream(*call);
  for (auto& ended : stream_ends) ended.wait();
}

PublishResult HubTest::published(std::string channel, std::string data, std::string event, std::size_t shard) {
  PublishArgs args{.channel = std::move(channel), .data = {std::move(data)}, .event = std::move(event)};
  auto done = run(publish, std::move(args), host_principal(), shard);
  EXPECT_TRUE(done) << (done ? "" : done.error().message);
  return done ? *done : PublishResult{};
}

Events& HubTest::listen(SubscribeArgs args, PrincipalPtr as, std::size_t shard) {
  begin();
  sinks.push_back(std::make_unique<Events>());
  auto& sink = *sinks.back();
  auto place = std::make_shared<Call>(std::move(as));
  streams.push_back(std::make_shared<Stream>(Stream{place, shard}));
  auto ended = std::make_shared<std::promise<Result<SubscribeResult>>>();
  stream_ends.push_back(ended->get_future().share());
  runtime.shard(shard).post([this, place, shard, ended, &sink, args = std::move(args)]() mutable {
    place->set_events(&sink);
    auto reply = caller.start(subscribe, *place, std::move(args));
    if (reply.ready()) return ended->set_value(reply.take());
    auto done = [ended, place](std::exception_ptr, Result<SubscribeResult> result) { ended->set_value(result); };
    asio::co_spawn(runtime.shard(shard).executor(), reply.task(),
                   asio::bind_cancellation_slot(place->signal().slot(), std::move(done)));
  });
  return sink;
}

Events& HubTest::listening(std::string channel, std::size_t shard) {
  auto& sink = listen({.channel = std::move(channel)}, host_principal(), shard);
  sink.wait_for(1);
  return sink;
}

}  // namespace patchbay::hub::test
