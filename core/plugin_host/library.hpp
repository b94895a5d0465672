// Library: a plugin file that has been checked, copied aside and mapped, and what its record says. Nothing of it has
// been called yet.
//
//   Result<std::shared_ptr<Library const>> library = Library::open(directory, "libpatchbay_echo.so", copies);
//
// open() blocks (disk, dynamic loader, the library's static initialisers): call it on the blocking pool. A library
// stays mapped until the process ends, since thread-locals and exit handlers outlive its last instance. The file is
// copied into `copies` first: the loader then sees a new library each time, and the file may be overwritten while it
// runs.
#pragma once

#include <filesystem>
#include <memory>

#include "core/base/operation_table.hpp"
#include "plugins/abi/patchbay_plugin.h"

namespace patchbay::plugin_host {

struct LibraryOperation {
  OperationInfo info;
  bool is_inline = false;
};

class Library {
 public:
  // The file's name within the folder, such as libpatchbay_echo.so. Errors: not_found; forbidden for a file or folder
  // that others may write; unsupported for another version of the contract; invalid_argument for a record with a
  // mistake.
  static Result<std::shared_ptr<Library const>> open(std::filesystem::path const& directory, std::string const& file,
                                                     std::filesystem::path const& copies);
  // Changes with the file; empty when there is none.
  static std::string stamp(std::filesystem::path const& path);
  // The checks on a folder alone.
  static Result<void> check_directory(std::filesystem::path const& directory);

  pb_plugin const& record() const { return *record_; }
  std::string const& file() const { return file_; }
  std::string const& stamp() const { return stamp_; }
  std::string const& id() const { return id_; }
  std::string const& name() const { return name_; }
  std::string const& interface() const { return interface_; }
  std::string const& prefix() const { return prefix_; }
  std::string const& version() const { return version_; }
  std::vector<LibraryOperation> const& operations() const { return operations_; }

 private:
  Library() = default;
  Result<void> read_record();
  Result<void> read_operation(pb_operation const& raw);

  pb_plugin const* record_ = nullptr;
  std::string file_, stamp_, id_, name_, interface_, prefix_, version_;
  std::vector<LibraryOperation> operations_;
};

// Compares "1.10.0" with "1.9": by numbers, missing ones are 0. Negative, 0, positive.
int compare_versions(std::string_view a, std::string_view b);

}  // namespace patchbay::plugin_host
