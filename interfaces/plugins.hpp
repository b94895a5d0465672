// The router of PLUGINS: binds its operations to the plugin host.
#pragma once

#include "core/base/interface.hpp"
#include "core/plugin_host/plugin_host.hpp"

namespace patchbay {

class PluginsInterface final : public Interface {
 public:
  explicit PluginsInterface(plugin_host::PluginHost& host) : host_(host) {}
  std::string_view name() const override { return "PLUGINS"; }
  void declare(OperationTable& table) override;
  std::vector<PartHealth> health() const override { return host_.health(); }

 private:
  plugin_host::PluginHost& host_;
};

}  // namespace patchbay
