#include "interfaces/plugins.hpp"

namespace patchbay {

void PluginsInterface::declare(OperationTable& table) {
  table.add(plugin_host::list, [this](Call& call, Nothing args) { return host_.list(call, args); });
  table.add(plugin_host::info,
            [this](Call& call, plugin_host::NameArgs args) { return host_.info(call, std::move(args)); });
  table.add(plugin_host::load,
            [this](Call& call, plugin_host::FileArgs args) { return host_.load(call, std::move(args)); });
  table.add(plugin_host::replace,
            [this](Call& call, plugin_host::FileArgs args) { return host_.replace(call, std::move(args)); });
  table.add(plugin_host::unload,
            [this](Call& call, plugin_host::NameArgs args) { return host_.unload(call, std::move(args)); });
  table.add(plugin_host::reload_all, [this](Call& call, Nothing args) { return host_.reload_all(call, args); });
  table.add(plugin_host::stats, [this](Call& call, Nothing args) { return host_.stats(call, args); });
}

}  // namespace patchbay
