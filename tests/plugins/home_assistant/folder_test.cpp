// Files beneath a root: what hostile paths, links and kinds of files come to, and that writes are whole.
#include "plugins/home_assistant/folder.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "plugins/home_assistant/encoding.hpp"

namespace patchbay::home_assistant {
namespace {

namespace fs = std::filesystem;

class FolderTest : public testing::Test {
 protected:
  FolderTest() : base_(make()), root_(base_ / "root") {
    fs::create_directories(root_ / "sub");
    fs::create_directories(base_ / "root2");
    put(base_ / "outside.txt", "outside");
    put(base_ / "root2" / "f.txt", "sibling");
    put(root_ / "a.txt", "inside");
    auto opened = Folder::open(root_.string(), {});
    if (opened) folder_.emplace(std::move(*opened));
  }
  ~FolderTest() override { fs::remove_all(base_); }
  static fs::path make() {
    std::string path = fs::temp_directory_path() / "patchbay-folder-XXXXXX";
    return fs::canonical(::mkdtemp(path.data()));
  }
  static void put(fs::path const& path, std::string_view text) {
    std::ofstream out{path, std::ios::binary};
    out << text;
  }
  static std::string get(fs::path const& path) {
    std::ifstream in{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{in}, {}};
  }
  Code read_code(std::string_view path) {
    auto got = folder_->read(path, 1 << 20, "/p");
    return got ? Code{} : got.error().code;
  }
  Code write_code(std::string_view path, WriteRules rules = {}) {
    auto done = folder_->write(path, "new", rules, "/p");
    return done ? Code{} : done.error().code;
  }
  fs::path base_, root_;
  std::optional<Folder> folder_;
};

TEST_F(FolderTest, ReadsWhatIsInside) {
  auto got = folder_->read("a.txt", 1 << 20, "/p");
  ASSERT_TRUE(got.has_value()) << got.error().message;
  EXPECT_EQ(got->bytes, "inside");
  for (auto const* path : {"./a.txt", "sub//../a.txt", "/config/a.txt"})
    EXPECT_EQ(read_code(path), std::string_view{path}.find("..") == std::string_view::npos ? Code{} : Code::forbidden);
  EXPECT_EQ(read_code((root_ / "a.txt").string()), Code{});
  EXPECT_EQ(read_code("missing.txt"), Code::not_found);
  EXPECT_EQ(read_code("a.txt/x"), Code::not_found);
  EXPECT_EQ(read_code("sub"), Code::invalid_argument);
}

TEST_F(FolderTest, NothingLeadsOut) {
  fs::create_symlink(base_ / "outside.txt", root_ / "link");
  fs::create_symlink("../outside.txt", root_ / "relative");
  fs::create_symlink(base_, root_ / "up");
  fs::create_symlink("/proc/self/root", root_ / "magic");
  fs::create_symlink("loop", root_ / "loop");
  for (auto const* path : {"../outside.txt", "../root2/f.txt", "sub/../../outside.txt", "/etc/passwd", "link",
                           "relative", "up/outside.txt", "magic/etc/passwd", "loop", "/configx/a.txt"}) {
    EXPECT_EQ(read_code(path), Code::forbidden) << path;
    EXPECT_NE(write_code(path), Code{}) << path;
  }
  EXPECT_EQ(get(base_ / "outside.txt"), "outside");
  EXPECT_EQ(read_code(std::string_view{"a.txt\0x", 7}), Code::invalid_argument);
  EXPECT_EQ(read_code(std::string(300, 'x')), Code::invalid_argument);
  EXPECT_FALSE(folder_->list("up", "/p").has_value());
  EXPECT_FALSE(folder_->make_folder("up/new", "/p").has_value());
  EXPECT_FALSE(folder_->remove("up/outside.txt", "/p").has_value());
  EXPECT_FALSE(folder_->move("a.txt", "up/a.txt", false).has_value());
  EXPECT_FALSE(folder_->move("up/outside.txt", "b.txt", false).has_value());
}

TEST_F(FolderTest, LinksInsideAreReadAndNotWrittenThrough) {
  fs::create_symlink("a.txt", root_ / "link");
  fs::create_symlink("sub", root_ / "folder");
  EXPECT_EQ(read_code("link"), Code{});
  EXPECT_EQ(write_code("link"), Code::unsupported);
  EXPECT_EQ(write_code("folder/new.txt"), Code{});
  EXPECT_EQ(get(root_ / "sub" / "new.txt"), "new");
  ASSERT_TRUE(folder_->remove("link", "/p").has_value());  // the link, not what it stands for
  EXPECT_EQ(get(root_ / "a.txt"), "inside");
}

TEST_F(FolderTest, WhatHoldsCredentialsIsRefusedByItsRealName) {
  fs::create_directories(root_ / ".storage");
  fs::create_directories(root_ / "backups");
  put(root_ / ".storage" / "auth", "secret");
  put(root_ / "secrets.yaml", "key: secret");
  put(root_ / "backups" / "b.tar", "secret");
  fs::create_symlink(".storage", root_ / "harmless");
  fs::create_symlink("secrets.yaml", root_ / "harmless.yaml");
  for (auto const* path : {".storage/auth", "secrets.yaml", "Secrets.YAML", "harmless/auth", "harmless.yaml",
                           "sub/secrets.yaml", "backups/b.tar", ".storage"}) {
    EXPECT_NE(read_code(path), Code{}) << path;
    EXPECT_NE(write_code(path), Code{}) << path;
    if (std::string_view{path} == "harmless.yaml") continue;  // a link itself holds nothing
    EXPECT_FALSE(folder_->remove(path, "/p").has_value()) << path;
    EXPECT_FALSE(folder_->move(path, "x", false).has_value()) << path;
  }
  EXPECT_EQ(read_code("harmless/auth"), Code::forbidden);
  EXPECT_EQ(get(root_ / ".storage" / "auth"), "secret");
  auto listed = folder_->list("", "/p");
  ASSERT_TRUE(listed.has_value());
  for (auto const& one : *listed)
    EXPECT_EQ(one.is_protected, one.name == ".storage" || one.name == "backups" || one.name == "secrets.yaml")
        << one.name;
  auto open = Folder::open(root_.string(), {.secrets = true});
  ASSERT_TRUE(open.has_value());
  EXPECT_TRUE(open->read(".storage/auth", 100, "/p").has_value());
}

TEST_F(FolderTest, PipesSocketsAndDevicesAreNotOpened) {
  ASSERT_EQ(::mkfifo((root_ / "pipe").c_str(), 0600), 0);
  int const socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  auto const path = (root_ / "socket").string();
  ASSERT_LT(path.size(), sizeof address.sun_path);
  path.copy(address.sun_path, path.size());
  ASSERT_EQ(::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  for (auto const* name : {"pipe", "socket"}) {
    EXPECT_EQ(read_code(name), Code::unsupported) << name;  // and it comes back at once
    EXPECT_EQ(write_code(name), Code::unsupported) << name;
  }
  if (::mknod((root_ / "device").c_str(), S_IFCHR | 0600, static_cast<dev_t>(0x105)) == 0) {  // /dev/zero, for root
    EXPECT_EQ(read_code("device"), Code::unsupported);
    EXPECT_EQ(write_code("device"), Code::unsupported);
  }
  ::close(socket);
}

TEST_F(FolderTest, HugeFilesAreRefusedUnread) {
  int const file = ::open((root_ / "huge").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  ASSERT_EQ(::ftruncate(file, off_t{1} << 40), 0);
  ::close(file);
  EXPECT_EQ(read_code("huge"), Code::too_large);
  auto exact = folder_->read("a.txt", 6, "/p");
  EXPECT_TRUE(exact.has_value());
  EXPECT_EQ(folder_->read("a.txt", 5, "/p").error().code, Code::too_large);
}

TEST_F(FolderTest, AFileWithoutASizeIsReadToItsEnd) {
  fs::create_directories(root_ / "proc");
  auto open = Folder::open("/proc", {});
  ASSERT_TRUE(open.has_value());
  auto got = open->read("version", 1 << 20, "/p");  // fstat says 0 bytes
  ASSERT_TRUE(got.has_value()) << got.error().message;
  EXPECT_TRUE(got->bytes.starts_with("Linux"));
  EXPECT_EQ(open->read("version", 3, "/p").error().code, Code::too_large);
}

TEST_F(FolderTest, AWriteKeepsTheModeAndLeavesNothingBeside) {
  ::chmod((root_ / "a.txt").c_str(), 0640);
  ASSERT_TRUE(folder_->write("a.txt", "changed", {}, "/p").has_value());
  EXPECT_EQ(get(root_ / "a.txt"), "changed");
  struct stat found {};
  ASSERT_EQ(::stat((root_ / "a.txt").c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777, 0640U);
  EXPECT_EQ(write_code("a.txt", {.create_only = true}), Code::conflict);
  EXPECT_EQ(write_code("deep/er/new.txt"), Code{});
  EXPECT_EQ(write_code("none/new.txt", {.make_parents = false}), Code::not_found);
  EXPECT_EQ(write_code("bad\nname"), Code::invalid_argument);
  EXPECT_EQ(write_code("sub"), Code::invalid_argument);
  EXPECT_EQ(write_code(""), Code::invalid_argument);
  for (auto const& entry : fs::recursive_directory_iterator{root_})
    EXPECT_FALSE(entry.path().filename().string().starts_with(".patchbay")) << entry.path();
}

TEST_F(FolderTest, FoldersAreMadeListedAndMoved) {
  EXPECT_TRUE(*folder_->make_folder("x/y/z", "/p"));
  EXPECT_FALSE(*folder_->make_folder("x/y", "/p"));
  EXPECT_EQ(folder_->make_folder("a.txt", "/p").error().code, Code::conflict);
  ASSERT_TRUE(folder_->move("a.txt", "x/y/b.txt", false).has_value());
  auto listed = folder_->list("x/y", "/p");
  ASSERT_TRUE(listed.has_value());
  ASSERT_EQ(listed->size(), 2U);
  EXPECT_EQ(listed->at(0).name, "z");
  EXPECT_EQ(listed->at(1).path, "x/y/b.txt");
  put(root_ / "c.txt", "c");
  EXPECT_EQ(folder_->move("c.txt", "x/y/b.txt", false).error().code, Code::conflict);
  ASSERT_TRUE(folder_->move("c.txt", "x/y/b.txt", true).has_value());
  EXPECT_EQ(get(root_ / "x/y/b.txt"), "c");
  EXPECT_EQ(folder_->move("x/y/b.txt", "x/y/z", true).error().code, Code::conflict);
  EXPECT_EQ(folder_->remove("x/y/z", "/p").error().code, Code::invalid_argument);
}

// One thread exchanges a folder for a link out of the root, as fast as it can; no read may ever see the outside.
TEST_F(FolderTest, ALinkExchangedMeanwhileNeverLeadsOut) {
  fs::create_directories(base_ / "evil");
  put(base_ / "evil" / "f.txt", "outside");
  fs::create_directories(root_ / "dir");
  put(root_ / "dir" / "f.txt", "inside");
  fs::create_symlink(base_ / "evil", root_ / "other");
  std::atomic<bool> stop{false};
  std::thread swapper{[&] {
    while (!stop) ::renameat2(AT_FDCWD, (root_ / "dir").c_str(), AT_FDCWD, (root_ / "other").c_str(), RENAME_EXCHANGE);
  }};
  int inside = 0, refused = 0;
  for (int i = 0; i < 20'000; ++i) {
    auto got = folder_->read("dir/f.txt", 100, "/p");
    inside += got ? 1 : 0;
    refused += got ? 0 : 1;
    ASSERT_EQ(got ? got->bytes : "inside", "inside");
    if (i % 20 == 0) {
      auto const written = folder_->write("dir/w.txt", "w", {.make_parents = false}, "/p");
      static_cast<void>(written);
    }
  }
  stop = true;
  swapper.join();
  EXPECT_FALSE(fs::exists(base_ / "evil" / "w.txt"));
  EXPECT_GT(inside + refused, 0);
}

TEST(FolderOpen, SaysWhyThereIsNone) {
  EXPECT_EQ(Folder::open("", {}).error().code, Code::unavailable);
  EXPECT_NE(Folder::open("", {}).error().message.find("config_root"), std::string::npos);
  EXPECT_EQ(Folder::open("relative", {}).error().code, Code::unavailable);
  EXPECT_EQ(Folder::open("/", {}).error().code, Code::unavailable);
  EXPECT_EQ(Folder::open("/nowhere/at/all", {}).error().code, Code::unavailable);
}

TEST(Encoding, GoesBothWays) {
  for (std::string_view bytes : {"", "a", "ab", "abc", "\xff\x00\xfe"}) {
    auto back = from_base64(base64_of(bytes));
    ASSERT_TRUE(back.has_value());
    EXPECT_EQ(*back, bytes);
  }
  EXPECT_EQ(base64_of("ab"), "YWI=");
  EXPECT_FALSE(from_base64("abc").has_value());
  EXPECT_FALSE(from_base64("a*==").has_value());
  EXPECT_EQ(content_hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace patchbay::home_assistant
