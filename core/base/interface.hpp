// Interface: a named group of operations with one router. A router only binds declarations to a module; if a line needs
// an `if`, it belongs in the module. The Gateway builds the list of interfaces in one visible function.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/operation_table.hpp"

namespace patchbay {

// One part's health, as /health shows it. `ready` false: the gateway should get no traffic.
struct PartHealth {
  std::string name;
  std::string status = "ok";  // ok, degraded, unavailable
  std::string message{};
  bool ready = true;
};

class Interface {
 public:
  virtual ~Interface() = default;
  virtual std::string_view name() const = 0;
  virtual void declare(OperationTable& table) = 0;
  // Called from any shard; must not block.
  virtual std::vector<PartHealth> health() const { return {PartHealth{std::string{name()}}}; }
};

}  // namespace patchbay
