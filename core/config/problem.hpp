// Problem: one thing that is wrong with a configuration. All of them are reported, not only the first.
//
//   for (auto const& problem : loaded.problems) print(problem.text());
//   // docs/patchbay.yaml:12: server.listn: unknown key; did you mean "listen"?
#pragma once

#include <string>
#include <vector>

namespace patchbay::config {

struct Problem {
  std::string file;  // or "environment", "override", ...
  int line = 0;      // 0: none
  std::string key;   // dotted
  std::string reason;

  std::string text() const {
    auto out = file;
    if (line > 0) out += ":" + std::to_string(line);
    if (!out.empty()) out += ": ";
    if (!key.empty()) out += key + ": ";
    return out + reason;
  }
};
using Problems = std::vector<Problem>;

}  // namespace patchbay::config
