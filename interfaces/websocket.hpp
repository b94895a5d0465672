// The router of WEBSOCKET, the client side.
#pragma once

#include "core/base/interface.hpp"
#include "core/websocket/websocket.hpp"

namespace patchbay {

class WebsocketInterface final : public Interface {
 public:
  explicit WebsocketInterface(websocket::WebSocket& websocket) : websocket_(websocket) {}
  std::string_view name() const override { return "WEBSOCKET"; }
  void declare(OperationTable& table) override;

 private:
  websocket::WebSocket& websocket_;
};

}  // namespace patchbay
