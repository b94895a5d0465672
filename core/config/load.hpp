// Loading a configuration: one file, the environment and overrides, to checked values and every problem there is.
//
//   config::Loaded loaded = config::load({.path = "docs/patchbay.yaml"});
//   for (auto const& problem : loaded.problems) print(problem.text());
//   if (loaded.ok()) start(loaded.values);
//
// Order, highest first: overrides (command line, CONFIG.set), PATCHBAY_SECTION__KEY from the environment, the file, the
// preset, the defaults. Reads one file; any thread.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "core/config/values.hpp"

namespace patchbay::config {

struct LoadOptions {
  std::string path{};  // empty: no file
  Environment environment = current_environment();
  // Dotted key and text, as a command line gives them: {"server.listen", "127.0.0.1:0"}.
  std::vector<std::pair<std::string, std::string>> overrides{};
  std::string preset = "standard";
  // Names that may stand under `limits`; empty: any.
  std::vector<std::string> limit_names{};
};

struct Layers {
  Layer standard, preset, file, loaded, env, override;
  Effective effective() const { return merge({&standard, &preset, &file, &loaded, &env, &override}); }
};

struct Loaded {
  LoadOptions options;
  Layers layers;
  Effective effective;
  Values values;
  Problems problems;
  // Keys that are given and right, but that this version does not act on: for a warning at start.
  std::vector<std::string> notices() const;
  bool ok() const { return problems.empty(); }
  std::string problem_text() const;  // one line each
};

Loaded load(LoadOptions options);
// The same from a text; `path` stands in messages only.
Loaded load_text(std::string_view text, LoadOptions options);

// What `patchbay check-config` prints and returns: true when nothing is wrong.
bool check(LoadOptions options, std::string& report);

// Errors: not_found, too_large, invalid_argument (no regular file), naming the path.
Result<std::string> read_text_file(std::string const& path);
// The effective values of these layers, with the checks that concern several keys.
void settle(Layers const& layers, LoadOptions const& options, Effective& effective, Values& values, Problems& problems);

}  // namespace patchbay::config
