#include "core/plugin_host/elf_check.hpp"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <vector>

namespace patchbay::plugin_host {
namespace {

using Header = ElfW(Ehdr);
using Segment = ElfW(Phdr);

bool read_at(int fd, void* into, std::size_t size, std::uint64_t offset) {
  return ::pread(fd, into, size, static_cast<off_t>(offset)) == static_cast<ssize_t>(size);
}

// Of this very program: what the machine runs.
Header const& own_header() {
  static Header const header = [] {
    Header out{};
    int const fd = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
      if (!read_at(fd, &out, sizeof out, 0)) out = {};
      ::close(fd);
    }
    return out;
  }();
  return header;
}

}  // namespace

Result<void> check_elf(int fd) {
  auto wrong = [](char const* what) { return Error{Code::unsupported, what}; };
  struct stat status {};
  Header header{};
  if (::fstat(fd, &status) != 0 || !read_at(fd, &header, sizeof header, 0) ||
      std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
    return wrong("it is not an ELF file");
  auto const& own = own_header();
  if (header.e_ident[EI_CLASS] != own.e_ident[EI_CLASS] || header.e_ident[EI_DATA] != own.e_ident[EI_DATA] ||
      header.e_machine != own.e_machine)
    return wrong("it was built for another kind of machine");
  if (header.e_type != ET_DYN) return wrong("it is not a shared object: link it with -shared");
  if (header.e_phentsize != sizeof(Segment) || header.e_phnum == 0) return wrong("it has no segments to load");

  auto const size = static_cast<std::uint64_t>(status.st_size);
  auto fits = [size](std::uint64_t offset, std::uint64_t length) { return offset <= size && length <= size - offset; };
  char const* const cut_off = "it is cut off: the file ends before what its headers promise";
  if (!fits(header.e_shoff, std::uint64_t{header.e_shnum} * header.e_shentsize)) return wrong(cut_off);
  if (!fits(header.e_phoff, std::uint64_t{header.e_phnum} * sizeof(Segment))) return wrong(cut_off);
  std::vector<Segment> segments(header.e_phnum);
  if (!read_at(fd, segments.data(), segments.size() * sizeof(Segment), header.e_phoff)) return wrong(cut_off);
  for (auto const& segment : segments)
    if (segment.p_type != PT_NOTE && !fits(segment.p_offset, segment.p_filesz)) return wrong(cut_off);
  return {};
}

}  // namespace patchbay::plugin_host
