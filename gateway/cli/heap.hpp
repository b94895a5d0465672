// Heap: gives memory back to the system that the C library would keep after a burst.
//
//   Heap heap;                  // once, before other threads start
//   heap.give_back();           // every few seconds, from any one thread
//
// Large blocks are mapped one by one and vanish when they are freed. What is freed in the middle of the heap stays
// resident until it is trimmed: give_back() does so when the process has grown since the last time and a good part of
// the heap is free. It costs some ten microseconds, and a few milliseconds when there is something to give back.
#pragma once

#include <cstddef>

namespace patchbay::cli {

class Heap {
 public:
  Heap();
  void give_back();

 private:
  std::size_t settled_;  // resident bytes after the last trim, or since they were fewer
};

}  // namespace patchbay::cli
