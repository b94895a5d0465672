// Reads the table in layers.md, scans every #include of ours and fails with the offending line.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;
fs::path const root = PATCHBAY_SOURCE_DIR;

struct Rule {
  std::string folder;
  std::vector<std::string> allowed;
};

std::vector<Rule> read_rules() {
  std::vector<Rule> rules;
  std::ifstream in{root / "layers.md"};
  bool in_table = false;
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("| folder |", 0) == 0) in_table = true;
    if (!in_table) continue;
    if (line.rfind("|", 0) != 0) break;
    std::vector<std::string> cells;
    std::stringstream row{line.substr(1)};
    for (std::string cell; std::getline(row, cell, '|');) {
      auto const from = cell.find_first_not_of(' '), to = cell.find_last_not_of(' ');
      cells.push_back(from == std::string::npos ? "" : cell.substr(from, to - from + 1));
    }
    if (cells.size() < 3 || cells[0] == "folder" || cells[0].rfind("---", 0) == 0) continue;
    Rule rule{cells[0], {}};
    std::stringstream words{cells[2]};
    for (std::string word; words >> word;) rule.allowed.push_back(word);
    rules.push_back(rule);
  }
  return rules;
}

bool lies_in(std::string const& path, std::string const& folder) {
  return path == folder || (path.size() > folder.size() && path.rfind(folder, 0) == 0 && path[folder.size()] == '/');
}

Rule const* rule_of(std::string const& path, std::vector<Rule> const& rules) {
  Rule const* best = nullptr;
  for (auto const& rule : rules)
    if (lies_in(path, rule.folder) && (best == nullptr || rule.folder.size() > best->folder.size())) best = &rule;
  return best;
}

TEST(Layers, IncludesPointDownwardsOnly) {
  auto const rules = read_rules();
  ASSERT_GE(rules.size(), 15U) << "the table in layers.md was not understood";
  std::size_t seen = 0;
  for (auto const* top : {"core", "interfaces", "gateway", "plugins"}) {
    for (auto const& entry : fs::recursive_directory_iterator(root / top)) {
      auto const extension = entry.path().extension();
      if (extension != ".hpp" && extension != ".cpp" && extension != ".h" && extension != ".c") continue;
      auto const path = fs::relative(entry.path(), root).generic_string();
      auto const* rule = rule_of(path, rules);
      ASSERT_NE(rule, nullptr) << path << ": its folder is not in the table of layers.md";
      std::ifstream in{entry.path()};
      int number = 0;
      for (std::string line; std::getline(in, line);) {
        ++number;
        if (line.rfind("#include \"", 0) != 0) continue;
        auto included = line.substr(10, line.find('"', 10) - 10);
        // The C contract stands alone in its folder: its headers name each other without the way from the root.
        if (included.find('/') == std::string::npos || included.starts_with("../"))
          included = (fs::path{path}.parent_path() / included).lexically_normal().generic_string();
        ++seen;
        bool allowed = false;
        for (auto const& prefix : rule->allowed) allowed = allowed || lies_in(included, prefix);
        EXPECT_TRUE(allowed) << path << ":" << number << ": " << rule->folder << " may not include " << included;
      }
    }
  }
  EXPECT_GT(seen, 100U);
}

// g++ 12.2 miscompiles some temporaries inside a co_await expression: name the value first.
TEST(Sources, NoTemporariesInsideCoAwait) {
  for (auto const* top : {"core", "interfaces", "gateway", "plugins", "tests"}) {
    for (auto const& entry : fs::recursive_directory_iterator(root / top)) {
      auto const extension = entry.path().extension();
      if (extension != ".hpp" && extension != ".cpp") continue;
      auto const path = fs::relative(entry.path(), root).generic_string();
      std::ifstream in{entry.path()};
      int number = 0;
      for (std::string line; std::getline(in, line);) {
        ++number;
        auto const at = line.find("co_await ");
        auto const comment = line.find("//");
        if (at == std::string::npos || comment < at) continue;
        auto const rest = line.substr(at, line.find(';', at) - at);
        bool const is_condition = line.find("if (") < at || line.find("while (") < at || line.find("for (") < at;
        auto const brace = rest.find('{');
        bool const opens_block =
            is_condition && brace != std::string::npos && rest.find_first_not_of(" ", brace + 1) == std::string::npos;
        EXPECT_TRUE(brace == std::string::npos || opens_block)
            << path << ":" << number << ": a brace inside co_await: " << line;
        EXPECT_EQ(rest.find(" ? "), std::string::npos) << path << ":" << number << ": ?: inside co_await: " << line;
        EXPECT_EQ(rest.find("[&"), std::string::npos)
            << path << ":" << number << ": a capturing lambda inside co_await: " << line;
      }
    }
  }
}

// The files of a plugin share a namespace, and what is derived from a struct (its schema, its reader) is one for all
// that have its name: two structs of one name are mixed up without a word from the compiler or the linker.
TEST(Sources, TypesOfAPluginHaveNamesOfTheirOwn) {
  for (auto const& plugin : fs::directory_iterator(root / "plugins")) {
    if (!plugin.is_directory()) continue;
    std::map<std::string, std::string> seen;  // type -> file
    for (auto const& entry : fs::directory_iterator(plugin.path())) {
      auto const file = entry.path().filename().string();
      if (entry.path().extension() != ".hpp" && entry.path().extension() != ".cpp") continue;
      std::ifstream in{entry.path()};
      bool unnamed = false;
      for (std::string line; std::getline(in, line);) {
        if (line == "namespace {") unnamed = true;
        if (line == "}  // namespace") unnamed = false;
        if (unnamed || line.rfind("struct ", 0) != 0 || line.back() == ';' || line.find('<') != std::string::npos)
          continue;
        auto const name = line.substr(7, line.find_first_of(" :{", 7) - 7);
        auto const [known, is_new] = seen.emplace(name, file);
        EXPECT_TRUE(is_new || line.back() == '}')
            << plugin.path().filename().string() << ": " << name << " is in " << known->second << " and in " << file;
      }
    }
  }
}

}  // namespace
