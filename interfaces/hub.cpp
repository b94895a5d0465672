#include "interfaces/hub.hpp"

#include "core/hub/entity_channels.hpp"

namespace patchbay {

void HubInterface::declare(OperationTable& table) {
  auto& hub = hub_;
  table.add(hub::publish, [&hub](Call& call, hub::PublishArgs args) { return hub.publish(call, std::move(args)); });
  table.add(hub::broadcast,
            [&hub](Call& call, hub::BroadcastArgs args) { return hub.broadcast(call, std::move(args)); });
  table.add(hub::send_to_user,
            [&hub](Call& call, hub::SendToUserArgs args) { return hub.send_to_user(call, std::move(args)); });
  table.add(hub::send_to_chat,
            [&hub](Call& call, hub::SendToChatArgs args) { return hub.send_to_chat(call, std::move(args)); });
  table.add(hub::route_message, [&hub](Call& call, hub::RouteArgs args) { return hub.route(call, std::move(args)); });
  table.add(hub::get_receipt, [&hub](Call& call, hub::ReceiptArgs args) { return hub.receipt(call, std::move(args)); });
  table.add(hub::emit, [&hub](Call& call, hub::EmitArgs args) { return hub.emit(call, std::move(args)); });
  table.add(hub::subscribe,
            [&hub](Call& call, hub::SubscribeArgs args) { return hub.subscribe(call, std::move(args)); });
  table.add(hub::get_presence,
            [&hub](Call& call, hub::ChannelNameArgs args) { return hub.presence(call, std::move(args)); });
  table.add(hub::get_history, [&hub](Call& call, hub::HistoryArgs args) { return hub.history(call, std::move(args)); });
  table.add(hub::list_connections,
            [&hub](Call& call, hub::ListArgs args) { return hub.list_connections(call, std::move(args)); });
  table.add(hub::get_connection,
            [&hub](Call& call, hub::ConnectionArgs args) { return hub.connection(call, std::move(args)); });
  table.add(hub::list_channels,
            [&hub](Call& call, hub::ListArgs args) { return hub.list_channels(call, std::move(args)); });
  table.add(hub::get_channel, [&hub](Call& call, hub::ChannelArgs args) { return hub.channel(call, std::move(args)); });
  table.add(hub::disconnect,
            [&hub](Call& call, hub::DisconnectArgs args) { return hub.disconnect(call, std::move(args)); });
  table.add(hub::set_entity_areas,
            [&hub](Call& call, hub::SetEntityAreasArgs args) { return hub.set_entity_areas(call, std::move(args)); });
  table.add(hub::get_stats, [&hub](Call& call, Nothing) { return hub.stats(call); });
  table.add(hub::get_info, [&hub](Call& call, Nothing) { return hub.info(call); });
  table.add(hub::broadcast_channel, [&hub](Call& call, hub::BroadcastChannelArgs args) {
    return hub.broadcast_channel(call, std::move(args));
  });
  table.add(hub::broadcast_all,
            [&hub](Call& call, hub::BroadcastAllArgs args) { return hub.broadcast_all(call, std::move(args)); });
  table.add(hub::execute_plugin,
            [&hub](Call& call, hub::ExecutePluginArgs args) { return hub.execute_plugin(call, std::move(args)); });
}

}  // namespace patchbay
