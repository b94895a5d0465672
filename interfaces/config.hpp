// The router of CONFIG.
#pragma once

#include "core/base/interface.hpp"
#include "core/config/config.hpp"

namespace patchbay {

class ConfigInterface final : public Interface {
 public:
  explicit ConfigInterface(config::Config& config) : config_(config) {}
  std::string_view name() const override { return "CONFIG"; }
  void declare(OperationTable& table) override;

 private:
  config::Config& config_;
};

}  // namespace patchbay
