#include "gateway/file_root.hpp"

#include <spdlog/fmt/fmt.h>

#include <cstdlib>
#include <filesystem>

#include "core/base/json.hpp"
#include "gateway/configuration.hpp"

namespace patchbay {
namespace {

namespace fs = std::filesystem;

bool lies_in(fs::path const& inner, fs::path const& root) {
  auto a = root.begin();
  auto b = inner.begin();
  for (; a != root.end(); ++a, ++b)
    if (b == inner.end() || *a != *b) return false;
  return true;
}

fs::path real(fs::path const& path) {
  std::error_code failed;
  auto out = fs::weakly_canonical(fs::absolute(path, failed), failed);
  return failed ? path.lexically_normal() : out;
}

}  // namespace

Result<void> check_file_root(config::Values const& values, std::string const& config_file) {
  auto const found = values.plugins.settings.find("home_assistant");
  if (found == values.plugins.settings.end()) return {};
  auto const parsed = json::parse(found->second.text, json::upstream_limits);
  std::string const given{parsed ? json::find_text(parsed->document, "config_root") : std::string_view{}};
  if (given.empty()) return {};
  auto const root = real(given);
  char const* runtime = std::getenv("XDG_RUNTIME_DIR");
  struct Place {
    char const* what;
    fs::path path;
  };
  std::vector<Place> places{
      {"the plugin folder", plugin_folder(values)},
      {"the state folder", state_folder()},
      {"the token of the run", fs::path{runtime != nullptr && *runtime != '\0' ? runtime : "/run"} / "patchbay"}};
  if (!config_file.empty()) places.push_back({"the gateway's configuration", config_file});
  for (auto const& [what, path] : places)
    if (lies_in(real(path), root))
      return Error{Code::invalid_argument,
                   fmt::format("plugins.home_assistant.config_root ({}) holds {} ({}): whoever may use the file tools "
                               "could change the gateway itself; name a folder without it",
                               given, what, path.string())};
  return {};
}

}  // namespace patchbay
