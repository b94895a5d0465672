#include "interfaces/websocket.hpp"

namespace patchbay {

void WebsocketInterface::declare(OperationTable& table) {
  using namespace websocket;
  auto& ws = websocket_;
  table.add(connect, [&ws](Call& call, ConnectArgs args) { return ws.connect(call, std::move(args)); });
  table.add(send, [&ws](Call& call, SendArgs args) { return ws.send(call, std::move(args)); });
  table.add(receive, [&ws](Call& call, ReceiveArgs args) { return ws.receive(call, std::move(args)); });
  table.add(request, [&ws](Call& call, RequestArgs args) { return ws.request(call, std::move(args)); });
  table.add(subscribe, [&ws](Call& call, SubscribeArgs args) { return ws.subscribe(call, std::move(args)); });
  table.add(close, [&ws](Call& call, CloseArgs args) { return ws.close(call, std::move(args)); });
  table.add(list, [&ws](Call& call, Nothing) { return ws.list(call); });
  table.add(status, [&ws](Call& call, StatusArgs args) { return ws.status(call, std::move(args)); });
  table.add(stats, [&ws](Call&, Nothing) { return ws.stats(); });
}

}  // namespace patchbay
