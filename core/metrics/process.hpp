// What the kernel says about this process, for the standard process_* metrics.
//
//   ProcessFigures now = read_process();
//
// Any thread; some system calls and two small files of /proc. Figures that cannot be read are absent.
#pragma once

#include <cstdint>
#include <optional>

namespace patchbay::metrics {

struct ProcessFigures {
  double cpu_seconds = 0;
  std::optional<std::uint64_t> resident_bytes{}, virtual_bytes{}, open_fds{}, max_fds{}, threads{};
  std::optional<double> start_time_seconds{};  // since 1970
};
ProcessFigures read_process();

}  // namespace patchbay::metrics
