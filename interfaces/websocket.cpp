#include "interfaces/websocket.hpp"

namespace patchbay {

void WebsocketInterface::declare(OperationTable& table) {
  auto& ws = websocket_;
  table.add(websocket::connect,
            [&ws](Call& call, websocket::ConnectArgs args) { return ws.connect(call, std::move(args)); });
  table.add(websocket::send, [&ws](Call& call, websocket::SendArgs args) { return ws.send(call, std::move(args)); });
  table.add(websocket::receive,
            [&ws](Call& call, websocket::ReceiveArgs args) { return ws.receive(call, std::move(args)); });
  table.add(websocket::request,
            [&ws](Call& call, websocket::RequestArgs args) { return ws.request(call, std::move(args)); });
  table.add(websocket::subscribe,
            [&ws](Call& call, websocket::SubscribeArgs args) { return ws.subscribe(call, std::move(args)); });
  table.add(websocket::close, [&ws](Call& call, websocket::CloseArgs args) { return ws.close(call, std::move(args)); });
  table.add(websocket::list, [&ws](Call& call, Nothing) { return ws.list(call); });
  table.add(websocket::status,
            [&ws](Call& call, websocket::StatusArgs args) { return ws.status(call, std::move(args)); });
  table.add(websocket::stats, [&ws](Call&, Nothing) { return ws.stats(); });
}

}  // namespace patchbay
