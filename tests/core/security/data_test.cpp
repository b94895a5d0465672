// Origins, cleaning, hashes, random ids, schemas, the token file.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "core/security/token.hpp"
#include "core/security/token_file.hpp"
#include "table.hpp"

namespace patchbay::security {
namespace {

using testing::HasSubstr;

struct OriginRow {
  char const* origin;
  char const* host;
  bool allowed;
};

TEST(Origin, SameOriginOrListed) {
  OriginPolicy const policy{{"http://localhost:3000", "HTTPS://App.Example:443"}};
  for (auto const& row : {
           OriginRow{"http://127.0.0.1:8765", "127.0.0.1:8765", true},
           OriginRow{"http://LOCALHOST:8765", "localhost:8765", true},
           OriginRow{"https://gateway.lan", "gateway.lan", true},
           OriginRow{"http://gateway.lan", "gateway.lan:80", true},
           OriginRow{"http://[::1]:8765", "[::1]:8765", true},
           OriginRow{"http://localhost:3000", "127.0.0.1:8765", true},
           OriginRow{"https://app.example", "127.0.0.1:8765", true},
           OriginRow{"http://app.example", "127.0.0.1:8765", false},
           OriginRow{"null", "127.0.0.1:8765", false},
           OriginRow{"null", "null", false},
           OriginRow{"", "127.0.0.1:8765", false},
           OriginRow{"http://127.0.0.1:8766", "127.0.0.1:8765", false},
           OriginRow{"http://127.0.0.1", "127.0.0.1:8765", false},
           OriginRow{"http://localhost:8765", "127.0.0.1:8765", false},
           OriginRow{"http://evil.example", "127.0.0.1:8765", false},
           OriginRow{"http://127.0.0.1:8765.evil.example", "127.0.0.1:8765", false},
           OriginRow{"http://evil.example@127.0.0.1:8765", "127.0.0.1:8765", false},
           OriginRow{"http://127.0.0.1:8765/", "127.0.0.1:8765", false},
           OriginRow{"http://localhost:3000 ", "127.0.0.1:8765", false},
           OriginRow{"http://localhost:03000", "127.0.0.1:8765", false},
           OriginRow{"file://", "127.0.0.1:8765", false},
           OriginRow{"chrome-extension://abc", "127.0.0.1:8765", false},
           OriginRow{"http://", "", false},
           OriginRow{"http://a", "", false},
       })
    EXPECT_EQ(policy.allows(row.origin, row.host), row.allowed) << row.origin << " at " << row.host;
}

class Data : public Table {};

TEST_F(Data, CheckOrigin) {
  ASSERT_TRUE(security.apply({.origins = {"http://localhost:3000"}}).has_value());
  EXPECT_EQ(data("security_check_origin", R"({"origin":"http://localhost:3000","host":"h"})"), R"({"allowed":true})");
  EXPECT_EQ(data("security_check_origin", R"({"origin":"null"})"), R"({"allowed":false})");
  EXPECT_THAT(data("security_check_origin", R"({"origin":""})"), HasSubstr("invalid_argument"));
}

TEST_F(Data, SanitizeMasksSecretsAndControlCharacters) {
  EXPECT_EQ(
      data(
          "security_sanitize",
          R"({"data":{"user":"anna","password":"x","n":[{"api_key":"k"},{"Access-Token":{"a":1}}],"t":"a\u001bb\nc","on":true,"token":""}})"),
      R"({"data":{"user":"anna","password":"***","n":[{"api_key":"***"},{"Access-Token":"***"}],"t":"ab\nc","on":true,"token":""}})");
  EXPECT_EQ(data("security_sanitize", R"({"data":"plain"})"), R"({"data":"plain"})");
}

TEST_F(Data, SanitizeForLogEscapesAndCuts) {
  EXPECT_EQ(data("security_sanitize_for_log",
                 R"({"data":{"m":"a\r\nb","auth":"Bearer abc.def","u":"http://u:p@h/?token=1"}})"),
            R"({"data":{"m":"a\\r\\nb","auth":"Bearer ***","u":"http://***@h/?token=***"}})");
  auto const cut = data("security_sanitize_for_log", fmt::format(R"({{"data":"{}"}})", std::string(10'000, 'a')));
  EXPECT_EQ(cut.size(), 4096 + std::string_view{R"({"data":""})"}.size());
}

TEST_F(Data, ValidateNamesEveryProblem) {
  auto const schema =
      R"({"type":"object","properties":{"a":{"type":"integer"},"b":{"type":"string"}},"required":["a"]})";
  EXPECT_EQ(data("security_validate", fmt::format(R"({{"value":{{"a":1}},"schema":{}}})", schema)),
            R"({"valid":true,"problems":[]})");
  auto const found = data("security_validate", fmt::format(R"({{"value":{{"b":1,"c":2}},"schema":{}}})", schema));
  EXPECT_THAT(found, HasSubstr(R"("valid":false)"));
  EXPECT_THAT(found, HasSubstr(R"("pointer":"/b")"));
  EXPECT_THAT(found, HasSubstr(R"("pointer":"/c")"));
  auto wrong = call("security_validate", R"({"value":1,"schema":{"typ":"integer"}})");
  ASSERT_TRUE(wrong.has_error());
  EXPECT_TRUE(wrong.error().pointer.starts_with("/schema")) << wrong.error().pointer;
}

TEST_F(Data, HashesLikeEveryoneElse) {
  EXPECT_EQ(data("security_hash", R"({"data":"abc"})"),
            R"({"hash":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"})");
  EXPECT_EQ(hex(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_THAT(data("security_hash", R"({"data":"abc","algorithm":"sha512"})"),
              HasSubstr("ddaf35a193617abacc417349ae204131"));
  EXPECT_THAT(data("security_hash", R"({"data":"abc","algorithm":"md5"})"), HasSubstr("invalid_argument"));
  auto verify = [&](std::string_view hash) {
    return data("security_verify_hash", fmt::format(R"({{"data":"abc","hash":"{}"}})", hash));
  };
  EXPECT_EQ(verify("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"), R"({"match":true})");
  EXPECT_EQ(verify("BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"), R"({"match":true})");
  EXPECT_EQ(verify("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ae"), R"({"match":false})");
  EXPECT_EQ(verify("ba78"), R"({"match":false})");
}

TEST_F(Data, RandomIdsHaveTheSizeAskedForAndDiffer) {
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) seen.insert(data("security_generate_token", "{}"));
  EXPECT_EQ(seen.size(), 100U);
  EXPECT_EQ(seen.begin()->size(), 43 + std::string_view{R"({"id":""})"}.size());
  EXPECT_EQ(data("security_generate_correlation_id", R"({"bytes":8})").size(),
            16 + std::string_view{R"({"id":""})"}.size());
  EXPECT_THAT(data("security_generate_token", R"({"bytes":4})"), HasSubstr("invalid_argument"));
  auto const made = make_token();
  EXPECT_EQ(hex(sha256(made.token)), made.sha256);
  EXPECT_EQ(random_url_safe(1).size(), 2U);
  EXPECT_EQ(random_url_safe(3).size(), 4U);
}

class TokenFiles : public testing::Test {
 protected:
  TokenFiles() {
    std::string pattern = testing::TempDir() + "patchbay-token-XXXXXX";
    folder = ::mkdtemp(pattern.data());
  }
  ~TokenFiles() override { std::filesystem::remove_all(folder); }
  std::string path(std::string_view name) const { return folder + "/" + std::string{name}; }
  std::vector<std::string> folders() const { return {folder}; }
  std::string folder;
};

TEST_F(TokenFiles, StandsWhileTheGatewayLives) {
  {
    auto file = TokenFile::write_in(folders(), 8765, "secret");
    ASSERT_TRUE(file.has_value()) << file.error().message;
    struct stat about {};
    ASSERT_EQ(::stat(path("8765.token").c_str(), &about), 0);
    EXPECT_EQ(about.st_mode & 0777, 0600U);
    EXPECT_EQ(*read_run_token_in(folders(), 8765), "secret");
    EXPECT_EQ(read_run_token_in(folders(), 8766).error().code, Code::not_found);
    auto second = TokenFile::write_in(folders(), 8765, "other");
    EXPECT_EQ(second.error().code, Code::conflict);
  }
  EXPECT_FALSE(std::filesystem::exists(path("8765.token")));
  EXPECT_EQ(read_run_token_in(folders(), 8765).error().code, Code::not_found);
}

TEST_F(TokenFiles, ReplacesWhatADeadGatewayLeft) {
  std::ofstream{path("8765.token")} << "stale\n";
  ::chmod(path("8765.token").c_str(), 0600);
  EXPECT_EQ(read_run_token_in(folders(), 8765).error().code, Code::not_found);
  auto file = TokenFile::write_in(folders(), 8765, "fresh");
  ASSERT_TRUE(file.has_value()) << file.error().message;
  EXPECT_EQ(*read_run_token_in(folders(), 8765), "fresh");
}

TEST_F(TokenFiles, FollowsNoLinkAndTrustsNoOtherRights) {
  std::ofstream{path("victim")} << "victim\n";
  ASSERT_EQ(::symlink(path("victim").c_str(), path("1.token").c_str()), 0);
  EXPECT_EQ(TokenFile::write_in(folders(), 1, "secret").error().code, Code::forbidden);
  EXPECT_EQ(read_run_token_in(folders(), 1).error().code, Code::forbidden);
  std::ofstream{path("2.token")} << "readable by all\n";
  ::chmod(path("2.token").c_str(), 0644);
  EXPECT_EQ(read_run_token_in(folders(), 2).error().code, Code::forbidden);
  EXPECT_EQ(TokenFile::write_in(folders(), 2, "secret").error().code, Code::forbidden);
  ::chmod(folder.c_str(), 0777);
  EXPECT_EQ(TokenFile::write_in(folders(), 3, "secret").error().code, Code::forbidden);
  std::ifstream victim{path("victim")};
  std::string text;
  std::getline(victim, text);
  EXPECT_EQ(text, "victim");
}

TEST_F(TokenFiles, TakesTheNextFolderWhenOneCannotBeUsed) {
  std::ofstream{path("file")} << "";
  auto file = TokenFile::write_in({path("file"), folder + "/a/b"}, 5, "secret");
  ASSERT_TRUE(file.has_value()) << file.error().message;
  EXPECT_EQ(file->path(), folder + "/a/b/5.token");
}

TEST_F(TokenFiles, LeavesAFileAloneThatIsNoLongerItsOwn) {
  auto file = TokenFile::write_in(folders(), 8765, "secret");
  ASSERT_TRUE(file.has_value());
  std::filesystem::remove(path("8765.token"));
  std::ofstream{path("8765.token")} << "someone else's\n";
  file->remove();
  EXPECT_TRUE(std::filesystem::exists(path("8765.token")));
}

}  // namespace
}  // namespace patchbay::security
