// Folder: files beneath one root, and nothing else. Every path is resolved by the kernel with openat2(RESOLVE_BENEATH),
// so neither "..", nor a link, nor a link that is exchanged at the right moment leads out.
//
//   auto folder = Folder::open("/config", {.secrets = false});
//   auto file = folder->read("automations.yaml", 1 << 20);               // {bytes, info}
//   auto done = folder->write("www/note.txt", "text", {.create_only = true});
//
// Only regular files are read and written; what is neither file nor folder (FIFO, device, socket) is looked at without
// being opened. Links beneath the root are followed when reading; a link is never written through. What holds
// credentials (.storage, .cloud, .ssh, backups, secrets.yaml) is refused unless the rules allow it, by the name the
// opened file really has. A write goes to a file beside, is synced and then renamed, so that a crash leaves the old or
// the new content; mode and owner of a replaced file stay.
//
// Paths are relative to the root; the root itself or "/config" in front of one is taken off. Errors: invalid_argument
// (no such path can be), forbidden (leads out, or is protected), not_found, conflict, too_large, unsupported (not a
// regular file), internal (the disk), at the pointer given. Blocks for the time the disk takes; any one thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "plugins/home_assistant/basics.hpp"

namespace patchbay::home_assistant {

// A file descriptor that is closed with its owner.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  Descriptor(Descriptor const&) = delete;
  Descriptor& operator=(Descriptor const&) = delete;
  ~Descriptor();
  int get() const { return number_; }
  explicit operator bool() const { return number_ >= 0; }

 private:
  int number_ = -1;
};

enum class FileKind : std::uint8_t { file, directory, link, other };

struct FileInfo {
  std::string name;
  std::string path;  // relative to the root, as it was asked for
  FileKind kind = FileKind::other;
  std::uint64_t size = 0;
  std::int64_t modified = 0;  // seconds since 1970
  bool is_protected = false;
};
struct FileContent {
  std::string bytes;
  FileInfo info;
};
struct FolderRules {
  bool secrets = false;  // whether protected files may be touched
};
struct WriteRules {
  bool create_only = false;
  bool make_parents = true;
};

class Folder {
 public:
  // Errors: unavailable with the reason.
  static Result<Folder> open(std::string root, FolderRules rules);

  std::string const& root() const { return root_; }
  // The path as its components joined by "/"; "" for the root.
  Result<std::string> cleaned(std::string_view path, std::string_view pointer) const;

  Result<FileContent> read(std::string_view path, std::uint64_t most_bytes, std::string_view pointer) const;
  Result<FileInfo> look(std::string_view path, std::string_view pointer) const;
  // What is directly inside, sorted by kind (folders first) and name.
  Result<std::vector<FileInfo>> list(std::string_view path, std::string_view pointer) const;

  Result<void> write(std::string_view path, std::string_view bytes, WriteRules rules, std::string_view pointer) const;
  // True when it was made, false when it was there.
  Result<bool> make_folder(std::string_view path, std::string_view pointer) const;
  Result<void> remove(std::string_view path, std::string_view pointer) const;
  // A destination that exists is replaced only when told, and only a file by a file.
  Result<void> move(std::string_view source, std::string_view destination, bool overwrite) const;

 private:
  Folder(Descriptor root, std::string path, FolderRules rules)
      : handle_(std::move(root)), root_(std::move(path)), rules_(rules) {}
  struct Parent {
    Descriptor folder;
    std::string name;
  };
  Result<Descriptor> open_beneath(std::string const& path, std::uint64_t flags, std::string_view pointer) const;
  Result<Descriptor> open_folder(std::string const& path, std::string_view pointer) const;
  Result<Parent> parent_of(std::string const& path, bool make, std::string_view pointer) const;
  // Refuses what is protected by the name that the kernel knows the descriptor by.
  Result<void> check_real_name(Descriptor const& opened, std::string_view below, std::string_view pointer) const;

  Descriptor handle_;
  std::string root_;
  FolderRules rules_;
};

// Whether a path relative to the root is one of those that hold credentials.
bool is_protected_path(std::string_view path);

}  // namespace patchbay::home_assistant

template <>
struct patchbay::EnumNames<patchbay::home_assistant::FileKind> {
  using K = home_assistant::FileKind;
  static constexpr std::array names{
      std::pair{std::string_view{"file"}, K::file}, std::pair{std::string_view{"directory"}, K::directory},
      std::pair{std::string_view{"link"}, K::link}, std::pair{std::string_view{"other"}, K::other}};
};
