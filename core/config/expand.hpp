// ${NAME} and ${NAME:-default} in configuration texts; "$${" stands for a plain "${". Pure function.
#pragma once

#include <map>
#include <string>
#include <string_view>

namespace patchbay::config {

struct Expanded {
  std::string text;
  std::string problem;  // what would be right, or empty
  bool changed = false;
};

template <class Environment>
Expanded expand(std::string_view text, Environment const& environment) {
  Expanded out;
  std::size_t at = 0;
  while (at < text.size()) {
    auto const mark = text.find("${", at);
    if (mark == std::string_view::npos) break;
    if (mark > at && text[mark - 1] == '$') {  // an escaped one: drop one '$'
      out.text.append(text.substr(at, mark - at));
      out.text += '{';
      out.changed = true;
      at = mark + 2;
      continue;
    }
    out.text.append(text.substr(at, mark - at));
    auto const end = text.find('}', mark);
    if (end == std::string_view::npos) {
      out.problem = "\"${\" without \"}\"; write ${NAME} or ${NAME:-default} (and $${ for a plain ${)";
      return out;
    }
    auto const inner = text.substr(mark + 2, end - mark - 2);
    auto const split = inner.find(":-");
    auto const name = inner.substr(0, split);
    bool good = !name.empty() && !(name.front() >= '0' && name.front() <= '9');
    for (char c : name)
      good = good && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_');
    if (!good) {
      // What stands there is not shown: it could be a part of a secret.
      out.problem =
          "what stands between \"${\" and \"}\" names no variable; write ${NAME} or ${NAME:-default} (and $${ for a "
          "plain ${)";
      return out;
    }
    auto const found = environment.find(name);
    bool const fallback = split != std::string_view::npos;
    if (found != environment.end() && !(fallback && found->second.empty())) {
      out.text += found->second;
    } else if (fallback) {
      out.text.append(inner.substr(split + 2));
    } else {
      out.problem = "the environment variable " + std::string{name} + " is not set; set it, or write ${" +
                    std::string{name} + ":-default}";
      return out;
    }
    out.changed = true;
    at = end + 1;
  }
  if (at < text.size()) out.text.append(text.substr(at));
  return out;
}

}  // namespace patchbay::config
