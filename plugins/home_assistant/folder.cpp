#include "plugins/home_assistant/folder.hpp"
#include "plugins/home_assistant/values.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <spdlog/fmt/fmt.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>

namespace patchbay::home_assistant {
namespace {

constexpr std::size_t longest_name = 255;
constexpr std::size_t most_entries = 20'000;

std::string quoted_path(std::string_view path) { return fmt::format("\"{}\"", path.empty() ? "." : path); }

Error at(Code code, std::string message, std::string_view pointer) {
  return Error{code, std::move(message), std::string{pointer}};
}

// What the kernel's refusal means to the caller.
Error of_errno(int number, std::string_view doing, std::string_view path, std::string_view pointer) {
  auto const name = quoted_path(path);
  switch (number) {
    case ENOENT: return at(Code::not_found, fmt::format("there is no {}", name), pointer);
    case ENOTDIR: return at(Code::not_found, fmt::format("a part of {} is no folder", name), pointer);
    case EXDEV: return at(Code::forbidden, fmt::format("{} leads out of the configured folder", name), pointer);
    case ELOOP:
      return at(Code::forbidden, fmt::format("{} leads through links that cannot be followed", name), pointer);
    case EEXIST: return at(Code::conflict, fmt::format("{} exists already", name), pointer);
    case ENOTEMPTY: return at(Code::conflict, fmt::format("the folder {} is not empty", name), pointer);
    case EISDIR: return at(Code::invalid_argument, fmt::format("{} is a folder", name), pointer);
    case ENAMETOOLONG: return at(Code::invalid_argument, fmt::format("{} is too long a name", name), pointer);
    case EINVAL:
      return at(Code::invalid_argument, fmt::format("cannot {} {}: not possible there", doing, name), pointer);
    case EACCES:
    case EPERM:
    case EROFS:
      return at(Code::forbidden,
                fmt::format("the gateway's user may not {} {}: {}", doing, name, std::strerror(number)), pointer);
    default: return at(Code::internal, fmt::format("cannot {} {}: {}", doing, name, std::strerror(number)), pointer);
  }
}

std::string joined(std::string_view folder, std::string_view name) {
  return folder.empty() ? std::string{name} : fmt::format("{}/{}", folder, name);
}

FileKind kind_of(mode_t mode) {
  if (S_ISREG(mode)) return FileKind::file;
  if (S_ISDIR(mode)) return FileKind::directory;
  return S_ISLNK(mode) ? FileKind::link : FileKind::other;
}

Error not_regular(std::string_view path, FileKind kind, std::string_view pointer) {
  if (kind == FileKind::directory) return of_errno(EISDIR, {}, path, pointer);
  return at(Code::unsupported,
            fmt::format("{} is no regular file; pipes, devices and sockets are left alone", quoted_path(path)),
            pointer);
}

// Names another writer cannot guess; the file is opened with O_EXCL besides.
std::string beside_name() {
  std::random_device source;
  return fmt::format(".patchbay-{:08x}{:08x}", source(), source());
}

// The name that the kernel knows an open file by; empty when it does not tell.
std::string real_name(Descriptor const& opened) {
  std::string out(4096, '\0');
  auto const size = ::readlink(fmt::format("/proc/self/fd/{}", opened.get()).c_str(), out.data(), out.size());
  out.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return out;
}

struct CloseDir {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

int write_all(int file, std::string_view bytes) {
  while (!bytes.empty()) {
    auto const done = ::write(file, bytes.data(), bytes.size());
    if (done < 0 && errno != EINTR) return errno;
    if (done > 0) bytes.remove_prefix(static_cast<std::size_t>(done));
  }
  return 0;
}

}  // namespace

Descriptor::~Descriptor() {
  if (number_ >= 0) ::close(number_);
}

bool is_protected_path(std::string_view path) {
  bool first = true;
  while (!path.empty()) {
    auto const cut = path.find('/');
    auto const name = lower(path.substr(0, cut));
    if (name == ".storage" || name == ".cloud" || name == ".ssh" || name == "secrets.yaml" || name == "secrets.yml")
      return true;
    if (first && name == "backups") return true;  // archives of all of the above
    first = false;
    path = cut == std::string_view::npos ? std::string_view{} : path.substr(cut + 1);
  }
  return false;
}

Result<Folder> Folder::open(std::string root, FolderRules rules) {
  auto refused = [&](std::string_view why) {
    return Error{Code::unavailable, fmt::format("plugins.home_assistant.config_root ({}) {}", root, why)};
  };
  if (root.empty())
    return Error{Code::unavailable,
                 "file tools need plugins.home_assistant.config_root: the folder of Home Assistant's configuration as "
                 "the gateway sees it"};
  if (root[0] != '/') return refused("must be an absolute path");
  Descriptor handle{::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
  if (!handle) return refused(fmt::format("cannot be opened: {}", std::strerror(errno)));
  std::unique_ptr<char, decltype(&std::free)> const real{::realpath(root.c_str(), nullptr), &std::free};
  if (!real) return refused(fmt::format("cannot be resolved: {}", std::strerror(errno)));
  if (std::string_view{real.get()} == "/") return refused("must not be the root of the file system");
  return Folder{std::move(handle), real.get(), rules};
}

Result<std::string> Folder::cleaned(std::string_view path, std::string_view pointer) const {
  if (path.find('\0') != std::string_view::npos)
    return at(Code::invalid_argument, "a path has no NUL character", pointer);
  if (path.starts_with('/')) {
    auto below = [&](std::string_view front) {
      if (!path.starts_with(front) || (path.size() > front.size() && path[front.size()] != '/')) return false;
      path.remove_prefix(front.size());
      return true;
    };
    if (!below(root_) && !below("/config"))
      return at(Code::forbidden,
                fmt::format("{} is outside the configured folder: write paths relative to it, such as "
                            "automations.yaml",
                            quoted_path(path)),
                pointer);
  }
  std::string out;
  while (!path.empty()) {
    auto const cut = path.find('/');
    auto const name = path.substr(0, cut);
    path = cut == std::string_view::npos ? std::string_view{} : path.substr(cut + 1);
    if (name.empty() || name == ".") continue;
    if (name == "..")
      return at(Code::forbidden, "a path must not climb with \"..\": write it relative to the configured folder",
                pointer);
    if (name.size() > longest_name)
      return at(Code::invalid_argument, "a name in the path is longer than 255 bytes", pointer);
    out = joined(out, name);
  }
  return out;
}

Result<Descriptor> Folder::open_beneath(std::string const& path, std::uint64_t flags, std::string_view pointer) const {
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  for (int attempt = 0; attempt < 8; ++attempt) {
    auto const opened = ::syscall(SYS_openat2, handle_.get(), path.empty() ? "." : path.c_str(), &how, sizeof how);
    if (opened >= 0) return Descriptor{static_cast<int>(opened)};
    if (errno != EAGAIN && errno != EINTR) break;  // EAGAIN: a folder on the way was moved meanwhile
  }
  if (errno == ENOSYS)
    return at(Code::unavailable, "file tools need a kernel with openat2 (Linux 5.6 or later)", pointer);
  return of_errno(errno, "open", path, pointer);
}

Result<void> Folder::check_real_name(Descriptor const& opened, std::string_view below, std::string_view pointer) const {
  if (rules_.secrets) return {};
  auto const root = real_name(handle_), real = real_name(opened);
  if (root.empty() || !real.starts_with(root))
    return at(Code::internal, "cannot tell the real name of a file: is /proc mounted?", pointer);
  auto const inside = real.size() > root.size() ? joined(real.substr(root.size() + 1), below) : std::string{below};
  if (!is_protected_path(inside)) return {};
  return at(Code::forbidden,
            fmt::format("{} is protected, since it holds credentials; plugins.home_assistant.allow_secrets: true opens "
                        "it to the file tools",
                        quoted_path(inside)),
            pointer);
}

Result<Descriptor> Folder::open_folder(std::string const& path, std::string_view pointer) const {
  auto folder = open_beneath(path, O_RDONLY | O_DIRECTORY, pointer);
  if (!folder) return folder.error();
  if (auto allowed = check_real_name(*folder, {}, pointer); !allowed) return allowed.error();
  return folder;
}

Result<FileInfo> Folder::look(std::string_view asked, std::string_view pointer) const {
  auto path = cleaned(asked, pointer);
  if (!path) return path.error();
  auto handle = open_beneath(*path, O_PATH, pointer);
  if (!handle) return handle.error();
  if (auto allowed = check_real_name(*handle, {}, pointer); !allowed) return allowed.error();
  struct stat found {};
  if (::fstat(handle->get(), &found) != 0) return of_errno(errno, "look at", *path, pointer);
  FileInfo out;
  out.name = path->substr(path->rfind('/') + 1);
  out.path = std::move(*path);
  out.kind = kind_of(found.st_mode);
  out.size = static_cast<std::uint64_t>(found.st_size);
  out.modified = found.st_mtim.tv_sec;
  out.is_protected = is_protected_path(out.path);
  return out;
}

Result<FileContent> Folder::read(std::string_view asked, std::uint64_t most_bytes, std::string_view pointer) const {
  auto path = cleaned(asked, pointer);
  if (!path) return path.error();
  // Looked at first: opening a pipe or a device may wait, or do something.
  auto handle = open_beneath(*path, O_PATH, pointer);
  if (!handle) return handle.error();
  if (auto allowed = check_real_name(*handle, {}, pointer); !allowed) return allowed.error();
  struct stat found {};
  if (::fstat(handle->get(), &found) != 0) return of_errno(errno, "look at", *path, pointer);
  if (!S_ISREG(found.st_mode)) return not_regular(*path, kind_of(found.st_mode), pointer);
  auto const size = static_cast<std::uint64_t>(found.st_size);
  auto too_large = [&] {
    return at(Code::too_large,
              fmt::format("{} has {} bytes; at most {} are read", quoted_path(*path), size, most_bytes), pointer);
  };
  if (size > most_bytes) return too_large();
  Descriptor file{::open(fmt::format("/proc/self/fd/{}", handle->get()).c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY)};
  if (!file) return of_errno(errno, "read", *path, pointer);
  FileContent out;
  out.bytes.resize(static_cast<std::size_t>(size) + 1);  // one more: a file that grows is noticed
  std::size_t have = 0;
  while (have < out.bytes.size()) {
    auto const got = ::read(file.get(), out.bytes.data() + have, out.bytes.size() - have);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return of_errno(errno, "read", *path, pointer);
    if (got == 0) break;
    have += static_cast<std::size_t>(got);
    if (have == out.bytes.size() && have <= most_bytes)
      out.bytes.resize(std::min<std::size_t>(have * 2, most_bytes + 1));
  }
  if (have > most_bytes) return too_large();
  out.bytes.resize(have);
  out.info.name = path->substr(path->rfind('/') + 1);
  out.info.path = std::move(*path);
  out.info.kind = FileKind::file;
  out.info.size = have;
  out.info.modified = found.st_mtim.tv_sec;
  return out;
}

Result<std::vector<FileInfo>> Folder::list(std::string_view asked, std::string_view pointer) const {
  auto path = cleaned(asked, pointer);
  if (!path) return path.error();
  auto folder = open_folder(*path, pointer);
  if (!folder) return folder.error();
  auto const handle = ::dup(folder->get());
  std::unique_ptr<DIR, CloseDir> const entries{handle >= 0 ? ::fdopendir(handle) : nullptr};
  if (!entries) return of_errno(errno, "list", *path, pointer);
  std::vector<FileInfo> out;
  while (auto const* entry = ::readdir(entries.get())) {
    std::string_view const name = entry->d_name;
    if (name == "." || name == "..") continue;
    struct stat found {};
    if (::fstatat(folder->get(), entry->d_name, &found, AT_SYMLINK_NOFOLLOW) != 0) continue;  // gone meanwhile
    if (out.size() == most_entries)
      return at(Code::too_large, fmt::format("{} has more than {} entries", quoted_path(*path), most_entries), pointer);
    FileInfo info;
    info.name = name;
    info.path = joined(*path, name);
    info.kind = kind_of(found.st_mode);
    info.size = S_ISREG(found.st_mode) ? static_cast<std::uint64_t>(found.st_size) : 0;
    info.modified = found.st_mtim.tv_sec;
    info.is_protected = !rules_.secrets && is_protected_path(info.path);
    out.push_back(std::move(info));
  }
  auto rank = [](FileInfo const& info) { return info.kind == FileKind::directory ? 0 : 1; };
  std::sort(out.begin(), out.end(), [&](FileInfo const& a, FileInfo const& b) {
    return rank(a) != rank(b) ? rank(a) < rank(b) : a.name < b.name;
  });
  return out;
}

Result<bool> Folder::make_folder(std::string_view asked, std::string_view pointer) const {
  auto path = cleaned(asked, pointer);
  if (!path) return path.error();
  bool made = false;
  for (std::size_t at_slash = 0; at_slash != std::string::npos && !path->empty();) {
    at_slash = path->find('/', at_slash == 0 ? 0 : at_slash + 1);
    auto const step = path->substr(0, at_slash);
    auto const cut = step.rfind('/');
    auto const above = cut == std::string::npos ? std::string{} : step.substr(0, cut);
    auto const name = cut == std::string::npos ? step : step.substr(cut + 1);
    auto folder = open_folder(above, pointer);
    if (!folder) return folder.error();
    if (auto allowed = check_real_name(*folder, name, pointer); !allowed) return allowed.error();
    made = ::mkdirat(folder->get(), name.c_str(), 0755) == 0;
    if (!made && errno != EEXIST) return of_errno(errno, "make", step, pointer);
  }
  auto there = open_folder(*path, pointer);
  if (!there && there.error().code == Code::not_found)
    return at(Code::conflict, fmt::format("{} exists and is no folder", quoted_path(*path)), pointer);
  if (!there) return there.error();
  return made;
}

Result<Folder::Parent> Folder::parent_of(std::string const& path, bool make, std::string_view pointer) const {
  if (path.empty())
    return at(Code::invalid_argument, "names the configured folder itself, not something in it", pointer);
  auto const cut = path.rfind('/');
  auto const above = cut == std::string::npos ? std::string{} : path.substr(0, cut);
  auto name = cut == std::string::npos ? path : path.substr(cut + 1);
  for (char c : name)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      return at(Code::invalid_argument, "a file name has no control characters", pointer);
  if (make)
    if (auto made = make_folder(above, pointer); !made) return made.error();
  auto folder = open_folder(above, pointer);
  if (!folder) return folder.error();
  if (auto allowed = check_real_name(*folder, name, pointer); !allowed) return allowed.error();
  return Parent{std::move(*folder), std::move(name)};
}

Result<void> Folder::write(std::string_view asked, std::string_view bytes, WriteRules rules,
                           std::string_view pointer) const {
  auto path = cleaned(asked, pointer);
  if (!path) return path.error();
  auto parent = parent_of(*path, rules.make_parents, pointer);
  if (!parent) return parent.error();
  int const folder = parent->folder.get();
  struct stat old {};
  bool const there = ::fstatat(folder, parent->name.c_str(), &old, AT_SYMLINK_NOFOLLOW) == 0;
  if (there && rules.create_only) return of_errno(EEXIST, {}, *path, pointer);
  if (there && S_ISLNK(old.st_mode))
    return at(Code::unsupported, fmt::format("{} is a link; name the file that it stands for", quoted_path(*path)),
              pointer);
  if (there && !S_ISREG(old.st_mode)) return not_regular(*path, kind_of(old.st_mode), pointer);
  auto const beside = beside_name();
  Descriptor file{::openat(folder, beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600)};
  if (!file) return of_errno(errno, "write", *path, pointer);
  int problem = write_all(file.get(), bytes);
  if (there) {
    // Only root may give a file away; then it stays the gateway's own, readable as before.
    [[maybe_unused]] auto const given = ::fchown(file.get(), old.st_uid, old.st_gid);
  }
  if (problem == 0 && ::fchmod(file.get(), there ? old.st_mode & 07777 : 0644) != 0) problem = errno;
  if (problem == 0 && ::fsync(file.get()) != 0) problem = errno;
  if (problem == 0 &&
      ::renameat2(folder, beside.c_str(), folder, parent->name.c_str(), rules.create_only ? RENAME_NOREPLACE : 0) != 0)
    problem = errno;
  if (problem != 0) {
    ::unlinkat(folder, beside.c_str(), 0);
    return of_errno(problem, "write", *path, pointer);
  }
  ::fsync(folder);
  return {};
}

Result<void> Folder::remove(std::string_view asked, std::string_view pointer) const {
  auto path = cleaned(asked, pointer);
  if (!path) return path.error();
  auto parent = parent_of(*path, false, pointer);
  if (!parent) return parent.error();
  struct stat found {};
  if (::fstatat(parent->folder.get(), parent->name.c_str(), &found, AT_SYMLINK_NOFOLLOW) != 0)
    return of_errno(errno, "delete", *path, pointer);
  if (S_ISDIR(found.st_mode)) return of_errno(EISDIR, {}, *path, pointer);
  if (::unlinkat(parent->folder.get(), parent->name.c_str(), 0) != 0) return of_errno(errno, "delete", *path, pointer);
  ::fsync(parent->folder.get());
  return {};
}

Result<void> Folder::move(std::string_view asked_source, std::string_view asked_destination, bool overwrite) const {
  auto source = cleaned(asked_source, "/source");
  if (!source) return source.error();
  auto destination = cleaned(asked_destination, "/destination");
  if (!destination) return destination.error();
  auto from = parent_of(*source, false, "/source");
  if (!from) return from.error();
  struct stat moving {};
  if (::fstatat(from->folder.get(), from->name.c_str(), &moving, AT_SYMLINK_NOFOLLOW) != 0)
    return of_errno(errno, "move", *source, "/source");
  auto to = parent_of(*destination, true, "/destination");
  if (!to) return to.error();
  struct stat there {};
  if (overwrite && ::fstatat(to->folder.get(), to->name.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0 &&
      (!S_ISREG(there.st_mode) || !S_ISREG(moving.st_mode)))
    return at(Code::conflict, fmt::format("{} exists; only a file replaces a file", quoted_path(*destination)),
              "/destination");
  if (::renameat2(from->folder.get(), from->name.c_str(), to->folder.get(), to->name.c_str(),
                  overwrite ? 0 : RENAME_NOREPLACE) != 0) {
    if (errno == EXDEV)
      return at(Code::unsupported, "source and destination are on different file systems: copy, then delete",
                "/destination");
    return of_errno(errno, "move to", *destination, "/destination");
  }
  ::fsync(from->folder.get());
  ::fsync(to->folder.get());
  return {};
}

}  // namespace patchbay::home_assistant
