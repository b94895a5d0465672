// TokenFile: the admin token of one run, where the command line finds it.
//
//   auto file = TokenFile::write(8765, token, state_folder);   // the gateway, once its port is bound; removed with it
//   Result<std::string> token = read_run_token(8765);          // the command line
//
// Stands in $XDG_RUNTIME_DIR/patchbay, else /run/patchbay, else the state folder (by default $STATE_DIRECTORY,
// $XDG_STATE_HOME/patchbay, ~/.local/state/patchbay or /var/lib/patchbay), as <port>.token, mode 0600, made with O_EXCL
// and O_NOFOLLOW in a folder that only its owner can write. A lock on the file tells a living gateway's from one that a
// crash left behind: only the latter is replaced. Blocks for a few file operations; any thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"

namespace patchbay::security {

class TokenFile {
 public:
  TokenFile() = default;
  ~TokenFile() { remove(); }
  TokenFile(TokenFile&& other) noexcept;
  TokenFile& operator=(TokenFile&& other) noexcept;

  // Errors: conflict when a living gateway holds the file of this port, forbidden when no folder can be used.
  static Result<TokenFile> write(std::uint16_t port, std::string_view token,
                                 std::filesystem::path const& state_folder = {});
  static Result<TokenFile> write_in(std::vector<std::string> const& folders, std::uint16_t port,
                                    std::string_view token);

  // Also done by the destructor. Leaves a file alone that is no longer ours.
  void remove();
  std::string const& path() const { return path_; }

 private:
  std::string path_;
  int fd_ = -1;
};

// Where token files may stand, best first, by the environment of this process.
std::vector<std::string> token_folders(std::filesystem::path const& state_folder = {});

// Errors: not_found when no gateway of ours runs on that port, forbidden when the file could be another user's.
Result<std::string> read_run_token(std::uint16_t port);
Result<std::string> read_run_token_in(std::vector<std::string> const& folders, std::uint16_t port);

}  // namespace patchbay::security
