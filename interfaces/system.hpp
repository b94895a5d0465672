// SYSTEM: binds the declarations of core/system to the System.
#pragma once

#include "core/base/interface.hpp"
#include "core/system/system.hpp"

namespace patchbay {

class SystemInterface final : public Interface {
 public:
  explicit SystemInterface(system::System& system) : system_(system) {}
  std::string_view name() const override { return "SYSTEM"; }
  void declare(OperationTable& table) override;

 private:
  system::System& system_;
};

}  // namespace patchbay
