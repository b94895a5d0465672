#include "core/config/load.hpp"

#include <fcntl.h>
#include <spdlog/fmt/fmt.h>
#include <sys/stat.h>
#include <unistd.h>

#include <system_error>

#include "core/base/nearest.hpp"

namespace patchbay::config {
namespace {

Loaded load_from(std::optional<std::string> text, LoadOptions options) {
  Loaded out;
  auto& layers = out.layers;
  layers.standard = standard_layer(options.environment, out.problems);
  if (!preset(options.preset))
    out.problems.push_back({"", 0, "", fmt::format("no preset \"{}\"; there are {}", options.preset, preset_names)});
  layers.preset = preset_layer(options.preset);
  if (text)
    if (auto root = parse_yaml(*text, options.path, out.problems))
      layers.file = read_layer(*root, Source::file, options.path, &options.environment, out.problems);
  layers.loaded.source = Source::file;
  layers.env = read_environment(options.environment, "PATCHBAY_", out.problems);
  layers.override.source = Source::override;
  layers.override.file = "command line";
  for (auto const& [path, value] : options.overrides)
    if (auto node = parse_yaml_value(value, "command line", out.problems))
      read_into(layers.override, path, *node, nullptr, true, out.problems);
  settle(layers, options, out.effective, out.values, out.problems);
  out.options = std::move(options);
  return out;
}

}  // namespace

void settle(Layers const& layers, LoadOptions const& options, Effective& effective, Values& values,
            Problems& problems) {
  effective = layers.effective();
  values = make_values(effective);
  check_together(effective, values, problems);
  if (options.limit_names.empty()) return;
  std::vector<std::string_view> const names{options.limit_names.begin(), options.limit_names.end()};
  auto const& limits = effective["limits"];
  for (auto const& [name, value] : values.limits)
    if (std::find(names.begin(), names.end(), name) == names.end())
      problems.push_back(
          {limits.file, limits.line, "limits." + name,
           fmt::format("unknown limit; {}there are {}", did_you_mean(name, names), fmt::join(names, ", "))});
}

std::vector<std::string> Loaded::notices() const {
  std::vector<std::string> out;
  for (auto const& token : values.security.tokens) {
    auto const all = std::any_of(token.scopes.begin(), token.scopes.end(),
                                 [](auto const& scope) { return scope == "admin" || scope == "*"; });
    if (token.entities && all)
      out.push_back(
          fmt::format("security.tokens: the token {} has a list of entities, which the gateway's own operations do not "
                      "know; of all rights it keeps ha.*, hub.read, hub.subscribe, hub.publish and metrics.read",
                      token.id));
  }
  return out;
}

std::string Loaded::problem_text() const {
  std::string out;
  for (auto const& problem : problems) out += problem.text() + "\n";
  return out;
}

Result<std::string> read_text_file(std::string const& path) {
  auto failed = [&](std::string const& reason) {
    return Error{Code::not_found, fmt::format("the configuration {} cannot be read: {}", path, reason)};
  };
  int const fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (fd < 0) return failed(std::generic_category().message(errno));
  struct stat about {};
  if (::fstat(fd, &about) != 0 || !S_ISREG(about.st_mode)) {
    ::close(fd);
    return Error{Code::invalid_argument, fmt::format("the configuration {} is not a regular file", path)};
  }
  std::string text(most_text_bytes + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    auto const got = ::read(fd, text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      auto const reason = std::generic_category().message(errno);
      ::close(fd);
      return failed(reason);
    }
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  ::close(fd);
  if (size > most_text_bytes)
    return Error{Code::too_large, fmt::format("the configuration {} has more than {} bytes", path, most_text_bytes)};
  text.resize(size);
  return text;
}

Loaded load(LoadOptions options) {
  if (options.path.empty()) return load_from(std::nullopt, std::move(options));
  auto text = read_text_file(options.path);
  if (text) return load_from(std::move(*text), std::move(options));
  auto const problem = text.error().message;
  auto out = load_from(std::nullopt, std::move(options));
  out.problems.insert(out.problems.begin(), Problem{"", 0, "", problem});
  return out;
}

Loaded load_text(std::string_view text, LoadOptions options) {
  return load_from(std::string{text}, std::move(options));
}

bool check(LoadOptions options, std::string& report) {
  auto loaded = load(std::move(options));
  report = loaded.problem_text();
  if (!loaded.ok()) return false;
  report = fmt::format("{}: no problems\n", loaded.options.path.empty() ? "defaults" : loaded.options.path);
  return true;
}

}  // namespace patchbay::config
