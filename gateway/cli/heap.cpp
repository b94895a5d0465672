#include "gateway/cli/heap.hpp"

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>

namespace patchbay::cli {
namespace {

constexpr std::size_t worth_it = 4 << 20;

std::size_t resident_bytes() {
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> const file{std::fopen("/proc/self/statm", "re"), &std::fclose};
  std::size_t all = 0, resident = 0;
  if (!file || std::fscanf(file.get(), "%zu %zu", &all, &resident) != 2) return 0;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

Heap::Heap() : settled_(resident_bytes()) {
  ::mallopt(M_ARENA_MAX, 2);  // an arena a thread keeps memory that nobody gets back
  // Unless they are set, both grow with the first large block that is freed (to 32 and 64 MiB), and then the heap
  // keeps every block of a burst.
  ::mallopt(M_MMAP_THRESHOLD, 128 << 10);
  ::mallopt(M_TRIM_THRESHOLD, 1 << 20);
}

void Heap::give_back() {
  auto const resident = resident_bytes();
  settled_ = std::min(settled_, resident);
  if (resident < settled_ + worth_it || ::mallinfo2().fordblks < worth_it) return;
  ::malloc_trim(0);
  settled_ = resident_bytes();
}

}  // namespace patchbay::cli
