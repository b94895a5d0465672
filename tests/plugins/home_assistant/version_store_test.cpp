// Versions on disk: what is kept, in which order, and that a name stays a name.
#include "plugins/home_assistant/version_store.hpp"

#include <gtest/gtest.h>
#include <spdlog/fmt/fmt.h>
#include <sys/stat.h>

#include <fstream>

namespace patchbay::home_assistant {
namespace {

namespace fs = std::filesystem;

class Versions : public testing::Test {
 protected:
  Versions() : folder_(make()), store_(folder_ / "versions") {}
  ~Versions() override { fs::remove_all(folder_); }
  static fs::path make() {
    std::string path = fs::temp_directory_path() / "patchbay-versions-XXXXXX";
    return ::mkdtemp(path.data());
  }
  Result<std::string> keep(int n, std::string_view name = "living-room") {
    return store_.keep("dashboard", name, "hash" + std::to_string(n), "test", fmt::format("{{\"n\":{}}}", n),
                       R"({"title":"T"})", start_ + std::chrono::seconds{n});
  }
  fs::path folder_;
  VersionStore store_;
  WallTime start_ = WallTime{std::chrono::seconds{1'795'248'000}};
};

TEST_F(Versions, AreListedNewestFirstAndGivenBackWhole) {
  ASSERT_TRUE(keep(1).has_value());
  auto second = keep(2);
  ASSERT_TRUE(second.has_value()) << second.error().message;
  auto list = store_.list("dashboard", "living-room");
  ASSERT_TRUE(list.has_value());
  ASSERT_EQ(list->size(), 2U);
  EXPECT_EQ(list->at(0).version, *second);
  EXPECT_EQ(list->at(0).hash, "hash2");
  EXPECT_EQ(list->at(0).reason, "test");
  EXPECT_EQ(list->at(0).saved_at, "2026-11-21T08:00:02+00:00");
  EXPECT_EQ(list->at(0).size_bytes, 7U);
  auto got = store_.get("dashboard", "living-room", list->at(1).version);
  ASSERT_TRUE(got.has_value()) << got.error().message;
  EXPECT_EQ(got->config.text, R"({"n":1})");
  EXPECT_EQ(got->record.text, R"({"title":"T"})");
}

TEST_F(Versions, TheLastTwentyAreKept) {
  for (int n = 0; n < 25; ++n) ASSERT_TRUE(keep(n).has_value());
  auto list = store_.list("dashboard", "living-room");
  ASSERT_EQ(list->size(), VersionStore::kept_versions);
  EXPECT_EQ(list->front().hash, "hash24");
  EXPECT_EQ(list->back().hash, "hash5");
}

TEST_F(Versions, TheSameContentIsNotKeptTwiceInARow) {
  auto first = keep(1);
  EXPECT_EQ(*keep(1), *first);
  EXPECT_TRUE(keep(2).has_value());
  EXPECT_NE(*keep(1), *first);
  EXPECT_EQ(store_.list("dashboard", "living-room")->size(), 3U);
}

TEST_F(Versions, SortByAgeAlsoWhenTheClockGoesBack) {
  ASSERT_TRUE(keep(100).has_value());
  auto later = keep(1);
  ASSERT_TRUE(later.has_value());
  auto latest = keep(2);
  auto list = store_.list("dashboard", "living-room");
  ASSERT_EQ(list->size(), 3U);
  EXPECT_EQ(list->at(0).version, *latest);
  EXPECT_EQ(list->at(1).version, *later);
}

TEST_F(Versions, ANameNeverLeadsOutOfTheFolder) {
  for (auto const* name : {"..", ".", "../../x", "a/b", "", "with space", "\xC3\xBC"})
    ASSERT_TRUE(keep(1, name).has_value()) << name;
  auto const first = std::string(1000, 'x') + "1", second = std::string(1000, 'x') + "2";
  for (auto const& name : {first, second}) {
    EXPECT_TRUE(store_.list("dashboard", name)->empty());
    ASSERT_TRUE(keep(1, name).has_value());
    EXPECT_EQ(store_.list("dashboard", name)->size(), 1U);
  }
  for (auto const& entry : fs::directory_iterator{folder_}) EXPECT_EQ(entry.path().filename(), "versions");
  EXPECT_EQ(store_.get("dashboard", "..", "../../etc/passwd").error().code, Code::not_found);
  auto names = store_.names("dashboard");
  ASSERT_TRUE(names.has_value());
  for (auto const& name : {std::string{"../../x"}, first, second})
    EXPECT_NE(std::find(names->begin(), names->end(), name), names->end());
  EXPECT_EQ(store_.list("dashboard", "a/b")->size(), 1U);
}

TEST_F(Versions, NothingKeptIsAnEmptyList) {
  EXPECT_EQ(store_.list("dashboard", "x")->size(), 0U);
  EXPECT_EQ(store_.names("dashboard")->size(), 0U);
  EXPECT_EQ(store_.get("dashboard", "x", "y").error().code, Code::not_found);
}

TEST_F(Versions, ADamagedFileIsNamedAndTheOthersStay) {
  auto first = keep(1);
  ASSERT_TRUE(keep(2).has_value());
  std::ofstream{folder_ / "versions" / "dashboard" / "living-room" / (*first + ".json")} << "{\"config\":";
  EXPECT_EQ(store_.list("dashboard", "living-room")->size(), 1U);
  auto got = store_.get("dashboard", "living-room", *first);
  ASSERT_TRUE(got.has_error());
  EXPECT_EQ(got.error().code, Code::internal);
  EXPECT_NE(got.error().message.find("damaged"), std::string::npos);
}

TEST_F(Versions, AreForTheirOwnerOnly) {
  ASSERT_TRUE(keep(1).has_value());
  struct stat status {};
  ASSERT_EQ(::stat((folder_ / "versions").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0700U);
}

TEST_F(Versions, AFolderThatCannotBeMadeIsAnError) {
  std::ofstream{folder_ / "versions"} << "a file";
  auto kept = keep(1);
  ASSERT_TRUE(kept.has_error());
  EXPECT_EQ(kept.error().code, Code::internal);
}

}  // namespace
}  // namespace patchbay::home_assistant
