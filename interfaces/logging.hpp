// LOGGING: binds the declarations of core/logging to the Logging.
#pragma once

#include "core/base/interface.hpp"
#include "core/logging/logging.hpp"
#include "core/runtime/runtime.hpp"

namespace patchbay {

class LoggingInterface final : public Interface {
 public:
  LoggingInterface(logging::Logging& logging, Runtime& runtime) : logging_(logging), runtime_(runtime) {}
  std::string_view name() const override { return "LOGGING"; }
  void declare(OperationTable& table) override;

 private:
  Task<Result<Nothing>> flush(
      std::chrono::milliseconds timeout);  // waits on the pool: the log's writer is no coroutine

  logging::Logging& logging_;
  Runtime& runtime_;
};

}  // namespace patchbay
