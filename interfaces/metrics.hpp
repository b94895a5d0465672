// The router of METRICS: binds its declarations to the module.
#pragma once

#include "core/base/interface.hpp"
#include "core/metrics/metrics.hpp"

namespace patchbay {

class MetricsInterface final : public Interface {
 public:
  explicit MetricsInterface(metrics::Metrics& module) : metrics_(module) {}
  std::string_view name() const override { return "METRICS"; }
  void declare(OperationTable& table) override;

 private:
  metrics::Metrics& metrics_;
};

}  // namespace patchbay
