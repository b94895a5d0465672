// The router of CIRCUIT_BREAKER: binds its declarations to the module.
#pragma once

#include "core/base/interface.hpp"
#include "core/circuit_breaker/circuit_breaker.hpp"

namespace patchbay {

class CircuitBreakerInterface final : public Interface {
 public:
  explicit CircuitBreakerInterface(circuit_breaker::CircuitBreakers& breakers) : breakers_(breakers) {}
  std::string_view name() const override { return "CIRCUIT_BREAKER"; }
  void declare(OperationTable& table) override;

 private:
  circuit_breaker::CircuitBreakers& breakers_;
};

}  // namespace patchbay
