// Writer: takes finished lines to standard error or a file on a thread of its own (spdlog's), dropping the oldest when
// it cannot keep up. After stop() it writes at once, on the caller's thread. Any thread; never throws.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "core/base/result.hpp"

namespace patchbay::logging {

class Writer {
 public:
  explicit Writer(std::string const& file);
  ~Writer();
  Writer(Writer const&) = delete;
  Writer& operator=(Writer const&) = delete;

  void write(std::string_view line);
  Result<void> open(std::string const& file);
  void reopen();
  bool flush(std::chrono::milliseconds timeout);
  void stop();
  // Lines lost because the queue was full or the disk refused them.
  std::uint64_t lost() const;

 private:
  class Sink;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace patchbay::logging
