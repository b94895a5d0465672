#include "core/metrics/process.hpp"

#include <dirent.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

namespace patchbay::metrics {
namespace {

std::string read_file(char const* path) {
  std::ifstream file{path};
  return {std::istreambuf_iterator<char>{file}, {}};
}

// When the machine came up, in seconds since 1970.
std::optional<double> boot_time() {
  auto const text = read_file("/proc/stat");
  auto const at = text.find("\nbtime ");
  if (at == std::string::npos) return std::nullopt;
  return std::strtod(text.c_str() + at + 7, nullptr);
}

std::optional<std::uint64_t> count_fds() {
  // Since Linux 6.2 the folder's size is their number, which spares listing thousands of them.
  struct stat folder {};
  if (::stat("/proc/self/fd", &folder) == 0 && folder.st_size > 0) return static_cast<std::uint64_t>(folder.st_size);
  auto* const list = ::opendir("/proc/self/fd");
  if (list == nullptr) return std::nullopt;
  std::uint64_t count = 0;
  while (auto const* entry = ::readdir(list))
    if (entry->d_name[0] != '.') ++count;
  ::closedir(list);
  return count - 1;  // without the one that listed them
}

}  // namespace

ProcessFigures read_process() {
  ProcessFigures out;
  timespec used{};
  if (::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) == 0)
    out.cpu_seconds = static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;

  // After the program's name, which may hold anything, the fields of proc(5) from the third on.
  auto const status = read_file("/proc/self/stat");
  if (auto const name_end = status.rfind(')'); name_end != std::string::npos) {
    std::istringstream fields{status.substr(name_end + 1)};
    std::array<std::string, 22> field;  // field[0] is the third
    for (auto& one : field) fields >> one;
    if (fields) {
      out.threads = std::strtoull(field[17].c_str(), nullptr, 10);
      out.virtual_bytes = std::strtoull(field[20].c_str(), nullptr, 10);
      out.resident_bytes =
          std::strtoull(field[21].c_str(), nullptr, 10) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
      static auto const booted = boot_time();
      if (booted)
        out.start_time_seconds =
            *booted + std::strtod(field[19].c_str(), nullptr) / static_cast<double>(::sysconf(_SC_CLK_TCK));
    }
  }
  out.open_fds = count_fds();
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) out.max_fds = limit.rlim_cur;
  return out;
}

}  // namespace patchbay::metrics
