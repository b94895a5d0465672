#include "core/security/token_file.hpp"

#include <fcntl.h>
#include <spdlog/fmt/fmt.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <system_error>
#include <utility>

namespace patchbay::security {
namespace {

std::string reason() { return std::generic_category().message(errno); }

std::string environment(char const* name) {
  char const* value = std::getenv(name);
  return value != nullptr && value[0] == '/' ? std::string{value} : std::string{};
}

// Makes the folder (and its parent, for the state folder) and opens it; -1 when it cannot be used safely.
int open_folder(std::string const& folder, bool make) {
  if (make) {
    for (auto slash = folder.find('/', 1); slash != std::string::npos; slash = folder.find('/', slash + 1))
      ::mkdir(folder.substr(0, slash).c_str(), 0700);
    ::mkdir(folder.c_str(), 0700);
  }
  int const fd = ::open(folder.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return -1;
  struct stat about {};
  bool const ours = ::fstat(fd, &about) == 0 && (about.st_uid == ::geteuid() || about.st_uid == 0) &&
                    (about.st_mode & (S_IWGRP | S_IWOTH)) == 0;
  if (ours) return fd;
  ::close(fd);
  errno = EPERM;
  return -1;
}

std::string name_of(std::uint16_t port) { return fmt::format("{}.token", port); }

// Opens an existing token file, if it is a plain one of ours.
int open_existing(int folder, std::string const& name) {
  int const fd = ::openat(folder, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return -1;
  struct stat about {};
  if (::fstat(fd, &about) == 0 && S_ISREG(about.st_mode) && about.st_uid == ::geteuid() &&
      (about.st_mode & (S_IRWXG | S_IRWXO)) == 0)
    return fd;
  ::close(fd);
  errno = EPERM;
  return -1;
}

}  // namespace

TokenFile::TokenFile(TokenFile&& other) noexcept
    : path_(std::exchange(other.path_, {})), fd_(std::exchange(other.fd_, -1)) {}

TokenFile& TokenFile::operator=(TokenFile&& other) noexcept {
  if (this != &other) {
    remove();
    path_ = std::exchange(other.path_, {});
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

std::vector<std::string> token_folders(std::filesystem::path const& state_folder) {
  std::vector<std::string> out;
  if (auto runtime = environment("XDG_RUNTIME_DIR"); !runtime.empty()) out.push_back(runtime + "/patchbay");
  out.emplace_back("/run/patchbay");
  if (!state_folder.empty()) {
    out.push_back(state_folder.string());
    return out;
  }
  if (auto given = environment("STATE_DIRECTORY"); !given.empty()) out.push_back(given);
  if (auto given = environment("XDG_STATE_HOME"); !given.empty())
    out.push_back(given + "/patchbay");
  else if (auto home = environment("HOME"); !home.empty())
    out.push_back(home + "/.local/state/patchbay");
  out.emplace_back("/var/lib/patchbay");
  return out;
}

Result<TokenFile> TokenFile::write(std::uint16_t port, std::string_view token,
                                   std::filesystem::path const& state_folder) {
  return write_in(token_folders(state_folder), port, token);
}

Result<TokenFile> TokenFile::write_in(std::vector<std::string> const& folders, std::uint16_t port,
                                      std::string_view token) {
  auto const name = name_of(port);
  std::string why = "no folder to write it to: set XDG_RUNTIME_DIR or HOME";
  for (auto const& folder : folders) {
    int const at = open_folder(folder, true);
    if (at < 0) {
      why = fmt::format("{}: {}", folder, reason());
      continue;
    }
    // A file that a dead gateway left: its lock is free. Taking the lock before removing it keeps two starting
    // gateways from removing each other's.
    if (int const old = open_existing(at, name); old >= 0) {
      bool const dead = ::flock(old, LOCK_EX | LOCK_NB) == 0;
      if (dead) ::unlinkat(at, name.c_str(), 0);
      ::close(old);
      if (!dead) {
        ::close(at);
        return Error{Code::conflict,
                     fmt::format("another gateway of this user runs on port {} and holds {}/{}", port, folder, name)};
      }
    }
    int const fd = ::openat(at, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0) {
      why = fmt::format("{}/{}: {}", folder, name, reason());
      ::close(at);
      continue;
    }
    auto const text = std::string{token} + "\n";
    bool const good = ::flock(fd, LOCK_EX | LOCK_NB) == 0 && ::fchmod(fd, 0600) == 0 &&
                      ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
    if (!good) {
      why = fmt::format("{}/{}: {}", folder, name, reason());
      ::unlinkat(at, name.c_str(), 0);
      ::close(fd);
      ::close(at);
      continue;
    }
    ::close(at);
    TokenFile out;
    out.path_ = folder + "/" + name;
    out.fd_ = fd;
    return out;
  }
  return Error{Code::forbidden, "the token file cannot be written: " + why};
}

void TokenFile::remove() {
  if (fd_ < 0) return;
  struct stat ours {
  }, there{};
  if (::fstat(fd_, &ours) == 0 && ::lstat(path_.c_str(), &there) == 0 && ours.st_ino == there.st_ino &&
      ours.st_dev == there.st_dev)
    ::unlink(path_.c_str());
  ::close(fd_);
  fd_ = -1;
  path_.clear();
}

Result<std::string> read_run_token(std::uint16_t port) { return read_run_token_in(token_folders(), port); }

Result<std::string> read_run_token_in(std::vector<std::string> const& folders, std::uint16_t port) {
  auto const name = name_of(port);
  for (auto const& folder : folders) {
    int const at = open_folder(folder, false);
    if (at < 0) continue;
    int const fd = open_existing(at, name);
    auto const problem = errno;
    ::close(at);
    if (fd < 0) {
      if (problem == EPERM || problem == ELOOP)
        return Error{Code::forbidden,
                     fmt::format("{}/{} is no file of this user with mode 0600; it is not trusted", folder, name)};
      continue;
    }
    bool const stale = ::flock(fd, LOCK_SH | LOCK_NB) == 0;
    char text[256];
    auto const size = ::read(fd, text, sizeof text);
    ::close(fd);
    if (stale || size <= 1) continue;
    std::string_view token{text, static_cast<std::size_t>(size)};
    return std::string{token.substr(0, token.find('\n'))};
  }
  return Error{Code::not_found,
               fmt::format("no gateway of this user runs on port {}: there is no token file of it", port)};
}

}  // namespace patchbay::security
