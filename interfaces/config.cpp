#include "interfaces/config.hpp"

namespace patchbay {

void ConfigInterface::declare(OperationTable& table) {
  table.add(config::get, [this](Call& call, config::GetArgs args) { return config_.get(call, std::move(args)); });
  table.add(config::set, [this](Call& call, config::SetArgs args) { return config_.set(call, std::move(args)); });
  table.add(config::get_category,
            [this](Call& call, config::GetCategoryArgs args) { return config_.get_category(call, std::move(args)); });
  table.add(config::reload, [this](Call& call, config::ReloadArgs args) { return config_.reload(call, args); });
  table.add(config::switch_preset,
            [this](Call& call, config::SwitchPresetArgs args) { return config_.switch_preset(call, std::move(args)); });
  table.add(config::load_file,
            [this](Call& call, config::LoadFileArgs args) { return config_.load_file(call, std::move(args)); });
  table.add(config::load_environment, [this](Call& call, config::LoadEnvironmentArgs args) {
    return config_.load_environment(call, std::move(args));
  });
  table.add(config::validate,
            [this](Call& call, config::ValidateArgs args) { return config_.validate(call, std::move(args)); });
  table.add(config::stats, [this](Call& call, Nothing args) { return config_.stats(call, args); });
}

}  // namespace patchbay
