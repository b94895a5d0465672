// A key set in a YAML file: once is as good as twice, and what was not touched is still there.
#include <cstdlib>

#include "plugins/home_assistant/yaml_edit.hpp"

using namespace patchbay;
using namespace patchbay::home_assistant;

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  std::string_view const text{reinterpret_cast<char const*>(data), size};
  auto const cut = text.find('\0');
  auto const file = text.substr(0, cut);
  std::string const content{cut == std::string_view::npos ? std::string_view{"1"} : text.substr(cut + 1)};
  for (auto action : {YamlAction::merge, YamlAction::replace, YamlAction::remove}) {
    YamlChange const change{"a", action, content};
    auto once = edit_yaml(file, change);
    if (!once) continue;
    auto twice = edit_yaml(once->text, change);
    if (action == YamlAction::remove ? twice.has_value() : !twice || twice->text != once->text) std::abort();
    if (once->created && !once->text.starts_with(file.substr(0, file.find_last_not_of("\r\n.") + 1)) &&
        file.find("...") == std::string_view::npos)
      std::abort();
  }
  return 0;
}
