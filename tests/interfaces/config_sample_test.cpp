// The sample configuration that scripts/run serves.
#include <gtest/gtest.h>

#include "core/config/load.hpp"

namespace patchbay::config {
namespace {

TEST(SampleConfiguration, HasEveryKeyWithItsDefault) {
  auto const loaded = load({.path = PATCHBAY_SOURCE_DIR "/docs/patchbay.yaml", .environment = {}});
  EXPECT_EQ(loaded.problem_text(), "");
  auto const defaults = load_text("", {.path = "", .environment = {}});
  for (auto const& [path, setting] : defaults.effective)
    EXPECT_EQ(loaded.effective.at(path).json, setting.json) << path;
  auto const text = read_text_file(PATCHBAY_SOURCE_DIR "/docs/patchbay.yaml");
  ASSERT_TRUE(text.has_value());
  for (auto const& [path, key] : leaves()) {
    auto const name = path.substr(path.rfind('.') + 1) + ":";
    EXPECT_NE(text->find(name), std::string::npos) << path;
  }
}

}  // namespace
}  // namespace patchbay::config
