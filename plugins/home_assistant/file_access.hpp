// Files: the one way in which file tools read and change what is beneath config_root: the folder is opened when first
// needed, a change keeps what it replaces or removes as a version of kind "file", and compares the hash that the caller
// expects.
//
//   auto folder = self.files().folder();
//   if (!folder) return folder.error();                                   // unavailable: none is configured
//   auto done = self.files().write({.path = path, .bytes = text, .tool = "ha_write_file", .expected_hash = hash});
//
// A kept version's `config` is the content as a JSON string, or {"base64": ...} where it is not UTF-8; its `record` is
// {"path": ...}. On the plugin's thread; blocks for the time the disk takes.
#pragma once

#include <optional>

#include "plugins/home_assistant/folder.hpp"
#include "plugins/home_assistant/settings.hpp"
#include "plugins/home_assistant/version_store.hpp"

namespace patchbay::home_assistant {

inline constexpr std::uint64_t most_file_bytes = std::uint64_t{1} << 20;     // read or written by a tool
inline constexpr std::uint64_t most_version_bytes = std::uint64_t{4} << 20;  // kept as a version

struct FileChange {
  std::string path;
  std::string bytes;
  std::string tool;
  std::optional<std::string> expected_hash;
  bool create_only = false;
  bool keep = true;  // what was there, as a version
  std::string_view pointer = "/file_path";
};
struct FileWritten {
  std::string path;
  bool created = false;
  std::optional<std::string> previous_hash;
  std::string hash;
  std::optional<std::string> version;  // under which the old content is kept
  std::uint64_t size = 0;
};
struct FileRemoved {
  std::string path;
  std::string previous_hash;
  std::optional<std::string> version;
};

class Files {
 public:
  Files(Settings const& settings, VersionStore& versions) : settings_(settings), versions_(versions) {}

  // Errors: unavailable.
  Result<Folder const*> folder();
  Result<FileWritten> write(FileChange change);
  // `even_unkept`: also a file that is too large to be kept.
  Result<FileRemoved> remove(FileChange change, bool even_unkept);
  // The content of a kept version, as `config` tells it. Errors: internal.
  static Result<std::string> content_of(std::string_view config);
  // Keeps what is at the path under it; nothing when nothing is there. Errors: too_large.
  Result<std::optional<std::string>> keep(std::string_view path, std::string_view tool, std::string_view pointer);

 private:
  Result<std::string> keep_content(FileContent const& old, std::string_view tool);

  Settings const& settings_;
  VersionStore& versions_;
  std::optional<Folder> folder_;
};

// A file named .yaml, .yml or .json must be readable as such; Home Assistant's own tags are. Errors: invalid_argument
// with line and column.
Result<void> check_file_text(std::string_view path, std::string_view text, std::string_view pointer);

// The name under which versions of a file are kept: its path, shortened where a file name would be too long.
std::string version_name_of(std::string_view path);

}  // namespace patchbay::home_assistant
