// The router of HUB, the server side of WebSocket.
#pragma once

#include "core/base/interface.hpp"
#include "core/hub/hub.hpp"

namespace patchbay {

class HubInterface final : public Interface {
 public:
  explicit HubInterface(hub::Hub& hub) : hub_(hub) {}
  std::string_view name() const override { return "HUB"; }
  void declare(OperationTable& table) override;
  std::vector<PartHealth> health() const override { return {hub_.health()}; }

 private:
  hub::Hub& hub_;
};

}  // namespace patchbay
