// The router of SECURITY.
#pragma once

#include "core/base/interface.hpp"
#include "core/security/security.hpp"

namespace patchbay {

class SecurityInterface final : public Interface {
 public:
  explicit SecurityInterface(security::Security& security) : security_(security) {}
  std::string_view name() const override { return "SECURITY"; }
  void declare(OperationTable& table) override;

 private:
  security::Security& security_;
};

}  // namespace patchbay
